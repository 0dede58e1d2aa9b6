//! Taking turns in nanoseconds: what is compared runs A B A B in batches, so that a slow moment of the machine is one for all.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// A piece of work and its name in tables.
pub struct Contestant<'a> {
    /// The name.
    pub name: &'static str,
    run: Box<dyn FnMut(u64) -> Duration + 'a>,
}

impl std::fmt::Debug for Contestant<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Contestant")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl<'a> Contestant<'a> {
    /// A contestant. The result of each run goes through `black_box` and is dropped within the time.
    pub fn new<R>(name: &'static str, mut work: impl FnMut() -> R + 'a) -> Self {
        let run = move |times| {
            #[expect(clippy::disallowed_methods, reason = "a bench measures time")]
            let start = Instant::now();
            for _ in 0..times {
                black_box(work());
            }
            #[expect(clippy::disallowed_methods, reason = "a bench measures time")]
            start.elapsed()
        };
        Contestant {
            name,
            run: Box::new(run),
        }
    }

    /// Runs so many times, and gives the time of all of them.
    pub fn batch(&mut self, times: u64) -> Duration {
        (self.run)(times)
    }
}

/// How long and how often.
#[derive(Copy, Clone, Debug)]
pub struct Effort {
    /// How long one turn of a contestant lasts at least, unless a single run is longer.
    pub turn: Duration,
    /// How many turns each takes.
    pub turns: usize,
}

/// Nanoseconds of a single run, by contestant and turn.
#[derive(Clone, Debug)]
pub struct Race(Vec<Vec<f64>>);

/// Lets all take turns, after one that does not count.
pub fn race(contestants: &mut [Contestant<'_>], effort: Effort) -> Race {
    let mut entered: Vec<(&mut Contestant<'_>, u64, Vec<f64>)> = contestants
        .iter_mut()
        .map(|contestant| {
            let times = batch_size(contestant, effort.turn);
            (contestant, times, Vec::new())
        })
        .collect();
    for _ in 0..effort.turns {
        for (contestant, times, turns) in &mut entered {
            // The others have thrown its data out of the caches.
            contestant.batch(1);
            let time = contestant.batch(*times).as_secs_f64();
            turns.push(time * 1e9 / *times as f64);
        }
    }
    Race(entered.into_iter().map(|(_, _, turns)| turns).collect())
}

fn batch_size(contestant: &mut Contestant<'_>, turn: Duration) -> u64 {
    let mut times = 1;
    while contestant.batch(times) < turn && times < 1 << 30 {
        times *= 2;
    }
    times
}

impl Race {
    /// Nanoseconds of a run: the lower quartile of the turns, which are so short that on a busy machine most of those are not
    /// interrupted.
    pub fn nanoseconds(&self, contestant: usize) -> f64 {
        let mut turns = self.0[contestant].clone();
        turns.sort_unstable_by(f64::total_cmp);
        turns.get(turns.len() / 4).copied().unwrap_or_default()
    }

    /// How many times longer one took than another.
    pub fn ratio(&self, contestant: usize, other: usize) -> f64 {
        self.nanoseconds(contestant) / self.nanoseconds(other)
    }
}

/// Lets the allocator keep what is freed: otherwise whether a result costs page faults depends on what ran before it. It is
/// as in a program that has run for a while.
pub fn warm_allocator() {
    black_box(vec![1_u8; 31 << 20]);
}

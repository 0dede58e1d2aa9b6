//! Taking turns: what is compared runs A B A B, so that a slow minute of the machine is a slow minute for both.

use std::time::{Duration, Instant};

use crate::Result;

/// Something that is measured: what is prepared before each turn is not part of the time.
pub struct Contestant<'a> {
    /// Its name in the table.
    pub name: String,
    /// Runs before each turn.
    pub prepare: Box<dyn FnMut() -> Result<()> + 'a>,
    /// What is measured.
    pub run: Box<dyn FnMut() -> Result<()> + 'a>,
}

impl std::fmt::Debug for Contestant<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Contestant")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl<'a> Contestant<'a> {
    /// A contestant.
    pub fn new(
        name: impl Into<String>,
        prepare: impl FnMut() -> Result<()> + 'a,
        run: impl FnMut() -> Result<()> + 'a,
    ) -> Self {
        Contestant {
            name: name.into(),
            prepare: Box::new(prepare),
            run: Box::new(run),
        }
    }

    /// Prepares and runs one turn, and gives the time of the run.
    ///
    /// # Errors
    /// The work fails.
    pub fn turn(&mut self) -> Result<Duration> {
        (self.prepare)()?;
        self.run_timed()
    }

    fn run_timed(&mut self) -> Result<Duration> {
        #[expect(clippy::disallowed_methods, reason = "a bench measures time")]
        let start = Instant::now();
        (self.run)()?;
        #[expect(clippy::disallowed_methods, reason = "a bench measures time")]
        Ok(start.elapsed())
    }
}

/// The times of all turns of a race, by contestant.
#[derive(Clone, Debug, Default)]
pub struct Race {
    turns: Vec<Vec<Turn>>,
}

/// What one turn took.
#[derive(Copy, Clone, Debug, Default)]
struct Turn {
    wall: Duration,
    processor: Duration,
}

/// Lets all take `turns` turns, one after the other, after one that does not count.
///
/// # Errors
/// The work of one fails.
pub fn race(contestants: &mut [Contestant<'_>], turns: usize) -> Result<Race> {
    let mut race = Race {
        turns: vec![Vec::with_capacity(turns); contestants.len()],
    };
    for turn in 0..=turns {
        for (contestant, times) in contestants.iter_mut().zip(&mut race.turns) {
            (contestant.prepare)()?;
            let before = processor_time();
            let wall = contestant.run_timed()?;
            let processor = processor_time().saturating_sub(before);
            if turn > 0 {
                times.push(Turn { wall, processor });
            }
        }
    }
    Ok(race)
}

impl Race {
    /// Median time of a contestant.
    pub fn wall(&self, contestant: usize) -> Duration {
        median(self.turns[contestant].iter().map(|turn| turn.wall))
    }

    /// Median processor time of a contestant on all its threads; zero where the system does not tell.
    pub fn processor(&self, contestant: usize) -> Duration {
        median(self.turns[contestant].iter().map(|turn| turn.processor))
    }

    /// Median over the turns of how many times longer a contestant took than another one just before or after.
    pub fn ratio(&self, contestant: usize, floor: usize) -> f64 {
        let seconds = |turn: &Turn| turn.wall.as_secs_f64();
        let pairs = self.turns[contestant].iter().zip(&self.turns[floor]);
        let mut ratios: Vec<f64> = pairs
            .map(|(turn, floor)| seconds(turn) / seconds(floor))
            .collect();
        ratios.sort_unstable_by(f64::total_cmp);
        ratios.get(ratios.len() / 2).copied().unwrap_or_default()
    }
}

fn median(times: impl Iterator<Item = Duration>) -> Duration {
    let mut times: Vec<Duration> = times.collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// User and system time of this process, from Linux's proc(5), where it is counted in hundredths of a second.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the program, in parentheses, may hold blanks.
    let fields = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_ascii_whitespace();
    let ticks: u64 = fields
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Duration::from_millis(ticks * 10)
}

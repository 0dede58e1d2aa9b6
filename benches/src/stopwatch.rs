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

    /// The time of one turn.
    ///
    /// # Errors
    /// The work fails.
    pub fn turn(&mut self) -> Result<Duration> {
        (self.prepare)()?;
        #[expect(clippy::disallowed_methods, reason = "a bench measures time")]
        let start = Instant::now();
        (self.run)()?;
        #[expect(clippy::disallowed_methods, reason = "a bench measures time")]
        Ok(start.elapsed())
    }
}

/// Lets all take `turns` turns, one after the other, after one that does not count. Gives their medians.
///
/// # Errors
/// The work of one fails.
pub fn medians(contestants: &mut [Contestant<'_>], turns: usize) -> Result<Vec<Duration>> {
    let mut times = vec![Vec::with_capacity(turns); contestants.len()];
    for turn in 0..=turns {
        for (contestant, times) in contestants.iter_mut().zip(&mut times) {
            let time = contestant.turn()?;
            if turn > 0 {
                times.push(time);
            }
        }
    }
    Ok(times.into_iter().map(median).collect())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

//! How often, and after which pauses, what failed for the moment is tried again.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// How often something is tried once more.
const MOST: u32 = 6;
/// The first pause, about; each further one is twice as long.
const FIRST: Duration = Duration::from_millis(250);

/// The retries of one session, or of one connection that does not come up. Together the pauses take about a quarter of a minute: long enough
/// for a deadlock, a fail-over or a server that restarts.
///
/// ```
/// use std::time::Duration;
/// use sync_relational::Retries;
///
/// let mut retries = Retries::default();
/// let pauses: Vec<Duration> = std::iter::from_fn(|| retries.pause()).collect();
/// assert_eq!(pauses.len(), 6);
/// assert!(pauses.iter().sum::<Duration>() < Duration::from_secs(24));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Retries {
    made: u32,
}

impl Retries {
    /// How long to wait before the next try; `None` when there were enough.
    ///
    /// No two pauses are alike, so that two that were in each other's way do not meet again.
    pub fn pause(&mut self) -> Option<Duration> {
        if self.made == MOST {
            return None;
        }
        self.made += 1;
        let random = RandomState::new().hash_one(self.made);
        Some(pause(self.made, random))
    }
}

/// Between a half and one and a half of what the try's number says.
fn pause(number: u32, random: u64) -> Duration {
    let whole = FIRST * 2_u32.saturating_pow(number.saturating_sub(1).min(16));
    let percent = u32::try_from(random % 101).unwrap_or(0) + 50;
    whole * percent / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_within_their_bounds_and_come_to_an_end() {
        for number in 1..=MOST {
            let whole = FIRST * (1 << (number - 1));
            let of = |random| pause(number, random);
            assert_eq!((of(0), of(50), of(100)), (whole / 2, whole, whole * 3 / 2));
            assert!((0..1000).all(|random| of(random) >= whole / 2 && of(random) <= whole * 3 / 2));
        }
        assert!(pause(u32::MAX, u64::MAX) > FIRST, "no number overflows");
        let mut retries = Retries::default();
        assert_eq!(
            std::iter::from_fn(|| retries.pause()).count(),
            MOST as usize
        );
    }
}

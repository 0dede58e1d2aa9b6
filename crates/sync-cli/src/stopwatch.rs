//! How long something took, to be shown; nothing depends on it.

use std::time::{Duration, Instant};

#[derive(Copy, Clone, Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(
        clippy::disallowed_methods,
        reason = "a duration that people are shown; nothing depends on it"
    )]
    pub(crate) fn start() -> Self {
        Stopwatch(Instant::now())
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a duration that people are shown; nothing depends on it"
    )]
    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

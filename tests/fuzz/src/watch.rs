//! Time: when to stop, and which input takes too long.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// An input that takes longer hangs, in seconds.
const MOST_SECONDS: u32 = 10;

/// The end of a search.
#[derive(Debug)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    #[expect(
        clippy::disallowed_methods,
        reason = "a search is given a time, and decides nothing but its end by it"
    )]
    pub(crate) fn after(time: Duration) -> Self {
        Deadline(Instant::now() + time)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a search is given a time, and decides nothing but its end by it"
    )]
    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.0
    }
}

/// Looks on from a thread of its own, and ends the process when an input takes too long.
#[derive(Debug)]
pub(crate) struct Watch(Arc<Mutex<Watched>>);

#[derive(Debug)]
struct Watched {
    /// `None` when the search is over.
    input: Option<Vec<u8>>,
    seconds: u32,
}

impl Watch {
    /// Begins to watch; an input that hangs is written to `file`.
    pub(crate) fn begin(file: PathBuf) -> Self {
        let watched = Arc::new(Mutex::new(Watched {
            input: Some(Vec::new()),
            seconds: 0,
        }));
        let ours = Arc::clone(&watched);
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(Duration::from_secs(1));
                let mut watched = ours.lock().unwrap_or_else(PoisonError::into_inner);
                let Some(input) = &watched.input else {
                    return;
                };
                if watched.seconds >= MOST_SECONDS {
                    give_up(input, &file);
                }
                watched.seconds += 1;
            }
        });
        Watch(watched)
    }

    /// The search goes on with this input.
    pub(crate) fn trying(&self, input: &[u8]) {
        let mut watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watched.seconds = 0;
        if let Some(kept) = &mut watched.input {
            kept.clear();
            kept.extend_from_slice(input);
        }
    }

    /// The search is over.
    pub(crate) fn end(&self) {
        let mut watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watched.input = None;
    }
}

#[expect(
    clippy::exit,
    reason = "a call that does not return cannot be ended otherwise"
)]
fn give_up(input: &[u8], file: &Path) {
    let _ = std::fs::write(file, input);
    let _ = writeln!(
        std::io::stderr(),
        "an input of {} bytes takes more than {MOST_SECONDS} s",
        input.len()
    );
    std::process::exit(1);
}

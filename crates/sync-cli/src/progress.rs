//! A sign of life on long work.

use std::io::IsTerminal as _;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Work that takes no longer than this needs no sign of life.
const PATIENCE: Duration = Duration::from_secs(1);

/// A line on standard error that appears when work takes more than a second, and goes with this value. Where standard error is no
/// terminal there is none.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    /// Dropped to say that the work has ended.
    end: Option<mpsc::Sender<()>>,
    waiting: Option<thread::JoinHandle<()>>,
}

impl Progress {
    pub(crate) fn start(message: impl Into<String>) -> Self {
        let bar = ProgressBar::hidden().with_message(message.into());
        let (end, ended) = mpsc::channel();
        let waiting = std::io::stderr().is_terminal().then(|| {
            let bar = bar.clone();
            thread::spawn(move || {
                if ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                    let style = ProgressStyle::with_template("{spinner} {msg} · {elapsed}");
                    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
                    bar.set_draw_target(ProgressDrawTarget::stderr());
                    bar.enable_steady_tick(Duration::from_millis(120));
                }
            })
        });
        Progress {
            bar,
            end: Some(end),
            waiting,
        }
    }

    /// What is being done, for work that reports on itself.
    pub(crate) fn bar(&self) -> ProgressBar {
        self.bar.clone()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end = None;
        if let Some(waiting) = self.waiting.take() {
            let _ = waiting.join();
        }
        self.bar.finish_and_clear();
    }
}

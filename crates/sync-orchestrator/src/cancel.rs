//! Cancelling a session from elsewhere.

use tokio::sync::watch;

/// A handle that cancels a session. Clones cancel the same session.
#[derive(Clone, Debug)]
pub struct Cancellation {
    sender: watch::Sender<bool>,
}

impl Default for Cancellation {
    fn default() -> Self {
        Cancellation {
            sender: watch::Sender::new(false),
        }
    }
}

impl Cancellation {
    /// A handle for a session to come.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancels: the direction under way is rolled back; what was committed before stays.
    pub fn cancel(&self) {
        self.sender.send_replace(true);
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        *self.sender.borrow()
    }

    /// Waits until it is cancelled.
    pub(crate) async fn cancelled(&self) {
        // The sender lives as long as this handle, so waiting ends only when the value is true.
        let _ = self
            .sender
            .subscribe()
            .wait_for(|cancelled| *cancelled)
            .await;
    }
}

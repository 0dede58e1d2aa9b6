//! What a session tells while it goes on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sync_orchestrator::SessionProgress;
use sync_provider::{ConflictRecord, RowEffect};

/// Takes in what a session tells.
pub(crate) trait Listener: Send + 'static {
    /// What the session is at.
    fn progress(&mut self, _: &SessionProgress) {}

    /// A row that a rehearsal would have stored.
    fn row(&mut self, _: &RowEffect) {}

    /// A conflict of the direction under way.
    fn conflict(&mut self, record: &ConflictRecord);
}

/// Whoever has no more to say of a conflict than that it was met.
impl Listener for Vec<ConflictRecord> {
    fn conflict(&mut self, record: &ConflictRecord) {
        self.push(record.clone());
    }
}

/// A listener that the session shares with whoever asks it afterwards.
#[derive(Debug)]
pub(crate) struct Heard<L>(Arc<Mutex<L>>);

impl<L> Heard<L> {
    pub(crate) fn new(listener: L) -> Self {
        Heard(Arc::new(Mutex::new(listener)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, L> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<L> Clone for Heard<L> {
    fn clone(&self) -> Self {
        Heard(Arc::clone(&self.0))
    }
}

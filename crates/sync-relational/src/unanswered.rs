//! A commit whose answer was lost.

use sync_provider::{BatchOutcome, ProviderError};

use crate::store::ScopeState;

/// A commit of which nobody knows whether it came through.
#[derive(Debug)]
pub(crate) struct Unanswered {
    /// What the direction led to, if it did.
    pub(crate) outcome: BatchOutcome,
    /// What the scope row's knowledge is then, and was not before.
    pub(crate) taught: Option<Vec<u8>>,
    /// Why there is no answer.
    pub(crate) error: ProviderError,
}

impl Unanswered {
    /// Whether the scope row shows that it came through. If another session has taught something since, this is not seen, and the direction
    /// starts again: it finds its rows known.
    pub(crate) fn came_through(&self, state: &ScopeState) -> bool {
        self.taught.is_some() && self.taught == state.knowledge
    }
}

//! A commit that failed, or whose answer was lost.

use sync_provider::{BatchOutcome, Next, ProviderError};

use crate::store::ScopeState;

/// A commit of which nobody knows whether it came through.
#[derive(Debug)]
pub(crate) struct InDoubtCommit {
    /// What the direction led to, if it did.
    pub(crate) outcome: BatchOutcome,
    /// The scope row's knowledge before.
    pub(crate) before: Option<Vec<u8>>,
    /// What it is then, and was not before; `None` where it stays.
    pub(crate) taught: Option<Vec<u8>>,
    /// Why there is no answer.
    pub(crate) error: ProviderError,
}

impl InDoubtCommit {
    /// Whether the scope row shows that it came through, or that it did not; `None` where another session has taught something since.
    pub(crate) fn came_through(&self, state: &ScopeState) -> Option<bool> {
        match &state.knowledge {
            now if *now == self.before => Some(false),
            now if *now == self.taught => Some(true),
            _ => None,
        }
    }

    /// Ends a direction of which it could not be found out, for this reason. An error other than a lost answer says by itself what is the matter.
    pub(crate) fn left_open(self, reason: ProviderError) -> BatchOutcome {
        let error = match (self.error.is_transient(), reason) {
            // Whoever cancels the search has not cancelled the commit.
            (true, ProviderError::Cancelled) => unknown(self.error),
            (true, reason) => unknown(reason),
            (false, _) => self.error,
        };
        BatchOutcome {
            next: Next::InDoubt(error),
            ..self.outcome
        }
    }
}

/// Says that nobody knows whether a direction is committed.
fn unknown(mut error: ProviderError) -> ProviderError {
    if let ProviderError::Transient { reason, remedy, .. }
    | ProviderError::Database { reason, remedy, .. } = &mut error
    {
        reason.push_str("; the answer to the commit was lost, so the direction may be committed");
        remedy.push_str(", and run it again: what is committed is not asked for again");
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transient(reason: &str) -> ProviderError {
        ProviderError::transient("here", reason, "wait")
    }

    /// What is said of a commit that failed with `error`, when looking for it ended with `reason`.
    fn check(error: ProviderError, reason: ProviderError, expected: &str) {
        let commit = InDoubtCommit {
            outcome: BatchOutcome {
                applied: 3,
                ..BatchOutcome::default()
            },
            before: None,
            taught: None,
            error,
        };
        let outcome = commit.left_open(reason);
        assert_eq!(outcome.applied, 3);
        match outcome.next {
            Next::InDoubt(error) => assert_eq!(error.to_string(), expected),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_scope_row_tells_whether_it_came_through_unless_somebody_else_has_taught_since() {
        let bytes = |byte: u8| Some(vec![byte]);
        let check = |before: u8, taught: Option<u8>, now: u8, expected: Option<bool>| {
            let commit = InDoubtCommit {
                outcome: BatchOutcome::default(),
                before: bytes(before),
                taught: taught.and_then(bytes),
                error: transient("gone"),
            };
            let state = ScopeState {
                knowledge: bytes(now),
                ..ScopeState::default()
            };
            assert_eq!(commit.came_through(&state), expected, "{taught:?} {now}");
        };
        check(1, Some(2), 2, Some(true));
        check(1, Some(2), 1, Some(false));
        check(1, Some(2), 3, None);
        check(1, None, 1, Some(false));
        check(1, None, 3, None);
    }

    #[test]
    fn it_is_said_whether_the_direction_may_be_committed() {
        let unknown = |reason: &str| {
            format!(
                "here: {reason}; the answer to the commit was lost, so the direction may be committed; wait, and run it again: what is committed is \
                 not asked for again"
            )
        };
        check(
            transient("gone"),
            transient("still gone"),
            &unknown("still gone"),
        );
        let refused = || ProviderError::database("here", "no such login", "wait");
        check(transient("gone"), refused(), &unknown("no such login"));
        check(
            transient("gone"),
            ProviderError::Cancelled,
            &unknown("gone"),
        );
        check(refused(), refused(), "here: no such login; wait");
    }
}

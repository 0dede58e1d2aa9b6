//! Conflict policies are data, evaluated at the destination.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use sync_knowledge::ReplicaId;

use crate::position::Position;

/// How conflicts of a session are settled. Whoever wins, the outcome becomes a settlement version
/// (see [`crate::settlement_replica`]).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ConflictPolicy {
    /// The row that is already there stays (Microsoft Sync Framework's `Continue`).
    #[default]
    DestinationWins,
    /// The incoming row wins.
    SourceWins,
    /// The row of the local provider wins, in either direction.
    LocalWins,
    /// The row of the remote provider wins, in either direction.
    RemoteWins,
    /// The later write wins; equal times go to the greater content, a deletion counting least.
    LastWriterWins,
    /// The writer that stands first in the list wins; replicas not listed come last, ties as for last writer.
    Priority(Vec<ReplicaId>),
    /// No winner: the row is an exception in the knowledge and is offered again (`RetryNextSync`).
    Defer,
}

/// What rows lead to that cannot be written, after they were tried again behind all others.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ErrorPolicy {
    /// They wait for the next session, and all others go through.
    #[default]
    Defer,
    /// The direction fails, and nothing of it is left.
    Abort,
}

/// Which of the two rows of a conflict stays.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Winner {
    /// The row at the destination.
    Local,
    /// The incoming row.
    Remote,
}

/// What a policy looks at on one side: when and where the row was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contender {
    /// Time of the write, microseconds UTC; a side that does not know it counts as oldest.
    pub time: Option<i64>,
    /// The replica that wrote.
    pub writer: Option<ReplicaId>,
}

impl ConflictPolicy {
    /// The name used on the command line and in conflict records.
    pub fn name(&self) -> &'static str {
        match self {
            ConflictPolicy::DestinationWins => "destination-wins",
            ConflictPolicy::SourceWins => "source-wins",
            ConflictPolicy::LocalWins => "local-wins",
            ConflictPolicy::RemoteWins => "remote-wins",
            ConflictPolicy::LastWriterWins => "last-writer-wins",
            ConflictPolicy::Priority(_) => "priority",
            ConflictPolicy::Defer => "defer",
        }
    }

    /// Whether the policy needs the time and the writer of each row, which tables provisioned by Microsoft's provider lack.
    pub fn needs_attributes(&self) -> bool {
        matches!(
            self,
            ConflictPolicy::LastWriterWins | ConflictPolicy::Priority(_)
        )
    }

    /// Who wins at a destination that takes `position` in the session; `None` defers the row.
    ///
    /// `content` compares the local row with the incoming one in the canonical order, a deletion counting least.
    pub fn winner(
        &self,
        position: Position,
        local: &Contender,
        remote: &Contender,
        content: impl FnOnce() -> Ordering,
    ) -> Option<Winner> {
        let local_if = |local: bool| Some(if local { Winner::Local } else { Winner::Remote });
        match self {
            ConflictPolicy::DestinationWins => Some(Winner::Local),
            ConflictPolicy::SourceWins => Some(Winner::Remote),
            ConflictPolicy::LocalWins => local_if(position == Position::Local),
            ConflictPolicy::RemoteWins => local_if(position == Position::Remote),
            ConflictPolicy::LastWriterWins => {
                local_if(local.time.cmp(&remote.time).then_with(content).is_ge())
            }
            ConflictPolicy::Priority(order) => {
                let rank = |side: &Contender| {
                    order
                        .iter()
                        .position(|id| side.writer.as_ref() == Some(id))
                        .unwrap_or(order.len())
                };
                local_if(rank(remote).cmp(&rank(local)).then_with(content).is_ge())
            }
            ConflictPolicy::Defer => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn check(
        policy: ConflictPolicy,
        position: Position,
        times: (i64, i64),
        content: Ordering,
        expected: Option<Winner>,
    ) {
        let side = |time, id| Contender {
            time: Some(time),
            writer: Some(ReplicaId::from_uuid(Uuid::from_u128(id))),
        };
        let got = policy.winner(position, &side(times.0, 1), &side(times.1, 2), || content);
        assert_eq!(
            got, expected,
            "{policy:?} {position:?} {times:?} {content:?}"
        );
    }

    #[test]
    fn each_policy_names_its_winner() {
        use Ordering::{Greater, Less};
        use Winner::{Local, Remote};
        let id = |id| ReplicaId::from_uuid(Uuid::from_u128(id));
        for position in [Position::Local, Position::Remote] {
            let here = position == Position::Local;
            check(
                ConflictPolicy::DestinationWins,
                position,
                (1, 2),
                Less,
                Some(Local),
            );
            check(
                ConflictPolicy::SourceWins,
                position,
                (2, 1),
                Greater,
                Some(Remote),
            );
            check(
                ConflictPolicy::LocalWins,
                position,
                (1, 2),
                Less,
                Some(if here { Local } else { Remote }),
            );
            check(
                ConflictPolicy::RemoteWins,
                position,
                (1, 2),
                Less,
                Some(if here { Remote } else { Local }),
            );
            check(
                ConflictPolicy::LastWriterWins,
                position,
                (1, 2),
                Greater,
                Some(Remote),
            );
            check(
                ConflictPolicy::LastWriterWins,
                position,
                (2, 1),
                Less,
                Some(Local),
            );
            check(
                ConflictPolicy::LastWriterWins,
                position,
                (1, 1),
                Less,
                Some(Remote),
            );
            check(
                ConflictPolicy::Priority(vec![id(2), id(1)]),
                position,
                (2, 1),
                Greater,
                Some(Remote),
            );
            check(
                ConflictPolicy::Priority(vec![id(1)]),
                position,
                (1, 2),
                Less,
                Some(Local),
            );
            check(
                ConflictPolicy::Priority(vec![]),
                position,
                (2, 1),
                Less,
                Some(Remote),
            );
            check(ConflictPolicy::Defer, position, (1, 2), Less, None);
        }
    }
}

//! Who wins a conflict under a policy.

use std::cmp::Ordering;

use sync_knowledge::ReplicaId;
use sync_provider::{ConflictPolicy, Position, Winner};

/// What a policy looks at on one side: when and where the row was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contender {
    /// Time of the write, microseconds UTC; a side that does not know it counts as oldest.
    pub time: Option<i64>,
    /// The replica that wrote.
    pub writer: Option<ReplicaId>,
}

/// Who wins at a destination that takes `position` in the session; `None` defers the row.
///
/// `content` compares the local row with the incoming one in the canonical order, a deletion counting least.
pub fn winner(
    policy: &ConflictPolicy,
    position: Position,
    local: &Contender,
    remote: &Contender,
    content: impl FnOnce() -> Ordering,
) -> Option<Winner> {
    let local_if = |local: bool| Some(if local { Winner::Local } else { Winner::Remote });
    match policy {
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
        // `Defer`; and a policy that this version does not know decides nothing either: the row is offered again.
        _ => None,
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
        let got = winner(
            &policy,
            position,
            &side(times.0, 1),
            &side(times.1, 2),
            || content,
        );
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

//! Who takes part, and how sessions settle conflicts.

use sync_metadata::MetadataError;
use sync_provider::{ConflictPolicy, Position};
use sync_provider_memory::Direction;

use super::names::Names;

/// A community before anything happened.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Who takes part.
    pub names: Names,
    /// How many items there are.
    pub items: usize,
    /// The ways in which a transfer may settle conflicts.
    pub ways: Vec<Direction>,
    /// Whether each step is checked. Without it only the end counts: a broken rule is then shown by what
    /// comes of it rather than at the first step that it spoils.
    pub watched: bool,
}

impl Setting {
    /// A community of `replicas` replicas and `items` items.
    ///
    /// # Errors
    /// None of the names used here is refused.
    pub fn new(replicas: usize, items: usize, ways: Vec<Direction>) -> Result<Self, MetadataError> {
        Ok(Setting {
            names: Names::new(replicas, items)?,
            items,
            ways,
            watched: true,
        })
    }

    /// The same community under a policy in both directions: the way of an upload, then that of a
    /// download.
    ///
    /// # Errors
    /// As for [`Setting::new`].
    pub fn under(
        replicas: usize,
        items: usize,
        policy: ConflictPolicy,
    ) -> Result<Self, MetadataError> {
        Setting::new(replicas, items, both_ways(policy))
    }

    /// The same community, in which only the end counts.
    #[must_use]
    pub fn unwatched(self) -> Self {
        Setting {
            watched: false,
            ..self
        }
    }

    /// Number of replicas.
    pub fn replicas(&self) -> usize {
        self.names.len()
    }

    /// Every pair of replicas.
    pub fn pairs(&self) -> Vec<(usize, usize)> {
        let n = self.replicas();
        (0..n)
            .flat_map(|a| (a + 1..n).map(move |b| (a, b)))
            .collect()
    }
}

/// The winner of each conflict is free: every transfer may be carried out under destination wins and
/// under source wins.
///
/// Where a transfer moves one row, this covers every policy that names a winner and every mixture of
/// policies, since all that a policy decides is which of the two contents stays.
pub fn free_winner() -> Vec<Direction> {
    [ConflictPolicy::DestinationWins, ConflictPolicy::SourceWins]
        .into_iter()
        .map(|policy| Direction {
            policy,
            position: Position::Remote,
        })
        .collect()
}

/// Every policy but defer. The priority list names the second replica, then the first; the others
/// come last.
pub fn every_policy(names: &Names) -> Vec<ConflictPolicy> {
    let listed = names.replicas[..names.len()]
        .iter()
        .take(2)
        .rev()
        .cloned()
        .collect();
    vec![
        ConflictPolicy::DestinationWins,
        ConflictPolicy::SourceWins,
        ConflictPolicy::LocalWins,
        ConflictPolicy::RemoteWins,
        ConflictPolicy::LastWriterWins,
        ConflictPolicy::Priority(listed),
    ]
}

pub(super) fn both_ways(policy: ConflictPolicy) -> Vec<Direction> {
    [Position::Remote, Position::Local]
        .into_iter()
        .map(|position| Direction {
            policy: policy.clone(),
            position,
        })
        .collect()
}

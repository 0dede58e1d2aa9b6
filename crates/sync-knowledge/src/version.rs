//! Ticks, replica keys and versions.

use core::fmt;

/// A replica's logical time: a counter that grows with every change made there. It is never a clock
/// reading.
///
/// Tick 0 stands for "nothing yet"; the first change of a replica has tick 1 or more.
pub type Tick = u64;

/// The short name of a replica: an index into the [`ReplicaKeyMap`](crate::ReplicaKeyMap) of
/// whoever owns the knowledge.
///
/// Keys mean nothing outside their owner's map; compare replicas across knowledges by
/// [`ReplicaId`](crate::ReplicaId).
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ReplicaKey(pub u32);

impl ReplicaKey {
    /// The owner of the key map.
    pub const LOCAL: ReplicaKey = ReplicaKey(0);
}

impl fmt::Display for ReplicaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One change of one item: which replica made it, and at which of that replica's ticks.
///
/// Ordered by replica key, then tick. The order is a means of sorting, not of deciding which change
/// is newer.
///
/// ```
/// use sync_knowledge::{ReplicaKey, Version};
///
/// let version = Version::new(ReplicaKey::LOCAL, 634);
/// assert_eq!(version.to_string(), "0:634");
/// ```
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Version {
    /// The replica that made the change, as a key of the owner's map.
    pub replica: ReplicaKey,
    /// That replica's tick when it made the change.
    pub tick: Tick,
}

impl Version {
    /// The version `tick` of `replica`.
    pub const fn new(replica: ReplicaKey, tick: Tick) -> Self {
        Version { replica, tick }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.replica, self.tick)
    }
}

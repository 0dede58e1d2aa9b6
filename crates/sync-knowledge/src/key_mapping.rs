//! Translating another owner's replica keys into one's own.

use alloc::vec::Vec;

use crate::{ReplicaKey, ReplicaKeyMap, Version};

/// The mark of a remote key that has no local one.
pub(crate) const UNKNOWN: u32 = u32::MAX;

/// A table from the keys of another owner's map to the keys of one's own, made once and used for every version and knowledge of a
/// session.
///
/// Made by [`Knowledge::mapping_from`](crate::Knowledge::mapping_from), which first adds the replicas that were unknown, or by
/// [`KeyMapping::between`], which leaves those out. It stays right when either map grows: later keys are just unknown to it.
///
/// ```
/// use sync_knowledge::{KeyMapping, ReplicaId, ReplicaKey, ReplicaKeyMap, Version};
///
/// let (hub, spoke) = (ReplicaId::from_bytes(b"hub"), ReplicaId::from_bytes(b"spoke"));
/// let mut ours = ReplicaKeyMap::new(hub.clone());
/// let theirs = ReplicaKeyMap::with_replicas(spoke, [hub]);
///
/// let mapping = KeyMapping::between(&theirs, &ours);
/// assert_eq!(mapping.version(Version::new(ReplicaKey(1), 9)), Some(Version::new(ReplicaKey::LOCAL, 9)));
/// assert_eq!(mapping.key(ReplicaKey(0)), None);
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyMapping {
    /// By remote key.
    keys: Vec<u32>,
    /// The least length of a local map in which all of `keys` have a meaning.
    bound: u32,
    identity: bool,
}

impl KeyMapping {
    /// The mapping from the keys of `remote` to those of `local`, as far as `local` knows the replicas.
    pub fn between(remote: &ReplicaKeyMap, local: &ReplicaKeyMap) -> Self {
        let mut keys = alloc::vec![UNKNOWN; remote.len()];
        let (mut bound, mut identity) = (0, remote.len() <= local.len());
        local.match_with(remote, |theirs, ours| {
            keys[theirs as usize] = ours;
            bound = bound.max(ours + 1);
        });
        identity &= keys.iter().zip(0..).all(|(ours, theirs)| *ours == theirs);
        KeyMapping {
            keys,
            bound,
            identity,
        }
    }

    /// The local key of a remote one, or `None` if the local map did not know that replica.
    pub fn key(&self, remote: ReplicaKey) -> Option<ReplicaKey> {
        self.keys
            .get(remote.0 as usize)
            .filter(|key| **key != UNKNOWN)
            .map(|key| ReplicaKey(*key))
    }

    /// A remote version in terms of local keys, or `None` if the local map did not know its replica.
    pub fn version(&self, remote: Version) -> Option<Version> {
        self.key(remote.replica)
            .map(|key| Version::new(key, remote.tick))
    }

    /// Whether every remote key means the same replica here, so that nothing has to be translated.
    pub fn is_identity(&self) -> bool {
        self.identity
    }

    /// Whether every remote replica has a local key.
    pub fn is_complete(&self) -> bool {
        !self.keys.contains(&UNKNOWN)
    }

    /// The same for a local map of `length` replicas: keys beyond it have no meaning there.
    pub(crate) fn limited(&self, length: usize) -> Self {
        let known = |key: u32| {
            if (key as usize) < length {
                key
            } else {
                UNKNOWN
            }
        };
        let keys: Vec<u32> = self.keys.iter().map(|key| known(*key)).collect();
        KeyMapping {
            keys,
            bound: length as u32,
            identity: false,
        }
    }

    /// The table by remote key, with [`UNKNOWN`] where there is no local key.
    pub(crate) fn table(&self) -> &[u32] {
        &self.keys
    }

    pub(crate) fn bound(&self) -> usize {
        self.bound as usize
    }
}

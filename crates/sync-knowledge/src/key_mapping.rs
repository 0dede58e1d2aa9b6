//! Translating another owner's replica keys into one's own.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::{ReplicaId, ReplicaKey, ReplicaKeyMap, Version};

/// The mark of a remote key that has no local one.
pub(crate) const UNKNOWN: u32 = u32::MAX;

/// A table from the keys of another owner's map to the keys of one's own, made once and used for
/// every version and knowledge of a session.
///
/// Made by [`Knowledge::mapping_from`](crate::Knowledge::mapping_from), which first adds the
/// replicas that were unknown, or by [`KeyMapping::between`], which leaves those out. It stays
/// right when either map grows: later keys are just unknown to it.
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
#[derive(Clone, Debug)]
pub struct KeyMapping {
    keys: Keys,
    /// The length of a local map in which all of `keys` have a meaning.
    bound: usize,
    identity: bool,
}

/// How many keys are held in place.
const FEW: usize = 8;

/// Local keys by remote key. A few are held in place: small communities map without allocating.
#[derive(Clone, Debug)]
enum Keys {
    Few([u32; FEW], usize),
    Many(Vec<u32>),
}

impl KeyMapping {
    /// The mapping from the keys of `remote` to those of `local`, as far as `local` knows the
    /// replicas.
    pub fn between(remote: &ReplicaKeyMap, local: &ReplicaKeyMap) -> Self {
        let mut mapping = KeyMapping {
            keys: match remote.len() {
                few @ ..=FEW => Keys::Few([UNKNOWN; FEW], few),
                many => Keys::Many(alloc::vec![UNKNOWN; many]),
            },
            bound: local.len(),
            identity: false,
        };
        let table = mapping.keys.as_mut();
        local.match_with(remote, table, UNKNOWN);
        mapping.identity = mapping.leads_back();
        mapping
    }

    /// The mapping from all keys of `remote` to those of `local`, to which it adds the replicas
    /// that are new. `added` gets their ids.
    pub(crate) fn adding(
        remote: &ReplicaKeyMap,
        local: &mut Arc<ReplicaKeyMap>,
        added: impl FnOnce(&[ReplicaId]),
    ) -> Self {
        let mut mapping = KeyMapping::between(remote, local);
        if !mapping.is_complete() {
            let keys = mapping.keys.as_mut();
            added(ReplicaKeyMap::grow(local, remote, keys, UNKNOWN));
            mapping.bound = local.len();
            mapping.identity = mapping.leads_back();
        }
        mapping
    }

    /// The local key of a remote one, or `None` if the local map did not know that replica.
    #[inline]
    pub fn key(&self, remote: ReplicaKey) -> Option<ReplicaKey> {
        self.table()
            .get(remote.0 as usize)
            .filter(|key| **key != UNKNOWN)
            .map(|key| ReplicaKey(*key))
    }

    /// A remote version in terms of local keys, or `None` if the local map did not know its
    /// replica.
    #[inline]
    pub fn version(&self, remote: Version) -> Option<Version> {
        self.key(remote.replica)
            .map(|key| Version::new(key, remote.tick))
    }

    /// Whether every remote key means the same replica here, so that nothing has to be translated.
    #[inline]
    pub fn is_identity(&self) -> bool {
        self.identity
    }

    /// Whether every remote replica has a local key.
    pub fn is_complete(&self) -> bool {
        // Does not stop early: so it becomes vector instructions.
        let keys = self.table().iter();
        keys.fold(true, |all, key| all & (*key != UNKNOWN))
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
        let mut limited = self.clone();
        limited
            .keys
            .as_mut()
            .iter_mut()
            .for_each(|key| *key = known(*key));
        limited.bound = length;
        limited.identity = limited.leads_back();
        limited
    }

    /// Whether each key leads to itself.
    fn leads_back(&self) -> bool {
        let mut keys = self.table().iter().zip(0..);
        keys.all(|(ours, theirs)| *ours == theirs)
    }

    /// The table by remote key, with [`UNKNOWN`] where there is no local key.
    #[inline]
    pub(crate) fn table(&self) -> &[u32] {
        match &self.keys {
            Keys::Few(keys, length) => &keys[..*length],
            Keys::Many(keys) => keys,
        }
    }

    #[inline]
    pub(crate) fn bound(&self) -> usize {
        self.bound
    }
}

impl Keys {
    fn as_mut(&mut self) -> &mut [u32] {
        match self {
            Keys::Few(keys, length) => &mut keys[..*length],
            Keys::Many(keys) => keys,
        }
    }
}

impl PartialEq for KeyMapping {
    fn eq(&self, other: &Self) -> bool {
        self.table() == other.table()
    }
}

impl Eq for KeyMapping {}

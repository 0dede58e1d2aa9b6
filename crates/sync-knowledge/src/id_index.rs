//! Replica ids in order, to find one among many.

use alloc::vec::Vec;

use crate::ReplicaId;

/// The ids of a key map by key: those of the map that it continues, then its own.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Ids<'a> {
    pub(crate) old: &'a [ReplicaId],
    pub(crate) new: &'a [ReplicaId],
}

/// Ids in ascending order with their keys. Sorted arrays rather than a hash table: whatever ids
/// somebody chooses, one is found by halving, and two indexes are matched by walking along both.
///
/// The first 16 bytes of each id (the rest zeros where it is shorter) lie in arrays of their own, so
/// that a search touches few cache lines and seldom the id itself.
#[derive(Clone, Debug)]
pub(crate) struct IdIndex {
    pub(crate) heads: Vec<u64>,
    pub(crate) tails: Vec<u64>,
    pub(crate) keys: Vec<u32>,
    /// Whether all ids are 16 bytes long and differ in the first 8, as GUIDs nearly always do.
    pub(crate) plain: bool,
}

impl<'a> Ids<'a> {
    #[inline]
    pub(crate) fn len(self) -> usize {
        self.old.len() + self.new.len()
    }

    #[inline]
    pub(crate) fn id(self, key: u32) -> Option<&'a ReplicaId> {
        let at = key as usize;
        match at.checked_sub(self.old.len()) {
            None => self.old.get(at),
            Some(at) => self.new.get(at),
        }
    }

    #[inline]
    pub(crate) fn iter(self) -> impl Iterator<Item = &'a ReplicaId> {
        self.old.iter().chain(self.new)
    }
}

impl IdIndex {
    /// The index of these ids. Equal ones follow each other in the order of their keys.
    pub(crate) fn of(ids: Ids<'_>) -> Self {
        let mut entries: Vec<((u64, u64), u32)> = ids.iter().map(words).zip(0..).collect();
        entries.sort_unstable_by(|a, b| {
            let alike = || ids.id(a.1).cmp(&ids.id(b.1)).then(a.1.cmp(&b.1));
            a.0.cmp(&b.0).then_with(alike)
        });
        let distinct = entries.windows(2).all(|pair| pair[0].0.0 != pair[1].0.0);
        IdIndex {
            plain: distinct && ids.iter().all(ReplicaId::is_guid),
            heads: entries.iter().map(|entry| entry.0.0).collect(),
            tails: entries.iter().map(|entry| entry.0.1).collect(),
            keys: entries.iter().map(|entry| entry.1).collect(),
        }
    }

    /// The keys of ids that an earlier key has too.
    pub(crate) fn repeated(&self, ids: Ids<'_>) -> impl Iterator<Item = u32> {
        let alike = move |at: &usize| {
            self.words(at - 1) == self.words(*at)
                && ids.id(self.keys[at - 1]) == ids.id(self.keys[*at])
        };
        let places = if self.plain { 0..0 } else { 1..self.keys.len() };
        places.filter(alike).map(move |at| self.keys[at])
    }

    /// The key of an id, or the place where it belongs.
    pub(crate) fn find(&self, id: &ReplicaId, ids: Ids<'_>) -> Result<u32, usize> {
        let (head, tail) = words(id);
        let begin = self.heads.partition_point(|before| *before < head);
        let alike = if self.plain {
            usize::from(self.heads.get(begin) == Some(&head))
        } else {
            self.heads[begin..].partition_point(|same| *same == head)
        };
        // Among those that begin alike the order is that of the rest, however many they are.
        let alike = begin..begin + alike;
        let tails = &self.tails[alike.clone()];
        let first = tails.partition_point(|before| *before < tail);
        let count = tails[first..].partition_point(|same| *same == tail);
        let begin = alike.start + first;
        let keys = &self.keys[begin..begin + count];
        match keys.binary_search_by(|key| ids.id(*key).cmp(&Some(id))) {
            Ok(found) => Ok(keys[found]),
            Err(place) => Err(begin + place),
        }
    }

    /// Puts a new id into the place where it belongs.
    pub(crate) fn insert(&mut self, at: usize, id: &ReplicaId, key: u32) {
        let (head, tail) = words(id);
        let near = self.heads[at.saturating_sub(1)..].iter().take(2);
        self.plain &= id.is_guid() && !near.clone().any(|near| *near == head);
        self.heads.insert(at, head);
        self.tails.insert(at, tail);
        self.keys.insert(at, key);
    }

    #[inline]
    pub(crate) fn words(&self, at: usize) -> (u64, u64) {
        (self.heads[at], self.tails[at])
    }
}

/// The first 16 bytes in order.
fn words(id: &ReplicaId) -> (u64, u64) {
    let bytes = id.as_bytes();
    let mut begin = [0; 16];
    let length = bytes.len().min(16);
    begin[..length].copy_from_slice(&bytes[..length]);
    let begin = u128::from_be_bytes(begin);
    ((begin >> 64) as u64, begin as u64)
}

//! From replica ids to the short keys that stand for them, and back.

use alloc::vec::Vec;
use core::cmp::Ordering;

use crate::{ReplicaId, ReplicaKey};

/// The replicas that an owner knows of, each with its key: the owner is key 0, the others follow in
/// the order in which they were met.
///
/// A map only grows; a key once given keeps its meaning for as long as the owner exists.
///
/// ```
/// use sync_knowledge::{ReplicaId, ReplicaKey, ReplicaKeyMap};
///
/// let mut map = ReplicaKeyMap::new(ReplicaId::from_bytes(b"hub"));
/// let spoke = ReplicaId::from_bytes(b"spoke");
/// assert_eq!(map.key(&spoke), None);
/// assert_eq!(map.find_or_add(&spoke), ReplicaKey(1));
/// assert_eq!(map.id(ReplicaKey(1)), Some(&spoke));
/// ```
#[derive(Clone, Debug)]
pub struct ReplicaKeyMap {
    /// By key; never empty.
    ids: Vec<ReplicaId>,
    /// By id, ascending. A sorted array rather than a hash table: nobody can choose ids that make
    /// it slow, and two maps are matched by walking along both.
    sorted: Vec<Entry>,
}

/// An id's first bytes beside its key, so that one seldom has to look at the id itself.
#[derive(Copy, Clone, Debug)]
struct Entry {
    high: u64,
    low: u64,
    length: u32,
    key: u32,
}

impl ReplicaKeyMap {
    /// The map of an owner who knows nobody else.
    pub fn new(own: ReplicaId) -> Self {
        let sorted = [Entry::new(&own, 0)].into();
        ReplicaKeyMap {
            ids: [own].into(),
            sorted,
        }
    }

    /// The map of `own` and `others`, keys in this order. An id that comes twice keeps its first
    /// place.
    pub fn with_replicas(own: ReplicaId, others: impl IntoIterator<Item = ReplicaId>) -> Self {
        let all: Vec<ReplicaId> = core::iter::once(own).chain(others).collect();
        let mut sorted = sorted(&all);
        sorted.dedup_by(|later, first| later.order(first, &all, &all).is_eq());
        let mut keys = alloc::vec![None; all.len()];
        for entry in &sorted {
            keys[entry.key as usize] = Some(0);
        }
        for (key, new) in keys.iter_mut().flatten().zip(0..) {
            *key = new;
        }
        for entry in &mut sorted {
            entry.key = keys[entry.key as usize].unwrap_or_default();
        }
        let kept = all.into_iter().zip(&keys).filter(|(_, key)| key.is_some());
        ReplicaKeyMap {
            ids: kept.map(|(id, _)| id).collect(),
            sorted,
        }
    }

    /// The owner's id, that of key 0.
    pub fn own(&self) -> &ReplicaId {
        &self.ids[0]
    }

    /// How many replicas the map holds, the owner included.
    #[allow(clippy::len_without_is_empty, reason = "a map always holds its owner")]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// The id behind a key.
    pub fn id(&self, key: ReplicaKey) -> Option<&ReplicaId> {
        self.ids.get(key.0 as usize)
    }

    /// The key of an id.
    pub fn key(&self, id: &ReplicaId) -> Option<ReplicaKey> {
        self.position(id)
            .ok()
            .map(|at| ReplicaKey(self.sorted[at].key))
    }

    /// The key of an id, which is added if it is new.
    ///
    /// Adding moves the entries behind it in an array; a great many ids at once are better given to
    /// [`Self::with_replicas`].
    pub fn find_or_add(&mut self, id: &ReplicaId) -> ReplicaKey {
        match self.position(id) {
            Ok(at) => ReplicaKey(self.sorted[at].key),
            Err(at) => {
                // More than 2^32 ids do not fit into any memory.
                let key = self.ids.len() as u32;
                self.sorted.insert(at, Entry::new(id, key));
                self.ids.push(id.clone());
                ReplicaKey(key)
            }
        }
    }

    /// All replicas, by ascending key.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (ReplicaKey, &ReplicaId)> {
        self.ids
            .iter()
            .enumerate()
            .map(|(key, id)| (ReplicaKey(key as u32), id))
    }

    /// The map of these ids in this order, or the place of the first that repeats an earlier one.
    /// `None` also where there is no id.
    pub(crate) fn from_distinct(ids: Vec<ReplicaId>) -> Result<Self, Option<usize>> {
        if ids.is_empty() {
            return Err(None);
        }
        let sorted = sorted(&ids);
        let repeats = |pair: &&[Entry]| pair[0].order(&pair[1], &ids, &ids).is_eq();
        match sorted
            .windows(2)
            .filter(repeats)
            .map(|pair| pair[1].key)
            .min()
        {
            Some(key) => Err(Some(key as usize)),
            None => Ok(ReplicaKeyMap { ids, sorted }),
        }
    }

    /// Adds those replicas of `other` whose place in `keys` is `unknown`, in the order of their
    /// keys there, and puts their new keys into these places.
    pub(crate) fn grow(&mut self, other: &ReplicaKeyMap, keys: &mut [u32], unknown: u32) {
        let old = self.ids.len();
        for (key, id) in keys
            .iter_mut()
            .zip(&other.ids)
            .filter(|(key, _)| **key == unknown)
        {
            *key = self.ids.len() as u32;
            self.ids.push(id.clone());
        }
        let mut added = Vec::with_capacity(self.ids.len() - old);
        let rekeyed = other.sorted.iter().map(|entry| Entry {
            key: keys[entry.key as usize],
            ..*entry
        });
        added.extend(rekeyed.filter(|entry| entry.key as usize >= old));
        // From the end, so that nothing is overwritten before it has been moved.
        self.sorted.extend_from_slice(&added);
        let (mut mine, mut free) = (old, self.sorted.len());
        while let [before @ .., last] = &added[..] {
            free -= 1;
            let order = |at: usize| self.sorted[at].order(last, &self.ids, &self.ids);
            if mine > 0 && order(mine - 1).is_gt() {
                mine -= 1;
                self.sorted[free] = self.sorted[mine];
            } else {
                self.sorted[free] = *last;
                added.truncate(before.len());
            }
        }
    }

    /// A copy that can take `more` replicas without being moved.
    pub(crate) fn with_room(&self, more: usize) -> Self {
        let mut copy = ReplicaKeyMap {
            ids: Vec::with_capacity(self.ids.len() + more),
            sorted: Vec::with_capacity(self.ids.len() + more),
        };
        copy.ids.extend_from_slice(&self.ids);
        copy.sorted.extend_from_slice(&self.sorted);
        copy
    }

    /// Whether keys that both maps have mean the same replicas.
    pub(crate) fn agrees_with(&self, other: &ReplicaKeyMap) -> bool {
        self.ids
            .iter()
            .zip(&other.ids)
            .all(|(mine, theirs)| mine == theirs)
    }

    /// Walks along the ids of both maps and calls `met` with each key of `other` and the key of the
    /// same id here.
    pub(crate) fn match_with(&self, other: &ReplicaKeyMap, mut met: impl FnMut(u32, u32)) {
        let (mut mine, mut theirs) = (&self.sorted[..], &other.sorted[..]);
        while let ([a, after_a @ ..], [b, after_b @ ..]) = (mine, theirs) {
            let order = a.order(b, &self.ids, &other.ids);
            if order.is_eq() {
                met(b.key, a.key);
                (mine, theirs) = (after_a, after_b);
                continue;
            }
            // Which one is less cannot be predicted, so there is no branch.
            mine = if order.is_lt() { after_a } else { mine };
            theirs = if order.is_lt() { theirs } else { after_b };
        }
    }

    fn position(&self, id: &ReplicaId) -> Result<usize, usize> {
        let wanted = Entry::new(id, 0);
        let id = core::slice::from_ref(id);
        self.sorted
            .binary_search_by(|entry| entry.order(&wanted, &self.ids, id))
    }
}

impl Entry {
    fn new(id: &ReplicaId, key: u32) -> Self {
        let bytes = id.as_bytes();
        let word = |from: usize| {
            let mut word = [0; 8];
            let part = bytes.get(from..).unwrap_or_default();
            let length = part.len().min(8);
            word[..length].copy_from_slice(&part[..length]);
            u64::from_be_bytes(word)
        };
        Entry {
            high: word(0),
            low: word(8),
            length: bytes.len() as u32,
            key,
        }
    }

    /// The order of the ids behind the keys.
    #[inline]
    fn order(&self, other: &Entry, ids: &[ReplicaId], other_ids: &[ReplicaId]) -> Ordering {
        match self.begin().cmp(&other.begin()) {
            Ordering::Equal if self.length == 16 && other.length == 16 => Ordering::Equal,
            Ordering::Equal => self.order_alike(other, ids, other_ids),
            order => order,
        }
    }

    /// The order of ids that begin alike and are not both GUIDs.
    #[cold]
    fn order_alike(&self, other: &Entry, ids: &[ReplicaId], other_ids: &[ReplicaId]) -> Ordering {
        if self.length.max(other.length) <= 16 {
            // The rest of the longer one is zeros.
            return self.length.cmp(&other.length);
        }
        ids[self.key as usize].cmp(&other_ids[other.key as usize])
    }

    #[inline]
    fn begin(&self) -> u128 {
        u128::from(self.high) << 64 | u128::from(self.low)
    }
}

/// The entries of ids with their places as keys, by id and then by place.
fn sorted(ids: &[ReplicaId]) -> Vec<Entry> {
    let mut sorted: Vec<Entry> = ids
        .iter()
        .zip(0..)
        .map(|(id, key)| Entry::new(id, key))
        .collect();
    sorted.sort_unstable_by(|a, b| a.order(b, ids, ids).then(a.key.cmp(&b.key)));
    sorted
}

/// The same replicas under the same keys.
impl PartialEq for ReplicaKeyMap {
    fn eq(&self, other: &Self) -> bool {
        self.ids == other.ids
    }
}

impl Eq for ReplicaKeyMap {}

//! From replica ids to the short keys that stand for them, and back.

use alloc::vec::Vec;
use core::cmp::Ordering;

use crate::{ReplicaId, ReplicaKey};

/// The replicas that an owner knows of, each with its key: the owner is key 0, the others follow in the order in which they were met.
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
    /// By id, ascending. A sorted array rather than a hash table: nobody can choose ids that make it slow, and two maps are matched
    /// by walking along both.
    sorted: Vec<Entry>,
}

/// An id's first bytes beside its key, so that the walk seldom has to look at the id itself.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Entry {
    prefix: (u64, u64),
    length: u32,
    pub(crate) key: u32,
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

    /// The map of `own` and `others`, keys in this order. An id that comes twice keeps its first place.
    pub fn with_replicas(own: ReplicaId, others: impl IntoIterator<Item = ReplicaId>) -> Self {
        let mut map = ReplicaKeyMap::new(own);
        map.add_all(others.into_iter().collect());
        map
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
    /// Adding moves the entries behind it in an array; a great many ids at once are better given to [`Self::with_replicas`].
    pub fn find_or_add(&mut self, id: &ReplicaId) -> ReplicaKey {
        match self.position(id) {
            Ok(at) => ReplicaKey(self.sorted[at].key),
            Err(at) => {
                let key = self.next_key();
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

    /// The map of these ids in this order, or the place of the first that repeats an earlier one. `None` also where there is no id.
    pub(crate) fn from_distinct(ids: Vec<ReplicaId>) -> Result<Self, Option<usize>> {
        if ids.is_empty() {
            return Err(None);
        }
        let mut sorted: Vec<Entry> = ids
            .iter()
            .zip(0..)
            .map(|(id, key)| Entry::new(id, key))
            .collect();
        sorted.sort_unstable_by(|a, b| a.order(b, &ids, &ids).then(a.key.cmp(&b.key)));
        let repeated = sorted
            .windows(2)
            .filter(|pair| pair[0].order(&pair[1], &ids, &ids).is_eq())
            .map(|pair| pair[1].key);
        match repeated.min() {
            Some(key) => Err(Some(key as usize)),
            None => Ok(ReplicaKeyMap { ids, sorted }),
        }
    }

    /// Adds those of `ids` that are new, in this order.
    pub(crate) fn add_all(&mut self, ids: Vec<ReplicaId>) {
        let mut all: Vec<(Entry, ReplicaId)> = ids
            .into_iter()
            .zip(0..)
            .map(|(id, n)| (Entry::new(&id, n), id))
            .collect();
        all.sort_unstable_by(|(a, left), (b, right)| {
            a.order_ids(b, left, right).then(a.key.cmp(&b.key))
        });
        all.dedup_by(|(b, right), (a, left)| a.order_ids(b, left, right).is_eq());
        all.retain(|(_, id)| self.position(id).is_err());
        all.sort_unstable_by_key(|(entry, _)| entry.key);
        for (mut entry, id) in all {
            entry.key = self.next_key();
            self.sorted.push(entry);
            self.ids.push(id);
        }
        let ids = &self.ids;
        self.sorted.sort_by(|a, b| a.order(b, ids, ids));
    }

    /// Whether keys that both maps have mean the same replicas.
    pub(crate) fn agrees_with(&self, other: &ReplicaKeyMap) -> bool {
        self.ids
            .iter()
            .zip(&other.ids)
            .all(|(mine, theirs)| mine == theirs)
    }

    /// Walks along the ids of both maps and calls `met` with each key of `other` and the key of the same id here.
    pub(crate) fn match_with(&self, other: &ReplicaKeyMap, mut met: impl FnMut(u32, u32)) {
        let (mut mine, mut theirs) = (
            self.sorted.iter().peekable(),
            other.sorted.iter().peekable(),
        );
        while let (Some(a), Some(b)) = (mine.peek(), theirs.peek()) {
            match a.order(b, &self.ids, &other.ids) {
                Ordering::Less => drop(mine.next()),
                Ordering::Greater => drop(theirs.next()),
                Ordering::Equal => {
                    met(b.key, a.key);
                    mine.next();
                    theirs.next();
                }
            }
        }
    }

    fn position(&self, id: &ReplicaId) -> Result<usize, usize> {
        let wanted = Entry::new(id, 0);
        self.sorted
            .binary_search_by(|entry| entry.order_ids(&wanted, &self.ids[entry.key as usize], id))
    }

    /// More than 2^32 replicas do not fit into any memory that could hold their ids.
    fn next_key(&self) -> u32 {
        self.ids.len() as u32
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
            prefix: (word(0), word(8)),
            length: bytes.len() as u32,
            key,
        }
    }

    fn order(&self, other: &Entry, ids: &[ReplicaId], other_ids: &[ReplicaId]) -> Ordering {
        self.prefix.cmp(&other.prefix).then_with(|| {
            if self.length <= 16 && other.length <= 16 {
                return self.length.cmp(&other.length);
            }
            ids[self.key as usize].cmp(&other_ids[other.key as usize])
        })
    }

    fn order_ids(&self, other: &Entry, id: &ReplicaId, other_id: &ReplicaId) -> Ordering {
        self.prefix.cmp(&other.prefix).then_with(|| {
            if self.length <= 16 && other.length <= 16 {
                self.length.cmp(&other.length)
            } else {
                id.cmp(other_id)
            }
        })
    }
}

/// The same replicas under the same keys.
impl PartialEq for ReplicaKeyMap {
    fn eq(&self, other: &Self) -> bool {
        self.ids == other.ids
    }
}

impl Eq for ReplicaKeyMap {}

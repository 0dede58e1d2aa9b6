//! From replica ids to the short keys that stand for them, and back.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use once_cell::race::OnceBox;

use crate::id_index::{IdIndex, Ids};
use crate::id_match::{Indexed, shared};
use crate::{ReplicaId, ReplicaKey};

/// Up to so many ids are looked through one by one: that is quicker than an index, and needs none.
pub(crate) const FEW: usize = 16;

/// From so many ids on, a shared map is continued rather than copied.
const MANY: usize = 32;

/// How many keys are looked at between two visits to the ids behind them.
const CHUNK: usize = 64;

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
#[derive(Debug)]
pub struct ReplicaKeyMap {
    /// The map that this one continues, so that meeting new replicas does not copy the old ones. It
    /// continues none itself.
    begin: Option<Arc<ReplicaKeyMap>>,
    /// The ids of the keys that follow those of `begin`. Both together hold at least one.
    ids: Vec<ReplicaId>,
    /// Of all ids, made when somebody asks for the key of one: knowledge that is only combined and
    /// written down never pays for it.
    index: OnceBox<Arc<IdIndex>>,
}

impl ReplicaKeyMap {
    /// The map of an owner who knows nobody else.
    pub fn new(own: ReplicaId) -> Self {
        ReplicaKeyMap::of([own].into())
    }

    /// The map of `own` and `others`, keys in this order. An id that comes twice keeps its first
    /// place.
    pub fn with_replicas(own: ReplicaId, others: impl IntoIterator<Item = ReplicaId>) -> Self {
        let mut all: Vec<ReplicaId> = core::iter::once(own).chain(others).collect();
        let ids = Ids {
            old: &[],
            new: &all,
        };
        let index = IdIndex::of(ids);
        let mut repeated: Vec<u32> = index.repeated(ids).collect();
        if repeated.is_empty() {
            return ReplicaKeyMap::indexed(all, index);
        }
        repeated.sort_unstable();
        let (mut repeated, mut keys) = (repeated.into_iter().peekable(), 0..);
        all.retain(|_| {
            repeated
                .next_if_eq(&keys.next().unwrap_or_default())
                .is_none()
        });
        ReplicaKeyMap::of(all)
    }

    /// The owner's id, that of key 0.
    pub fn own(&self) -> &ReplicaId {
        match &self.begin {
            Some(begin) => &begin.ids[0],
            None => &self.ids[0],
        }
    }

    /// How many replicas the map holds, the owner included.
    #[allow(clippy::len_without_is_empty, reason = "a map always holds its owner")]
    #[inline]
    pub fn len(&self) -> usize {
        self.ids().len()
    }

    /// The id behind a key.
    #[inline]
    pub fn id(&self, key: ReplicaKey) -> Option<&ReplicaId> {
        self.ids().id(key.0)
    }

    /// The key of an id.
    pub fn key(&self, id: &ReplicaId) -> Option<ReplicaKey> {
        self.find(id).ok()
    }

    /// The key of an id, which is added if it is new.
    ///
    /// Adding moves the entries behind it in an array; a great many ids at once are better given to
    /// [`Self::with_replicas`].
    pub fn find_or_add(&mut self, id: &ReplicaId) -> ReplicaKey {
        self.find(id).unwrap_or_else(|place| {
            // More than 2^32 ids do not fit into any memory.
            let key = self.len() as u32;
            self.ids.push(id.clone());
            if let Some(index) = self.index.get() {
                let mut index = Arc::clone(index);
                // With the map's own reference gone there is nothing to copy.
                self.index = OnceBox::new();
                Arc::make_mut(&mut index).insert(place, id, key);
                self.index = OnceBox::with_value(Box::new(index));
            }
            ReplicaKey(key)
        })
    }

    /// All replicas, by ascending key.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (ReplicaKey, &ReplicaId)> {
        Iter {
            next: 0,
            ids: self.ids(),
        }
    }

    /// The map of these ids in this order, or the place of the first that repeats an earlier one.
    /// `None` also where there is no id.
    pub(crate) fn from_distinct(ids: Vec<ReplicaId>) -> Result<Self, Option<usize>> {
        if ids.is_empty() {
            return Err(None);
        }
        if ids.len() <= FEW {
            let repeats = |at: &usize| ids[..*at].contains(&ids[*at]);
            return match (1..ids.len()).find(repeats) {
                Some(at) => Err(Some(at)),
                None => Ok(ReplicaKeyMap::of(ids)),
            };
        }
        let all = Ids {
            old: &[],
            new: &ids,
        };
        let index = IdIndex::of(all);
        let repeated = index.repeated(all).min();
        match repeated {
            Some(key) => Err(Some(key as usize)),
            None => Ok(ReplicaKeyMap::indexed(ids, index)),
        }
    }

    /// Adds those replicas of `other` whose place in `keys` is `unknown`, in the order of their
    /// keys there, and puts their new keys into these places. Gives the ids that were added.
    pub(crate) fn grow<'a>(
        this: &'a mut Arc<Self>,
        other: &ReplicaKeyMap,
        keys: &mut [u32],
        unknown: u32,
    ) -> &'a [ReplicaId] {
        let count = keys.iter().filter(|key| **key == unknown).count();
        let mut known = this.len() as u32;
        let map = ReplicaKeyMap::with_room(this, count);
        let begin = map.ids.len();
        let theirs = other.ids();
        let (old, new) = keys.split_at_mut(theirs.old.len());
        for (ids, keys) in [(theirs.old, old), (theirs.new, new)] {
            for (ids, keys) in ids.chunks(CHUNK).zip(keys.chunks_mut(CHUNK)) {
                // Which ones are new cannot be predicted: their places are collected without a
                // branch.
                let (mut places, mut found) = ([0; CHUNK], 0);
                for (key, place) in keys.iter_mut().zip(0..) {
                    let new = *key == unknown;
                    places[found % CHUNK] = place;
                    *key = if new { known } else { *key };
                    known += u32::from(new);
                    found += usize::from(new);
                }
                let places = places[..found].iter();
                map.ids
                    .extend(places.map(|place: &usize| ids[*place].clone()));
            }
        }
        &map.ids[begin..]
    }

    /// The map itself where nobody shares it, otherwise a copy of it, with room for `more` and
    /// without an index.
    fn with_room(this: &mut Arc<Self>, more: usize) -> &mut Self {
        if Arc::get_mut(this).is_none() {
            let (begin, copied) = match &this.begin {
                Some(begin) => (Some(Arc::clone(begin)), &this.ids[..]),
                None if this.ids.len() >= MANY => (Some(Arc::clone(this)), &[][..]),
                None => (None, &this.ids[..]),
            };
            let mut ids = Vec::with_capacity(copied.len() + more);
            ids.extend_from_slice(copied);
            *this = Arc::new(ReplicaKeyMap {
                begin,
                ids,
                index: OnceBox::new(),
            });
        }
        let map = Arc::make_mut(this);
        map.ids.reserve_exact(more);
        map.index = OnceBox::new();
        map
    }

    /// Whether keys that both maps have mean the same replicas.
    pub(crate) fn agrees_with(&self, other: &ReplicaKeyMap) -> bool {
        let agree = |(mine, theirs): (&ReplicaId, &ReplicaId)| mine == theirs;
        if self.begin.is_none() && other.begin.is_none() {
            return self.ids.iter().zip(&other.ids).all(agree);
        }
        self.ids().iter().zip(other.ids().iter()).all(agree)
    }

    /// Calls `met` with each key of `other` and the key of the same id here.
    #[inline]
    pub(crate) fn match_with(&self, other: &ReplicaKeyMap, mut met: impl FnMut(u32, u32)) {
        // Maps of a few continue none.
        if self.len().max(other.len()) <= FEW {
            for (theirs, id) in (0..).zip(&other.ids) {
                let known = (0..).zip(&self.ids).find(|(_, known)| *known == id);
                if let Some((mine, _)) = known {
                    met(theirs, mine);
                }
            }
            return;
        }
        shared(self.with_index(), other.with_index(), |mine, theirs| {
            met(theirs, mine)
        });
    }

    fn of(ids: Vec<ReplicaId>) -> Self {
        ReplicaKeyMap {
            begin: None,
            ids,
            index: OnceBox::new(),
        }
    }

    fn indexed(ids: Vec<ReplicaId>, index: IdIndex) -> Self {
        ReplicaKeyMap {
            begin: None,
            ids,
            index: OnceBox::with_value(Box::new(Arc::new(index))),
        }
    }

    /// The key of an id, or its place in the index.
    fn find(&self, id: &ReplicaId) -> Result<ReplicaKey, usize> {
        if self.len() <= FEW && self.index.get().is_none() {
            let at = self.ids().iter().position(|known| known == id);
            return at.map(|at| ReplicaKey(at as u32)).ok_or(0);
        }
        self.with_index().index.find(id, self.ids()).map(ReplicaKey)
    }

    fn with_index(&self) -> Indexed<'_> {
        let ids = self.ids();
        let make = || Box::new(Arc::new(IdIndex::of(ids)));
        Indexed {
            index: self.index.get_or_init(make),
            ids,
        }
    }

    #[inline]
    fn ids(&self) -> Ids<'_> {
        Ids {
            old: self.begin.as_ref().map_or(&[], |begin| &begin.ids),
            new: &self.ids,
        }
    }
}

impl Clone for ReplicaKeyMap {
    fn clone(&self) -> Self {
        let index = self.index.get().map(|index| Box::new(Arc::clone(index)));
        ReplicaKeyMap {
            begin: self.begin.clone(),
            ids: self.ids.clone(),
            index: index.map_or_else(OnceBox::new, OnceBox::with_value),
        }
    }
}

/// The same replicas under the same keys.
impl PartialEq for ReplicaKeyMap {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.agrees_with(other)
    }
}

impl Eq for ReplicaKeyMap {}

struct Iter<'a> {
    next: u32,
    ids: Ids<'a>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = (ReplicaKey, &'a ReplicaId);

    fn next(&mut self) -> Option<Self::Item> {
        let key = self.next;
        let id = self.ids.id(key)?;
        self.next += 1;
        Some((ReplicaKey(key), id))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.ids.len() - self.next as usize;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Iter<'_> {}

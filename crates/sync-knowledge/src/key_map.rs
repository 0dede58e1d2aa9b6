//! From replica ids to the short keys that stand for them, and back.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use once_cell::race::OnceBox;

use crate::id_index::{IdIndex, Ids};
use crate::id_match::{Indexed, shared, shared_few};
use crate::{ReplicaId, ReplicaKey};

/// Up to so many ids are looked through one by one: that is quicker than an index, and needs none.
pub(crate) const FEW: usize = 16;

/// So often an id is looked for among all ids before an index of them is made. Making one costs about
/// as much as 30 looks at a thousand ids and 100 at tens of thousands, so nobody pays twice.
const LOOKS: u32 = 32;

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
    /// Of all ids, made when somebody asks for the keys of many: knowledge that is only combined and
    /// written down never pays for it.
    index: OnceBox<Arc<IdIndex>>,
    /// How often an id was looked for without the index.
    looks: AtomicU32,
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
                looks: AtomicU32::new(0),
            });
        }
        let map = Arc::make_mut(this);
        map.ids.reserve_exact(more);
        map.index = OnceBox::new();
        map.looks = AtomicU32::new(0);
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

    /// Puts the key here of each id that both have into the place in `table` of its key in `other`;
    /// the other places hold `unknown`, and keep it.
    #[inline]
    pub(crate) fn match_with(&self, other: &ReplicaKeyMap, table: &mut [u32], unknown: u32) {
        // Maps of a few continue none.
        if self.len().max(other.len()) <= FEW {
            shared_few(&self.ids, &other.ids, table);
            return;
        }
        shared(self.with_index(), other.with_index(), table, unknown);
    }

    fn of(ids: Vec<ReplicaId>) -> Self {
        ReplicaKeyMap {
            begin: None,
            ids,
            index: OnceBox::new(),
            looks: AtomicU32::new(0),
        }
    }

    fn indexed(ids: Vec<ReplicaId>, index: IdIndex) -> Self {
        ReplicaKeyMap {
            begin: None,
            ids,
            index: OnceBox::with_value(Box::new(Arc::new(index))),
            looks: AtomicU32::new(0),
        }
    }

    /// The key of an id, or its place in the index.
    fn find(&self, id: &ReplicaId) -> Result<ReplicaKey, usize> {
        if self.index.get().is_none()
            && (self.len() <= FEW || self.looks.fetch_add(1, Relaxed) < LOOKS)
        {
            return self.look_through(id).ok_or(0);
        }
        self.with_index().index.find(id, self.ids()).map(ReplicaKey)
    }

    /// The key of an id, from the map that this one continues or else from all other ids.
    fn look_through(&self, id: &ReplicaId) -> Option<ReplicaKey> {
        let old = self.begin.as_ref().and_then(|begin| begin.key(id));
        old.or_else(|| {
            let at = self.ids.iter().position(|known| known == id)?;
            Some(ReplicaKey((self.ids().old.len() + at) as u32))
        })
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
            looks: AtomicU32::new(0),
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

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::{KeyMapping, Knowledge};

    /// GUIDs, many of which begin alike, and now and then an id of another length, which may begin
    /// like a GUID, too.
    fn id() -> impl Strategy<Value = ReplicaId> {
        let guid = (0..4_u64, any::<u8>(), 0..3_u64).prop_map(|(alike, head, tail)| {
            let head = if alike == 0 { 7 } else { u64::from(head) << 56 };
            [head.to_be_bytes(), tail.to_be_bytes()].concat()
        });
        let other = vec(0..2_u8, 0..20);
        prop_oneof![30 => guid, 1 => other].prop_map(|bytes| ReplicaId::from_bytes(&bytes))
    }

    /// GUIDs that nearly always differ at the beginning, or ids as they come.
    fn ids() -> impl Strategy<Value = Vec<ReplicaId>> {
        let guid = (any::<u8>(), 0..40_u8).prop_map(|(head, tail)| {
            let mut bytes = [head; 16];
            bytes[15] = u8::from(tail == 0);
            ReplicaId::from_bytes(&bytes)
        });
        prop_oneof![vec(guid, 1..90), vec(id(), 1..60)]
    }

    /// What a map has to be like: each id with its key, in the order in which they were met.
    fn check(map: &ReplicaKeyMap, model: &[ReplicaId], others: &[ReplicaId]) {
        let ids: Vec<_> = map.iter().map(|(_, id)| id.clone()).collect();
        assert_eq!(ids, model);
        let keys: BTreeMap<_, _> = model.iter().zip(0..).collect();
        for id in model.iter().chain(others) {
            assert_eq!(map.key(id).map(|key| key.0), keys.get(id).copied(), "{id}");
        }
    }

    fn add(model: &mut Vec<ReplicaId>, ids: &[ReplicaId]) {
        for id in ids {
            if !model.contains(id) {
                model.push(id.clone());
            }
        }
    }

    /// Two maps of the same ids but one, which differs at its end only: wherever it lies, it is not
    /// taken for the other.
    #[test]
    fn an_id_that_ends_otherwise_is_another() {
        let map = |changed: u8| {
            let ids = (0..40).map(|head| {
                let mut bytes = [head; 16];
                bytes[15] ^= u8::from(head == changed);
                ReplicaId::from_bytes(&bytes)
            });
            ReplicaKeyMap::from_distinct(ids.collect()).unwrap()
        };
        let usual = map(u8::MAX);
        for changed in 0..40 {
            let mapping = KeyMapping::between(&map(changed), &usual);
            for key in (0..40).map(ReplicaKey) {
                let same = key.0 != u32::from(changed);
                assert_eq!(mapping.key(key), same.then_some(key));
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// However a map came about (made at once, one by one, or by meeting other maps, shared or
        /// not), it has every id once, in the order in which they were met, and finds each.
        #[test]
        fn a_map_has_what_it_met(
            begin in ids(),
            rounds in vec((ids(), any::<[bool; 3]>()), 0..4),
            others in ids(),
        ) {
            let mut model = Vec::new();
            add(&mut model, &begin);
            let map = ReplicaKeyMap::with_replicas(begin[0].clone(), begin[1..].iter().cloned());
            check(&map, &model, &others);
            let mut knowledge = Knowledge::with_formats(crate::IdFormatGroup::DATABASE, map);
            for (ids, [one_by_one, share, ask]) in rounds {
                let before = share.then(|| (knowledge.clone(), model.clone()));
                let remote = ReplicaKeyMap::with_replicas(ids[0].clone(), ids[1..].iter().cloned());
                let partial = KeyMapping::between(&remote, knowledge.key_map());
                for (key, id) in remote.iter() {
                    prop_assert_eq!(partial.key(key), knowledge.key_map().key(id));
                }
                add(&mut model, &ids);
                if one_by_one {
                    for id in &ids {
                        knowledge.find_or_add_replica(id);
                    }
                } else {
                    let mapping = knowledge.mapping_from(&remote);
                    prop_assert!(mapping.is_complete());
                    for (key, id) in remote.iter() {
                        let local = mapping.key(key).and_then(|key| knowledge.key_map().id(key));
                        prop_assert_eq!(local, Some(id));
                    }
                }
                if ask {
                    check(knowledge.key_map(), &model, &others);
                }
                if let Some((before, model)) = before {
                    check(before.key_map(), &model, &others);
                }
            }
            check(knowledge.key_map(), &model, &others);
            let again = ReplicaKeyMap::from_distinct(model.clone()).unwrap();
            prop_assert_eq!(&again, knowledge.key_map());
            prop_assert!(again.agrees_with(knowledge.key_map()));
        }

        /// Ids that are to be distinct and are not: the first that repeats an earlier one is named.
        #[test]
        fn a_repeated_id_is_named(ids in prop_oneof![ids(), vec(id(), 0..20)]) {
            let first = (0..ids.len()).find(|at| ids[..*at].contains(&ids[*at]));
            match ReplicaKeyMap::from_distinct(ids.clone()) {
                Ok(map) => {
                    prop_assert_eq!(first, None);
                    check(&map, &ids, &[]);
                }
                Err(found) => prop_assert_eq!(found, first),
            }
        }
    }
}

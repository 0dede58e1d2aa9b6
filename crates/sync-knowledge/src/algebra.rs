//! Two knowledges: what either contains, what both do, and how they stand to each other.

use alloc::borrow::Cow;
use alloc::sync::Arc;

use crate::fragments::Fragments;
use crate::knowledge::widen;
use crate::{ClockVector, IdFormat, ItemId, KeyMapping, Knowledge, Relation, ReplicaKeyMap};

impl Knowledge {
    /// Adds all that `other` contains: the least knowledge that contains both (Union). Replicas of
    /// `other` that are new here are added to the key map.
    pub fn combine(&mut self, other: &Knowledge) {
        let mapping = adopt_keys(&mut self.key_map, &mut self.formats.replica, other);
        self.join(other, mapping.as_ref());
    }

    /// What either contains, over this key map with the other's new replicas added: what
    /// [`Self::combine`] makes of a copy, without making the copy first.
    #[must_use]
    pub fn combined(&self, other: &Knowledge) -> Knowledge {
        if Arc::ptr_eq(&self.key_map, &other.key_map) {
            return self.with_joined(other, None);
        }
        let (mut key_map, mut formats) = (Arc::clone(&self.key_map), self.formats);
        let mapping = adopt_keys(&mut key_map, &mut formats.replica, other);
        Knowledge {
            formats,
            key_map,
            ..self.with_joined(other, mapping.as_ref())
        }
    }

    /// [`Self::combine`] with a mapping made before, by [`Self::mapping_from`] the other's key map.
    /// What is known of replicas that the mapping leaves out is not learned.
    pub fn combine_mapped(&mut self, remote: &Knowledge, mapping: &KeyMapping) {
        let mapping = self.usable(remote, mapping);
        self.join(remote, mapping.as_deref());
    }

    /// What [`Self::combine_mapped`] makes of a copy, without making the copy first.
    #[must_use]
    pub fn combined_mapped(&self, remote: &Knowledge, mapping: &KeyMapping) -> Knowledge {
        let mapping = self.usable(remote, mapping);
        self.with_joined(remote, mapping.as_deref())
    }

    /// What both contain: the greatest knowledge that both contain, over this key map.
    pub fn intersection(&self, other: &Knowledge) -> Knowledge {
        self.lifted(other, |mine, theirs| {
            let mut both = mine.clone();
            both.meet(theirs);
            both
        })
    }

    /// What is contained here and not in `other`, over this key map: for each item and replica of
    /// which more is contained here, all that is.
    ///
    /// It is the least knowledge that makes up this one together with the
    /// [intersection](Self::intersection). Since knowledge cannot leave out the beginning of a
    /// replica's history it overlaps with `other` there; [`Self::difference`] gives the exact
    /// versions.
    pub fn complement(&self, other: &Knowledge) -> Knowledge {
        self.lifted(other, ClockVector::complement)
    }

    /// Whether some version of some item is contained in both.
    pub fn intersects(&self, other: &Knowledge) -> bool {
        !self.all(other, |mine, theirs, mapping| match mapping {
            None => !mine.intersects(theirs),
            Some(mapping) => !mine.intersects_mapped(theirs, mapping),
        })
    }

    /// Whether all that `other` contains is contained here.
    pub fn contains_knowledge(&self, other: &Knowledge) -> bool {
        self.all(other, covers)
    }

    /// [`Self::contains_knowledge`] with a mapping made before, from the other's keys to these.
    pub fn contains_knowledge_mapped(&self, remote: &Knowledge, mapping: &KeyMapping) -> bool {
        let mapping = self.usable(remote, mapping);
        self.all_with(remote, mapping.as_deref(), covers)
    }

    /// How this knowledge stands to another.
    pub fn compare(&self, other: &Knowledge) -> Relation {
        let mapping = self.mapping_to(other);
        self.compare_with(other, mapping.as_ref())
    }

    /// [`Self::compare`] with a mapping made before, from the other's keys to these.
    pub fn compare_mapped(&self, remote: &Knowledge, mapping: &KeyMapping) -> Relation {
        let mapping = self.usable(remote, mapping);
        self.compare_with(remote, mapping.as_deref())
    }

    /// The lowest id of an item of which `other` contains something that is not contained here, or
    /// `None` if all of it is.
    pub fn lowest_uncontained_id(&self, other: &Knowledge) -> Option<ItemId> {
        let (other, mapping) = (self.fitted(other), self.mapping_to(other));
        let (mine, theirs) = (&self.fragments.table, &other.table);
        let mut lowest: Option<&ItemId> = None;
        for (_, a, b) in self.fragments.pairs(&other) {
            a.walk(b, |lower, x, y| {
                let lower = lower.unwrap_or(&self.lowest);
                if lowest.is_some_and(|lowest| lowest <= lower) {
                    return false;
                }
                let missing = !covers(mine.vector(x), theirs.vector(y), mapping.as_ref());
                if missing {
                    lowest = Some(lower);
                }
                !missing
            });
        }
        lowest.cloned()
    }

    /// The knowledge of another owner in terms of this key map, to which its new replicas are added
    /// (MapRemoteKnowledgeToLocal).
    pub fn map_remote_to_local(&mut self, remote: &Knowledge) -> Knowledge {
        let mapping = self.mapping_from(&remote.key_map);
        self.map_remote_with(remote, &mapping)
    }

    /// The knowledge of another owner in terms of this key map, by a mapping made before. What is
    /// known of replicas that the mapping leaves out is dropped.
    pub fn map_remote_with(&self, remote: &Knowledge, mapping: &KeyMapping) -> Knowledge {
        let mut fragments = self.fitted(remote).into_owned();
        if let Some(mapping) = self.usable(remote, mapping) {
            fragments.change_all(|vector| *vector = vector.rekeyed(&mapping));
        }
        self.with_fragments(fragments)
    }

    /// The table from the keys of another owner's map to the keys of this one, to which the
    /// replicas that are new are added first.
    pub fn mapping_from(&mut self, remote: &ReplicaKeyMap) -> KeyMapping {
        let format = &mut self.formats.replica;
        KeyMapping::adding(remote, &mut self.key_map, |added| {
            added.iter().for_each(|id| widen(format, id));
        })
    }

    #[inline]
    pub(crate) fn with_fragments(&self, fragments: Fragments) -> Knowledge {
        Knowledge {
            formats: self.formats,
            key_map: Arc::clone(&self.key_map),
            fragments,
            lowest: self.lowest.clone(),
        }
    }

    /// `None` where both have the same keys, as far as both have any.
    pub(crate) fn mapping_to(&self, other: &Knowledge) -> Option<KeyMapping> {
        let same =
            Arc::ptr_eq(&self.key_map, &other.key_map) || self.key_map.agrees_with(&other.key_map);
        (!same).then(|| KeyMapping::between(&other.key_map, &self.key_map))
    }

    /// The fragments of another knowledge, cut at ids of this one's formats.
    pub(crate) fn fitted<'a>(&self, other: &'a Knowledge) -> Cow<'a, Fragments> {
        let (mine, theirs) = (&self.formats, &other.formats);
        // Without column sets there are no change units to fit.
        let same_units =
            mine.change_unit == theirs.change_unit || other.fragments.columns.is_empty();
        if mine.item == theirs.item && same_units {
            return Cow::Borrowed(&other.fragments);
        }
        Cow::Owned(other.fragments.fitted(mine))
    }

    /// A caller's mapping, cut to what has a meaning here; `None` if it changes nothing.
    fn usable<'a>(
        &self,
        remote: &Knowledge,
        mapping: &'a KeyMapping,
    ) -> Option<Cow<'a, KeyMapping>> {
        let local = self.key_map.len();
        if mapping.bound() > local {
            return Some(Cow::Owned(mapping.limited(local)));
        }
        let changes = !mapping.is_identity() || mapping.table().len() < remote.key_map.len();
        changes.then_some(Cow::Borrowed(mapping))
    }

    fn join(&mut self, other: &Knowledge, mapping: Option<&KeyMapping>) {
        let merge = |mine: &mut ClockVector, theirs: &ClockVector| match mapping {
            None => mine.merge(theirs),
            Some(mapping) => mine.merge_mapped(theirs, mapping),
        };
        if let Some(theirs) = other.fragments.as_uniform() {
            return self.fragments.change_all(|mine| merge(mine, theirs));
        }
        self.fragments = self.joined(other, mapping);
    }

    /// What joining makes, over this key map.
    fn with_joined(&self, other: &Knowledge, mapping: Option<&KeyMapping>) -> Knowledge {
        // Where all is in one range the result is put together in place: moving it would cost a
        // small community more than joining its ticks.
        match (self.fragments.as_uniform(), other.fragments.as_uniform()) {
            (Some(mine), Some(theirs)) => {
                self.with_fragments(Fragments::uniform(joined(mine, theirs, mapping)))
            }
            _ => self.with_fragments(self.joined(other, mapping)),
        }
    }

    fn joined(&self, other: &Knowledge, mapping: Option<&KeyMapping>) -> Fragments {
        let theirs = self.fitted(other);
        let join = |mine: &ClockVector, theirs: &ClockVector| joined(mine, theirs, mapping);
        self.fragments.lift(&theirs, join)
    }

    fn lifted(
        &self,
        other: &Knowledge,
        join: impl Fn(&ClockVector, &ClockVector) -> ClockVector,
    ) -> Knowledge {
        let mapping = self.mapping_to(other);
        let fragments = self
            .fragments
            .lift(&self.fitted(other), |mine, theirs| match &mapping {
                None => join(mine, theirs),
                Some(mapping) => join(mine, &theirs.rekeyed(mapping)),
            });
        self.with_fragments(fragments)
    }

    fn all(
        &self,
        other: &Knowledge,
        test: impl Fn(&ClockVector, &ClockVector, Option<&KeyMapping>) -> bool,
    ) -> bool {
        let mapping = self.mapping_to(other);
        self.all_with(other, mapping.as_ref(), test)
    }

    fn all_with(
        &self,
        other: &Knowledge,
        mapping: Option<&KeyMapping>,
        test: impl Fn(&ClockVector, &ClockVector, Option<&KeyMapping>) -> bool,
    ) -> bool {
        let theirs = self.fitted(other);
        self.fragments
            .all(&theirs, |mine, theirs| test(mine, theirs, mapping))
    }

    fn compare_with(&self, other: &Knowledge, mapping: Option<&KeyMapping>) -> Relation {
        let (mut contains, mut contained) = (true, true);
        self.fragments.all(&self.fitted(other), |mine, theirs| {
            let relation = match mapping {
                None => mine.compare(theirs),
                Some(mapping) => mine.compare_mapped(theirs, mapping),
            };
            contains &= matches!(relation, Relation::Equal | Relation::Contains);
            contained &= matches!(relation, Relation::Equal | Relation::Contained);
            contains || contained
        });
        Relation::from_containment(contains, contained)
    }
}

/// Containment both ways, over the same formats of items and change units; over the same keys the
/// same representation, too.
impl PartialEq for Knowledge {
    fn eq(&self, other: &Self) -> bool {
        let ids = |knowledge: &Knowledge| (knowledge.formats.item, knowledge.formats.change_unit);
        if ids(self) != ids(other) {
            return false;
        }
        match self.mapping_to(other) {
            None => self.fragments == other.fragments,
            Some(mapping) => self.compare_with(other, Some(&mapping)) == Relation::Equal,
        }
    }
}

impl Eq for Knowledge {}

fn joined(mine: &ClockVector, theirs: &ClockVector, mapping: Option<&KeyMapping>) -> ClockVector {
    match mapping {
        None => mine.merged(theirs),
        Some(mapping) => mine.merged_mapped(theirs, mapping),
    }
}

/// Adds the other's new replicas to a key map, whose ids have this format. Gives the mapping of its
/// keys, `None` where both have the same, as far as both have any.
fn adopt_keys(
    key_map: &mut Arc<ReplicaKeyMap>,
    format: &mut IdFormat,
    other: &Knowledge,
) -> Option<KeyMapping> {
    if Arc::ptr_eq(key_map, &other.key_map) {
        return None;
    }
    // The other's format admits all of its ids.
    let same_format = *format == other.formats.replica;
    if !key_map.agrees_with(&other.key_map) {
        return Some(KeyMapping::adding(&other.key_map, key_map, |added| {
            if !same_format {
                added.iter().for_each(|id| widen(format, id));
            }
        }));
    }
    if key_map.len() <= other.key_map.len() {
        // From now on both are seen to be the same at a glance.
        *key_map = Arc::clone(&other.key_map);
        if !same_format {
            key_map.iter().for_each(|(_, id)| widen(format, id));
        }
    }
    None
}

fn covers(mine: &ClockVector, theirs: &ClockVector, mapping: Option<&KeyMapping>) -> bool {
    match mapping {
        None => mine.contains_vector(theirs),
        Some(mapping) => mine.contains_mapped(theirs, mapping),
    }
}

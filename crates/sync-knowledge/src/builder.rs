//! Knowledge from its parts.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

use thiserror::Error;

use crate::fragments::{Column, Fragments};
use crate::range_set::RangeSet;
use crate::{
    ChangeUnitId, ClockVector, IdFormatGroup, ItemId, Knowledge, ReplicaKey, ReplicaKeyMap,
};

/// Puts knowledge together range by range.
///
/// First come the ranges of the scope, then each column set with its ranges; in every set the
/// bounds ascend. Of items below the first range of a set nothing is known. Neighbours may be
/// alike, vectors may repeat: what is built is canonical all the same.
///
/// ```
/// use sync_knowledge::{
///     ClockVector, IdFormatGroup, ItemId, KnowledgeBuilder, ReplicaId, ReplicaKey, ReplicaKeyMap,
/// };
///
/// let keys = ReplicaKeyMap::new(ReplicaId::from_bytes(b"replica here ..."));
/// let seen: ClockVector = [(ReplicaKey::LOCAL, 7)].into_iter().collect();
/// let knowledge = KnowledgeBuilder::new(IdFormatGroup::DATABASE, keys)
///     .range(ItemId::zero(), seen.clone())?
///     .range(ItemId::from_text("x"), ClockVector::new())?
///     .column_set([1.into(), 2.into()])?
///     .range(ItemId::zero(), seen)?
///     .build();
/// assert_eq!(knowledge.ranges().count(), 2);
/// assert_eq!(knowledge.tick_at(&[0xff], ReplicaKey::LOCAL), 0);
/// # Ok::<(), sync_knowledge::BuildError>(())
/// ```
#[derive(Clone, Debug)]
pub struct KnowledgeBuilder {
    formats: IdFormatGroup,
    key_map: ReplicaKeyMap,
    vectors: Vec<ClockVector>,
    sets: Vec<Column>,
    named: BTreeSet<ChangeUnitId>,
    last: Option<ItemId>,
}

/// Why parts do not make knowledge.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum BuildError {
    /// A range does not begin behind the one before it.
    #[error("range {lower_bound} does not follow the one before it: add ranges in ascending order")]
    UnorderedRange {
        /// Where the range was to begin.
        lower_bound: ItemId,
    },
    /// A bound has no length that the item format admits.
    #[error("range bound {lower_bound} is no item id of the knowledge's format")]
    InvalidBound {
        /// Where the range was to begin.
        lower_bound: ItemId,
    },
    /// A vector speaks of a replica that has no key.
    #[error(
        "replica key {key} is not in the key map of {replicas} replicas: add the replica first"
    )]
    UnknownKey {
        /// The key in the vector.
        key: ReplicaKey,
        /// How many replicas there are.
        replicas: usize,
    },
    /// A column set names no change unit: it would speak of nothing.
    #[error("a column set without change units: name at least one")]
    EmptyColumnSet,
    /// A change unit has no length that the change unit format admits.
    #[error("change unit {unit} is no change unit id of the knowledge's format")]
    InvalidChangeUnit {
        /// The change unit.
        unit: ChangeUnitId,
    },
    /// A change unit is in two column sets.
    #[error("change unit {unit} is in two column sets: name it once")]
    RepeatedChangeUnit {
        /// The change unit.
        unit: ChangeUnitId,
    },
}

impl KnowledgeBuilder {
    /// Begins with nothing known, and the ranges of the scope.
    pub fn new(formats: IdFormatGroup, key_map: ReplicaKeyMap) -> Self {
        let scope = Column {
            units: Vec::new(),
            ranges: RangeSet::uniform(0),
        };
        KnowledgeBuilder {
            formats: formats.admissible(),
            key_map,
            vectors: [ClockVector::new()].into(),
            sets: [scope].into(),
            named: BTreeSet::new(),
            last: None,
        }
    }

    /// Adds the range from `lower_bound` to the next one, or to the end.
    ///
    /// # Errors
    ///
    /// If the bound is no id of the format or does not follow the one before, or if the vector has
    /// a key that the key map lacks.
    pub fn range(mut self, lower_bound: ItemId, vector: ClockVector) -> Result<Self, BuildError> {
        if !self.formats.item.admits(lower_bound.as_bytes().len()) {
            return Err(BuildError::InvalidBound { lower_bound });
        }
        if self.last.as_ref().is_some_and(|last| *last >= lower_bound) {
            return Err(BuildError::UnorderedRange { lower_bound });
        }
        if let Some((key, _)) = vector
            .iter()
            .find(|(key, _)| self.key_map.id(*key).is_none())
        {
            return Err(BuildError::UnknownKey {
                key,
                replicas: self.key_map.len(),
            });
        }
        self.last = Some(lower_bound.clone());
        let lowest = ItemId::lowest(&self.formats.item);
        let place = self.vectors.len() as u32;
        self.vectors.push(vector);
        if let Some(set) = self.sets.last_mut() {
            set.ranges
                .put(Some(lower_bound).filter(|lower| *lower != lowest), place);
        }
        Ok(self)
    }

    /// Goes on with the ranges of these change units.
    ///
    /// # Errors
    ///
    /// If there are none, or if one of them is no id of the format or was named before.
    pub fn column_set(
        mut self,
        units: impl IntoIterator<Item = ChangeUnitId>,
    ) -> Result<Self, BuildError> {
        let units: Vec<ChangeUnitId> = units.into_iter().collect();
        if units.is_empty() {
            return Err(BuildError::EmptyColumnSet);
        }
        for unit in &units {
            if !self.formats.change_unit.admits(unit.as_bytes().len()) {
                return Err(BuildError::InvalidChangeUnit { unit: unit.clone() });
            }
            if !self.named.insert(unit.clone()) {
                return Err(BuildError::RepeatedChangeUnit { unit: unit.clone() });
            }
        }
        self.sets.push(Column {
            units,
            ranges: RangeSet::uniform(0),
        });
        self.last = None;
        Ok(self)
    }

    /// The knowledge.
    pub fn build(mut self) -> Knowledge {
        let scope = self.sets.remove(0).ranges;
        let fragments = Fragments::assemble(self.vectors, scope, self.sets);
        Knowledge::from_parts(self.formats, Arc::new(self.key_map), fragments)
    }
}

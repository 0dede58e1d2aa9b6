//! The bytes in which knowledge is kept and sent, taken apart without loss.

use alloc::sync::Arc;
use alloc::vec::Vec;

use thiserror::Error;

use crate::fragments::Fragments;
use crate::numbering::Numbering;
use crate::range_set::RangeSet;
use crate::{
    ClockVector, DecodeError, IdFormatGroup, ItemId, Knowledge, ReplicaKey, ReplicaKeyMap, Tick,
};

mod read;
pub(crate) mod write;

/// The version that Sync Framework 2.1 writes.
pub(crate) const VERSION_5: u32 = 5;
/// The version of Sync Framework 1.0.
pub(crate) const VERSION_3: u32 = 3;

/// Knowledge exactly as some bytes have it: ticks of 0, key map entries that nobody uses, vectors
/// that repeat or that no range has, neighbouring ranges that are alike.
///
/// Version 5 is the form that \[MS-FSVCA\] 2.3 to 2.13 specifies and the database providers of Sync
/// Framework 2.1 keep in `scope_info`; version 3 that of the metadata stores of Sync Framework 1.0.
/// Whatever [`parse`](Self::parse) accepts, [`to_bytes`](Self::to_bytes) gives back byte for byte.
///
/// ```
/// use sync_knowledge::{Knowledge, KnowledgeBlob, ReplicaId, ReplicaKey};
///
/// let mut knowledge = Knowledge::new(ReplicaId::from_bytes(b"replica here ..."));
/// knowledge.set_local_tick(7);
/// let bytes = knowledge.to_bytes();
///
/// let blob = KnowledgeBlob::parse(&bytes)?;
/// assert_eq!(blob.version(), 5);
/// assert_eq!(blob.vector(blob.ranges()[0].vector), [(ReplicaKey::LOCAL, 7)]);
/// assert_eq!(blob.to_bytes(), bytes);
/// assert_eq!(blob.knowledge()?, knowledge);
/// # Ok::<(), sync_knowledge::DecodeError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KnowledgeBlob {
    version: u32,
    formats: IdFormatGroup,
    replicas: ReplicaKeyMap,
    /// The elements of all vectors, one vector after the other.
    elements: Vec<(ReplicaKey, Tick)>,
    /// Where each vector ends.
    ends: Vec<usize>,
    ranges: Vec<BlobRange>,
}

/// A range as some bytes have it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BlobRange {
    /// The first id of the range, which reaches to the lower bound of the next.
    pub lower_bound: ItemId,
    /// The place of its vector among the [vectors](KnowledgeBlob::vectors).
    pub vector: u32,
}

/// Why a blob cannot be written in another version.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum ConvertError {
    /// Blobs of this version are not made.
    #[error("cannot convert knowledge from version {from} to {to}: only version 5 is written")]
    UnsupportedTarget {
        /// The version of the blob.
        from: u32,
        /// The version that was asked for.
        to: u32,
    },
}

impl KnowledgeBlob {
    /// Takes bytes of version 5 or 3 apart.
    ///
    /// The time it takes and the memory it asks for are bounded by the number of bytes.
    ///
    /// # Errors
    ///
    /// Names the field, and where it is, that is cut off, claims more than there is, contradicts
    /// another or has a value whose meaning is not known.
    pub fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        read::blob(bytes)
    }

    /// The bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        write::blob(self)
    }

    /// What the bytes say.
    ///
    /// # Errors
    ///
    /// [`DecodeError::NoLowestRange`] and [`DecodeError::FirstVectorNotEmpty`], for shapes that can
    /// be parsed but were never seen, so that it would be a guess what they mean.
    pub fn knowledge(&self) -> Result<Knowledge, DecodeError> {
        let replicas = Arc::new(self.replicas.clone());
        Ok(Knowledge::from_parts(
            self.formats,
            replicas,
            self.fragments()?,
        ))
    }

    /// The blob in another version, with nothing lost. Its own version gives the blob itself.
    ///
    /// # Errors
    ///
    /// If `version` is neither 5 nor the blob's own.
    pub fn convert(&self, version: u32) -> Result<KnowledgeBlob, ConvertError> {
        match (self.version, version) {
            (from, to) if from == to => Ok(self.clone()),
            (VERSION_3, VERSION_5) => {
                // Version 5 begins its vectors with the empty one, which is not written twice.
                let used = !self.elements.is_empty();
                let ends = if used {
                    [0, self.elements.len()].into()
                } else {
                    [0].into()
                };
                let ranges = self.ranges.iter().cloned();
                let ranges = ranges.map(|range| BlobRange {
                    vector: u32::from(used),
                    ..range
                });
                Ok(KnowledgeBlob {
                    version,
                    ends,
                    ranges: ranges.collect(),
                    ..self.clone()
                })
            }
            (from, to) => Err(ConvertError::UnsupportedTarget { from, to }),
        }
    }

    /// 5 or 3.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// How long ids are.
    pub fn id_formats(&self) -> IdFormatGroup {
        self.formats
    }

    /// The replicas by key, the owner first.
    pub fn key_map(&self) -> &ReplicaKeyMap {
        &self.replicas
    }

    /// The clock vectors: pairs of replica key and tick by ascending key, ticks of 0 included.
    pub fn vectors(&self) -> impl ExactSizeIterator<Item = &[(ReplicaKey, Tick)]> {
        (0..self.ends.len()).map(|place| self.vector(place as u32))
    }

    /// The clock vector at a place; one without elements where there is none.
    pub fn vector(&self, place: u32) -> &[(ReplicaKey, Tick)] {
        let place = place as usize;
        let begin = place
            .checked_sub(1)
            .and_then(|before| self.ends.get(before))
            .unwrap_or(&0);
        self.ends
            .get(place)
            .map_or(&[], |end| &self.elements[*begin..*end])
    }

    /// The ranges by ascending lower bound. Version 3 has none of its own; its one vector counts
    /// for all items.
    pub fn ranges(&self) -> &[BlobRange] {
        &self.ranges
    }
}

impl KnowledgeBlob {
    fn fragments(&self) -> Result<Fragments, DecodeError> {
        let lowest = ItemId::lowest(&self.formats.item);
        if self
            .ranges
            .first()
            .is_none_or(|range| range.lower_bound != lowest)
        {
            return Err(DecodeError::NoLowestRange);
        }
        if self.version == VERSION_5 && !self.vector(0).is_empty() {
            return Err(DecodeError::FirstVectorNotEmpty);
        }
        let vectors = self.vectors().map(|elements| {
            let elements = elements.iter().filter(|(_, tick)| *tick > 0);
            ClockVector::from_pairs(elements.map(|(key, tick)| (key.0, *tick)).collect())
        });
        let mut ranges = RangeSet::uniform(self.ranges[0].vector);
        for range in &self.ranges[1..] {
            ranges.put(Some(range.lower_bound.clone()), range.vector);
        }
        Ok(Fragments::assemble(vectors.collect(), ranges, Vec::new()))
    }
}

/// Version 5 of the knowledge: see [`Knowledge::to_bytes`].
impl From<&Knowledge> for KnowledgeBlob {
    fn from(knowledge: &Knowledge) -> Self {
        let folded = write::folded(knowledge);
        let (vectors, ranges) = Numbering::of(&folded.table).of_ranges(&folded.scope);
        let mut elements = Vec::new();
        let mut ends = Vec::new();
        for vector in vectors {
            elements.extend(vector.iter());
            ends.push(elements.len());
        }
        let ranges = ranges.map(|(lower, vector)| BlobRange {
            lower_bound: lower.unwrap_or(&knowledge.lowest).clone(),
            vector,
        });
        KnowledgeBlob {
            version: VERSION_5,
            formats: knowledge.formats,
            replicas: knowledge.key_map().clone(),
            elements,
            ends,
            ranges: ranges.collect(),
        }
    }
}

impl Knowledge {
    /// The binary form of Sync Framework, version 5 (\[MS-FSVCA\] 2.3 to 2.13), as the database
    /// providers keep it. Equal knowledge over the same key map has equal bytes.
    ///
    /// No example of column sets in this form is known, so none is written: of an item of which
    /// different things are known by change unit, what is known of all of them is written. Reading
    /// back then gives less, never more. The envelope of feature `serde` keeps column sets.
    pub fn to_bytes(&self) -> Vec<u8> {
        write::knowledge(self)
    }

    /// Reads version 5 or 3, as [`KnowledgeBlob::parse`] and [`KnowledgeBlob::knowledge`] do.
    ///
    /// # Errors
    ///
    /// Those of these two.
    pub fn from_bytes(bytes: &[u8]) -> Result<Knowledge, DecodeError> {
        let blob = KnowledgeBlob::parse(bytes)?;
        let fragments = blob.fragments()?;
        Ok(Knowledge::from_parts(
            blob.formats,
            Arc::new(blob.replicas),
            fragments,
        ))
    }
}

//! Serde: ids and knowledge as bytes, in whatever form the format has for bytes.

use alloc::borrow::Cow;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::blob::write::ranges_alone;
use crate::numbering::Numbering;
use crate::{
    BuildError, ChangeUnitId, ClockVector, DecodeError, ForgottenKnowledge, ItemId, Knowledge,
    KnowledgeBlob, KnowledgeBuilder, KnowledgeCookie, ReplicaId, ReplicaKey, ReplicaKeyMap, Tick,
};

/// Knowledge with its column sets, which the form of Sync Framework cannot hold: the scope in that
/// form, then for every column set its change units and its ranges, as if they were a scope.
#[derive(Serialize, Deserialize)]
pub(crate) struct Parts<'a> {
    #[serde(borrow)]
    scope: Bytes<'a>,
    #[serde(borrow)]
    columns: Vec<(Vec<ChangeUnitId>, Bytes<'a>)>,
}

/// Bytes that a format may hand out without copying them.
struct Bytes<'a>(Cow<'a, [u8]>);

impl From<&Knowledge> for Parts<'_> {
    fn from(knowledge: &Knowledge) -> Self {
        let mut numbering = Numbering::of(&knowledge.fragments.table);
        let mut part = |ranges| Bytes(Cow::Owned(ranges_alone(knowledge, &mut numbering, ranges)));
        let scope = part(&knowledge.fragments.scope);
        let columns = knowledge.fragments.columns.iter();
        let columns = columns.map(|column| (column.units.clone(), part(&column.ranges)));
        Parts {
            scope,
            columns: columns.collect(),
        }
    }
}

impl TryFrom<Parts<'_>> for Knowledge {
    type Error = DecodeError;

    fn try_from(parts: Parts<'_>) -> Result<Self, DecodeError> {
        let scope = Knowledge::from_bytes(&parts.scope.0)?;
        if parts.columns.is_empty() {
            return Ok(scope);
        }
        let invalid = |place, reason| DecodeError::InvalidColumnSet { place, reason };
        let begin = KnowledgeBuilder::new(scope.formats, scope.key_map().clone());
        let mut builder = with_ranges(begin, &scope).ok_or(invalid(0, "has no valid scope"))?;
        for (place, (units, bytes)) in parts.columns.into_iter().enumerate() {
            let column = Knowledge::from_bytes(&bytes.0)?;
            if column.formats != scope.formats || column.key_map != scope.key_map {
                return Err(invalid(place, "has another key map or other id formats"));
            }
            builder = builder.column_set(units).map_err(|error| {
                let reason = match error {
                    BuildError::InvalidChangeUnit { .. } => {
                        "names a change unit that its format does not admit"
                    }
                    _ => "names no change unit or one that was named before",
                };
                invalid(place, reason)
            })?;
            builder = with_ranges(builder, &column).ok_or(invalid(place, "has invalid ranges"))?;
        }
        let built = builder.build();
        Ok(Knowledge {
            key_map: Arc::clone(&scope.key_map),
            ..built
        })
    }
}

/// Adds the ranges of decoded knowledge, which are valid, to a builder of the same formats.
fn with_ranges(builder: KnowledgeBuilder, knowledge: &Knowledge) -> Option<KnowledgeBuilder> {
    knowledge.ranges().try_fold(builder, |builder, range| {
        builder
            .range(range.lower_bound.clone(), range.vector.clone())
            .ok()
    })
}

impl Serialize for Knowledge {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Parts::from(self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Knowledge {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Parts::deserialize(deserializer)?
            .try_into()
            .map_err(D::Error::custom)
    }
}

impl Serialize for ForgottenKnowledge {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.knowledge().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ForgottenKnowledge {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Knowledge::deserialize(deserializer).map(ForgottenKnowledge::from)
    }
}

impl Serialize for KnowledgeCookie {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for KnowledgeCookie {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Knowledge::deserialize(deserializer).map(KnowledgeCookie)
    }
}

impl Serialize for KnowledgeBlob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.to_bytes())
    }
}

impl<'de> Deserialize<'de> for KnowledgeBlob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        KnowledgeBlob::parse(&Bytes::deserialize(deserializer)?.0).map_err(D::Error::custom)
    }
}

impl Serialize for ReplicaId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.as_bytes())
    }
}

impl<'de> Deserialize<'de> for ReplicaId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = Bytes::deserialize(deserializer)?.0;
        if bytes.len() > ReplicaId::MAX_LENGTH {
            return Err(D::Error::custom(format_args!(
                "a replica id of {} bytes: the longest has {}",
                bytes.len(),
                ReplicaId::MAX_LENGTH
            )));
        }
        Ok(ReplicaId::from_bytes(&bytes))
    }
}

impl Serialize for ItemId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.as_bytes())
    }
}

impl<'de> Deserialize<'de> for ItemId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Bytes::deserialize(deserializer).map(|bytes| ItemId::from_bytes(&bytes.0))
    }
}

impl Serialize for ChangeUnitId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.as_bytes())
    }
}

impl<'de> Deserialize<'de> for ChangeUnitId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Bytes::deserialize(deserializer).map(|bytes| ChangeUnitId::from_bytes(&bytes.0))
    }
}

/// The ids by key.
impl Serialize for ReplicaKeyMap {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(|(_, id)| id))
    }
}

impl<'de> Deserialize<'de> for ReplicaKeyMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let ids = Vec::<ReplicaId>::deserialize(deserializer)?;
        ReplicaKeyMap::from_distinct(ids).map_err(|repeated| match repeated {
            Some(key) => D::Error::custom(format_args!("replica key {key} repeats an earlier id")),
            None => D::Error::custom("a replica key map without replicas"),
        })
    }
}

/// Pairs of key and tick, by ascending key.
impl Serialize for ClockVector {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let pairs: Vec<(ReplicaKey, Tick)> = self.iter().collect();
        pairs.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ClockVector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let pairs = Vec::<(ReplicaKey, Tick)>::deserialize(deserializer)?;
        if pairs.windows(2).any(|pair| pair[0].0 >= pair[1].0) {
            return Err(D::Error::custom(
                "the replica keys of a clock vector do not ascend",
            ));
        }
        Ok(pairs.into_iter().collect())
    }
}

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Bytes<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(BytesVisitor)
    }
}

struct BytesVisitor;

impl<'de> Visitor<'de> for BytesVisitor {
    type Value = Bytes<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }

    fn visit_borrowed_bytes<E: Error>(self, bytes: &'de [u8]) -> Result<Bytes<'de>, E> {
        Ok(Bytes(Cow::Borrowed(bytes)))
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Bytes<'de>, E> {
        Ok(Bytes(Cow::Owned(bytes.to_vec())))
    }

    fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Bytes<'de>, E> {
        Ok(Bytes(Cow::Owned(bytes)))
    }

    /// Formats without bytes, such as JSON, have a list of numbers.
    fn visit_seq<A: SeqAccess<'de>>(self, mut numbers: A) -> Result<Bytes<'de>, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = numbers.next_element()? {
            bytes.push(byte);
        }
        Ok(Bytes(Cow::Owned(bytes)))
    }
}

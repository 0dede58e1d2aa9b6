//! Taking bytes apart.

use alloc::vec::Vec;

use super::{BlobRange, KnowledgeBlob, VERSION_3, VERSION_5};
use crate::{
    DecodeError, IdFormat, IdFormatGroup, ItemId, ReplicaId, ReplicaKey, ReplicaKeyMap, Tick,
};

/// An element of a clock vector: a key and a tick.
const ELEMENT: usize = 4 + 8;

/// Reads a whole blob.
pub(super) fn blob(bytes: &[u8]) -> Result<KnowledgeBlob, DecodeError> {
    let mut reader = Reader { bytes, at: 0 };
    let blob = match reader.u32("version")? {
        VERSION_5 => version_5(&mut reader)?,
        VERSION_3 => version_3(&mut reader)?,
        version => return Err(DecodeError::UnsupportedVersion { version }),
    };
    match reader.left() {
        0 => Ok(blob),
        count => Err(DecodeError::TrailingBytes {
            offset: reader.at,
            count,
        }),
    }
}

fn version_5(reader: &mut Reader<'_>) -> Result<KnowledgeBlob, DecodeError> {
    reader.require("first reserved field", 0)?;
    reader.require("second reserved field", 1)?;
    reader.require("third reserved field", 0)?;
    reader.require("section of the replica key map", 5)?;
    let replica = reader.replica_format("replica id format of the key map")?;
    let replicas = reader.replicas(replica)?;
    reader.require("section of the id formats", 24)?;
    let at = reader.at;
    if reader.format("replica id format")? != replica {
        return Err(DecodeError::ContradictoryFormats { offset: at });
    }
    let item = reader.format("item id format")?;
    let change_unit = reader.format("change unit id format")?;
    reader.require("section of the clock vectors", 21)?;
    let count = reader.count("number of clock vectors", 8)?;
    let (mut elements, mut ends) = (Vec::new(), Vec::with_capacity(count));
    for _ in 0..count {
        reader.vector(&replicas, &mut elements)?;
        ends.push(elements.len());
    }
    reader.require("section of the range sets", 23)?;
    reader.require("number of range sets", 1)?;
    reader.require("section of the range set", 22)?;
    let ranges = reader.ranges(item, count)?;
    reader.require("number of column sets", 0)?;
    reader.require("section of the trailer", 25)?;
    reader.require_byte("flag of the trailer", 1)?;
    reader.require("end of the trailer", 0)?;
    let formats = IdFormatGroup {
        replica,
        item,
        change_unit,
    };
    Ok(KnowledgeBlob {
        version: VERSION_5,
        formats,
        replicas,
        elements,
        ends,
        ranges,
    })
}

fn version_3(reader: &mut Reader<'_>) -> Result<KnowledgeBlob, DecodeError> {
    reader.require("reserved field", 0)?;
    reader.require("section of the replica key map", 5)?;
    let replica = reader.replica_format("replica id format of the key map")?;
    let replicas = reader.replicas(replica)?;
    let item = reader.format("item id format")?;
    let change_unit = reader.format("change unit id format")?;
    let mut elements = Vec::new();
    reader.vector(&replicas, &mut elements)?;
    reader.require("section of the first exception table", 3)?;
    reader.require("number of exceptions in the first table", 0)?;
    reader.require("section of the second exception table", 6)?;
    reader.require("section of the third exception table", 4)?;
    reader.require("number of exceptions in the second table", 0)?;
    reader.require("number of exceptions in the third table", 0)?;
    let ends = [elements.len()].into();
    let ranges = [BlobRange {
        lower_bound: ItemId::lowest(&item),
        vector: 0,
    }]
    .into();
    let formats = IdFormatGroup {
        replica,
        item,
        change_unit,
    };
    Ok(KnowledgeBlob {
        version: VERSION_3,
        formats,
        replicas,
        elements,
        ends,
        ranges,
    })
}

/// What is left of the bytes. All numbers have their high byte first.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    fn take(&mut self, field: &'static str, length: usize) -> Result<&'a [u8], DecodeError> {
        let (offset, left) = (self.at, self.left());
        let cut_off = DecodeError::CutOff {
            field,
            offset,
            needed: length,
            left,
        };
        let taken = self.bytes[self.at..].get(..length).ok_or(cut_off)?;
        self.at += length;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], DecodeError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(field, N)?);
        Ok(array)
    }

    fn u32(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        self.array(field).map(u32::from_be_bytes)
    }

    fn require(&mut self, field: &'static str, expected: u32) -> Result<(), DecodeError> {
        let offset = self.at;
        match self.u32(field)? {
            found if found == expected => Ok(()),
            found => Err(DecodeError::UnexpectedValue {
                field,
                offset,
                expected,
                found,
            }),
        }
    }

    fn require_byte(&mut self, field: &'static str, expected: u8) -> Result<(), DecodeError> {
        let offset = self.at;
        let [found] = self.array(field)?;
        if found == expected {
            return Ok(());
        }
        let (expected, found) = (expected.into(), found.into());
        Err(DecodeError::UnexpectedValue {
            field,
            offset,
            expected,
            found,
        })
    }

    /// How many there are of something that takes at least `least` bytes each.
    fn count(&mut self, field: &'static str, least: usize) -> Result<usize, DecodeError> {
        let offset = self.at;
        let count = self.u32(field)?;
        let room = self.left() / least;
        match usize::try_from(count) {
            Ok(count) if count <= room => Ok(count),
            _ => Err(DecodeError::TooMany {
                field,
                offset,
                count,
                room,
            }),
        }
    }

    fn format(&mut self, field: &'static str) -> Result<IdFormat, DecodeError> {
        let offset = self.at;
        let [variable, high, low] = self.array(field)?;
        let stored = u16::from_be_bytes([high, low]);
        match (variable, stored) {
            (0, 1..) => Ok(IdFormat {
                variable: false,
                length: stored,
            }),
            (1, 3..) => Ok(IdFormat {
                variable: true,
                length: stored - 2,
            }),
            _ => Err(DecodeError::InvalidFormat {
                field,
                offset,
                variable,
                stored,
            }),
        }
    }

    /// A format whose every id is one of a replica.
    fn replica_format(&mut self, field: &'static str) -> Result<IdFormat, DecodeError> {
        let offset = self.at;
        let format = self.format(field)?;
        if usize::from(format.length) <= ReplicaId::MAX_LENGTH {
            return Ok(format);
        }
        let length = format.length;
        Err(DecodeError::ReplicaIdsTooLong {
            field,
            offset,
            length,
        })
    }

    /// The bytes of an id, which has at least `least`.
    fn id(
        &mut self,
        field: &'static str,
        format: IdFormat,
        least: usize,
    ) -> Result<&'a [u8], DecodeError> {
        if !format.variable {
            return self.take(field, format.length.into());
        }
        let offset = self.at;
        let stored = usize::from(u16::from_be_bytes(self.array(field)?));
        match stored.checked_sub(2) {
            Some(length) if (least..=format.length.into()).contains(&length) => {
                self.take(field, length)
            }
            _ => Err(DecodeError::InvalidIdLength {
                field,
                offset,
                stored,
            }),
        }
    }

    fn replicas(&mut self, format: IdFormat) -> Result<ReplicaKeyMap, DecodeError> {
        let least = if format.variable {
            2
        } else {
            format.length.into()
        };
        let count = self.count("number of replicas", least)?;
        let begin = self.at;
        let mut ids = Vec::with_capacity(count);
        for _ in 0..count {
            ids.push(ReplicaId::from_bytes(self.id("replica id", format, 0)?));
        }
        let repeated = |key: usize| -> DecodeError {
            // Only a map that is refused pays for the second look.
            let mut again = Reader {
                bytes: self.bytes,
                at: begin,
            };
            for _ in 0..key {
                let _ = again.id("replica id", format, 0);
            }
            DecodeError::DuplicateReplica {
                offset: again.at,
                key: key as u32,
            }
        };
        ReplicaKeyMap::from_distinct(ids).map_err(|at| match at {
            Some(key) => repeated(key),
            None => DecodeError::NoReplica { offset: begin },
        })
    }

    fn vector(
        &mut self,
        replicas: &ReplicaKeyMap,
        elements: &mut Vec<(ReplicaKey, Tick)>,
    ) -> Result<(), DecodeError> {
        self.require("section of a clock vector", 1)?;
        let count = self.count("number of clock vector elements", ELEMENT)?;
        elements.reserve(count);
        let mut least = 0;
        for _ in 0..count {
            let offset = self.at;
            let key = self.u32("replica key of a clock vector")?;
            let tick = self
                .array("tick of a clock vector")
                .map(u64::from_be_bytes)?;
            if key as usize >= replicas.len() {
                let replicas = replicas.len();
                return Err(DecodeError::KeyOutOfRange {
                    offset,
                    key,
                    replicas,
                });
            }
            if key < least {
                return Err(DecodeError::UnorderedVector { offset, key });
            }
            least = key + 1;
            elements.push((ReplicaKey(key), tick));
        }
        Ok(())
    }

    fn ranges(&mut self, format: IdFormat, vectors: usize) -> Result<Vec<BlobRange>, DecodeError> {
        let least = if format.variable {
            3
        } else {
            format.length.into()
        };
        let count = self.count("number of ranges", least + 4)?;
        let mut ranges: Vec<BlobRange> = Vec::with_capacity(count);
        for _ in 0..count {
            let offset = self.at;
            let id = self.id("lower bound of a range", format, 1)?;
            if ranges
                .last()
                .is_some_and(|before| before.lower_bound.as_bytes() >= id)
            {
                return Err(DecodeError::UnorderedRanges { offset });
            }
            let offset = self.at;
            let vector = self.u32("clock vector of a range")?;
            if vector as usize >= vectors {
                return Err(DecodeError::VectorOutOfRange {
                    offset,
                    vector,
                    vectors,
                });
            }
            ranges.push(BlobRange {
                lower_bound: ItemId::from_bytes(id),
                vector,
            });
        }
        Ok(ranges)
    }
}

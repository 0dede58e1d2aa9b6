//! Knowledge in a form of our own, which keeps all of it and says what it is.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use thiserror::Error;

use crate::serial::Parts;
use crate::{DecodeError, Knowledge};

/// What every envelope begins with.
const MAGIC: [u8; 4] = *b"SYNK";
/// The version of the form that is written.
const VERSION: u16 = 1;
const HEAD: usize = MAGIC.len() + 2;
const CHECKSUM: usize = 4;

/// Why bytes are no envelope.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum EnvelopeError {
    /// The bytes do not begin as an envelope does, or end before one could.
    #[error("the bytes are no knowledge envelope: they do not begin with \"SYNK\"")]
    NoEnvelope,
    /// The envelope was written by something newer.
    #[error("knowledge envelope version {version} cannot be read: expected version 1")]
    UnsupportedVersion {
        /// Its version.
        version: u16,
    },
    /// The bytes were changed after they were written, or are cut off.
    #[error("knowledge envelope is damaged: checksum {found:08x} instead of {expected:08x}")]
    Damaged {
        /// The checksum in the envelope.
        expected: u32,
        /// The checksum of the bytes.
        found: u32,
    },
    /// What is inside cannot be taken apart.
    #[error("knowledge envelope holds something else: {reason}")]
    Content {
        /// What bincode says.
        reason: String,
    },
    /// What is inside is no knowledge.
    #[error("knowledge envelope: {0}")]
    Knowledge(#[from] DecodeError),
}

/// Writes knowledge whole, column sets included, behind a magic, a version and before a checksum.
///
/// | bytes | what |
/// |---|---|
/// | 4 | `SYNK` |
/// | 2 | the version of this form, 1; high byte first |
/// | … | bincode 2, standard configuration: the scope's blob of version 5, and the column sets, each with its change units and a blob |
/// | 4 | CRC-32 (that of zip) of all bytes before; high byte first |
///
/// # Errors
///
/// None that is known: bincode can write all that knowledge consists of.
///
/// ```
/// use sync_knowledge::{Knowledge, ReplicaId, decode_envelope, encode_envelope};
///
/// let mut knowledge = Knowledge::new(ReplicaId::from_bytes(b"replica here ..."));
/// knowledge.set_local_tick(7);
/// let bytes = encode_envelope(&knowledge)?;
/// assert_eq!(decode_envelope(&bytes)?, knowledge);
/// # Ok::<(), sync_knowledge::EnvelopeError>(())
/// ```
pub fn encode_envelope(knowledge: &Knowledge) -> Result<Vec<u8>, EnvelopeError> {
    let parts = Parts::from(knowledge);
    let content = bincode::serde::encode_to_vec(parts, bincode::config::standard());
    let content = content.map_err(|error| EnvelopeError::Content {
        reason: error.to_string(),
    })?;
    let mut bytes = Vec::with_capacity(HEAD + content.len() + CHECKSUM);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&VERSION.to_be_bytes());
    bytes.extend_from_slice(&content);
    bytes.extend_from_slice(&crc_32(&bytes).to_be_bytes());
    Ok(bytes)
}

/// Reads what [`encode_envelope`] wrote. Time and memory are bounded by the number of bytes.
///
/// # Errors
///
/// If the bytes are no envelope, one of an unknown version, damaged, or hold no valid knowledge.
pub fn decode_envelope(bytes: &[u8]) -> Result<Knowledge, EnvelopeError> {
    let rest = bytes
        .strip_prefix(&MAGIC)
        .ok_or(EnvelopeError::NoEnvelope)?;
    let (version, rest) = rest.split_first_chunk().ok_or(EnvelopeError::NoEnvelope)?;
    let version = u16::from_be_bytes(*version);
    if version != VERSION {
        return Err(EnvelopeError::UnsupportedVersion { version });
    }
    let (content, checksum) = rest
        .split_last_chunk::<CHECKSUM>()
        .ok_or(EnvelopeError::NoEnvelope)?;
    let expected = u32::from_be_bytes(*checksum);
    let found = crc_32(&bytes[..bytes.len() - CHECKSUM]);
    if expected != found {
        return Err(EnvelopeError::Damaged { expected, found });
    }
    let content_error = |reason: String| EnvelopeError::Content { reason };
    // Borrowing: no length that the content claims is allocated before the bytes are there.
    let decoded = bincode::serde::borrow_decode_from_slice(content, bincode::config::standard());
    let (parts, read): (Parts<'_>, usize) =
        decoded.map_err(|error| content_error(error.to_string()))?;
    if read < content.len() {
        return Err(content_error("bytes follow the knowledge".into()));
    }
    Ok(parts.try_into()?)
}

/// The cyclic redundancy check of zip, gzip and PNG.
fn crc_32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut byte = 0;
        while byte < 256 {
            let mut remainder = byte as u32;
            let mut bit = 0;
            while bit < 8 {
                let low = remainder & 1;
                remainder = (remainder >> 1) ^ (0xedb8_8320 * low);
                bit += 1;
            }
            table[byte] = remainder;
            byte += 1;
        }
        table
    };
    let add = |crc: u32, byte: &u8| (crc >> 8) ^ TABLE[usize::from(crc as u8 ^ byte)];
    !bytes.iter().fold(u32::MAX, add)
}

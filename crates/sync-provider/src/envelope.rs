//! The one form in which what providers tell each other crosses a wire or is stored.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | `SYNM` |
//! | 1 | the kind of message |
//! | 2 | the version of its form; high byte first |
//! | … | the message, in [postcard's format](https://postcard.jamesmunns.com/wire-format) |
//! | 4 | CRC-32 (that of zip) of all bytes before; high byte first |
//!
//! A version goes up when a field is added, not when it is first used. A message of a later version is refused, never guessed at.

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::batch::{BatchOutcome, ChangeBatch, ChangeBatchRequest, SyncBatchParameters};
use crate::conflict::ConflictRecord;
use crate::error::ProviderError;
use crate::session::{BeginSession, ReplicaInfo};

/// What every envelope begins with.
const MAGIC: [u8; 4] = *b"SYNM";
const HEAD: usize = MAGIC.len() + 3;
const CHECKSUM: usize = 4;

/// The most bytes that an envelope may have: about the largest row of SQL Server or SQLite (2 GB) in a batch of its own.
pub const MOST_MESSAGE_BYTES: usize = (2 << 30) + (64 << 20);

/// A value that crosses or is stored.
pub trait Message: Serialize + DeserializeOwned {
    /// Tells it from all other kinds.
    const KIND: u8;
    /// The version of its form.
    const VERSION: u16;
    /// What it is called in an error.
    const NAME: &'static str;
}

/// Numbers are never given twice.
macro_rules! messages {
    ($($kind:literal $version:literal $message:ty, $name:literal;)*) => {
        $(impl Message for $message {
            const KIND: u8 = $kind;
            const VERSION: u16 = $version;
            const NAME: &'static str = $name;
        })*
    };
}

messages! {
    1 1 BeginSession, "beginning of a session";
    2 1 ReplicaInfo, "description of a replica";
    3 1 SyncBatchParameters, "batch parameters";
    4 1 ChangeBatchRequest, "request for a change batch";
    5 1 ChangeBatch, "change batch";
    6 1 BatchOutcome, "outcome of a batch";
    7 1 ProviderError, "error of a provider";
    8 1 ConflictRecord, "conflict record";
}

/// Why bytes are not the message that is expected.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// They do not begin as an envelope does, or end before one could.
    #[error("{name}: the bytes are no message of a provider: they do not begin with \"SYNM\"")]
    NoEnvelope {
        /// The message that is expected.
        name: &'static str,
    },
    /// They are another message.
    #[error("{name}: the bytes are a message of another kind, {kind}")]
    OtherKind {
        /// The message that is expected.
        name: &'static str,
        /// The kind that came.
        kind: u8,
    },
    /// The message was written by something newer, or by nothing that there ever was.
    #[error(
        "{name}: version {version} cannot be read, the latest that can is {known}; upgrade this side"
    )]
    UnsupportedVersion {
        /// The message that is expected.
        name: &'static str,
        /// Its version.
        version: u16,
        /// The latest that can be read.
        known: u16,
    },
    /// The bytes were changed after they were written, or are cut off.
    #[error(
        "{name}: the bytes are damaged, their checksum is {found:08x} instead of {expected:08x}; send or make them again"
    )]
    Damaged {
        /// The message that is expected.
        name: &'static str,
        /// The checksum in the envelope.
        expected: u32,
        /// The checksum of the bytes.
        found: u32,
    },
    /// What is inside is no such message.
    #[error("{name}: {reason}")]
    Content {
        /// The message that is expected.
        name: &'static str,
        /// What does not fit.
        reason: String,
    },
    /// There are more bytes than a message may have.
    #[error(
        "{name}: it has {bytes} bytes, and the most are {MOST_MESSAGE_BYTES}; use smaller batches"
    )]
    TooLarge {
        /// The message.
        name: &'static str,
        /// How many there are.
        bytes: usize,
    },
}

/// Puts a message into its envelope.
///
/// ```
/// use sync_provider::{SyncBatchParameters, decode, encode};
///
/// let parameters = SyncBatchParameters { knowledge: vec![5], remembered: Vec::new() };
/// let bytes = encode(&parameters)?;
/// assert_eq!(decode::<SyncBatchParameters>(&bytes)?, parameters);
/// # Ok::<(), sync_provider::EnvelopeError>(())
/// ```
///
/// # Errors
/// The message is larger than [`MOST_MESSAGE_BYTES`].
pub fn encode<M: Message>(message: &M) -> Result<Vec<u8>, EnvelopeError> {
    let mut bytes = Vec::with_capacity(HEAD);
    bytes.extend_from_slice(&MAGIC);
    bytes.push(M::KIND);
    bytes.extend_from_slice(&M::VERSION.to_be_bytes());
    let mut bytes = postcard::to_extend(message, bytes).map_err(|error| content::<M>(&error))?;
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
    check_size::<M>(&bytes)?;
    Ok(bytes)
}

/// Takes a message out of its envelope. Time and memory are bounded by the number of bytes.
///
/// # Errors
/// The bytes are no envelope, hold another message or one of an unknown version, or are damaged.
pub fn decode<M: Message>(bytes: &[u8]) -> Result<M, EnvelopeError> {
    let name = M::NAME;
    check_size::<M>(bytes)?;
    let no_envelope = EnvelopeError::NoEnvelope { name };
    let rest = bytes.strip_prefix(&MAGIC).ok_or(no_envelope.clone())?;
    let (&[kind, high, low], rest) = rest.split_first_chunk().ok_or(no_envelope.clone())?;
    if kind != M::KIND {
        return Err(EnvelopeError::OtherKind { name, kind });
    }
    let version = u16::from_be_bytes([high, low]);
    if version != M::VERSION {
        return Err(EnvelopeError::UnsupportedVersion {
            name,
            version,
            known: M::VERSION,
        });
    }
    let (inside, checksum) = rest.split_last_chunk::<CHECKSUM>().ok_or(no_envelope)?;
    let expected = u32::from_be_bytes(*checksum);
    let found = crc32fast::hash(&bytes[..bytes.len() - CHECKSUM]);
    if expected != found {
        return Err(EnvelopeError::Damaged {
            name,
            expected,
            found,
        });
    }
    // From a slice: no length that is claimed is allocated before the bytes are there.
    let (message, left) =
        postcard::take_from_bytes(inside).map_err(|error| content::<M>(&error))?;
    match left.is_empty() {
        true => Ok(message),
        false => Err(EnvelopeError::Content {
            name,
            reason: format!("{} bytes follow it", left.len()),
        }),
    }
}

fn check_size<M: Message>(bytes: &[u8]) -> Result<(), EnvelopeError> {
    match bytes.len() <= MOST_MESSAGE_BYTES {
        true => Ok(()),
        false => Err(EnvelopeError::TooLarge {
            name: M::NAME,
            bytes: bytes.len(),
        }),
    }
}

fn content<M: Message>(error: &postcard::Error) -> EnvelopeError {
    EnvelopeError::Content {
        name: M::NAME,
        reason: error.to_string(),
    }
}

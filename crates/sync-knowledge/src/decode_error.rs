//! Why bytes are no knowledge.

use thiserror::Error;

/// Why bytes are no knowledge. Offsets count bytes from the beginning of the blob.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum DecodeError {
    /// The version is none whose form is known.
    #[error("knowledge of version {version} cannot be read: expected version 5 or 3")]
    UnsupportedVersion {
        /// What the first field says.
        version: u32,
    },
    /// The bytes end within a field.
    #[error("knowledge is cut off in {field} at byte {offset}: {needed} bytes needed, {left} left")]
    CutOff {
        /// The field.
        field: &'static str,
        /// Where it begins.
        offset: usize,
        /// How many bytes it takes.
        needed: usize,
        /// How many there are.
        left: usize,
    },
    /// There are bytes after the last field.
    #[error("{count} bytes follow the end of the knowledge at byte {offset}")]
    TrailingBytes {
        /// Where the knowledge ends.
        offset: usize,
        /// How many bytes follow.
        count: usize,
    },
    /// A field that was only ever seen with one value has another, whose meaning is not known.
    #[error("{field} at byte {offset} is {found}, of which only {expected} is understood")]
    UnexpectedValue {
        /// The field.
        field: &'static str,
        /// Where it begins.
        offset: usize,
        /// The value that is understood.
        expected: u32,
        /// The value that is there.
        found: u32,
    },
    /// A count claims more than the bytes that are left can hold.
    #[error("{field} at byte {offset} is {count}, but no more than {room} fit into what follows")]
    TooMany {
        /// The count.
        field: &'static str,
        /// Where it begins.
        offset: usize,
        /// What it claims.
        count: u32,
        /// How many there is room for.
        room: usize,
    },
    /// An id format has an unknown flag or leaves no room for an id.
    #[error("{field} at byte {offset} is no id format: flag {variable}, length {stored}")]
    InvalidFormat {
        /// The field.
        field: &'static str,
        /// Where it begins.
        offset: usize,
        /// Whether ids differ in length: 0 or 1 is understood.
        variable: u8,
        /// The length, which includes two bytes of its own where ids differ in length.
        stored: u16,
    },
    /// Replica ids would be longer than any can be, see [`ReplicaId::MAX_LENGTH`](crate::ReplicaId).
    #[error(
        "{field} at byte {offset} is for ids of {length} bytes: replica ids have at most 65533"
    )]
    ReplicaIdsTooLong {
        /// The field.
        field: &'static str,
        /// Where it begins.
        offset: usize,
        /// The length of the ids.
        length: u16,
    },
    /// The two places that give the format of replica ids do not agree.
    #[error("replica id format at byte {offset} is not that of the key map")]
    ContradictoryFormats {
        /// Where the second one is.
        offset: usize,
    },
    /// The length of an id is not one of its format.
    #[error("{field} at byte {offset} has length {stored}, which its format does not admit")]
    InvalidIdLength {
        /// The field.
        field: &'static str,
        /// Where it begins.
        offset: usize,
        /// The length, the two bytes of the length included.
        stored: usize,
    },
    /// The key map is empty; it must at least hold the owner.
    #[error("replica key map at byte {offset} holds no replica, not even the owner")]
    NoReplica {
        /// Where the first replica would be.
        offset: usize,
    },
    /// A replica has two keys.
    #[error("replica key {key} at byte {offset} repeats the id of an earlier one")]
    DuplicateReplica {
        /// Where the second one is.
        offset: usize,
        /// The second key.
        key: u32,
    },
    /// A clock vector speaks of a replica that has no key.
    #[error("replica key {key} at byte {offset} is not in the key map of {replicas} replicas")]
    KeyOutOfRange {
        /// Where the key is.
        offset: usize,
        /// The key.
        key: u32,
        /// How many replicas there are.
        replicas: usize,
    },
    /// The keys of a clock vector do not ascend (SYNC_E_INVALIDORDERFORVECTORELEMENTS).
    #[error("replica key {key} at byte {offset} does not follow the one before it")]
    UnorderedVector {
        /// Where the key is.
        offset: usize,
        /// The key.
        key: u32,
    },
    /// The lower bounds of the ranges do not ascend.
    #[error("lower bound at byte {offset} does not follow that of the range before it")]
    UnorderedRanges {
        /// Where the bound is.
        offset: usize,
    },
    /// A range has a clock vector that there is not.
    #[error("clock vector {vector} at byte {offset} does not exist: there are {vectors}")]
    VectorOutOfRange {
        /// Where the vector is named.
        offset: usize,
        /// Its place.
        vector: u32,
        /// How many vectors there are.
        vectors: usize,
    },
    /// The first range does not begin with the lowest id, or there is none.
    #[error("no range begins with the lowest item id, so nothing is said of the first items")]
    NoLowestRange,
    /// Clock vector 0 of version 5, always the empty one where it was seen, has elements.
    #[error("clock vector 0 has elements: it is expected to be the empty one")]
    FirstVectorNotEmpty,
    /// The column sets of an envelope do not belong to its knowledge.
    #[error("column set {place} of the knowledge {reason}")]
    InvalidColumnSet {
        /// Which one, counted from 0.
        place: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
}

//! Knowledge.
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

extern crate alloc;

mod algebra;
mod blob;
mod builder;
mod change_unit_id;
mod clock_vector;
mod cookie;
mod decode_error;
mod difference;
#[cfg(feature = "serde")]
mod envelope;
mod forgotten;
mod fragments;
mod id_format;
mod inspector;
mod item_id;
mod key_map;
mod key_mapping;
mod knowledge;
mod project;
mod range_set;
mod relation;
mod replica_id;
#[cfg(feature = "serde")]
mod serial;
mod vector_table;
mod version;

pub use blob::{BlobRange, ConvertError, KnowledgeBlob};
pub use builder::{BuildError, KnowledgeBuilder};
pub use change_unit_id::ChangeUnitId;
pub use clock_vector::ClockVector;
pub use cookie::KnowledgeCookie;
pub use decode_error::DecodeError;
pub use difference::Gap;
#[cfg(feature = "serde")]
pub use envelope::{EnvelopeError, decode_envelope, encode_envelope};
pub use forgotten::ForgottenKnowledge;
pub use id_format::{IdFormat, IdFormatGroup};
pub use inspector::{ColumnSet, KnowledgeInspector, Override};
pub use item_id::ItemId;
pub use key_map::ReplicaKeyMap;
pub use key_mapping::KeyMapping;
pub use knowledge::{Knowledge, Range};
pub use relation::Relation;
pub use replica_id::ReplicaId;
pub use version::{ReplicaKey, Tick, Version};

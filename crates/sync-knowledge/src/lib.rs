//! What a replica knows: the changes of every other replica up to some tick, with exceptions.
//!
//! Replicas that change the same items and exchange their changes pairwise need to say in few bytes
//! what they have already seen. They do it with *knowledge*: one tick per replica for all items,
//! and ranges of items for which it is different. This crate holds the algebra of knowledge and the
//! bytes in which Microsoft Sync Framework keeps it; databases written by its version 2.1 are read
//! and written as they are. It does no I/O, needs no clock and, without its default feature, no
//! standard library.
//!
//! - [`Knowledge`]: what is known; [`combine`](Knowledge::combine),
//!   [`contains`](Knowledge::contains), [`project_onto_item`](Knowledge::project_onto_item),
//!   [`exclude_item`](Knowledge::exclude_item) …
//! - [`ForgottenKnowledge`]: what a replica can no longer tell, because it removed its tombstones.
//! - [`Version`], [`ReplicaKey`], [`Tick`]: one change. [`ClockVector`]: one tick per replica.
//! - [`ReplicaKeyMap`], [`KeyMapping`]: replicas have long ids, and short keys that are local to
//!   their owner.
//! - [`KnowledgeBlob`]: the binary form without any loss; [`Knowledge::to_bytes`] and
//!   [`Knowledge::from_bytes`] for those who want the meaning only.
//! - [`KnowledgeBuilder`], [`KnowledgeInspector`]: knowledge from parts and into parts.
//!
//! # Two replicas exchange their changes
//!
//! ```
//! use sync_knowledge::{ItemId, Knowledge, ReplicaId, ReplicaKey, Version};
//!
//! // Each replica counts its own changes: its tick. Alice made three, Bob made five.
//! let mut alice = Knowledge::new(ReplicaId::from_bytes(b"replica of alice"));
//! let mut bob = Knowledge::new(ReplicaId::from_bytes(b"replica of bob ."));
//! alice.set_local_tick(3);
//! bob.set_local_tick(5);
//!
//! // Bob tells Alice what he knows. She reads it with her own keys for the replicas ...
//! let from_bob = Knowledge::from_bytes(&bob.to_bytes())?;
//! let destination = alice.map_remote_to_local(&from_bob);
//!
//! // ... and sends him each row that he does not know.
//! let row = ItemId::from_text("[customer]-7");
//! let version = Version::new(ReplicaKey::LOCAL, 2);
//! assert!(!destination.contains(row.as_bytes(), version));
//!
//! // With the rows goes what Alice knew when she sent them. Bob could not apply one of the rows, so
//! // he learns all of it but that.
//! let mut learned = Knowledge::from_bytes(&alice.to_bytes())?;
//! learned.exclude_item(&row);
//! bob.combine(&learned);
//!
//! // Next time that row, and no other, is sent again.
//! let destination = alice.map_remote_to_local(&bob);
//! assert!(!destination.contains(row.as_bytes(), version));
//! assert!(destination.contains(ItemId::from_text("[customer]-8").as_bytes(), version));
//! # Ok::<(), sync_knowledge::DecodeError>(())
//! ```
//!
//! # Features
//!
//! - `std` (default): the standard library in the dependencies. Without it the crate needs `alloc`
//!   and atomics.
//! - `serde`: `Serialize` and `Deserialize`, and an envelope of our own that keeps all of a
//!   knowledge (`encode_envelope`, `decode_envelope`).
//! - `xml`: the XML form (`Knowledge::to_xml`, `Knowledge::from_xml`).
//!
//! # What may come from outside
//!
//! Decoders check every length against the bytes that are there before they allocate, and take time
//! and memory in proportion to them; they never panic. How large a blob is acceptable is for the
//! caller to say: joining two knowledges can give as many vectors as both have ranges, which
//! [`Knowledge::combined_entries_at_most`] foretells. Whoever reads
//! bincode with serde, rather than the envelope, gives its configuration a limit: without one,
//! bincode allocates what a length claims before it looks at what is there.
//!
//! # Sources
//!
//! The model is that of Malkhi and Terry, *Concise Version Vectors in WinFS* (Distributed Computing
//! 20, 2007); names and operations are those of Microsoft Sync Framework 2.1; the binary form is
//! specified in \[MS-FSVCA\], the XML form in \[MS-XSSK\].

#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

extern crate alloc;
#[cfg(feature = "xml")]
extern crate std;

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
mod growth;
mod id_format;
mod id_index;
mod id_match;
mod inspector;
mod item_id;
mod key_map;
mod key_mapping;
mod knowledge;
mod numbering;
mod project;
mod range_set;
mod relation;
mod replica_id;
#[cfg(feature = "serde")]
mod serial;
mod vector_table;
mod version;
#[cfg(feature = "xml")]
mod xml;

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
#[cfg(feature = "xml")]
pub use xml::XmlError;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;

//! The contract of a synchronisation provider, and the pure decisions behind it.
//!
//! An orchestrator holds two [`SyncProvider`]s and moves [`ChangeBatch`]es between them. What a provider decides on the way is not its own
//! affair: what to send ([`Selection`]), whether an incoming row is needed, applied, settled or in conflict ([`Judge`]), who wins
//! ([`ConflictPolicy`]), which version the outcome gets ([`Stamper`]) and what the direction teaches ([`learn`]) are functions of this
//! crate, called alike by the databases and by the in-memory reference provider (feature `memory`). So what is proved of the one holds for
//! the others.
#![forbid(unsafe_code)]

mod batch;
mod columns;
mod compatible;
mod conflict;
mod decide;
mod effect;
mod error;
mod handler;
mod learn;
#[cfg(feature = "memory")]
pub mod memory;
mod normal_key;
mod outside;
mod policy;
mod position;
mod provider;
mod row_set;
mod select;
mod session;
mod settlement;
mod table_shape;
mod verdict;

pub use batch::{
    BatchKind, BatchOutcome, ChangeBatch, ChangeBatchRequest, Next, RowHead, SyncBatchParameters,
    TableChanges, TableKeys, Unsent, UnsentRows,
};
pub use columns::ColumnMap;
pub use compatible::check_compatible;
pub use conflict::{ConflictRecord, ConflictSide, ConflictType};
pub use decide::{Decision, Judge, RowFacts, Rules, Sameness, Stamp, Stamper};
pub use effect::{Effect, RowEffect};
pub use error::ProviderError;
pub use handler::{ApplyAction, ApplyHandler};
pub use learn::{Lesson, is_alone, learn, worth_storing};
pub use normal_key::NormalKey;
pub use outside::{
    GREATEST_COMBINED, check_combined, head_from_outside, knowledge_from_outside,
    version_from_outside,
};
pub use policy::{ConflictPolicy, Contender, ErrorPolicy, Winner};
pub use position::Position;
pub use provider::{Ending, SyncProvider};
pub use row_set::{Cells, RowRef, RowSet, RowWriter};
pub use select::{Selection, check_not_outdated};
pub use session::{BeginSession, ReplicaInfo, SessionId};
pub use settlement::{
    greatest_settlement_tick, is_settlement, settlement_order, settlement_replica,
};
pub use table_shape::TableShape;
pub use verdict::{
    Arbiter, IncomingRow, LocalRow, Outcome, Verdict, check_edited, failure_record, unsent_record,
};

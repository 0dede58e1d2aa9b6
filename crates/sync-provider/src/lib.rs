//! The contract of a synchronisation provider.
//!
//! An orchestrator holds two [`SyncProvider`]s and moves [`ChangeBatch`]es between them. This crate is what a third party implements or forwards,
//! and nothing else: the verbs, and the values that cross. What is decided on the way stands in `sync-decision`.
#![forbid(unsafe_code)]

mod batch;
mod call;
mod conflict;
mod effect;
mod envelope;
mod error;
mod handler;
mod policy;
mod position;
mod provider;
mod row_set;
mod session;

pub use batch::{
    BatchKind, BatchOutcome, ChangeBatch, ChangeBatchRequest, Next, RowHead, SyncBatchParameters,
    TableChanges, TableKeys, Unsent, UnsentRows,
};
pub use call::{Call, Calls, Turn};
pub use conflict::{ConflictRecord, ConflictSide, ConflictType};
pub use effect::{Effect, RowEffect};
pub use envelope::{EnvelopeError, MOST_MESSAGE_BYTES, Message, decode, encode};
pub use error::ProviderError;
pub use handler::{ApplyAction, ApplyHandler};
pub use policy::{ConflictPolicy, ErrorPolicy, Winner};
pub use position::Position;
pub use provider::{Ending, SyncProvider};
pub use row_set::{Cells, RowRef, RowSet, RowWriter};
pub use session::{BeginSession, Capability, ContractVersion, ReplicaInfo, SessionId};

/// The examples of the README, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;

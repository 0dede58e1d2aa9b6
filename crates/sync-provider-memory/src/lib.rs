//! The in-memory reference provider: the same decisions as the databases, over plain maps.
//!
//! [`MemoryReplica`] is a value: it can be cloned and compared, and a whole direction between two of them is a function call, which is what
//! the exhaustive proofs run. [`MemoryProvider`] puts one behind the [`SyncProvider`](sync_provider) contract for the conformance
//! suite and for tests of orchestration.

mod apply;
mod enumerate;
mod provider;
mod replica;
mod transfer;

pub use apply::Direction;
pub use provider::MemoryProvider;
pub use replica::{MemoryReplica, MemoryRow};
pub use transfer::transfer;

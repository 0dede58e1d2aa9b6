//! A store whose reading and writing is done by named commands, as Sync Framework's `DbSyncProvider` does it: row by row, with its parameters and
//! row counts, and many rows at a time where there are commands for that.
//!
//! The commands of a table ([`DbSyncAdapter`]) may be the procedures that Sync Framework made for it, or statements that somebody wrote.
//! [`CommandStore`] knows which of them to run for a row and in what order; a [`CommandConnection`] runs them. What is decided about a row is decided
//! where it always is, so a community does not care which way its members take.
//!
//! What a store of commands lacks: a place for rows that wait, for whether it was a source, and for who wrote a row and when. So rows that wait are
//! exceptions in the knowledge and nothing else, which makes the source look from the exception's tick on in each session until they
//! are through; it never counts as a pristine; and policies that need time or writer are refused.

mod adapter;
mod cleanup;
mod command;
mod connection;
mod enumerate;
mod program;
mod provider;
mod read;
mod role;
mod scope;
mod session_value;
mod signature;
mod store;
#[cfg(test)]
mod tests;
mod write;

pub use adapter::{
    BulkCommand, BulkCommands, CreationVersion, DbSyncAdapter, DbSyncAdapterBuilder,
};
pub use cleanup::MetadataCleanup;
pub use command::{Command, CommandText, DbCommand, Direction, Input};
pub use connection::{
    BulkCall, CallError, CallFailure, Cells, CommandConnection, Program, Query, Step, Transaction,
};
pub use program::ChangeTrackingModel;
pub use provider::{CommandConnections, CommandSet, DbSyncProvider, DbSyncProviderBuilder};
pub use role::CommandRole;
pub use scope::{ScopeCommands, WrittenScopeCommands};
pub use session_value::{DbSyncSession, SessionValue};
pub use signature::{Parameter, Signature};
pub use store::{CommandScope, CommandStore};

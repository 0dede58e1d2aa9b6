//! A store whose reading and writing is done by named commands, as Sync Framework's `DbSyncProvider` does it: row by row, with its parameters and
//! row counts, and many rows at a time where there are commands for that.
//!
//! The commands of a table ([`SyncAdapter`]) may be the procedures that Sync Framework made for it, or statements that somebody wrote.
//! [`CommandStore`] knows which of them to run for a row and in what order; a [`CommandConnection`] runs them. What is decided about a row is decided
//! where it always is, so a community does not care which way its members take.
//!
//! What a store of commands lacks: a place for rows that wait, for whether it was a source, and for who wrote a row and when. So rows that wait are
//! exceptions in the knowledge and nothing else, which makes the source look from the exception's tick on in each session until they
//! are through; it never counts as a newcomer; and policies that need time or writer are refused.

mod adapter;
mod command;
mod connection;
mod enumerate;
mod read;
mod session_value;
mod signature;
mod store;
#[cfg(test)]
mod tests;
mod write;

pub use adapter::{BulkCommand, BulkCommands, CommandRole, SyncAdapter};
pub use command::{Command, CommandText, Input};
pub use connection::{
    BulkCall, CallError, CallFailure, Cells, CommandConnection, Program, Query, Step, Transaction,
};
pub use session_value::SessionValue;
pub use signature::{Parameter, Signature};
pub use store::{CommandScope, CommandStore, ScopeCommands};

//! The seam to an engine: a connection that runs commands with named values.

use std::time::Duration;

use async_trait::async_trait;
use sync_decision::TableShape;
use sync_metadata::Value;
use sync_provider::{ProviderError, RowSet};

use super::{BulkCommand, Command, Parameter, Signature};
use sync_relational::{Attempt, Patience};

/// The cells of a row that was read: each its value, or why it cannot be read.
pub type Cells = Vec<Result<Value, String>>;

/// What a transaction is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transaction {
    /// Reading, all of it as the database was at one moment: a snapshot, or reads that others wait for.
    Read,
    /// Applying rows. Nobody else applies to the scope meanwhile, and a row that was read stays as it is.
    Apply,
}

/// A command that returns rows, run once for each row of arguments.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The command.
    pub command: &'a Command,
    /// The names of its arguments.
    pub signature: &'a Signature,
    /// One row per call.
    pub arguments: &'a RowSet,
    /// The columns to read, by name, whatever else the command returns; one that it does not return is a cell that cannot be read. Where the command
    /// has outputs, those are read instead.
    pub result: &'a [Parameter],
}

/// What is done for one row: one step after the other, each of which has to write something. All of it, or nothing, is done.
#[derive(Clone, Debug)]
pub struct Program<'a> {
    /// The steps.
    pub steps: Vec<Step<'a>>,
}

/// A command that says how many rows it wrote, and another one to be tried where that were none.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// The command.
    pub command: &'a Command,
    /// Run where the first wrote nothing.
    pub otherwise: Option<&'a Command>,
}

/// Rows for a command that takes many.
#[derive(Clone, Copy, Debug)]
pub struct BulkCall<'a> {
    /// The command.
    pub command: &'a BulkCommand,
    /// Which rows of the arguments it takes.
    pub rows: &'a [usize],
}

/// A row that was not written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallFailure {
    /// Which row of the arguments.
    pub row: usize,
    /// At which step of its program, from 0.
    pub step: usize,
    /// The database's error; `None` where the step wrote no row.
    pub reason: Option<String>,
}

/// Why calls that write were not carried out. Nothing is left of the transaction.
#[derive(Debug)]
#[non_exhaustive]
pub enum CallError {
    /// The database refused a row and undid the whole transaction.
    Undone {
        /// Which row of the arguments, where the connection can tell.
        row: Option<usize>,
        /// The database's error.
        reason: String,
    },
    /// Anything else.
    Failed(ProviderError),
}

impl CallError {
    /// Where the calls are about the object as a whole.
    pub fn at(self, object: String) -> ProviderError {
        match self {
            CallError::Undone { reason, .. } => {
                ProviderError::database(object, reason, "run it again")
            }
            CallError::Failed(error) => error,
        }
    }
}

impl From<ProviderError> for CallError {
    fn from(error: ProviderError) -> Self {
        CallError::Failed(error)
    }
}

/// One connection that runs commands; used for a call at a time, and closed when it is dropped.
///
/// An error of a call means that the transaction, or the connection, cannot be used any more. What goes wrong about one row is part of
/// the answer.
#[async_trait]
pub trait CommandConnection: Send {
    /// Why a key could not be stored so that it comes out again as it is written: it would be another row then.
    fn unkeepable(&self, shape: &TableShape, key: &RowSet) -> Option<String> {
        let _ = (shape, key);
        None
    }

    /// Why a row that was found under a key is not the one that is meant: the database takes their keys for the same, and they are written
    /// differently.
    fn mistaken(&self, shape: &TableShape, incoming: &RowSet, here: &[Value]) -> Option<String> {
        let _ = (shape, incoming, here);
        None
    }

    /// Makes a fresh connection, in which nothing is open, after an error that [is transient](ProviderError::is_transient).
    async fn reconnect(&mut self) -> Result<(), ProviderError> {
        self.rollback().await
    }

    /// Lets time pass before that.
    async fn wait(&mut self, time: Duration) {
        let _ = time;
    }

    /// Opens a transaction. For one that applies, others that do are waited for with this patience.
    async fn begin(
        &mut self,
        transaction: Transaction,
        patience: Patience,
    ) -> Result<Attempt<()>, ProviderError>;

    /// Commits it.
    async fn commit(&mut self) -> Result<(), ProviderError>;

    /// Undoes it, if one is open.
    async fn rollback(&mut self) -> Result<(), ProviderError>;

    /// Runs queries, in one round trip where the engine can, and hands each row over: number of the query, row of its arguments, cells.
    async fn query(
        &mut self,
        queries: &[Query<'_>],
        take: &mut (dyn FnMut(usize, usize, Cells) + Send),
    ) -> Result<(), ProviderError>;

    /// Runs queries, each with one row of arguments, and keeps the rows of each aside for a table, until the transaction ends: in one round trip
    /// where the engine can. Gives back how many each kept.
    async fn keep(&mut self, queries: &[(usize, Query<'_>)]) -> Result<Vec<u64>, ProviderError>;

    /// Hands over rows that were kept, at most so many and in their order: the number of each, above `after`, and its cells. Fewer come only where
    /// there are no more.
    async fn kept(
        &mut self,
        table: usize,
        deleted: bool,
        after: i64,
        most: usize,
        take: &mut (dyn FnMut(i64, Cells) + Send),
    ) -> Result<(), ProviderError>;

    /// Runs the program of each row, in a savepoint of its own. The rows are those of a table, or the scope's own.
    async fn run(
        &mut self,
        table: Option<usize>,
        signature: &Signature,
        arguments: &RowSet,
        programs: &[Program<'_>],
        program_of: &[usize],
    ) -> Result<Vec<CallFailure>, CallError>;

    /// Runs commands for many rows, one after the other. A command that fails is undone, and all its rows count as not written.
    async fn run_bulk(
        &mut self,
        table: usize,
        signature: &Signature,
        arguments: &RowSet,
        calls: &[BulkCall<'_>],
    ) -> Result<Vec<CallFailure>, CallError>;
}

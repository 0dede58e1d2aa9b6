//! Looking at a replica without changing it: what `status` and `verify` show.

use async_trait::async_trait;
use sync_decision::{RowFacts, TableShape};
use sync_knowledge::{Knowledge, Tick};
use sync_metadata::Value;
use sync_provider::{ProviderError, RowRef};
use uuid::Uuid;

use crate::scope::own_knowledge;
use crate::store::Scope;

/// Who provisioned a store.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum ProvisionedBy {
    /// This project.
    Syncdb,
    /// Microsoft's provider.
    Msf,
}

/// A scope as a look at the database shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct ScopeStatus {
    /// Its name.
    pub name: String,
    /// Version of its store's metadata, such as `2.1`.
    pub metadata_version: String,
    /// Who provisioned the store.
    pub provisioned_by: ProvisionedBy,
    /// `scope_local_id`.
    pub scope_local_id: i32,
    /// The replica id (`scope_id`).
    pub replica_id: Uuid,
    /// `scope_restore_count`.
    pub restore_count: i32,
    /// The greatest local tick in use.
    pub tick: Tick,
    /// Whether changes of this replica were ever handed to another one.
    pub was_source: bool,
    /// Rows changed here since a session last read its changes; `None` where the database cannot tell, since scopes share a counter.
    pub unread: Option<u64>,
    /// Encoded knowledge; `None` until a session has brought something.
    pub knowledge: Option<Vec<u8>>,
    /// Encoded forgotten knowledge.
    pub forgotten: Option<Vec<u8>>,
    /// Its tables.
    pub tables: Vec<TableStatus>,
    /// Rows that wait for a later session, the first [`ScopeStatus::MOST_WAITING`] of them.
    pub waiting: Vec<WaitingRow>,
    /// What the user should know, a sentence each.
    pub warnings: Vec<String>,
    /// What keeps the scope from being synchronised as it is described, with the way out, a sentence each: tables, columns or triggers that
    /// are gone.
    pub problems: Vec<String>,
}

impl ScopeStatus {
    /// How many waiting rows are shown; [`TableStatus::deferred`] counts them all.
    pub const MOST_WAITING: usize = 100;
}

/// A row that waits for a later session.
#[derive(Clone, Debug, PartialEq)]
pub struct WaitingRow {
    /// Global name of its table.
    pub table: String,
    /// Its key.
    pub key: Vec<Value>,
    /// Why it waits, in the database's words where that refused it.
    pub reason: String,
}

/// A table of a scope as a look at the database shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableStatus {
    /// Global name.
    pub name: String,
    /// Tracked live rows.
    pub rows: u64,
    /// Tombstones.
    pub tombstones: u64,
    /// Rows that wait for a later session.
    pub deferred: u64,
    /// Columns that the table has and the scope does not hold: they are not synchronised. Generated ones do not count.
    pub columns_outside: Vec<String>,
}

/// A tracked row.
#[derive(Copy, Clone, Debug)]
pub struct ReplicaRow<'a> {
    /// Its key.
    pub key: RowRef<'a>,
    /// Its versions, in the scope's key map.
    pub facts: RowFacts,
    /// Its cells in the order of the table's shape; `None` for a tombstone, and for a tracked row without a base row.
    pub cells: Option<RowRef<'a>>,
}

/// A row that holds something which is no value of its column, text that is no UTF-8 for example. No session sends it.
#[derive(Clone, Debug, PartialEq)]
pub struct UnreadableRow {
    /// Its key, where that can be read.
    pub key: Option<Vec<Value>>,
    /// What is wrong, with the row's name where the key cannot be read.
    pub reason: String,
}

/// Key and cells of a row that no live tracking row stands for.
pub type UntrackedRow<'r> = Result<(RowRef<'r>, RowRef<'r>), UnreadableRow>;

/// Reads a replica in one snapshot.
#[async_trait]
pub trait ReplicaReader: Send {
    /// How messages call the database.
    fn name(&self) -> String;

    /// The scope.
    fn scope(&self) -> &Scope;

    /// The shapes of its tables, in its order.
    fn shapes(&self) -> &[TableShape];

    /// Columns of a table that the scope does not hold, generated ones aside.
    fn columns_outside(&self, table: usize) -> &[String] {
        let _ = table;
        &[]
    }

    /// The stored knowledge, and the greatest local tick.
    ///
    /// # Errors
    /// The database fails.
    async fn knowledge_bytes(&mut self) -> Result<(Option<Vec<u8>>, Tick), ProviderError>;

    /// Shows every tracked row of a table, tombstones included, in any order.
    ///
    /// # Errors
    /// The database fails.
    async fn visit(
        &mut self,
        table: usize,
        show: &mut (dyn for<'r> FnMut(Result<ReplicaRow<'r>, UnreadableRow>) + Send),
    ) -> Result<(), ProviderError>;

    /// Shows every row of a table that no live tracking row stands for: key and cells, in any order. Sessions do not see such rows; they
    /// come from writing while the triggers were off.
    ///
    /// # Errors
    /// The database fails.
    async fn visit_untracked(
        &mut self,
        table: usize,
        show: &mut (dyn for<'r> FnMut(UntrackedRow<'r>) + Send),
    ) -> Result<(), ProviderError>;

    /// The knowledge, everything made here included.
    ///
    /// # Errors
    /// The database fails, or the stored knowledge is corrupted.
    async fn knowledge(&mut self) -> Result<Knowledge, ProviderError> {
        let (bytes, tick) = self.knowledge_bytes().await?;
        let mut knowledge = own_knowledge(self.scope(), bytes.as_deref())?;
        knowledge.set_local_tick(tick.max(knowledge.local_tick()));
        Ok(knowledge)
    }
}

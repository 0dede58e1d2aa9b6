//! The provider whose commands the user writes.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use sync_metadata::ScopeDescription;
use sync_provider::{
    ApplyHandler, BatchOutcome, BeginSession, Call, ChangeBatch, ChangeBatchRequest, Ending,
    ProviderError, ReplicaInfo, SessionId, SyncBatchParameters, SyncProvider,
};
use tokio::sync::oneshot;

use super::cleanup::MetadataCleanup;
use super::connection::CommandConnection;
use super::program::ChangeTrackingModel;
use super::{CommandStore, DbCommand, DbSyncAdapter, ScopeCommands, WrittenScopeCommands};
use sync_relational::{Owner, Sessions, Store};

/// Makes connections that run commands: what a `DbSyncProvider` of Sync Framework has its `Connection` for.
#[async_trait]
pub trait CommandConnections: Send + Sync + fmt::Debug {
    /// What it makes.
    type Connection: CommandConnection + 'static;

    /// Makes one for a session. The commands can be looked at first: what a text lacks is better told now than in the middle of a session.
    ///
    /// # Errors
    /// The database cannot be reached, or the engine knows that a command cannot be run.
    async fn connect(&self, commands: &CommandSet) -> Result<Self::Connection, ProviderError>;

    /// Where its calls run.
    fn owner(&self) -> &dyn Owner;
}

/// A scope and all of its commands.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandSet {
    /// The scope and its tables.
    pub description: ScopeDescription,
    /// The commands about the scope itself.
    pub scope: ScopeCommands,
    /// Those of the tables, in their order.
    pub adapters: Vec<DbSyncAdapter>,
}

/// A database in synchronisation whose metadata and commands somebody wrote: Sync Framework's `DbSyncProvider`.
///
/// It is built from the name of a scope, connections (of the crate of an engine), three commands about the scope, and an [adapter](DbSyncAdapter) for
/// each table, parents first. From then on it is a provider like any other: an orchestrator synchronises it with databases of any kind. What the commands
/// have to do so that nothing is lost stands in `docs/custom-providers.md`.
///
/// Everything that a command has to take and to give is looked at when it is built:
///
/// ```
/// use sync_provider_commands::{ChangeTrackingModel, DbCommand, DbSyncAdapter, DbSyncProvider, DbSyncSession};
///
/// let changes = "SELECT m.id, c.name, m.sync_row_is_tombstone, m.sync_row_timestamp, m.sync_update_peer_key, m.sync_update_peer_timestamp, \
///                m.sync_create_peer_key, m.sync_create_peer_timestamp FROM CustomerMetadata m LEFT JOIN Customer c ON c.id = m.id \
///                WHERE m.sync_row_timestamp > @sync_min_timestamp";
/// let customer = DbSyncAdapter::builder("Customer")
///     .column("id", "int")
///     .column("name", "nvarchar(100)")
///     .row_id_columns(["id"])
///     .select_incremental_changes_command(DbCommand::statement(changes).input(DbSyncSession::SYNC_MIN_TIMESTAMP))
///     .build()?;
///
/// // In the place of () go SqliteCommands or MssqlCommands.
/// let provider = DbSyncProvider::builder("DbSyncDemo", ())
///     .change_tracking(ChangeTrackingModel::Decoupled)
///     .select_new_timestamp_command(DbCommand::statement("SELECT tick FROM Clock"))
///     .select_scope_info_command(DbCommand::statement("SELECT * FROM scope_info WHERE scope_name = @sync_scope_name").input("@sync_scope_name"))
///     .update_scope_info_command(
///         DbCommand::statement("UPDATE scope_info SET sync_scope_knowledge = @sync_scope_knowledge")
///             .input(DbSyncSession::SYNC_SCOPE_KNOWLEDGE)
///             .output(DbSyncSession::SYNC_ROW_COUNT),
///     )
///     .adapter(customer)
///     .build();
/// let refused = provider.unwrap_err().to_string();
/// assert!(refused.starts_with("UpdateScopeInfoCommand of scope DbSyncDemo: it lacks the parameter @sync_scope_cleanup_knowledge"), "{refused}");
/// # Ok::<(), sync_provider::ProviderError>(())
/// ```
#[derive(Debug)]
pub struct DbSyncProvider<C> {
    connections: C,
    commands: CommandSet,
    tracking: ChangeTrackingModel,
    sessions: Sessions,
}

/// Puts a [`DbSyncProvider`] together.
#[derive(Clone, Debug)]
pub struct DbSyncProviderBuilder<C> {
    scope: String,
    connections: C,
    tracking: ChangeTrackingModel,
    commands: WrittenScopeCommands,
    adapters: Vec<DbSyncAdapter>,
}

impl<C> DbSyncProvider<C> {
    /// A provider for the scope of this name.
    pub fn builder(scope_name: impl Into<String>, connections: C) -> DbSyncProviderBuilder<C> {
        DbSyncProviderBuilder {
            scope: scope_name.into(),
            connections,
            tracking: ChangeTrackingModel::default(),
            commands: WrittenScopeCommands::default(),
            adapters: Vec::new(),
        }
    }

    /// The scope and its commands.
    pub fn commands(&self) -> &CommandSet {
        &self.commands
    }

    /// Lets a handler decide about rows that meet a conflict or cannot be written here (`ApplyChangeFailed`, `ApplyMetadataFailed`).
    #[must_use]
    pub fn with_handler(self, handler: Arc<dyn ApplyHandler>) -> Self {
        DbSyncProvider {
            sessions: self.sessions.with_handler(handler),
            ..self
        }
    }
}

impl<C> DbSyncProviderBuilder<C> {
    /// Where the versions of rows are kept: [`Coupled`](ChangeTrackingModel::Coupled) unless this says otherwise.
    #[must_use]
    pub fn change_tracking(mut self, model: ChangeTrackingModel) -> Self {
        self.tracking = model;
        self
    }

    /// Gives `sync_new_timestamp`, in an output or in a row: a tick at or below which every change is committed.
    #[must_use]
    pub fn select_new_timestamp_command(mut self, command: DbCommand) -> Self {
        self.commands.select_new_timestamp = Some(command);
        self
    }

    /// Gives `sync_scope_id`, which says who this replica is, `sync_scope_knowledge`, `sync_scope_cleanup_knowledge` and `sync_scope_timestamp`, in
    /// outputs or in a row; in a row also under Sync Framework's names of columns (`scope_id`, `scope_sync_knowledge`, …). Knowledge that is NULL
    /// says that the database has not synchronized with any peer.
    #[must_use]
    pub fn select_scope_info_command(mut self, command: DbCommand) -> Self {
        self.commands.select_scope_info = Some(command);
        self
    }

    /// Stores `@sync_scope_knowledge` and `@sync_scope_cleanup_knowledge` where the scope row still has `@sync_scope_timestamp`, and gives
    /// `sync_row_count`.
    #[must_use]
    pub fn update_scope_info_command(mut self, command: DbCommand) -> Self {
        self.commands.update_scope_info = Some(command);
        self
    }

    /// Returns `sync_table_name` and `sync_shared_scope_name` for each table of `@sync_scope_name` that another scope has, too. With it a clean-up
    /// tells those scopes, for which it needs [`update_scope_cleanup_timestamp_command`](Self::update_scope_cleanup_timestamp_command).
    #[must_use]
    pub fn select_overlapping_scopes_command(mut self, command: DbCommand) -> Self {
        self.commands.select_overlapping_scopes = Some(command);
        self
    }

    /// Raises what the scope of `@sync_scope_name` gives as `sync_scope_cleanup_timestamp` to `@sync_scope_cleanup_timestamp`, if that is greater, and
    /// gives 1 as `sync_row_count` either way.
    #[must_use]
    pub fn update_scope_cleanup_timestamp_command(mut self, command: DbCommand) -> Self {
        self.commands.update_scope_cleanup_timestamp = Some(command);
        self
    }

    /// Adds the adapter of a table; tables that others refer to come first.
    #[must_use]
    pub fn adapter(mut self, adapter: DbSyncAdapter) -> Self {
        self.adapters.push(adapter);
        self
    }

    /// Checks the commands and puts the provider together. Nothing is connected to.
    ///
    /// # Errors
    /// A command about the scope is missing, or lacks a parameter or an output: scope, command and parameter are named. There is no adapter, or two
    /// have the same table, or the scope's name is none.
    pub fn build(self) -> Result<DbSyncProvider<C>, ProviderError> {
        let tables = self.adapters.iter();
        let tables = tables.map(|adapter| adapter.table().clone()).collect();
        let description = ScopeDescription::new(&self.scope, tables).map_err(|error| {
            ProviderError::refused(
                format!("scope {}", self.scope),
                error.to_string(),
                "add one adapter for each table",
            )
        })?;
        Ok(DbSyncProvider {
            commands: CommandSet {
                scope: ScopeCommands::new(&self.scope, &self.commands)?,
                adapters: self.adapters,
                description,
            },
            connections: self.connections,
            tracking: self.tracking,
            sessions: Sessions::new(),
        })
    }
}

impl<C: CommandConnections> DbSyncProvider<C> {
    /// Opens the connection of one session, for a provider that puts something of its own between it and [`Sessions`].
    ///
    /// # Errors
    /// The database cannot be reached, a command cannot be run, or the scope is missing.
    pub async fn open_store(&self) -> Result<CommandStore<C::Connection>, ProviderError> {
        let connection = self.connections.connect(&self.commands).await?;
        let CommandSet {
            description,
            scope,
            adapters,
        } = self.commands.clone();
        CommandStore::open(connection, description, scope, adapters, self.tracking).await
    }

    /// Removes the metadata of deletions that are at least so many days old, all of them if that is negative, and notes in the scope row what is
    /// forgotten: a replica that does not know those deletions is outdated from then on. Tables whose adapters have no
    /// `SelectMetadataForCleanupCommand` keep theirs.
    ///
    /// # Errors
    /// No table has that command, the database fails, or a session applies changes at the same time and does not come to an end. What was
    /// removed by then stays removed, and noted.
    pub async fn cleanup_metadata(
        &self,
        aging_in_days: i32,
    ) -> Result<MetadataCleanup, ProviderError> {
        let mut store = self.open_store().await?;
        let (answer, waiting) = oneshot::channel();
        let work = async move {
            // Nobody may wait for it any more.
            drop(answer.send(store.cleanup_metadata(aging_in_days).await));
        };
        self.connections.owner().spawn(Box::pin(work))?;
        waiting.await.map_err(|_| {
            ProviderError::database(
                format!("scope {}", self.commands.description.name),
                "its clean-up came to no end",
                "run it again",
            )
        })?
    }
}

#[async_trait]
impl<C: CommandConnections> SyncProvider for DbSyncProvider<C> {
    async fn begin_session(&self, request: BeginSession) -> Result<ReplicaInfo, ProviderError> {
        if request.rehearsal {
            return Err(ProviderError::refused(
                format!("scope {}", self.commands.description.name),
                "a provider of commands cannot rehearse a session: what they write is committed with its direction",
                "rehearse it with copies of the databases",
            ));
        }
        let open = async {
            let store: Box<dyn Store> = Box::new(self.open_store().await?);
            Ok(store)
        };
        self.sessions
            .begin(self.connections.owner(), request, &[], open)
            .await
    }

    async fn get_sync_batch_parameters(
        &self,
        call: Call,
    ) -> Result<SyncBatchParameters, ProviderError> {
        // It is the destination of a direction that begins: each table is to be one.
        for adapter in &self.commands.adapters {
            adapter.writing()?;
        }
        self.sessions.get_sync_batch_parameters(call).await
    }

    async fn get_change_batch(
        &self,
        call: Call,
        request: ChangeBatchRequest,
    ) -> Result<Arc<ChangeBatch>, ProviderError> {
        if matches!(request, ChangeBatchRequest::First(_)) {
            for adapter in &self.commands.adapters {
                adapter.selecting_changes()?;
            }
        }
        self.sessions.get_change_batch(call, request).await
    }

    async fn end_enumeration(&self, call: Call) -> Result<(), ProviderError> {
        self.sessions.end_enumeration(call).await
    }

    async fn process_change_batch(
        &self,
        call: Call,
        batch: Arc<ChangeBatch>,
    ) -> Result<BatchOutcome, ProviderError> {
        self.sessions.process_change_batch(call, batch).await
    }

    async fn end_session(&self, session: SessionId, ending: Ending) -> Result<(), ProviderError> {
        self.sessions.end_session(session, ending).await
    }

    fn abandon(&self, session: SessionId) {
        self.sessions.abandon(session);
    }
}

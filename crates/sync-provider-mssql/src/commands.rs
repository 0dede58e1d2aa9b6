//! Commands that somebody wrote, on SQL Server: parameterised batches (`sp_executesql`) and procedures, with output parameters.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use sync_provider::ProviderError;
use sync_provider_commands::{CommandConnections, CommandSet};
use sync_relational::Owner;

use crate::answer::Answer;
use crate::connection::{Connection, ConnectionFactory, DirectConnections};
use crate::error::MssqlError;
use crate::procedures::{ProcedureConnection, Settled, Table};
use crate::provider::{Task, again_while_transient};
use crate::settings::{DEFAULT_LOCK_TIMEOUT, Settings};
use crate::store::Options;

/// Connections to a SQL Server database for a [`DbSyncProvider`](sync_provider_commands::DbSyncProvider).
///
/// Parameters go both ways as in Sync Framework, and a command may return a row in the place of outputs. A source reads in SNAPSHOT where the database
/// allows it (`ALTER DATABASE … SET ALLOW_SNAPSHOT_ISOLATION ON`), and otherwise holds what it has read until it has read all. A destination holds
/// what it has read, and one session applies at a time.
#[derive(Debug)]
pub struct MssqlCommands {
    connections: Arc<dyn ConnectionFactory>,
    options: Options,
    round_trips: Arc<AtomicU64>,
}

impl MssqlCommands {
    /// Connections to this database.
    pub fn new(settings: Settings) -> Self {
        Self::with_connections(Arc::new(DirectConnections::new(settings)))
    }

    /// As [`new`](Self::new), over connections that the caller makes.
    pub fn with_connections(connections: Arc<dyn ConnectionFactory>) -> Self {
        MssqlCommands {
            connections,
            options: Options {
                lock_timeout: DEFAULT_LOCK_TIMEOUT,
                snapshot: true,
                rehearsal: false,
            },
            round_trips: Arc::default(),
        }
    }

    /// How long a session waits for the locks of others, [`DEFAULT_LOCK_TIMEOUT`] unless this says otherwise.
    #[must_use]
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.options.lock_timeout = timeout;
        self
    }

    /// Reads as in a database that does not allow SNAPSHOT isolation.
    #[must_use]
    pub fn without_snapshot(mut self) -> Self {
        self.options.snapshot = false;
        self
    }

    /// Requests that ended sessions have sent to the server and had answered, logging in not counted.
    pub fn round_trips(&self) -> u64 {
        self.round_trips.load(Ordering::Relaxed)
    }

    async fn try_to_connect(
        &self,
        commands: &CommandSet,
    ) -> Result<ProcedureConnection, ProviderError> {
        let mut connection = Connection::open(&*self.connections).await?;
        let (database, allows_snapshot) = database(&mut connection).await?;
        let scope = &commands.description.name;
        let settled = Settled {
            // Who the replica is shows only later; the name of a scope is its own within a database. A server may know locks by their names alone,
            // whichever database they are asked for in.
            lock: format!("syncdb commands {database}.{scope}"),
            options: Options {
                snapshot: self.options.snapshot && allows_snapshot,
                ..self.options
            },
            scope: scope.clone(),
            counter: Arc::clone(&self.round_trips),
        };
        let tables = commands.description.tables.iter();
        let tables = tables.map(Table::described).collect();
        let connections = (Arc::clone(&self.connections), connection);
        ProcedureConnection::over(connections, settled, tables, &commands.adapters).await
    }
}

/// The name of the database, and whether it allows SNAPSHOT isolation.
async fn database(connection: &mut Connection) -> Result<(String, bool), MssqlError> {
    let sql = "SELECT N'database' AS kind, DB_NAME() AS name, \
         (SELECT CONVERT(int, COUNT(*)) FROM sys.databases WHERE name = DB_NAME() AND snapshot_isolation_state = 1) AS allows_snapshot";
    let answer = Answer::to(connection, sql).await?;
    match answer.of_kind("database").next() {
        Some(database) => Ok((database.name("name")?, database.flag("allows_snapshot")?)),
        None => Ok((String::new(), false)),
    }
}

#[async_trait]
impl CommandConnections for MssqlCommands {
    type Connection = ProcedureConnection;

    async fn connect(&self, commands: &CommandSet) -> Result<Self::Connection, ProviderError> {
        again_while_transient(|| self.try_to_connect(commands)).await
    }

    fn owner(&self) -> &dyn Owner {
        &Task
    }
}

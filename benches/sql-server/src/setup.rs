//! Databases in one scope: a filled one on each side, and an empty one whenever it is asked for.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sync_benches::Result;
use sync_orchestrator::{SyncOperationStatistics, SyncOrchestrator};
use sync_provider_mssql::{Provisioning, TableChoice, Tables, describe};
use sync_provider_sqlite::SqliteProvider;
use tempfile::TempDir;

use crate::floor;
use crate::sample::{self, Keys, Row};
use crate::sql_server::ServerDatabase;

const SCOPE: &str = "bench";

/// What the measurements start from.
#[derive(Debug)]
pub(crate) struct Setup {
    /// A provisioned database on the server that holds all rows.
    pub(crate) filled: ServerDatabase,
    pub(crate) rows: Vec<Row>,
    pub(crate) keys: Keys,
    folder: TempDir,
}

impl Setup {
    /// Makes it; `None` where there is no server, after saying so.
    pub(crate) async fn new(keys: Keys, rows: u32) -> Result<Option<Self>> {
        let Some(filled) = ServerDatabase::new("sql-server-table").await else {
            return Ok(None);
        };
        let setup = Setup {
            filled,
            rows: (1..=rows).map(|number| sample::row(keys, number)).collect(),
            keys,
            folder: tempfile::tempdir()?,
        };
        setup.filled.execute(&keys.create()).await;
        floor::bulk_insert(&setup.filled, &setup.rows).await?;
        provision(&setup.filled).await?;
        for name in ["empty.db", "filled.db", "copy.db"] {
            setup.create_like(&setup.file(name)).await?;
        }
        // Written to the SQLite side as its own application would write them, with exactly the values of the server.
        session(&setup.file("copy.db"), &setup.filled).await?;
        let db = rusqlite::Connection::open(setup.file("filled.db"))?;
        let copy = setup.file("copy.db").display().to_string();
        db.execute("ATTACH ?1 AS copy", [copy])?;
        db.execute_batch("INSERT INTO main.Purchase SELECT * FROM copy.Purchase")?;
        Ok(Some(setup))
    }

    /// A SQLite file, new each time, that holds all rows, or none.
    pub(crate) fn sqlite(&self, filled: bool) -> Result<PathBuf> {
        let (from, to) = match filled {
            true => ("filled.db", "source.db"),
            false => ("empty.db", "destination.db"),
        };
        let to = self.file(to);
        std::fs::copy(self.file(from), &to)?;
        Ok(to)
    }

    /// A new database on the server with the table, which is empty.
    pub(crate) async fn empty(&self, provisioned: bool) -> Result<ServerDatabase> {
        let database = ServerDatabase::new("sql-server-table").await;
        let database = database.ok_or("the server is gone")?;
        database.execute(&self.keys.create()).await;
        if provisioned {
            provision(&database).await?;
        }
        Ok(database)
    }

    async fn create_like(&self, path: &Path) -> Result<()> {
        use sync_provider_sqlite::{Provisioning, Tables, Template};
        let (scope, _) = describe(&self.filled.connections, None).await?;
        Provisioning::new(SCOPE, Tables::Like(scope, Template::default())).apply(path)?;
        Ok(())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// A whole session, both ways; gives what went up and down.
pub(crate) async fn session(
    sqlite: &Path,
    server: &ServerDatabase,
) -> Result<SyncOperationStatistics> {
    let local = Arc::new(SqliteProvider::new(sqlite, SCOPE));
    let remote = Arc::new(server.provider(SCOPE));
    Ok(SyncOrchestrator::new(local, remote).synchronize().await?)
}

async fn provision(database: &ServerDatabase) -> Result<()> {
    let choice = TableChoice {
        table: "Purchase".into(),
        global_name: None,
        columns: None,
    };
    Provisioning::new(SCOPE, Tables::Listed(vec![choice]))
        .apply(&database.connections)
        .await?;
    Ok(())
}

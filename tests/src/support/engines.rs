//! A database of either engine, for tests that say the same of all of them. What they look at is read past the code under test.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::types::Value as Cell;
use sync_metadata::Value;
use sync_provider::{ApplyHandler, SyncProvider};
use sync_provider_mssql as mssql;
use sync_provider_sqlite as sqlite;
use sync_provider_sqlite::SqliteProvider;
use tempfile::TempDir;

use crate::support::blocking::{BlockingDatabase, value};
use crate::support::dump;
use crate::support::faulty::Opens;
use crate::support::scratch;
use crate::support::sql_server::skip;

/// A kind of database.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Engine {
    /// SQLite.
    Sqlite,
    /// The server that `SYNC_TEST_MSSQL` names.
    SqlServer,
}

/// The engines that there are here; says aloud what is left out.
pub fn engines(test: &str) -> Vec<Engine> {
    let mut engines = vec![Engine::Sqlite];
    engines.extend(server(test));
    engines
}

/// Pairs of engines, the source or local one first, each pair once. A file on both sides is the first of them.
pub fn pairs(test: &str) -> Vec<[Engine; 2]> {
    let engines = engines(test);
    let pairs = engines
        .iter()
        .flat_map(|a| engines.iter().map(|b| [*a, *b]));
    pairs.collect()
}

/// The server, if there is one.
pub fn server(test: &str) -> Option<Engine> {
    if std::env::var("SYNC_TEST_MSSQL").is_err() {
        skip(test, "SYNC_TEST_MSSQL names no server");
        return None;
    }
    Some(Engine::SqlServer)
}

impl Engine {
    /// An empty database.
    pub fn database(self) -> Database {
        Database(match self {
            Engine::Sqlite => {
                let folder = scratch::folder();
                let path = folder.path().join("replica.db");
                Place::File {
                    path,
                    _folder: folder,
                }
            }
            Engine::SqlServer => Place::Server(Box::new(
                BlockingDatabase::new("engines").expect("the environment names a server"),
            )),
        })
    }

    /// A database with these tables, all of them in the scope `s`.
    pub fn provisioned(self, schema: &str, tables: &[&str]) -> Database {
        let database = self.database();
        database.run(schema);
        database.provision("s", tables);
        database
    }

    /// What is said in one way to SQLite and in another to a server.
    pub fn either<T>(self, sqlite: T, server: T) -> T {
        match self {
            Engine::Sqlite => sqlite,
            Engine::SqlServer => server,
        }
    }
}

/// A database that goes with the test.
#[derive(Debug)]
pub struct Database(Place);

#[derive(Debug)]
enum Place {
    File { path: PathBuf, _folder: TempDir },
    Server(Box<BlockingDatabase>),
}

impl Database {
    /// Its kind.
    pub fn engine(&self) -> Engine {
        match &self.0 {
            Place::File { .. } => Engine::Sqlite,
            Place::Server(_) => Engine::SqlServer,
        }
    }

    /// Runs a batch, as an application would, that must succeed.
    pub fn run(&self, sql: &str) {
        self.try_run(sql)
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// Runs a batch, or tells what the database says. No transaction is left open.
    ///
    /// # Errors
    /// The database's message.
    pub fn try_run(&self, sql: &str) -> Result<(), String> {
        match &self.0 {
            Place::File { path, .. } => {
                let done = dump::open(path).execute_batch(sql);
                done.map_err(|error| error.to_string())
            }
            Place::Server(server) => {
                let done = server.try_rows(sql);
                if done.is_err() {
                    server.rows("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION");
                }
                done.map(drop).map_err(|error| error.to_string())
            }
        }
    }

    /// The rows of a query.
    pub fn query(&self, sql: &str) -> Vec<Vec<Value>> {
        match &self.0 {
            Place::File { path, .. } => {
                let db = dump::open(path);
                let mut statement = db
                    .prepare(sql)
                    .unwrap_or_else(|error| panic!("{sql}: {error}"));
                let columns = statement.column_count();
                let cells = |row: &rusqlite::Row<'_>| {
                    let cells = (0..columns).map(|column| Ok(of_cell(row.get(column)?)));
                    cells.collect::<rusqlite::Result<Vec<Value>>>()
                };
                let rows = statement.query_map([], cells).unwrap();
                rows.collect::<Result<_, _>>().unwrap()
            }
            Place::Server(server) => {
                let rows = server.rows(sql).into_iter();
                rows.map(|row| row.into_iter().map(value).collect())
                    .collect()
            }
        }
    }

    /// The same, each row as one line, in the order of the lines.
    pub fn lines(&self, sql: &str) -> Vec<String> {
        let spell = |cell: &Value| match cell {
            Value::Null => "NULL".to_owned(),
            Value::Integer(number) => number.to_string(),
            Value::Text(text) => format!("'{text}'"),
            other => format!("{other:?}"),
        };
        let line = |row: &Vec<Value>| row.iter().map(spell).collect::<Vec<_>>().join(" | ");
        let mut lines: Vec<String> = self.query(sql).iter().map(line).collect();
        lines.sort();
        lines
    }

    /// All rows of these tables, a line each.
    pub fn rows(&self, tables: &[&str]) -> Vec<String> {
        let lines = |table: &&str| {
            let lines = self.lines(&format!("SELECT * FROM {table}")).into_iter();
            lines
                .map(|line| format!("{table}: {line}"))
                .collect::<Vec<_>>()
        };
        tables.iter().flat_map(lines).collect()
    }

    /// The number that a query gives.
    pub fn number(&self, sql: &str) -> i64 {
        match self.query(sql).first().and_then(|row| row.first()) {
            Some(Value::Integer(number)) => *number,
            other => panic!("{sql}: {other:?} is no number"),
        }
    }

    /// Provisions it for a scope of these tables, under the same global names on every engine.
    pub fn provision(&self, scope: &str, tables: &[&str]) {
        match &self.0 {
            Place::File { path, .. } => {
                let choices = tables.iter().map(|table| sqlite::TableChoice {
                    table: (*table).to_owned(),
                    global_name: Some(format!("[{table}]")),
                    columns: None,
                });
                let tables = sqlite::Tables::Listed(choices.collect());
                let done = sqlite::Provisioning::new(scope, tables).apply(path);
                done.expect("the database can be provisioned");
            }
            Place::Server(server) => {
                let choices = tables.iter().map(|table| mssql::TableChoice {
                    table: (*table).to_owned(),
                    global_name: Some(format!("[{table}]")),
                    columns: None,
                });
                let tables = mssql::Tables::Listed(choices.collect());
                server.provision(&mssql::Provisioning::new(scope, tables));
            }
        }
    }

    /// Where the connections of sessions in the scope come from.
    pub fn opens(&self, scope: &str) -> Arc<dyn Opens> {
        match &self.0 {
            Place::File { path, .. } => Arc::new(file(path, scope)),
            Place::Server(server) => Arc::new(server.provider(scope)),
        }
    }

    /// A provider for the scope.
    pub fn provider(&self, scope: &str) -> Arc<dyn SyncProvider> {
        match &self.0 {
            Place::File { path, .. } => Arc::new(file(path, scope)),
            Place::Server(server) => Arc::new(server.provider(scope)),
        }
    }

    /// The same, with a handler.
    pub fn provider_with(
        &self,
        scope: &str,
        handler: Arc<dyn ApplyHandler>,
    ) -> Arc<dyn SyncProvider> {
        match &self.0 {
            Place::File { path, .. } => Arc::new(file(path, scope).with_handler(handler)),
            Place::Server(server) => Arc::new(server.provider(scope).with_handler(handler)),
        }
    }

    /// The server, where it is on one.
    pub fn on_server(&self) -> Option<&BlockingDatabase> {
        match &self.0 {
            Place::File { .. } => None,
            Place::Server(server) => Some(server),
        }
    }

    /// The file, where it is one.
    pub fn path(&self) -> Option<&std::path::Path> {
        match &self.0 {
            Place::File { path, .. } => Some(path),
            Place::Server(_) => None,
        }
    }

    /// Waits until the mark is above every change of these tables: whoever writes in another database may hold it back on a server with one clock
    /// for all of them.
    pub fn settle(&self, tables: &[&str]) {
        let Some(server) = self.on_server() else {
            return;
        };
        let above = |table: &&str| {
            format!(
                "SELECT 1 AS one FROM {table}_tracking WHERE local_update_peer_timestamp >= MIN_ACTIVE_ROWVERSION()"
            )
        };
        let above: Vec<String> = tables.iter().map(above).collect();
        for _ in 0..500 {
            if server.rows(&above.join(" UNION ALL ")).is_empty() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("somebody holds the mark back");
    }

    /// Fails unless the database finds itself sound and nothing of a session is left in these tables and their tracking tables.
    pub fn assert_sound(&self, tables: &[&str]) {
        if let Some(path) = self.path() {
            dump::assert_sound(path);
            assert_eq!(
                dump::query(path, "SELECT applying, applying_key FROM sync_tick"),
                ["NULL | NULL"]
            );
        }
        for table in tables {
            let live =
                format!("SELECT count(*) FROM {table}_tracking WHERE sync_row_is_tombstone = 0");
            let all = format!("SELECT count(*) FROM {table}");
            assert_eq!(
                self.number(&live),
                self.number(&all),
                "every row of {table} is tracked"
            );
        }
    }

    /// Whether two rows can exchange a unique value in one statement, as on SQL Server, where unique keys are checked when the statement ends. What
    /// stands in for it may check them row by row; then this says aloud that `test` leaves that out.
    pub fn exchanges(&self, test: &str) -> bool {
        let Some(server) = self.on_server() else {
            return true;
        };
        server.rows(
            "CREATE TABLE sync_probe (id int NOT NULL PRIMARY KEY, u int NOT NULL UNIQUE); INSERT INTO sync_probe VALUES (1, 1), (2, 2)",
        );
        let exchanged = server.try_rows("UPDATE sync_probe SET u = 3 - u").is_ok();
        server.rows("DROP TABLE sync_probe");
        if !exchanged {
            skip(
                test,
                "the server checks unique keys row by row: two rows cannot exchange a value",
            );
        }
        exchanged
    }

    /// How many rows wait for a later session.
    pub fn waiting(&self) -> i64 {
        self.number("SELECT count(*) FROM sync_waiting")
    }
}

fn file(path: &std::path::Path, scope: &str) -> SqliteProvider {
    SqliteProvider::new(path, scope).busy_timeout(Duration::from_secs(20))
}

fn of_cell(cell: Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Integer(number) => Value::Integer(number),
        Cell::Real(number) => Value::Real(number),
        Cell::Text(text) => Value::Text(text),
        Cell::Blob(bytes) => Value::Blob(bytes),
    }
}

//! Databases in scratch files, sessions between them, and dumps.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::types::Value;
use sync_orchestrator::{
    SessionProgress, SyncDirectionOrder, SyncFailure, SyncOperationStatistics, SyncOrchestrator,
};
use sync_provider::{ConflictPolicy, ConflictRecord, ConflictType};
use sync_provider_sqlite::{DEFAULT_BUSY_TIMEOUT, Provisioning, SqliteProvider, Tables, describe};
use tempfile::TempDir;

/// The scope of these tests.
pub(crate) const SCOPE: &str = "s";

/// A database file that disappears with the test.
pub(crate) struct Db {
    folder: TempDir,
}

impl Db {
    /// A database that is not provisioned.
    pub(crate) fn plain(sql: &str) -> Db {
        // In memory where the system has a file system for that: what is tested does not depend on the medium.
        let shared = Path::new("/dev/shm");
        let folder = match shared.is_dir() {
            true => tempfile::tempdir_in(shared).or_else(|_| tempfile::tempdir()),
            false => tempfile::tempdir(),
        };
        let db = Db {
            folder: folder.unwrap(),
        };
        db.execute(sql);
        db
    }

    /// A database whose tables are all in the scope.
    pub(crate) fn new(sql: &str) -> Db {
        let db = Db::plain(sql);
        Provisioning::new(SCOPE, Tables::All)
            .apply(&db.path())
            .expect("the database can be provisioned");
        db
    }

    /// An empty replica like this one.
    pub(crate) fn like(&self) -> Db {
        let other = Db {
            folder: Db::plain("").folder,
        };
        let (scope, templates) = describe(&self.path(), Some(SCOPE), DEFAULT_BUSY_TIMEOUT).unwrap();
        Provisioning::new(SCOPE, Tables::Like(scope, templates))
            .apply(&other.path())
            .unwrap();
        other
    }

    /// This database and one with the same tables, provisioned apart, synchronised once.
    pub(crate) fn pair(schema: &str, rows: &str) -> (Db, Db) {
        let (a, b) = (Db::new(&format!("{schema};{rows}")), Db::new(schema));
        sync(&a, &b);
        assert_same(&a, &b);
        (a, b)
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("replica.db")
    }

    /// A connection as an application has it: foreign keys are off, as SQLite's default is.
    pub(crate) fn open(&self) -> Connection {
        let db = Connection::open(self.path()).unwrap();
        db.busy_timeout(Duration::from_secs(20)).unwrap();
        db.pragma_update(None, "foreign_keys", false).unwrap();
        db
    }

    /// Runs statements as an application does.
    pub(crate) fn execute(&self, sql: &str) {
        self.open().execute_batch(sql).expect(sql);
    }

    /// The rows of a query, each as its cells joined by `|`.
    pub(crate) fn query(&self, sql: &str) -> Vec<String> {
        query(&self.open(), sql)
    }

    /// One number.
    pub(crate) fn number(&self, sql: &str) -> i64 {
        self.open().query_row(sql, [], |row| row.get(0)).expect(sql)
    }

    /// Every row of every table of the user.
    pub(crate) fn dump(&self) -> Vec<String> {
        let tables = self.query(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE 'sync\\_%' \
             ESCAPE '\\' AND name NOT LIKE '%\\_tracking' ESCAPE '\\' AND name NOT LIKE '%\\_replaced' ESCAPE '\\' \
             AND name NOT IN ('scope_info', 'scope_config', 'schema_info', 'local') ORDER BY name",
        );
        let mut lines = Vec::new();
        for table in tables {
            let mut rows = self.query(&format!("SELECT * FROM \"{}\"", table.replace('"', "\"\"")));
            rows.sort();
            lines.extend(rows.into_iter().map(|row| format!("{table}: {row}")));
        }
        lines
    }

    /// The tracking rows of a table: key, tick, `dead` or `live`.
    pub(crate) fn tracked(&self, table: &str, key: &str) -> Vec<String> {
        self.query(&format!(
            "SELECT {key}, local_update_peer_timestamp, CASE sync_row_is_tombstone WHEN 1 THEN 'dead' ELSE 'live' END \
             FROM {table}_tracking ORDER BY {key}"
        ))
    }

    /// How many rows wait for a later session.
    pub(crate) fn waiting(&self) -> i64 {
        self.number("SELECT count(*) FROM sync_waiting")
    }

    /// Ranges of the stored knowledge.
    pub(crate) fn ranges(&self) -> usize {
        let sql = "SELECT scope_sync_knowledge FROM scope_info WHERE sync_scope_name = 's'";
        let bytes: Vec<u8> = self.open().query_row(sql, [], |row| row.get(0)).unwrap();
        sync_knowledge::Knowledge::from_bytes(&bytes)
            .unwrap()
            .ranges()
            .count()
    }

    /// Fails unless SQLite finds the file sound, foreign keys included, and the tracking fits the rows.
    pub(crate) fn assert_sound(&self) {
        assert_eq!(self.query("PRAGMA integrity_check"), ["ok"]);
        assert_eq!(self.query("PRAGMA foreign_key_check"), [""; 0]);
        assert_eq!(
            self.query("SELECT applying, applying_key FROM sync_tick"),
            ["NULL|NULL"]
        );
    }
}

/// The rows of a query, each as its cells joined by `|`.
pub(crate) fn query(db: &Connection, sql: &str) -> Vec<String> {
    let mut statement = db.prepare(sql).expect(sql);
    let columns = statement.column_count();
    let spell = |row: &rusqlite::Row<'_>| {
        let cells = (0..columns).map(|column| {
            Ok(match row.get(column)? {
                Value::Null => "NULL".to_owned(),
                Value::Integer(number) => number.to_string(),
                Value::Real(number) => format!("{number:?}"),
                Value::Text(text) => text,
                Value::Blob(bytes) => format!("{bytes:02x?}"),
            })
        });
        Ok(cells.collect::<rusqlite::Result<Vec<String>>>()?.join("|"))
    };
    let rows = statement.query_map([], spell).unwrap();
    rows.collect::<rusqlite::Result<_>>().expect(sql)
}

/// What a session did.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) statistics: SyncOperationStatistics,
    pub(crate) records: Vec<ConflictRecord>,
}

impl Report {
    /// Upload: applied and failed.
    pub(crate) fn up(&self) -> (u64, u64) {
        let one = self.statistics.upload.unwrap();
        (one.changes_applied, one.changes_failed)
    }

    /// Download: applied and failed.
    pub(crate) fn down(&self) -> (u64, u64) {
        let one = self.statistics.download.unwrap();
        (one.changes_applied, one.changes_failed)
    }

    /// Conflicts that a policy settled or deferred.
    pub(crate) fn conflicts(&self) -> usize {
        let failed = ConflictType::ErrorsOccurred;
        let records = self.records.iter();
        records.filter(|record| record.conflict != failed).count()
    }

    /// Rows that the destinations did not know.
    pub(crate) fn moved(&self) -> u64 {
        let SyncOperationStatistics {
            upload, download, ..
        } = self.statistics;
        [upload, download]
            .iter()
            .flatten()
            .map(|one| one.changes_total)
            .sum()
    }
}

/// A session to be run.
pub(crate) struct Session {
    orchestrator: SyncOrchestrator,
    records: Arc<Mutex<Vec<ConflictRecord>>>,
}

/// A session between two files, upload first, with small batches.
pub(crate) fn session(a: &Db, b: &Db) -> Session {
    let provider = |db: &Db| {
        let provider = SqliteProvider::new(db.path(), SCOPE);
        Arc::new(provider.busy_timeout(Duration::from_secs(20)))
    };
    let records = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&records);
    let orchestrator = SyncOrchestrator::new(provider(a), provider(b))
        .on_conflict(move |record| heard.lock().unwrap().push(record.clone()));
    Session {
        orchestrator,
        records,
    }
}

impl Session {
    pub(crate) fn direction(mut self, direction: SyncDirectionOrder) -> Self {
        self.orchestrator = self.orchestrator.direction(direction);
        self
    }

    pub(crate) fn policy(mut self, policy: ConflictPolicy) -> Self {
        self.orchestrator = self.orchestrator.policy(policy);
        self
    }

    pub(crate) fn batch_bytes(mut self, bytes: u64) -> Self {
        self.orchestrator = self.orchestrator.batch_bytes(bytes);
        self
    }

    pub(crate) fn on_progress(
        mut self,
        listen: impl Fn(&SessionProgress) + Send + Sync + 'static,
    ) -> Self {
        self.orchestrator = self.orchestrator.on_progress(listen);
        self
    }

    pub(crate) fn try_run(self) -> Result<Report, Box<SyncFailure>> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let statistics = runtime.block_on(self.orchestrator.synchronize())?;
        let records = std::mem::take(&mut *self.records.lock().unwrap());
        for one in [statistics.upload, statistics.download]
            .into_iter()
            .flatten()
        {
            let by_policy = one.deferred - one.changes_failed;
            assert_eq!(
                one.changes_total,
                one.changes_applied + one.changes_failed + by_policy,
                "{one:?}"
            );
        }
        // Whatever failed is in the records, unless it is too much to be remembered by key.
        let failed: u64 = [statistics.upload, statistics.download]
            .iter()
            .flatten()
            .map(|one| one.changes_failed)
            .sum();
        if failed <= 10_000 {
            let recorded =
                |record: &&ConflictRecord| record.conflict == ConflictType::ErrorsOccurred;
            let recorded = records.iter().filter(recorded).count();
            assert_eq!(recorded as u64, failed, "{records:?}");
        }
        Ok(Report {
            statistics,
            records,
        })
    }

    pub(crate) fn run(self) -> Report {
        self.try_run().expect("the session gets to its end")
    }
}

/// Both ways, upload first.
pub(crate) fn sync(a: &Db, b: &Db) -> Report {
    session(a, b).run()
}

/// One way.
pub(crate) fn upload(a: &Db, b: &Db) -> Report {
    session(a, b).direction(SyncDirectionOrder::Upload).run()
}

/// Fails unless both hold the same rows and are sound.
#[track_caller]
pub(crate) fn assert_same(a: &Db, b: &Db) {
    assert_eq!(a.dump(), b.dump());
    a.assert_sound();
    b.assert_sound();
}

/// Sessions until one moves nothing; then both hold the same rows, nothing waits, and the knowledge is one range.
#[track_caller]
pub(crate) fn settle(a: &Db, b: &Db) {
    for _ in 0..6 {
        if sync(a, b).moved() == 0 {
            assert_same(a, b);
            assert_eq!((a.waiting(), b.waiting()), (0, 0));
            assert_eq!((a.ranges(), b.ranges()), (1, 1));
            return;
        }
    }
    panic!("the two do not become quiet");
}

//! What becomes of rows whose commands write nothing or fail, and what is refused before anything moves: on SQLite, looked at through connections of its own.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on panics"
)]

#[allow(dead_code, reason = "the example's own way in")]
#[path = "../../examples/getting_started.rs"]
mod example;

use std::path::Path;
use std::sync::{Arc, Mutex};

use example::sqlite::TEXTS;
use example::{SCOPE, Sqlite, Texts, as_destination, as_source, customer, provider};
use rusqlite::Connection;
use sync_orchestrator::SyncDirectionOrder::Download;
use sync_provider::{
    ApplyAction, ApplyHandler, ConflictRecord, ConflictType, ProviderError, SyncProvider,
};
use sync_provider_commands::{DbCommand, DbSyncAdapterBuilder, DbSyncProvider, MetadataCleanup};
use sync_provider_sqlite::SqliteCommands;
use sync_tests::support::scratch;
use sync_tests::support::session::{Report, Session};

/// Two files; the first is only ever a source, the second a destination.
struct Two {
    folder: tempfile::TempDir,
    texts: Texts,
    heard: Arc<Heard>,
}

/// What a handler was asked.
#[derive(Default)]
struct Heard(Mutex<Vec<(&'static str, ConflictType, String)>>);

impl Heard {
    fn note(&self, event: &'static str, record: &ConflictRecord) -> ApplyAction {
        let mut all = self.0.lock().unwrap();
        all.push((event, record.conflict, record.reason.clone()));
        ApplyAction::Continue
    }
}

impl ApplyHandler for Heard {
    fn apply_change_failed(&self, record: &ConflictRecord) -> ApplyAction {
        self.note("change", record)
    }

    fn apply_metadata_failed(&self, record: &ConflictRecord) -> ApplyAction {
        self.note("metadata", record)
    }
}

impl Two {
    fn new(texts: Texts) -> Self {
        let two = Two {
            folder: scratch::folder(),
            texts,
            heard: Arc::default(),
        };
        for name in ["SampleDB1", "SampleDB2"] {
            TEXTS.schema.iter().for_each(|batch| two.run(name, batch));
        }
        two.run(
            "SampleDB1",
            "INSERT INTO Customer (id, name) VALUES (1, 'a'), (2, 'b')",
        );
        two
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name).with_extension("db")
    }

    fn run(&self, name: &str, sql: &str) {
        let db = Connection::open(self.path(name)).unwrap();
        db.execute_batch(sql)
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    fn source(&self) -> Arc<dyn SyncProvider> {
        let adapter = as_source(&TEXTS, customer()).build().unwrap();
        provider(&TEXTS, commands(self.folder.path(), "SampleDB1"), adapter).unwrap()
    }

    fn destination(&self) -> Arc<dyn SyncProvider> {
        let adapter = as_destination(&self.texts, customer()).build().unwrap();
        let made = provider(
            &self.texts,
            commands(self.folder.path(), "SampleDB2"),
            adapter,
        );
        let made = Arc::into_inner(made.unwrap()).unwrap();
        Arc::new(made.with_handler(self.heard.clone()))
    }

    fn synchronize(&self) -> Report {
        Session::new(self.destination(), self.source())
            .direction(Download)
            .run()
    }

    /// What is at the destination: rows, then metadata as id, tombstone, create key, update key.
    fn there(&self) -> [Vec<String>; 2] {
        let db = Connection::open(self.path("SampleDB2")).unwrap();
        let rows = |sql: &str| -> Vec<String> {
            let mut statement = db.prepare(sql).unwrap();
            let rows = statement.query_map([], |row| row.get(0)).unwrap();
            rows.collect::<Result<_, _>>().unwrap()
        };
        [
            rows("SELECT id || ' ' || name FROM Customer ORDER BY id"),
            rows(
                "SELECT id || ' ' || sync_row_is_tombstone || ' ' || sync_create_peer_key || ' ' || sync_update_peer_key
                 FROM CustomerMetadata ORDER BY id",
            ),
        ]
    }
}

fn commands(folder: &Path, name: &'static str) -> SqliteCommands {
    Sqlite::new(folder, name).commands()
}

/// The way of row 1 when `obstacle` stands at the destination, and after it has gone: what the handler heard, and that row 2 does not care.
fn check_obstacle(obstacle: &str, heals: &str, event: &str, reason: &str) {
    let two = Two::new(TEXTS);
    two.run("SampleDB2", obstacle);
    let report = two.synchronize();
    assert_eq!(report.left(), 1, "{obstacle}");
    assert_eq!(
        two.there(),
        [vec!["2 b".to_owned()], vec!["2 0 1 1".to_owned()]],
        "{obstacle}"
    );
    let heard = std::mem::take(&mut *two.heard.0.lock().unwrap());
    assert!(!heard.is_empty(), "{obstacle}");
    for (which, conflict, told) in heard {
        assert_eq!(
            (which, conflict),
            (event, ConflictType::ErrorsOccurred),
            "{obstacle}"
        );
        assert!(told.contains(reason), "{told}");
    }
    two.run("SampleDB2", heals);
    assert_eq!(two.synchronize().left(), 0);
    assert_eq!(two.there()[0], ["1 a", "2 b"]);
    assert_eq!(two.there()[1], ["1 0 1 1", "2 0 1 1"]);
    assert_eq!(two.synchronize().moved(), 0, "nothing is left to be done");
}

#[test]
fn an_insert_that_writes_nothing_met_a_constraint() {
    let ignore = "CREATE TRIGGER keeps_out BEFORE INSERT ON Customer WHEN NEW.id = 1 BEGIN SELECT RAISE(IGNORE); END";
    check_obstacle(
        ignore,
        "DROP TRIGGER keeps_out",
        "change",
        "a constraint keeps it out",
    );
    let abort = "CREATE TRIGGER keeps_out BEFORE INSERT ON Customer WHEN NEW.id = 1 BEGIN SELECT RAISE(ABORT, 'not that one'); END";
    check_obstacle(abort, "DROP TRIGGER keeps_out", "change", "not that one");
}

#[test]
fn metadata_that_cannot_be_written() {
    let abort = "CREATE TRIGGER keeps_out BEFORE UPDATE OF sync_create_peer_key ON CustomerMetadata WHEN NEW.id = 1 \
                 BEGIN SELECT RAISE(ABORT, 'no versions'); END";
    check_obstacle(abort, "DROP TRIGGER keeps_out", "metadata", "no versions");
    let ignore = "CREATE TRIGGER keeps_out BEFORE UPDATE OF sync_create_peer_key ON CustomerMetadata WHEN NEW.id = 1 \
                  BEGIN SELECT RAISE(IGNORE); END";
    // What its trigger wrote is there, so that inserting it meets the key.
    check_obstacle(
        ignore,
        "DROP TRIGGER keeps_out",
        "metadata",
        "UNIQUE constraint",
    );
}

#[test]
fn a_row_that_undoes_the_transaction_waits() {
    let rollback = "CREATE TRIGGER keeps_out BEFORE INSERT ON Customer WHEN NEW.id = 1 BEGIN SELECT RAISE(ROLLBACK, 'all of it'); END";
    check_obstacle(rollback, "DROP TRIGGER keeps_out", "change", "all of it");
}

/// Metadata without a row, which no trigger tracked.
const GONE: &str = "DROP TRIGGER customer_delete_trigger; DELETE FROM Customer";

#[test]
fn an_update_of_nothing_is_an_insert() {
    let two = Two::new(TEXTS);
    two.synchronize();
    two.run("SampleDB2", GONE);
    two.run("SampleDB1", "UPDATE Customer SET name = 'c' WHERE id = 1");
    assert_eq!(two.synchronize().left(), 0);
    assert_eq!(
        two.there(),
        [
            vec!["1 c".to_owned()],
            vec!["1 0 1 1".to_owned(), "2 0 1 1".to_owned()]
        ]
    );
}

#[test]
fn a_deletion_of_nothing_is_recorded() {
    let two = Two::new(TEXTS);
    two.synchronize();
    two.run("SampleDB2", GONE);
    two.run("SampleDB1", "DELETE FROM Customer WHERE id = 2; INSERT INTO Customer (id, name) VALUES (3, 'd'); DELETE FROM Customer WHERE id = 3");
    assert_eq!(two.synchronize().left(), 0);
    // Row 3 was never here.
    assert_eq!(two.there()[1], ["1 0 1 1", "2 1 1 1", "3 1 1 1"]);
}

#[test]
fn a_source_is_no_destination() {
    let two = Two::new(TEXTS);
    two.run(
        "SampleDB2",
        "INSERT INTO Customer (id, name) VALUES (9, 'z')",
    );
    let adapter = as_source(&TEXTS, customer()).build().unwrap();
    let other = provider(&TEXTS, commands(two.folder.path(), "SampleDB2"), adapter).unwrap();
    let failure = Session::new(other, two.source())
        .direction(Download)
        .try_run();
    let error = failure.unwrap_err().error.to_string();
    assert!(
        error.contains("[Customer]") && error.contains("source alone"),
        "{error}"
    );
    assert_eq!(two.there()[0], ["9 z"]);
}

/// What a session says at its beginning when a text of the destination is this.
fn refused(change: impl FnOnce(&mut Texts), parts: &[&str]) {
    let mut texts = TEXTS;
    change(&mut texts);
    let two = Two::new(texts);
    let failure = Session::new(two.destination(), two.source())
        .direction(Download)
        .try_run();
    let error = failure.unwrap_err().error.to_string();
    for part in parts {
        assert!(error.contains(part), "{part}: {error}");
    }
    assert_eq!(two.there(), [Vec::<String>::new(), Vec::new()]);
}

#[test]
fn texts_are_looked_at_first() {
    refused(
        |texts| texts.insert = "INSERT INTO Customer (id, name) VALUES (@id, @nmae)",
        &["InsertCommand of table [Customer]", "@nmae"],
    );
    refused(
        |texts| texts.insert = "INSERT INTO Custommer (id) VALUES (@id)",
        &["InsertCommand of table [Customer]", "Custommer"],
    );
    refused(
        |texts| texts.delete = "DELETE FROM Customer WHERE id = ?1",
        &["DeleteCommand of table [Customer]", "?1"],
    );
    refused(
        |texts| texts.update = " -- nothing",
        &["UpdateCommand of table [Customer]", "empty"],
    );
    refused(
        |texts| texts.select_row = "SELECT m.*, c.name, c.age FROM CustomerMetadata m LEFT JOIN Customer c USING (id) WHERE m.id = @id",
        &["SelectRowCommand of table [Customer]", "country"],
    );
    refused(
        |texts| texts.select_new_timestamp = "SELECT tick FROM sync_clock",
        &[
            "SelectNewTimestampCommand of scope DbSyncDemo",
            "sync_new_timestamp",
        ],
    );
    refused(
        |texts| {
            texts.select_scope_info = "SELECT * FROM scope_info WHERE false AND @sync_scope_name"
        },
        &[
            "SelectScopeInfoCommand of scope DbSyncDemo",
            "does not hold the scope",
        ],
    );
    refused(
        |texts| {
            texts.select_scope_info =
                "SELECT sync_scope_id FROM scope_info WHERE sync_scope_name = @sync_scope_name"
        },
        &[
            "SelectScopeInfoCommand of scope DbSyncDemo",
            "sync_scope_knowledge",
        ],
    );
    refused(
        |texts| {
            texts.select_scope_info = "SELECT 'me' AS sync_scope_id, NULL AS sync_scope_knowledge, NULL AS sync_scope_cleanup_knowledge, 0 AS sync_scope_timestamp";
        },
        &[
            "SelectScopeInfoCommand of scope DbSyncDemo",
            "sync_scope_id",
            "no GUID",
        ],
    );
}

/// A provider for a scope whose row tells of clean-ups of others, and which tells others of its own.
fn sharing(path: &Path, scope: &str) -> DbSyncProvider<SqliteCommands> {
    let with_cleanup = |builder: DbSyncAdapterBuilder| {
        let select = "SELECT * FROM CustomerMetadata WHERE sync_row_is_tombstone = 1 AND @metadata_aging_in_days < 0";
        builder.select_metadata_for_cleanup_command(
            DbCommand::statement(select).input("@metadata_aging_in_days"),
        )
    };
    let adapter = with_cleanup(as_destination(&TEXTS, as_source(&TEXTS, customer())));
    let update = "@sync_scope_name @sync_scope_knowledge @sync_scope_cleanup_knowledge @sync_scope_timestamp @sync_check_concurrency";
    let built = DbSyncProvider::builder(scope, SqliteCommands::new(path))
        .change_tracking(TEXTS.tracking)
        .select_new_timestamp_command(DbCommand::statement(TEXTS.select_new_timestamp))
        .select_scope_info_command(
            DbCommand::statement("SELECT * FROM scope_info WHERE sync_scope_name = @sync_scope_name").input("@sync_scope_name"),
        )
        .update_scope_info_command(
            DbCommand::statement(TEXTS.update_scope_info)
                .inputs(update.split(' '))
                .output("@sync_row_count"),
        )
        .select_overlapping_scopes_command(
            DbCommand::statement(
                "SELECT 'Customer' AS sync_table_name, sync_scope_name AS sync_shared_scope_name FROM scope_info
                 WHERE sync_scope_name <> @sync_scope_name",
            )
            .input("@sync_scope_name"),
        )
        .update_scope_cleanup_timestamp_command(
            DbCommand::statement(
                "UPDATE scope_info SET sync_scope_cleanup_timestamp = max(coalesce(sync_scope_cleanup_timestamp, 0), @sync_scope_cleanup_timestamp)
                 WHERE sync_scope_name = @sync_scope_name",
            )
            .inputs(["@sync_scope_name", "@sync_scope_cleanup_timestamp"])
            .output("@sync_row_count"),
        )
        .adapter(adapter.build().unwrap());
    built.build().unwrap()
}

#[test]
fn a_clean_up_tells_the_scopes_that_share_the_table() {
    let two = Two::new(TEXTS);
    two.run(
        "SampleDB1",
        "ALTER TABLE scope_info ADD COLUMN sync_scope_cleanup_timestamp INTEGER;
         INSERT INTO scope_info (sync_scope_id, sync_scope_name) VALUES (lower(hex(randomblob(16))), 'Other');",
    );
    // A replica of the other scope, which misses the deletion.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let folder = scratch::folder();
    let path = folder.path().join("late.db");
    {
        let db = Connection::open(&path).unwrap();
        TEXTS
            .schema
            .iter()
            .for_each(|batch| db.execute_batch(batch).unwrap());
        db.execute_batch(
            "ALTER TABLE scope_info ADD COLUMN sync_scope_cleanup_timestamp INTEGER; UPDATE scope_info SET sync_scope_name = 'Other'",
        )
        .unwrap();
    }
    let here = || sharing(&two.path("SampleDB1"), "Other");
    let download =
        || Session::new(Arc::new(sharing(&path, "Other")), Arc::new(here())).direction(Download);
    assert_eq!(download().run().moved(), 2);
    two.run("SampleDB1", "DELETE FROM Customer WHERE id = 2");
    let done = runtime.block_on(sharing(&two.path("SampleDB1"), SCOPE).cleanup_metadata(-1));
    assert_eq!(
        done.unwrap(),
        MetadataCleanup {
            removed: 1,
            left: 0
        }
    );
    let error = download().try_run().unwrap_err().error;
    assert!(matches!(error, ProviderError::Outdated { .. }), "{error}");
}

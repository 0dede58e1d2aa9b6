//! Databases that somebody else has locked, or that cannot be written.

use std::sync::Arc;
use std::time::Duration;

use sync_orchestrator::SyncOrchestrator;
use sync_provider::ProviderError;
use sync_provider_sqlite::{Provisioning, SqliteError, SqliteProvider, Tables};

use crate::support::{Db, settle, upload};

#[test]
fn a_locked_destination_is_a_clear_error() {
    let schema = "CREATE TABLE t (id INTEGER PRIMARY KEY, v)";
    let (a, b) = (Db::new(schema), Db::new(schema));
    a.execute("INSERT INTO t VALUES (1, 'x')");
    let holder = b.open();
    for lock in ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"] {
        holder.execute_batch(lock).unwrap();
        let provider = |db: &Db| {
            Arc::new(SqliteProvider::new(db.path(), "s").busy_timeout(Duration::from_millis(50)))
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let failure = runtime
            .block_on(SyncOrchestrator::new(provider(&a), provider(&b)).synchronize())
            .expect_err("it is locked");
        assert!(
            matches!(failure.error, ProviderError::Database { .. }),
            "{failure:?}"
        );
        let text = failure.error.to_string();
        assert!(
            text.contains("locked by someone else") && text.contains("replica.db"),
            "{text}"
        );
        holder.execute_batch("ROLLBACK").unwrap();
    }
    drop(holder);
    settle(&a, &b);
}

#[test]
fn a_locked_database_is_not_provisioned() {
    let db = Db::plain("CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
    let holder = db.open();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut provisioning = Provisioning::new("s", Tables::All);
    provisioning.busy_timeout = Duration::from_millis(50);
    let error = provisioning.apply(&db.path()).expect_err("it is locked");
    assert!(matches!(error, SqliteError::Locked { .. }), "{error:?}");
}

#[test]
fn a_missing_or_foreign_file_is_a_clear_error() {
    let db = Db::new("CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
    let plain = Db::plain("CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
    let text = db.path().with_file_name("text.db");
    std::fs::write(
        &text,
        "certainly not a database, and long enough to look like one ".repeat(40),
    )
    .unwrap();
    let missing = db.path().with_file_name("missing.db");
    for (path, scope, expected) in [
        (missing.clone(), "s", "missing.db"),
        (text, "s", "text.db"),
        (plain.path(), "s", "scope s"),
        (db.path(), "other", "scope other"),
    ] {
        let remote = Arc::new(SqliteProvider::new(&path, scope));
        let local = Arc::new(SqliteProvider::new(db.path(), "s"));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let failure = runtime
            .block_on(SyncOrchestrator::new(local, remote).synchronize())
            .expect_err("it is refused");
        let text = failure.error.to_string();
        assert!(text.contains(expected) && !text.contains('\n'), "{text}");
    }
    assert!(!missing.exists());
}

/// Someone who only reads does not stand in the way.
#[test]
fn an_open_reader_at_the_source() {
    let schema = "CREATE TABLE t (id INTEGER PRIMARY KEY, v)";
    let (a, b) = (Db::new(schema), Db::new(schema));
    a.execute("INSERT INTO t VALUES (1, 'x'), (2, 'y')");
    let reader = a.open();
    reader.execute_batch("BEGIN").unwrap();
    assert_eq!(
        crate::support::query(&reader, "SELECT count(*) FROM t"),
        ["2"]
    );
    assert_eq!(upload(&a, &b).up(), (2, 0));
    reader.execute_batch("COMMIT").unwrap();
    drop(reader);
    settle(&a, &b);
}

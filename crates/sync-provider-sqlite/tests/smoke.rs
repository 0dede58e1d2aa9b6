//! Two files, both ways.
use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use sync_orchestrator::{SyncOperationStatistics, SyncOrchestrator};
use sync_provider_sqlite::{DEFAULT_BUSY_TIMEOUT, Provisioning, SqliteProvider, Tables, describe};

fn sync(a: &Path, b: &Path) -> SyncOperationStatistics {
    let session = SyncOrchestrator::new(
        Arc::new(SqliteProvider::new(a, "s")),
        Arc::new(SqliteProvider::new(b, "s")),
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime
        .block_on(session.on_conflict(|r| println!("{r:?}")).synchronize())
        .unwrap()
}

fn dump(path: &Path) -> Vec<String> {
    let db = Connection::open(path).unwrap();
    let mut all = Vec::new();
    for sql in [
        "SELECT id || '|' || coalesce(name, 'NULL') || '|' || coalesce(boss, '-') FROM t ORDER BY 1",
        "SELECT a || '|' || b || '|' || u FROM c ORDER BY 1",
    ] {
        let mut s = db.prepare(sql).unwrap();
        all.extend(
            s.query_map([], |r| r.get::<_, String>(0))
                .unwrap()
                .map(Result::unwrap),
        );
        all.push("--".into());
    }
    all
}

#[test]
fn two_files() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b, c) = (
        dir.path().join("a.db"),
        dir.path().join("b.db"),
        dir.path().join("c.db"),
    );
    let da = Connection::open(&a).unwrap();
    da.execute_batch("CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, boss INTEGER REFERENCES t(id));
        CREATE TABLE c(a TEXT NOT NULL, b INT NOT NULL, u TEXT NOT NULL UNIQUE, PRIMARY KEY(b, a)) WITHOUT ROWID;
        INSERT INTO t VALUES (1, 'x', 2), (2, 'é', NULL); INSERT INTO c VALUES ('p', 1, 'u1'), ('q', 2, 'u2');").unwrap();
    Provisioning::new("s", Tables::All).apply(&a).unwrap();
    for other in [&b, &c] {
        let (scope, templates) = describe(&a, None, DEFAULT_BUSY_TIMEOUT).unwrap();
        Provisioning::new("s", Tables::Like(scope, templates))
            .apply(other)
            .unwrap();
    }
    println!("{:?}", sync(&a, &b));
    assert_eq!(dump(&a), dump(&b));
    let db = Connection::open(&b).unwrap();
    db.execute_batch("UPDATE t SET name = 'B' WHERE id = 1; UPDATE c SET u = 'tmp' WHERE a = 'p'; UPDATE c SET u = 'u1' WHERE a = 'q'; UPDATE c SET u = 'u2' WHERE a = 'p'; INSERT INTO t VALUES (3, NULL, 1)").unwrap();
    da.execute_batch("UPDATE t SET name = 'A' WHERE id = 1; INSERT OR REPLACE INTO c VALUES ('r', 3, 'zz'); INSERT OR REPLACE INTO c VALUES ('s', 4, 'zz')").unwrap();
    println!("{:?}", sync(&a, &b));
    println!("{:?}", sync(&b, &c));
    println!("{:?}", sync(&a, &c));
    assert_eq!(dump(&a), dump(&b));
    assert_eq!(dump(&a), dump(&c));
    println!("{:#?}", dump(&a));
    let last = sync(&a, &b);
    println!("{last:?}");
    assert_eq!(
        last.upload.unwrap().changes_total + last.download.unwrap().changes_total,
        0
    );
}

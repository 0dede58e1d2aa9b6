//! Large values go both ways, within a stated bound of memory. A file of its own, since the peak of a process is measured.
//! `SYNC_TEST_LARGE_MB=50` measures values of 50 MB, which takes some engines minutes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on panics; that is its way to fail"
)]

use std::sync::Arc;

use sync_orchestrator::SyncOrchestrator;
use sync_provider_mssql::{Provisioning, TableChoice, Tables, describe};
use sync_provider_sqlite::SqliteProvider;
use sync_tests::support::scratch::folder;
use sync_tests::support::sql_server::ServerDatabase;

/// What the process holds without such values.
const BASE: usize = 64 << 20;
/// Of a value's size in SQLite: it is held by the batch, by the slice, as JSON, as UTF-16 for the wire, and by the SQLite page cache.
const MOST_COPIES: usize = 12;

/// The most memory that the process has held, in bytes; `None` where the system does not say.
fn peak() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: usize = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes << 10)
}

fn size() -> usize {
    let asked = std::env::var("SYNC_TEST_LARGE_MB").ok();
    asked.map_or(8, |megabytes| megabytes.parse::<usize>().unwrap()) << 20
}

#[tokio::test]
async fn large_values_go_both_ways() {
    let Some(server) = ServerDatabase::new("large values").await else {
        return;
    };
    let size = size();
    server.execute("CREATE TABLE T (Id int NOT NULL PRIMARY KEY, A nvarchar(max) NULL, B varbinary(max) NULL)").await;
    let choice = TableChoice {
        table: "T".into(),
        global_name: None,
        columns: None,
    };
    Provisioning::new("large", Tables::Listed(vec![choice]))
        .apply(&server.connections)
        .await
        .unwrap();
    let folder = folder();
    let like = |scope| {
        sync_provider_sqlite::Tables::Like(scope, sync_provider_sqlite::Template::default())
    };
    let paths = ["a.db", "b.db"].map(|name| folder.path().join(name));
    for path in &paths {
        let (scope, _) = describe(&server.connections, None).await.unwrap();
        sync_provider_sqlite::Provisioning::new("large", like(scope))
            .apply(path)
            .unwrap();
    }
    let make = "INSERT INTO T VALUES (1, replace(hex(zeroblob(?1 / 2)), '00', 'ab'), NULL), (2, NULL, zeroblob(?1))";
    let db = rusqlite::Connection::open(&paths[0]).unwrap();
    db.execute(make, [size as i64]).unwrap();
    drop(db);
    for (number, path) in paths.iter().enumerate() {
        let before = peak();
        let local = Arc::new(SqliteProvider::new(path, "large"));
        let orchestrator = SyncOrchestrator::new(local, Arc::new(server.provider("large")));
        let done = orchestrator.on_conflict(|record| panic!("{:?}", record.reason));
        let done = done.synchronize().await.unwrap();
        let moved = [done.upload, done.download].map(|one| one.unwrap().changes_total);
        assert_eq!(moved, [[2, 0], [0, 2]][number]);
        eprintln!("{number}: peak {before:?} before, {:?} after", peak());
    }
    let sum = "SELECT length(A), length(B), A = replace(hex(zeroblob(?1 / 2)), '00', 'ab'), B = zeroblob(?1) FROM T ORDER BY Id";
    let db = rusqlite::Connection::open(&paths[1]).unwrap();
    let mut query = db.prepare(sum).unwrap();
    let rows = query.query_map([size as i64], |row| {
        Ok((
            row.get::<_, Option<i64>>(0)?,
            row.get::<_, Option<i64>>(1)?,
            row.get::<_, Option<bool>>(2)?,
            row.get::<_, Option<bool>>(3)?,
        ))
    });
    let rows: Vec<_> = rows.unwrap().map(Result::unwrap).collect();
    assert_eq!(
        rows,
        [
            (Some(size as i64), None, Some(true), None),
            (None, Some(size as i64), None, Some(true))
        ]
    );
    if let Some(peak) = peak() {
        assert!(
            peak < BASE + MOST_COPIES * size,
            "{} MB at the peak",
            peak >> 20
        );
    }
}

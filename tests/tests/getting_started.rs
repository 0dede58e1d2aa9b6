//! The walk-through of `examples/getting_started.rs`, looked at through connections of its own: rows, versions and knowledge.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on panics"
)]

#[allow(dead_code, reason = "the example's own way in")]
#[path = "../../examples/getting_started.rs"]
mod example;

use example::{Database, SqlServer, Sqlite, both_ways, one_way};
use sync_knowledge::{Knowledge, ReplicaKey, Version};
use sync_tests::support::scratch;
use sync_tests::support::sql_server::skip;

/// Rows of a query, joined.
async fn rows(database: &dyn Database, sql: &str) -> Vec<String> {
    let rows = database.rows(sql).await.unwrap();
    rows.into_iter().map(|row| row.join(" ")).collect()
}

const CUSTOMERS: &str = "SELECT id, name, age, country FROM Customer ORDER BY id";
const METADATA: &str = "SELECT id, sync_row_is_tombstone, sync_create_peer_key, sync_update_peer_key FROM CustomerMetadata ORDER BY id";

/// What a database knows, and who it is.
async fn knowledge(database: &dyn Database) -> Option<Knowledge> {
    let sql = "SELECT sync_scope_knowledge FROM scope_info";
    let text = database.rows(sql).await.unwrap().remove(0).remove(0);
    if text == "NULL" {
        return None;
    }
    let hex = text;
    let bytes = (0..hex.len() / 2)
        .map(|at| u8::from_str_radix(hex.get(2 * at..2 * at + 2).unwrap(), 16).unwrap());
    Some(Knowledge::from_bytes(&bytes.collect::<Vec<u8>>()).unwrap())
}

/// The versions of all rows as the commands give them: id, update tick, whose.
async fn versions(database: &dyn Database) -> Vec<(String, u32, u64)> {
    let sql = "SELECT id, sync_update_peer_key, sync_update_peer_timestamp FROM CustomerMetadata \
               WHERE sync_update_peer_key > 0 ORDER BY id";
    let rows = database.rows(sql).await.unwrap();
    let version = |row: Vec<String>| {
        (
            row[0].clone(),
            row[1].parse().unwrap(),
            row[2].parse().unwrap(),
        )
    };
    rows.into_iter().map(version).collect()
}

async fn check(first: &dyn Database, second: &dyn Database) {
    let mut told = Vec::new();
    one_way(first, second, &mut told).await.unwrap();
    let does = ["1 John Doe 42 USA", "2 Jane Doe 40 USA"];
    assert_eq!(rows(first, CUSTOMERS).await, does);
    assert_eq!(rows(second, CUSTOMERS).await, does);
    assert_eq!(rows(first, METADATA).await, ["1 0 0 0", "2 0 0 0"]);
    assert_eq!(rows(second, METADATA).await, ["1 0 1 1", "2 0 1 1"]);
    // The source has learned nothing; the destination knows what the source had, and under which versions.
    assert_eq!(knowledge(first).await, None);
    let learned = knowledge(second).await.unwrap();
    assert_eq!(learned.key_map().len(), 2);
    for (id, key, tick) in versions(second).await {
        let item = format!("[customer]-{id}");
        let item: Vec<u8> = item.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert!(
            learned.contains(&item, Version::new(ReplicaKey(key), tick)),
            "{id}"
        );
    }

    both_ways(first, second, &mut told).await.unwrap();
    let both = ["1 John Doe 43 USA", "3 Jim Doe 7 Canada"];
    assert_eq!(rows(first, CUSTOMERS).await, both);
    assert_eq!(rows(second, CUSTOMERS).await, both);
    assert_eq!(
        rows(first, METADATA).await,
        ["1 0 0 0", "2 1 0 1", "3 0 1 1"]
    );
    assert_eq!(
        rows(second, METADATA).await,
        ["1 0 1 1", "2 1 1 0", "3 0 0 0"]
    );
    let here = knowledge(first).await.unwrap();
    let there = knowledge(second).await.unwrap();
    let own = |knowledge: &Knowledge| knowledge.key_map().own().clone();
    assert_ne!(own(&here), own(&there));
    assert!(there.key_map().key(&own(&here)).is_some());
    assert!(here.key_map().key(&own(&there)).is_some());

    let told = String::from_utf8(told).unwrap();
    assert!(told.contains("SampleDB2: CustomerMetadata"), "{told}");
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(work)
}

#[test]
fn on_sqlite() {
    let folder = scratch::folder();
    let first = Sqlite::new(folder.path(), "SampleDB1");
    let second = Sqlite::new(folder.path(), "SampleDB2");
    block_on(check(&first, &second));
}

#[test]
fn on_sql_server() {
    block_on(async {
        let Some(first) = SqlServer::new("SampleDB1").await.unwrap() else {
            return skip("getting_started", "SYNC_TEST_MSSQL names no server");
        };
        let second = SqlServer::new("SampleDB2").await.unwrap().unwrap();
        check(&first, &second).await;
    });
}

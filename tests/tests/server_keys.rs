//! Keys that one side tells apart and the other does not: never merged, never split, and reported by name.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on panics; that is its way to fail"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use sync_orchestrator::SyncOrchestrator;
use sync_provider_mssql::{Provisioning, TableChoice, Tables, describe};
use sync_provider_sqlite::SqliteProvider;
use sync_tests::support::scratch::folder;
use sync_tests::support::sql_server::ServerDatabase;

/// A key column at the server, and keys written in SQLite: those that get there, and those that wait.
struct Case {
    table: &'static str,
    declared: &'static str,
    stored: &'static [&'static str],
    waits: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        table: "K1",
        declared: "nvarchar(20)",
        stored: &["'abc'", "'äbc'"],
        waits: &["'ABC'", "'abc '"],
    },
    Case {
        table: "K2",
        declared: "nvarchar(20) COLLATE Latin1_General_CI_AI",
        stored: &["'e'", "'f'"],
        waits: &["'é'", "'E'"],
    },
    Case {
        table: "K3",
        declared: "varchar(20) COLLATE Latin1_General_BIN2",
        stored: &["'a'", "'A'"],
        waits: &["'a '"],
    },
    Case {
        table: "K4",
        declared: "char(5)",
        stored: &["'ab'"],
        waits: &["'abc '"],
    },
    Case {
        table: "K5",
        declared: "uniqueidentifier",
        stored: &["'2d498460-5fe9-41c3-9ddc-b4eee3aa7c8e'"],
        waits: &["'3D498460-5FE9-41C3-9DDC-B4EEE3AA7C8E'"],
    },
    Case {
        table: "K6",
        declared: "datetime",
        stored: &["'2024-01-01 10:00:00.003'"],
        waits: &["'2024-01-01 10:00:00.011'", "'2024-01-01T10:00:00'"],
    },
    Case {
        table: "K7",
        declared: "binary(2)",
        stored: &["x'0102'"],
        waits: &["x'03'"],
    },
    Case {
        table: "K8",
        declared: "decimal(20,2)",
        stored: &["'1.50'"],
        waits: &["'2.5'"],
    },
];

fn choice(table: &str) -> TableChoice {
    TableChoice {
        table: table.into(),
        global_name: None,
        columns: None,
    }
}

async fn server() -> Option<ServerDatabase> {
    let db = ServerDatabase::new("keys").await?;
    for case in CASES {
        db.execute(&format!(
            "CREATE TABLE {} (K {} NOT NULL PRIMARY KEY, V int NULL)",
            case.table, case.declared
        ))
        .await;
    }
    let tables = CASES.iter().map(|case| choice(case.table)).collect();
    Provisioning::new("keys", Tables::Listed(tables))
        .apply(&db.connections)
        .await
        .unwrap();
    Some(db)
}

async fn like(server: &ServerDatabase, path: PathBuf) -> PathBuf {
    let (scope, _) = describe(&server.connections, None).await.unwrap();
    let tables =
        sync_provider_sqlite::Tables::Like(scope, sync_provider_sqlite::Template::default());
    sync_provider_sqlite::Provisioning::new("keys", tables)
        .apply(&path)
        .unwrap();
    path
}

fn run(path: &Path, sql: &str) {
    rusqlite::Connection::open(path)
        .unwrap()
        .execute_batch(sql)
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
}

fn keys(path: &Path, table: &str) -> Vec<String> {
    let db = rusqlite::Connection::open(path).unwrap();
    let mut query = db
        .prepare(&format!(
            "SELECT quote(K) || ' ' || V FROM {table} ORDER BY V, K"
        ))
        .unwrap();
    query
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

/// A session, upload first; the reasons of the rows that wait, by table.
async fn session(sqlite: &Path, server: &ServerDatabase) -> BTreeMap<String, Vec<String>> {
    let heard = Arc::new(Mutex::new(BTreeMap::<String, Vec<String>>::new()));
    let listening = Arc::clone(&heard);
    let (local, remote) = (
        Arc::new(SqliteProvider::new(sqlite, "keys")),
        Arc::new(server.provider("keys")),
    );
    let orchestrator = SyncOrchestrator::new(local, remote).on_conflict(move |record| {
        let mut heard = listening.lock().unwrap();
        heard
            .entry(record.table.clone())
            .or_default()
            .push(format!("{record:?}"));
    });
    orchestrator.synchronize().await.unwrap();
    std::mem::take(&mut *heard.lock().unwrap())
}

#[tokio::test]
async fn no_key_is_merged_or_split() {
    let Some(server) = server().await else { return };
    let folder = folder();
    let (a, b) = (
        like(&server, folder.path().join("a.db")).await,
        like(&server, folder.path().join("b.db")).await,
    );
    for case in CASES {
        for (at, key) in case.stored.iter().enumerate() {
            run(
                &a,
                &format!("INSERT INTO {} VALUES ({key}, {at})", case.table),
            );
        }
    }
    assert_eq!(session(&a, &server).await, BTreeMap::new());
    for case in CASES {
        for (at, key) in (10..).zip(case.waits) {
            run(
                &a,
                &format!("INSERT INTO {} VALUES ({key}, {at})", case.table),
            );
        }
    }
    // They wait, session for session, and nothing else does.
    for turn in 0..2 {
        let heard = session(&a, &server).await;
        for case in CASES {
            let found = heard.get(&format!("[{}]", case.table)).map_or(0, Vec::len);
            assert_eq!(
                found,
                case.waits.len(),
                "{} in turn {turn}: {heard:?}",
                case.table
            );
            let count = server
                .rows(&format!("SELECT COUNT(*) FROM {} WHERE V < 10", case.table))
                .await;
            assert_eq!(
                count,
                [[format!("I32(Some({}))", case.stored.len())]],
                "{}",
                case.table
            );
            assert_eq!(
                keys(&a, case.table).len(),
                case.stored.len() + case.waits.len()
            );
        }
        let named = &heard["[K1]"];
        assert!(
            named
                .iter()
                .any(|text| text.contains("('ABC') is taken for ('abc')")),
            "{named:?}"
        );
    }
    // What is changed at the server goes to the very rows that it came from.
    for case in CASES {
        server
            .execute(&format!("UPDATE {} SET V = V + 100", case.table))
            .await;
    }
    server
        .execute("UPDATE K1 SET K = N'Abc' WHERE K = N'abc'")
        .await;
    session(&a, &server).await;
    session(&b, &server).await;
    for case in CASES {
        let (in_a, in_b) = (keys(&a, case.table), keys(&b, case.table));
        assert_eq!(
            in_a.len(),
            case.stored.len() + case.waits.len(),
            "{}: {in_a:?}",
            case.table
        );
        assert_eq!(in_b.len(), case.stored.len(), "{}: {in_b:?}", case.table);
        assert!(
            in_b.iter().all(|row| in_a.contains(row)),
            "{}: {in_a:?} {in_b:?}",
            case.table
        );
        assert!(
            in_b.iter().all(|row| row.contains(" 10")),
            "{}: {in_b:?}",
            case.table
        );
    }
    // A row that is written as the server would write it gets through.
    run(&a, "UPDATE K5 SET K = lower(K)");
    run(&a, "UPDATE K1 SET K = 'xyz' WHERE K = 'ABC'");
    session(&a, &server).await;
    session(&b, &server).await;
    assert_eq!(keys(&b, "K5").len(), 2);
    assert!(keys(&b, "K1").iter().any(|row| row.starts_with("'xyz'")));
}

/// Both in one batch, and a deletion beside them.
#[tokio::test]
async fn keys_of_one_batch_that_collide() {
    let Some(server) = server().await else { return };
    let folder = folder();
    let a = like(&server, folder.path().join("a.db")).await;
    run(
        &a,
        "INSERT INTO K1 VALUES ('key', 1), ('KEY', 2), ('other', 3)",
    );
    let heard = session(&a, &server).await;
    assert_eq!(heard["[K1]"].len(), 1, "{heard:?}");
    assert!(heard["[K1]"][0].contains("is taken for"), "{heard:?}");
    assert_eq!(
        server.rows("SELECT COUNT(*) FROM K1").await,
        [["I32(Some(2))"]]
    );
    // Who deletes the one that waits deletes no other row.
    let there = server.rows("SELECT K FROM K1 WHERE V < 3").await[0][0].clone();
    let waits = if there.contains("KEY") { "key" } else { "KEY" };
    run(&a, &format!("DELETE FROM K1 WHERE K = '{waits}'"));
    session(&a, &server).await;
    assert_eq!(
        server.rows("SELECT COUNT(*) FROM K1").await,
        [["I32(Some(2))"]]
    );
    assert_eq!(keys(&a, "K1").len(), 2);
}

//! Rows that wait from an earlier session and come by themselves are decided once.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::sync::{Arc, Mutex};

use sync_orchestrator::SyncDirectionOrder;
use sync_provider::ConflictPolicy;
use sync_provider_sqlite::{Provisioning, SqliteProvider, Tables};
use sync_tests::conformance::hooked::{Call, Hooked};
use sync_tests::support::dump::{self, open};
use sync_tests::support::scratch;
use sync_tests::support::session::{Report, Session};

/// A row is deferred; then its source writes it again, or not, and the next session settles it.
fn check(then: &str, asked: usize, policy: ConflictPolicy) {
    let folder = scratch::folder();
    let [a, b] = ["a.db", "b.db"].map(|name| folder.path().join(name));
    for path in [&a, &b] {
        open(path)
            .execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
            .unwrap();
        Provisioning::new("s", Tables::All).apply(path).unwrap();
    }
    let asks = Arc::new(Mutex::new(0));
    let session = |policy| {
        let count = Arc::clone(&asks);
        let source = Hooked::wrap(Arc::new(SqliteProvider::new(&a, "s")), move |call| {
            if let Call::Rows(_) = call {
                *count.lock().unwrap() += 1;
            }
            Ok(())
        });
        Session::new(source, Arc::new(SqliteProvider::new(&b, "s")))
            .direction(SyncDirectionOrder::Upload)
            .policy(policy)
            .run()
    };
    open(&a)
        .execute_batch("INSERT INTO t VALUES (1, 'a')")
        .unwrap();
    open(&b)
        .execute_batch("INSERT INTO t VALUES (1, 'b')")
        .unwrap();
    assert_eq!(session(ConflictPolicy::Defer).records.len(), 1);
    open(&a).execute_batch(then).unwrap();
    let settled = session(policy.clone());
    assert_eq!(settled.records.len(), 1, "{then} {policy:?}");
    assert_eq!(settled.upload().conflicts, 1, "{then} {policy:?}");
    assert_eq!(*asks.lock().unwrap(), asked, "{then} {policy:?}");
}

#[test]
fn a_row_that_comes_by_itself_is_not_asked_for() {
    for policy in [
        ConflictPolicy::DestinationWins,
        ConflictPolicy::SourceWins,
        ConflictPolicy::Defer,
    ] {
        check("", 1, policy.clone());
        check("UPDATE t SET v = 'again' WHERE id = 1", 0, policy);
    }
}

/// Both files with these tables, and what an application does at the source.
fn pair(schemas: [&str; 2]) -> (tempfile::TempDir, [std::path::PathBuf; 2]) {
    let folder = scratch::folder();
    let paths = ["a.db", "b.db"].map(|name| folder.path().join(name));
    for (path, schema) in paths.iter().zip(schemas) {
        open(path).execute_batch(schema).unwrap();
        Provisioning::new("s", Tables::All).apply(path).unwrap();
    }
    (folder, paths)
}

/// One way, and how often rows were asked for by key.
fn upload(paths: &[std::path::PathBuf; 2], batch_bytes: u64) -> (Report, usize) {
    let asks = Arc::new(Mutex::new(0));
    let count = Arc::clone(&asks);
    let source = Hooked::wrap(Arc::new(SqliteProvider::new(&paths[0], "s")), move |call| {
        if let Call::Rows(_) = call {
            *count.lock().unwrap() += 1;
        }
        Ok(())
    });
    let report = Session::new(source, Arc::new(SqliteProvider::new(&paths[1], "s")))
        .direction(SyncDirectionOrder::Upload)
        .batch_bytes(batch_bytes)
        .run();
    let asks = *asks.lock().unwrap();
    (report, asks)
}

/// A chain of rows waits for the one at its top, and goes through at once when that comes, in whatever order its keys are.
#[test]
fn a_chain_heals_in_one_round() {
    const LENGTH: i64 = 1000;
    let references = [
        // To the key, and to another column.
        "parent INTEGER REFERENCES t",
        "parent INTEGER REFERENCES t (code)",
    ];
    for reference in references {
        // The key of the row at a place of the chain, counted from the top: downwards, upwards, and all over the place.
        for key in ["n", "1000 - n", "n * 619 % 1009"] {
            let schema = format!(
                "CREATE TABLE t (id INTEGER PRIMARY KEY, code INTEGER UNIQUE, {reference}, v TEXT)"
            );
            let strict = schema.replace("v TEXT", "v TEXT CHECK (v <> 'refused')");
            let (_folder, paths) = pair([&schema, &strict]);
            let above = key.replace('n', "(n - 1)");
            open(&paths[0])
                .execute_batch(&format!(
                    "INSERT INTO t WITH RECURSIVE chain(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM chain WHERE n < {LENGTH}) \
                     SELECT {key}, {key}, CASE WHEN n > 0 THEN {above} END, CASE n WHEN 0 THEN 'refused' ELSE '' END FROM chain"
                ))
                .unwrap();
            let all = LENGTH as u64 + 1;
            let context = format!("{reference}, {key}");
            let (report, _) = upload(&paths, 1 << 20);
            assert_eq!(report.upload().changes_failed, all, "{context}");
            // A change below the top heals nothing, though the rows below it would go with it.
            open(&paths[0])
                .execute_batch("UPDATE t SET v = 'again' WHERE id = 500")
                .unwrap();
            let (report, _) = upload(&paths, 1 << 20);
            assert_eq!(report.upload().changes_failed, all, "{context}");
            open(&paths[0])
                .execute_batch("UPDATE t SET v = 'fine' WHERE v = 'refused'")
                .unwrap();
            let (report, asks) = upload(&paths, 1 << 20);
            let upload = report.upload();
            assert_eq!((upload.changes_applied, asks), (all, 1), "{context}");
            assert_eq!(
                dump::rows(&paths[0], "t"),
                dump::rows(&paths[1], "t"),
                "{context}"
            );
        }
    }
}

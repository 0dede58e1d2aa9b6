//! Rows that wait from an earlier session and come by themselves are decided once.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::sync::{Arc, Mutex};

use sync_orchestrator::SyncDirectionOrder;
use sync_provider::ChangeBatchRequest;
use sync_provider::ConflictPolicy;
use sync_tests::conformance::hooked::{Hooked, Seen};
use sync_tests::support::engines::{Database, engines};
use sync_tests::support::session::{Report, Session};

/// One way, and how often rows were asked for by key.
fn upload([a, b]: &[Database; 2], policy: ConflictPolicy) -> (Report, usize) {
    let asks = Arc::new(Mutex::new(0));
    let count = Arc::clone(&asks);
    a.settle(&["t"]);
    let source = Hooked::wrap(a.provider("s"), move |call| {
        if let Seen::Changes(ChangeBatchRequest::Rows(_)) = call {
            *count.lock().unwrap() += 1;
        }
        Ok(())
    });
    let report = Session::new(source, b.provider("s"))
        .direction(SyncDirectionOrder::Upload)
        .policy(policy)
        .run();
    let asks = *asks.lock().unwrap();
    (report, asks)
}

/// A row is deferred; then its source writes it again, or not, and the next session settles it.
fn check(pair: &[Database; 2], id: usize, (again, policy): (bool, ConflictPolicy)) {
    let [a, b] = pair;
    a.run(&format!("INSERT INTO t VALUES ({id}, 'a')"));
    b.run(&format!("INSERT INTO t VALUES ({id}, 'b')"));
    let (deferred, _) = upload(pair, ConflictPolicy::Defer);
    assert_eq!(deferred.records.len(), 1);
    if again {
        a.run(&format!("UPDATE t SET v = 'again' WHERE id = {id}"));
    }
    let (settled, asks) = upload(pair, policy.clone());
    let context = format!("{:?}, {again} {policy:?}", a.engine());
    assert_eq!(settled.records.len(), 1, "{context}");
    assert_eq!(settled.upload().conflicts, 1, "{context}");
    assert_eq!(asks, usize::from(!again), "{context}");
    // For the next one nothing waits.
    upload(pair, ConflictPolicy::SourceWins);
    assert_eq!(b.waiting(), 0, "{context}");
}

#[test]
fn a_row_that_comes_by_itself_is_not_asked_for() {
    let policies = [
        ConflictPolicy::DestinationWins,
        ConflictPolicy::SourceWins,
        ConflictPolicy::Defer,
    ];
    for engine in engines("waiting rows") {
        let schema = "CREATE TABLE t (id INTEGER PRIMARY KEY, v NVARCHAR(20))";
        let pair = [engine, engine].map(|engine| engine.provisioned(schema, &["t"]));
        let cases = policies
            .iter()
            .flat_map(|policy| [false, true].map(|again| (again, policy)));
        for (id, (again, policy)) in cases.enumerate() {
            check(&pair, id, (again, policy.clone()));
        }
    }
}

/// A chain of rows waits for the one at its top, and goes through at once when that comes, in whatever order its keys are.
#[test]
fn a_chain_heals_in_one_round() {
    let references = [
        // To the key, and to another column.
        "parent INTEGER REFERENCES t (id)",
        "parent INTEGER REFERENCES t (code)",
    ];
    // The key of the row at a place of the chain, counted from the top: downwards, upwards, and all over the place.
    let keys: [fn(i64) -> i64; 3] = [|n| n, |n| 1000 - n, |n| n * 619 % 1009];
    for engine in engines("chains of waiting rows") {
        let length = engine.either(1000, 20);
        for reference in references {
            // One order is enough where each costs a server's time.
            let orders = engine.either(0..3, 2..3);
            for (number, key) in keys
                .iter()
                .enumerate()
                .filter(|(number, _)| orders.contains(number))
            {
                let schema = format!(
                    "CREATE TABLE t (id INTEGER PRIMARY KEY, code INTEGER UNIQUE, {reference}, v NVARCHAR(20))"
                );
                let strict =
                    schema.replace("v NVARCHAR(20)", "v NVARCHAR(20) CHECK (v <> 'refused')");
                let pair = [schema, strict].map(|schema| engine.provisioned(&schema, &["t"]));
                for n in (0..=length).collect::<Vec<i64>>().chunks(500) {
                    let row = |n: &i64| match (*n, key(*n)) {
                        (0, id) => format!("({id}, {id}, NULL, 'refused')"),
                        (n, id) => format!("({id}, {id}, {}, '')", key(n - 1)),
                    };
                    let rows: Vec<String> = n.iter().map(row).collect();
                    pair[0].run(&format!("INSERT INTO t VALUES {}", rows.join(", ")));
                }
                let all = length as u64 + 1;
                let context = format!("{engine:?}, {reference}, order {number}");
                let session = || upload(&pair, ConflictPolicy::DestinationWins);
                let (report, _) = session();
                assert_eq!(report.upload().changes_failed, all, "{context}");
                // A change below the top heals nothing, though the rows below it would go with it.
                let middle = key(length / 2);
                pair[0].run(&format!("UPDATE t SET v = 'again' WHERE id = {middle}"));
                let (report, _) = session();
                assert_eq!(report.upload().changes_failed, all, "{context}");
                pair[0].run("UPDATE t SET v = 'fine' WHERE v = 'refused'");
                let (report, asks) = session();
                let upload = report.upload();
                assert_eq!((upload.changes_applied, asks), (all, 1), "{context}");
                let [a, b] = pair.each_ref().map(|db| db.rows(&["t"]));
                assert_eq!(a, b, "{context}");
            }
        }
    }
}

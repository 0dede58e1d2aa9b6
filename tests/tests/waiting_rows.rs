//! Rows that wait from an earlier session and come by themselves are decided once.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::sync::{Arc, Mutex};

use sync_orchestrator::SyncDirectionOrder;
use sync_provider::ConflictPolicy;
use sync_provider_sqlite::{Provisioning, SqliteProvider, Tables};
use sync_tests::conformance::hooked::{Call, Hooked};
use sync_tests::support::dump::open;
use sync_tests::support::scratch;
use sync_tests::support::session::Session;

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

//! Several scopes over one table: a change that came through one is a local change for the others.

use std::sync::Arc;

use sync_orchestrator::SyncOrchestrator;
use sync_provider_sqlite::{Provisioning, SqliteProvider, Tables};

use crate::provisioning::choice;
use crate::support::Db;

fn sync(a: &Db, b: &Db, scope: &str) -> u64 {
    let provider = |db: &Db| Arc::new(SqliteProvider::new(db.path(), scope));
    let session = SyncOrchestrator::new(provider(a), provider(b));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let done = runtime.block_on(session.synchronize()).unwrap();
    assert!(!done.is_incomplete());
    done.upload.unwrap().changes_total + done.download.unwrap().changes_total
}

fn make(scopes: &[&str]) -> Db {
    let db = Db::plain("CREATE TABLE t (id INTEGER PRIMARY KEY, v, w)");
    for scope in scopes {
        Provisioning::new(*scope, Tables::Listed(vec![choice("t", None)]))
            .apply(&db.path())
            .unwrap();
    }
    db
}

#[test]
fn a_hub_with_a_scope_per_client() {
    let (hub, one, two) = (make(&["one", "two"]), make(&["one"]), make(&["two"]));
    assert_eq!(
        hub.query("SELECT count(DISTINCT scope_id) FROM scope_info"),
        ["2"],
        "a replica id per scope"
    );
    assert_eq!(
        hub.query("SELECT count(*) FROM sqlite_schema WHERE name = 't_tracking'"),
        ["1"]
    );
    one.execute("INSERT INTO t VALUES (1, 'one', '')");
    two.execute("INSERT INTO t VALUES (2, 'two', '')");
    hub.execute("INSERT INTO t VALUES (3, 'hub', '')");
    for _ in 0..2 {
        sync(&one, &hub, "one");
        sync(&two, &hub, "two");
    }
    let rows = ["1|one|", "2|two|", "3|hub|"];
    for db in [&hub, &one, &two] {
        assert_eq!(db.query("SELECT * FROM t ORDER BY id"), rows);
    }
    assert_eq!((sync(&one, &hub, "one"), sync(&two, &hub, "two")), (0, 0));
    two.execute("DELETE FROM t WHERE id = 1; UPDATE t SET v = 'changed' WHERE id = 3");
    assert_eq!((sync(&two, &hub, "two"), sync(&one, &hub, "one")), (2, 2));
    assert_eq!(
        one.query("SELECT * FROM t ORDER BY id"),
        ["2|two|", "3|changed|"]
    );
    assert_eq!((sync(&one, &hub, "one"), sync(&two, &hub, "two")), (0, 0));
}

#[test]
fn scopes_with_different_columns() {
    let hub = Db::plain("CREATE TABLE t (id INTEGER PRIMARY KEY, v, w)");
    let one = Db::plain("CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
    let two = Db::plain("CREATE TABLE t (id INTEGER PRIMARY KEY, w)");
    for (db, scope, columns) in [
        (&hub, "one", ["v"]),
        (&hub, "two", ["w"]),
        (&one, "one", ["v"]),
        (&two, "two", ["w"]),
    ] {
        Provisioning::new(scope, Tables::Listed(vec![choice("t", Some(&columns))]))
            .apply(&db.path())
            .unwrap();
    }
    hub.execute("INSERT INTO t VALUES (1, 'v', 'w')");
    sync(&one, &hub, "one");
    sync(&two, &hub, "two");
    one.execute("UPDATE t SET v = 'v2'");
    sync(&one, &hub, "one");
    hub.execute("UPDATE t SET w = 'w2'");
    sync(&two, &hub, "two");
    assert_eq!(hub.query("SELECT * FROM t"), ["1|v2|w2"]);
    assert_eq!(two.query("SELECT * FROM t"), ["1|w2"]);
}

//! Stored metadata that is damaged or of another kind: one clear error, and nothing changed.

use sync_provider::ProviderError;

use crate::support::{Db, session};

#[track_caller]
fn check(damage: &str, named: &[&str]) {
    let schema = "CREATE TABLE t (id INTEGER PRIMARY KEY, v)";
    let (a, b) = Db::pair(schema, "INSERT INTO t VALUES (1, 'x')");
    a.execute("INSERT INTO t VALUES (2, 'y')");
    b.execute(damage);
    for (local, remote) in [(&a, &b), (&b, &a)] {
        let before = [
            std::fs::read(a.path()).unwrap(),
            std::fs::read(b.path()).unwrap(),
        ];
        let error = session(local, remote)
            .try_run()
            .err()
            .unwrap_or_else(|| panic!("refused: {damage}"))
            .error;
        let text = error.to_string();
        assert!(!matches!(error, ProviderError::Cancelled), "{text}");
        assert!(
            named.iter().all(|name| text.contains(name)),
            "{damage}: {text}"
        );
        assert!(
            !text.contains('\n') && text.contains(';'),
            "one line with a way out: {text}"
        );
        let after = [
            std::fs::read(a.path()).unwrap(),
            std::fs::read(b.path()).unwrap(),
        ];
        assert!(
            before[1] == after[1],
            "nothing is changed in the damaged database: {damage}"
        );
    }
}

#[test]
fn knowledge() {
    for bytes in [
        "x''",
        "x'00'",
        "x'00000005'",
        "zeroblob(40)",
        "randomblob(200)",
        "CAST(substr(scope_sync_knowledge, 1, 30) AS BLOB)",
        "CAST(scope_sync_knowledge || x'00' AS BLOB)",
    ] {
        check(
            &format!("UPDATE scope_info SET scope_sync_knowledge = {bytes}"),
            &["scope_sync_knowledge of scope s"],
        );
    }
    check(
        "UPDATE scope_info SET scope_sync_knowledge = 'text'",
        &["scope"],
    );
    check(
        "UPDATE scope_info SET scope_id = '01234567-89ab-4def-8123-456789abcdef'",
        &["scope s", "01234567-89ab-4def-8123-456789abcdef"],
    );
}

#[test]
fn scope_rows() {
    check(
        "UPDATE scope_info SET scope_id = 'no guid'",
        &["scope_id of scope s"],
    );
    check(
        "UPDATE scope_info SET scope_config_id = NULL",
        &["configuration of scope s"],
    );
    check(
        "UPDATE scope_info SET scope_config_id = '01234567-89ab-4def-8123-456789abcdef'",
        &["configuration of scope s"],
    );
    check("DELETE FROM scope_info", &["scope s"]);
}

#[test]
fn configurations() {
    for data in [
        "''",
        "'<'",
        "'<SqlSyncProviderScopeConfiguration/>'",
        "'<x><y></x>'",
        "printf('%.100000c', '<')",
    ] {
        check(
            &format!("UPDATE scope_config SET config_data = {data}"),
            &["configuration of scope s"],
        );
    }
    check(
        "UPDATE scope_config SET config_data = replace(config_data, '\"id\"', '\"\"\" OR 1=1 --\"')",
        &["configuration of scope s", "byte"],
    );
}

#[test]
fn versions() {
    check("UPDATE schema_info SET schema_minor_version = 9", &["2.9"]);
    check("UPDATE schema_info SET schema_major_version = 99", &["99"]);
    check("DELETE FROM schema_info", &["replica.db"]);
    check("DROP TABLE schema_info", &["2.0"]);
    check("INSERT INTO schema_info VALUES (3, 0, '')", &["replica.db"]);
}

#[test]
fn objects_that_are_gone() {
    check("DROP TABLE t_tracking", &["table [t]", "t_tracking"]);
    check("DROP TABLE sync_tick", &["sync_tick"]);
    check("DROP TABLE sync_waiting", &["sync_waiting"]);
    check(
        "ALTER TABLE t RENAME TO gone; CREATE TABLE t (id INTEGER PRIMARY KEY)",
        &["column v of table [t]"],
    );
}

#[test]
fn the_counter() {
    check("DELETE FROM sync_tick", &["sync_tick"]);
}

/// Versions of a replica that the key map does not know cannot travel.
#[test]
fn tracking_rows() {
    let (a, b) = Db::pair(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v)",
        "INSERT INTO t VALUES (1, 'x')",
    );
    b.execute("UPDATE t_tracking SET scope_update_peer_key = 77, update_scope_local_id = 1, local_update_peer_timestamp = 1000");
    let before = a.dump();
    let error = session(&b, &a)
        .try_run()
        .expect_err("the key is unknown")
        .error;
    assert!(error.to_string().contains("77"), "{error}");
    assert_eq!(a.dump(), before);
}

/// Triggers that are gone track nothing any more: silent loss.
#[test]
fn triggers_that_are_gone() {
    check("DROP TRIGGER t_insert_trigger", &["t_insert_trigger"]);
}

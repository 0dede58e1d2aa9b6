//! What provisioning makes of a database.

use sync_provider_sqlite::{
    DEFAULT_BUSY_TIMEOUT, Deprovisioning, Provisioning, TableChoice, Tables, status,
};

use crate::support::{Db, SCOPE, session, settle, sync};

fn columns(db: &Db, table: &str) -> Vec<String> {
    let sql = format!(
        "SELECT name || CASE WHEN \"notnull\" OR pk THEN ' not null' ELSE '' END FROM pragma_table_info('{table}')"
    );
    db.query(&sql)
}

pub(crate) fn choice(table: &str, columns: Option<&[&str]>) -> TableChoice {
    let columns = columns.map(|columns| columns.iter().map(|&name| name.to_owned()).collect());
    TableChoice {
        table: table.to_owned(),
        global_name: None,
        columns,
    }
}

/// Sync Framework 2.1's columns come first, in its order; ours may follow.
#[test]
fn metadata_tables_have_the_columns_of_sync_framework() {
    let db = Db::new("CREATE TABLE t (a TEXT NOT NULL, v, b INTEGER NOT NULL, PRIMARY KEY (b, a))");
    let expected: [(&str, &[&str]); 4] = [
        (
            "scope_info",
            &[
                "scope_local_id not null",
                "scope_id not null",
                "sync_scope_name not null",
                "scope_sync_knowledge",
                "scope_tombstone_cleanup_knowledge",
                "scope_timestamp",
                "scope_config_id",
                "scope_restore_count not null",
                "scope_user_comment",
            ],
        ),
        (
            "scope_config",
            &["config_id not null", "config_data not null", "scope_status"],
        ),
        (
            "schema_info",
            &[
                "schema_major_version not null",
                "schema_minor_version not null",
                "schema_extended_info not null",
            ],
        ),
        (
            "t_tracking",
            &[
                "b not null",
                "a not null",
                "update_scope_local_id",
                "scope_update_peer_key",
                "scope_update_peer_timestamp",
                "local_update_peer_key not null",
                "local_update_peer_timestamp not null",
                "create_scope_local_id",
                "scope_create_peer_key",
                "scope_create_peer_timestamp",
                "local_create_peer_key not null",
                "local_create_peer_timestamp not null",
                "sync_row_is_tombstone not null",
                "restore_timestamp",
                "last_change_datetime",
            ],
        ),
    ];
    for (table, expected) in expected {
        let mut found = columns(&db, table);
        found.truncate(expected.len());
        assert_eq!(found, expected, "{table}");
    }
    assert_eq!(db.query("SELECT * FROM schema_info"), ["2|1|"]);
    assert_eq!(db.query("SELECT scope_status FROM scope_config"), ["C"]);
    let row = "SELECT scope_local_id, sync_scope_name, scope_sync_knowledge, scope_tombstone_cleanup_knowledge, scope_restore_count, \
               scope_user_comment, scope_config_id = config_id FROM scope_info, scope_config";
    assert_eq!(db.query(row), ["1|s|NULL|NULL|0||1"]);
}

#[test]
fn rows_that_exist_are_tracked() {
    let db = Db::new(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 'a'), (2, NULL), (7, 'c')",
    );
    let rows = "SELECT id, update_scope_local_id, local_update_peer_key, create_scope_local_id, local_create_peer_key, sync_row_is_tombstone, \
                local_update_peer_timestamp > 0 AND local_create_peer_timestamp = local_update_peer_timestamp FROM t_tracking ORDER BY id";
    assert_eq!(
        db.query(rows),
        [
            "1|NULL|0|NULL|0|0|1",
            "2|NULL|0|NULL|0|0|1",
            "7|NULL|0|NULL|0|0|1"
        ]
    );
    settle(&db, &db.like());
}

#[test]
fn generated_columns_do_not_travel() {
    let schema = "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, twice AS (a * 2) STORED, thrice AS (a * 3))";
    let (a, b) = Db::pair(schema, "INSERT INTO t (id, a) VALUES (1, 5)");
    b.execute("UPDATE t SET a = 6");
    sync(&a, &b);
    assert_eq!(a.query("SELECT twice, thrice FROM t"), ["12|18"]);
    let other = a.like();
    sync(&a, &other);
    assert_eq!(
        other.query("SELECT * FROM t"),
        ["1|6|12|18"],
        "each replica generates them itself"
    );
}

/// What is declared ANY is converted nowhere in a STRICT table, and like NUMERIC in any other.
#[test]
fn any_columns_of_strict_tables() {
    let schema = "CREATE TABLE t (id ANY NOT NULL PRIMARY KEY, v ANY) STRICT";
    let rows = "INSERT INTO t VALUES ('1', '007'), (1, 7), ('x', '1.50'), (x'31', NULL), (1.5, '12345678901234567890')";
    let (a, b) = Db::pair(schema, rows);
    let classes = "SELECT typeof(id), id, typeof(v), v FROM t ORDER BY id";
    assert_eq!(b.query(classes), a.query(classes));
    let keys = "SELECT typeof(id), id FROM t ORDER BY id";
    assert_eq!(
        a.query(&keys.replace("FROM t", "FROM t_tracking")),
        a.query(keys)
    );
    b.execute("UPDATE t SET v = '08' WHERE typeof(id) = 'text'; DELETE FROM t WHERE typeof(id) = 'integer'");
    settle(&a, &b);
    let c = a.like();
    settle(&a, &c);
    assert_eq!(c.query(classes), a.query(classes));
    let types = "SELECT config_data LIKE '%name=\"v\" type=\"sql_variant\"%' FROM scope_config";
    assert_eq!(
        (a.query(types), c.query(types)),
        (vec!["1".to_owned()], vec!["1".to_owned()])
    );
}

#[test]
fn autoincrement_is_warned_of() {
    let db = Db::plain(
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, v); CREATE TABLE u (id INTEGER PRIMARY KEY, v)",
    );
    let done = Provisioning::new(SCOPE, Tables::All)
        .apply(&db.path())
        .unwrap();
    assert_eq!(done.warnings.len(), 1);
    assert!(done.warnings[0].contains("table t"), "{:?}", done.warnings);
}

#[test]
fn a_subset_of_columns() {
    let schema = "CREATE TABLE t (id INTEGER PRIMARY KEY, shared, secret TEXT DEFAULT 'own', last)";
    let make = || {
        let db = Db::plain(schema);
        let tables = Tables::Listed(vec![choice("t", Some(&["LAST", "shared"]))]);
        Provisioning::new(SCOPE, tables).apply(&db.path()).unwrap();
        db
    };
    let (a, b) = (make(), make());
    a.execute("INSERT INTO t VALUES (1, 'x', 'a only', 'y')");
    sync(&a, &b);
    assert_eq!(b.query("SELECT * FROM t"), ["1|x|own|y"]);
    let before = a.tracked("t", "id");
    a.execute("UPDATE t SET secret = 'changed'");
    assert_eq!(
        a.tracked("t", "id"),
        before,
        "a column outside the scope makes no version"
    );
    a.execute("UPDATE t SET last = 'z'");
    b.execute("UPDATE t SET secret = 'b only'");
    assert_eq!(sync(&a, &b).moved(), 1);
    assert_eq!(b.query("SELECT * FROM t"), ["1|x|b only|z"]);
}

#[test]
fn an_object_prefix_is_in_every_name() {
    let db = Db::plain("CREATE TABLE t (id INTEGER PRIMARY KEY, u TEXT UNIQUE)");
    let mut provisioning = Provisioning::new(SCOPE, Tables::All);
    provisioning.object_prefix = Some("pre".to_owned());
    provisioning.apply(&db.path()).unwrap();
    let strangers = "SELECT name FROM sqlite_schema WHERE name <> 't' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE 'pre\\_%' ESCAPE '\\'";
    assert_eq!(db.query(strangers), [""; 0]);
    let other = Db::new("CREATE TABLE t (id INTEGER PRIMARY KEY, u TEXT UNIQUE)");
    db.execute("INSERT INTO t VALUES (1, 'a')");
    other.execute("INSERT INTO t VALUES (2, 'b')");
    sync(&db, &other);
    assert_eq!(
        db.query("SELECT * FROM t ORDER BY id"),
        other.query("SELECT * FROM t ORDER BY id")
    );
    assert_eq!(db.number("SELECT count(*) FROM t"), 2);
}

#[test]
fn a_replica_like_another_has_its_keys_and_constraints() {
    let a = Db::new(
        "CREATE TABLE parent (id TEXT NOT NULL COLLATE NOCASE PRIMARY KEY, note TEXT DEFAULT 'none') WITHOUT ROWID;
         CREATE TABLE child (b INTEGER NOT NULL, a TEXT NOT NULL, parent TEXT REFERENCES parent(id) ON DELETE CASCADE, u VARCHAR(9) NOT NULL UNIQUE,
            PRIMARY KEY (a, b));
         INSERT INTO parent VALUES ('P', 'é'); INSERT INTO child VALUES (1, 'x', 'P', 'u1'), (2, 'x', NULL, 'u2')",
    );
    let b = a.like();
    settle(&a, &b);
    assert_eq!(
        b.query("SELECT name, pk FROM pragma_table_info('child') WHERE pk ORDER BY pk"),
        ["a|1", "b|2"]
    );
    assert_eq!(
        b.query("SELECT wr FROM pragma_table_list WHERE name = 'parent'"),
        ["1"]
    );
    assert_eq!(
        b.query("SELECT \"table\", on_delete FROM pragma_foreign_key_list('child')"),
        ["parent|CASCADE"]
    );
    assert!(
        b.open()
            .execute("INSERT INTO child VALUES (3, 'y', NULL, 'u1')", [])
            .is_err(),
        "the unique key is there"
    );
    assert!(
        b.open()
            .execute("INSERT INTO parent VALUES ('p', '')", [])
            .is_err(),
        "the collation is there"
    );
}

#[test]
fn deprovisioning_leaves_the_rows() {
    let db = Db::plain(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, u UNIQUE); INSERT INTO t VALUES (1, 'a')",
    );
    let before = db.query("SELECT type, name, sql FROM sqlite_schema ORDER BY name");
    Provisioning::new(SCOPE, Tables::All)
        .apply(&db.path())
        .unwrap();
    assert_eq!(status(&db.path(), DEFAULT_BUSY_TIMEOUT).unwrap().len(), 1);
    Deprovisioning::Store
        .apply(&db.path(), DEFAULT_BUSY_TIMEOUT)
        .unwrap();
    assert_eq!(db.query("SELECT type, name, sql FROM sqlite_schema WHERE name <> 'sqlite_sequence' ORDER BY name"), before);
    assert_eq!(db.query("SELECT * FROM t"), ["1|a"]);
    // And it can start anew.
    Provisioning::new(SCOPE, Tables::All)
        .apply(&db.path())
        .unwrap();
    settle(&db, &db.like());
}

#[test]
fn the_script_is_what_would_run() {
    let db = Db::plain("CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
    let before = std::fs::read(db.path()).unwrap();
    let script = Provisioning::new(SCOPE, Tables::All)
        .script(&db.path())
        .unwrap();
    assert!(
        before == std::fs::read(db.path()).unwrap(),
        "a script changes nothing"
    );
    db.execute(&script.join(";\n"));
    db.execute("INSERT INTO t VALUES (1, 'x')");
    settle(&db, &db.like());
}

#[test]
fn names_that_need_quoting() {
    let schema = "CREATE TABLE \"my \"\"table\"\"; --\" (\"select\" INTEGER PRIMARY KEY, \"a b\" TEXT UNIQUE, \"it's\", \"é[]\")";
    let (a, b) = (Db::new(schema), Db::new(schema));
    a.execute("INSERT INTO \"my \"\"table\"\"; --\" VALUES (1, 'x', 2, 3), (2, 'y', NULL, 'é')");
    b.execute("INSERT INTO \"my \"\"table\"\"; --\" VALUES (3, 'z', 2, 3)");
    assert_eq!(session(&a, &b).run().moved(), 3);
    a.execute(
        "UPDATE \"my \"\"table\"\"; --\" SET \"it's\" = 'w', \"select\" = 9 WHERE \"select\" = 1",
    );
    b.execute("INSERT OR REPLACE INTO \"my \"\"table\"\"; --\" VALUES (5, 'y', 2, 3)");
    settle(&a, &b);
}

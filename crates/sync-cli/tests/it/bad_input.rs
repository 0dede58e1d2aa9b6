//! What comes from outside and is not as it should be: one clear line, the right code, and nothing changed.

use super::support::{Place, SHOP, check_failure, check_refusal, check_same_bytes};

/// Who is called with a database that is not as it should be.
const CALLS: [&[&str]; 7] = [
    &["status", "bad.db"],
    &["sync", "bad.db", "a.db", "--scope", "shop"],
    &["sync", "a.db", "bad.db", "--scope", "shop"],
    &["verify", "bad.db", "a.db", "--scope", "shop"],
    &["verify", "a.db", "bad.db", "--scope", "shop"],
    &["deprovision", "bad.db", "--scope", "shop"],
    &["provision", "new.db", "--like", "bad.db", "--scope", "shop"],
];

fn check_all(place: &Place, calls: &[&[&str]], code: i32, part: &str) {
    for call in calls {
        check_failure(place, call, code, part);
    }
}

/// Two shops, and a third one that is damaged as `sql` says.
fn damaged(sql: &str) -> Place {
    let place = Place::with_two_shops();
    place.ok(&["sync", "bad.db", "a.db", "--provision"]);
    place.sql("bad.db", sql);
    place
}

#[test]
fn a_missing_file() {
    let place = Place::with_two_shops();
    check_all(&place, &CALLS, 4, "bad.db: there is no such file");
    check_failure(
        &place,
        &["provision", "bad.db", "--scope", "s", "--all-tables"],
        4,
        "bad.db: there is no such file",
    );
    check_failure(&place, &["deprovision", "bad.db", "--store"], 4, "bad.db");
    check_failure(
        &place,
        &["sync", "bad.db", "worse.db", "--scope", "s", "--provision"],
        4,
        "bad.db: there is no such file",
    );
    check_failure(&place, &["sync", "bad.db", "worse.db"], 4, "bad.db");
}

#[test]
fn a_file_that_is_no_database() {
    let place = Place::with_two_shops();
    std::fs::write(
        place.path("bad.db"),
        "Lorem ipsum dolor sit amet. ".repeat(100),
    )
    .unwrap();
    check_all(&place, &CALLS, 4, "bad.db: this file is no SQLite database");
    check_failure(
        &place,
        &["provision", "bad.db", "--scope", "s", "--all-tables"],
        4,
        "bad.db: this file is no SQLite database",
    );
    check_failure(
        &place,
        &["provision", "bad.db", "--like", "a.db"],
        4,
        "bad.db: this file is no SQLite database",
    );
}

#[test]
fn a_folder() {
    let place = Place::with_two_shops();
    std::fs::create_dir(place.path("bad.db")).unwrap();
    check_all(&place, &CALLS, 4, "bad.db");
}

#[test]
fn a_database_that_was_never_provisioned() {
    let place = Place::with_two_shops();
    place.sql("bad.db", SHOP);
    check_all(
        &place,
        &CALLS[1..],
        3,
        "scope shop: bad.db does not hold it",
    );
    check_failure(
        &place,
        &["deprovision", "bad.db", "--store"],
        3,
        "bad.db: it holds no synchronisation metadata",
    );
    check_failure(
        &place,
        &["status", "bad.db", "--scope", "shop"],
        3,
        "scope shop: bad.db does not hold it",
    );
}

#[test]
fn keys_that_cannot_be_synchronised() {
    let place = Place::new();
    place.sql("a.db", "CREATE TABLE NoKey (x); CREATE TABLE Nullable (k TEXT PRIMARY KEY); CREATE TABLE Fine (k INTEGER PRIMARY KEY)");
    let provision = ["provision", "a.db", "--scope", "s"];
    let check = |more: &[&str], part| check_failure(&place, &[&provision, more].concat(), 3, part);
    check(&["--table", "NoKey"], "table NoKey: it has no primary key");
    check(
        &["--table", "Fine", "--table", "Nullable"],
        "column k of table Nullable: it is part of the primary key and can be NULL",
    );
    check(&["--all-tables"], "table N");
}

#[test]
fn names_that_are_not_there() {
    let place = Place::with_two_shops();
    let check = |call: &[&str], part| check_failure(&place, call, 3, part);
    check(
        &["status", "a.db", "--scope", "nope"],
        "scope nope: a.db does not hold it (it has shop)",
    );
    check(
        &["sync", "a.db", "b.db", "--scope", "nope"],
        "scope nope: a.db does not hold it",
    );
    check(
        &["sync", "a.db", "b.db", "--scope", "nope", "--provision"],
        "scope nope: neither a.db nor b.db holds it",
    );
    check(&["verify", "a.db", "b.db", "--scope", "nope"], "scope nope");
    check(&["deprovision", "a.db", "--scope", "nope"], "scope nope");
    check(
        &["provision", "c.db", "--like", "a.db", "--scope", "nope"],
        "scope nope",
    );
    check(
        &["provision", "a.db", "--scope", "s", "--table", "Nope"],
        "table Nope: a.db has no table Nope",
    );
    check(
        &[
            "provision",
            "a.db",
            "--scope",
            "s",
            "--table",
            "Customer",
            "--columns",
            "Customer=Name,Nope",
        ],
        "column Nope of table Customer",
    );
    check(
        &["provision", "a.db", "--scope", "s", "--table", "a.b.c"],
        "table a.b.c",
    );
    check(
        &[
            "provision",
            "a.db",
            "--scope",
            "shop",
            "--table",
            "Customer",
        ],
        "scope shop: it exists already",
    );
    check(
        &[
            "provision",
            "a.db",
            "--scope",
            "s",
            "--table",
            "Customer",
            "--object-schema",
            "dbo",
        ],
        "object schema dbo: a SQLite database has no schemas",
    );
    check(
        &[
            "provision",
            "c.db",
            "--like",
            "a.db",
            "--object-prefix",
            "a\nb",
        ],
        r#"object prefix: the name "a\nb" is not usable"#,
    );
}

#[test]
fn sides_whose_keys_compare_differently() {
    let place = Place::new();
    for (name, collation) in [("a.db", "BINARY"), ("b.db", "NOCASE")] {
        place.sql(
            name,
            &format!(
                "CREATE TABLE t (id TEXT NOT NULL COLLATE {collation} PRIMARY KEY); INSERT INTO t VALUES ('abc')"
            ),
        );
        place.ok(&["provision", name, "--scope", "s", "--all-tables"]);
    }
    for (command, message) in [
        (
            "sync",
            "column id of table [t]: it is part of the primary key and compares as BINARY on the local side and as NOCASE on the remote side",
        ),
        (
            "verify",
            "column id of table [t]: it is part of the primary key and compares as BINARY in a.db and as NOCASE in b.db",
        ),
    ] {
        check_failure(&place, &[command, "a.db", "b.db"], 3, message);
    }
}

#[test]
fn sides_whose_schemas_differ() {
    let place = Place::new();
    place.sql("a.db", SHOP);
    place.sql("b.db", SHOP);
    place.ok(&["provision", "a.db", "--scope", "shop", "--all-tables"]);
    place.ok(&[
        "provision",
        "b.db",
        "--scope",
        "shop",
        "--table",
        "Customer",
    ]);
    check_failure(
        &place,
        &["sync", "a.db", "b.db"],
        3,
        "table [Purchase]: scope shop does not hold it on the remote side",
    );
    check_failure(
        &place,
        &["verify", "a.db", "b.db"],
        3,
        "table [Purchase]: scope shop does not hold it in b.db",
    );
    check_failure(
        &place,
        &["verify", "b.db", "a.db"],
        3,
        "table [Purchase]: scope shop does not hold it in b.db",
    );

    place.sql(
        "c.db",
        "CREATE TABLE Customer (Id INTEGER PRIMARY KEY, Name TEXT)",
    );
    place.ok(&[
        "provision",
        "c.db",
        "--scope",
        "shop",
        "--table",
        "Customer",
    ]);
    check_failure(
        &place,
        &["sync", "b.db", "c.db"],
        3,
        "column Credit of table [Customer]: it is not in the scope on the remote side",
    );

    place.sql("d.db", "CREATE TABLE Customer (Id INT, Name TEXT, Credit DECIMAL(10,2), Photo BLOB, PRIMARY KEY (Id, Name)) WITHOUT ROWID");
    place.ok(&[
        "provision",
        "d.db",
        "--scope",
        "shop",
        "--table",
        "Customer",
    ]);
    check_failure(&place, &["sync", "b.db", "d.db"], 3, "of table [Customer]");
    check_failure(
        &place,
        &["verify", "b.db", "d.db"],
        3,
        "table [Customer]: its primary key is (Id) in b.db and (Id, Name) in d.db",
    );
}

#[test]
fn a_corrupted_knowledge_blob() {
    for blob in [
        "x'00'",
        "x''",
        "x'000000050000000000000001'",
        "x'ffffffff00000000'",
    ] {
        let place = damaged(&format!(
            "UPDATE scope_info SET scope_sync_knowledge = {blob}"
        ));
        check_all(
            &place,
            &CALLS[..5],
            3,
            "scope_sync_knowledge of scope shop: the stored knowledge is corrupted",
        );
    }
    // Sound bytes, but another replica's.
    let place = damaged("ATTACH 'a.db' AS a");
    place
        .connect("bad.db")
        .execute_batch(&format!(
            "ATTACH '{}' AS a; UPDATE main.scope_info SET scope_sync_knowledge = (SELECT scope_sync_knowledge FROM a.scope_info)",
            place.path("a.db").display()
        ))
        .unwrap();
    check_all(
        &place,
        &CALLS[1..5],
        3,
        "scope_sync_knowledge of scope shop: the stored knowledge is corrupted: it belongs to replica",
    );
}

#[test]
fn hostile_configurations() {
    let check = |replacement: &str, part: &str| {
        let place = damaged("SELECT 1");
        let db = place.connect("bad.db");
        db.execute(
            "UPDATE scope_config SET config_data = replace(config_data, '[Customer]', ?1)",
            [replacement],
        )
        .unwrap();
        drop(db);
        check_all(&place, &CALLS, 3, part);
        assert_eq!(
            place.rows("bad.db", "SELECT count(*) FROM Customer"),
            ["Integer(3)"]
        );
    };
    check(
        "[x]]; DROP TABLE Customer; --",
        "configuration of scope shop",
    );
    check("[a].[b].[c]", "configuration of scope shop");
    check("&quot;&gt;&lt;evil/&gt;", "configuration of scope shop");
    check("&xxe;", "configuration of scope shop");

    let document = "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'>]><x>&b;</x>";
    for document in [
        document,
        "",
        "no document",
        "<SqlSyncProviderScopeConfiguration/>",
        &"<a>".repeat(100_000),
    ] {
        let place = damaged("SELECT 1");
        place
            .connect("bad.db")
            .execute("UPDATE scope_config SET config_data = ?1", [document])
            .unwrap();
        check_all(&place, &CALLS, 3, "configuration of scope shop");
    }
}

/// A name that is a name after all, but of no table here: it is quoted, not run.
#[test]
fn names_that_look_like_statements() {
    let check = |replacement: &str| {
        let place = damaged("SELECT 1");
        let db = place.connect("bad.db");
        db.execute(
            "UPDATE scope_config SET config_data = replace(config_data, '\"[Customer]\"', ?1)",
            [replacement],
        )
        .unwrap();
        drop(db);
        for call in &CALLS[1..5] {
            let before = place.bytes();
            let run = place.run(call);
            assert_eq!(run.code, 3, "{run:?}");
            run.error_line();
            assert!(place.bytes() == before);
        }
    };
    check(r#""[x; DROP TABLE Customer; --]""#);
    check(r#""[&quot;x&quot;); DROP TABLE Customer; --]""#);
    check(r#""[x'); DROP TABLE Customer; --]""#);
}

#[test]
fn an_unknown_metadata_version() {
    for (version, part) in [("9, 0", "9.0"), ("2, 2", "2.2"), ("-1, 1", "-1.1")] {
        let place = damaged(&format!(
            "UPDATE schema_info SET (schema_major_version, schema_minor_version) = ({version})"
        ));
        check_all(&place, &CALLS, 3, part);
        check_failure(
            &place,
            &[
                "provision",
                "bad.db",
                "--scope",
                "other",
                "--table",
                "Customer",
            ],
            3,
            part,
        );
        check_failure(&place, &["deprovision", "bad.db", "--store"], 3, part);
    }
    let place =
        damaged("UPDATE schema_info SET (schema_major_version, schema_minor_version) = (2, 0)");
    check_all(&place, &CALLS, 3, "its metadata has version 2.0");
    let place = damaged("DELETE FROM schema_info");
    check_all(&place, &CALLS, 3, "schema_info is empty");
}

#[test]
fn damaged_metadata_tables() {
    let check = |sql: &str, part: &str| check_all(&damaged(sql), &CALLS[1..5], 3, part);
    check("DROP TABLE Customer_tracking", "Customer_tracking");
    check("DROP TABLE sync_tick", "sync_tick");
    check(
        "UPDATE scope_info SET scope_id = 'nonsense'",
        "scope_id of scope shop",
    );
    check(
        "UPDATE scope_info SET scope_config_id = NULL",
        "configuration of scope shop",
    );
    check("DELETE FROM scope_config", "configuration of scope shop");
    check(
        "PRAGMA foreign_keys = OFF; DROP TABLE Customer",
        "table [Customer]",
    );
    check(
        "DROP TABLE Purchase; CREATE TABLE Purchase (Shop, Number, PRIMARY KEY (Shop, Number))",
        "of table [Purchase]",
    );
}

#[test]
fn a_database_locked_by_someone_else() {
    let place = Place::with_two_shops();
    place.ok(&["sync", "bad.db", "a.db", "--provision"]);
    let before = place.bytes();
    let holder = place.connect("bad.db");
    holder.execute_batch("BEGIN EXCLUSIVE").unwrap();
    // Each call waits for the lock, so they are made at the same time.
    std::thread::scope(|scope| {
        for call in CALLS {
            let place = &place;
            let part = "bad.db: the database is locked by someone else";
            scope.spawn(move || check_refusal(place, call, 4, part));
        }
    });
    holder.execute_batch("ROLLBACK").unwrap();
    check_same_bytes(&before, &place.bytes(), &["all calls"]);
}

/// Somebody writes all the time: the database can be read, but nothing can be applied to it.
#[test]
fn a_database_that_someone_else_writes_to() {
    let place = Place::with_two_shops();
    place.sql("a.db", "UPDATE Customer SET Name = 'Grace' WHERE Id = 1");
    let holder = place.connect("b.db");
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let run = place.run(&["sync", "a.db", "b.db", "--direction", "upload", "--json"]);
    assert_eq!(run.code, 4, "{run:?}");
    assert!(
        run.error_line()
            .contains("b.db: the database is locked by someone else"),
        "{run:?}"
    );
    let document = run.document();
    assert_eq!(document["error"]["code"], 4);
    assert_eq!(document["scope"], "shop");
    assert!(document["upload"].is_null() && document["download"].is_null());
    holder.execute_batch("ROLLBACK").unwrap();
    assert_eq!(
        place.rows("b.db", "SELECT Name FROM Customer WHERE Id = 1"),
        ["Text(\"Ada\")"]
    );
    place.ok(&["sync", "a.db", "b.db"]);
    assert_eq!(
        place.rows("b.db", "SELECT Name FROM Customer WHERE Id = 1"),
        ["Text(\"Grace\")"]
    );
}

#[test]
fn one_database_twice() {
    let place = Place::with_two_shops();
    let same = "both sides are the same database";
    check_failure(&place, &["sync", "a.db", "a.db"], 3, same);
    check_failure(&place, &["sync", "a.db", "sqlite:./a.db"], 3, same);
    check_failure(&place, &["verify", "a.db", "./a.db"], 3, same);
    check_failure(&place, &["provision", "a.db", "--like", "a.db"], 3, same);
    check_failure(
        &place,
        &["sync", "new.db", "new.db", "--provision"],
        3,
        same,
    );
    std::fs::copy(place.path("a.db"), place.path("copy.db")).unwrap();
    check_failure(
        &place,
        &["sync", "a.db", "copy.db"],
        3,
        "scope shop: both sides are replica",
    );
}

/// What is no bytes in a column of bytes is damage, whoever looks.
#[test]
fn knowledge_that_is_text() {
    for column in ["scope_sync_knowledge", "scope_tombstone_cleanup_knowledge"] {
        let place = Place::with_two_shops();
        place.sql("b.db", &format!("UPDATE scope_info SET {column} = 'abc'"));
        let part = format!(
            "{column} of scope shop: the stored knowledge is corrupted: it is text, not bytes"
        );
        for call in [
            &["status", "b.db"][..],
            &["sync", "a.db", "b.db"],
            &["sync", "b.db", "a.db"],
            &["verify", "a.db", "b.db"],
        ] {
            check_failure(&place, call, 3, &part);
        }
    }
}

/// A tracking table copies the key columns beside its own.
#[test]
fn a_key_named_like_metadata() {
    for column in [
        "sync_row_is_tombstone",
        "Update_Scope_Local_Id",
        "sync_writer",
    ] {
        let place = Place::new();
        place.sql(
            "a.db",
            &format!("CREATE TABLE t ({column} INTEGER PRIMARY KEY, v); CREATE TABLE u (id INTEGER PRIMARY KEY, {column})"),
        );
        check_failure(
            &place,
            &["provision", "a.db", "--scope", "s", "--table", "t"],
            3,
            &format!(
                "column {column} of table t: it is part of the primary key, and tracking tables have a column of this name"
            ),
        );
        // Beside the key such a name is one like any other.
        place.ok(&["provision", "a.db", "--scope", "s", "--table", "u"]);
        place.sql("a.db", "INSERT INTO u VALUES (1, 2)");
        place.ok(&["sync", "a.db", "b.db", "--provision"]);
        place.ok(&["verify", "a.db", "b.db"]);
    }
}

#[test]
fn a_priority_that_nobody_has() {
    let place = Place::with_two_shops();
    let status = place.json(&["status", "a.db"], 0);
    let known = status["scopes"][0]["replica_id"].as_str().unwrap();
    let stranger = "00000000-1111-2222-3333-444444444444";
    let call = |list: &str| {
        let run = place.run(&[
            "sync",
            "a.db",
            "b.db",
            "--conflict",
            "priority",
            "--priority",
            list,
        ]);
        assert_eq!(run.code, 0, "{run:?}");
        run.stderr
    };
    assert_eq!(call(known), "");
    let told = call(&format!("{known},{stranger}"));
    let named =
        format!("warning: replica {stranger} of --priority is known to neither a.db nor b.db");
    assert!(
        told.starts_with(&named) && told.lines().count() == 1,
        "{told}"
    );
}

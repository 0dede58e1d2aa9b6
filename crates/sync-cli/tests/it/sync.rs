//! `sync`

use serde_json::{Value as Json, json};

use super::support::{Place, SHOP, check_failure, keys};

const ROWS: &str = "SELECT * FROM Customer ORDER BY 1";
const NAME_OF_1: &str = "SELECT Name FROM Customer WHERE Id = 1";

#[test]
fn the_document() {
    let place = Place::new();
    place.sql("a.db", SHOP);
    place.ok(&["provision", "a.db", "--scope", "shop", "--all-tables"]);
    let document = place.json(&["sync", "a.db", "b.db", "--provision"], 0);
    assert_eq!(
        keys(&document),
        [
            "direction",
            "download",
            "finished",
            "provisioned",
            "scope",
            "started",
            "upload",
            "warnings"
        ]
    );
    assert_eq!(
        (&document["scope"], &document["direction"]),
        (&json!("shop"), &json!("upload-and-download"))
    );
    assert_eq!(document["provisioned"], "remote");
    let mut upload = document["upload"].clone();
    assert!(upload["bytes"].as_u64().unwrap() > 0 && upload["batches"].as_u64().unwrap() > 0);
    upload
        .as_object_mut()
        .unwrap()
        .retain(|key, _| key != "bytes" && key != "batches");
    assert_eq!(
        upload,
        json!({ "changes_total": 5, "changes_applied": 5, "changes_failed": 0, "conflicts": 0, "deferred": 0, "repeated": 0 })
    );
    assert_eq!(place.rows("a.db", ROWS), place.rows("b.db", ROWS));
    let (started, finished) = (
        document["started"].as_str().unwrap(),
        document["finished"].as_str().unwrap(),
    );
    assert!(
        started <= finished
            && started.ends_with('Z')
            && started.len() == "2031-01-09T10:20:30.000Z".len()
    );
}

#[test]
fn directions() {
    let check = |direction: &str, expected: [&str; 2], nulls: [bool; 2]| {
        let place = Place::with_two_shops();
        place.sql("a.db", "UPDATE Customer SET Name = 'from a' WHERE Id = 1");
        place.sql("b.db", "UPDATE Customer SET Name = 'from b' WHERE Id = 2");
        let document = place.json(&["sync", "a.db", "b.db", "--direction", direction], 0);
        assert_eq!(document["direction"], direction);
        assert_eq!(
            [document["upload"].is_null(), document["download"].is_null()],
            nulls
        );
        let at = |name, id| {
            place
                .rows(name, &format!("SELECT Name FROM Customer WHERE Id = {id}"))
                .concat()
        };
        assert_eq!(
            [at("b.db", 1), at("a.db", 2)],
            expected.map(|name| format!("Text({name:?})")),
            "{direction}"
        );
    };
    check("upload-and-download", ["from a", "from b"], [false, false]);
    check("download-and-upload", ["from a", "from b"], [false, false]);
    check("upload", ["from a", "Grüße"], [false, true]);
    check("download", ["Ada", "from b"], [true, false]);
}

/// A conflict, met in the upload: who wins at the remote database.
fn conflict(policy: &[&str], expected: &str) {
    let place = Place::with_two_shops();
    place.sql("b.db", "UPDATE Customer SET Name = 'remote' WHERE Id = 1");
    std::thread::sleep(std::time::Duration::from_millis(5));
    place.sql("a.db", "UPDATE Customer SET Name = 'local' WHERE Id = 1");
    let replica = |name| {
        place.json(&["status", name], 0)["scopes"][0]["replica_id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let policy: Vec<String> = policy
        .iter()
        .map(|word| {
            word.replace("A", &replica("a.db"))
                .replace("B", &replica("b.db"))
        })
        .collect();
    let mut call = vec!["sync", "a.db", "b.db", "--conflicts", "met.jsonl"];
    call.extend(policy.iter().map(String::as_str));
    let document = place.json(&call, 0);
    assert_eq!(document["upload"]["conflicts"], 1, "{policy:?}");
    for name in ["a.db", "b.db"] {
        assert_eq!(
            place.rows(name, NAME_OF_1),
            [format!("Text({expected:?})")],
            "{policy:?} at {name}"
        );
    }
    let met = std::fs::read_to_string(place.path("met.jsonl")).unwrap();
    let records: Vec<Json> = met
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(records.len(), 1);
    let record = &records[0];
    assert_eq!(
        keys(record),
        [
            "columns",
            "conflict",
            "direction",
            "key",
            "local",
            "reason",
            "remote",
            "table",
            "winner"
        ]
    );
    assert_eq!(
        (&record["key"], &record["table"]),
        (&json!([1]), &json!("[Customer]"))
    );
    assert_eq!(
        record["local"]["row"],
        json!([1, "remote", 10.5, { "blob": "00ff" }]),
        "local is the destination"
    );
    assert_eq!(
        record["remote"]["row"],
        json!([1, "local", 10.5, { "blob": "00ff" }])
    );
    assert_eq!(
        record["winner"],
        if expected == "local" {
            "remote"
        } else {
            "local"
        }
    );
    place.ok(&["verify", "a.db", "b.db"]);
}

#[test]
fn policies() {
    conflict(&[], "remote");
    conflict(&["--conflict", "destination-wins"], "remote");
    conflict(&["--conflict", "source-wins"], "local");
    conflict(&["--conflict", "local-wins"], "local");
    conflict(&["--conflict", "remote-wins"], "remote");
    conflict(&["--conflict", "last-writer-wins"], "local");
    conflict(&["--conflict", "priority", "--priority", "A,B"], "local");
    conflict(&["--conflict", "priority", "--priority", "B"], "remote");
}

#[test]
fn a_deferred_conflict_is_left_over() {
    let place = Place::with_two_shops();
    place.sql("a.db", "UPDATE Customer SET Name = 'A' WHERE Id = 1");
    place.sql("b.db", "UPDATE Customer SET Name = 'B' WHERE Id = 1");
    let document = place.json(
        &[
            "sync",
            "a.db",
            "b.db",
            "--conflict",
            "defer",
            "--direction",
            "upload",
        ],
        1,
    );
    assert_eq!(
        (
            &document["upload"]["deferred"],
            &document["upload"]["conflicts"]
        ),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        place.json(&["status", "b.db"], 0)["scopes"][0]["tables"][0]["deferred"],
        1
    );
    let told = place.run(&["sync", "a.db", "b.db", "--conflict", "defer"]);
    assert_eq!(told.code, 1);
    assert!(
        told.stdout.contains("left for the next session"),
        "{told:?}"
    );
    place.ok(&["sync", "a.db", "b.db", "--conflict", "source-wins"]);
    place.ok(&["verify", "a.db", "b.db"]);
}

#[test]
fn a_row_that_fails_is_left_over_and_comes_later() {
    let place = Place::with_two_shops();
    place.sql("b.db", "CREATE TRIGGER no_eve BEFORE INSERT ON Customer WHEN NEW.Name = 'Eve' BEGIN SELECT RAISE(ABORT, 'no Eve'); END");
    place.sql(
        "a.db",
        "INSERT INTO Customer VALUES (4, 'Eve', 0, NULL), (5, 'Bob', 0, NULL)",
    );
    let document = place.json(&["sync", "a.db", "b.db"], 1);
    assert_eq!(
        (
            &document["upload"]["changes_failed"],
            &document["upload"]["changes_applied"]
        ),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        place.rows("b.db", "SELECT Name FROM Customer WHERE Id > 3 AND Id < 9"),
        ["Text(\"Bob\")"]
    );
    place.sql("b.db", "DROP TRIGGER no_eve");
    place.ok(&["sync", "a.db", "b.db"]);
    place.ok(&["verify", "a.db", "b.db"]);
}

#[test]
fn small_batches_carry_the_same() {
    let place = Place::new();
    place.sql("a.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) INSERT INTO t SELECT i, hex(zeroblob(20)) FROM n");
    place.ok(&["provision", "a.db", "--scope", "s", "--all-tables"]);
    let document = place.json(
        &["sync", "b.db", "a.db", "--provision", "--batch-size", "1"],
        0,
    );
    assert!(
        document["download"]["batches"].as_u64().unwrap() > 10,
        "{document}"
    );
    assert_eq!(
        (
            &document["download"]["changes_total"],
            &document["provisioned"]
        ),
        (&json!(500), &json!("local"))
    );
    place.ok(&["verify", "a.db", "b.db"]);
}

#[test]
fn a_quiet_session_changes_no_byte() {
    let place = Place::with_two_shops();
    place.ok(&["sync", "a.db", "b.db"]);
    let before = place.bytes();
    let document = place.json(&["sync", "a.db", "b.db"], 0);
    assert_eq!(
        (
            &document["upload"]["changes_total"],
            &document["download"]["changes_total"]
        ),
        (&json!(0), &json!(0))
    );
    assert!(place.bytes() == before);
}

#[test]
fn scopes_that_need_no_name() {
    let place = Place::with_two_shops();
    place.ok(&[
        "provision",
        "a.db",
        "--scope",
        "other",
        "--table",
        "Customer",
    ]);
    place.ok(&["sync", "a.db", "b.db"]);
    place.ok(&["sync", "b.db", "a.db"]);
    place.ok(&[
        "provision",
        "b.db",
        "--scope",
        "third",
        "--table",
        "Customer",
    ]);
    check_failure(
        &place,
        &["sync", "a.db", "b.db"],
        3,
        "a.db: it holds 2 scopes (shop, other)",
    );
    place.ok(&["sync", "a.db", "b.db", "--scope", "shop"]);
}

#[test]
fn a_conflicts_file_that_cannot_be_made_stops_the_session_before_it_begins() {
    let place = Place::with_two_shops();
    place.sql("a.db", "UPDATE Customer SET Name = 'A' WHERE Id = 1");
    check_failure(
        &place,
        &[
            "sync",
            "a.db",
            "b.db",
            "--conflicts",
            "no/such/folder.jsonl",
        ],
        4,
        "conflicts file no/such/folder.jsonl",
    );
    check_failure(
        &place,
        &[
            "sync",
            "a.db",
            "new.db",
            "--provision",
            "--conflicts",
            "no/such.jsonl",
        ],
        4,
        "conflicts file",
    );
}

/// A file that was made for a session which came to nothing is gone again; what was there before stays.
#[test]
fn a_failed_session_leaves_no_new_file() {
    let damage = "UPDATE scope_info SET scope_sync_knowledge = x'00'";
    let call = ["sync", "a.db", "new.db", "--provision"];
    let place = Place::with_two_shops();
    place.sql("a.db", damage);
    check_failure(&place, &call, 3, "the stored knowledge is corrupted");
    std::fs::write(place.path("new.db"), "").unwrap();
    assert_eq!(place.run(&call).code, 3);
    assert!(place.path("new.db").exists());

    // Provisioning itself: the second scope's table is called like metadata, which only this side's prefix allows.
    let place = Place::new();
    place.sql("a.db", "CREATE TABLE x_scope_info (id INTEGER PRIMARY KEY)");
    place.ok(&["provision", "a.db", "--scope", "s", "--all-tables"]);
    let call = [
        "provision",
        "new.db",
        "--like",
        "a.db",
        "--object-prefix",
        "x",
    ];
    check_failure(
        &place,
        &call,
        3,
        "table x_scope_info: its name is taken here",
    );
}

/// What was committed before a session failed has its conflicts in the file; where they cannot be written, that is said beside the failure.
#[test]
fn a_failed_session_leaves_the_conflicts_of_what_it_committed() {
    let check = |file: &str, written: Option<usize>| {
        let place = Place::new();
        place.sql(
            "a.db",
            "CREATE TABLE t (id INTEGER PRIMARY KEY, u TEXT); INSERT INTO t VALUES (1, 'one')",
        );
        place.ok(&["provision", "a.db", "--scope", "s", "--all-tables"]);
        place.ok(&["sync", "a.db", "b.db", "--provision"]);
        place.sql("a.db", "UPDATE t SET u = 'a' WHERE id = 1");
        place.sql("b.db", "UPDATE t SET u = 'b' WHERE id = 1");
        place.sql("b.db", "INSERT INTO t VALUES (2, 'no')");
        place.sql(
            "a.db",
            "CREATE TRIGGER refuses BEFORE INSERT ON t WHEN NEW.u = 'no' BEGIN SELECT RAISE(ABORT, 'not this one'); END",
        );
        let call = [
            "sync",
            "a.db",
            "b.db",
            "--direction",
            "upload-and-download",
            "--errors",
            "abort",
            "--conflicts",
            file,
        ];
        let run = place.run(&call);
        assert_eq!(run.code, 3, "{}", run.stderr);
        assert!(run.stderr.contains("not this one"), "{}", run.stderr);
        let warned = run.stderr.contains("warning: conflicts file");
        assert_eq!(warned, written.is_none(), "{}", run.stderr);
        if let Some(lines) = written {
            let met = std::fs::read_to_string(place.path(file)).unwrap();
            assert_eq!(met.lines().count(), lines, "{met}");
        }
    };
    check("met.jsonl", Some(1));
    #[cfg(target_os = "linux")]
    check("/dev/full", None);
}

/// Rows that a constraint refuses are among the conflicts, as often as they are refused.
#[test]
fn failed_rows_are_recorded() {
    let place = Place::new();
    place.sql(
        "a.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, u TEXT UNIQUE); INSERT INTO t VALUES (1, 'one')",
    );
    place.ok(&["provision", "a.db", "--scope", "s", "--all-tables"]);
    place.ok(&["sync", "a.db", "b.db", "--provision"]);
    place.sql("a.db", "INSERT INTO t VALUES (2, 'x')");
    place.sql("b.db", "INSERT INTO t VALUES (3, 'x')");
    for file in ["first.jsonl", "second.jsonl"] {
        let call = ["sync", "a.db", "b.db", "--conflicts", file];
        let document = place.json(&call, 1);
        assert_eq!(document["upload"]["changes_failed"], 1);
        let met = std::fs::read_to_string(place.path(file)).unwrap();
        let records: Vec<Json> = met
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let summary: Vec<Json> = (records.iter())
            .map(|one| {
                json!([
                    one["direction"],
                    one["key"],
                    one["conflict"],
                    one["local"],
                    one["remote"]["row"],
                    one["winner"]
                ])
            })
            .collect();
        assert_eq!(
            summary,
            [
                json!(["upload", [2], "ErrorsOccurred", null, [2, "x"], null]),
                json!(["download", [3], "ErrorsOccurred", null, [3, "x"], null]),
            ]
        );
        assert_eq!(records[0]["reason"], "UNIQUE constraint failed: t.u");
    }
    place.sql("a.db", "UPDATE t SET u = 'y' WHERE id = 2");
    place.ok(&["sync", "a.db", "b.db", "--conflicts", "met.jsonl"]);
    place.ok(&["sync", "a.db", "b.db", "--conflicts", "met.jsonl"]);
    assert_eq!(
        std::fs::read_to_string(place.path("met.jsonl")).unwrap(),
        ""
    );
    place.ok(&["verify", "a.db", "b.db"]);
}

/// Whatever file is named for conflicts, nothing of it is lost.
#[test]
fn a_conflicts_file_is_written_behind_what_it_holds() {
    let place = Place::with_two_shops();
    std::fs::write(place.path("notes.txt"), "mine\n").unwrap();
    let before = place.bytes();
    for file in ["a.db", "b.db", "notes.txt"] {
        let run = place.run(&["sync", "a.db", "b.db", "--conflicts", file]);
        assert_eq!(run.code, 3, "{run:?}");
        assert!(run.error_line().contains("something else than conflicts"));
        assert_eq!(place.bytes(), before, "{file}");
    }
    let lines = || {
        let text = std::fs::read_to_string(place.path("met.jsonl")).unwrap();
        text.lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["key"].to_string())
            .collect::<Vec<_>>()
    };
    for number in [1, 2] {
        for (file, name) in [("a.db", "x"), ("b.db", "y")] {
            place.sql(
                file,
                &format!("UPDATE Customer SET Name = '{name}' WHERE Id = {number}"),
            );
        }
        let told = place.ok(&["sync", "a.db", "b.db", "--conflicts", "met.jsonl"]);
        assert!(
            told.contains(&format!(
                "[Customer] {number}: LocalUpdateRemoteUpdate, b.db wins"
            )),
            "{told}"
        );
        place.ok(&["sync", "a.db", "b.db", "--conflicts", "met.jsonl"]);
    }
    for file in ["met.jsonl", "new.jsonl"] {
        place.run(&[
            "sync",
            "a.db",
            "b.db",
            "--scope",
            "none",
            "--conflicts",
            file,
        ]);
    }
    assert_eq!(lines(), ["[1]", "[2]"]);
    assert!(!place.path("new.jsonl").exists());
    // A database that is yet to be made is one, too.
    let run = place.run(&["sync", "c.db", "a.db", "--provision", "--conflicts", "c.db"]);
    assert_eq!(
        (run.code, place.path("c.db").exists()),
        (3, false),
        "{run:?}"
    );
}

/// A session whose conflicts cannot be written down is told in one document, with what it did.
#[cfg(target_os = "linux")]
#[test]
fn conflicts_that_cannot_be_written_are_told_beside_what_was_done() {
    let place = Place::with_two_shops();
    for (file, name) in [("a.db", "x"), ("b.db", "y")] {
        place.sql(file, &format!("UPDATE Customer SET Name = '{name}'"));
    }
    let document = place.json(&["sync", "a.db", "b.db", "--conflicts", "/dev/full"], 4);
    assert_eq!(document["error"]["object"], "conflicts file /dev/full");
    assert_eq!(document["upload"]["conflicts"], 3);
}

/// Tables that do not go together are refused before anything is made.
#[test]
fn provision_with_a_session_checks_first() {
    let place = Place::with_two_shops();
    place.sql(
        "c.db",
        "CREATE TABLE Customer (Id TEXT NOT NULL PRIMARY KEY, Name TEXT, Credit TEXT, Photo BLOB)",
    );
    let before = place.bytes();
    for call in [["sync", "c.db", "a.db"], ["sync", "a.db", "c.db"]] {
        let run = place.run(&[&call[..], &["--provision"]].concat());
        assert_eq!(run.code, 3, "{run:?}");
        assert!(
            run.error_line().contains("column Id of table [Customer]"),
            "{run:?}"
        );
        assert_eq!(place.bytes(), before);
    }
}

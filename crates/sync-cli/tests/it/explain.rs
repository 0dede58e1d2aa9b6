//! `explain`

use serde_json::{Value as Json, json};

use super::support::{Place, check_failure, check_same_bytes, keys};

/// Edits of both sides: what travels either way, deletions, two conflicts.
const AT_A: &str = "
    UPDATE Customer SET Name = 'from a' WHERE Id IN (1, 2);
    INSERT INTO Customer VALUES (10, 'new at a', NULL, NULL);
    DELETE FROM Purchase WHERE Number = 1;";
const AT_B: &str = "
    UPDATE Customer SET Name = 'from b' WHERE Id = 1;
    INSERT INTO Customer VALUES (11, 'new at b', NULL, NULL);
    DELETE FROM Purchase WHERE Number = 2;
    DELETE FROM Customer WHERE Id = 2;";

fn edited() -> Place {
    let place = Place::with_two_shops();
    place.sql("a.db", AT_A);
    place.sql("b.db", AT_B);
    place
}

/// Explains, sees that no byte is another one, then synchronises with the same arguments and holds both against each other.
#[track_caller]
fn check(arguments: &[&str], code: i32) -> Json {
    let place = edited();
    let call = [&["explain", "a.db", "b.db"], arguments].concat();
    let before = place.bytes();
    let told = place.json(&call, 0);
    check_same_bytes(&before, &place.bytes(), &call);
    let text = place.ok(&call);
    check_same_bytes(&before, &place.bytes(), &call);
    assert!(text.contains("nothing is changed"), "{text}");

    let done = place.json(&[&["sync", "a.db", "b.db"], arguments].concat(), code);
    for direction in ["upload", "download"] {
        let (told, done) = (&told[direction], &done[direction]);
        assert_eq!(told.is_null(), done.is_null(), "{arguments:?}");
        for key in [
            "changes_total",
            "changes_applied",
            "changes_failed",
            "conflicts",
            "deferred",
            "repeated",
        ] {
            assert_eq!(told[key], done[key], "{arguments:?}: {direction}, {key}");
        }
    }
    told
}

#[test]
fn the_document() {
    let told = check(&[], 0);
    assert_eq!(
        keys(&told),
        ["direction", "download", "policy", "scope", "upload"]
    );
    assert_eq!(
        (&told["scope"], &told["direction"], &told["policy"]),
        (
            &json!("shop"),
            &json!("upload-and-download"),
            &json!("destination-wins")
        )
    );
    let mut upload = told["upload"].clone();
    let met = upload["met"].take();
    assert_eq!(
        upload,
        json!({
            "changes_total": 4, "changes_applied": 4, "changes_failed": 0, "conflicts": 2, "deferred": 0, "repeated": 0,
            "inserts": 1, "updates": 0, "deletes": 1, "versions": 2,
            "rows": [
                { "table": "[Purchase]", "key": ["Bern", 1], "effect": "delete" },
                { "table": "[Customer]", "key": [10], "effect": "insert" },
            ],
            "rows_left_out": 0, "met": null, "met_left_out": 0,
        })
    );
    let met: Vec<_> = met
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (&one["key"], &one["conflict"], &one["winner"]))
        .collect();
    assert_eq!(
        met,
        [
            (
                &json!([1]),
                &json!("LocalUpdateRemoteUpdate"),
                &json!("local")
            ),
            (
                &json!([2]),
                &json!("LocalDeleteRemoteUpdate"),
                &json!("local")
            ),
        ]
    );
    // What the remote side kept comes back; no conflict is met twice.
    let mut rows = told["download"]["rows"].as_array().unwrap().clone();
    rows.sort_by_key(ToString::to_string);
    assert_eq!(
        rows,
        [
            json!({ "table": "[Purchase]", "key": ["Bern", 2], "effect": "delete" }),
            json!({ "table": "[Customer]", "key": [2], "effect": "delete" }),
            json!({ "table": "[Customer]", "key": [11], "effect": "insert" }),
            json!({ "table": "[Customer]", "key": [1], "effect": "update" }),
        ]
    );
    assert_eq!(told["download"]["met"], json!([]));
}

#[test]
fn every_direction_and_policy_is_what_sync_does_then() {
    for direction in [
        "upload-and-download",
        "download-and-upload",
        "upload",
        "download",
    ] {
        check(&["--direction", direction], 0);
    }
    for policy in [
        "source-wins",
        "local-wins",
        "remote-wins",
        "last-writer-wins",
    ] {
        let told = check(&["--conflict", policy], 0);
        assert_eq!(told["policy"], policy);
        assert_eq!(told["download"]["met"], json!([]), "{policy}");
    }
    // Left for another session, the conflicts are met in both directions, and told in the first.
    let told = check(&["--conflict", "defer"], 1);
    let met = |direction: &str| told[direction]["met"].as_array().unwrap().len();
    assert_eq!([met("upload"), met("download")], [2, 0]);
    assert_eq!(told["download"]["conflicts"], 2);
}

#[test]
fn lists_are_limited_and_counts_are_not() {
    let place = edited();
    let told = place.json(&["explain", "a.db", "b.db", "--limit", "1"], 0);
    let upload = &told["upload"];
    assert_eq!(upload["rows"].as_array().unwrap().len(), 1);
    assert_eq!(upload["met"].as_array().unwrap().len(), 1);
    assert_eq!(
        [
            &upload["rows_left_out"],
            &upload["met_left_out"],
            &upload["conflicts"]
        ],
        [1, 1, 2]
    );
    let text = place.ok(&["explain", "a.db", "b.db", "--limit", "0"]);
    assert!(text.contains("and 2 more"), "{text}");
}

#[test]
fn rows_that_cannot_be_written_are_foretold() {
    let place = Place::new();
    place.sql(
        "a.db",
        "CREATE TABLE Word (Id INTEGER PRIMARY KEY, Name TEXT UNIQUE)",
    );
    place.ok(&["provision", "a.db", "--scope", "words", "--all-tables"]);
    place.ok(&["sync", "a.db", "b.db", "--provision"]);
    place.sql("a.db", "INSERT INTO Word VALUES (1, 'one')");
    place.sql("b.db", "INSERT INTO Word VALUES (2, 'one')");
    let told = place.json(&["explain", "a.db", "b.db"], 0);
    assert_eq!(told["upload"]["changes_failed"], 1);
    let met = &told["upload"]["met"][0];
    assert_eq!(met["conflict"], "ErrorsOccurred");
    assert!(met["reason"].as_str().unwrap().contains("UNIQUE"), "{met}");
    check_failure(
        &place,
        &["explain", "a.db", "b.db", "--errors", "abort"],
        3,
        "UNIQUE",
    );
}

/// A file that nobody may write to, and one with a write-ahead log.
#[test]
fn files_are_read_alone() {
    let place = edited();
    let mode = place.rows("b.db", "PRAGMA journal_mode = WAL");
    assert_eq!(mode, ["Text(\"wal\")"]);
    for name in ["a.db", "b.db"] {
        let mut rights = std::fs::metadata(place.path(name)).unwrap().permissions();
        rights.set_readonly(true);
        std::fs::set_permissions(place.path(name), rights).unwrap();
    }
    let read = |name| std::fs::read(place.path(name)).unwrap();
    let before = [read("a.db"), read("b.db")];
    let told = place.json(&["explain", "a.db", "b.db"], 0);
    assert_eq!(told["upload"]["conflicts"], 2);
    assert!(before == [read("a.db"), read("b.db")]);
}

#[test]
fn what_is_wrong_is_said_as_by_sync() {
    let place = edited();
    let fails = |arguments: &[&str], code, part| {
        let call = [&["explain"], arguments].concat();
        check_failure(&place, &call, code, part);
    };
    fails(&["a.db", "missing.db"], 4, "missing.db");
    fails(&["a.db", "b.db", "--scope", "other"], 3, "scope other");
    fails(&["a.db", "a.db"], 3, "same database");
    fails(&["a.db", "b.db", "--conflict", "nobody"], 2, "nobody");
    fails(&["a.db", "b.db", "--provision"], 2, "--provision");
    fails(&["a.db", "b.db", "--conflict", "priority"], 2, "--priority");
}

/// A copy of a file waits for a writer no longer than a session does, and says who is in the way.
#[test]
fn a_writer_in_the_way_is_named() {
    let place = edited();
    let writer = place.connect("b.db");
    writer
        .execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE")
        .unwrap();
    let run = place.run(&["explain", "a.db", "b.db"]);
    assert_eq!(run.code, 4, "{run:?}");
    assert!(run.error_line().contains("b.db"), "{run:?}");
}

#[test]
fn many_rows_are_counted_and_some_listed() {
    let place = Place::new();
    place.sql(
        "a.db",
        "CREATE TABLE Number (Id INTEGER PRIMARY KEY, Name TEXT NOT NULL);
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)
         INSERT INTO Number SELECT i, 'row ' || i FROM n;",
    );
    place.ok(&["provision", "a.db", "--scope", "numbers", "--all-tables"]);
    place.ok(&["provision", "b.db", "--scope", "numbers", "--like", "a.db"]);
    let told = place.json(&["explain", "a.db", "b.db", "--direction", "upload"], 0);
    assert_eq!(told["upload"]["inserts"], 50_000);
    assert_eq!(told["upload"]["rows"].as_array().unwrap().len(), 100);
    assert_eq!(told["upload"]["rows_left_out"], 49_900);
}

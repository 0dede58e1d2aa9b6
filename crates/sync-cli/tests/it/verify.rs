//! `verify`

use serde_json::{Value as Json, json};

use super::support::{Place, keys};

/// The differences of a table as (key, kind).
fn differences(place: &Place, table: usize) -> Vec<(Json, String)> {
    let run = place.run(&["verify", "a.db", "b.db", "--json"]);
    let document = run.document();
    assert_eq!(
        (document["equal"] == true, run.code == 0),
        (run.code == 0, run.code != 1)
    );
    let differences = document["tables"][table]["differences"]
        .as_array()
        .unwrap()
        .clone();
    let pair = |one: Json| (one["key"].clone(), one["kind"].as_str().unwrap().to_owned());
    differences.into_iter().map(pair).collect()
}

/// What a change to two equal databases amounts to.
fn check(a: &str, b: &str, table: usize, expected: &[(Json, &str)]) {
    let place = Place::with_two_shops();
    place.sql("a.db", a);
    place.sql("b.db", b);
    let before = place.bytes();
    let mut found = differences(&place, table);
    found.sort_by_key(|(key, kind)| format!("{key} {kind}"));
    let expected: Vec<_> = expected
        .iter()
        .map(|(key, kind)| (key.clone(), (*kind).to_owned()))
        .collect();
    assert_eq!(found, expected, "{a} / {b}");
    assert!(place.bytes() == before, "verify writes nothing");
}

#[test]
fn the_document() {
    let place = Place::with_two_shops();
    let document = place.json(&["verify", "a.db", "b.db"], 0);
    assert_eq!(keys(&document), ["equal", "scope", "tables"]);
    assert_eq!(document["equal"], true);
    assert_eq!(
        document["tables"],
        json!([
            { "name": "[Customer]", "rows_a": 3, "rows_b": 3, "not_compared": { "a": [], "b": [] }, "differences": [] },
            { "name": "[Purchase]", "rows_a": 2, "rows_b": 2, "not_compared": { "a": [], "b": [] }, "differences": [] },
        ])
    );
    assert!(
        place
            .ok(&["verify", "a.db", "b.db"])
            .contains("equal: a.db and b.db hold the same in scope shop")
    );
}

#[test]
fn each_kind_of_difference() {
    let nothing = "SELECT 1";
    let update = "UPDATE Customer SET Name = 'X' WHERE Id = 1";
    let greatest = json!([i64::MAX]);
    check(
        "INSERT INTO Customer VALUES (7, 'new', 0, NULL)",
        nothing,
        0,
        &[(json!([7]), "missing_in_b")],
    );
    check(
        nothing,
        "INSERT INTO Customer VALUES (7, 'new', 0, NULL)",
        0,
        &[(json!([7]), "missing_in_a")],
    );
    check(update, nothing, 0, &[(json!([1]), "different")]);
    check(
        "DELETE FROM Customer WHERE Id > 2",
        nothing,
        0,
        &[(greatest.clone(), "deleted_in_a")],
    );
    check(
        nothing,
        "DELETE FROM Customer WHERE Id > 2",
        0,
        &[(greatest.clone(), "deleted_in_b")],
    );
    // The same change on both sides: nothing to tell the rows apart, but neither knows the other's version.
    check(
        update,
        update,
        0,
        &[
            (json!([1]), "not_known_to_a"),
            (json!([1]), "not_known_to_b"),
        ],
    );
    // A row that came and went at one side alone.
    let brief =
        "INSERT INTO Customer VALUES (7, 'brief', 0, NULL); DELETE FROM Customer WHERE Id = 7";
    check(brief, nothing, 0, &[(json!([7]), "not_known_to_b")]);
    check(nothing, brief, 0, &[(json!([7]), "not_known_to_a")]);
    // Composite keys are typed cell by cell.
    check(
        "UPDATE Purchase SET Weight = 2.5 WHERE Number = 1",
        nothing,
        1,
        &[(json!(["Bern", 1]), "different")],
    );
}

#[test]
fn rows_that_are_not_tracked_count_as_rows() {
    let untracked = "INSERT INTO Customer VALUES (7, 'untracked', 0, NULL); DELETE FROM Customer_tracking WHERE Id = 7";
    check(untracked, "SELECT 1", 0, &[(json!([7]), "missing_in_b")]);
    check("SELECT 1", untracked, 0, &[(json!([7]), "missing_in_a")]);
    check(untracked, untracked, 0, &[]);
    // The tracking table still has a tombstone for it.
    let resurrected = "UPDATE Customer SET Name = 'other' WHERE Id = 1; UPDATE Customer_tracking SET sync_row_is_tombstone = 1 WHERE Id = 1";
    check("SELECT 1", resurrected, 0, &[(json!([1]), "different")]);
    check(resurrected, "SELECT 1", 0, &[(json!([1]), "different")]);
}

#[test]
fn content_counts_rather_than_storage() {
    let place = Place::new();
    // The same decimal as a number and as text.
    place.sql("a.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, price DECIMAL(10,2)); INSERT INTO t VALUES (1, 10.5)");
    place.sql("b.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, price DECIMAL TEXT(10,2)); INSERT INTO t VALUES (1, '10.50')");
    for name in ["a.db", "b.db"] {
        place.ok(&["provision", name, "--scope", "s", "--all-tables"]);
    }
    let kinds = || {
        differences(&place, 0)
            .into_iter()
            .map(|(_, kind)| kind)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        kinds(),
        ["not_known_to_a", "not_known_to_b"],
        "the contents are equal"
    );
    place.sql("b.db", "UPDATE t SET price = '10.51'");
    assert_eq!(kinds(), ["different"]);
}

#[test]
fn what_each_side_knows_is_said() {
    let place = Place::with_two_shops();
    place.sql("a.db", "UPDATE Customer SET Name = 'X' WHERE Id = 1");
    let document = place.json(&["verify", "a.db", "b.db"], 1);
    let difference = &document["tables"][0]["differences"][0];
    assert_eq!(
        (&difference["known_to_a"], &difference["known_to_b"]),
        (&json!(true), &json!(false))
    );
    let told = place.run(&["verify", "a.db", "b.db"]);
    assert!(
        told.stdout
            .contains("1: different (the next session settles it)"),
        "{told:?}"
    );
    place.ok(&["sync", "a.db", "b.db"]);
    place.ok(&["verify", "b.db", "a.db"]);
}

#[test]
fn forgotten_knowledge_is_noticed() {
    let place = Place::with_two_shops();
    place.sql("b.db", "UPDATE scope_info SET scope_sync_knowledge = NULL");
    let kinds: Vec<String> = differences(&place, 0)
        .into_iter()
        .map(|(_, kind)| kind)
        .collect();
    assert_eq!(kinds, ["not_known_to_b"; 3]);
}

#[test]
fn only_common_columns_are_compared() {
    let place = Place::new();
    place.sql("a.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT, only_a TEXT); INSERT INTO t VALUES (1, 'x', 'a')");
    place.sql("b.db", "CREATE TABLE t (only_b TEXT, X TEXT, ID INTEGER PRIMARY KEY); INSERT INTO t VALUES ('b', 'x', 1)");
    for name in ["a.db", "b.db"] {
        place.ok(&["provision", name, "--scope", "s", "--all-tables"]);
    }
    let kinds: Vec<String> = differences(&place, 0)
        .into_iter()
        .map(|(_, kind)| kind)
        .collect();
    assert_eq!(
        kinds,
        ["not_known_to_a", "not_known_to_b"],
        "the contents are equal"
    );
    place.sql("b.db", "UPDATE t SET X = 'y'");
    assert_eq!(
        differences(&place, 0),
        [(json!([1]), "different".to_owned())]
    );
}

/// A row that cannot be read is named, and the others are compared all the same.
#[test]
fn unreadable_rows_are_named() {
    let place = Place::with_two_shops();
    place.sql(
        "b.db",
        "UPDATE Customer SET Name = CAST(x'61ff' AS TEXT) WHERE Id = 1; UPDATE Customer SET Name = 'Grace' WHERE Id = 2",
    );
    let document = place.json(&["verify", "a.db", "b.db"], 1);
    let differences = &document["tables"][0]["differences"];
    assert_eq!(
        differences[0],
        serde_json::json!({
            "key": [1],
            "kind": "unreadable_in_b",
            "reason": "column Name holds text that is not valid UTF-8; store such values as BLOB"
        })
    );
    assert_eq!(differences[1]["key"], serde_json::json!([2]));
    assert_eq!(differences[1]["kind"], "different");
    let told = place.run(&["verify", "a.db", "b.db"]);
    assert!(
        told.stdout
            .contains("1: not compared, since b.db has what cannot be read: column Name"),
        "{told:?}"
    );
    assert!(told.stdout.contains("rows in a.db"), "{told:?}");
}

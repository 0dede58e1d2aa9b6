//! `provision` and `deprovision`.

use serde_json::json;

use super::support::{Place, SHOP, keys};

const OBJECTS: &str =
    "SELECT type, name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY 1, 2";

#[test]
fn the_document() {
    let place = Place::new();
    place.sql("a.db", SHOP);
    let call = [
        "provision",
        "a.db",
        "--scope",
        "shop",
        "--table",
        "Customer=[Sales].[Client]",
        "--columns",
        "customer=name",
    ];
    let document = place.json(&call, 0);
    assert_eq!(
        keys(&document),
        ["database", "replica_id", "scope", "tables", "warnings"]
    );
    assert_eq!(
        document["tables"],
        json!([{ "name": "[Sales].[Client]", "local_name": "Customer", "columns": ["Id", "Name"] }])
    );
    assert_eq!(
        (&document["database"], &document["scope"]),
        (&json!("a.db"), &json!("shop"))
    );
    assert_eq!(
        document["replica_id"],
        place.json(&["status", "a.db"], 0)["scopes"][0]["replica_id"]
    );
}

#[test]
fn schemas_become_a_part_of_the_name() {
    let place = Place::new();
    place.sql(
        "a.db",
        "CREATE TABLE Sales_Customer (Id INTEGER PRIMARY KEY, Name TEXT)",
    );
    let document = place.json(
        &[
            "provision",
            "a.db",
            "--scope",
            "s",
            "--table",
            "[Sales].[Customer]",
        ],
        0,
    );
    assert_eq!(document["tables"][0]["name"], "[Sales].[Customer]");
    assert_eq!(document["tables"][0]["local_name"], "Sales_Customer");
}

#[test]
fn like_another_database() {
    let place = Place::new();
    place.sql("a.db", SHOP);
    place.ok(&["provision", "a.db", "--scope", "shop", "--all-tables"]);
    let told = place.ok(&["provision", "b.db", "--like", "a.db"]);
    assert!(
        told.contains("provisioned b.db for scope shop with 2 tables"),
        "{told}"
    );
    assert_eq!(place.rows("a.db", OBJECTS), place.rows("b.db", OBJECTS));
    assert_eq!(
        place.rows("b.db", "SELECT count(*) FROM Customer"),
        ["Integer(0)"]
    );
}

#[test]
fn a_script_does_what_the_command_does() {
    let place = Place::new();
    place.sql("a.db", SHOP);
    place.sql("b.db", SHOP);
    let before = place.bytes();
    let call = [
        "provision",
        "a.db",
        "--scope",
        "shop",
        "--all-tables",
        "--script",
    ];
    let script = place.ok(&call);
    let statements = place.json(&call, 0);
    assert!(statements["statements"].as_array().unwrap().len() > 10);
    assert!(place.bytes() == before, "printing changes nothing");

    place.sql("a.db", &script);
    place.ok(&["provision", "b.db", "--scope", "shop", "--all-tables"]);
    assert_eq!(place.rows("a.db", OBJECTS), place.rows("b.db", OBJECTS));
    place.ok(&["sync", "a.db", "b.db"]);
    place.ok(&["verify", "a.db", "b.db"]);
}

#[test]
fn a_script_of_deprovisioning_too() {
    let place = Place::with_two_shops();
    let before = place.bytes();
    let script = place.ok(&["deprovision", "a.db", "--store", "--script"]);
    assert!(place.bytes() == before);
    place.sql("a.db", &script);
    place.ok(&["deprovision", "b.db", "--store"]);
    assert_eq!(place.rows("a.db", OBJECTS), place.rows("b.db", OBJECTS));
    assert_eq!(
        place.rows("a.db", OBJECTS).len(),
        2,
        "the user's tables stay"
    );
    assert_eq!(
        place.rows("a.db", "SELECT count(*) FROM Customer"),
        ["Integer(3)"]
    );
}

#[test]
fn prefixes_keep_stores_apart() {
    let place = Place::with_two_shops();
    place.ok(&[
        "provision",
        "a.db",
        "--scope",
        "other",
        "--table",
        "Customer",
        "--object-prefix",
        "x",
    ]);
    let status = place.json(&["status", "a.db"], 0);
    let names: Vec<&str> = status["scopes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|scope| scope["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["shop", "other"]);
    assert!(
        place
            .rows("a.db", OBJECTS)
            .iter()
            .any(|object| object.contains("x_scope_info"))
    );
    place.ok(&["deprovision", "a.db", "--scope", "other"]);
    place.ok(&["sync", "a.db", "b.db"]);
}

#[test]
fn autoincrement_keys_are_warned_of() {
    let place = Place::new();
    place.sql(
        "a.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, x)",
    );
    let run = place.run(&["provision", "a.db", "--scope", "s", "--all-tables"]);
    assert_eq!(run.code, 0);
    assert!(
        run.stderr
            .starts_with("warning: table t numbers its rows by itself"),
        "{run:?}"
    );
    place.ok(&["deprovision", "a.db", "--store"]);
    let document = place.json(&["provision", "a.db", "--scope", "s", "--all-tables"], 0);
    assert_eq!(document["warnings"].as_array().unwrap().len(), 1);
}

#[test]
fn deprovisioning_says_what_went() {
    let place = Place::with_two_shops();
    assert_eq!(
        place.json(&["deprovision", "a.db", "--scope", "shop"], 0),
        json!({ "database": "a.db", "scope": "shop" })
    );
    assert_eq!(
        place.json(&["deprovision", "b.db", "--store"], 0),
        json!({ "database": "b.db", "scope": null })
    );
    assert_eq!(
        place.rows("a.db", "SELECT count(*) FROM Customer"),
        ["Integer(3)"]
    );
    let document = place.json(&["status", "b.db"], 0);
    assert_eq!(
        document,
        json!({ "database": "b.db", "metadata_version": null, "provisioned_by": null, "scopes": [] })
    );
}

#[test]
fn triggers_of_the_user_are_warned_of() {
    let place = Place::new();
    place.sql("a.db", SHOP);
    place.sql(
        "a.db",
        "CREATE TRIGGER mine AFTER UPDATE ON Customer BEGIN SELECT 1; END",
    );
    let document = place.json(&["provision", "a.db", "--scope", "shop", "--all-tables"], 0);
    let warnings = document["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    let warning = warnings[0].as_str().unwrap();
    assert!(
        warning.contains("table Customer has triggers of its own (mine)")
            && warning.contains("rows that arrive"),
        "{warning}"
    );
    // The triggers that track are none of the user's, whoever's store they belong to.
    let call = [
        "provision",
        "a.db",
        "--scope",
        "other",
        "--table",
        "Purchase",
    ];
    let document = place.json(&[&call[..], &["--object-prefix", "x"]].concat(), 0);
    assert_eq!(document["warnings"], json!([]));
    let document = place.json(
        &["sync", "a.db", "b.db", "--scope", "shop", "--provision"],
        0,
    );
    let warning = document["warnings"][0].as_str().unwrap();
    assert!(
        warning.contains("trigger mine of table Customer is not taken over"),
        "{warning}"
    );
}

#[test]
fn databases_without_anything_to_synchronise() {
    let place = Place::new();
    place.sql("a.db", "CREATE VIEW v AS SELECT 1 AS x");
    let check = |more: &[&str], line: &str| {
        let call = [&["provision", "a.db", "--scope", "s"], more].concat();
        let run = place.run(&call);
        assert_eq!((run.code, run.error_line()), (3, line));
    };
    check(
        &["--all-tables"],
        "error: a.db: it has no tables; make some first, or provision it like another database",
    );
    check(
        &["--table", "v"],
        "error: table v: v is a view, and only tables hold rows; name the tables behind it",
    );
}

/// The other side's names of metadata come along: its tables may be called like metadata that has no prefix.
#[test]
fn prefixes_come_along() {
    let place = Place::new();
    place.sql("a.db", "CREATE TABLE scope_info (id INTEGER PRIMARY KEY, v); INSERT INTO scope_info VALUES (1, 'x')");
    let call = [
        "provision",
        "a.db",
        "--scope",
        "s",
        "--all-tables",
        "--object-prefix",
        "x",
    ];
    place.ok(&call);
    place.ok(&["sync", "a.db", "b.db", "--provision"]);
    place.ok(&["provision", "c.db", "--like", "a.db"]);
    for name in ["b.db", "c.db"] {
        let names = place.rows(name, OBJECTS).concat();
        assert!(
            names.contains("x_scope_info") && names.contains("x_sync_tick"),
            "{names}"
        );
    }
    place.ok(&[
        "provision",
        "d.db",
        "--like",
        "a.db",
        "--object-prefix",
        "y",
    ]);
    assert!(
        place
            .rows("d.db", OBJECTS)
            .concat()
            .contains("y_scope_info")
    );
    place.ok(&["verify", "a.db", "b.db"]);
}

#[test]
fn columns_can_be_chosen_among_all_tables() {
    let place = Place::new();
    place.sql("a.db", crate::support::SHOP);
    let call = [
        "provision",
        "a.db",
        "--scope",
        "shop",
        "--all-tables",
        "--columns",
    ];
    let wrong = place.run(&[&call[..], &["Nobody=Id"]].concat());
    assert_eq!(wrong.code, 2, "{wrong:?}");
    let document = place.json(&[&call[..], &["Customer=Name"]].concat(), 0);
    assert_eq!(
        document["tables"][0]["columns"],
        serde_json::json!(["Id", "Name"])
    );
    assert_eq!(
        document["tables"][1]["columns"].as_array().unwrap().len(),
        4
    );
}

//! Schemas that change under a scope: `status` and `verify` say so, and what they advise leads out of it.

use serde_json::{Value as Json, json};

use super::support::Place;

fn texts(list: &Json) -> Vec<&str> {
    let list = list.as_array().unwrap();
    list.iter().map(|text| text.as_str().unwrap()).collect()
}

/// What was done to a database, the problems that `status` then names, and what leads out: commands, or a statement.
#[track_caller]
fn check(damage: &str, named: &[&str], way_out: &[&[&str]]) {
    let place = Place::with_two_shops();
    place.sql("b.db", damage);
    let before = place.bytes();
    let document = place.json(&["status", "b.db"], 1);
    assert!(place.bytes() == before, "status writes nothing");
    let problems = texts(&document["scopes"][0]["problems"]);
    assert_eq!(problems.len(), named.len(), "{damage}: {problems:?}");
    for (problem, name) in problems.iter().zip(named) {
        assert!(problem.contains(name), "{damage}: {problem}");
    }
    let told = place.run(&["status", "b.db"]);
    assert_eq!(told.code, 1);
    for problem in problems {
        assert!(
            told.stdout.contains(&format!("problem: {problem}")),
            "{told:?}"
        );
    }
    // A session does not go over it, and says the same way out.
    let refused = place.run(&["sync", "a.db", "b.db"]);
    assert_eq!(refused.code, 3, "{damage}: {refused:?}");
    for step in way_out {
        match step {
            // What a user does by himself.
            [sql] => place.sql("b.db", sql),
            step => assert_eq!(place.run(step).code, 0, "{damage}: {step:?}"),
        }
    }
    assert_eq!(place.run(&["status", "b.db"]).code, 0, "{damage}");
    assert_eq!(place.run(&["sync", "a.db", "b.db"]).code, 0, "{damage}");
    assert_eq!(place.run(&["verify", "a.db", "b.db"]).code, 0, "{damage}");
}

const SCOPE_OFF: &[&str] = &["deprovision", "b.db", "--scope", "shop"];
const ALL_OFF: &[&str] = &["deprovision", "b.db", "--store"];
const AGAIN: &[&str] = &["provision", "b.db", "--like", "a.db"];
const ANEW: &[&[&str]] = &[SCOPE_OFF, AGAIN];

#[test]
fn status_names_what_is_gone() {
    let advice = "syncdb deprovision b.db --scope shop";
    check(
        "DROP TABLE Purchase",
        &["there is no table Purchase any more"],
        ANEW,
    );
    check(
        "DROP TRIGGER Customer_update_trigger",
        &["its trigger Customer_update_trigger is missing"],
        ANEW,
    );
    check("DROP TABLE Purchase_tracking", &[advice], ANEW);
    for table in ["sync_tick", "sync_scope", "sync_waiting"] {
        let missing = format!("table {table} of the metadata is missing");
        check(
            &format!("DROP TABLE {table}"),
            &[&missing],
            &[ALL_OFF, AGAIN],
        );
    }
    check(
        "DELETE FROM sync_tick",
        &["sync_tick of the metadata has lost its row"],
        &[ALL_OFF, AGAIN],
    );
    check(
        "CREATE UNIQUE INDEX i ON Customer (Photo)",
        &["was one added?", "was one added?"],
        &[SCOPE_OFF, &["provision", "b.db", "--like", "a.db"]],
    );
    check(
        "DROP TRIGGER Customer_insert_trigger; DROP TRIGGER Purchase_delete_trigger",
        &["Customer_insert_trigger", "Purchase_delete_trigger"],
        ANEW,
    );
    check(
        "DROP TABLE Purchase; CREATE TABLE Purchase (Shop TEXT NOT NULL PRIMARY KEY, Number INT)",
        &[
            "column Customer of table [Purchase]",
            "column Weight of table [Purchase]",
            "its primary key is (Shop) now and was (Shop, Number)",
            "_insert_trigger",
            "_update_trigger",
            "_delete_trigger",
            "_key_update_trigger",
        ],
        &[SCOPE_OFF, &["DROP TABLE Purchase"], AGAIN],
    );
}

/// Renamed, and renamed back: nothing is lost.
#[test]
fn renamed_and_back() {
    check(
        "ALTER TABLE Customer RENAME TO Client",
        &["if it was renamed, give it its name back"],
        &[&["ALTER TABLE Client RENAME TO Customer"]],
    );
    check(
        "ALTER TABLE Customer RENAME COLUMN Name TO Title",
        &["column Name of table [Customer] is not there any more"],
        &[&["ALTER TABLE Customer RENAME COLUMN Title TO Name"]],
    );
}

/// Metadata that cannot even be read: the errors advise to take all of it off, and that works.
#[test]
fn damage_that_only_a_new_start_mends() {
    for damage in [
        "UPDATE scope_info SET scope_id = 'nonsense'",
        "UPDATE scope_info SET scope_config_id = NULL",
        "UPDATE scope_config SET config_data = 'nonsense'",
        "DELETE FROM scope_config",
    ] {
        let place = Place::with_two_shops();
        place.sql("b.db", damage);
        for call in [
            &["status", "b.db"][..],
            &["sync", "a.db", "b.db"],
            SCOPE_OFF,
        ] {
            let run = place.run(call);
            assert_eq!(run.code, 3, "{run:?}");
            assert!(
                run.error_line().contains("syncdb deprovision b.db --store"),
                "{damage}: {run:?}"
            );
        }
        place.ok(ALL_OFF);
        place.ok(AGAIN);
        place.ok(&["sync", "a.db", "b.db"]);
        place.ok(&["verify", "a.db", "b.db"]);
        let objects = "SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY 1";
        assert_eq!(place.rows("a.db", objects), place.rows("b.db", objects));
    }
}

#[test]
fn columns_outside_the_scope() {
    let place = Place::with_two_shops();
    place.sql("a.db", "ALTER TABLE Customer ADD COLUMN Extra TEXT; ALTER TABLE Customer ADD COLUMN Mine TEXT; UPDATE Customer SET Extra = 'x'");
    place.sql("b.db", "ALTER TABLE Customer ADD COLUMN extra TEXT");
    let status = place.json(&["status", "a.db"], 0);
    let tables = &status["scopes"][0]["tables"];
    assert_eq!(tables[0]["columns_outside"], json!(["Extra", "Mine"]));
    assert_eq!(tables[1]["columns_outside"], json!([]));
    let told = place.ok(&["status", "a.db"]);
    assert!(
        told.contains("not synchronised: Extra, Mine of [Customer]"),
        "{told}"
    );
    let document = place.json(&["verify", "a.db", "b.db"], 0);
    assert_eq!(
        document["tables"][0]["not_compared"],
        json!({ "a": ["Extra", "Mine"], "b": ["extra"] })
    );
    let told = place.ok(&["verify", "a.db", "b.db"]);
    for line in [
        "column Extra of [Customer] (in a.db and b.db)",
        "column Mine of [Customer] (in a.db)",
    ] {
        assert!(told.contains(line), "{told}");
    }
}

/// What an application's ALTER TABLE meets, as the manual tells it.
#[test]
fn columns_of_the_scope_cannot_be_dropped() {
    let place = Place::with_two_shops();
    let drop = "ALTER TABLE Customer DROP COLUMN Photo";
    let error = place.connect("b.db").execute_batch(drop).unwrap_err();
    assert!(error.to_string().contains("trigger"), "{error}");
    for name in ["a.db", "b.db"] {
        place.ok(&["deprovision", name, "--scope", "shop"]);
        place.sql(name, drop);
        place.ok(&["provision", name, "--scope", "shop", "--all-tables"]);
    }
    place.ok(&["sync", "a.db", "b.db"]);
    place.ok(&["verify", "a.db", "b.db"]);
}

/// A replica that only ever was the source of sessions says so.
#[test]
fn what_was_sent() {
    let place = Place::with_two_shops();
    let source = |place: &Place, expected: [Json; 2], words: &str| {
        let document = place.json(&["status", "c.db"], 0);
        let scope = &document["scopes"][0];
        assert_eq!(
            [&scope["was_source"], &scope["unread"]],
            expected.each_ref()
        );
        let told = place.ok(&["status", "c.db"]);
        assert!(told.contains(words), "{told}");
    };
    place.sql("c.db", super::support::SHOP);
    place.ok(&["provision", "c.db", "--scope", "shop", "--all-tables"]);
    source(
        &place,
        [json!(false), json!(5)],
        "no session has read its changes",
    );
    place.ok(&[
        "sync",
        "c.db",
        "d.db",
        "--provision",
        "--direction",
        "upload",
    ]);
    source(
        &place,
        [json!(true), json!(0)],
        "sessions have read all changes made here",
    );
    assert!(!place.ok(&["status", "c.db"]).contains("nothing yet"));
    place.sql("c.db", "UPDATE Customer SET Name = 'new' WHERE Id = 1");
    source(
        &place,
        [json!(true), json!(1)],
        "but for 1 row changed since",
    );
}

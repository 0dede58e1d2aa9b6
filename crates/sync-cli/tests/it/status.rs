//! `status`

use serde_json::json;

use super::support::{Place, SHOP, keys};

#[test]
fn the_document() {
    let place = Place::with_two_shops();
    place.sql("a.db", "DELETE FROM Customer WHERE Id > 2");
    let before = place.bytes();
    let document = place.json(&["status", "a.db"], 0);
    assert_eq!(
        keys(&document),
        ["database", "metadata_version", "provisioned_by", "scopes"]
    );
    assert_eq!(
        (&document["metadata_version"], &document["provisioned_by"]),
        (&json!("2.1"), &json!("syncdb"))
    );
    let scope = &document["scopes"][0];
    for key in [
        "name",
        "scope_local_id",
        "replica_id",
        "restore_count",
        "tick",
        "knowledge",
        "forgotten_knowledge",
        "tables",
    ] {
        assert!(scope.get(key).is_some(), "{key}");
    }
    assert_eq!(
        scope["tables"],
        json!([
            { "name": "[Customer]", "rows": 2, "tombstones": 1, "deferred": 0, "columns_outside": [] },
            { "name": "[Purchase]", "rows": 2, "tombstones": 0, "deferred": 0, "columns_outside": [] },
        ])
    );
    let knowledge = ["id_formats", "ranges", "replica_key_map", "version"];
    assert_eq!(
        (
            keys(&scope["knowledge"]),
            keys(&scope["forgotten_knowledge"])
        ),
        (knowledge.to_vec(), knowledge.to_vec())
    );
    assert_eq!(
        scope["knowledge"]["replica_key_map"][0],
        scope["replica_id"]
    );
    assert_eq!(
        scope["knowledge"]["replica_key_map"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert!(place.bytes() == before, "status writes nothing");
}

#[test]
fn knowledge_before_the_first_session() {
    let place = Place::new();
    place.sql("a.db", SHOP);
    place.ok(&["provision", "a.db", "--scope", "shop", "--all-tables"]);
    place.sql("a.db", "UPDATE scope_info SET scope_sync_knowledge = NULL");
    let document = place.json(&["status", "a.db"], 0);
    let scope = &document["scopes"][0];
    for key in ["knowledge", "forgotten_knowledge"] {
        assert_eq!(scope[key]["version"], 5);
        assert_eq!(scope[key]["replica_key_map"], json!([scope["replica_id"]]));
        assert_eq!(scope[key]["ranges"], json!([]));
        assert_eq!(
            scope[key]["id_formats"]["item"],
            json!({ "variable": true, "length": 10242 })
        );
    }
    assert!(place.ok(&["status", "a.db"]).contains("nothing yet"));
}

#[test]
fn integers_are_exact_up_to_the_greatest() {
    let place = Place::with_two_shops();
    place.sql("a.db", "UPDATE Customer_tracking SET local_update_peer_timestamp = 9223372036854775807 WHERE Id = 1");
    let run = place.run(&["status", "a.db", "--json"]);
    assert!(
        run.stdout.contains("\"tick\":9223372036854775807"),
        "{run:?}"
    );
}

#[test]
fn a_scope_by_name_and_its_warnings() {
    let place = Place::with_two_shops();
    place.ok(&[
        "provision",
        "a.db",
        "--scope",
        "other",
        "--table",
        "Customer",
    ]);
    let document = place.json(&["status", "a.db", "--scope", "other"], 0);
    assert_eq!(document["scopes"].as_array().unwrap().len(), 1);
    assert_eq!(
        document["scopes"][0]["warnings"].as_array().unwrap().len(),
        1
    );
    let told = place.ok(&["status", "a.db"]);
    assert!(
        told.contains("warning: table [Customer] is also in scope"),
        "{told}"
    );
    let run = place.run(&["verify", "a.db", "b.db"]);
    assert_eq!(run.code, 0, "b.db has exactly one scope: {run:?}");
    place.ok(&["sync", "b.db", "c.db", "--provision"]);
}

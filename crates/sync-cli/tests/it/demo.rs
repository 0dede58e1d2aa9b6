//! The demonstration.

use super::support::{Place, check_failure, keys};

#[test]
fn the_story_ends_well() {
    let place = Place::new();
    let told = place.ok(&["demo"]);
    // What stays the same from run to run.
    for part in [
        "has 100 customers, 300 orders and 600 order lines",
        "provisioned for scope sales",
        "0 rows up, 1,000 rows down",
        "Maria Lindqvist",
        "Jonas Weber",
        "1 conflict",
        "both changed this row of [Sales].[Customer]:",
        "← stays (destination-wins)",
        "1,002 rows compared, no difference",
        "three equal databases of 1,002 rows, and nothing left to send",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(
        !told.contains('\u{1b}'),
        "no colours where there is no terminal"
    );
    assert!(
        place.bytes().is_empty(),
        "its files are elsewhere, and gone"
    );
}

#[test]
fn the_document() {
    let document = Place::new().json(&["demo", "--rows", "200"], 0);
    assert_eq!(
        keys(&document),
        ["conflicts", "equal", "folder", "rows", "scope", "steps"]
    );
    assert_eq!(document["equal"], true);
    assert!(document["folder"].is_null());
    let conflicts = document["conflicts"].as_array().unwrap();
    assert_eq!(conflicts.len(), 1);
    assert_eq!(
        (&conflicts[0]["winner"], &conflicts[0]["conflict"]),
        (&"local".into(), &"LocalUpdateRemoteUpdate".into())
    );
    assert!(document["steps"].as_array().unwrap().len() > 10);
}

#[test]
fn a_folder_of_ones_own() {
    let place = Place::new();
    let told = place.ok(&["demo", "--rows", "50", "--dir", "here/there"]);
    assert!(told.contains("the databases are in here/there"), "{told}");
    for spoke in ["north", "south"] {
        place.ok(&[
            "verify",
            "here/there/hub.db",
            &format!("here/there/{spoke}.db"),
        ]);
    }
    let keepers = place.rows(
        "here/there/hub.db",
        "SELECT SalesPerson FROM Sales_Customer ORDER BY rowid LIMIT 1",
    );
    assert_eq!(keepers, ["Text(\"Maria Lindqvist\")"]);
    let status = place.json(&["status", "here/there/north.db"], 0);
    assert_eq!(
        status["scopes"][0]["tables"][0]["name"],
        "[Sales].[Customer]"
    );
    check_failure(
        &place,
        &["demo", "--dir", "here/there"],
        3,
        "here/there: the folder is not empty",
    );
    check_failure(
        &place,
        &["demo", "--dir", "here/there/hub.db"],
        3,
        "here/there/hub.db: it is no folder",
    );
    std::fs::create_dir(place.path("empty")).unwrap();
    place.ok(&["demo", "--rows", "10", "--dir", "empty"]);
}

#[test]
fn a_kept_temporary_folder() {
    let place = Place::new();
    let document = place.json(&["demo", "--rows", "10", "--keep"], 0);
    let folder = std::path::PathBuf::from(document["folder"].as_str().unwrap());
    assert!(folder.join("hub.db").exists());
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn few_rows_are_enough_for_a_story() {
    for rows in ["1", "2", "3", "4", "7"] {
        let document = Place::new().json(&["demo", "--rows", rows], 0);
        assert_eq!(document["conflicts"].as_array().unwrap().len(), 1, "{rows}");
    }
}

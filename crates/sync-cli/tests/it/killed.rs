//! SIGKILL at many points of a long session: the databases stay valid, a direction is there whole or not at all, and the next session
//! brings both sides together.
#![cfg(unix)]
#![expect(
    clippy::disallowed_methods,
    reason = "the kills are spread over the time that a whole session takes"
)]

use std::process::Stdio;
use std::time::Instant;

use super::support::Place;

const ROWS: usize = 4000;
const POINTS: u32 = 12;
const SYNC: [&str; 5] = ["sync", "a.db", "b.db", "--batch-size", "8"];

/// Two replicas with much to tell each other.
fn apart(journal: &str) -> Place {
    let place = Place::new();
    let mode = format!("PRAGMA journal_mode = {journal};");
    let schema = "CREATE TABLE Item (Id INTEGER PRIMARY KEY, Name TEXT NOT NULL);";
    let fill = |from: usize| {
        format!(
            "WITH RECURSIVE n (i) AS (SELECT {from} UNION ALL SELECT i + 1 FROM n WHERE i < {}) \
             INSERT INTO Item SELECT i, 'item ' || i || hex(randomblob(30)) FROM n;",
            from + ROWS - 1
        )
    };
    place.sql("a.db", &format!("{mode} {schema} {}", fill(1)));
    place.ok(&["provision", "a.db", "--scope", "items", "--all-tables"]);
    place.ok(&["provision", "b.db", "--scope", "items", "--like", "a.db"]);
    place.sql("b.db", &format!("{mode} {}", fill(1_000_001)));
    place
}

fn count(place: &Place, name: &str, table: &str) -> usize {
    let sql = format!("SELECT count(*) FROM {table}");
    let db = place.connect(name);
    let rows: i64 = db.query_row(&sql, [], |row| row.get(0)).unwrap();
    usize::try_from(rows).unwrap()
}

fn check(journal: &str) {
    let whole = apart(journal);
    let start = Instant::now();
    whole.ok(&SYNC);
    let length = start.elapsed();
    let mut states = std::collections::BTreeSet::new();
    for point in 1..=POINTS {
        let place = apart(journal);
        let mut child = place
            .command(&SYNC)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(length * point / (POINTS + 1));
        child.kill().unwrap();
        child.wait().unwrap();
        for name in ["a.db", "b.db"] {
            let rows = place.rows(name, "PRAGMA integrity_check");
            assert_eq!(rows, ["Text(\"ok\")"], "{journal}, point {point}, {name}");
            let rows = count(&place, name, "Item");
            assert!(
                rows == ROWS || rows == 2 * ROWS,
                "{journal}, point {point}, {name}: {rows} rows"
            );
            assert_eq!(rows, count(&place, name, "Item_tracking"), "{name}");
            states.insert((name, rows));
        }
        place.ok(&SYNC);
        place.ok(&["verify", "a.db", "b.db"]);
        assert_eq!(count(&place, "b.db", "Item"), 2 * ROWS);
    }
    assert!(
        states.len() > 2,
        "{journal}: no kill came between the start and the end: {states:?}"
    );
}

#[test]
fn in_wal_mode() {
    check("WAL");
}

#[test]
fn in_rollback_journal_mode() {
    check("DELETE");
}

//! Text that is not valid UTF-8 cannot travel. Its row stays where it is and is named; everything else goes on.

use sync_provider::ConflictPolicy;
use sync_provider_sqlite::{DEFAULT_BUSY_TIMEOUT, SqliteReader};
use sync_relational::DifferenceKind;

use crate::support::{Db, SCOPE, session, settle, sync, upload};

const SCHEMA: &str = "CREATE TABLE first (id INTEGER PRIMARY KEY, v); \
                      CREATE TABLE t (id TEXT NOT NULL, n INTEGER NOT NULL, v TEXT, w, PRIMARY KEY (id, n)); \
                      CREATE TABLE u (id TEXT NOT NULL PRIMARY KEY, v)";

/// What is wrong at the source, whether the key can be read, and what heals it.
const SOURCES: [(&str, bool, &str); 6] = [
    (
        "UPDATE t SET v = CAST(x'61ff' AS TEXT) WHERE n = 2",
        true,
        "UPDATE t SET v = 'good' WHERE n = 2",
    ),
    (
        "UPDATE t SET w = CAST(x'c328' AS TEXT) WHERE n = 2",
        true,
        "DELETE FROM t WHERE n = 2",
    ),
    (
        "INSERT INTO t VALUES ('new', 9, CAST(x'80' AS TEXT), 1)",
        true,
        "UPDATE t SET v = x'80' WHERE n = 9",
    ),
    (
        "INSERT INTO t VALUES (CAST(x'61ff' AS TEXT), 9, 'v', 1)",
        false,
        "UPDATE t SET id = 'a' WHERE n = 9; DELETE FROM t_tracking WHERE n = 9 AND sync_row_is_tombstone = 1",
    ),
    (
        "INSERT INTO t VALUES (CAST(x'61ff' AS TEXT), 9, 'v', 1); DELETE FROM t WHERE n = 9",
        false,
        "DELETE FROM t_tracking WHERE n = 9",
    ),
    (
        "UPDATE t SET id = CAST(x'ff' AS TEXT), v = CAST(x'ff' AS TEXT) WHERE n = 2",
        false,
        "UPDATE t SET id = 'good', v = 'good' WHERE n = 2; DELETE FROM t_tracking WHERE n = 2 AND id = CAST(x'ff' AS TEXT)",
    ),
];

#[test]
fn at_the_source_the_row_is_left_out_and_named() {
    for (damage, key_is_readable, cure) in SOURCES {
        for first in [true, false] {
            let a = Db::new(SCHEMA);
            let b = Db::new(SCHEMA);
            a.execute(
                "INSERT INTO t VALUES ('one', 1, 'x', 1), ('two', 2, 'x', 1), ('three', 3, 'x', 1)",
            );
            if !first {
                sync(&a, &b);
            }
            a.execute(damage);
            a.execute("INSERT INTO t VALUES ('last', 100, 'x', 1); INSERT INTO u VALUES ('u', 1)");
            b.execute("INSERT INTO u VALUES ('from b', 1)");
            let one = |failed| {
                let report = session(&a, &b).batch_bytes(1).run();
                assert_eq!(report.up().1, failed, "{damage}");
                assert_eq!(report.down().1, 0, "{damage}");
                assert_eq!(report.conflicts(), 0, "{damage}");
            };
            for _ in 0..3 {
                one(1);
                assert_eq!(b.number("SELECT count(*) FROM t WHERE n = 100"), 1);
                assert_eq!(b.number("SELECT count(*) FROM u"), 2);
                let named =
                    b.query("SELECT table_name, reason LIKE '%column %UTF-8%' FROM sync_waiting");
                assert_eq!(named, ["[t]|1"], "{damage}");
                let has_key = b.query("SELECT length(row_key) > 0 FROM sync_waiting");
                assert_eq!(
                    has_key,
                    [i32::from(key_is_readable).to_string()],
                    "{damage}"
                );
                assert!(b.ranges() > 1);
            }
            // The others of the table come and go.
            a.execute("UPDATE t SET v = 'y' WHERE n = 1; DELETE FROM t WHERE n = 3");
            one(1);
            assert_eq!(
                b.query("SELECT v FROM t WHERE n IN (1, 3)"),
                ["y"],
                "{damage}"
            );
            a.execute(cure);
            one(0);
            settle(&a, &b);
        }
    }
}

/// Nobody learns of the row by a roundabout way either.
#[test]
fn a_third_replica_waits_as_well() {
    for (damage, _, cure) in SOURCES {
        let [a, b, c] = [Db::new(SCHEMA), Db::new(SCHEMA), Db::new(SCHEMA)];
        a.execute("INSERT INTO t VALUES ('one', 1, 'x', 1), ('two', 2, 'x', 1)");
        a.execute(damage);
        sync(&a, &b);
        sync(&b, &c);
        sync(&a, &c);
        a.execute(cure);
        for _ in 0..2 {
            sync(&a, &b);
            sync(&b, &c);
            sync(&c, &a);
        }
        settle(&a, &b);
        settle(&b, &c);
        settle(&c, &a);
    }
}

#[test]
fn at_the_destination_the_incoming_row_fails() {
    for change in ["UPDATE t SET w = 2", "DELETE FROM t"] {
        let (a, b) = Db::pair(
            SCHEMA,
            "INSERT INTO t VALUES ('one', 1, 'x', 1), ('two', 2, 'x', 1), ('three', 3, 'x', 1)",
        );
        b.execute("UPDATE t SET v = CAST(x'ff' AS TEXT) WHERE n = 2");
        a.execute(change);
        for applied in [2, 0] {
            let report = session(&a, &b)
                .direction(sync_orchestrator::SyncDirectionOrder::Upload)
                .policy(ConflictPolicy::SourceWins)
                .run();
            assert_eq!(report.up(), (applied, 1), "{change}");
            assert_eq!(
                b.query("SELECT reason LIKE '%column v%UTF-8%' FROM sync_waiting"),
                ["1"]
            );
        }
        // The other way it is left out.
        let report = sync(&a, &b);
        assert_eq!((report.up(), report.down()), ((0, 1), (0, 1)), "{change}");
        b.execute("UPDATE t SET v = 'healed' WHERE n = 2");
        sync(&a, &b);
        settle(&a, &b);
    }
}

#[test]
fn verify_names_such_rows_and_compares_the_others() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let good = "INSERT INTO t VALUES ('good', 3, 'v', 1)";
    let tracked = |db: &Db| db.number("SELECT count(*) FROM t_tracking");
    for (row, key, column) in [
        ("('a', 1, CAST(x'ff' AS TEXT), 1)", "a", "column v"),
        ("(CAST(x'61ff' AS TEXT), 1, 'v', 1)", "", "column id"),
    ] {
        let healthy = Db::new(&format!(
            "{SCHEMA}; {good}; INSERT INTO t VALUES ('a', 1, 'v', 1)"
        ));
        let damaged = Db::new(&format!("{SCHEMA}; {good}; INSERT INTO t VALUES {row}"));
        assert_eq!(tracked(&damaged), 2);
        for untracked in [false, true] {
            if untracked {
                damaged.execute("DELETE FROM t_tracking WHERE n = 1");
            }
            for first in [true, false] {
                let open = |db: &Db| {
                    SqliteReader::open(&db.path(), Some(SCOPE), DEFAULT_BUSY_TIMEOUT).unwrap()
                };
                let (mut left, mut right) = (open(&healthy), open(&damaged));
                if first {
                    std::mem::swap(&mut left, &mut right);
                }
                let found = runtime.block_on(sync_relational::verify(&mut left, &mut right));
                let found = found.unwrap();
                let table = &found.tables[1];
                assert_eq!((table.rows_a, table.rows_b), (2, 2));
                let unreadable = match first {
                    true => DifferenceKind::UnreadableInA,
                    false => DifferenceKind::UnreadableInB,
                };
                let named = table.differences.iter().find(|row| row.kind == unreadable);
                let named = named.unwrap_or_else(|| panic!("{row}: {table:?}"));
                assert!(named.reason.as_ref().unwrap().contains(column), "{named:?}");
                assert_eq!(named.key.is_empty(), key.is_empty());
                // Nothing is said of the other side's row where it is known to be the same; the rest is compared.
                let others = table
                    .differences
                    .iter()
                    .filter(|row| row.kind != unreadable);
                let others: Vec<String> = others.map(|row| format!("{:?}", row.key[0])).collect();
                let named_too = others.iter().any(|other| other.contains("\"a\""));
                assert_eq!(named_too, key.is_empty(), "{others:?}");
                assert!(
                    others.iter().any(|other| other.contains("good")),
                    "{others:?}"
                );
            }
        }
    }
}

/// A trigger of the user's that damages an incoming row makes a change of this replica, which stays here.
#[test]
fn a_trigger_that_damages_the_row() {
    let (a, b) = Db::pair(SCHEMA, "INSERT INTO t VALUES ('one', 1, 'x', 1)");
    b.execute("CREATE TRIGGER damage AFTER UPDATE ON t WHEN NEW.w = 2 BEGIN UPDATE t SET v = CAST(x'ff' AS TEXT), w = 3; END");
    a.execute("UPDATE t SET w = 2");
    assert_eq!(upload(&a, &b).up(), (1, 0));
    assert_eq!(session(&a, &b).run().down(), (0, 1));
    b.execute("DROP TRIGGER damage; UPDATE t SET v = 'healed'");
    sync(&a, &b);
    settle(&a, &b);
}

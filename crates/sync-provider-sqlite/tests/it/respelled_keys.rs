//! One key in several spellings: whatever goes wrong with its row, it stays one row.

use sync_orchestrator::SyncDirectionOrder::Upload;
use sync_provider::ConflictPolicy;

use crate::support::{Db, session, settle, sync};

/// A key and three spellings of it, all equal to SQLite.
struct Key {
    columns: &'static str,
    /// What sets the key to its n-th spelling.
    set: [&'static str; 3],
    /// What finds it in any spelling.
    is: &'static str,
    insert: &'static str,
}

const KEYS: [Key; 5] = [
    Key {
        columns: "id TEXT NOT NULL COLLATE NOCASE PRIMARY KEY",
        set: ["id = 'key'", "id = 'KEY'", "id = 'Key'"],
        is: "id = 'key'",
        insert: "(id) VALUES ('key'), ('other')",
    },
    Key {
        columns: "id TEXT NOT NULL COLLATE RTRIM PRIMARY KEY",
        set: ["id = 'key'", "id = 'key  '", "id = 'key '"],
        is: "id = 'key'",
        insert: "(id) VALUES ('key'), ('other')",
    },
    Key {
        columns: "id NOT NULL PRIMARY KEY",
        set: ["id = 1", "id = 1.0", "id = 1"],
        is: "id = 1",
        insert: "(id) VALUES (1), ('1')",
    },
    Key {
        columns: "a TEXT NOT NULL COLLATE NOCASE, n INTEGER NOT NULL, id TEXT NOT NULL COLLATE RTRIM, PRIMARY KEY (id, a, n)",
        set: [
            "a = 'a-b', id = 'c'",
            "a = 'A-B', id = 'c '",
            "a = 'A-b', id = 'c  '",
        ],
        is: "id = 'c'",
        insert: "(a, n, id) VALUES ('a-b', 1, 'c'), ('a', 1, 'other')",
    },
    Key {
        columns: "a TEXT NOT NULL COLLATE NOCASE, id TEXT NOT NULL, PRIMARY KEY (a, id)",
        set: ["a = 'é'", "a = 'é'", "a = 'é'"],
        is: "id = 'Key'",
        insert: "(a, id) VALUES ('é', 'Key'), ('É', 'key')",
    },
];

/// What keeps the rows from being settled at the destination.
#[derive(Copy, Clone, Debug, PartialEq)]
enum Wrong {
    Nothing,
    /// The rows' parent is missing, or for deletions they have a child at the destination.
    ForeignKey,
    Refused,
    Deferred,
}

#[test]
fn whatever_goes_wrong_a_respelled_row_stays_one_row() {
    for wrong in [
        Wrong::Nothing,
        Wrong::ForeignKey,
        Wrong::Refused,
        Wrong::Deferred,
    ] {
        for bits in [0, 1, 2, 4, 7] {
            let respelled = [1, 2, 4].map(|bit| bits & bit != 0);
            check(wrong, respelled, false);
            check(wrong, respelled, true);
        }
    }
}

/// Runs statements for each table: `{t}` is its name, `{is}` finds the row, and `{set0}` to `{set2}` give its key one of its spellings.
fn each(db: &Db, sql: &str) {
    let of_table = |(n, key): (usize, &Key)| {
        let mut sql = sql.replace("{t}", &format!("t{n}")).replace("{is}", key.is);
        for (spelling, set) in key.set.iter().enumerate() {
            sql = sql.replace(&format!("{{set{spelling}}}"), set);
        }
        sql.replace("{insert}", key.insert)
    };
    let all: Vec<String> = KEYS.iter().enumerate().map(of_table).collect();
    db.execute(&all.join(";"));
}

/// All tables at once. The rows are spelled anew at the source before they travel for the first time, at the source with the change, and at
/// the destination, or not.
fn check(wrong: Wrong, [before, with_it, there]: [bool; 3], dead: bool) {
    let case = format!("{wrong:?} {before} {with_it} {there} dead: {dead}");
    let mut schema = "CREATE TABLE parent (n INTEGER PRIMARY KEY)".to_owned();
    for (n, key) in KEYS.iter().enumerate() {
        schema += &format!(
            "; CREATE TABLE t{n} (v, p INTEGER REFERENCES parent, up INTEGER UNIQUE, {}); \
             CREATE TABLE child_of_t{n} (n INTEGER PRIMARY KEY, up INTEGER REFERENCES t{n} (up))",
            key.columns
        );
    }
    let (a, b) = (Db::new(&schema), Db::new(&schema));
    each(
        &a,
        "INSERT INTO {t} {insert}; UPDATE {t} SET up = 7 WHERE {is}",
    );
    if before {
        each(&a, "UPDATE {t} SET {set1} WHERE {is}");
    }
    sync(&a, &b);
    if there {
        each(&b, "UPDATE {t} SET {set2}, v = 'there' WHERE {is}");
    } else if wrong == Wrong::Deferred {
        each(&b, "UPDATE {t} SET v = 'there' WHERE {is}");
    }
    match wrong {
        Wrong::ForeignKey if dead => each(&b, "INSERT INTO child_of_{t} VALUES (1, 7)"),
        Wrong::ForeignKey => each(&a, "UPDATE {t} SET p = 9 WHERE {is}"),
        Wrong::Refused => each(
            &b,
            "CREATE TRIGGER no_update_{t} BEFORE UPDATE ON {t} WHEN OLD.{is} BEGIN SELECT RAISE(ABORT, 'no'); END; \
             CREATE TRIGGER no_delete_{t} BEFORE DELETE ON {t} WHEN OLD.{is} BEGIN SELECT RAISE(ABORT, 'no'); END",
        ),
        Wrong::Nothing | Wrong::Deferred => {}
    }
    match (with_it, before) {
        (false, _) => each(&a, "UPDATE {t} SET v = 'new' WHERE {is}"),
        (true, false) => each(&a, "UPDATE {t} SET {set1}, v = 'new' WHERE {is}"),
        (true, true) => each(&a, "UPDATE {t} SET {set0}, v = 'new' WHERE {is}"),
    }
    if dead {
        each(&a, "DELETE FROM {t} WHERE {is}");
    }
    a.execute("INSERT INTO parent VALUES (1)");
    let policy = match wrong {
        Wrong::Deferred => ConflictPolicy::Defer,
        _ => ConflictPolicy::SourceWins,
    };
    let once = || {
        let session = session(&a, &b).direction(Upload).policy(policy.clone());
        session
            .try_run()
            .unwrap_or_else(|error| panic!("{case}: {error}"))
    };
    let all: Vec<String> = (0..KEYS.len()).map(|n| format!("[t{n}]")).collect();
    let left = match wrong {
        Wrong::Nothing => &[],
        _ => &all[..],
    };
    let waiting = "SELECT table_name FROM sync_waiting ORDER BY 1";
    let deferred = once().statistics.upload.unwrap().deferred;
    assert_eq!(deferred, left.len() as u64, "{case}");
    assert_eq!(b.query(waiting), left, "{case}");
    assert_eq!(b.query("SELECT n FROM parent"), ["1"], "{case}");
    // Spelled anew while they wait, they still wait once.
    if !dead {
        each(&a, "UPDATE {t} SET {set2}, v = 'newer' WHERE {is}");
        once();
        assert_eq!(b.query(waiting), left, "{case}");
    }
    match wrong {
        Wrong::ForeignKey if dead => each(&b, "DELETE FROM child_of_{t}"),
        Wrong::ForeignKey => a.execute("INSERT INTO parent VALUES (9)"),
        Wrong::Refused => each(&b, "DROP TRIGGER no_update_{t}; DROP TRIGGER no_delete_{t}"),
        Wrong::Nothing | Wrong::Deferred => {}
    }
    let healed = session(&a, &b).direction(Upload);
    healed.policy(ConflictPolicy::SourceWins).run();
    assert_eq!(b.query(waiting), [""; 0], "{case}");
    for db in [&a, &b] {
        // Another class of the same number is no change, and does not travel.
        db.execute("UPDATE t2 SET id = CAST(id AS INTEGER) WHERE typeof(id) = 'real'");
    }
    settle(&a, &b);
    for (n, key) in KEYS.iter().enumerate() {
        let rows = b.query(&format!("SELECT v FROM t{n} WHERE {}", key.is));
        let expected: &[&str] = if dead { &[] } else { &["newer"] };
        assert_eq!(rows, expected, "{case} {}", key.columns);
    }
}

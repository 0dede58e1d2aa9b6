//! Rows whose writing undoes the whole transaction: they wait, and nobody else does.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use sync_orchestrator::SyncDirectionOrder;
use sync_provider::{ConflictRecord, ErrorPolicy};
use sync_tests::support::engines::{Database, Engine, engines};
use sync_tests::support::session::{Report, Session};

const SCHEMA: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, v NVARCHAR(20))";

/// A way to undo a transaction because of a row whose `v` is 'bad': its name, and the statement that sets it up.
fn ways(engine: Engine) -> Vec<(&'static str, String)> {
    match engine {
        Engine::Sqlite => ["INSERT", "UPDATE"]
            .map(|event| {
                let trigger = format!(
                    "CREATE TRIGGER {event}_no BEFORE {event} ON t WHEN NEW.v = 'bad' BEGIN SELECT RAISE(ROLLBACK, 'not this one'); END"
                );
                (event, trigger)
            })
            .to_vec(),
        Engine::SqlServer => [
            ("throws", "THROW 50001, 'not this one', 1"),
            ("rolls back", "BEGIN ROLLBACK TRANSACTION; RAISERROR('not this one', 16, 1); END"),
        ]
        .map(|(name, what)| {
            let trigger = format!(
                "CREATE TRIGGER no ON t FOR INSERT, UPDATE AS BEGIN SET NOCOUNT ON; IF EXISTS (SELECT 1 FROM inserted WHERE v = 'bad') {what}; END"
            );
            (name, trigger)
        })
        .to_vec(),
    }
}

fn uploading([a, b]: &[Database; 2]) -> Session {
    a.settle(&["t"]);
    Session::new(a.provider("s"), b.provider("s")).direction(SyncDirectionOrder::Upload)
}

fn upload(pair: &[Database; 2]) -> Report {
    uploading(pair).run()
}

/// How many rows wait at the other side, and whether each says why.
fn waiting(database: &Database) -> i64 {
    let told =
        "SELECT COUNT(*) FROM sync_waiting WHERE reason LIKE '%undoes the whole transaction%'";
    let told = format!("{:?}", database.query(told));
    let all = database.waiting();
    assert!(told.contains(&format!("({all})")), "{told} of {all}");
    all
}

fn check(engine: Engine, name: &str, set_up: &str, (rows, step, bad): (i64, i64, i64)) {
    let context = format!("{engine:?}, {name}, {bad} of {rows}");
    let pair = [(); 2].map(|()| engine.provisioned(SCHEMA, &["t"]));
    let [a, b] = &pair;
    // Bad ones are among others.
    let is_bad = |id: i64| id % step == 1 && id < bad * step;
    let updated = name == "UPDATE";
    let row = |id: i64| {
        let v = if is_bad(id) && !updated {
            "bad"
        } else {
            "good"
        };
        format!("({id}, '{v}')")
    };
    let values: Vec<String> = (0..rows).map(row).collect();
    a.run(&format!("INSERT INTO t VALUES {}", values.join(", ")));
    if updated {
        upload(&pair);
        a.run(&format!(
            "UPDATE t SET v = CASE WHEN id % {step} = 1 AND id < {} THEN 'bad' ELSE 'better' END",
            bad * step
        ));
    }
    b.run(set_up);
    let before = b.rows(&["t"]);
    let unchanged = || {
        assert_eq!(
            (b.rows(&["t"]), b.waiting()),
            (before.clone(), 0),
            "{context}"
        )
    };
    let refused = uploading(&pair).errors(ErrorPolicy::Abort).try_run();
    let error = refused.unwrap_err().error;
    assert!(
        error.reason().contains("undoes the whole transaction"),
        "{context}: {error}"
    );
    unchanged();
    let (rehearsed, effects) = uploading(&pair).rehearse();
    // It starts again for each such row, and tells everything anew.
    unchanged();
    let report = upload(&pair);
    let upload_of = report.upload();
    assert_eq!(
        (upload_of.changes_applied, upload_of.changes_failed),
        ((rows - bad) as u64, bad as u64),
        "{context}"
    );
    assert_eq!(waiting(b), bad, "{context}");
    let keys = |records: &[ConflictRecord]| {
        let key = |record: &ConflictRecord| (record.reason.clone(), record.remote.row.clone());
        let mut keys: Vec<String> = records
            .iter()
            .map(|record| format!("{:?}", key(record)))
            .collect();
        keys.sort();
        keys
    };
    assert_eq!(keys(&report.records).len(), bad as usize, "{context}");
    let told = rehearsed.statistics.upload.unwrap();
    assert_eq!(
        (told.changes_applied, told.changes_failed),
        (upload_of.changes_applied, upload_of.changes_failed),
        "{context}"
    );
    assert!(
        effects.len() >= upload_of.changes_applied as usize,
        "{context}"
    );
    assert_eq!(keys(&rehearsed.records), keys(&report.records), "{context}");
    // They do not stand in anybody's way later.
    a.run(&format!("INSERT INTO t VALUES ({rows}, 'later')"));
    let report = upload(&pair);
    assert_eq!(report.upload().changes_applied, 1, "{context}");
    assert_eq!(waiting(b), bad, "{context}");
    // One of them heals at the source, the others when the obstacle goes.
    a.run("UPDATE t SET v = 'mended' WHERE id = 1");
    let report = upload(&pair);
    assert_eq!(report.upload().changes_applied, 1, "{context}");
    let trigger = set_up.split_whitespace().nth(2).unwrap();
    b.run(&format!("DROP TRIGGER {trigger}"));
    let report = upload(&pair);
    assert_eq!(
        report.upload().changes_applied,
        (bad - 1) as u64,
        "{context}"
    );
    assert_eq!(
        (b.waiting(), a.rows(&["t"])),
        (0, b.rows(&["t"])),
        "{context}"
    );
    let report = upload(&pair);
    assert_eq!(report.upload().changes_applied, 0, "{context}");
}

#[test]
fn a_row_that_undoes_the_transaction_waits_alone() {
    for engine in engines("rows that undo the transaction") {
        for (name, set_up) in ways(engine) {
            check(engine, name, &set_up, (engine.either(2500, 20), 2, 1));
            check(engine, name, &set_up, (12, 2, 5));
            if name == "INSERT" {
                // In more slices than the direction starts again for.
                check(engine, name, &set_up, (12_500, 1_000, 12));
            }
        }
    }
}

/// A table in which no row can be written keeps nobody else from it.
#[test]
fn a_table_whose_rows_all_undo_it_waits_alone() {
    for engine in engines("tables that undo the transaction") {
        let schema = format!("{SCHEMA}; CREATE TABLE u (id INTEGER PRIMARY KEY)");
        let pair = [(); 2].map(|()| engine.provisioned(&schema, &["t", "u"]));
        let [a, b] = &pair;
        let all: u64 = engine.either(150, 30);
        let rows: Vec<String> = (0..all).map(|id| format!("({id}, 'bad')")).collect();
        a.run(&format!("INSERT INTO t VALUES {}", rows.join(", ")));
        a.run("INSERT INTO u VALUES (1)");
        let (_, set_up) = ways(engine).remove(0);
        b.run(&set_up);
        a.settle(&["t", "u"]);
        let session = || {
            Session::new(a.provider("s"), b.provider("s"))
                .direction(SyncDirectionOrder::Upload)
                .run()
        };
        let report = session();
        let upload = report.upload();
        assert_eq!(
            (upload.changes_applied, upload.changes_failed),
            (1, all),
            "{engine:?}"
        );
        assert_eq!(waiting(b), all.cast_signed(), "{engine:?}");
        let trigger = set_up.split_whitespace().nth(2).unwrap();
        b.run(&format!("DROP TRIGGER {trigger}"));
        assert_eq!(session().upload().changes_applied, all, "{engine:?}");
        assert_eq!(a.rows(&["t", "u"]), b.rows(&["t", "u"]), "{engine:?}");
    }
}

//! A handler mends rows that a constraint refuses, and what it makes of them reaches everybody.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on panics"
)]

use std::sync::Arc;

use sync_metadata::Value;
use sync_provider::{ApplyAction, ConflictRecord, ConflictType, ErrorPolicy, Winner};
use sync_tests::support::engines::{Database, Engine, pairs};
use sync_tests::support::session::{Report, Session};

/// Refused rows are named by what they hold: `mend` is edited, `leave` waits, `again` is forced as it is.
fn decide(failure: &ConflictRecord) -> ApplyAction {
    assert_eq!(failure.conflict, ConflictType::ErrorsOccurred);
    assert_eq!(failure.winner, None);
    let mut row = failure.remote.row.clone().unwrap();
    match &row[1] {
        Value::Text(name) if name == "mend" => {
            row[2] = Value::Integer(0);
            ApplyAction::RetryWithForceWrite(Some(row))
        }
        Value::Text(name) if name == "again" => ApplyAction::RetryWithForceWrite(None),
        Value::Text(name) if name == "leave" => ApplyAction::RetryNextSync,
        other => panic!("nobody refused {other:?}"),
    }
}

fn session([a, b]: &[Database; 2]) -> Report {
    a.settle(&["t"]);
    b.settle(&["t"]);
    Session::new(a.provider("s"), b.provider_with("s", Arc::new(decide))).run()
}

/// How a database refuses rows whose `v` is negative.
#[derive(Copy, Clone, Debug)]
enum Refusal {
    /// The row alone.
    Constraint,
    /// With the whole transaction.
    Rollback,
}

impl Refusal {
    fn table(self) -> String {
        let check = match self {
            Refusal::Constraint => "CHECK (v >= 0)",
            Refusal::Rollback => "",
        };
        format!(
            "CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY, name NVARCHAR(20), v INTEGER {check})"
        )
    }

    fn trigger(self, engine: Engine) -> Option<&'static str> {
        match self {
            Refusal::Constraint => None,
            Refusal::Rollback => Some(engine.either(
                "CREATE TRIGGER no BEFORE INSERT ON t WHEN NEW.v < 0 BEGIN SELECT RAISE(ROLLBACK, 'no'); END",
                "CREATE TRIGGER no ON t FOR INSERT AS IF EXISTS (SELECT 1 FROM inserted WHERE v < 0) THROW 50001, 'no', 1",
            )),
        }
    }
}

#[test]
fn refused_rows_are_mended() {
    let refusals = [Refusal::Constraint, Refusal::Rollback];
    let pairs = pairs("handlers").into_iter();
    for ([left, right], refusal) in pairs.flat_map(|pair| refusals.map(|refusal| (pair, refusal))) {
        let a = left.provisioned(&Refusal::Rollback.table(), &["t"]);
        let b = right.provisioned(&refusal.table(), &["t"]);
        if let Some(trigger) = refusal.trigger(right) {
            b.run(trigger);
        }
        let context = format!("{left:?} → {right:?}, {refusal:?}");
        for (id, name) in [(1, "fits"), (2, "mend"), (3, "leave"), (4, "again")] {
            let v = if id == 1 { 1 } else { -id };
            a.run(&format!("INSERT INTO t VALUES ({id}, '{name}', {v})"));
        }
        let both = [a, b];
        let report = session(&both);
        let [a, b] = &both;
        let upload = report.upload();
        assert_eq!(
            (
                upload.changes_applied,
                upload.changes_failed,
                upload.deferred
            ),
            (2, 2, 2),
            "{context}"
        );
        assert_eq!(
            b.rows(&["t"]),
            ["t: 1 | 'fits' | 1", "t: 2 | 'mend' | 0"],
            "{context}"
        );
        assert_eq!(
            a.lines("SELECT v FROM t WHERE id = 2"),
            ["0"],
            "{context}: the mended row comes back with the download"
        );
        let mended: Vec<_> = report
            .records
            .iter()
            .filter(|record| record.winner.is_some())
            .collect();
        assert_eq!(mended.len(), 1, "{context}: {mended:?}");
        assert_eq!(
            (&mended[0].key, mended[0].winner),
            (&vec![Value::Integer(2)], Some(Winner::Remote)),
            "{context}"
        );

        a.run("UPDATE t SET v = 7 WHERE id > 2");
        session(&both);
        assert_eq!(a.rows(&["t"]), b.rows(&["t"]), "{context}");
        assert_eq!(b.waiting(), 0, "{context}");
        assert_eq!(session(&both).moved(), 0, "{context}: it is quiet");
    }
}

/// Where more rows fail than are remembered, the direction fails all the same, and names one of them.
#[test]
fn errors_of_more_rows_than_are_remembered_abort_too() {
    let table =
        |check| format!("CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY, v INTEGER {check})");
    let a = Engine::Sqlite.provisioned(&table(""), &["t"]);
    let b = Engine::Sqlite.provisioned(&table("CHECK (v >= 0)"), &["t"]);
    a.run(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 10001) INSERT INTO t SELECT n, -n FROM n; \
         INSERT INTO t VALUES (20000, 1)",
    );
    let session = Session::new(a.provider("s"), b.provider("s")).errors(ErrorPolicy::Abort);
    let error = session.try_run().expect_err("rows cannot be written").error;
    assert!(
        error.to_string().starts_with("table [t], row 1: CHECK"),
        "{error}"
    );
    assert_eq!(b.rows(&["t"]), [""; 0]);
}

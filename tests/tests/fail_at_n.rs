//! The n-th call to a database fails, for n = 1, 2, … until a session passes. After each failure both databases are sound and
//! hold what they held before or what a whole direction made of it, and the next session converges.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on panics"
)]

use std::fs;
use std::sync::Arc;

use sync_orchestrator::SyncDirectionOrder;
use sync_provider::{ConflictRecord, SyncProvider};
use sync_tests::support::engines::{Database, Engine, engines};
use sync_tests::support::faulty::{Countdown, FaultyProvider, When};
use sync_tests::support::session::{Report, Session};

const FILE: &str = "CREATE TABLE parent (id INTEGER PRIMARY KEY, name NVARCHAR(20) NOT NULL, u NVARCHAR(20) UNIQUE); \
    CREATE TABLE child (id INTEGER NOT NULL, k NVARCHAR(20) NOT NULL, p INTEGER REFERENCES parent, PRIMARY KEY (k, id)) WITHOUT ROWID;";
const SERVER: &str = "CREATE TABLE parent (id bigint PRIMARY KEY, name nvarchar(20) NOT NULL, u nvarchar(20) NULL UNIQUE); \
    CREATE TABLE child (id bigint NOT NULL, k nvarchar(20) NOT NULL, p bigint NULL REFERENCES parent (id), PRIMARY KEY (k, id))";
const TABLES: &[&str] = &["parent", "child"];

/// Two databases in which everything happens at once: rows both ways, conflicts, deletes, a swap, a missing parent, a failing row.
struct Pair {
    databases: [Database; 2],
    /// What the files hold then; a server is brought there each time.
    images: Option<[Vec<u8>; 2]>,
    /// Two rows exchange a unique value.
    exchange: bool,
}

impl Pair {
    /// With one side on an engine, and a file as the other.
    fn new(engine: Engine, side: usize) -> Pair {
        let mut engines = [Engine::Sqlite; 2];
        engines[side] = engine;
        let databases =
            engines.map(|engine| engine.provisioned(engine.either(FILE, SERVER), TABLES));
        let exchange = databases[1].exchanges("fail at n");
        let mut pair = Pair {
            databases,
            images: None,
            exchange,
        };
        pair.prepare();
        let [a, b] = pair.databases.each_ref().map(|db| db.path());
        if let (Some(a), Some(b)) = (a, b) {
            pair.images = Some([a, b].map(|path| fs::read(path).unwrap()));
        }
        pair
    }

    fn prepare(&self) {
        let [a, b] = &self.databases;
        a.run(
            "INSERT INTO parent VALUES (1, 'one', 'u1'), (2, 'two', 'u2'), (3, 'three', 'u3'), (4, 'four', NULL); \
             INSERT INTO child VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', NULL)",
        );
        self.session().run();
        a.run(
            "UPDATE parent SET name = 'a' WHERE id = 3; DELETE FROM child WHERE id = 1; INSERT INTO child VALUES (9, 'refused', 1), (10, 'new', 4)",
        );
        if self.exchange {
            a.run("UPDATE parent SET u = 'x' WHERE id = 1; UPDATE parent SET u = 'u1' WHERE id = 2; UPDATE parent SET u = 'u2' WHERE id = 1");
        }
        b.run(
            "UPDATE parent SET name = 'b' WHERE id = 3; DELETE FROM parent WHERE id = 4; INSERT INTO parent VALUES (5, 'five', 'u5'); \
             INSERT INTO child VALUES (5, 'back', 5)",
        );
        b.run(b.engine().either(
            "CREATE TRIGGER no BEFORE INSERT ON child WHEN NEW.k = 'refused' BEGIN SELECT RAISE(ABORT, 'no'); END",
            "ALTER TABLE child ADD CONSTRAINT no CHECK (k <> 'refused')",
        ));
    }

    fn mend(&self) {
        let b = &self.databases[1];
        b.run(
            b.engine()
                .either("DROP TRIGGER no", "ALTER TABLE child DROP CONSTRAINT no"),
        );
    }

    /// Brings both back to where they were.
    fn restore(&self) {
        if let Some(images) = &self.images {
            for (db, image) in self.databases.iter().zip(images) {
                fs::write(db.path().unwrap(), image).unwrap();
            }
            return;
        }
        for db in &self.databases {
            // A constraint or trigger that is there from the last time goes with the rows.
            let _ = db.try_run(
                db.engine()
                    .either("DROP TRIGGER no", "ALTER TABLE child DROP CONSTRAINT no"),
            );
            db.run(
                "DELETE FROM child; DELETE FROM parent; DELETE FROM child_tracking; DELETE FROM parent_tracking; DELETE FROM sync_waiting; \
                 UPDATE sync_scope SET was_source = 0; UPDATE scope_info SET scope_sync_knowledge = NULL",
            );
        }
        self.prepare();
    }

    fn session(&self) -> Session {
        let [a, b] = self.databases.each_ref().map(provider);
        Session::new(a, b)
    }

    /// With faults at one side.
    fn faulty(&self, side: usize, countdown: &Countdown) -> Session {
        let mut sides = self.databases.each_ref().map(provider);
        let opens = self.databases[side].opens("s");
        sides[side] = Arc::new(FaultyProvider::new(opens, countdown));
        let [a, b] = sides;
        Session::new(a, b).batch_bytes(100)
    }

    fn user_rows(&self) -> [Vec<String>; 2] {
        self.databases.each_ref().map(|db| db.rows(TABLES))
    }
}

fn provider(db: &Database) -> Arc<dyn SyncProvider> {
    db.settle(TABLES);
    db.provider("s")
}

/// Rows and versions, without what a source notes when its changes leave it.
fn held(db: &Database) -> Vec<String> {
    let metadata = [
        "parent_tracking",
        "child_tracking",
        "sync_waiting",
        "scope_info",
    ];
    [db.rows(TABLES), db.rows(&metadata)].concat()
}

/// The calls that fail: all of them at a file, and some where each costs a server's time. Those differ from one check to the next.
fn positions(engine: Engine, check: u64) -> impl Iterator<Item = u64> {
    let step = engine.either(1, 9);
    (1 + check % step..500).step_by(step as usize)
}

fn check(number: u64, direction: SyncDirectionOrder, faulty_side: usize, when: When) {
    for engine in engines("fail at n") {
        let pair = Pair::new(engine, faulty_side);
        let before = pair.user_rows();
        pair.session().direction(direction).batch_bytes(100).run();
        let after = pair.user_rows();
        check_positions(engine, number, |n| {
            pair.restore();
            check_at(&pair, n, (direction, faulty_side, when), [&before, &after])
        });
    }
}

/// Checks one position after the other, until `check` says that nothing failed any more.
fn check_positions(engine: Engine, number: u64, mut check: impl FnMut(u64) -> bool) {
    for n in positions(engine, number) {
        if !check(n) {
            assert!(n > 8, "a session makes {n} calls");
            return;
        }
    }
    panic!("the session does not come to its end");
}

/// What each side may hold after a failure: what it held before, or what the whole session makes of it. Says whether there was one.
fn check_at(
    pair: &Pair,
    n: u64,
    (direction, faulty_side, when): (SyncDirectionOrder, usize, When),
    [before, after]: [&[Vec<String>; 2]; 2],
) -> bool {
    let held_before = pair.databases.each_ref().map(held);
    let countdown = Countdown::new(n, when);
    let result = pair
        .faulty(faulty_side, &countdown)
        .direction(direction)
        .try_run();
    let failed = countdown.has_failed();
    assert_eq!(
        result.is_err(),
        failed,
        "call {n} {when:?} at side {faulty_side}: {result:?}"
    );
    let now = pair.user_rows();
    for side in 0..2 {
        let db = &pair.databases[side];
        db.assert_sound(TABLES);
        let now = &now[side];
        let whole = *now == before[side] || *now == after[side];
        assert!(
            whole,
            "call {n} {when:?} at side {faulty_side} left half a direction at side {side}: {now:#?}"
        );
        if *now == before[side] && result.is_err() && when == When::Before {
            let completed = result.as_ref().err().map(|failure| &failure.completed);
            let untouched =
                completed.is_some_and(|done| done.upload.is_none() && done.download.is_none());
            assert!(
                !untouched || held(db) == held_before[side],
                "call {n} left something at side {side}"
            );
        }
    }
    converge(pair);
    failed
}

/// A connection that is lost at the n-th call costs nothing but time: the session comes to its end all the same, with what it would have told
/// otherwise, conflicts included.
fn check_passing(number: u64, faulty_side: usize, when: When) {
    for engine in engines("lost connections") {
        let pair = Pair::new(engine, faulty_side);
        let undisturbed = pair.faulty(faulty_side, &Countdown::never()).run();
        let after = pair.user_rows();
        check_positions(engine, number, |n| {
            pair.restore();
            let countdown = Countdown::new(n, when).passing();
            let outcome = pair.faulty(faulty_side, &countdown).try_run();
            // The first call opens the database: that one is the provider's to try again.
            if n > 1 {
                let case = format!("call {n} {when:?} at side {faulty_side}");
                let outcome = outcome.unwrap_or_else(|failure| panic!("{case}: {failure}"));
                assert_eq!(pair.user_rows(), after, "{case}");
                assert_eq!(told(&outcome), told(&undisturbed), "{case}");
                assert_eq!(outcome.moved(), undisturbed.moved(), "{case}");
                pair.databases.iter().for_each(|db| db.assert_sound(TABLES));
            }
            countdown.has_failed()
        });
        converge(&pair);
    }
}

/// What was told of conflicts and failures, but for the ticks: a server's clock goes on from one time to the next.
fn told(report: &Report) -> Vec<String> {
    let records = report.records.iter();
    let told = records.map(|record| {
        let (local, remote) = (
            record.local.as_ref().map(|side| &side.row),
            &record.remote.row,
        );
        let ConflictRecord {
            key,
            conflict,
            winner,
            reason,
            ..
        } = record;
        format!("{key:?} {conflict:?} {winner:?} {reason} {local:?} {remote:?}")
    });
    told.collect()
}

#[test]
fn lost_connections_are_made_anew() {
    for side in 0..2 {
        check_passing(2 * side, side as usize, When::Before);
        check_passing(2 * side + 1, side as usize, When::After);
    }
}

/// What the failing row needs is mended, and the two become equal and quiet.
fn converge(pair: &Pair) {
    pair.mend();
    // The orphan whose parent was deleted at the other side is the application's to settle.
    for db in &pair.databases {
        db.run("UPDATE child SET p = NULL WHERE id = 10");
    }
    let quiet = (0..6).any(|_| pair.session().run().moved() == 0);
    assert!(
        quiet,
        "the two do not become quiet: {:#?}",
        pair.session().run()
    );
    let [a, b] = pair.user_rows();
    assert_eq!(a, b);
    for db in &pair.databases {
        db.assert_sound(TABLES);
        assert_eq!(db.waiting(), 0);
    }
}

#[test]
fn at_the_destination() {
    check(0, SyncDirectionOrder::Upload, 1, When::Before);
    check(1, SyncDirectionOrder::Upload, 1, When::After);
}

#[test]
fn at_the_source() {
    check(2, SyncDirectionOrder::Upload, 0, When::Before);
    check(3, SyncDirectionOrder::Upload, 0, When::After);
}

#[test]
fn both_ways_at_the_local_side() {
    check(4, SyncDirectionOrder::UploadAndDownload, 0, When::Before);
    check(5, SyncDirectionOrder::UploadAndDownload, 0, When::After);
}

#[test]
fn both_ways_at_the_remote_side() {
    check(6, SyncDirectionOrder::UploadAndDownload, 1, When::Before);
    check(7, SyncDirectionOrder::UploadAndDownload, 1, When::After);
}

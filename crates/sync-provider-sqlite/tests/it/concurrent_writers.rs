//! Applications write at both ends while sessions run: nothing is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::support::{Db, session, settle};

fn write(db: &Db, id: i64, stop: &AtomicBool, rounds: usize) -> usize {
    let db = db.open();
    let mut done = 0;
    while done < rounds && !stop.load(Ordering::Relaxed) {
        let key = id + done as i64;
        let statements = [
            format!("INSERT INTO t VALUES ({key}, 'written')"),
            format!("UPDATE t SET v = 'updated' WHERE id = {key}"),
            format!("DELETE FROM t WHERE id = {key} AND {key} % 3 = 0"),
            format!(
                "BEGIN IMMEDIATE; UPDATE t SET v = 'twice' WHERE id = {key}; UPDATE t SET v = 'thrice' WHERE id = {key}; COMMIT"
            ),
        ];
        for statement in statements {
            match db.execute_batch(&statement) {
                Ok(()) => {}
                Err(error) => panic!("{statement}: {error}"),
            }
        }
        done += 1;
    }
    done
}

fn check(mode: &str) {
    let schema = "CREATE TABLE t (id INTEGER PRIMARY KEY, v)";
    let (a, b) = (Arc::new(Db::new(schema)), Arc::new(Db::new(schema)));
    for db in [&a, &b] {
        db.query(&format!("PRAGMA journal_mode = {mode}"));
    }
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = [(&a, 0), (&a, 100_000), (&b, 200_000)]
        .into_iter()
        .map(|(db, id)| {
            let (db, stop) = (Arc::clone(db), Arc::clone(&stop));
            thread::spawn(move || write(&db, id, &stop, 150))
        })
        .collect();
    let mut sessions = 0;
    while !writers.iter().all(thread::JoinHandle::is_finished) || sessions < 3 {
        let report = session(&a, &b).batch_bytes(500).run();
        assert_eq!(
            (report.up().1, report.down().1, report.records.len()),
            (0, 0, 0)
        );
        sessions += 1;
    }
    stop.store(true, Ordering::Relaxed);
    let written: usize = writers
        .into_iter()
        .map(|writer| writer.join().unwrap())
        .sum();
    settle(&a, &b);
    // Every third row was deleted again.
    assert_eq!(
        a.number("SELECT count(*) FROM t WHERE v = 'thrice'"),
        a.number("SELECT count(*) FROM t")
    );
    assert_eq!(a.number("SELECT count(*) FROM t_tracking"), written as i64);
    assert_eq!(b.number("SELECT count(*) FROM t_tracking"), written as i64);
}

#[test]
fn wal() {
    check("wal");
}

#[test]
fn rollback_journal() {
    check("delete");
}

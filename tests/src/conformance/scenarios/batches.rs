//! Batches of any size.

use std::sync::{Arc, Mutex};

use sync_metadata::Value;
use sync_provider::{BatchKind, SyncProvider};

use super::super::engine::{Ability, Engine, TestReplica};
use super::super::hooked::{Hooked, Seen};
use super::super::neutral::{ITEM, WORD, id, item, text};
use super::super::state::assert_converged;
use super::{Pair, Verdict, shared};
use crate::support::session::Session;

/// A batch on its way: its kind, its bytes of rows, and how many rows.
type Size = (BatchKind, u64, usize);

/// The replica's provider as a destination, and the batches that it is given.
fn weighed(replica: &dyn TestReplica) -> (Arc<dyn SyncProvider>, Arc<Mutex<Vec<Size>>>) {
    let sizes = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&sizes);
    let provider = Hooked::wrap(shared(replica), move |call| {
        if let Seen::Process(batch) = call {
            let bytes = batch.tables.iter().map(|changes| changes.rows.bytes());
            let rows = batch.tables.iter().map(|changes| changes.rows.len());
            let size = (batch.kind, bytes.sum::<usize>() as u64, rows.sum());
            seen.lock().unwrap().push(size);
        }
        Ok(())
    });
    (provider, sizes)
}

/// Fails if a batch of more than one row is larger than `most`.
fn assert_bounded(sizes: &[Size], most: u64) {
    for (kind, bytes, rows) in sizes {
        assert!(
            *bytes <= most || *rows == 1,
            "a batch of {kind:?} has {bytes} bytes in {rows} rows"
        );
    }
}

pub(super) fn small_batches(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    let pair = Pair::new(local, remote);
    for n in 0..300 {
        pair.local.write(ITEM, &item(n, &"x".repeat(100)), 1);
    }
    let (destination, sizes) = weighed(pair.remote.as_ref());
    let report = Session::new(pair.local.provider(), destination)
        .batch_bytes(1024)
        .run();
    let upload = report.upload();
    assert_eq!(upload.changes_applied, 300);
    assert!(upload.batches >= upload.bytes / 1024, "{upload:?}");
    assert!(upload.batches <= 60, "{upload:?}");
    assert_bounded(&sizes.lock().unwrap(), 1024);
    assert_converged(&pair.states());
    for n in 0..150 {
        pair.local.write(ITEM, &item(n, "changed"), 2);
        pair.remote.delete(ITEM, &id(150 + n), 2);
    }
    let report = pair.session().batch_bytes(1024).run();
    assert_eq!((report.moved(), report.records.len()), (300, 0));
    assert_converged(&pair.states());
    Verdict::Passed
}

pub(super) fn row_larger_than_a_batch(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    let pair = Pair::new(local, remote);
    for n in 0..6 {
        let mut row = item(n, "row");
        if n % 2 == 0 {
            row[3] = Value::Blob(vec![n as u8; 100_000]);
        }
        pair.local.write(ITEM, &row, 1);
    }
    let report = pair.session().batch_bytes(1).run();
    assert_eq!(report.upload().changes_applied, 6);
    assert!(report.upload().batches >= 6, "{report:?}");
    assert_converged(&pair.states());
    // Whatever goes before it and follows it.
    for most in [60, 500, 5_000] {
        let pair = Pair::new(local, remote);
        let large = |n: i64| n % 7 == 3 || n % 7 == 4 || n == 0 || n == 29;
        for n in 0..30 {
            let mut row = item(n, &"x".repeat((n % 5) as usize));
            if large(n) {
                row[3] = Value::Blob(vec![n as u8; 5_000]);
            }
            pair.local.write(ITEM, &row, 1);
            pair.local
                .write(WORD, &[text(&n.to_string()), text("w")], 1);
        }
        let (destination, sizes) = weighed(pair.remote.as_ref());
        let session = Session::new(pair.local.provider(), destination).batch_bytes(most);
        assert_eq!(session.run().upload().changes_applied, 60);
        let sizes = sizes.lock().unwrap();
        assert_bounded(&sizes, most);
        let alone = sizes.iter().filter(|(_, bytes, _)| *bytes >= 5_000);
        assert_eq!(alone.count(), (0..30).filter(|n| large(*n)).count());
        assert_converged(&pair.states());
    }
    Verdict::Passed
}

/// Rows that waited come in batches like all others, be they large or small, live or deleted.
pub(super) fn waiting_rows_in_batches(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    for (most, of_batch) in [(1, 1), (25_000, 2), (200_000, 19)] {
        let pair = Pair::new(local, remote);
        for n in 0..40 {
            pair.local.write(ITEM, &item(n, "before"), 1);
        }
        pair.session().run();
        for n in 0..40 {
            let mut row = item(n, "waits");
            row[3] = Value::Blob(vec![n as u8; 10_000]);
            match n % 10 {
                9 => pair.local.delete(ITEM, &id(n), 2),
                _ => pair.local.write(ITEM, &row, 2),
            }
            pair.local
                .write(WORD, &[text(&n.to_string()), text("waits")], 2);
            pair.remote.reject(ITEM, &id(n), true);
            pair.remote.reject(WORD, &[text(&n.to_string())], true);
        }
        let failed = pair.session().batch_bytes(most).run().upload();
        assert_eq!((failed.changes_failed, failed.changes_applied), (80, 0));
        for n in 0..40 {
            pair.remote.reject(ITEM, &id(n), false);
            pair.remote.reject(WORD, &[text(&n.to_string())], false);
        }
        let (destination, sizes) = weighed(pair.remote.as_ref());
        let session = Session::new(pair.local.provider(), destination).batch_bytes(most);
        let report = session.run();
        assert_eq!(report.upload().changes_applied, 80);
        let mut sizes = std::mem::take(&mut *sizes.lock().unwrap());
        sizes.retain(|(kind, _, _)| kind.is_repeated());
        assert_bounded(&sizes, most);
        // Where nothing is remembered, they are enumerated once more.
        let least = if !local.can(Ability::LookFromTick) || !remote.can(Ability::Remember) {
            0
        } else {
            36 / of_batch
        };
        assert!(sizes.len() >= least, "{} batches of {most}", sizes.len());
        assert_converged(&pair.states());
    }
    Verdict::Passed
}

pub(super) fn every_batch_size(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    for bytes in [1, 64, 1000, u64::MAX] {
        let pair = Pair::new(local, remote);
        for n in 0..20 {
            pair.local.write(ITEM, &item(n, "local"), 1);
            pair.remote.write(ITEM, &item(n + 15, "remote"), 1);
            pair.remote
                .write(WORD, &[text(&n.to_string()), text("w")], 1);
        }
        let report = pair.session().batch_bytes(bytes).run();
        assert_eq!(report.upload().changes_total, 20);
        assert_eq!(report.records.len(), 5);
        // 35 rows, less 15 of the upload that come from there.
        assert_eq!(report.download().changes_total, 15 + 20 + 5);
        assert_converged(&pair.states());
        for n in 0..20 {
            pair.local.delete(ITEM, &id(n), 2);
        }
        let report = pair.session().batch_bytes(bytes).run();
        assert_eq!((report.moved(), report.records.len()), (20, 0));
        assert_converged(&pair.states());
    }
    Verdict::Passed
}

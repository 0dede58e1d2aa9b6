//! Batches of any size.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sync_metadata::Value;

use super::super::engine::Engine;
use super::super::hooked::{Call, Hooked};
use super::super::neutral::{ITEM, id, item, text};
use super::super::state::assert_converged;
use super::{Pair, Verdict, shared};
use crate::support::session::Session;

/// Bytes of a batch's rows beyond which it must not go, given that no row is larger than this.
const LARGEST_ROW: u64 = 200;

pub(super) fn small_batches(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    let pair = Pair::new(local, remote);
    for n in 0..300 {
        pair.local.write(ITEM, &item(n, &"x".repeat(100)), 1);
    }
    let largest = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&largest);
    let destination = Hooked::wrap(shared(pair.remote.as_ref()), move |call| {
        if let Call::Process(batch) = call {
            let bytes: usize = batch
                .tables
                .iter()
                .map(|changes| changes.rows.bytes())
                .sum();
            seen.fetch_max(bytes as u64, Ordering::SeqCst);
        }
        Ok(())
    });
    let report = Session::new(pair.local.provider(), destination)
        .batch_bytes(1024)
        .run();
    let upload = report.upload();
    assert_eq!(upload.changes_applied, 300);
    assert!(
        upload.batches >= upload.bytes / (1024 + LARGEST_ROW),
        "{upload:?}"
    );
    assert!(upload.batches <= 60, "{upload:?}");
    assert!(
        largest.load(Ordering::SeqCst) <= 1024 + LARGEST_ROW,
        "a batch is too large"
    );
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
    Verdict::Passed
}

pub(super) fn every_batch_size(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    for bytes in [1, 64, 1000, u64::MAX] {
        let pair = Pair::new(local, remote);
        for n in 0..20 {
            pair.local.write(ITEM, &item(n, "local"), 1);
            pair.remote.write(ITEM, &item(n + 15, "remote"), 1);
            pair.remote.write(
                super::super::neutral::WORD,
                &[text(&n.to_string()), text("w")],
                1,
            );
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

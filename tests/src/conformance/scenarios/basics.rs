//! First sessions, later ones, and sessions with nothing to do.

use std::sync::{Arc, Mutex};

use sync_orchestrator::SyncDirectionOrder::{
    self, Download, DownloadAndUpload, Upload, UploadAndDownload,
};
use sync_orchestrator::SyncStage;

use super::super::engine::Engine;
use super::super::neutral::{CLUSTERED, ITEM, WORD, id, item, text};
use super::super::state::assert_converged;
use super::{Pair, Verdict};

fn first(local: &dyn Engine, remote: &dyn Engine, direction: SyncDirectionOrder) -> Pair {
    let pair = Pair::new(local, remote);
    for n in 0..5 {
        pair.local.write(ITEM, &item(n, "local"), 1);
        pair.remote
            .write(WORD, &[text(&format!("word {n}")), text("remote")], 1);
    }
    pair.one_way(direction).run();
    pair
}

pub(super) fn first_upload_and_download(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    both_ways(&first(local, remote, UploadAndDownload))
}

pub(super) fn first_download_and_upload(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    both_ways(&first(local, remote, DownloadAndUpload))
}

fn both_ways(pair: &Pair) -> Verdict {
    assert_converged(&pair.states());
    assert_eq!(pair.local.state().entries.len(), 10);
    assert_eq!(pair.session().run().moved(), 0);
    Verdict::Passed
}

pub(super) fn first_upload(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    let pair = first(local, remote, Upload);
    let [here, there] = pair.states();
    assert_eq!((here.entries.len(), there.entries.len()), (5, 10));
    assert!(
        here.entries
            .iter()
            .all(|(key, entry)| there.entries[key] == *entry && there.knows(&entry.update))
    );
    Verdict::Passed
}

pub(super) fn first_download(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    let pair = first(local, remote, Download);
    let [here, there] = pair.states();
    assert_eq!((here.entries.len(), there.entries.len()), (10, 5));
    assert!(
        there
            .entries
            .iter()
            .all(|(key, entry)| here.entries[key] == *entry && here.knows(&entry.update))
    );
    Verdict::Passed
}

pub(super) fn nothing_to_do(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    let pair = first(local, remote, UploadAndDownload);
    pair.local.delete(ITEM, &id(3), 2);
    // Each side may store once more what the other had learned of it.
    pair.session().run();
    pair.session().run();
    let before = [pair.local.fingerprint(), pair.remote.fingerprint()];
    for direction in [UploadAndDownload, DownloadAndUpload, Upload, Download] {
        let report = pair.one_way(direction).run();
        assert_eq!(report.moved(), 0);
        for one in report.directions() {
            assert_eq!(
                (one.batches, one.bytes),
                (1, 0),
                "one exchange, and no row in it"
            );
        }
    }
    assert!(
        before == [pair.local.fingerprint(), pair.remote.fingerprint()],
        "a session with nothing to do wrote"
    );
    Verdict::Passed
}

pub(super) fn updates_and_deletes(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    let pair = first(local, remote, UploadAndDownload);
    for round in 0..3 {
        pair.local
            .write(ITEM, &item(0, &format!("round {round}")), 2);
        pair.remote
            .write(ITEM, &item(1, &format!("round {round}")), 2);
        pair.local
            .write(WORD, &[text("word 4"), text(&format!("round {round}"))], 2);
        let report = pair.session().run();
        assert_eq!(
            (
                report.upload().changes_applied,
                report.download().changes_applied
            ),
            (2, 1)
        );
        assert_converged(&pair.states());
    }
    pair.local.delete(ITEM, &id(0), 3);
    pair.remote.delete(ITEM, &id(1), 3);
    pair.remote.delete(WORD, &[text("word 4")], 3);
    let report = pair.session().run();
    assert_eq!(
        (
            report.upload().changes_applied,
            report.download().changes_applied
        ),
        (1, 2)
    );
    assert!(report.records.is_empty(), "{:?}", report.records);
    let [here, there] = pair.states();
    assert_converged(&[here.clone(), there]);
    assert_eq!(here.rows().len(), 7);
    assert_eq!(here.entries.len(), 10, "tombstones stay");
    Verdict::Passed
}

pub(super) fn reinsertion(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    let pair = first(local, remote, UploadAndDownload);
    let row = |note: &str| [text("x"), sync_metadata::Value::Integer(1), text(note)];
    let key = [text("x"), sync_metadata::Value::Integer(1)];
    pair.local.write(CLUSTERED, &row("first"), 2);
    pair.session().run();
    for round in 0..2 {
        let note = format!("round {round}");
        pair.local.delete(ITEM, &id(0), 3);
        pair.remote.delete(CLUSTERED, &key, 3);
        pair.session().run();
        assert_converged(&pair.states());
        pair.remote.write(ITEM, &item(0, &note), 4);
        pair.local.write(CLUSTERED, &row(&note), 4);
        let report = pair.session().run();
        assert!(report.records.is_empty(), "{:?}", report.records);
        let [here, there] = pair.states();
        assert_eq!(here.row(ITEM, &id(0)), Some(&item(0, &note)));
        assert_eq!(there.row(CLUSTERED, &key), Some(&row(&note).to_vec()));
        assert_converged(&[here, there]);
    }
    // Deleted and re-inserted between two sessions: an update for the others.
    pair.local.delete(ITEM, &id(2), 5);
    pair.local.write(ITEM, &item(2, "again"), 5);
    let report = pair.session().run();
    assert_eq!(
        (report.upload().changes_applied, report.records.len()),
        (1, 0)
    );
    assert_converged(&pair.states());
    Verdict::Passed
}

pub(super) fn one_way(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    let pair = first(local, remote, Upload);
    for round in 0..3 {
        pair.local
            .write(ITEM, &item(0, &format!("round {round}")), 2);
        pair.remote
            .write(WORD, &[text("word 0"), text(&format!("round {round}"))], 2);
        let report = pair.one_way(Upload).run();
        assert_eq!(report.upload().changes_applied, 1);
        assert!(report.statistics.download.is_none());
        assert_eq!(pair.one_way(Upload).run().moved(), 0);
        let [here, there] = pair.states();
        assert_eq!(there.row(ITEM, &id(0)), here.row(ITEM, &id(0)));
        assert_eq!(here.row(WORD, &[text("word 0")]), None);
    }
    let report = pair.one_way(Download).run();
    assert_eq!(
        (report.download().changes_applied, report.statistics.upload),
        (5, None)
    );
    pair.settle();
    Verdict::Passed
}

pub(super) fn progress(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    let pair = Pair::new(local, remote);
    for n in 0..20 {
        pair.local.write(ITEM, &item(n, "local"), 1);
    }
    let told = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&told);
    let session = pair.session().batch_bytes(200);
    let report = session
        .on_progress(move |progress| listener.lock().unwrap().push(progress.clone()))
        .run();
    let told = told.lock().unwrap();
    for (uploading, statistics) in [(true, report.upload()), (false, report.download())] {
        let one: Vec<_> = told
            .iter()
            .filter(|one| one.uploading == uploading)
            .collect();
        let stages: Vec<SyncStage> = one.iter().map(|one| one.stage).collect();
        let last = one.last().expect("something was told");
        assert_eq!(
            stages[..2],
            [SyncStage::SelectingChanges, SyncStage::ApplyingChanges]
        );
        assert_eq!(last.stage, SyncStage::ChangesApplied);
        assert_eq!(last.statistics, statistics, "the last report is the result");
        let batches = stages
            .iter()
            .filter(|stage| **stage == SyncStage::BatchApplied)
            .count();
        assert_eq!(
            batches as u64 + 1,
            statistics.batches,
            "every batch but the last is told by itself"
        );
        assert!(
            one.is_sorted_by_key(|one| one.statistics.batches),
            "counts rise"
        );
    }
    let first_download = told.iter().position(|one| !one.uploading);
    assert!(
        told.iter()
            .skip(first_download.unwrap_or(0))
            .all(|one| !one.uploading),
        "one direction, then the other"
    );
    assert!(told.iter().any(|one| one.tables == ["[Item]"]));
    Verdict::Passed
}

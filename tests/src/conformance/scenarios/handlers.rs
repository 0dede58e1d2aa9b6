//! Rows that a handler decides about, and rows whose failure ends the session.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use sync_metadata::Value;
use sync_orchestrator::SyncDirectionOrder::Upload;
use sync_provider::{ApplyAction, ConflictPolicy, ConflictRecord, ErrorPolicy, Winner};

use super::super::engine::{Ability, Engine};
use super::super::neutral::{ITEM, id, item, text};
use super::{Pair, Verdict};
use crate::support::session::Session;

/// What the handler of [`each_action`] answers about the row with a key.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Answer {
    Continue,
    Force,
    Merge,
    MergeUnderAnotherKey,
    NextSync,
    /// First to be tried again, then forced.
    Again,
}

use Answer::{Again, Continue, Force, Merge, MergeUnderAnotherKey, NextSync};

const ANSWERS: [Answer; 6] = [
    Continue,
    Force,
    Merge,
    MergeUnderAnotherKey,
    NextSync,
    Again,
];

/// Both sides changed each row; the policy alone would let the destination win.
pub(super) fn each_action(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    let pair = Pair::new(local, remote);
    let rows = 0..ANSWERS.len() as i64;
    rows.clone().for_each(|n| {
        pair.local.write(ITEM, &item(n, "before"), 1);
    });
    pair.session().run();
    rows.clone().for_each(|n| {
        pair.local.write(ITEM, &item(n, "local"), 2);
        pair.remote.write(ITEM, &item(n, "remote"), 2);
    });
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&asked);
    let handler = move |conflict: &ConflictRecord| {
        assert_eq!(conflict.winner, None, "nobody has won yet");
        let Value::Integer(key) = conflict.key[0] else {
            panic!("{conflict:?}");
        };
        let before = {
            let mut asked = heard.lock().unwrap();
            asked.push(key);
            asked.iter().filter(|&&one| one == key).count()
        };
        let mut row = conflict.remote.row.clone().expect("it is an update");
        let name = conflict.columns.iter().position(|name| name == "name");
        row[name.expect("the table has the column")] = text("merged");
        match ANSWERS[key as usize] {
            Continue => ApplyAction::Continue,
            Again if before == 1 => ApplyAction::RetryApplyingRow,
            Force | Again => ApplyAction::RetryWithForceWrite(None),
            Merge => ApplyAction::RetryWithForceWrite(Some(row)),
            MergeUnderAnotherKey => {
                let key = conflict.columns.iter().position(|name| name == "id");
                row[key.expect("the table has the column")] = Value::Integer(77);
                ApplyAction::RetryWithForceWrite(Some(row))
            }
            NextSync => ApplyAction::RetryNextSync,
        }
    };
    let handled = pair.remote.provider_with(Arc::new(handler));
    let session = || Session::new(pair.local.provider(), Arc::clone(&handled)).direction(Upload);
    let reports = [session().run(), session().run()];
    let expected = |answer| match answer {
        Continue | MergeUnderAnotherKey | NextSync => item(0, "remote"),
        Force | Again => item(0, "local"),
        Merge => item(0, "merged"),
    };
    let there = pair.remote.state();
    for (n, answer) in (0..).zip(ANSWERS) {
        let found = there.row(ITEM, &id(n)).expect("it is there");
        assert_eq!(found[1], expected(answer)[1], "{answer:?}");
    }
    there.assert_waiting(
        2,
        "the row under another key, and the one for the next session",
    );
    let winners: Vec<(i64, Option<Winner>)> = reports
        .iter()
        .flat_map(|report| &report.records)
        .filter(|record| record.winner.is_some())
        .map(|record| match record.key[0] {
            Value::Integer(key) => (key, record.winner),
            ref other => panic!("{other:?}"),
        })
        .collect();
    let mut decided: Vec<i64> = winners.iter().map(|(key, _)| *key).collect();
    decided.sort_unstable();
    assert_eq!(decided, [0, 1, 2, 5], "each once: {winners:?}");
    for (key, winner) in winners {
        let remote = ANSWERS[key as usize] != Continue;
        let expected = if remote {
            Winner::Remote
        } else {
            Winner::Local
        };
        assert_eq!(winner, Some(expected), "{key}");
    }
    let wrong = reports[1].records.iter().find(|record| record.key == id(3));
    let wrong = &wrong.expect("it fails in each session").reason;
    assert!(wrong.contains("changed the key"), "{wrong}");

    let rest = pair.session().policy(ConflictPolicy::SourceWins).run();
    assert_eq!(rest.left(), 0);
    pair.settle();
    assert_eq!(
        pair.local.state().row(ITEM, &id(2)).expect("it is there")[1],
        text("merged"),
        "what the handler made travels on"
    );
    Verdict::Passed
}

/// A handler hears of a row that could not be written, once in each session that tries it.
pub(super) fn hears_of_failures(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    let pair = Pair::new(local, remote);
    (0..3).for_each(|n| pair.local.write(ITEM, &item(n, "local"), 1));
    pair.remote.reject(ITEM, &id(1), true);
    let heard = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&heard);
    let handler = move |failure: &ConflictRecord| {
        assert_eq!(failure.key, id(1));
        assert!(!failure.reason.is_empty());
        count.fetch_add(1, Ordering::SeqCst);
        // The constraint does not go away by that.
        ApplyAction::RetryWithForceWrite(None)
    };
    let handled = pair.remote.provider_with(Arc::new(handler));
    for round in 1..3 {
        let session = Session::new(pair.local.provider(), Arc::clone(&handled));
        let upload = session.direction(Upload).run().upload();
        assert_eq!((upload.changes_failed, upload.deferred), (1, 1));
        assert_eq!(heard.load(Ordering::SeqCst), round, "once a session");
        let known = remote.can(Ability::Remember) && round > 1;
        assert_eq!(upload.repeated, u64::from(known), "round {round}");
    }
    pair.remote.reject(ITEM, &id(1), false);
    pair.settle();
    Verdict::Passed
}

/// Under the policy to abort, a row that cannot be written undoes its direction.
pub(super) fn abort(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    let pair = Pair::new(local, remote);
    (0..3).for_each(|n| pair.local.write(ITEM, &item(n, "local"), 1));
    pair.remote.reject(ITEM, &id(1), true);
    let before = pair.remote.fingerprint();
    let failed = pair.one_way(Upload).errors(ErrorPolicy::Abort).try_run();
    let error = failed.expect_err("a row cannot be written").error;
    for part in ["[Item]", "row 1"] {
        assert!(error.object().contains(part), "{error}");
    }
    assert!(before == pair.remote.fingerprint(), "nothing is left of it");
    pair.remote.reject(ITEM, &id(1), false);
    let upload = pair.one_way(Upload).errors(ErrorPolicy::Abort).run();
    assert_eq!(upload.upload().changes_applied, 3);
    pair.settle();
    Verdict::Passed
}

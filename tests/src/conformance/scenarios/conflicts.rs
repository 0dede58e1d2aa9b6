//! Conflicts that settle by themselves, settlement versions, and deletions that were cleaned up.

use std::collections::BTreeSet;

use sync_decision::is_settlement;
use sync_metadata::Value;
use sync_orchestrator::SyncDirectionOrder::{Download, Upload};
use sync_provider::{ConflictPolicy, ConflictType, ProviderError};

use super::super::engine::{Engine, Layout};
use super::super::neutral::{ITEM, WORD, id, item, text};
use super::super::state::assert_converged;
use super::{Pair, Verdict, between};
use crate::support::session::Session;

pub(super) fn silent_settlement(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    for direction in [Upload, Download] {
        let pair = Pair::new(local, remote);
        for n in 0..2 {
            pair.local.write(ITEM, &item(n, "before"), 1);
        }
        pair.session().run();
        for side in [&pair.local, &pair.remote] {
            side.write(ITEM, &item(0, "same"), 2);
            side.delete(ITEM, &id(1), 2);
            side.write(ITEM, &item(2, "inserted alike"), 2);
        }
        let report = pair.one_way(direction).policy(ConflictPolicy::Defer).run();
        assert_eq!(
            (report.moved(), report.left(), report.records.len()),
            (3, 0, 0)
        );
        let [here, there] = pair.states();
        let destination = if direction == Upload { &there } else { &here };
        for n in 0..3 {
            let entry = destination.entry(ITEM, &id(n)).unwrap();
            assert!(is_settlement(&entry.update.0), "{entry:?}");
        }
        assert_eq!(destination.row(ITEM, &id(0)), Some(&item(0, "same")));
        assert_eq!(destination.row(ITEM, &id(1)), None);
        pair.settle();
    }
    Verdict::Passed
}

pub(super) fn settlements_are_recognisable(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    let pair = Pair::new(local, remote);
    for n in 0..3 {
        pair.local.write(ITEM, &item(n, "local"), 1);
        pair.remote.write(ITEM, &item(n, "remote"), 1);
    }
    let report = pair.session().run();
    assert_eq!(report.records.len(), 3);
    let mut last = BTreeSet::new();
    for round in 1..4 {
        let [here, there] = pair.states();
        assert_converged(&[here.clone(), there]);
        for n in 0..3 {
            let (replica, tick) = &here.entry(ITEM, &id(n)).unwrap().update;
            assert_eq!(replica.as_uuid().unwrap().get_version_num(), 8);
            assert!(
                last.iter().all(|before| before < tick) && *tick > 0,
                "settlement ticks rise: {last:?}, then {tick}"
            );
        }
        last = (0..3)
            .map(|n| here.entry(ITEM, &id(n)).unwrap().update.1)
            .collect();
        assert_eq!(last.len(), 3, "settlements of one session differ");
        for n in 0..3 {
            pair.local
                .write(ITEM, &item(n, &format!("local {round}")), 2);
            pair.remote
                .write(ITEM, &item(n, &format!("remote {round}")), 2);
        }
        // Whoever is the destination: ticks rise over all settlement replicas.
        let session = if round % 2 == 0 {
            pair.session()
        } else {
            pair.one_way(Download)
        };
        assert_eq!(session.run().records.len(), 3);
        pair.session().run();
    }
    Verdict::Passed
}

pub(super) fn cleaned_up_delete(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    for (policy, resurrected) in [
        (ConflictPolicy::DestinationWins, false),
        (ConflictPolicy::SourceWins, true),
    ] {
        let pair = Pair::new(local, remote);
        let third = local.make(Layout::Neutral);
        pair.local.write(ITEM, &item(1, "before"), 1);
        pair.session().run();
        between(third.as_ref(), pair.remote.as_ref()).run();
        // Deleted here, and the tombstone is gone; the third replica still has the row and updates it.
        pair.remote.delete(ITEM, &id(1), 2);
        if !pair.remote.clean_up() {
            return Verdict::Skipped(format!("{} has no clean-up yet", remote.name()));
        }
        pair.local.write(ITEM, &item(1, "updated"), 3);
        let report = pair.one_way(Upload).policy(policy).run();
        let kinds: Vec<_> = report
            .records
            .iter()
            .map(|record| (record.conflict, record.local.is_none()))
            .collect();
        assert_eq!(
            kinds,
            [(ConflictType::LocalCleanedupDeleteRemoteUpdate, true)]
        );
        let entry = pair
            .remote
            .state()
            .entry(ITEM, &id(1))
            .cloned()
            .expect("a tombstone again, or the row");
        assert_eq!(entry.row, resurrected.then(|| item(1, "updated")));
        assert!(is_settlement(&entry.update.0));
    }
    Verdict::Passed
}

pub(super) fn outdated_destination(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    let pair = Pair::new(local, remote);
    pair.local.write(ITEM, &item(1, "row"), 1);
    pair.session().run();
    pair.local.delete(ITEM, &id(1), 2);
    if !pair.local.clean_up() {
        return Verdict::Skipped(format!("{} has no clean-up yet", local.name()));
    }
    let before = pair.states();
    let failure = pair
        .session()
        .try_run()
        .expect_err("the destination has not seen the deletion");
    assert!(
        matches!(failure.error, ProviderError::Outdated { .. }),
        "{failure:?}"
    );
    assert_eq!(pair.states()[1], before[1]);
    // One that knows nothing is new, not outdated.
    let pristine = remote.make(Layout::Neutral);
    between(pair.local.as_ref(), pristine.as_ref()).run();
    Verdict::Passed
}

pub(super) fn one_replica_twice(local: &dyn Engine, _: &dyn Engine) -> Verdict {
    let replica = local.make(Layout::Neutral);
    replica.write(WORD, &[text("word"), Value::Null], 1);
    let before = replica.fingerprint();
    let failure = Session::new(replica.provider(), replica.provider())
        .try_run()
        .expect_err("it is one replica");
    assert!(
        matches!(failure.error, ProviderError::Refused { .. }),
        "{failure:?}"
    );
    assert!(
        failure.error.to_string().contains("scope conformance"),
        "{failure}"
    );
    assert!(before == replica.fingerprint());
    Verdict::Passed
}

//! Every kind of conflict under every policy, in every direction, whoever initiates. Who must win is computed here once more,
//! from the rules and not from the code under test.

use std::collections::BTreeMap;

use sync_knowledge::ReplicaId;
use sync_metadata::Value;
use sync_orchestrator::SyncDirectionOrder::{
    self, Download, DownloadAndUpload, Upload, UploadAndDownload,
};
use sync_provider::{ConflictPolicy, ConflictType, Winner};

use super::super::engine::{Engine, TestReplica};
use super::super::neutral::{ITEM, id, item};
use super::super::state::{State, assert_converged};
use super::{Pair, Verdict};

/// What a side did to a row.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Edit {
    Update,
    Delete,
    Insert,
    Reinsert,
}

/// Side by side: what the local and the remote side did, under the key that is the place in the list.
const EDITS: [(Edit, Edit); 8] = [
    (Edit::Update, Edit::Update),
    (Edit::Update, Edit::Delete),
    (Edit::Delete, Edit::Update),
    (Edit::Insert, Edit::Insert),
    (Edit::Reinsert, Edit::Update),
    (Edit::Update, Edit::Reinsert),
    (Edit::Reinsert, Edit::Delete),
    (Edit::Delete, Edit::Reinsert),
];

/// Which write was later.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Later {
    Local,
    Remote,
    Neither,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Side {
    Local,
    Remote,
}

pub(super) fn every_conflict(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    for direction in [UploadAndDownload, DownloadAndUpload, Upload, Download] {
        for later in [Later::Local, Later::Remote, Later::Neither] {
            // Last writer and priorities need attributes; what is deferred has to be remembered.
            let all = local.knows_writers() && remote.knows_writers();
            for policy in (0..9).filter(|policy| all || *policy < 4) {
                let depends_on_time = policy == 4;
                if depends_on_time || later == Later::Local {
                    check(local, remote, direction, policy, later);
                }
            }
        }
    }
    Verdict::Passed
}

fn policy(number: usize, local: &ReplicaId, remote: &ReplicaId) -> ConflictPolicy {
    match number {
        0 => ConflictPolicy::DestinationWins,
        1 => ConflictPolicy::SourceWins,
        2 => ConflictPolicy::LocalWins,
        3 => ConflictPolicy::RemoteWins,
        4 => ConflictPolicy::LastWriterWins,
        5 => ConflictPolicy::Priority(vec![local.clone(), remote.clone()]),
        6 => ConflictPolicy::Priority(vec![remote.clone()]),
        7 => ConflictPolicy::Priority(vec![]),
        _ => ConflictPolicy::Defer,
    }
}

/// Who must win; `None` for nobody.
fn winner(policy: usize, destination: Side, later: Later, edits: (Edit, Edit)) -> Option<Side> {
    let source = if destination == Side::Local {
        Side::Remote
    } else {
        Side::Local
    };
    // Rows written by the remote side hold the greater content, and a deletion is less than any row.
    let greater = match edits {
        (_, Edit::Delete) => Side::Local,
        _ => Side::Remote,
    };
    Some(match policy {
        0 => destination,
        1 => source,
        2 | 5 => Side::Local,
        3 | 6 => Side::Remote,
        4 => match later {
            Later::Local => Side::Local,
            Later::Remote => Side::Remote,
            Later::Neither => greater,
        },
        7 => greater,
        _ => return None,
    })
}

fn conflict_type(destination: Side, edits: (Edit, Edit)) -> ConflictType {
    let (here, there) = if destination == Side::Local {
        edits
    } else {
        (edits.1, edits.0)
    };
    match (here, there) {
        (Edit::Delete, _) => ConflictType::LocalDeleteRemoteUpdate,
        (_, Edit::Delete) => ConflictType::LocalUpdateRemoteDelete,
        (Edit::Insert, Edit::Insert) => ConflictType::LocalInsertRemoteInsert,
        _ => ConflictType::LocalUpdateRemoteUpdate,
    }
}

fn content(edits: (Edit, Edit), side: Side, key: i64) -> Option<Vec<Value>> {
    let (edit, text) = match side {
        Side::Local => (edits.0, "a local"),
        Side::Remote => (edits.1, "b remote"),
    };
    (edit != Edit::Delete).then(|| item(key, text))
}

fn write(replica: &dyn TestReplica, edits: (Edit, Edit), side: Side, key: i64, time: i64) {
    let edit = if side == Side::Local {
        edits.0
    } else {
        edits.1
    };
    if matches!(edit, Edit::Delete | Edit::Reinsert) {
        replica.delete(ITEM, &id(key), time);
    }
    if let Some(row) = content(edits, side, key) {
        replica.write(ITEM, &row, time);
    }
}

fn prepare(local: &dyn Engine, remote: &dyn Engine, later: Later) -> Pair {
    let pair = Pair::new(local, remote);
    for (key, edits) in (0..).zip(EDITS) {
        if edits.0 != Edit::Insert {
            pair.local.write(ITEM, &item(key, "before"), 1);
        }
    }
    pair.session().run();
    let times = match later {
        Later::Local => (20, 10),
        Later::Remote => (10, 20),
        Later::Neither => (10, 10),
    };
    for (key, edits) in (0..).zip(EDITS) {
        write(pair.local.as_ref(), edits, Side::Local, key, times.0);
        write(pair.remote.as_ref(), edits, Side::Remote, key, times.1);
    }
    pair
}

fn check(
    local: &dyn Engine,
    remote: &dyn Engine,
    direction: SyncDirectionOrder,
    number: usize,
    later: Later,
) {
    let pair = prepare(local, remote, later);
    let policy = policy(number, &pair.local.id(), &pair.remote.id());
    let before = pair.states();
    let report = pair.one_way(direction).policy(policy.clone()).run();
    let destination = if matches!(direction, UploadAndDownload | Upload) {
        Side::Remote
    } else {
        Side::Local
    };
    let context = format!("{direction:?}, {policy:?}, later {later:?}");

    // The records: one per key, met at the first destination, naming both rows and the winner.
    let own: Vec<_> = report.records.iter().take(EDITS.len()).collect();
    assert_eq!(own.len(), EDITS.len(), "{context}: {:?}", report.records);
    let by_key: BTreeMap<i64, _> = own
        .iter()
        .map(|record| match record.key[..] {
            [Value::Integer(key)] => (key, *record),
            _ => panic!("{context}: not a key of the table: {:?}", record.key),
        })
        .collect();
    for (key, edits) in (0..).zip(EDITS) {
        let record = by_key[&key];
        let expected = winner(number, destination, later, edits);
        assert_eq!(record.table, "[Item]");
        assert_eq!(
            record.conflict,
            conflict_type(destination, edits),
            "{context}: {edits:?}"
        );
        let relative = expected.map(|side| {
            if side == destination {
                Winner::Local
            } else {
                Winner::Remote
            }
        });
        assert_eq!(record.winner, relative, "{context}: {edits:?}");
        assert_eq!(record.reason, policy.name());
        let source = if destination == Side::Local {
            Side::Remote
        } else {
            Side::Local
        };
        let there = record
            .local
            .as_ref()
            .expect("the destination had a row or tombstone");
        assert_eq!(
            there.row,
            content(edits, destination, key),
            "{context}: {edits:?}"
        );
        assert_eq!(
            record.remote.row,
            content(edits, source, key),
            "{context}: {edits:?}"
        );
        let version = |side: Side| {
            let state = &before[usize::from(side == Side::Remote)];
            state
                .entry(ITEM, &id(key))
                .expect("it is there")
                .update
                .clone()
        };
        assert_eq!(
            (there.replica.clone(), there.tick),
            version(destination),
            "{context}: {edits:?}"
        );
        assert_eq!(
            (record.remote.replica.clone(), record.remote.tick),
            version(source),
            "{context}: {edits:?}"
        );
    }
    if number == 8 {
        return check_deferred(&pair, &before, direction, &context);
    }
    assert_eq!(
        report.records.len(),
        EDITS.len(),
        "{context}: a settled conflict is met again: {:?}",
        report.records
    );

    // The rows: the destination holds the winner under its settlement version, and so does the source once it has heard.
    let after = pair.states();
    let one_way = matches!(direction, Upload | Download);
    let settlement_of = if destination == Side::Local {
        pair.local.id()
    } else {
        pair.remote.id()
    };
    for side in [Side::Local, Side::Remote] {
        let state = &after[usize::from(side == Side::Remote)];
        for (key, edits) in (0..).zip(EDITS) {
            let entry = state.entry(ITEM, &id(key)).expect("it is there");
            if side != destination && one_way {
                assert_eq!(
                    entry,
                    before[usize::from(side == Side::Remote)]
                        .entry(ITEM, &id(key))
                        .unwrap(),
                    "{context}"
                );
                continue;
            }
            let expected = content(
                edits,
                winner(number, destination, later, edits).unwrap(),
                key,
            );
            assert_eq!(entry.row, expected, "{context}: {edits:?} at {side:?}");
            assert_eq!(
                entry.update.0,
                sync_provider::settlement_replica(&settlement_of),
                "{context}: {edits:?}"
            );
        }
    }
    if one_way {
        let again = pair.one_way(direction).policy(policy).run();
        assert_eq!(
            (again.moved(), again.records.len()),
            (0, 0),
            "{context}: settled conflicts are not met again"
        );
    } else {
        assert_converged(&after);
    }
    let report = pair.session().run();
    assert_eq!(
        report.records.len(),
        0,
        "{context}: the settlement is accepted"
    );
    let [here, there] = pair.states();
    for (key, edits) in (0..).zip(EDITS) {
        let expected = content(
            edits,
            winner(number, destination, later, edits).unwrap(),
            key,
        );
        assert_eq!(
            here.row(ITEM, &id(key)),
            expected.as_ref(),
            "{context}: {edits:?} at the end"
        );
    }
    assert_converged(&[here, there]);
}

/// Deferred conflicts change nothing, are met again, and go away once a policy decides.
fn check_deferred(pair: &Pair, before: &[State; 2], direction: SyncDirectionOrder, context: &str) {
    let after = pair.states();
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before.entries, after.entries, "{context}");
    }
    let both = matches!(direction, UploadAndDownload | DownloadAndUpload);
    let expected = match direction {
        Upload => [0, EDITS.len()],
        Download => [EDITS.len(), 0],
        _ => [EDITS.len(); 2],
    };
    for (state, expected) in after.iter().zip(expected) {
        state.assert_waiting(expected, context);
    }
    let again = pair.one_way(direction).policy(ConflictPolicy::Defer).run();
    assert_eq!(
        again.records.len(),
        EDITS.len() * if both { 2 } else { 1 },
        "{context}: they stand"
    );
    let report = pair.session().policy(ConflictPolicy::LocalWins).run();
    assert_eq!(report.records.len(), EDITS.len(), "{context}");
    let [here, there] = pair.states();
    for (key, edits) in (0..).zip(EDITS) {
        assert_eq!(
            here.row(ITEM, &id(key)),
            content(edits, Side::Local, key).as_ref(),
            "{context}"
        );
    }
    assert_converged(&[here, there]);
}

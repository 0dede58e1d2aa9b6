//! Sessions that leave nothing behind, and say what the session would do.

use sync_metadata::Value;
use sync_orchestrator::{DirectionStatistics, SyncOperationStatistics};
use sync_provider::{ConflictPolicy, Effect, ProviderError, RowEffect};

use super::super::engine::{Ability, Engine};
use super::super::grid::DIRECTIONS;
use super::super::neutral::{ITEM, WORD, id, item, text};
use super::{Pair, Verdict};

/// What a session counts, batches aside: how rows are packed may differ.
fn counted(statistics: &SyncOperationStatistics) -> [Option<DirectionStatistics>; 2] {
    let counted = |statistics: Option<DirectionStatistics>| {
        statistics.map(|statistics| DirectionStatistics {
            batches: 0,
            bytes: 0,
            ..statistics
        })
    };
    [statistics.upload, statistics.download].map(counted)
}

/// Rows that travel either way, deletions, and every kind of conflict between rows.
fn prepare(pair: &Pair) {
    for key in 0..8 {
        pair.local.write(ITEM, &item(key, "before"), 1);
    }
    pair.session().run();
    for (key, name) in [(0, "a"), (1, "a"), (2, "a"), (8, "a"), (9, "a")] {
        pair.local.write(ITEM, &item(key, name), 10);
    }
    for (key, name) in [(0, "b"), (3, "b"), (4, "b"), (8, "b"), (10, "b")] {
        pair.remote.write(ITEM, &item(key, name), 20);
    }
    pair.local.delete(ITEM, &id(3), 10);
    pair.local.delete(ITEM, &id(5), 10);
    pair.remote.delete(ITEM, &id(2), 20);
    pair.remote.delete(ITEM, &id(6), 20);
    pair.local.write(WORD, &[text("word"), Value::Null], 10);
}

pub(super) fn foretells(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    if !(local.can(Ability::Rehearse) && remote.can(Ability::Rehearse)) {
        return refused(local, remote);
    }
    let mut policies = vec![ConflictPolicy::DestinationWins, ConflictPolicy::SourceWins];
    if local.can(Ability::KnowWriters) && remote.can(Ability::KnowWriters) {
        policies.extend([ConflictPolicy::LastWriterWins, ConflictPolicy::Defer]);
    }
    for policy in policies {
        for direction in DIRECTIONS {
            let context = format!("{policy:?}, {direction:?}");
            let pair = Pair::new(local, remote);
            prepare(&pair);
            let before = [pair.local.fingerprint(), pair.remote.fingerprint()];
            let rehearsed = pair.one_way(direction).policy(policy.clone()).rehearse();
            let (attempt, rows) = rehearsed;
            assert!(attempt.error.is_none(), "{context}: {:?}", attempt.error);
            let after = [pair.local.fingerprint(), pair.remote.fingerprint()];
            assert!(before == after, "{context}: a rehearsal left something");

            let states = pair.states();
            let report = pair.one_way(direction).policy(policy.clone()).run();
            assert_eq!(
                counted(&attempt.statistics),
                counted(&report.statistics),
                "{context}"
            );
            assert_eq!(attempt.records, report.records, "{context}");
            let of_effect = |effect| rows.iter().filter(|row| row.effect == effect).count();
            let now = pair.states();
            let [mut inserts, mut updates, mut deletes] = [0; 3];
            for (before, after) in states.iter().zip(&now) {
                let (before, after) = (before.rows(), after.rows());
                inserts += after
                    .keys()
                    .filter(|key| !before.contains_key(*key))
                    .count();
                deletes += before
                    .keys()
                    .filter(|key| !after.contains_key(*key))
                    .count();
                let changed = |(key, row): &(&&(usize, String), &&Vec<Value>)| {
                    after.get(*key).is_some_and(|after| after != *row)
                };
                updates += before.iter().filter(changed).count();
            }
            let effects = [Effect::Insert, Effect::Update, Effect::Delete];
            assert_eq!(
                effects.map(of_effect),
                [inserts, updates, deletes],
                "{context}: {rows:?}"
            );
            if matches!(policy, ConflictPolicy::DestinationWins) {
                let word = RowEffect {
                    table: "[Word]".into(),
                    key: vec![text("word")],
                    effect: Effect::Insert,
                };
                let uploads = report.statistics.upload.is_some();
                assert_eq!(rows.contains(&word), uploads, "{context}: {rows:?}");
            }
        }
    }
    Verdict::Passed
}

/// A provider that cannot rehearse says so, and changes nothing.
fn refused(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    let pair = Pair::new(local, remote);
    pair.local.write(ITEM, &item(1, "row"), 1);
    let before = [pair.local.fingerprint(), pair.remote.fingerprint()];
    let (attempt, _) = pair.session().rehearse();
    assert!(
        matches!(attempt.error, Some(ProviderError::Refused { .. })),
        "{attempt:?}"
    );
    assert!(before == [pair.local.fingerprint(), pair.remote.fingerprint()]);
    Verdict::Passed
}

/// What the destination refuses is foretold as well, with the database's words.
pub(super) fn rows_that_fail(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    if !(local.can(Ability::Rehearse) && remote.can(Ability::Rehearse)) {
        return refused(local, remote);
    }
    let pair = Pair::new(local, remote);
    pair.local.write(ITEM, &item(1, "before"), 1);
    pair.session().run();
    pair.remote.reject(ITEM, &id(1), true);
    pair.local.write(ITEM, &item(1, "after"), 2);
    pair.local.write(ITEM, &item(2, "another"), 2);
    let before = [pair.local.fingerprint(), pair.remote.fingerprint()];
    let (attempt, rows) = pair.session().rehearse();
    assert!(before == [pair.local.fingerprint(), pair.remote.fingerprint()]);
    let stored: Vec<_> = rows
        .iter()
        .map(|row| (row.key.clone(), row.effect))
        .collect();
    assert_eq!(stored, [(vec![Value::Integer(2)], Effect::Insert)]);
    let report = pair.session().run();
    assert_eq!(counted(&attempt.statistics), counted(&report.statistics));
    assert_eq!(attempt.records, report.records);
    Verdict::Passed
}

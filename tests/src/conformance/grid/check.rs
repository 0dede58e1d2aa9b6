//! One session of the grid, held against the model: statistics, records, rows, versions, knowledge, what waits.

use sync_metadata::Value;
use sync_orchestrator::{DirectionStatistics, SyncDirectionOrder};
use sync_provider::{ConflictRecord, ConflictSide, ConflictType, ProviderError};

use super::super::neutral::{ITEM, id, item};
use super::cell::{Policy, Run, Side};
use super::model::{Ended, Fate, Held, Kind, Meeting, Member, Winner};
use super::world::{Arena, Version};

/// What is wrong, with the key of the row, if it is one.
pub(super) type Fault = (Option<i64>, String);

/// A conflict record, as the model has it and as the session told it.
#[derive(Clone, Debug, PartialEq)]
struct Told {
    key: i64,
    conflict: ConflictType,
    here: Option<(Version, Option<Vec<Value>>)>,
    incoming: (Version, Option<Vec<Value>>),
    winner: Option<sync_provider::Winner>,
    reason: &'static str,
}

/// Runs the session once, once more, and, in one of the directions, a last one that settles what is left; the first fault ends it. Gives the kinds of conflict that were met.
pub(super) fn check(arena: &mut Arena, run: Run) -> Result<Vec<(Kind, bool)>, Fault> {
    let mut kinds = Vec::new();
    let first = session(arena, run, &mut kinds).map_err(|fault| at("first session", fault))?;
    let second = session(arena, run, &mut kinds).map_err(|fault| at("second session", fault))?;
    let quiet = second.iter().all(|ended| match ended {
        Ended::Outdated => false,
        Ended::Done(rows) => rows.iter().all(|row| row.fate == Fate::Known),
    });
    let refused = first.contains(&Ended::Outdated);
    if !refused && run.policy != Policy::Defer && !quiet {
        let text = format!("the model is not quiet in the second session: {second:?}");
        return Err((None, text));
    }
    // What a two-way session leaves is seen after any first one; it is looked at after one of four.
    if run.direction != SyncDirectionOrder::UploadAndDownload {
        return Ok(kinds);
    }
    let last = Run {
        policy: Policy::Source,
        initiator: run.initiator,
        direction: SyncDirectionOrder::UploadAndDownload,
    };
    let ended = session(arena, last, &mut kinds).map_err(|fault| at("last session", fault))?;
    let [a, b] = &arena.members;
    let (rows, others) = (held(a, b), held(b, a));
    if !ended.contains(&Ended::Outdated) && (rows != others || a.known != b.known) {
        let text = format!("the model does not converge: {rows:?}, {others:?}");
        return Err((None, text));
    }
    Ok(kinds)
}

/// Rows and tombstones; not those tombstones that the other one has cleaned up.
fn held<'a>(member: &'a Member, other: &Member) -> Vec<&'a Held> {
    let held = member.held.values();
    let is_gone = |held: &&Held| held.text.is_none() && other.forgotten.contains(&held.update);
    held.filter(|held| !is_gone(held)).collect()
}

fn at(session: &str, (key, text): Fault) -> Fault {
    (key, format!("{session}: {text}"))
}

fn session(
    arena: &mut Arena,
    run: Run,
    kinds: &mut Vec<(Kind, bool)>,
) -> Result<Vec<Ended>, Fault> {
    let floor = arena.bound.greatest_settlement();
    let attempt = arena.session(run).attempt();
    let expected = arena.expect(run);

    let mut records = Vec::new();
    for (source, ended) in &expected {
        let uploading = *source == run.initiator;
        let statistics = match uploading {
            true => attempt.statistics.upload,
            false => attempt.statistics.download,
        };
        let Ended::Done(rows) = ended else {
            if statistics.is_some()
                || !matches!(attempt.error, Some(ProviderError::Outdated { .. }))
            {
                let text = format!("it should be refused: {:?}, {statistics:?}", attempt.error);
                return Err((None, text));
            }
            continue;
        };
        let remembers = arena.members[source.other() as usize].remembers;
        let wanted = count(rows, remembers);
        let counted = statistics.map(but_for_batches);
        if counted != Some(wanted) {
            let text = format!(
                "the direction from {source:?} counts {counted:?} ({:?}) instead of {wanted:?}",
                attempt.error
            );
            return Err((None, text));
        }
        for row in rows {
            records.extend(told(arena, run, row));
            kinds.extend(kind(&row.fate));
        }
    }
    compare_records(arena, records, &attempt.records)?;

    for side in Side::BOTH {
        let state = arena.replicas[side as usize].state();
        arena
            .bind(side, &state, floor)
            .map_err(|(key, text)| (Some(key), text))?;
        let member = &arena.members[side as usize];
        for holder in &arena.members {
            for (key, held) in &holder.held {
                let Some(version) = arena.bound.version(held.update) else {
                    continue;
                };
                let knows = member.known.contains(&held.update);
                if state.knows_of(ITEM, &id(*key), version) != knows {
                    let text = format!("at {side:?}: {version:?} is known, {}", !knows);
                    return Err((Some(*key), text));
                }
            }
        }
        match state.waiting {
            Some(waiting) if waiting != member.waiting.len() => {
                let text = format!("at {side:?}: {waiting} rows wait, not {:?}", member.waiting);
                return Err((None, text));
            }
            None if state.knowledge.is_uniform() != member.waiting.is_empty() => {
                let text = format!("at {side:?}: rows that wait are exceptions: {:?}", state);
                return Err((None, text));
            }
            _ => {}
        }
    }
    Ok(expected.into_iter().map(|(_, ended)| ended).collect())
}

fn but_for_batches(statistics: DirectionStatistics) -> DirectionStatistics {
    DirectionStatistics {
        batches: 0,
        bytes: 0,
        ..statistics
    }
}

fn count(rows: &[Meeting], remembers: bool) -> DirectionStatistics {
    let mut counted = DirectionStatistics::default();
    for row in rows {
        let (conflict, deferred, repeated) = match row.fate {
            Fate::Known => continue,
            Fate::TakenOver | Fate::Kept | Fate::SettledSilently(_) => (false, false, false),
            Fate::Outranked(..) | Fate::Settled(..) => (true, false, false),
            Fate::Deferred(_, before) => (true, true, before && remembers),
        };
        counted.changes_total += 1;
        counted.changes_applied += u64::from(!deferred);
        counted.conflicts += u64::from(conflict);
        counted.deferred += u64::from(deferred);
        counted.repeated += u64::from(repeated);
    }
    counted
}

/// The kind of conflict, and whether anything is told of it.
fn kind(fate: &Fate) -> Option<(Kind, bool)> {
    match fate {
        Fate::Known | Fate::TakenOver | Fate::Kept => None,
        Fate::SettledSilently(kind) => Some((*kind, false)),
        Fate::Outranked(kind, _) | Fate::Settled(kind, _) | Fate::Deferred(kind, _) => {
            Some((*kind, true))
        }
    }
}

/// The name of a kind at a session.
fn conflict_type(kind: Kind) -> ConflictType {
    match kind {
        Kind::UpdateUpdate => ConflictType::LocalUpdateRemoteUpdate,
        Kind::UpdateDelete => ConflictType::LocalUpdateRemoteDelete,
        Kind::DeleteUpdate => ConflictType::LocalDeleteRemoteUpdate,
        Kind::InsertInsert => ConflictType::LocalInsertRemoteInsert,
        Kind::DeleteDelete => ConflictType::LocalDeleteRemoteDelete,
        Kind::CleanedDeleteUpdate => ConflictType::LocalCleanedupDeleteRemoteUpdate,
    }
}

/// The record that a row must leave, if any.
fn told(arena: &Arena, run: Run, row: &Meeting) -> Option<Told> {
    let policy = arena.policy(run.policy).name();
    let (kind, winner, reason) = match row.fate {
        Fate::Outranked(kind, winner) => (kind, Some(winner), "later settlement"),
        Fate::Settled(kind, winner) => (kind, Some(winner), policy),
        Fate::Deferred(kind, _) => (kind, None, policy),
        Fate::Known | Fate::TakenOver | Fate::Kept | Fate::SettledSilently(_) => return None,
    };
    let side = |held: &Held| {
        let version = arena.bound.version(held.update);
        let row = held.text.as_ref().map(|text| item(row.key, text));
        (version.expect("it was there before").clone(), row)
    };
    Some(Told {
        key: row.key,
        conflict: conflict_type(kind),
        here: row.here.as_ref().map(side),
        incoming: side(&row.incoming),
        winner: winner.map(|winner| match winner {
            Winner::Here => sync_provider::Winner::Local,
            Winner::Incoming => sync_provider::Winner::Remote,
        }),
        reason,
    })
}

/// Every record of the model is told, and no other one. A row that waits in both directions has two.
fn compare_records(
    arena: &Arena,
    mut expected: Vec<Told>,
    records: &[ConflictRecord],
) -> Result<(), Fault> {
    for record in records {
        let key = match record.key[..] {
            [Value::Integer(key)] if record.table == "[Item]" => key,
            _ => return Err((None, format!("no row of the grid: {record:?}"))),
        };
        let is_it = |told: &Told| told.key == key && is_told(told, record);
        let Some(index) = expected.iter().position(is_it) else {
            let wanted: Vec<&Told> = expected.iter().filter(|told| told.key == key).collect();
            return Err((Some(key), format!("{record:?} instead of {wanted:?}")));
        };
        expected.swap_remove(index);
    }
    match expected.first() {
        Some(missing) => Err((
            Some(missing.key),
            format!("no record of {missing:?} ({:?})", arena.cell(missing.key)),
        )),
        None => Ok(()),
    }
}

fn is_told(told: &Told, record: &ConflictRecord) -> bool {
    let side = |side: &ConflictSide| {
        let consistent = side.deleted == side.row.is_none();
        consistent.then(|| ((side.replica.clone(), side.tick), side.row.clone()))
    };
    told.conflict == record.conflict
        && told.winner == record.winner
        && told.reason == record.reason
        && told.here.is_some() == record.local.is_some()
        && told.here == record.local.as_ref().and_then(side)
        && Some(&told.incoming) == side(&record.remote).as_ref()
}

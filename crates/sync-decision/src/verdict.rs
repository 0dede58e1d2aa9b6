//! From a decision to what is written: the one copy of everything that is decided about an incoming row.

use std::cmp::Ordering;

use sync_knowledge::{Knowledge, ReplicaId, ReplicaKey, Version};
use sync_metadata::{Value, content_cmp, content_eq};

use crate::decide::{Decision, Judge, RowFacts, Sameness, SettlementClock};
use sync_provider::{ApplyAction, ApplyHandler, ConflictPolicy, Position, RowRef, Winner};
use sync_provider::{ConflictRecord, ConflictSide, ConflictType, Unsent, UnsentRows};

use crate::table_shape::TableShape;
use crate::winner::{Contender, winner};

/// A row (or tombstone) that came in. Versions and writer are in the destination's key map; `cells` holds all columns in the order of the
/// [`TableShape`], or the key columns alone for a deletion.
#[derive(Copy, Clone, Debug)]
pub struct IncomingRow<'a> {
    /// Versions and kind.
    pub facts: RowFacts,
    /// Time of the write.
    pub time: Option<i64>,
    /// Who wrote.
    pub writer: Option<ReplicaKey>,
    /// The cells.
    pub cells: RowRef<'a>,
}

/// What the destination has under the key: `cells` is `None` for a tombstone.
#[derive(Copy, Clone, Debug)]
pub struct LocalRow<'a> {
    /// Versions and kind.
    pub facts: RowFacts,
    /// Time of the write.
    pub time: Option<i64>,
    /// Who wrote.
    pub writer: Option<ReplicaKey>,
    /// All columns in the order of the [`TableShape`].
    pub cells: Option<RowRef<'a>>,
}

/// What is to be stored for a row.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Whether the base row has to be made like the incoming one: written, or deleted where that is a tombstone.
    pub base: bool,
    /// Whether the row is a tombstone afterwards.
    pub tombstone: bool,
    /// Creation version to store.
    pub create: Version,
    /// Update version to store.
    pub update: Version,
    /// Time of the write that won.
    pub time: Option<i64>,
    /// Who wrote it.
    pub writer: Option<ReplicaKey>,
}

/// What becomes of an incoming row.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Known already.
    NotNeeded,
    /// The local row stays as it is, under its own version; with the record of the conflict that was settled by it, if there was one.
    Keep(Option<Box<ConflictRecord>>),
    /// This is to be written; with the record of the conflict that was settled by it, if there was one.
    Write(Outcome, Option<Box<ConflictRecord>>),
    /// The incoming row's place is taken by one that the handler made, all columns in the order of the [`TableShape`]; otherwise as
    /// [`Write`](Self::Write).
    Merge(Outcome, Vec<Value>, Box<ConflictRecord>),
    /// The conflict is left for the next session, by the policy or by the handler.
    Defer(Box<ConflictRecord>),
    /// The row is tried again after all others, for this reason.
    Again(String),
}

/// Decides, settles and records, row by row, within one apply transaction.
#[derive(Debug)]
pub struct Arbiter<'a> {
    /// The decision's surroundings.
    pub judge: Judge<'a>,
    /// How conflicts are settled.
    pub policy: &'a ConflictPolicy,
    /// Where the destination stands.
    pub position: Position,
    /// Hands out settlement versions.
    pub clock: SettlementClock,
    /// Who is asked before the policy.
    pub handler: Option<&'a dyn ApplyHandler>,
}

impl Arbiter<'_> {
    /// The verdict about one row. `item` is read only unless [`Judge::ignores_ids`]; `local_change` makes a plain local version (used by
    /// proofs alone).
    pub fn verdict(
        &mut self,
        table: &TableShape,
        item: &[u8],
        local: Option<LocalRow<'_>>,
        remote: IncomingRow<'_>,
        local_change: impl FnOnce() -> Version,
    ) -> Verdict {
        let decision =
            self.judge
                .decide(item, local.map(|local| local.facts), remote.facts, || {
                    sameness(table, local.as_ref(), &remote)
                });
        match (decision, local) {
            (Decision::NotNeeded, _) => Verdict::NotNeeded,
            (Decision::Keep, _) => Verdict::Keep(None),
            (Decision::Apply { content }, _) => {
                Verdict::Write(take(&remote, remote.facts.update, content), None)
            }
            (Decision::Settle, Some(local)) => {
                let version = self.clock.stamp(local.facts.update, local_change);
                Verdict::Write(keep(&local, version), None)
            }
            // Without a local row there is nothing to be equal to.
            (Decision::Settle, None) => {
                Verdict::Write(take(&remote, remote.facts.update, true), None)
            }
            (Decision::Outrank(conflict, winner), local) => {
                self.outrank(table, conflict, winner, local, remote)
            }
            (Decision::Conflict(conflict), local) => {
                self.settle_conflict(table, conflict, local, remote, local_change)
            }
        }
    }

    /// The later of two settlements stays as it is.
    fn outrank(
        &self,
        table: &TableShape,
        conflict: ConflictType,
        winner: Winner,
        local: Option<LocalRow<'_>>,
        remote: IncomingRow<'_>,
    ) -> Verdict {
        let (known, winning) = (self.judge.known, Some(winner));
        let reason = "later settlement";
        let record = record(
            known,
            table,
            conflict,
            local.as_ref(),
            &remote,
            winning,
            reason,
        );
        let record = Some(Box::new(record));
        match winner {
            Winner::Local => Verdict::Keep(record),
            Winner::Remote => Verdict::Write(take(&remote, remote.facts.update, true), record),
        }
    }

    fn settle_conflict(
        &mut self,
        table: &TableShape,
        conflict: ConflictType,
        local: Option<LocalRow<'_>>,
        remote: IncomingRow<'_>,
        local_change: impl FnOnce() -> Version,
    ) -> Verdict {
        let known = self.judge.known;
        let record = |winner, reason| {
            let local = local.as_ref();
            Box::new(record(
                known, table, conflict, local, &remote, winner, reason,
            ))
        };
        let action = self.handler.map_or(ApplyAction::Continue, |handler| {
            handler.apply_change_failed(&record(None, HANDLER))
        });
        let (winner, reason) = match action {
            ApplyAction::Continue => (
                self.policy_winner(table, local.as_ref(), &remote),
                self.policy.name(),
            ),
            ApplyAction::RetryWithForceWrite(None) => (Some(Winner::Remote), HANDLER),
            ApplyAction::RetryWithForceWrite(Some(row)) => {
                if let Err(reason) = check_edited(table, &remote, &row) {
                    return Verdict::Again(reason);
                }
                let version = self.clock.stamp(remote.facts.update, local_change);
                let outcome = take(&remote, version, true);
                return Verdict::Merge(outcome, row, record(Some(Winner::Remote), EDITED));
            }
            ApplyAction::RetryApplyingRow => return Verdict::Again(RETRY.to_owned()),
            // `RetryNextSync`; and an answer that this version does not know decides nothing either.
            _ => (None, HANDLER),
        };
        let record = record(winner, reason);
        let Some(winner) = winner else {
            return Verdict::Defer(record);
        };
        let outcome = match (winner, local) {
            (Winner::Local, Some(local)) => {
                keep(&local, self.clock.stamp(local.facts.update, local_change))
            }
            (Winner::Local, None) => {
                // The deletion that was cleaned up here stays: it becomes a tombstone again, so that it can travel.
                let version = self.clock.stamp(remote.facts.update, local_change);
                Outcome {
                    tombstone: true,
                    ..take(&remote, version, false)
                }
            }
            (Winner::Remote, local) => {
                let content = sameness(table, local.as_ref(), &remote) != Sameness::Identical;
                take(
                    &remote,
                    self.clock.stamp(remote.facts.update, local_change),
                    content,
                )
            }
        };
        Verdict::Write(outcome, Some(record))
    }

    fn policy_winner(
        &self,
        table: &TableShape,
        local: Option<&LocalRow<'_>>,
        remote: &IncomingRow<'_>,
    ) -> Option<Winner> {
        let known = self.judge.known;
        let here = local.map_or_else(Contender::default, |local| {
            contender(known, local.time, local.writer)
        });
        let there = contender(known, remote.time, remote.writer);
        winner(self.policy, self.position, &here, &there, || {
            let cells = local.and_then(|local| local.cells);
            let incoming = (!remote.facts.tombstone).then_some(remote.cells);
            content_order(table, cells, incoming)
        })
    }
}

/// The reason in the record of what the handler decided.
const HANDLER: &str = "handler";
const EDITED: &str = "handler, which edited the row";
/// Why a row waits that the handler wants tried again.
const RETRY: &str = "the handler wants it tried again";

/// Whether a row that the handler made can take the place of the incoming one.
///
/// # Errors
/// Why it cannot.
pub fn check_edited(
    table: &TableShape,
    remote: &IncomingRow<'_>,
    row: &[Value],
) -> Result<(), String> {
    if remote.facts.tombstone {
        return Err("the handler edited a deletion; let it win, or let the row here stay".into());
    }
    if row.len() != table.columns.len() {
        return Err(format!(
            "the handler gave a row of {} cells, and the table has {} columns",
            row.len(),
            table.columns.len()
        ));
    }
    let edited = table.key.iter().map(|&column| row[column].as_ref());
    let incoming = table.key_of(remote.cells);
    if table.normal_key(edited) != table.normal_key(incoming.row(0).values()) {
        return Err("the handler changed the key of the row; insert another row instead".into());
    }
    Ok(())
}

/// The record of rows that the source could not send. `version` is theirs in the destination's key map; one whose key cannot be read has none here.
pub fn unsent_record(
    known: &Knowledge,
    table: &TableShape,
    unsent: &Unsent,
    version: Version,
) -> ConflictRecord {
    let key = match &unsent.rows {
        UnsentRows::One(key) => key.row(0).values().map(|cell| cell.to_owned()).collect(),
        UnsentRows::UndecodableKeys(_) => Vec::new(),
    };
    ConflictRecord {
        table: table.global_name.clone(),
        columns: table.columns.clone(),
        key,
        conflict: ConflictType::ErrorsOccurred,
        local: None,
        remote: ConflictSide {
            replica: replica_id(known, version),
            tick: version.tick,
            deleted: false,
            row: None,
        },
        winner: None,
        reason: unsent.reason.clone(),
    }
}

fn replica_id(known: &Knowledge, version: Version) -> ReplicaId {
    let map = known.key_map();
    map.id(version.replica).unwrap_or_else(|| map.own()).clone()
}

fn take(remote: &IncomingRow<'_>, update: Version, base: bool) -> Outcome {
    let RowFacts {
        create, tombstone, ..
    } = remote.facts;
    Outcome {
        base,
        tombstone,
        create,
        update,
        time: remote.time,
        writer: remote.writer,
    }
}

fn keep(local: &LocalRow<'_>, update: Version) -> Outcome {
    let RowFacts {
        create, tombstone, ..
    } = local.facts;
    Outcome {
        base: false,
        tombstone,
        create,
        update,
        time: local.time,
        writer: local.writer,
    }
}

fn sameness(
    table: &TableShape,
    local: Option<&LocalRow<'_>>,
    remote: &IncomingRow<'_>,
) -> Sameness {
    let Some(local) = local else {
        return Sameness::Different;
    };
    match (local.cells, remote.facts.tombstone) {
        (None, true) => Sameness::Identical,
        (Some(here), false) if here.as_bytes() == remote.cells.as_bytes() => Sameness::Identical,
        (Some(here), false) if rows_equal(table, here, remote.cells) => Sameness::Equal,
        _ => Sameness::Different,
    }
}

fn rows_equal(table: &TableShape, a: RowRef<'_>, b: RowRef<'_>) -> bool {
    table
        .types
        .iter()
        .zip(a.values().zip(b.values()))
        .all(|(ty, (a, b))| content_eq(ty, a, b))
}

/// Canonical order of two contents of a table; a deletion (`None`) counts least.
fn content_order(table: &TableShape, a: Option<RowRef<'_>>, b: Option<RowRef<'_>>) -> Ordering {
    let (Some(a), Some(b)) = (a, b) else {
        return a.is_some().cmp(&b.is_some());
    };
    let cells = table.types.iter().zip(a.values().zip(b.values()));
    cells
        .map(|(ty, (a, b))| content_cmp(ty, a, b))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

fn contender(known: &Knowledge, time: Option<i64>, writer: Option<ReplicaKey>) -> Contender {
    Contender {
        time,
        writer: writer.and_then(|key| known.key_map().id(key)).cloned(),
    }
}

/// The record of a row that could not be written: [`ConflictType::ErrorsOccurred`], with the database's message as the reason.
pub fn failure_record(
    known: &Knowledge,
    table: &TableShape,
    local: Option<LocalRow<'_>>,
    remote: IncomingRow<'_>,
    reason: &str,
) -> ConflictRecord {
    let conflict = ConflictType::ErrorsOccurred;
    record(
        known,
        table,
        conflict,
        local.as_ref(),
        &remote,
        None,
        reason,
    )
}

fn record(
    known: &Knowledge,
    table: &TableShape,
    conflict: ConflictType,
    local: Option<&LocalRow<'_>>,
    remote: &IncomingRow<'_>,
    winner: Option<Winner>,
    reason: &str,
) -> ConflictRecord {
    let side = |facts: RowFacts, cells: Option<RowRef<'_>>| ConflictSide {
        replica: replica_id(known, facts.update),
        tick: facts.update.tick,
        deleted: facts.tombstone,
        row: cells.map(|cells| cells.values().map(|cell| cell.to_owned()).collect()),
    };
    let key = if remote.facts.tombstone {
        remote.cells.values().map(|cell| cell.to_owned()).collect()
    } else {
        table
            .key_of(remote.cells)
            .row(0)
            .values()
            .map(|cell| cell.to_owned())
            .collect()
    };
    ConflictRecord {
        table: table.global_name.clone(),
        columns: table.columns.clone(),
        key,
        conflict,
        local: local.map(|local| side(local.facts, local.cells)),
        remote: side(
            remote.facts,
            (!remote.facts.tombstone).then_some(remote.cells),
        ),
        winner,
        reason: reason.to_owned(),
    }
}

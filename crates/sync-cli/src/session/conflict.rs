//! A conflict, for scripts and for people.

use serde::Serialize;
use sync_metadata::Value;
use sync_provider::{ConflictRecord, ConflictSide, Winner};

use super::report::direction;
use crate::database::Database;
use crate::json::typed;

/// One conflict. `local` is the row at the destination of the direction, `remote` the one that came in.
#[derive(Debug, Serialize)]
pub(crate) struct ConflictDocument<'a> {
    /// `upload` or `download`: which database was the destination.
    direction: &'static str,
    table: &'a str,
    key: Vec<serde_json::Value>,
    conflict: String,
    /// What the cells of both rows belong to.
    columns: &'a [String],
    local: Option<SideDocument>,
    remote: SideDocument,
    /// `local` or `remote`; null where the conflict was deferred.
    winner: Option<&'static str>,
    reason: &'a str,
}

#[derive(Debug, Serialize)]
struct SideDocument {
    replica: String,
    tick: u64,
    deleted: bool,
    row: Option<Vec<serde_json::Value>>,
}

impl<'a> ConflictDocument<'a> {
    pub(crate) fn new(record: &'a ConflictRecord, uploading: bool) -> Self {
        ConflictDocument {
            direction: direction(uploading),
            table: &record.table,
            key: cells(&record.key),
            conflict: format!("{:?}", record.conflict),
            columns: &record.columns,
            local: record.local.as_ref().map(side),
            remote: side(&record.remote),
            winner: record.winner.map(winner),
            reason: &record.reason,
        }
    }
}

fn side(side: &ConflictSide) -> SideDocument {
    SideDocument {
        replica: side.replica.to_string(),
        tick: side.tick,
        deleted: side.deleted,
        row: side.row.as_deref().map(cells),
    }
}

fn cells(cells: &[Value]) -> Vec<serde_json::Value> {
    cells.iter().map(typed).collect()
}

fn winner(winner: Winner) -> &'static str {
    match winner {
        Winner::Local => "local",
        Winner::Remote => "remote",
    }
}

/// The names of the two databases of a session. A conflict's own words, local and remote, go by its direction, and would be taken for theirs.
#[derive(Clone, Debug)]
pub(crate) struct Parties {
    local: String,
    remote: String,
}

impl Parties {
    pub(crate) fn of([local, remote]: [&dyn Database; 2]) -> Self {
        Parties {
            local: local.name(),
            remote: remote.name(),
        }
    }

    /// Whose row won, in a direction.
    fn winner(&self, winner: Winner, uploading: bool) -> &str {
        match (winner, uploading) {
            (Winner::Local, true) | (Winner::Remote, false) => &self.remote,
            (Winner::Local, false) | (Winner::Remote, true) => &self.local,
        }
    }
}

/// `[Customer] 1: LocalUpdateRemoteUpdate, b.db wins (destination-wins)`
pub(crate) fn one_line(record: &ConflictRecord, parties: &Parties, uploading: bool) -> String {
    let key: Vec<String> = cells(&record.key).iter().map(ToString::to_string).collect();
    let end = match record.winner {
        Some(side) => format!(
            "{} wins ({})",
            parties.winner(side, uploading),
            record.reason
        ),
        None => record.reason.clone(),
    };
    format!(
        "{} {}: {:?}, {end}",
        record.table,
        key.join(", "),
        record.conflict
    )
}

//! What the reports of all sessions have in common.

use std::time::Duration;

use serde::Serialize;
use sync_orchestrator::{DirectionStatistics, SyncDirectionOrder, SyncOperationStatistics};

use crate::output::{Align, Table};

/// What a document begins with.
#[derive(Debug, Serialize)]
pub(crate) struct Head<'a> {
    pub(crate) scope: &'a str,
    direction: &'static str,
}

impl<'a> Head<'a> {
    pub(super) fn new(scope: &'a str, direction: SyncDirectionOrder) -> Self {
        Head {
            scope,
            direction: direction.name(),
        }
    }
}

/// What the document of a direction begins with.
#[derive(Debug, Serialize)]
pub(crate) struct Counts {
    pub(crate) changes_total: u64,
    pub(crate) changes_applied: u64,
    pub(crate) changes_failed: u64,
    pub(crate) conflicts: u64,
    pub(crate) deferred: u64,
    pub(crate) repeated: u64,
}

impl Counts {
    pub(crate) fn new(statistics: &DirectionStatistics) -> Self {
        Counts {
            changes_total: statistics.changes_total,
            changes_applied: statistics.changes_applied,
            changes_failed: statistics.changes_failed,
            conflicts: statistics.conflicts,
            deferred: statistics.deferred,
            repeated: statistics.repeated,
        }
    }
}

/// The name of a direction.
pub(crate) fn direction(uploading: bool) -> &'static str {
    if uploading { "upload" } else { "download" }
}

/// A table with a row for each direction, which begins with its name, and numbers behind that.
pub(crate) fn table(numbers: &[&'static str]) -> Table {
    let numbers = numbers.iter().map(|heading| (*heading, Align::Right));
    let headings: Vec<_> = std::iter::once(("", Align::Left)).chain(numbers).collect();
    Table::new(&headings)
}

/// How long a session took.
pub(crate) fn took(statistics: &SyncOperationStatistics) -> Duration {
    let took = statistics.finished.duration_since(statistics.started);
    // A clock that was set back says nothing.
    took.unwrap_or_default()
}

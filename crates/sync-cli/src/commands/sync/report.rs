//! What a session did.

use std::time::Duration;

use serde::Serialize;
use sync_orchestrator::{DirectionStatistics, SyncDirectionOrder, SyncOperationStatistics};

use super::conflicts::Met;
use super::missing::Made;
use crate::output::{Align, Output, Table, bytes, count, duration, line, paint, plain, timestamp};

/// The document of a session.
#[derive(Debug, Serialize)]
pub(crate) struct SyncDocument {
    scope: String,
    direction: &'static str,
    started: String,
    finished: String,
    upload: Option<DirectionDocument>,
    download: Option<DirectionDocument>,
    /// Which side was provisioned before the session: `local` or `remote`.
    #[serde(skip_serializing_if = "Option::is_none")]
    provisioned: Option<&'static str>,
    /// What provisioning said.
    #[serde(skip_serializing_if = "Option::is_none")]
    warnings: Option<Vec<String>>,
}

#[derive(Debug, Serialize)]
struct DirectionDocument {
    changes_total: u64,
    changes_applied: u64,
    changes_failed: u64,
    conflicts: u64,
    deferred: u64,
    repeated: u64,
    batches: u64,
    bytes: u64,
}

impl SyncDocument {
    pub(crate) fn new(
        scope: &str,
        direction: SyncDirectionOrder,
        statistics: &SyncOperationStatistics,
        made: Option<&Made>,
    ) -> Self {
        SyncDocument {
            scope: scope.to_owned(),
            direction: direction.name(),
            started: timestamp(statistics.started).to_string(),
            finished: timestamp(statistics.finished).to_string(),
            upload: statistics.upload.map(direction_document),
            download: statistics.download.map(direction_document),
            provisioned: made.map(|made| made.side),
            warnings: made.map(|made| made.warnings.clone()),
        }
    }
}

fn direction_document(statistics: DirectionStatistics) -> DirectionDocument {
    DirectionDocument {
        changes_total: statistics.changes_total,
        changes_applied: statistics.changes_applied,
        changes_failed: statistics.changes_failed,
        conflicts: statistics.conflicts,
        deferred: statistics.deferred,
        repeated: statistics.repeated,
        batches: statistics.batches,
        bytes: statistics.bytes,
    }
}

/// How long a session took.
pub(crate) fn took(statistics: &SyncOperationStatistics) -> Duration {
    let took = statistics.finished.duration_since(statistics.started);
    // A clock that was set back says nothing.
    took.unwrap_or_default()
}

pub(super) fn show(
    out: &mut Output,
    document: &SyncDocument,
    statistics: &SyncOperationStatistics,
    met: &Met,
) {
    if let Some(side) = document.provisioned {
        line!(out, "{} provisioned the {side} database", paint::good("✓"));
    }
    let mut table = Table::new(&[
        ("", Align::Left),
        ("changes", Align::Right),
        ("applied", Align::Right),
        ("failed", Align::Right),
        ("conflicts", Align::Right),
        ("deferred", Align::Right),
        ("batches", Align::Right),
        ("data", Align::Right),
    ]);
    for (name, direction) in [
        ("upload", statistics.upload),
        ("download", statistics.download),
    ] {
        let Some(done) = direction else { continue };
        table.row([
            name.to_owned(),
            count(done.changes_total),
            count(done.changes_applied),
            count(done.changes_failed),
            count(done.conflicts),
            count(done.deferred),
            count(done.batches),
            bytes(done.bytes),
        ]);
    }
    table.write(out, 0);
    let shown = met.lines();
    for line in &shown {
        line!(out, "  {}", plain(line));
    }
    let all = [statistics.upload, statistics.download];
    let all: u64 = all
        .iter()
        .flatten()
        .map(|done| done.conflicts + done.changes_failed)
        .sum();
    let more = all.saturating_sub(shown.len() as u64);
    if more > 0 {
        line!(
            out,
            "  and {} more; --conflicts FILE keeps them all",
            count(more)
        );
    }
    let scope = plain(&document.scope);
    let time = duration(took(statistics));
    if statistics.is_incomplete() {
        line!(
            out,
            "{} scope {scope} in {time}; some rows are left for the next session; `syncdb status` says which and why",
            paint::odd("!")
        );
    } else {
        line!(out, "{} scope {scope} in {time}", paint::good("✓"));
    }
}

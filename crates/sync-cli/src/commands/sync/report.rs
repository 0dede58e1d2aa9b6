//! What a session did.

use serde::Serialize;
use sync_orchestrator::{DirectionStatistics, SyncOperationStatistics};

use crate::output::{Output, bytes, count, duration, line, paint, timestamp};
use crate::plain::plain;
use crate::session::{self, Counts, Head, Made, took};

/// The document of a session.
#[derive(Debug, Serialize)]
pub(super) struct SyncDocument<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    started: String,
    finished: String,
    upload: Option<DirectionDocument>,
    download: Option<DirectionDocument>,
    /// Which side was provisioned before the session: `local` or `remote`.
    #[serde(skip_serializing_if = "Option::is_none")]
    provisioned: Option<&'static str>,
    /// What provisioning said.
    #[serde(skip_serializing_if = "Option::is_none")]
    warnings: Option<&'a [String]>,
}

#[derive(Debug, Serialize)]
struct DirectionDocument {
    #[serde(flatten)]
    counts: Counts,
    batches: u64,
    bytes: u64,
}

impl<'a> SyncDocument<'a> {
    pub(super) fn new(
        head: Head<'a>,
        statistics: &SyncOperationStatistics,
        made: Option<&'a Made>,
    ) -> Self {
        SyncDocument {
            head,
            started: timestamp(statistics.started).to_string(),
            finished: timestamp(statistics.finished).to_string(),
            upload: statistics.upload.map(direction_document),
            download: statistics.download.map(direction_document),
            provisioned: made.map(|made| made.side),
            warnings: made.map(|made| made.warnings.as_slice()),
        }
    }
}

fn direction_document(statistics: DirectionStatistics) -> DirectionDocument {
    DirectionDocument {
        counts: Counts::new(&statistics),
        batches: statistics.batches,
        bytes: statistics.bytes,
    }
}

pub(super) fn show(
    out: &mut Output,
    document: &SyncDocument<'_>,
    statistics: &SyncOperationStatistics,
    shown: &[String],
) {
    if let Some(side) = document.provisioned {
        line!(out, "{} provisioned the {side} database", paint::good("✓"));
    }
    let mut table = session::table(&[
        "changes",
        "applied",
        "failed",
        "conflicts",
        "deferred",
        "batches",
        "data",
    ]);
    for (uploading, direction) in [(true, statistics.upload), (false, statistics.download)] {
        let Some(done) = direction else { continue };
        table.row([
            session::direction(uploading).to_owned(),
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
    for line in shown {
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
    let scope = plain(document.head.scope);
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

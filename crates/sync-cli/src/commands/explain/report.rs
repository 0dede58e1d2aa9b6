//! What people and scripts are told of a rehearsal.

use serde::Serialize;
use sync_orchestrator::{DirectionStatistics, SyncOperationStatistics};
use sync_provider::{Effect, RowEffect};

use super::outlook::{Outlook, Told};
use crate::json::typed;
use crate::output::{Output, count, key, line, paint};
use crate::plain::plain;
use crate::session::{self, ConflictDocument, Counts, Head, Parties, one_line};

/// The document.
#[derive(Debug, Serialize)]
pub(super) struct ExplainDocument<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    policy: &'static str,
    upload: Option<DirectionDocument<'a>>,
    download: Option<DirectionDocument<'a>>,
}

#[derive(Debug, Serialize)]
struct DirectionDocument<'a> {
    #[serde(flatten)]
    counts: Counts,
    inserts: u64,
    updates: u64,
    deletes: u64,
    versions: u64,
    rows: Vec<RowDocument<'a>>,
    rows_left_out: u64,
    met: Vec<ConflictDocument<'a>>,
    met_left_out: u64,
}

#[derive(Debug, Serialize)]
struct RowDocument<'a> {
    table: &'a str,
    key: Vec<serde_json::Value>,
    effect: Effect,
}

impl<'a> ExplainDocument<'a> {
    pub(super) fn new(
        head: Head<'a>,
        policy: &'static str,
        statistics: &SyncOperationStatistics,
        outlook: &'a Outlook,
    ) -> Self {
        let of = |statistics: Option<DirectionStatistics>, told, uploading| {
            statistics.map(|statistics| document(&statistics, told, uploading))
        };
        ExplainDocument {
            head,
            policy,
            upload: of(statistics.upload, &outlook.upload, true),
            download: of(statistics.download, &outlook.download, false),
        }
    }
}

fn document<'a>(
    statistics: &DirectionStatistics,
    told: &'a Told,
    uploading: bool,
) -> DirectionDocument<'a> {
    let rows = told.rows.iter().map(|row| RowDocument {
        table: &row.table,
        key: row.key.iter().map(typed).collect(),
        effect: row.effect,
    });
    let met = told.conflicts.iter();
    DirectionDocument {
        counts: Counts::new(statistics),
        inserts: told.inserts,
        updates: told.updates,
        deletes: told.deletes,
        versions: told.versions,
        rows: rows.collect(),
        rows_left_out: left_out(told),
        met: met
            .map(|record| ConflictDocument::new(record, uploading))
            .collect(),
        met_left_out: told.more_conflicts,
    }
}

fn left_out(told: &Told) -> u64 {
    told.moved().saturating_sub(told.rows.len() as u64)
}

pub(super) fn show(
    out: &mut Output,
    document: &ExplainDocument<'_>,
    outlook: &Outlook,
    parties: &Parties,
) {
    let mut table = session::table(&[
        "inserts",
        "updates",
        "deletes",
        "versions only",
        "conflicts",
        "failed",
        "deferred",
    ]);
    let directions = [
        (true, &document.upload, &outlook.upload),
        (false, &document.download, &outlook.download),
    ];
    for (uploading, direction, _) in &directions {
        let Some(direction) = direction else { continue };
        table.row([
            session::direction(*uploading).to_owned(),
            count(direction.inserts),
            count(direction.updates),
            count(direction.deletes),
            count(direction.versions),
            count(direction.counts.conflicts),
            count(direction.counts.changes_failed),
            count(direction.counts.deferred),
        ]);
    }
    table.write(out, 0);
    for (uploading, direction, told) in directions {
        if direction.is_some() {
            show_direction(out, uploading, told, parties);
        }
    }
    line!(out);
    line!(
        out,
        "{} nothing is changed; `syncdb sync` would do this in scope {} now, under {}",
        paint::good("✓"),
        plain(document.head.scope),
        document.policy
    );
}

fn show_direction(out: &mut Output, uploading: bool, told: &Told, parties: &Parties) {
    if told.moved() == 0 && told.conflicts.is_empty() && told.more_conflicts == 0 {
        return;
    }
    line!(out);
    line!(out, "{}", paint::heading(session::direction(uploading)));
    for row in &told.rows {
        line!(
            out,
            "  {} {} {}",
            verb(row),
            plain(&row.table),
            key(&row.key)
        );
    }
    more(out, left_out(told));
    for record in &told.conflicts {
        line!(
            out,
            "  conflict {}",
            plain(&one_line(record, parties, uploading))
        );
    }
    more(out, told.more_conflicts);
}

fn verb(row: &RowEffect) -> &'static str {
    match row.effect {
        Effect::Insert => "insert",
        Effect::Update => "update",
        Effect::Delete => "delete",
        Effect::Version => "version",
    }
}

fn more(out: &mut Output, rows: u64) {
    if rows > 0 {
        let text = format!("and {} more; --limit lists more", count(rows));
        line!(out, "  {}", paint::quiet(text));
    }
}

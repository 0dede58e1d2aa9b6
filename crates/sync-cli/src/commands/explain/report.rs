//! What people and scripts are told of a rehearsal.

use serde::Serialize;
use sync_orchestrator::{DirectionStatistics, SyncDirectionOrder, SyncOperationStatistics};
use sync_provider::{Effect, RowEffect};

use super::outlook::{Outlook, Told};
use crate::commands::sync::conflicts::{ConflictDocument, Parties, one_line};
use crate::json::typed;
use crate::output::{Align, Output, Table, count, key, line, paint, plain};

/// The document.
#[derive(Debug, Serialize)]
pub(super) struct ExplainDocument<'a> {
    scope: &'a str,
    direction: &'static str,
    policy: &'static str,
    upload: Option<DirectionDocument<'a>>,
    download: Option<DirectionDocument<'a>>,
}

#[derive(Debug, Serialize)]
struct DirectionDocument<'a> {
    changes_total: u64,
    changes_applied: u64,
    changes_failed: u64,
    conflicts: u64,
    deferred: u64,
    repeated: u64,
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
        scope: &'a str,
        direction: SyncDirectionOrder,
        policy: &'static str,
        statistics: &SyncOperationStatistics,
        outlook: &'a Outlook,
    ) -> Self {
        let of = |statistics: Option<DirectionStatistics>, told, uploading| {
            statistics.map(|statistics| document(&statistics, told, uploading))
        };
        ExplainDocument {
            scope,
            direction: direction.name(),
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
        changes_total: statistics.changes_total,
        changes_applied: statistics.changes_applied,
        changes_failed: statistics.changes_failed,
        conflicts: statistics.conflicts,
        deferred: statistics.deferred,
        repeated: statistics.repeated,
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
    let mut table = Table::new(&[
        ("", Align::Left),
        ("inserts", Align::Right),
        ("updates", Align::Right),
        ("deletes", Align::Right),
        ("versions only", Align::Right),
        ("conflicts", Align::Right),
        ("failed", Align::Right),
        ("deferred", Align::Right),
    ]);
    let directions = [
        (true, &document.upload, &outlook.upload),
        (false, &document.download, &outlook.download),
    ];
    for (uploading, direction, _) in &directions {
        let Some(direction) = direction else { continue };
        table.row([
            name(*uploading).to_owned(),
            count(direction.inserts),
            count(direction.updates),
            count(direction.deletes),
            count(direction.versions),
            count(direction.conflicts),
            count(direction.changes_failed),
            count(direction.deferred),
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
        plain(document.scope),
        document.policy
    );
}

fn name(uploading: bool) -> &'static str {
    if uploading { "upload" } else { "download" }
}

fn show_direction(out: &mut Output, uploading: bool, told: &Told, parties: &Parties) {
    if told.moved() == 0 && told.conflicts.is_empty() && told.more_conflicts == 0 {
        return;
    }
    line!(out);
    line!(out, "{}", paint::heading(name(uploading)));
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

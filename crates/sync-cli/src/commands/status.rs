//! `syncdb status`

use serde::Serialize;
use serde_json::Value as Json;
use sync_knowledge::{KnowledgeBlob, ReplicaId};
use sync_relational::{ProvisionedBy, ScopeStatus};

use crate::args::StatusArgs;
use crate::context::Context;
use crate::database;
use crate::exit::{Code, Failure};
use crate::json::{KnowledgeDocument, typed};
use crate::output::{Align, Output, Table, count, key, line, paint, plural};
use crate::plain::plain;

#[derive(Debug, Serialize)]
struct StatusDocument {
    database: String,
    /// Of the first scope's store; `None` where nothing is provisioned.
    metadata_version: Option<String>,
    provisioned_by: Option<&'static str>,
    scopes: Vec<ScopeDocument>,
}

#[derive(Debug, Serialize)]
struct ScopeDocument {
    name: String,
    metadata_version: String,
    provisioned_by: &'static str,
    scope_local_id: i32,
    replica_id: String,
    restore_count: i32,
    tick: u64,
    was_source: bool,
    /// Rows changed since a session last read them; `None` where that cannot be told.
    unread: Option<u64>,
    knowledge: KnowledgeDocument,
    forgotten_knowledge: KnowledgeDocument,
    tables: Vec<TableDocument>,
    /// The first rows that wait, with the reason.
    waiting: Vec<WaitingDocument>,
    warnings: Vec<String>,
    problems: Vec<String>,
}

#[derive(Debug, Serialize)]
struct WaitingDocument {
    table: String,
    key: Vec<Json>,
    reason: String,
}

#[derive(Debug, Serialize)]
struct TableDocument {
    name: String,
    rows: u64,
    tombstones: u64,
    deferred: u64,
    columns_outside: Vec<String>,
}

pub(crate) fn run(args: &StatusArgs, context: &Context) -> Result<Code, Failure> {
    let database = database::open(&args.database, context)?;
    let mut scopes = database.scopes()?;
    let database = database.name();
    if let Some(name) = &args.scope {
        let all: Vec<String> = scopes.iter().map(|scope| scope.name.clone()).collect();
        scopes.retain(|scope| scope.name == *name);
        if scopes.is_empty() {
            let others = match all.as_slice() {
                [] => "it has none".to_owned(),
                names => format!("it has {}", names.join(", ")),
            };
            return Err(Failure::refused(
                format!("scope {name}"),
                format!("{database} does not hold it ({others})"),
                "check its name, or provision the database for it",
            ));
        }
    }
    // Knowledge is decoded for people too: whoever looks wants to hear of damage.
    let documents: Vec<ScopeDocument> = scopes.iter().map(document).collect::<Result<_, _>>()?;
    let mut out = Output::stdout();
    if context.json {
        out.json(&StatusDocument {
            database,
            metadata_version: scopes.first().map(|scope| scope.metadata_version.clone()),
            provisioned_by: scopes.first().map(provisioner),
            scopes: documents,
        });
    } else {
        show(&mut out, &database, &scopes)?;
    }
    out.finish()?;
    Ok(match scopes.iter().all(|scope| scope.problems.is_empty()) {
        true => Code::Done,
        false => Code::Left,
    })
}

fn document(scope: &ScopeStatus) -> Result<ScopeDocument, Failure> {
    let tables = scope.tables.iter().map(|table| TableDocument {
        name: table.name.clone(),
        rows: table.rows,
        tombstones: table.tombstones,
        deferred: table.deferred,
        columns_outside: table.columns_outside.clone(),
    });
    let waiting = scope.waiting.iter().map(|row| WaitingDocument {
        table: row.table.clone(),
        key: row.key.iter().map(typed).collect(),
        reason: row.reason.clone(),
    });
    Ok(ScopeDocument {
        name: scope.name.clone(),
        metadata_version: scope.metadata_version.clone(),
        provisioned_by: provisioner(scope),
        scope_local_id: scope.scope_local_id,
        replica_id: scope.replica_id.to_string(),
        restore_count: scope.restore_count,
        tick: scope.tick,
        was_source: scope.was_source,
        unread: scope.unread,
        knowledge: knowledge(scope, "scope_sync_knowledge", scope.knowledge.as_deref())?,
        forgotten_knowledge: knowledge(
            scope,
            "scope_tombstone_cleanup_knowledge",
            scope.forgotten.as_deref(),
        )?,
        tables: tables.collect(),
        waiting: waiting.collect(),
        warnings: scope.warnings.clone(),
        problems: scope.problems.clone(),
    })
}

fn knowledge(
    scope: &ScopeStatus,
    column: &str,
    bytes: Option<&[u8]>,
) -> Result<KnowledgeDocument, Failure> {
    let blob = blob(scope, column, bytes)?;
    Ok(blob.as_ref().map_or_else(
        || KnowledgeDocument::nothing(ReplicaId::from_uuid(scope.replica_id)),
        KnowledgeDocument::from,
    ))
}

fn blob(
    scope: &ScopeStatus,
    column: &str,
    bytes: Option<&[u8]>,
) -> Result<Option<KnowledgeBlob>, Failure> {
    let parsed = bytes.map(KnowledgeBlob::parse).transpose();
    parsed.map_err(|error| {
        Failure::refused(
            format!("{column} of scope {}", scope.name),
            format!("the stored knowledge is corrupted: {error}"),
            "restore the database, or take the scope off (syncdb deprovision) and provision it again",
        )
    })
}

fn provisioner(scope: &ScopeStatus) -> &'static str {
    match scope.provisioned_by {
        ProvisionedBy::Syncdb => "syncdb",
        ProvisionedBy::Msf => "msf",
    }
}

fn show(out: &mut Output, database: &str, scopes: &[ScopeStatus]) -> Result<(), Failure> {
    line!(out, "{}", paint::heading(plain(database)));
    if scopes.is_empty() {
        line!(out, "  holds no scope; syncdb provision prepares it");
    }
    for scope in scopes {
        line!(out);
        line!(out, "scope {}", paint::name(plain(&scope.name)));
        line!(
            out,
            "  replica     {}  (scope {} here, restored {})",
            scope.replica_id,
            scope.scope_local_id,
            plural(u64::try_from(scope.restore_count).unwrap_or(0), "time")
        );
        line!(
            out,
            "  metadata    {}, provisioned by {}",
            plain(&scope.metadata_version),
            provisioner(scope)
        );
        line!(out, "  tick        {}", count(scope.tick));
        line!(out, "  sent        {}", sent(scope));
        show_knowledge(
            out,
            "knowledge",
            blob(scope, "scope_sync_knowledge", scope.knowledge.as_deref())?,
        );
        if scope.forgotten.is_some() {
            let forgotten = blob(
                scope,
                "scope_tombstone_cleanup_knowledge",
                scope.forgotten.as_deref(),
            )?;
            show_knowledge(out, "forgotten", forgotten);
        }
        line!(out);
        let mut table = Table::new(&[
            ("table", Align::Left),
            ("rows", Align::Right),
            ("tombstones", Align::Right),
            ("deferred", Align::Right),
        ]);
        for row in &scope.tables {
            table.row([
                row.name.clone(),
                count(row.rows),
                count(row.tombstones),
                count(row.deferred),
            ]);
        }
        table.write(out, 2);
        if !scope.waiting.is_empty() {
            line!(out);
            line!(out, "  waiting for a later session:");
        }
        for row in &scope.waiting {
            line!(
                out,
                "    {} {}: {}",
                plain(&row.table),
                key(&row.key),
                plain(&row.reason)
            );
        }
        for table in scope
            .tables
            .iter()
            .filter(|table| !table.columns_outside.is_empty())
        {
            line!(
                out,
                "  not in the scope, hence not synchronised: {} of {}",
                plain(&table.columns_outside.join(", ")),
                plain(&table.name)
            );
        }
        for problem in &scope.problems {
            line!(out, "  {}: {}", paint::error("problem"), plain(problem));
        }
        for warning in &scope.warnings {
            line!(out, "  {}: {}", paint::warning("warning"), plain(warning));
        }
    }
    Ok(())
}

/// What of this replica's changes has left it, as far as the database can tell.
fn sent(scope: &ScopeStatus) -> String {
    match (scope.was_source, scope.unread) {
        (false, _) => "nothing yet: no session has read its changes".to_owned(),
        (true, None) => "sessions have read its changes".to_owned(),
        (true, Some(0)) => "sessions have read all changes made here".to_owned(),
        (true, Some(rows)) => format!(
            "sessions have read the changes made here, but for {} changed since the last",
            plural(rows, "row")
        ),
    }
}

fn show_knowledge(out: &mut Output, name: &str, blob: Option<KnowledgeBlob>) {
    let Some(blob) = blob else {
        line!(
            out,
            "  {name:<12}only its own changes: no session has brought it anything yet"
        );
        return;
    };
    let (replicas, ranges) = (blob.key_map().len() as u64, blob.ranges().len() as u64);
    line!(
        out,
        "  {name:<12}{} in {}",
        plural(replicas, "replica"),
        plural(ranges, "range")
    );
    let Some(first) = blob.ranges().first() else {
        return;
    };
    for (key, tick) in blob.vector(first.vector) {
        let replica = blob
            .key_map()
            .id(*key)
            .map(ToString::to_string)
            .unwrap_or_default();
        line!(out, "{:14}{replica}  up to {}", "", count(*tick));
    }
    if ranges > 1 {
        line!(
            out,
            "{:14}{}",
            "",
            paint::quiet("and other ticks in the other ranges; see --json")
        );
    }
}

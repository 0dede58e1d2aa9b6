//! A look at a database that changes nothing.

use sync_metadata::{ScopeDescription, ValueRef};
use sync_provider::RowSet;
use sync_relational::{ProvisionedBy, ScopeStatus, TableStatus, WaitingRow};

use crate::answer::Answer;
use crate::connection::{Connection, ConnectionFactory};
use crate::error::MssqlError;
use crate::metadata::{StoredScope, names, stores};
use crate::names::same;
use crate::opened::{Examined, OpenedTable, examine, open_scope};
use crate::provision::{TableTemplate, Template};
use crate::sql::{object, text};

mod reader;

pub use reader::MssqlReader;

/// All scopes of a database.
///
/// # Errors
/// The server cannot be reached or fails, or the metadata cannot be read.
pub async fn status(connections: &dyn ConnectionFactory) -> Result<Vec<ScopeStatus>, MssqlError> {
    let mut connection = Connection::open(connections).await?;
    let mut found = Vec::new();
    for store in stores(&mut connection, None).await? {
        let scopes = store.scopes(connection.server())?;
        for scope in &scopes {
            let opened = examine(&mut connection, scope.clone()).await?;
            found.push(scope_status(&mut connection, &opened, &scopes).await?);
        }
    }
    Ok(found)
}

/// The names of all scopes of a database: one round trip.
///
/// # Errors
/// The server cannot be reached or fails, or the metadata tables cannot be read.
pub async fn scope_names(connections: &dyn ConnectionFactory) -> Result<Vec<String>, MssqlError> {
    names(&mut Connection::open(connections).await?).await
}

/// What a scope looks like, for [`crate::Tables::Like`].
///
/// # Errors
/// As [`status`], or there is no such scope.
pub async fn describe(
    connections: &dyn ConnectionFactory,
    scope: Option<&str>,
) -> Result<(ScopeDescription, Template), MssqlError> {
    let mut connection = Connection::open(connections).await?;
    let opened = open_scope(&mut connection, scope).await?;
    let global_name = |object_id: i32| {
        let table = opened
            .tables
            .iter()
            .find(|table| table.info.object_id == object_id);
        table.map(|table| table.config.global_name.clone())
    };
    let template = |table: &OpenedTable| {
        let keys = opened.foreign_keys.iter();
        let keys = keys.filter(|key| key.child == table.info.object_id);
        TableTemplate {
            global_name: table.config.global_name.clone(),
            info: table.info.clone(),
            foreign_keys: keys
                .filter_map(|key| Some((key.clone(), global_name(key.parent)?)))
                .collect(),
            collation: opened.facts.collation.clone(),
        }
    };
    let naming = &opened.scope.store.naming;
    let template = Template {
        object_prefix: naming.prefix.clone(),
        object_schema: naming.schema.clone(),
        tables: opened.tables.iter().map(template).collect(),
    };
    Ok((opened.scope.description, template))
}

async fn scope_status(
    connection: &mut Connection,
    opened: &Examined,
    scopes: &[StoredScope],
) -> Result<ScopeStatus, MssqlError> {
    let scope = &opened.scope;
    let answer = Answer::to(connection, &counts(opened)).await?;
    let mut tick = 0;
    for record in answer.of_kind("mark") {
        tick = tick.max(record.bigint("mark")?.unwrap_or(0));
    }
    let mut was_source = false;
    for record in answer.of_kind("source") {
        was_source = record.flag("was_source")?;
    }
    let mut counted = answer.of_kind("table");
    let (mut tables, mut problems) = (Vec::new(), Vec::new());
    for (table, described) in opened.tables.iter().zip(&scope.description.tables) {
        let mut status = TableStatus {
            name: described.global_name.clone(),
            rows: 0,
            tombstones: 0,
            deferred: 0,
            columns_outside: Vec::new(),
        };
        match table {
            Err(error) => problems.push(error.to_string()),
            Ok(table) => {
                status.columns_outside = table.info.columns_outside(described);
                if let Some(record) = counted.next() {
                    let count = |column: &str| -> Result<u64, MssqlError> {
                        let count = record.bigint(column)?.unwrap_or(0);
                        Ok(u64::try_from(count).unwrap_or(0))
                    };
                    status.rows = count("live")?;
                    status.tombstones = count("dead")?;
                    status.deferred = count("deferred")?;
                    tick = tick.max(record.bigint("greatest")?.unwrap_or(0));
                }
            }
        }
        tables.push(status);
    }
    let mut waiting = Vec::new();
    for record in answer.of_kind("waiting") {
        let table = record.name("table_name")?;
        let key = unpacked(
            &record.bytes("row_key")?.unwrap_or_default(),
            scope
                .description
                .table(&table)
                .map_or(0, |table| table.key_columns().count()),
        );
        let reason = record.name("reason")?;
        waiting.push(WaitingRow { table, key, reason });
    }
    let mut warnings = shared_tables(scope, scopes);
    for table in opened.tables.iter().flatten() {
        for trigger in &table.disabled_triggers {
            warnings.push(format!(
                "trigger {trigger} of table {} is disabled: changes are not tracked",
                table.info.name
            ));
        }
    }
    Ok(ScopeStatus {
        name: scope.row.name.clone(),
        metadata_version: scope.version.to_string(),
        provisioned_by: if scope.has_own_tables
            && opened
                .tables
                .iter()
                .flatten()
                .all(|table| table.own_columns)
        {
            ProvisionedBy::Syncdb
        } else {
            ProvisionedBy::Msf
        },
        scope_local_id: scope.row.scope_local_id,
        replica_id: scope.row.scope_id,
        restore_count: scope.row.restore_count,
        tick: u64::try_from(tick).unwrap_or(0),
        was_source,
        // Scopes and databases of a server share its rowversions.
        unread: None,
        knowledge: scope.row.knowledge.clone(),
        forgotten: scope.row.forgotten.clone(),
        tables,
        waiting,
        warnings,
        problems,
    })
}

fn counts(opened: &Examined) -> String {
    let scope = &opened.scope;
    let id = scope.row.scope_local_id;
    let mut queries = vec![
        "SELECT 'mark' AS kind, CONVERT(bigint, MIN_ACTIVE_ROWVERSION()) - 1 AS mark".to_owned(),
    ];
    let waiting = object(&scope.store.waiting);
    for table in opened.tables.iter().flatten() {
        let deferred = if scope.has_own_tables {
            format!(
                "(SELECT COUNT_BIG(*) FROM {waiting} WHERE scope_local_id = {id} AND table_name = {})",
                text(&table.config.global_name)
            )
        } else {
            "CONVERT(bigint, 0)".to_owned()
        };
        queries.push(format!(
            "SELECT 'table' AS kind, COUNT_BIG(CASE WHEN sync_row_is_tombstone = 0 THEN 1 END) AS live, \
             COUNT_BIG(CASE WHEN sync_row_is_tombstone <> 0 THEN 1 END) AS dead, \
             MAX(CONVERT(bigint, local_update_peer_timestamp)) AS greatest, {deferred} AS deferred FROM {}",
            object(&table.config.tracking_table)
        ));
    }
    if scope.has_own_tables {
        queries.push(format!(
            "SELECT 'source' AS kind, CONVERT(int, was_source) AS was_source FROM {} WHERE scope_local_id = {id}",
            object(&scope.store.scopes)
        ));
        queries.push(format!(
            "SELECT TOP ({}) 'waiting' AS kind, table_name, row_key, reason FROM {waiting} WHERE scope_local_id = {id} ORDER BY waiting_id",
            ScopeStatus::MOST_WAITING
        ));
    }
    queries.join(";\n")
}

fn unpacked(packed: &[u8], width: usize) -> Vec<sync_metadata::Value> {
    let mut keys = RowSet::new(width);
    keys.push_encoded(packed);
    let cells = keys.row(0);
    cells
        .values()
        .map(|cell: ValueRef<'_>| cell.to_owned())
        .collect()
}

/// Two databases that share a table through two scopes would send its rows round for ever; only one side of that is visible here.
fn shared_tables(scope: &StoredScope, scopes: &[StoredScope]) -> Vec<String> {
    let mut warnings = Vec::new();
    let others = scopes
        .iter()
        .filter(|other| other.row.scope_local_id != scope.row.scope_local_id);
    for other in others {
        let tables = scope.description.tables.iter().filter(|table| {
            let mut theirs = other.description.tables.iter();
            theirs.any(|their| same(&their.local_name, &table.local_name))
        });
        warnings.extend(tables.map(|table| {
            format!(
                "table {} is also in scope {}: synchronise it with any one other database through one of the two only, or its rows go round for ever",
                table.global_name, other.row.name
            )
        }));
    }
    warnings
}

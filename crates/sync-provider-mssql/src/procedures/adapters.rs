//! The commands of a scope from its configuration: procedures with the parameters that Sync Framework gave them.

use sync_metadata::{AdapterConfig, ObjectName, TableDescription, quote};
use sync_provider::ProviderError;
use sync_provider_commands::{
    BulkCommand, BulkCommands, CommandRole, CreationVersion, DbCommand, DbSyncAdapter,
    ScopeCommands, SessionValue, WrittenScopeCommands,
};

use crate::names::Store;
use crate::opened::OpenedTable;
use crate::sql::{join, object};

/// The commands of a table. A procedure that the configuration names and the database lacks is refused by name.
pub(super) fn of_table(
    opened: &OpenedTable,
    table: &TableDescription,
) -> Result<DbSyncAdapter, ProviderError> {
    if let Some(missing) = opened.missing_procedures.first() {
        return Err(ProviderError::refused(
            format!("table {}", opened.info.name),
            format!("its procedure or table type {missing} is missing"),
            "restore it, or synchronise without procedures",
        ));
    }
    let config = &opened.config;
    if !config.filter_parameters.is_empty() {
        return Err(ProviderError::refused(
            format!("table {}", opened.info.name),
            "its filter has parameters, and their values for this scope cannot be read",
            "make a scope whose filter has none",
        ));
    }
    let names = parameter_names(config);
    let keys: Vec<String> = key_names(table, &names).collect();
    let named = table.key_columns().zip(&keys);
    let found = join(named, " AND ", |(key, name)| {
        format!("{} = {name}", quote(&key.name))
    });
    let exists = format!(
        "SELECT 1 AS found FROM {} WHERE {found}",
        object(&opened.info.name)
    );
    let mut adapter = DbSyncAdapter::builder(table.local_name.quoted())
        .global_table_name(&table.global_name)
        .described_columns(table.columns.iter().cloned())
        .parameters(&names)
        .creation_version(CreationVersion::ByInsertMetadata)
        .existence_command(DbCommand::statement(exists).inputs(&keys));
    for role in CommandRole::SOURCE
        .into_iter()
        .chain(CommandRole::DESTINATION)
    {
        let (attribute, procedure) = procedure(config, role);
        let procedure = procedure.ok_or_else(|| {
            ProviderError::refused(
                format!("table {}", opened.info.name),
                format!("its configuration names no procedure {attribute}"),
                "synchronise without procedures, or provision the scope anew",
            )
        })?;
        adapter = adapter.command(role, written(role, procedure, table, &names));
    }
    match bulk(config) {
        Some(bulk) => adapter.bulk_commands(bulk).build(),
        None => adapter.build(),
    }
}

/// The commands of a scope are no procedures in Sync Framework either.
pub(super) fn of_scope(store: &Store, scope: &str) -> Result<ScopeCommands, ProviderError> {
    let table = object(&store.scope_info);
    let command = |text: String, values: &[SessionValue], output: Option<SessionValue>| {
        let names = values.iter().map(|value| value.name());
        let outputs = output.into_iter().map(SessionValue::name);
        Some(DbCommand::statement(text).inputs(names).outputs(outputs))
    };
    ScopeCommands::new(
        scope,
        &WrittenScopeCommands {
            select_new_timestamp: command(
                "SET @sync_new_timestamp = CONVERT(bigint, MIN_ACTIVE_ROWVERSION()) - 1".to_owned(),
                &[],
                Some(SessionValue::NewTimestamp),
            ),
            select_scope_info: command(
                format!(
                    "SELECT scope_sync_knowledge, scope_tombstone_cleanup_knowledge, scope_timestamp FROM {table} \
                     WHERE scope_local_id = @sync_scope_local_id"
                ),
                &[SessionValue::ScopeLocalId],
                None,
            ),
            update_scope_info: command(
                format!(
                    "UPDATE {table} SET scope_sync_knowledge = @sync_scope_knowledge, \
                     scope_tombstone_cleanup_knowledge = @sync_scope_cleanup_knowledge WHERE scope_local_id = @sync_scope_local_id AND \
                     (@sync_check_concurrency = 0 OR scope_timestamp = CONVERT(binary(8), @sync_scope_timestamp)); \
                     SET @sync_row_count = @@ROWCOUNT"
                ),
                &[
                    SessionValue::ScopeKnowledge,
                    SessionValue::ScopeCleanupKnowledge,
                    SessionValue::ScopeLocalId,
                    SessionValue::CheckConcurrency,
                    SessionValue::ScopeTimestamp,
                ],
                Some(SessionValue::RowCount),
            ),
            ..WrittenScopeCommands::default()
        },
    )
}

/// `@P_1` for the first column, unless the configuration says otherwise.
fn parameter_names(config: &AdapterConfig) -> Vec<String> {
    let columns = (1..).zip(&config.columns);
    let name = |(n, column): (i32, &sync_metadata::ColumnConfig)| match &column.parameter {
        Some(name) => name.clone(),
        None => format!("@P_{n}"),
    };
    columns.map(name).collect()
}

fn key_names<'a>(
    table: &'a TableDescription,
    names: &'a [String],
) -> impl Iterator<Item = String> + 'a {
    table
        .key_positions()
        .filter_map(|column| names.get(column).cloned())
}

/// The attribute that names a command's procedure, and the procedure.
fn procedure(config: &AdapterConfig, role: CommandRole) -> (&'static str, Option<&ObjectName>) {
    let objects = &config.objects;
    let (attribute, procedure) = match role {
        CommandRole::SelectIncrementalChanges => ("SelChngProc", &objects.select_changes),
        CommandRole::SelectRow => ("SelRowProc", &objects.select_row),
        CommandRole::Insert => ("InsProc", &objects.insert),
        CommandRole::Update => ("UpdProc", &objects.update),
        CommandRole::Delete => ("DelProc", &objects.delete),
        CommandRole::InsertMetadata => ("InsMetaProc", &objects.insert_metadata),
        CommandRole::UpdateMetadata => ("UpdMetaProc", &objects.update_metadata),
        CommandRole::DeleteMetadata => ("DelMetaProc", &objects.delete_metadata),
        _ => ("", &None),
    };
    (attribute, procedure.as_ref())
}

fn bulk(config: &AdapterConfig) -> Option<BulkCommands> {
    let objects = &config.objects;
    let command = |procedure: &Option<ObjectName>| {
        Some(BulkCommand {
            procedure: procedure.clone()?,
            table_type: objects.bulk_type.clone()?,
        })
    };
    Some(BulkCommands {
        insert: command(&objects.bulk_insert)?,
        update: command(&objects.bulk_update)?,
        delete: command(&objects.bulk_delete)?,
    })
}

/// A procedure of Sync Framework's with its parameters.
pub(super) fn written(
    role: CommandRole,
    procedure: &ObjectName,
    table: &TableDescription,
    names: &[String],
) -> DbCommand {
    use SessionValue as V;
    let guard = [V::ForceWrite, V::MinTimestamp];
    let concurrency = [V::CheckConcurrency, V::RowTimestamp];
    let version = [
        V::ScopeLocalId,
        V::RowIsTombstone,
        V::CreatePeerKey,
        V::CreatePeerTimestamp,
        V::UpdatePeerKey,
        V::UpdatePeerTimestamp,
        V::CheckConcurrency,
        V::RowTimestamp,
    ];
    let changes = [
        V::MinTimestamp,
        V::ScopeLocalId,
        V::ScopeRestoreCount,
        V::UpdatePeerKey,
    ];
    let row = [V::ScopeLocalId, V::ScopeRestoreCount];
    let keys = || key_names(table, names).collect::<Vec<_>>();
    let (columns, values, counts): (Vec<String>, &[SessionValue], bool) = match role {
        CommandRole::SelectIncrementalChanges => (Vec::new(), &changes, false),
        CommandRole::SelectRow => (keys(), &row, false),
        CommandRole::Insert => (names.to_vec(), &[], true),
        CommandRole::Update => (names.to_vec(), &guard, true),
        CommandRole::Delete => (keys(), &guard, true),
        CommandRole::InsertMetadata | CommandRole::UpdateMetadata => (keys(), &version, true),
        CommandRole::DeleteMetadata => (keys(), &concurrency, true),
        _ => (Vec::new(), &[], false),
    };
    let counts = counts.then(|| SessionValue::RowCount.name());
    DbCommand::procedure(procedure.clone())
        .inputs(columns)
        .inputs(values.iter().map(|value| value.name()))
        .outputs(counts)
}

//! The commands of a scope from its configuration: procedures with the parameters that Sync Framework gave them.

use sync_metadata::{AdapterConfig, ObjectName, TableDescription, quote};
use sync_provider::ProviderError;
use sync_relational::commands::{
    BulkCommand, BulkCommands, Command, CommandRole, CommandText, ScopeCommands, SessionValue,
    Signature, SyncAdapter,
};

use crate::names::Store;
use crate::opened::OpenedTable;
use crate::sql::{join, object};

/// The commands of a table. A procedure that the configuration names and the database lacks is refused by name.
pub(super) fn of_table(
    opened: &OpenedTable,
    table: &TableDescription,
) -> Result<SyncAdapter, ProviderError> {
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
    let signature = Signature::of_table(table, &names);
    let mut unnamed = None;
    let adapter = SyncAdapter::new(table, signature, |role| {
        let (attribute, procedure) = procedure(config, role);
        let Some(procedure) = procedure else {
            unnamed.get_or_insert(attribute);
            return None;
        };
        let parameters = parameters(role, table, &names);
        Some((CommandText::Procedure(procedure.clone()), parameters))
    });
    let adapter = match (adapter, unnamed) {
        (Err(_), Some(attribute)) => {
            return Err(ProviderError::refused(
                format!("table {}", opened.info.name),
                format!("its configuration names no procedure {attribute}"),
                "synchronise without procedures, or provision the scope anew",
            ));
        }
        (adapter, _) => adapter?,
    };
    let keys: Vec<String> = key_names(table, &names).collect();
    let named = table.key_columns().zip(&keys);
    let found = join(named, " AND ", |(key, name)| {
        format!("{} = {name}", quote(&key.name))
    });
    let exists = format!(
        "SELECT 1 AS found FROM {} WHERE {found}",
        object(&opened.info.name)
    );
    let adapter = adapter.with_existence(table, CommandText::Statement(exists), &keys)?;
    Ok(match bulk(config) {
        Some(bulk) => adapter.with_bulk(bulk),
        None => adapter,
    })
}

/// The commands of a scope are no procedures in Sync Framework either.
pub(super) fn of_scope(store: &Store) -> Result<ScopeCommands, ProviderError> {
    let signature = Signature::of_scope();
    let table = object(&store.scope_info);
    let command = |name: &str, text: String, values: &[SessionValue], output: Option<&str>| {
        let names = values.iter().map(|value| value.name());
        let names: Vec<&str> = names.chain(output).collect();
        Command::new(name, CommandText::Statement(text), &names, &signature)
    };
    Ok(ScopeCommands {
        select_new_timestamp: command(
            "SelectNewTimestampCommand",
            "SET @sync_new_timestamp = CONVERT(bigint, MIN_ACTIVE_ROWVERSION()) - 1".to_owned(),
            &[],
            Some("sync_new_timestamp"),
        )?,
        select_scope_info: command(
            "SelectScopeInfoCommand",
            format!(
                "SELECT scope_sync_knowledge, scope_tombstone_cleanup_knowledge, scope_timestamp FROM {table} \
                 WHERE scope_local_id = @sync_scope_local_id"
            ),
            &[SessionValue::ScopeLocalId],
            None,
        )?,
        update_scope_info: command(
            "UpdateScopeInfoCommand",
            format!(
                "UPDATE {table} SET scope_sync_knowledge = @sync_scope_knowledge WHERE scope_local_id = @sync_scope_local_id AND \
                 (@sync_check_concurrency = 0 OR scope_timestamp = CONVERT(binary(8), @sync_scope_timestamp)); \
                 SET @sync_row_count = @@ROWCOUNT"
            ),
            &[
                SessionValue::ScopeKnowledge,
                SessionValue::ScopeLocalId,
                SessionValue::CheckConcurrency,
                SessionValue::ScopeTimestamp,
            ],
            Some("sync_row_count"),
        )?,
    })
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

/// The parameters of Sync Framework's procedures.
pub(super) fn parameters(
    role: CommandRole,
    table: &TableDescription,
    names: &[String],
) -> Vec<String> {
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
    let (mut parameters, values, counts): (Vec<String>, &[SessionValue], bool) = match role {
        CommandRole::SelectIncrementalChanges => (Vec::new(), &changes, false),
        CommandRole::SelectRow => (keys(), &row, false),
        CommandRole::Insert => (names.to_vec(), &[], true),
        CommandRole::Update => (names.to_vec(), &guard, true),
        CommandRole::Delete => (keys(), &guard, true),
        CommandRole::InsertMetadata | CommandRole::UpdateMetadata => (keys(), &version, true),
        CommandRole::DeleteMetadata => (keys(), &concurrency, true),
        _ => (Vec::new(), &[], false),
    };
    parameters.extend(values.iter().map(|value| value.name().to_owned()));
    if counts {
        parameters.push("sync_row_count".to_owned());
    }
    parameters
}

//! Databases whose metadata and commands somebody wrote: a `DbSyncProvider`, with metadata beside the tables or in them. Everything is read back
//! with SQL over a connection of its own.

mod on_file;
mod on_server;

use std::collections::BTreeMap;

use sync_knowledge::{Knowledge, ReplicaId, ReplicaKey};
use sync_metadata::Value;
use sync_provider_commands::{
    ChangeTrackingModel, CommandConnections, DbCommand, DbSyncAdapter, DbSyncProvider,
    DbSyncSession,
};

pub use self::on_file::Commands;
pub use self::on_server::ServerCommands;

use super::neutral::{self, SCOPE, TABLES, TableSpec};
use super::state::{Entry, GlobalVersion, State, entry_key};

/// What `UpdateMetadataCommand` sets.
const SET: &str = "sync_create_peer_key = @sync_create_peer_key, sync_create_peer_timestamp = @sync_create_peer_timestamp, \
     sync_update_peer_key = @sync_update_peer_key, sync_update_peer_timestamp = @sync_update_peer_timestamp";

/// What `InsertMetadataCommand` inserts after the key.
const GIVEN: &str = "@sync_create_peer_key, @sync_create_peer_timestamp, @sync_update_peer_key, @sync_update_peer_timestamp";

/// The texts of a table's commands.
struct Texts {
    select_incremental_changes: String,
    select_row: String,
    insert: String,
    update: String,
    delete: String,
    insert_metadata: String,
    update_metadata: String,
    delete_metadata: String,
    select_metadata_for_cleanup: String,
    exists: String,
}

/// The texts of the commands of the scope.
struct ScopeTexts {
    select_new_timestamp: &'static str,
    select_scope_info: &'static str,
    update_scope_info: &'static str,
}

fn provider<C: CommandConnections>(
    connections: C,
    model: ChangeTrackingModel,
    scope: &ScopeTexts,
    texts: impl Fn(&TableSpec) -> Texts,
) -> DbSyncProvider<C> {
    let mut builder = DbSyncProvider::builder(SCOPE, connections)
        .change_tracking(model)
        .select_new_timestamp_command(DbCommand::statement(scope.select_new_timestamp))
        .select_scope_info_command(
            DbCommand::statement(scope.select_scope_info).input(DbSyncSession::SYNC_SCOPE_NAME),
        )
        .update_scope_info_command(
            DbCommand::statement(scope.update_scope_info)
                .inputs([
                    DbSyncSession::SYNC_SCOPE_NAME,
                    DbSyncSession::SYNC_SCOPE_KNOWLEDGE,
                    DbSyncSession::SYNC_SCOPE_CLEANUP_KNOWLEDGE,
                    DbSyncSession::SYNC_SCOPE_TIMESTAMP,
                ])
                .output(DbSyncSession::SYNC_ROW_COUNT),
        );
    for (table, spec) in TABLES.iter().enumerate() {
        builder = builder.adapter(adapter(table, texts(spec)));
    }
    builder.build().expect("the commands have all they need")
}

fn adapter(table: usize, texts: Texts) -> DbSyncAdapter {
    let spec = &TABLES[table];
    let keys = key_names(spec);
    let columns: Vec<&str> = spec.columns.iter().map(|column| column.0).collect();
    let writes = |text: String| DbCommand::statement(text).output(DbSyncSession::SYNC_ROW_COUNT);
    let version = [
        DbSyncSession::SYNC_ROW_IS_TOMBSTONE,
        DbSyncSession::SYNC_CREATE_PEER_KEY,
        DbSyncSession::SYNC_CREATE_PEER_TIMESTAMP,
        DbSyncSession::SYNC_UPDATE_PEER_KEY,
        DbSyncSession::SYNC_UPDATE_PEER_TIMESTAMP,
    ];
    let concurrency = [
        DbSyncSession::SYNC_CHECK_CONCURRENCY,
        DbSyncSession::SYNC_ROW_TIMESTAMP,
    ];
    let builder = DbSyncAdapter::builder(spec.name)
        .described_columns(neutral::description().tables[table].columns.clone())
        .select_incremental_changes_command(
            DbCommand::statement(texts.select_incremental_changes)
                .input(DbSyncSession::SYNC_MIN_TIMESTAMP),
        )
        .select_row_command(DbCommand::statement(texts.select_row).inputs(keys.clone()))
        .insert_command(writes(texts.insert).inputs(columns.clone()))
        .update_command(
            writes(texts.update)
                .inputs(columns)
                .input(DbSyncSession::SYNC_MIN_TIMESTAMP),
        )
        .delete_command(
            writes(texts.delete)
                .inputs(keys.clone())
                .input(DbSyncSession::SYNC_MIN_TIMESTAMP),
        )
        .insert_metadata_command(
            writes(texts.insert_metadata)
                .inputs(keys.clone())
                .inputs(version),
        )
        .update_metadata_command(
            writes(texts.update_metadata)
                .inputs(keys.clone())
                .inputs(version)
                .inputs(concurrency),
        )
        .delete_metadata_command(
            writes(texts.delete_metadata)
                .inputs(keys.clone())
                .inputs(concurrency),
        )
        .select_metadata_for_cleanup_command(
            DbCommand::statement(texts.select_metadata_for_cleanup)
                .input(DbSyncSession::METADATA_AGING_IN_DAYS),
        )
        .existence_command(DbCommand::statement(texts.exists).inputs(keys));
    builder.build().expect("the commands have all they need")
}

fn keys(spec: &TableSpec) -> String {
    key_names(spec).join(", ")
}

fn others(spec: &TableSpec) -> Vec<&'static str> {
    let columns = spec.columns.iter().filter(|column| !column.3);
    columns.map(|column| column.0).collect()
}

/// The key of a row that something else names: `id = @id`, `m.id = i.id`.
fn found(spec: &TableSpec, own: &str, by: &str) -> String {
    let terms = spec.key().map(|column| {
        let name = spec.columns[column].0;
        format!("{own}{name} = {by}{name}")
    });
    terms.collect::<Vec<_>>().join(" AND ")
}

fn prefixed<'n>(names: impl IntoIterator<Item = &'n str>, prefix: &str) -> String {
    let names = names.into_iter().map(|name| format!("{prefix}{name}"));
    names.collect::<Vec<_>>().join(", ")
}

fn key_names(spec: &TableSpec) -> Vec<&'static str> {
    spec.key().map(|column| spec.columns[column].0).collect()
}

/// What a database holds. `rows` gives the rows and deletions of a table: all columns, then tombstone, create key and tick, update key and
/// tick, and whether there is a row.
fn state(
    own: &ReplicaId,
    knowledge: Option<Vec<u8>>,
    rows: impl Fn(&TableSpec) -> Vec<Vec<Value>>,
) -> State {
    let mut knowledge = match knowledge {
        Some(bytes) => Knowledge::from_bytes(&bytes).expect("the stored knowledge decodes"),
        None => Knowledge::new(own.clone()),
    };
    assert_eq!(knowledge.key_map().own(), own);
    let mut entries = BTreeMap::new();
    let mut greatest = 0;
    for (table, spec) in TABLES.iter().enumerate() {
        let width = spec.columns.len();
        for row in rows(spec) {
            let number = |column: usize| match row[column] {
                Value::Integer(number) => number,
                ref other => panic!("{other:?} is no number"),
            };
            let version = |first: usize| -> GlobalVersion {
                let key = ReplicaKey(number(first).try_into().unwrap());
                let id = knowledge.key_map().id(key);
                let tick = number(first + 1).try_into().unwrap();
                (id.expect("the key is in the map").clone(), tick)
            };
            let (tombstone, exists) = (number(width) == 1, number(width + 5) == 1);
            assert_eq!(
                exists, !tombstone,
                "a row's metadata have a row, a deletion's none"
            );
            if number(width + 3) == 0 {
                greatest = version(width + 3).1.max(greatest);
            }
            let key: Vec<Value> = spec.key().map(|column| row[column].clone()).collect();
            let entry = Entry {
                row: (!tombstone).then(|| row[..width].to_vec()),
                update: version(width + 3),
                create: version(width + 1),
            };
            let before = entries.insert(entry_key(table, &key), entry);
            assert!(before.is_none(), "{} {key:?} is there once", spec.name);
        }
    }
    knowledge.set_local_tick(knowledge.local_tick().max(greatest));
    State {
        entries,
        knowledge,
        waiting: None,
    }
}

/// Removes all metadata of deletions.
fn clean_up<C: CommandConnections + 'static>(provider: DbSyncProvider<C>) {
    let work = async move { provider.cleanup_metadata(-1).await };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let done = std::thread::spawn(move || runtime.expect("a runtime can be made").block_on(work));
    let done = done.join().expect("the clean-up runs");
    assert_eq!(done.expect("the clean-up goes through").left, 0);
}

//! SQLite files whose metadata and commands somebody wrote: a `DbSyncProvider`, with metadata beside the tables or in them. Everything is read
//! back with SQL over a connection of its own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use rusqlite::Connection;
use sync_knowledge::{Knowledge, ReplicaId, ReplicaKey};
use sync_metadata::Value;
use sync_provider::{ApplyHandler, SyncProvider};
use sync_provider_sqlite::SqliteCommands;
use sync_relational::commands::{
    ChangeTrackingModel, DbCommand, DbSyncAdapter, DbSyncProvider, DbSyncSession,
};
use tempfile::TempDir;
use uuid::Uuid;

use super::engine::{Engine, Layout, TestReplica};
use super::neutral::{self, SCOPE, TABLES, TableSpec};
use super::sqlite::{create, delete_row, key_is, names, reject_row, rekey_row, value, write_row};
use super::state::{Entry, GlobalVersion, State, entry_key};
use crate::support::{dump::open, scratch};

/// Makes replicas in files, with commands of this model.
#[derive(Copy, Clone, Debug)]
pub struct Commands(pub ChangeTrackingModel);

/// Two columns for each version.
const VERSIONS: &str = "sync_create_peer_key INTEGER, sync_create_peer_timestamp INTEGER, sync_update_peer_key INTEGER, \
     sync_update_peer_timestamp INTEGER";

/// The tick of now. Each change moves it while it holds the write lock.
const TICK: &str = "(SELECT tick FROM sync_clock)";

struct File {
    _folder: TempDir,
    path: PathBuf,
    id: ReplicaId,
    model: ChangeTrackingModel,
    /// The application's connection, and the one to look through.
    db: Mutex<Connection>,
}

impl Engine for Commands {
    fn name(&self) -> &'static str {
        match self.0 {
            ChangeTrackingModel::Coupled => "commands (coupled)",
            ChangeTrackingModel::Decoupled => "commands",
        }
    }

    fn make(&self, layout: Layout) -> Box<dyn TestReplica> {
        let folder = scratch::folder();
        let path = folder.path().join("replica.db");
        let db = open(&path);
        let id = Uuid::new_v4();
        let mut schema = format!(
            "CREATE TABLE scope_info (scope_id TEXT, scope_name TEXT PRIMARY KEY, scope_sync_knowledge BLOB,
                 scope_tombstone_cleanup_knowledge BLOB, scope_timestamp INTEGER);
             INSERT INTO scope_info VALUES ('{id}', '{SCOPE}', NULL, NULL, 0);
             CREATE TABLE sync_clock (tick INTEGER NOT NULL);
             INSERT INTO sync_clock VALUES (0);"
        );
        for table in TABLES {
            schema.push_str(&create(table, layout));
            schema.push(';');
            schema.push_str(&match self.0 {
                ChangeTrackingModel::Coupled => in_the_table(table),
                ChangeTrackingModel::Decoupled => beside_the_table(table),
            });
        }
        db.execute_batch(&schema).expect("the tables can be made");
        Box::new(File {
            _folder: folder,
            path,
            id: ReplicaId::from_uuid(id),
            model: self.0,
            db: Mutex::new(db),
        })
    }

    fn knows_writers(&self) -> bool {
        false
    }

    fn remembers(&self) -> bool {
        false
    }

    /// The triggers are Sync Framework's, which do not follow keys.
    fn follows_keys(&self) -> bool {
        false
    }

    fn rehearses(&self) -> bool {
        false
    }

    /// A column holds what its type does, whatever SQLite would take.
    fn holds(&self, value: &Value) -> bool {
        !matches!(value, Value::Real(number) if number.is_infinite())
    }
}

/// The declarations of a table's key.
fn declared(spec: &TableSpec) -> String {
    let keys = spec.key().map(|column| {
        let (name, declared, ..) = spec.columns[column];
        format!("{name} {declared} NOT NULL")
    });
    keys.collect::<Vec<_>>().join(", ")
}

fn keys(spec: &TableSpec) -> String {
    names(spec.key().map(|column| spec.columns[column].0))
}

fn others(spec: &TableSpec) -> Vec<&'static str> {
    let columns = spec.columns.iter().filter(|column| !column.3);
    columns.map(|column| column.0).collect()
}

/// The key of a row that something else names: `id = NEW.id`, `id = @id`.
fn found(spec: &TableSpec, by: &str) -> String {
    let terms = spec.key().map(|column| {
        let name = spec.columns[column].0;
        format!("{name} = {by}{name}")
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

fn beside_the_table(spec: &TableSpec) -> String {
    let (name, keys, declared) = (spec.name, keys(spec), declared(spec));
    let (new, old) = (found(spec, "NEW."), found(spec, "OLD."));
    let new_key = prefixed(key_names(spec), "NEW.");
    format!(
        "CREATE TABLE {name}_metadata ({declared}, sync_row_is_tombstone INTEGER NOT NULL, sync_row_timestamp INTEGER NOT NULL, {VERSIONS},
             PRIMARY KEY ({keys})) WITHOUT ROWID;
         CREATE INDEX {name}_metadata_index ON {name}_metadata (sync_row_timestamp);
         CREATE TRIGGER {name}_insert_trigger AFTER INSERT ON {name} BEGIN
             UPDATE sync_clock SET tick = tick + 1;
             INSERT INTO {name}_metadata SELECT {new_key}, 0, tick, 0, tick, 0, tick FROM sync_clock WHERE true
             ON CONFLICT ({keys}) DO UPDATE SET sync_row_is_tombstone = 0, sync_row_timestamp = excluded.sync_row_timestamp,
                 sync_update_peer_key = 0, sync_update_peer_timestamp = excluded.sync_update_peer_timestamp;
         END;
         CREATE TRIGGER {name}_update_trigger AFTER UPDATE ON {name} BEGIN
             UPDATE sync_clock SET tick = tick + 1;
             UPDATE {name}_metadata SET sync_update_peer_key = 0, sync_update_peer_timestamp = {TICK}, sync_row_timestamp = {TICK} WHERE {new};
         END;
         CREATE TRIGGER {name}_delete_trigger AFTER DELETE ON {name} BEGIN
             UPDATE sync_clock SET tick = tick + 1;
             UPDATE {name}_metadata SET sync_row_is_tombstone = 1, sync_update_peer_key = 0, sync_update_peer_timestamp = {TICK},
                 sync_row_timestamp = {TICK} WHERE {old};
         END;"
    )
}

/// Versions in the table itself, and a table for the deletions. Its triggers act on the columns of the application alone.
fn in_the_table(spec: &TableSpec) -> String {
    let (name, keys, declared) = (spec.name, keys(spec), declared(spec));
    let new = found(spec, "NEW.");
    let old_key = prefixed(key_names(spec), "OLD.");
    let columns = VERSIONS.split(", ").chain(["sync_row_timestamp INTEGER"]);
    let columns = columns.map(|column| format!("ALTER TABLE {name} ADD COLUMN {column};"));
    let columns: String = columns.collect();
    let others = others(spec).join(", ");
    let created = |what: &str, otherwise: &str| {
        format!(
            "coalesce((SELECT sync_create_peer_{what} FROM {name}_tombstone WHERE {new}), {otherwise})"
        )
    };
    format!(
        "{columns}
         CREATE INDEX {name}_index ON {name} (sync_row_timestamp);
         CREATE TABLE {name}_tombstone ({declared}, sync_row_timestamp INTEGER NOT NULL, {VERSIONS}, PRIMARY KEY ({keys})) WITHOUT ROWID;
         CREATE TRIGGER {name}_insert_trigger AFTER INSERT ON {name} BEGIN
             UPDATE sync_clock SET tick = tick + 1;
             UPDATE {name} SET sync_create_peer_key = {}, sync_create_peer_timestamp = {}, sync_update_peer_key = 0,
                 sync_update_peer_timestamp = {TICK}, sync_row_timestamp = {TICK} WHERE {new};
             DELETE FROM {name}_tombstone WHERE {new};
         END;
         CREATE TRIGGER {name}_update_trigger AFTER UPDATE OF {others} ON {name} BEGIN
             UPDATE sync_clock SET tick = tick + 1;
             UPDATE {name} SET sync_update_peer_key = 0, sync_update_peer_timestamp = {TICK}, sync_row_timestamp = {TICK} WHERE {new};
         END;
         CREATE TRIGGER {name}_delete_trigger AFTER DELETE ON {name} BEGIN
             UPDATE sync_clock SET tick = tick + 1;
             INSERT INTO {name}_tombstone ({keys}, sync_row_timestamp, sync_create_peer_key, sync_create_peer_timestamp,
                 sync_update_peer_key, sync_update_peer_timestamp)
             VALUES ({old_key}, {TICK}, OLD.sync_create_peer_key, OLD.sync_create_peer_timestamp, 0, {TICK});
         END;",
        created("key", "0"),
        created("timestamp", TICK),
    )
}

/// The texts of a table's commands.
struct Texts {
    /// Without its condition, in which the columns have no qualifier.
    select: Vec<String>,
    insert_metadata: String,
    update_metadata: String,
    delete_metadata: String,
    /// What tells when the row last changed.
    tick: String,
}

/// What `UpdateMetadataCommand` sets.
const SET: &str = "sync_create_peer_key = @sync_create_peer_key, sync_create_peer_timestamp = @sync_create_peer_timestamp, \
     sync_update_peer_key = @sync_update_peer_key, sync_update_peer_timestamp = @sync_update_peer_timestamp";

/// What `InsertMetadataCommand` inserts after the key.
const GIVEN: &str = "@sync_create_peer_key, @sync_create_peer_timestamp, @sync_update_peer_key, @sync_update_peer_timestamp";

const UNCHANGED: &str = "(@sync_check_concurrency = 0 OR sync_row_timestamp = @sync_row_timestamp)";

fn texts(spec: &TableSpec, model: ChangeTrackingModel) -> Texts {
    let (name, keys, others) = (spec.name, keys(spec), others(spec));
    let at = found(spec, "@");
    let given = prefixed(key_names(spec), "@");
    let versions = "sync_row_timestamp, sync_create_peer_key, sync_create_peer_timestamp, sync_update_peer_key, sync_update_peer_timestamp";
    match model {
        ChangeTrackingModel::Decoupled => Texts {
            select: vec![format!(
                "SELECT {keys}, {}, sync_row_is_tombstone, {versions} FROM {name}_metadata LEFT JOIN {name} USING ({keys})",
                others.join(", ")
            )],
            insert_metadata: format!(
                "UPDATE sync_clock SET tick = tick + 1;
                 INSERT INTO {name}_metadata SELECT {given}, @sync_row_is_tombstone, tick, {GIVEN} FROM sync_clock"
            ),
            update_metadata: format!(
                "UPDATE sync_clock SET tick = tick + 1;
                 UPDATE {name}_metadata SET sync_row_is_tombstone = @sync_row_is_tombstone, sync_row_timestamp = {TICK}, {SET}
                     WHERE {at} AND {UNCHANGED}"
            ),
            delete_metadata: format!("DELETE FROM {name}_metadata WHERE {at} AND {UNCHANGED}"),
            tick: format!("(SELECT sync_row_timestamp FROM {name}_metadata WHERE {at})"),
        },
        // Which table it was does not show in the last statement's count.
        ChangeTrackingModel::Coupled => Texts {
            select: vec![
                format!("SELECT {keys}, {}, 0 AS sync_row_is_tombstone, {versions} FROM {name}", others.join(", ")),
                format!(
                    "SELECT {keys}, {}, 1 AS sync_row_is_tombstone, {versions} FROM {name}_tombstone",
                    others.iter().map(|_| "NULL").collect::<Vec<_>>().join(", ")
                ),
            ],
            insert_metadata: format!(
                "UPDATE sync_clock SET tick = tick + 1;
                 INSERT INTO {name}_tombstone ({keys}, {versions}) SELECT {given}, tick, {GIVEN} FROM sync_clock WHERE @sync_row_is_tombstone = 1"
            ),
            update_metadata: format!(
                "UPDATE sync_clock SET tick = tick + 1;
                 UPDATE {name} SET sync_row_timestamp = {TICK}, {SET} WHERE {at} AND {UNCHANGED} AND @sync_row_is_tombstone = 0;
                 UPDATE {name}_tombstone SET sync_row_timestamp = {TICK}, {SET} WHERE {at} AND {UNCHANGED} AND @sync_row_is_tombstone = 1;
                 SELECT (SELECT count(*) FROM {name} WHERE {at} AND sync_row_timestamp = {TICK})
                     + (SELECT count(*) FROM {name}_tombstone WHERE {at} AND sync_row_timestamp = {TICK}) AS sync_row_count"
            ),
            delete_metadata: format!("DELETE FROM {name}_tombstone WHERE {at} AND {UNCHANGED}"),
            tick: "sync_row_timestamp".to_owned(),
        },
    }
}

fn adapter(table: usize, model: ChangeTrackingModel) -> DbSyncAdapter {
    let spec = &TABLES[table];
    let own = texts(spec, model);
    let (name, at) = (spec.name, found(spec, "@"));
    let (keys, others) = (key_names(spec), others(spec));
    let columns: Vec<&str> = spec.columns.iter().map(|column| column.0).collect();
    let select = |condition: &str| {
        let parts = own.select.iter();
        let parts = parts.map(|part| format!("{part} WHERE {condition}"));
        DbCommand::statement(parts.collect::<Vec<_>>().join(" UNION ALL "))
    };
    let writes = |text: String| DbCommand::statement(text).output(DbSyncSession::SYNC_ROW_COUNT);
    let set = others.iter().map(|name| format!("{name} = @{name}"));
    let set = set.collect::<Vec<_>>().join(", ");
    let guard = format!("{} <= @sync_min_timestamp", own.tick);
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
    let old = select("sync_row_is_tombstone = 1 AND @metadata_aging_in_days < 0");
    let builder = DbSyncAdapter::builder(name)
        .described_columns(neutral::description().tables[table].columns.clone())
        .select_incremental_changes_command(
            select("sync_row_timestamp > @sync_min_timestamp")
                .input(DbSyncSession::SYNC_MIN_TIMESTAMP),
        )
        .select_row_command(select(&at).inputs(keys.clone()))
        .insert_command(
            writes(format!(
                "INSERT INTO {name} ({}) VALUES ({})",
                columns.join(", "),
                prefixed(columns.iter().copied(), "@")
            ))
            .inputs(columns.clone()),
        )
        .update_command(
            writes(format!("UPDATE {name} SET {set} WHERE {at} AND {guard}"))
                .inputs(columns.clone())
                .input(DbSyncSession::SYNC_MIN_TIMESTAMP),
        )
        .delete_command(
            writes(format!("DELETE FROM {name} WHERE {at} AND {guard}"))
                .inputs(keys.clone())
                .input(DbSyncSession::SYNC_MIN_TIMESTAMP),
        )
        .insert_metadata_command(
            writes(own.insert_metadata)
                .inputs(keys.clone())
                .inputs(version),
        )
        .update_metadata_command(
            writes(own.update_metadata)
                .inputs(keys.clone())
                .inputs(version)
                .inputs(concurrency),
        )
        .delete_metadata_command(
            writes(own.delete_metadata)
                .inputs(keys.clone())
                .inputs(concurrency),
        )
        .existence_command(
            DbCommand::statement(format!("SELECT 1 FROM {name} WHERE {at}")).inputs(keys),
        );
    let builder = match model {
        ChangeTrackingModel::Decoupled => builder
            .select_metadata_for_cleanup_command(old.input(DbSyncSession::METADATA_AGING_IN_DAYS)),
        ChangeTrackingModel::Coupled => {
            let select =
                format!("SELECT * FROM {name}_tombstone WHERE @metadata_aging_in_days < 0");
            builder.select_metadata_for_cleanup_command(
                DbCommand::statement(select).input(DbSyncSession::METADATA_AGING_IN_DAYS),
            )
        }
    };
    builder.build().expect("the commands have all they need")
}

impl File {
    fn bare_provider(&self) -> DbSyncProvider<SqliteCommands> {
        let update = "UPDATE scope_info SET scope_sync_knowledge = @sync_scope_knowledge, \
             scope_tombstone_cleanup_knowledge = @sync_scope_cleanup_knowledge, scope_timestamp = scope_timestamp + 1 \
             WHERE scope_name = @sync_scope_name AND scope_timestamp = @sync_scope_timestamp";
        let mut builder = DbSyncProvider::builder(SCOPE, SqliteCommands::new(&self.path))
            .change_tracking(self.model)
            .select_new_timestamp_command(DbCommand::statement(
                "SELECT tick AS sync_new_timestamp FROM sync_clock",
            ))
            .select_scope_info_command(
                DbCommand::statement(
                    "SELECT * FROM scope_info WHERE scope_name = @sync_scope_name",
                )
                .input(DbSyncSession::SYNC_SCOPE_NAME),
            )
            .update_scope_info_command(
                DbCommand::statement(update)
                    .inputs([
                        DbSyncSession::SYNC_SCOPE_NAME,
                        DbSyncSession::SYNC_SCOPE_KNOWLEDGE,
                        DbSyncSession::SYNC_SCOPE_CLEANUP_KNOWLEDGE,
                        DbSyncSession::SYNC_SCOPE_TIMESTAMP,
                    ])
                    .output(DbSyncSession::SYNC_ROW_COUNT),
            );
        for table in 0..TABLES.len() {
            builder = builder.adapter(adapter(table, self.model));
        }
        builder.build().expect("the commands have all they need")
    }

    /// The rows and deletions of a table: all columns, then tombstone, create key and tick, update key and tick, and whether there is a row.
    fn rows_of(&self, spec: &TableSpec) -> String {
        let columns = names(spec.columns.iter().map(|column| column.0));
        let versions = "sync_create_peer_key, sync_create_peer_timestamp, sync_update_peer_key, sync_update_peer_timestamp";
        let (name, keys) = (spec.name, keys(spec));
        match self.model {
            ChangeTrackingModel::Decoupled => format!(
                "SELECT {columns}, sync_row_is_tombstone, {versions}, EXISTS (SELECT 1 FROM {name} b WHERE {}) FROM {name}_metadata m \
                 LEFT JOIN {name} USING ({keys})",
                spec.key()
                    .map(|column| format!("b.{0} = m.{0}", spec.columns[column].0))
                    .collect::<Vec<_>>()
                    .join(" AND ")
            ),
            ChangeTrackingModel::Coupled => {
                let nulls = spec.columns.iter().map(|(name, _, _, key)| match key {
                    true => *name,
                    false => "NULL",
                });
                format!(
                    "SELECT {columns}, 0, {versions}, 1 FROM {name} UNION ALL SELECT {}, 1, {versions}, EXISTS (SELECT 1 FROM {name} b WHERE {}) \
                     FROM {name}_tombstone t",
                    names(nulls),
                    spec.key()
                        .map(|column| format!("b.{0} = t.{0}", spec.columns[column].0))
                        .collect::<Vec<_>>()
                        .join(" AND ")
                )
            }
        }
    }
}

impl TestReplica for File {
    fn provider(&self) -> Arc<dyn SyncProvider> {
        Arc::new(self.bare_provider())
    }

    fn provider_with(&self, handler: Arc<dyn ApplyHandler>) -> Arc<dyn SyncProvider> {
        Arc::new(self.bare_provider().with_handler(handler))
    }

    fn id(&self) -> ReplicaId {
        self.id.clone()
    }

    fn write(&self, table: usize, row: &[Value], _: i64) {
        write_row(&self.db.lock().unwrap(), &TABLES[table], row);
    }

    fn delete(&self, table: usize, key: &[Value], _: i64) {
        delete_row(&self.db.lock().unwrap(), &TABLES[table], key);
    }

    fn rekey(&self, table: usize, key: &[Value], row: &[Value], _: i64) {
        rekey_row(&self.db.lock().unwrap(), &TABLES[table], key, row);
    }

    fn copy(&self) -> Option<Box<dyn TestReplica>> {
        let folder = scratch::folder();
        let path = folder.path().join("replica.db");
        std::fs::copy(&self.path, &path).expect("the file can be copied");
        let db = Mutex::new(open(&path));
        Some(Box::new(File {
            _folder: folder,
            path,
            id: self.id.clone(),
            model: self.model,
            db,
        }))
    }

    fn reject(&self, table: usize, key: &[Value], rejected: bool) {
        let spec = &TABLES[table];
        reject_row(&self.db.lock().unwrap(), spec, key, rejected);
    }

    fn state(&self) -> State {
        let db = self.db.lock().unwrap();
        let bytes: Option<Vec<u8>> = db
            .query_row("SELECT scope_sync_knowledge FROM scope_info", [], |row| {
                row.get(0)
            })
            .unwrap();
        let mut knowledge = match bytes {
            Some(bytes) => Knowledge::from_bytes(&bytes).expect("the stored knowledge decodes"),
            None => Knowledge::new(self.id.clone()),
        };
        assert_eq!(*knowledge.key_map().own(), self.id);
        let mut entries = BTreeMap::new();
        let mut greatest = 0;
        for (table, spec) in TABLES.iter().enumerate() {
            let width = spec.columns.len();
            let mut statement = db.prepare(&self.rows_of(spec)).unwrap();
            let mut rows = statement.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                let version = |first: usize| -> GlobalVersion {
                    let (key, tick): (u32, i64) =
                        (row.get(first).unwrap(), row.get(first + 1).unwrap());
                    let id = knowledge.key_map().id(ReplicaKey(key));
                    (
                        id.expect("the key is in the map").clone(),
                        tick.try_into().unwrap(),
                    )
                };
                let tombstone: bool = row.get(width).unwrap();
                assert_eq!(
                    row.get::<_, bool>(width + 5).unwrap(),
                    !tombstone,
                    "a row's metadata have a row, a deletion's none"
                );
                if row.get::<_, u32>(width + 3).unwrap() == 0 {
                    greatest = version(width + 3).1.max(greatest);
                }
                let key: Vec<Value> = spec.key().map(|column| value(row, column)).collect();
                let entry = Entry {
                    row: (!tombstone)
                        .then(|| (0..width).map(|column| value(row, column)).collect()),
                    update: version(width + 3),
                    create: version(width + 1),
                };
                assert!(
                    entries.insert(entry_key(table, &key), entry).is_none(),
                    "{} is there once",
                    key_is(spec, &key)
                );
            }
        }
        knowledge.set_local_tick(knowledge.local_tick().max(greatest));
        State {
            entries,
            knowledge,
            waiting: None,
        }
    }

    fn fingerprint(&self) -> Vec<u8> {
        std::fs::read(&self.path).expect("the file can be read")
    }

    fn clean_up(&self) -> bool {
        let provider = self.bare_provider();
        let work = async move { provider.cleanup_metadata(-1).await };
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let done =
            std::thread::spawn(move || runtime.expect("a runtime can be made").block_on(work));
        let done = done.join().expect("the clean-up runs");
        assert_eq!(done.expect("the clean-up goes through").left, 0);
        true
    }
}

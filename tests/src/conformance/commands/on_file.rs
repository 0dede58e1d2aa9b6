//! Commands on SQLite files. Their clock is a table: each change moves it while it holds the write lock.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use rusqlite::Connection;
use sync_knowledge::ReplicaId;
use sync_metadata::Value;
use sync_provider::{ApplyHandler, SyncProvider};
use sync_provider_commands::{ChangeTrackingModel, DbSyncProvider};
use sync_provider_sqlite::SqliteCommands;
use tempfile::TempDir;
use uuid::Uuid;

use super::{GIVEN, SET, ScopeTexts, Texts, found, key_names, keys, others, prefixed};
use crate::conformance::engine::{Ability, Engine, Layout, TestReplica};
use crate::conformance::neutral::{SCOPE, TABLES, TableSpec};
use crate::conformance::sqlite::{
    create, delete_row, names, reject_row, rekey_row, value, write_row,
};
use crate::conformance::state::State;
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

/// There is no place of ours in such a database, and the triggers are Sync Framework's, which do not follow keys.
const LACKS: &[Ability] = &[
    Ability::KnowWriters,
    Ability::Remember,
    Ability::FollowKeys,
    Ability::Rehearse,
];

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

    fn lacks(&self) -> &'static [Ability] {
        LACKS
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

fn beside_the_table(spec: &TableSpec) -> String {
    let (name, keys, declared) = (spec.name, keys(spec), declared(spec));
    let (new, old) = (found(spec, "", "NEW."), found(spec, "", "OLD."));
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
    let new = found(spec, "", "NEW.");
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

const SCOPE_TEXTS: ScopeTexts = ScopeTexts {
    select_new_timestamp: "SELECT tick AS sync_new_timestamp FROM sync_clock",
    select_scope_info: "SELECT * FROM scope_info WHERE scope_name = @sync_scope_name",
    update_scope_info: "UPDATE scope_info SET scope_sync_knowledge = @sync_scope_knowledge,
             scope_tombstone_cleanup_knowledge = @sync_scope_cleanup_knowledge, scope_timestamp = scope_timestamp + 1
         WHERE scope_name = @sync_scope_name AND scope_timestamp = @sync_scope_timestamp",
};

/// What is kept of a row.
const SELECTED: &str = "sync_row_timestamp, sync_create_peer_key, sync_create_peer_timestamp, sync_update_peer_key, sync_update_peer_timestamp";

const UNCHANGED: &str = "(@sync_check_concurrency = 0 OR sync_row_timestamp = @sync_row_timestamp)";

fn texts(spec: &TableSpec, model: ChangeTrackingModel) -> Texts {
    let (name, keys, at) = (spec.name, keys(spec), found(spec, "", "@"));
    let given = prefixed(key_names(spec), "@");
    let selected = selected(spec, model);
    let select = |condition: &str| {
        let parts = selected.iter();
        let parts = parts.map(|part| format!("{part} WHERE {condition}"));
        parts.collect::<Vec<_>>().join(" UNION ALL ")
    };
    let columns: Vec<&str> = spec.columns.iter().map(|column| column.0).collect();
    let set = others(spec);
    let set = set.iter().map(|name| format!("{name} = @{name}"));
    let set = set.collect::<Vec<_>>().join(", ");
    // What tells when the row last changed.
    let tick = match model {
        ChangeTrackingModel::Decoupled => {
            format!("(SELECT sync_row_timestamp FROM {name}_metadata WHERE {at})")
        }
        ChangeTrackingModel::Coupled => "sync_row_timestamp".to_owned(),
    };
    let (insert_metadata, update_metadata, delete_metadata, old) = match model {
        ChangeTrackingModel::Decoupled => (
            format!(
                "UPDATE sync_clock SET tick = tick + 1;
                 INSERT INTO {name}_metadata SELECT {given}, @sync_row_is_tombstone, tick, {GIVEN} FROM sync_clock"
            ),
            format!(
                "UPDATE sync_clock SET tick = tick + 1;
                 UPDATE {name}_metadata SET sync_row_is_tombstone = @sync_row_is_tombstone, sync_row_timestamp = {TICK}, {SET}
                     WHERE {at} AND {UNCHANGED}"
            ),
            format!("DELETE FROM {name}_metadata WHERE {at} AND {UNCHANGED}"),
            select("sync_row_is_tombstone = 1 AND @metadata_aging_in_days < 0"),
        ),
        // Which table it was does not show in the last statement's count.
        ChangeTrackingModel::Coupled => (
            format!(
                "UPDATE sync_clock SET tick = tick + 1;
                 INSERT INTO {name}_tombstone ({keys}, {SELECTED}) SELECT {given}, tick, {GIVEN} FROM sync_clock WHERE @sync_row_is_tombstone = 1"
            ),
            format!(
                "UPDATE sync_clock SET tick = tick + 1;
                 UPDATE {name} SET sync_row_timestamp = {TICK}, {SET} WHERE {at} AND {UNCHANGED} AND @sync_row_is_tombstone = 0;
                 UPDATE {name}_tombstone SET sync_row_timestamp = {TICK}, {SET} WHERE {at} AND {UNCHANGED} AND @sync_row_is_tombstone = 1;
                 SELECT (SELECT count(*) FROM {name} WHERE {at} AND sync_row_timestamp = {TICK})
                     + (SELECT count(*) FROM {name}_tombstone WHERE {at} AND sync_row_timestamp = {TICK}) AS sync_row_count"
            ),
            format!("DELETE FROM {name}_tombstone WHERE {at} AND {UNCHANGED}"),
            format!("SELECT * FROM {name}_tombstone WHERE @metadata_aging_in_days < 0"),
        ),
    };
    Texts {
        select_incremental_changes: select("sync_row_timestamp > @sync_min_timestamp"),
        select_row: select(&at),
        insert: format!(
            "INSERT INTO {name} ({}) VALUES ({})",
            columns.join(", "),
            prefixed(columns.iter().copied(), "@")
        ),
        update: format!("UPDATE {name} SET {set} WHERE {at} AND {tick} <= @sync_min_timestamp"),
        delete: format!("DELETE FROM {name} WHERE {at} AND {tick} <= @sync_min_timestamp"),
        insert_metadata,
        update_metadata,
        delete_metadata,
        select_metadata_for_cleanup: old,
        exists: format!("SELECT 1 FROM {name} WHERE {at}"),
    }
}

/// What is selected of a table, without its condition, in which the columns have no qualifier.
fn selected(spec: &TableSpec, model: ChangeTrackingModel) -> Vec<String> {
    let (name, keys, others) = (spec.name, keys(spec), others(spec));
    match model {
        ChangeTrackingModel::Decoupled => vec![format!(
            "SELECT {keys}, {}, sync_row_is_tombstone, {SELECTED} FROM {name}_metadata LEFT JOIN {name} USING ({keys})",
            others.join(", ")
        )],
        ChangeTrackingModel::Coupled => {
            let nulls = others.iter().map(|_| "NULL").collect::<Vec<_>>();
            vec![
                format!(
                    "SELECT {keys}, {}, 0 AS sync_row_is_tombstone, {SELECTED} FROM {name}",
                    others.join(", ")
                ),
                format!(
                    "SELECT {keys}, {}, 1 AS sync_row_is_tombstone, {SELECTED} FROM {name}_tombstone",
                    nulls.join(", ")
                ),
            ]
        }
    }
}

impl File {
    fn bare_provider(&self) -> DbSyncProvider<SqliteCommands> {
        let model = self.model;
        super::provider(
            SqliteCommands::new(&self.path),
            model,
            &SCOPE_TEXTS,
            |spec| texts(spec, model),
        )
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
                found(spec, "b.", "m.")
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
                    found(spec, "b.", "t.")
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
        let knowledge: Option<Vec<u8>> = db
            .query_row("SELECT scope_sync_knowledge FROM scope_info", [], |row| {
                row.get(0)
            })
            .unwrap();
        super::state(&self.id, knowledge, |spec| {
            let mut statement = db.prepare(&self.rows_of(spec)).unwrap();
            let cells = statement.column_count();
            let row = |row: &rusqlite::Row<'_>| Ok((0..cells).map(|at| value(row, at)).collect());
            let rows = statement.query_map([], row).unwrap();
            rows.map(Result::unwrap).collect()
        })
    }

    fn fingerprint(&self) -> Vec<u8> {
        std::fs::read(&self.path).expect("the file can be read")
    }

    fn clean_up(&self) -> bool {
        super::clean_up(self.bare_provider());
        true
    }
}

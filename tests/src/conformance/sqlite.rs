//! SQLite files. Everything is read back with SQL over a connection of its own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use rusqlite::types::{ToSqlOutput, Value as Cell};
use rusqlite::{Connection, Row, ToSql};
use sync_knowledge::{Knowledge, ReplicaId, ReplicaKey};
use sync_metadata::Value;
use sync_provider::{ApplyHandler, SyncProvider};
use sync_provider_sqlite::{Provisioning, SqliteProvider, TableChoice, Tables};
use tempfile::TempDir;
use uuid::Uuid;

use super::engine::{Engine, Layout, TestReplica};
use super::neutral::{SCOPE, TABLES, TableSpec};
use super::state::{Entry, GlobalVersion, State, entry_key};
use crate::support::{dump::open, scratch};

/// Makes replicas in files.
#[derive(Copy, Clone, Debug)]
pub struct Sqlite;

struct File {
    _folder: TempDir,
    path: PathBuf,
    id: ReplicaId,
    /// The application's connection, and the one to look through; the provider opens its own.
    db: Mutex<Connection>,
}

impl Engine for Sqlite {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    fn make(&self, layout: Layout) -> Box<dyn TestReplica> {
        let folder = scratch::folder();
        let path = folder.path().join("replica.db");
        let db = open(&path);
        for table in TABLES {
            db.execute_batch(&create(table, layout))
                .expect("the table can be made");
        }
        let choices = TABLES.iter().map(|table| TableChoice {
            table: table.name.to_owned(),
            global_name: None,
            columns: None,
        });
        let provisioned = Provisioning::new(SCOPE, Tables::Listed(choices.collect()))
            .apply(&path)
            .expect("the file can be provisioned");
        let id = ReplicaId::from_uuid(provisioned.replica);
        Box::new(File {
            _folder: folder,
            path,
            id,
            db: Mutex::new(db),
        })
    }
}

/// How the declaration of a key column ends.
const KEY: &str = " NOT NULL";

/// The statement that makes a table.
pub(super) fn create(table: &TableSpec, layout: Layout) -> String {
    let mut columns: Vec<String> = (table.columns.iter())
        .map(|(name, declared, _, key)| format!("{name} {declared}{}", if *key { KEY } else { "" }))
        .collect();
    if layout == Layout::OthersFirst {
        // Stable: the key columns keep their order among themselves.
        columns.reverse();
        columns.sort_by_key(|column| column.ends_with(KEY));
        let keys = table.key().count();
        let others = columns.len() - keys;
        columns[others..].reverse();
    }
    let rowid = if table.clustered {
        " WITHOUT ROWID"
    } else {
        ""
    };
    format!(
        "CREATE TABLE {} ({}, PRIMARY KEY ({})){rowid}",
        table.name,
        columns.join(", "),
        names(table.key().map(|column| table.columns[column].0)),
    )
}

/// Names in a list.
pub(super) fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

/// The condition that finds a key.
pub(super) fn key_is(table: &TableSpec, key: &[Value]) -> String {
    let terms = table.key().zip(key).map(|(column, value)| {
        let literal = match value {
            Value::Integer(number) => number.to_string(),
            Value::Text(text) => format!("'{}'", text.replace('\'', "''")),
            other => panic!("no key of the neutral schema is {other:?}"),
        };
        format!("{} = {literal}", table.columns[column].0)
    });
    terms.collect::<Vec<_>>().join(" AND ")
}

/// Inserts or updates a row as an application would.
pub(super) fn write_row(db: &Connection, spec: &TableSpec, row: &[Value]) {
    let key = spec.key_of(row);
    let columns = names(spec.columns.iter().map(|column| column.0));
    let holders = (1..=row.len())
        .map(|n| format!("?{n}"))
        .collect::<Vec<_>>()
        .join(", ");
    let exists = format!(
        "SELECT EXISTS (SELECT 1 FROM {} WHERE {})",
        spec.name,
        key_is(spec, &key)
    );
    let exists: bool = db.query_row(&exists, [], |row| row.get(0)).unwrap();
    let sql = if exists {
        format!(
            "UPDATE {} SET ({columns}) = ({holders}) WHERE {}",
            spec.name,
            key_is(spec, &key)
        )
    } else {
        format!("INSERT INTO {} ({columns}) VALUES ({holders})", spec.name)
    };
    let cells = rusqlite::params_from_iter(row.iter().map(Bound));
    assert_eq!(db.execute(&sql, cells).expect(&sql), 1);
}

/// Deletes a row as an application would.
pub(super) fn delete_row(db: &Connection, spec: &TableSpec, key: &[Value]) {
    let sql = format!("DELETE FROM {} WHERE {}", spec.name, key_is(spec, key));
    assert_eq!(db.execute(&sql, []).unwrap(), 1, "there was a row");
}

/// Gives a row another key, and other cells, as an application would.
pub(super) fn rekey_row(db: &Connection, spec: &TableSpec, key: &[Value], row: &[Value]) {
    let columns = names(spec.columns.iter().map(|column| column.0));
    let holders = (1..=row.len()).map(|n| format!("?{n}")).collect::<Vec<_>>();
    let sql = format!(
        "UPDATE {} SET ({columns}) = ({}) WHERE {}",
        spec.name,
        holders.join(", "),
        key_is(spec, key)
    );
    let cells = rusqlite::params_from_iter(row.iter().map(Bound));
    assert_eq!(db.execute(&sql, cells).expect(&sql), 1, "there was a row");
}

/// Makes every write of a row by a session fail, or lets it succeed again.
pub(super) fn reject_row(db: &Connection, spec: &TableSpec, key: &[Value], rejected: bool) {
    for (event, row) in [("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")] {
        let name = format!("\"reject {event} {} {key:?}\"", spec.name.to_lowercase());
        let name = format!("\"{}\"", name.replace('"', ""));
        let sql = if rejected {
            let qualified = key_is(spec, key)
                .split(" AND ")
                .map(|term| format!("{row}.{term}"))
                .collect::<Vec<_>>();
            format!(
                "CREATE TRIGGER {name} BEFORE {event} ON {} WHEN {} BEGIN SELECT RAISE(ABORT, 'rejected'); END",
                spec.name,
                qualified.join(" AND ")
            )
        } else {
            format!("DROP TRIGGER {name}")
        };
        db.execute_batch(&sql).expect(&sql);
    }
}

/// A cell to be bound.
struct Bound<'a>(&'a Value);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Owned(match self.0 {
            Value::Null => Cell::Null,
            Value::Integer(number) => Cell::Integer(*number),
            Value::Real(number) => Cell::Real(*number),
            Value::Text(text) => Cell::Text(text.to_string()),
            Value::Blob(bytes) => Cell::Blob(bytes.to_vec()),
            other => panic!("the neutral schema holds no {other:?}"),
        }))
    }
}

/// A cell as it was stored.
pub(super) fn value(row: &Row<'_>, column: usize) -> Value {
    match row.get(column).expect("the column is there") {
        Cell::Null => Value::Null,
        Cell::Integer(number) => Value::Integer(number),
        Cell::Real(number) => Value::Real(number),
        Cell::Text(text) => Value::Text(text),
        Cell::Blob(bytes) => Value::Blob(bytes),
    }
}

impl File {
    fn set_time(&self, db: &Connection, table: &TableSpec, key: &[Value], time: i64) {
        let sql = format!(
            "UPDATE {}_tracking SET last_change_datetime = ?1 WHERE {}",
            table.name,
            key_is(table, key)
        );
        db.execute(&sql, [time]).unwrap();
    }
}

impl TestReplica for File {
    fn provider(&self) -> Arc<dyn SyncProvider> {
        Arc::new(SqliteProvider::new(&self.path, SCOPE))
    }

    fn provider_with(&self, handler: Arc<dyn ApplyHandler>) -> Arc<dyn SyncProvider> {
        Arc::new(SqliteProvider::new(&self.path, SCOPE).with_handler(handler))
    }

    fn id(&self) -> ReplicaId {
        self.id.clone()
    }

    fn write(&self, table: usize, row: &[Value], time: i64) {
        let spec = &TABLES[table];
        let key = spec.key_of(row);
        let db = self.db.lock().unwrap();
        write_row(&db, spec, row);
        self.set_time(&db, spec, &key, time);
    }

    fn delete(&self, table: usize, key: &[Value], time: i64) {
        let spec = &TABLES[table];
        let db = self.db.lock().unwrap();
        delete_row(&db, spec, key);
        self.set_time(&db, spec, key, time);
    }

    fn rekey(&self, table: usize, key: &[Value], row: &[Value], time: i64) {
        let spec = &TABLES[table];
        let db = self.db.lock().unwrap();
        rekey_row(&db, spec, key, row);
        self.set_time(&db, spec, key, time);
        self.set_time(&db, spec, &spec.key_of(row), time);
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
            db,
        }))
    }

    fn reject(&self, table: usize, key: &[Value], rejected: bool) {
        reject_row(&self.db.lock().unwrap(), &TABLES[table], key, rejected);
    }

    fn state(&self) -> State {
        let db = self.db.lock().unwrap();
        let scope = "FROM scope_info WHERE sync_scope_name = ?1";
        let (own, bytes): (String, Option<Vec<u8>>) = db
            .query_row(
                &format!("SELECT scope_id, scope_sync_knowledge {scope}"),
                [SCOPE],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .unwrap();
        let own = ReplicaId::from_uuid(Uuid::parse_str(&own).unwrap());
        let mut knowledge = match bytes {
            Some(bytes) => Knowledge::from_bytes(&bytes).expect("the stored knowledge decodes"),
            None => Knowledge::new(own.clone()),
        };
        assert_eq!(*knowledge.key_map().own(), own);
        let mut entries = BTreeMap::new();
        let mut greatest = 0;
        for (table, spec) in TABLES.iter().enumerate() {
            read_table(&db, table, spec, &knowledge, &mut entries, &mut greatest);
        }
        knowledge.set_local_tick(greatest.max(knowledge.local_tick()));
        let waiting: i64 = db
            .query_row("SELECT count(*) FROM sync_waiting", [], |row| row.get(0))
            .unwrap();
        State {
            entries,
            knowledge,
            waiting: Some(usize::try_from(waiting).unwrap()),
        }
    }

    fn fingerprint(&self) -> Vec<u8> {
        std::fs::read(&self.path).expect("the file can be read")
    }

    fn clean_up(&self) -> bool {
        let knowledge = self.state().forgettable().to_bytes();
        let db = self.db.lock().unwrap();
        for table in TABLES {
            let sql = format!(
                "DELETE FROM {}_tracking WHERE sync_row_is_tombstone = 1",
                table.name
            );
            db.execute(&sql, []).unwrap();
        }
        db.execute(
            "UPDATE scope_info SET scope_tombstone_cleanup_knowledge = ?1",
            [knowledge],
        )
        .unwrap();
        true
    }
}

/// The row-version rule of Sync Framework's tracking tables, spelt out once more: what came through the scope has the scope's
/// key and tick, everything else is a change of this replica.
fn read_table(
    db: &Connection,
    table: usize,
    spec: &TableSpec,
    knowledge: &Knowledge,
    entries: &mut BTreeMap<(usize, String), Entry>,
    greatest: &mut u64,
) {
    let width = spec.columns.len();
    let keys: Vec<usize> = spec.key().collect();
    let sql = format!(
        "SELECT {}, {}, sync_row_is_tombstone, update_scope_local_id IS NULL, scope_update_peer_key, scope_update_peer_timestamp, \
         local_update_peer_timestamp, create_scope_local_id IS NULL, scope_create_peer_key, scope_create_peer_timestamp, \
         local_create_peer_timestamp, b.{} IS NOT NULL FROM {name}_tracking t LEFT JOIN {name} b USING ({})",
        names(spec.columns.iter().map(|column| column.0)),
        names(keys.iter().map(|&column| spec.columns[column].0)),
        spec.columns[keys[0]].0,
        names(keys.iter().map(|&column| spec.columns[column].0)),
        name = spec.name,
    );
    let mut statement = db.prepare(&sql).unwrap();
    let mut rows = statement.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let at = width + keys.len();
        let version = |first: usize| -> GlobalVersion {
            let local: bool = row.get(first).unwrap();
            if local {
                let tick: i64 = row.get(first + 3).unwrap();
                return (knowledge.key_map().own().clone(), tick.try_into().unwrap());
            }
            let (key, tick): (u32, i64) =
                (row.get(first + 1).unwrap(), row.get(first + 2).unwrap());
            let id = knowledge.key_map().id(ReplicaKey(key));
            (
                id.expect("the key is in the map").clone(),
                tick.try_into().unwrap(),
            )
        };
        let tombstone: bool = row.get(at).unwrap();
        let exists: bool = row.get(at + 9).unwrap();
        assert_eq!(
            exists, !tombstone,
            "a live tracking row has a base row, a tombstone none"
        );
        if row.get::<_, bool>(at + 1).unwrap() {
            *greatest = (*greatest).max(version(at + 1).1);
        }
        let key: Vec<Value> = (width..at).map(|column| value(row, column)).collect();
        let entry = Entry {
            row: (!tombstone).then(|| (0..width).map(|column| value(row, column)).collect()),
            update: version(at + 1),
            create: version(at + 5),
        };
        entries.insert(entry_key(table, &key), entry);
    }
    let count = |sql: String| -> i64 { db.query_row(&sql, [], |row| row.get(0)).unwrap() };
    let live = count(format!(
        "SELECT count(*) FROM {}_tracking WHERE sync_row_is_tombstone = 0",
        spec.name
    ));
    assert_eq!(
        live,
        count(format!("SELECT count(*) FROM {}", spec.name)),
        "every row is tracked"
    );
}

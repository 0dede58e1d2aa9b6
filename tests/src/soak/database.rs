//! A database of the community, looked at and written past the code under test.

use std::time::Duration;

use sync_knowledge::ReplicaId;
use sync_metadata::Value;

use super::plan::{Edit, FIRST_UNDOING, FIRST_UNIQUE, Place};
use crate::communities::Names;
use crate::support::engines::{Database, Engine};
use crate::support::member::{number, text};

const SCHEMA: &str =
    "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v NVARCHAR(10), u NVARCHAR(10) NOT NULL UNIQUE)";

/// The name of a scope.
pub(super) fn scope_name(scope: usize) -> String {
    format!("s{scope}")
}

/// A new database in these scopes, whose replicas have these ids.
pub(super) fn create(place: &Place, scopes: &[(usize, ReplicaId)]) -> Database {
    let engine = match place.on_server {
        true => Engine::SqlServer,
        false => Engine::Sqlite,
    };
    let db = engine.database();
    if place.wal && engine == Engine::Sqlite {
        db.query("PRAGMA journal_mode = WAL");
    }
    db.run(SCHEMA);
    if place.touchy {
        touchy(&db);
    }
    for (scope, id) in scopes {
        let name = scope_name(*scope);
        db.provision(&name, &["t"]);
        let id = id
            .as_uuid()
            .expect("the replicas of a community have GUIDs");
        db.run(&format!(
            "UPDATE scope_info SET scope_id = '{id}' WHERE sync_scope_name = '{name}'"
        ));
    }
    db
}

/// Sets up the trigger of a database that undoes the whole transaction for a content.
fn touchy(db: &Database) {
    let content = Names::content(FIRST_UNDOING);
    if db.engine() == Engine::SqlServer {
        db.run(&format!(
            "CREATE TRIGGER touchy ON t FOR INSERT, UPDATE AS BEGIN SET NOCOUNT ON; \
             IF EXISTS (SELECT 1 FROM inserted WHERE v = '{content}') THROW 50001, 'not this one', 1; END"
        ));
        return;
    }
    for event in ["INSERT", "UPDATE"] {
        db.run(&format!(
            "CREATE TRIGGER touchy_{event} BEFORE {event} ON t WHEN NEW.v = '{content}' BEGIN SELECT RAISE(ROLLBACK, 'not this one'); END"
        ));
    }
}

/// What became of a write.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Written {
    Done,
    /// There was nothing to change.
    Idle,
    /// A lock or a constraint was in the way.
    Refused,
}

/// Writes as an application does that does not wait.
pub(super) fn write(db: &Database, edit: Edit) -> Written {
    let Edit {
        item,
        content,
        time,
    } = edit;
    let here = match look(db, &format!("SELECT v FROM t WHERE id = {item}")) {
        Ok(rows) => rows.into_iter().next().map(|row| text(&row[0])),
        Err(()) => return Written::Refused,
    };
    let wanted = content.map(|content| Names::content(content).to_owned());
    let change = match (&here, &wanted) {
        (None, None) => return Written::Idle,
        (Some(here), Some(wanted)) if here == wanted => return Written::Idle,
        (Some(_), None) => format!("DELETE FROM t WHERE id = {item}"),
        (Some(_), Some(wanted)) => {
            format!(
                "UPDATE t SET v = '{wanted}', u = '{}' WHERE id = {item}",
                unique(edit)
            )
        }
        (None, Some(wanted)) => format!(
            "INSERT INTO t VALUES ({item}, '{wanted}', '{}')",
            unique(edit)
        ),
    };
    let clock = db
        .engine()
        .either("last_change_datetime", "sync_write_time");
    let clock = format!("UPDATE t_tracking SET {clock} = {time} WHERE id = {item}");
    let done = match db.path() {
        Some(path) => {
            let own = rusqlite::Connection::open(path).expect("the file opens");
            own.busy_timeout(Duration::ZERO).expect("it can be set");
            let done = own.execute_batch(&format!("BEGIN IMMEDIATE; {change}; {clock}; COMMIT"));
            done.is_ok()
        }
        None => {
            let batch = format!(
                "SET LOCK_TIMEOUT 50; BEGIN TRY BEGIN TRANSACTION; {change}; {clock}; COMMIT TRANSACTION; END TRY \
                 BEGIN CATCH IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION; THROW; END CATCH"
            );
            db.try_run(&batch).is_ok()
        }
    };
    match done {
        true => Written::Done,
        false => Written::Refused,
    }
}

/// A value that only one row can have, or one that no other row wants.
fn unique(edit: Edit) -> String {
    match edit.content {
        Some(content) if content >= FIRST_UNIQUE => Names::content(content).to_owned(),
        _ => format!("i{}", edit.item),
    }
}

/// Rows of the application that hold a value which another row may want: their items.
pub(super) fn holding_unique(db: &Database) -> Vec<(usize, u8)> {
    let rows = db.query("SELECT id, v FROM t ORDER BY id").into_iter();
    let rows = rows.filter_map(|row| {
        let content = Names::content_of(&text(&row[1]))?;
        Some((number(&row[0])? as usize, content))
    });
    rows.filter(|(_, content)| *content >= FIRST_UNIQUE)
        .collect()
}

/// The contents of all rows, as letters by item.
pub(super) fn contents(db: &Database, items: usize) -> String {
    let rows = db.query("SELECT id, v FROM t");
    let at = |item: usize| {
        let mut rows = rows.iter();
        let row = rows.find(|row| number(&row[0]) == Some(item as i64));
        row.map_or("-".to_owned(), |row| text(&row[1]))
    };
    (0..items).map(at).collect()
}

/// The rows of a query, unless a lock is in the way.
fn look(db: &Database, sql: &str) -> Result<Vec<Vec<Value>>, ()> {
    let Some(path) = db.path() else {
        return match db.try_run(&format!("SET LOCK_TIMEOUT 50; {sql}")) {
            Ok(()) => Ok(db.query(sql)),
            Err(_) => Err(()),
        };
    };
    let own = rusqlite::Connection::open(path).expect("the file opens");
    own.busy_timeout(Duration::ZERO).expect("it can be set");
    let cells = |row: &rusqlite::Row<'_>| Ok(vec![Value::Text(row.get(0)?)]);
    let found = own.prepare(sql).and_then(|mut statement| {
        let rows = statement.query_map([], cells)?;
        rows.collect()
    });
    found.map_err(drop)
}

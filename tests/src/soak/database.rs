//! A database of the community, looked at and written past the code under test.

use std::time::Duration;

use sync_knowledge::{Knowledge, ReplicaId, ReplicaKey};
use sync_metadata::{Value, ValueRef};
use sync_provider::RowSet;

use super::plan::{Edit, FIRST_UNIQUE, Place};
use crate::communities::{Names, Row, View};
use crate::support::engines::{Database, Engine};

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

/// What a database shows of itself in a scope.
pub(super) fn view(db: &Database, scope: usize, own: &ReplicaId) -> View {
    let name = scope_name(scope);
    let stored = db.query(&format!(
        "SELECT scope_local_id, scope_sync_knowledge FROM scope_info WHERE sync_scope_name = '{name}'"
    ));
    let local_id = number(&stored[0][0]).expect("a scope has a number");
    let mut knowledge = match &stored[0][1] {
        Value::Blob(bytes) => Knowledge::from_bytes(bytes).expect("knowledge can be read"),
        _ => Knowledge::new(own.clone()),
    };
    assert_eq!(knowledge.key_map().own(), own);
    let id = |key: i64| match u32::try_from(key).expect("a key is no negative number") {
        0 => own.clone(),
        key => knowledge
            .key_map()
            .id(ReplicaKey(key))
            .expect("the key is in the map")
            .clone(),
    };
    let time = db.engine().either(
        "CASE WHEN update_scope_local_id IS NULL THEN last_change_datetime ELSE sync_write_time END",
        "sync_write_time",
    );
    // What came through the scope has the scope's key and tick; to this scope all else is a change made here.
    let version = |kind: &str| {
        format!(
            "CASE WHEN {kind}_scope_local_id = {local_id} THEN scope_{kind}_peer_key ELSE 0 END, \
             CASE WHEN {kind}_scope_local_id = {local_id} THEN scope_{kind}_peer_timestamp ELSE CAST(local_{kind}_peer_timestamp AS bigint) END"
        )
    };
    let sql = format!(
        "SELECT t_tracking.id, v, {}, {}, {time}, CASE WHEN update_scope_local_id = {local_id} THEN sync_writer END, \
         CAST(local_update_peer_timestamp AS bigint) FROM t_tracking LEFT JOIN t ON t.id = t_tracking.id",
        version("update"),
        version("create"),
    );
    let mut greatest = 0;
    let mut rows = Vec::new();
    for row in db.query(&sql) {
        let version = |first: usize| {
            let tick = number(&row[first + 1]).expect("a version has a tick");
            (
                id(number(&row[first]).expect("a version has a key")),
                tick as u64,
            )
        };
        greatest = greatest.max(number(&row[8]).expect("a tracking row has a tick"));
        let update = version(2);
        rows.push((
            number(&row[0]).expect("an item is a number") as usize,
            Row {
                content: Names::content_of(&text(&row[1])),
                create: version(4),
                time: number(&row[6]),
                writer: Some(number(&row[7]).map_or_else(|| update.0.clone(), id)),
                update,
            },
        ));
    }
    // What a source would claim of itself now: all that is stamped, and the mark.
    let mark = db.number(db.engine().either(
        "SELECT tick - 1 FROM sync_tick",
        "SELECT CONVERT(bigint, MIN_ACTIVE_ROWVERSION()) - 1",
    ));
    knowledge.set_local_tick(mark.max(greatest) as u64);
    let sources = format!(
        "SELECT count(*) FROM sync_scope WHERE was_source = 1 AND scope_local_id = {local_id}"
    );
    let waiting = db.query(&format!(
        "SELECT row_key FROM sync_waiting WHERE scope_local_id = {local_id}"
    ));
    let mut waiting: Vec<usize> = waiting.iter().map(|row| item(&row[0])).collect();
    waiting.sort_unstable();
    View {
        rows,
        newcomer: db.number(&sources) == 0 && knowledge.max_tick_where(|id| id != own) == 0,
        knowledge,
        waiting,
    }
}

fn item(key: &Value) -> usize {
    let Value::Blob(packed) = key else {
        panic!("{key:?} is no key")
    };
    let mut key = RowSet::new(1);
    assert!(key.push_encoded(packed));
    let item = match key.row(0).values().next() {
        Some(ValueRef::Integer(item)) => item,
        other => panic!("{other:?} is no item"),
    };
    item as usize
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

fn text(value: &Value) -> String {
    match value {
        Value::Text(text) => text.to_string(),
        _ => String::new(),
    }
}

fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Integer(number) => Some(*number),
        _ => None,
    }
}

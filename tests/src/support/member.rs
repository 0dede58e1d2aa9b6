//! A database as a member of a community, read past the code under test.

use sync_knowledge::{Knowledge, ReplicaId, ReplicaKey};
use sync_metadata::{Value, ValueRef};
use sync_provider::RowSet;

use crate::communities::{Names, Row, View};
use crate::support::engines::Database;

/// What a database with the table `t (id, v, …)` shows of itself in a scope, as the member of a community that has this id.
///
/// # Panics
/// If the metadata is no such thing.
pub fn view(db: &Database, name: &str, own: &ReplicaId) -> View {
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
        pristine: db.number(&sources) == 0 && knowledge.max_tick_where(|id| id != own) == 0,
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

/// The text of a cell; nothing where it has none.
pub fn text(value: &Value) -> String {
    match value {
        Value::Text(text) => text.to_string(),
        _ => String::new(),
    }
}

/// The number in a cell.
pub fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Integer(number) => Some(*number),
        _ => None,
    }
}

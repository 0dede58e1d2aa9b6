//! A sample of the enumerated communities on databases: the histories that the in-memory replicas go through, on the real things, alone and
//! mixed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on panics"
)]

use std::sync::{Arc, Mutex, PoisonError};

use sync_knowledge::{Knowledge, ReplicaId, ReplicaKey};
use sync_metadata::{Value, ValueRef};
use sync_orchestrator::SyncDirectionOrder;
use sync_provider::memory::Direction;
use sync_provider::{ConflictRecord, Position, RowSet};
use sync_tests::communities::{Member, Names, Row, View, replay_histories};
use sync_tests::support::engines::{Database, Engine, server};
use sync_tests::support::faulty::{Countdown, FaultyProvider, Refused};
use sync_tests::support::session::Session;

use Engine::{SqlServer, Sqlite};

/// A replica in a database of its own.
struct Replica {
    /// `None` only when it is being dropped.
    db: Option<Database>,
    own: ReplicaId,
    refused: Refused,
    shelf: Arc<Shelf>,
}

/// Provisioned databases that nobody uses: making one costs a server more than a history.
#[derive(Default)]
struct Shelf(Mutex<Vec<Database>>);

impl Shelf {
    fn take(&self, engine: Engine) -> Database {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = idle.iter().position(|db| db.engine() == engine);
        match found {
            Some(index) => idle.swap_remove(index),
            None => engine.provisioned(
                "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v NVARCHAR(10))",
                &["t"],
            ),
        }
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        let Some(db) = self.db.take() else { return };
        if std::thread::panicking() || db.engine() == Sqlite {
            return;
        }
        db.run(
            "DELETE FROM t; DELETE FROM t_tracking; DELETE FROM sync_waiting; UPDATE sync_scope SET was_source = 0; \
             UPDATE scope_info SET scope_sync_knowledge = NULL",
        );
        let mut idle = self.shelf.0.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(db);
    }
}

impl Replica {
    fn new(shelf: &Arc<Shelf>, engine: Engine, own: &ReplicaId) -> Replica {
        let db = shelf.take(engine);
        // The laws know the replicas by the ids of the community.
        let id = own
            .as_uuid()
            .expect("the replicas of a community have GUIDs");
        db.run(&format!("UPDATE scope_info SET scope_id = '{id}'"));
        Replica {
            db: Some(db),
            own: own.clone(),
            refused: Refused::default(),
            shelf: Arc::clone(shelf),
        }
    }

    fn db(&self) -> &Database {
        self.db.as_ref().expect("it is there until it is dropped")
    }

    fn set_time(&self, item: usize, time: i64) {
        let column = self
            .db()
            .engine()
            .either("last_change_datetime", "sync_write_time");
        self.db().run(&format!(
            "UPDATE t_tracking SET {column} = {time} WHERE id = {item}"
        ));
    }

    fn waiting(&self) -> Vec<usize> {
        let rows = self
            .db()
            .query("SELECT row_key FROM sync_waiting")
            .into_iter();
        let item = |row: Vec<Value>| {
            let Value::Blob(packed) = &row[0] else {
                panic!("{row:?} is no key")
            };
            let mut key = RowSet::new(1);
            assert!(key.push_encoded(packed));
            match key.row(0).values().next() {
                Some(ValueRef::Integer(item)) => item as usize,
                other => panic!("{other:?} is no item"),
            }
        };
        let mut items: Vec<usize> = rows.map(item).collect();
        items.sort_unstable();
        items
    }

    fn provider(&self) -> Arc<FaultyProvider> {
        self.db().settle(&["t"]);
        let provider = FaultyProvider::new(self.db().opens("s"), &Countdown::never());
        Arc::new(provider.refusing(&self.refused))
    }
}

impl Member for Replica {
    fn write(&mut self, item: usize, content: u8, time: i64) {
        let content = Names::content(content);
        let found = self
            .db()
            .query(&format!("SELECT v FROM t WHERE id = {item}"));
        let sql = match found.first() {
            Some(row) if row[0] == Value::Text(content.into()) => return,
            Some(_) => format!("UPDATE t SET v = '{content}' WHERE id = {item}"),
            None => format!("INSERT INTO t VALUES ({item}, '{content}')"),
        };
        self.db().run(&sql);
        self.set_time(item, time);
    }

    fn delete(&mut self, item: usize, time: i64) {
        let there = format!("SELECT count(*) FROM t WHERE id = {item}");
        if self.db().number(&there) == 1 {
            self.db().run(&format!("DELETE FROM t WHERE id = {item}"));
            self.set_time(item, time);
        }
    }

    fn reject(&mut self, item: usize, rejected: bool) -> bool {
        // The laws refuse whatever a session stores of a row, a version alone included, of which constraints know nothing.
        let mut key = RowSet::new(1);
        key.push([ValueRef::Integer(item as i64)]);
        let row = (0, key.row(0).as_bytes().to_vec());
        let mut refused = self.refused.lock().unwrap();
        match rejected {
            true => refused.insert(row),
            false => refused.remove(&row),
        };
        true
    }

    fn transfer(
        source: &mut Self,
        destination: &mut Self,
        direction: &Direction,
    ) -> Result<Vec<ConflictRecord>, String> {
        let session = match direction.position {
            Position::Remote => Session::new(source.provider(), destination.provider())
                .direction(SyncDirectionOrder::Upload),
            Position::Local => Session::new(destination.provider(), source.provider())
                .direction(SyncDirectionOrder::Download),
        };
        let report = session.policy(direction.policy.clone()).try_run();
        Ok(report.map_err(|failure| failure.to_string())?.records)
    }

    fn view(&self) -> View {
        let db = self.db();
        let stored = db.query("SELECT scope_sync_knowledge FROM scope_info");
        let mut knowledge = match &stored[0][0] {
            Value::Blob(bytes) => Knowledge::from_bytes(bytes).unwrap(),
            _ => Knowledge::new(self.own.clone()),
        };
        let own = knowledge.key_map().own().clone();
        assert_eq!(own, self.own);
        let id = |key: i64| match u32::try_from(key).expect("a key is no negative number") {
            0 => own.clone(),
            key => {
                let id = knowledge.key_map().id(ReplicaKey(key));
                id.expect("the key is in the map").clone()
            }
        };
        let time = db.engine().either(
            "CASE WHEN update_scope_local_id IS NULL THEN last_change_datetime ELSE sync_write_time END",
            "sync_write_time",
        );
        // A change of this replica has its own tick, what came through the scope the scope's key and tick.
        let version = |kind: &str| {
            format!(
                "CASE WHEN {kind}_scope_local_id IS NULL THEN 0 ELSE scope_{kind}_peer_key END, \
                 CASE WHEN {kind}_scope_local_id IS NULL THEN CAST(local_{kind}_peer_timestamp AS bigint) ELSE scope_{kind}_peer_timestamp END"
            )
        };
        let sql = format!(
            "SELECT t_tracking.id, v, {}, {}, {time}, CASE WHEN update_scope_local_id IS NOT NULL THEN sync_writer END, \
             CAST(local_update_peer_timestamp AS bigint) FROM t_tracking LEFT JOIN t ON t.id = t_tracking.id",
            version("update"),
            version("create"),
        );
        let mut greatest = 0;
        let mut rows = Vec::new();
        for row in db.query(&sql) {
            let number = |column: usize| match row[column] {
                Value::Integer(number) => Some(number),
                _ => None,
            };
            let version = |first: usize| {
                let tick = number(first + 1).expect("a version has a tick");
                let key = number(first).expect("a version has a key");
                (id(key), tick as u64)
            };
            greatest = greatest.max(number(8).expect("a tracking row has a tick"));
            let content = match &row[1] {
                Value::Text(text) => Names::content_of(text),
                _ => None,
            };
            let update = version(2);
            rows.push((
                number(0).expect("an item is a number") as usize,
                Row {
                    content,
                    create: version(4),
                    time: number(6),
                    writer: Some(number(7).map_or_else(|| update.0.clone(), id)),
                    update,
                },
            ));
        }
        // What a source would claim of itself now: all that is stamped, and the mark that it claimed last or would claim.
        let mark = db.number(db.engine().either(
            "SELECT tick - 1 FROM sync_tick",
            "SELECT CONVERT(bigint, MIN_ACTIVE_ROWVERSION()) - 1",
        ));
        knowledge.set_local_tick(mark.max(greatest) as u64);
        let sources = "SELECT count(*) FROM sync_scope WHERE was_source = 1";
        View {
            rows,
            newcomer: db.number(sources) == 0 && knowledge.max_tick_where(|id| *id != own) == 0,
            knowledge,
            waiting: self.waiting(),
        }
    }
}

/// Goes through `histories` of the sample, with and without rows that fail, over replicas on these engines.
fn check(engines: [Engine; 3], histories: u64) {
    let ids = Names::new(3, 2).unwrap().replicas;
    let shelf = Arc::new(Shelf::default());
    let make = |index: usize| Replica::new(&shelf, engines[index], &ids[index]);
    for faults in [false, true] {
        let census = replay_histories(make, 0..histories, faults)
            .unwrap_or_else(|failure| panic!("{engines:?}, faults {faults}: {failure}"));
        assert_eq!(census.histories, histories);
        eprintln!("{engines:?}, faults {faults}: {census}");
    }
}

/// As many as a debug build goes through in some twenty seconds on two cores.
#[test]
fn files() {
    check([Sqlite; 3], 150);
}

/// One history under each policy.
const ON_A_SERVER: u64 = 6;

/// The path and the triangle of a history go through every replica; here one is on a server, there two.
#[test]
fn a_server_among_files_and_a_file_among_servers() {
    if server("communities").is_none() {
        return;
    }
    check([Sqlite, SqlServer, Sqlite], ON_A_SERVER);
    check([SqlServer, Sqlite, SqlServer], ON_A_SERVER);
}

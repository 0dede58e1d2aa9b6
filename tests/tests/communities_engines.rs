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

use sync_knowledge::ReplicaId;
use sync_metadata::{Value, ValueRef};
use sync_orchestrator::SyncDirectionOrder;
use sync_provider::{ConflictRecord, Position, RowSet};
use sync_provider_memory::Direction;
use sync_tests::communities::{Member, Names, View, replay_histories};
use sync_tests::support::engines::{Database, Engine, server};
use sync_tests::support::faulty::{Countdown, FaultyProvider, Refused};
use sync_tests::support::member::view;
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
        view(self.db(), "s", &self.own)
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

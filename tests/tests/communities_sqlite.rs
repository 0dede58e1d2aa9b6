//! A sample of the enumerated communities on SQLite files: the histories that the in-memory replicas go through, on the real thing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on panics"
)]

use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::{Connection, params};
use sync_knowledge::{Knowledge, ReplicaId, ReplicaKey};
use sync_metadata::ValueRef;
use sync_orchestrator::SyncDirectionOrder;
use sync_provider::memory::Direction;
use sync_provider::{ConflictRecord, Position, RowSet};
use sync_provider_sqlite::{Provisioning, TableChoice, Tables};
use sync_tests::communities::{Member, Names, Row, View, replay_histories};
use sync_tests::support::dump::open;
use sync_tests::support::faulty::{Countdown, FaultyProvider, Refused};
use sync_tests::support::scratch;
use sync_tests::support::session::Session;
use tempfile::TempDir;

/// A replica in a file of its own.
struct File {
    _folder: TempDir,
    path: PathBuf,
    db: Connection,
    refused: Refused,
}

impl File {
    fn new(id: &ReplicaId) -> File {
        let folder = scratch::folder();
        let path = folder.path().join("replica.db");
        let db = open(&path);
        db.execute_batch("CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v NVARCHAR(10))")
            .unwrap();
        let choice = TableChoice {
            table: "t".to_owned(),
            global_name: Some("[t]".to_owned()),
            columns: None,
        };
        Provisioning::new("communities", Tables::Listed(vec![choice]))
            .apply(&path)
            .unwrap();
        // The laws know the replicas by the ids of the community.
        let id = id
            .as_uuid()
            .expect("the replicas of a community have GUIDs")
            .to_string();
        db.execute("UPDATE scope_info SET scope_id = ?1", [id])
            .unwrap();
        File {
            _folder: folder,
            path,
            db,
            refused: Refused::default(),
        }
    }

    fn set_time(&self, item: usize, time: i64) {
        self.db
            .execute(
                "UPDATE t_tracking SET last_change_datetime = ?2 WHERE id = ?1",
                params![item as i64, time],
            )
            .unwrap();
    }

    fn waiting(&self) -> Vec<usize> {
        let mut statement = self.db.prepare("SELECT row_key FROM sync_waiting").unwrap();
        let keys = statement.query_map([], |row| row.get(0)).unwrap();
        let mut items: Vec<usize> = keys
            .map(|packed: rusqlite::Result<Vec<u8>>| {
                let mut key = RowSet::new(1);
                assert!(key.push_encoded(&packed.unwrap()));
                match key.row(0).values().next() {
                    Some(ValueRef::Integer(item)) => item as usize,
                    other => panic!("{other:?} is no item"),
                }
            })
            .collect();
        items.sort_unstable();
        items
    }

    fn own_id(&self) -> ReplicaId {
        let id: String = self
            .db
            .query_row("SELECT scope_id FROM scope_info", [], |row| row.get(0))
            .unwrap();
        ReplicaId::from_uuid(uuid::Uuid::parse_str(&id).unwrap())
    }
}

impl Member for File {
    fn write(&mut self, item: usize, content: u8, time: i64) {
        let sql = "INSERT INTO t VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET v = excluded.v WHERE v IS NOT excluded.v";
        if self
            .db
            .execute(sql, params![item as i64, Names::content(content)])
            .unwrap()
            > 0
        {
            self.set_time(item, time);
        }
    }

    fn delete(&mut self, item: usize, time: i64) {
        if self
            .db
            .execute("DELETE FROM t WHERE id = ?1", [item as i64])
            .unwrap()
            > 0
        {
            self.set_time(item, time);
        }
    }

    fn reject(&mut self, item: usize, rejected: bool) -> bool {
        // The laws refuse whatever a session stores of a row, a version alone included, of which SQLite's constraints know nothing.
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
        let provider = |file: &File| {
            let provider = FaultyProvider::new(&file.path, "communities", &Countdown::never());
            Arc::new(provider.refusing(&file.refused))
        };
        let session = match direction.position {
            Position::Remote => Session::new(provider(source), provider(destination))
                .direction(SyncDirectionOrder::Upload),
            Position::Local => Session::new(provider(destination), provider(source))
                .direction(SyncDirectionOrder::Download),
        };
        let report = session.policy(direction.policy.clone()).try_run();
        Ok(report.map_err(|failure| failure.to_string())?.records)
    }

    fn view(&self) -> View {
        let bytes: Option<Vec<u8>> = self
            .db
            .query_row("SELECT scope_sync_knowledge FROM scope_info", [], |row| {
                row.get(0)
            })
            .unwrap();
        let mut knowledge = match bytes {
            Some(bytes) => Knowledge::from_bytes(&bytes).unwrap(),
            None => Knowledge::new(self.own_id()),
        };
        let id = |local: bool, key: Option<u32>| match (local, key) {
            (false, Some(key)) => knowledge
                .key_map()
                .id(ReplicaKey(key))
                .expect("the key is in the map")
                .clone(),
            _ => knowledge.key_map().own().clone(),
        };
        let sql = "SELECT id, v, sync_row_is_tombstone, update_scope_local_id IS NULL, scope_update_peer_key, scope_update_peer_timestamp, \
                   local_update_peer_timestamp, create_scope_local_id IS NULL, scope_create_peer_key, scope_create_peer_timestamp, \
                   local_create_peer_timestamp, last_change_datetime, sync_write_time, sync_writer FROM t_tracking LEFT JOIN t USING (id)";
        let mut statement = self.db.prepare(sql).unwrap();
        let mut greatest = 0;
        let mut found = statement.query([]).unwrap();
        let mut rows = Vec::new();
        while let Some(row) = found.next().unwrap() {
            let local: bool = row.get(3).unwrap();
            let version = |first: usize| {
                let local: bool = row.get(first).unwrap();
                let tick: i64 = row.get(if local { first + 3 } else { first + 2 }).unwrap();
                (id(local, row.get(first + 1).unwrap()), tick as u64)
            };
            greatest = greatest.max(row.get::<_, i64>(6).unwrap());
            let text: Option<String> = row.get(1).unwrap();
            let writer: Option<u32> = if local { None } else { row.get(13).unwrap() };
            rows.push((
                row.get::<_, i64>(0).unwrap() as usize,
                Row {
                    content: text.as_deref().and_then(Names::content_of),
                    create: version(7),
                    update: version(3),
                    time: row.get(if local { 11 } else { 12 }).unwrap(),
                    writer: Some(id(local, writer.or(row.get(4).unwrap()))),
                },
            ));
        }
        let number = |sql: &str| -> i64 { self.db.query_row(sql, [], |row| row.get(0)).unwrap() };
        // What a source would claim of itself now: all that is stamped, and the mark that it claimed last.
        let mark = number("SELECT tick - 1 FROM sync_tick").max(greatest);
        knowledge.set_local_tick(mark as u64);
        let was_source = number("SELECT coalesce(max(was_source), 0) FROM sync_scope") == 1;
        let own = knowledge.key_map().own().clone();
        View {
            rows,
            newcomer: !was_source && knowledge.max_tick_where(|id| *id != own) == 0,
            knowledge,
            waiting: self.waiting(),
        }
    }
}

/// As many as a debug build goes through in some twenty seconds on two cores.
const HISTORIES: u64 = 150;

#[test]
fn a_sample_of_histories() {
    let ids = Names::new(3, 2).unwrap().replicas;
    for faults in [false, true] {
        let census = replay_histories(|index| File::new(&ids[index]), 0..HISTORIES, faults)
            .unwrap_or_else(|failure| panic!("faults {faults}: {failure}"));
        assert_eq!(census.histories, HISTORIES);
    }
}

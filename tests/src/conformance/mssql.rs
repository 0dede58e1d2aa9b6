//! Databases of a SQL Server. Everything is read back with SQL over a connection of its own.
//!
//! Making a database and provisioning it costs more than most scenarios; so a database that a scenario is done with is emptied and
//! handed to the next one, under a new replica id.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use sync_knowledge::{Knowledge, ReplicaId, ReplicaKey};
use sync_metadata::Value;
use sync_provider::{ApplyHandler, SyncProvider};
use sync_provider_mssql::{Execution, MssqlProvider, Provisioning, TableChoice, Tables};
use tiberius::Row;

use super::engine::{Ability, Engine, Layout, TestReplica};
use super::neutral::{SCOPE, TABLES, TableSpec};
use super::on_server::{
    self, Databases, Rejections, columns, create, key_is, key_type, literal, number, settled,
    text_of,
};
use super::state::{Entry, GlobalVersion, State, entry_key};
use crate::support::blocking::{BlockingDatabase, value};
use crate::support::msf;

/// Makes replicas on a server.
#[derive(Debug)]
pub struct Mssql {
    databases: Arc<Databases>,
    making: Making,
}

/// Who provisioned the databases, and how they are synchronised.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Making {
    /// We did.
    Ours,
    /// Sync Framework did, and they stay as they are: without our columns, without our tables.
    Msf(Execution),
}

struct Replica {
    databases: Arc<Databases>,
    making: Making,
    layout: Layout,
    /// `None` only when it is being dropped.
    db: Option<Arc<BlockingDatabase>>,
    id: ReplicaId,
    rejections: Rejections,
}

impl Mssql {
    /// On the server that the environment names; `None` where it names none, after saying so.
    pub fn new(test: &str, making: Making) -> Option<Self> {
        let databases = Arc::new(Databases::new(test)?);
        Some(Mssql { databases, making })
    }
}

impl Engine for Mssql {
    fn name(&self) -> &'static str {
        match self.making {
            Making::Ours => "mssql",
            Making::Msf(Execution::Procedures) => "msf (procedures)",
            Making::Msf(_) => "msf",
        }
    }

    fn make(&self, layout: Layout) -> Box<dyn TestReplica> {
        let db = self
            .databases
            .take(layout, || provisioned(layout, self.making));
        let sql = format!(
            "SELECT CONVERT(nvarchar(36), scope_id) FROM scope_info WHERE sync_scope_name = N'{SCOPE}'"
        );
        let id = text_of(db.rows(&sql).remove(0).into_iter().next().unwrap());
        Box::new(Replica {
            databases: Arc::clone(&self.databases),
            making: self.making,
            layout,
            db: Some(Arc::new(db)),
            id: ReplicaId::from_uuid(id.parse().unwrap()),
            rejections: Rejections::default(),
        })
    }

    /// Sync Framework's triggers do not follow keys, and its tables have no place for what else there is.
    fn lacks(&self) -> &'static [Ability] {
        use Ability::{FollowKeys, KnowWriters, MindBlanks, Rehearse, Remember};
        match self.making {
            Making::Ours => &[MindBlanks],
            Making::Msf(Execution::Procedures) => {
                &[MindBlanks, FollowKeys, KnowWriters, Remember, Rehearse]
            }
            Making::Msf(_) => &[MindBlanks, FollowKeys, KnowWriters, Remember],
        }
    }

    fn holds(&self, value: &Value) -> bool {
        self.databases.hold(value)
    }
}

fn provisioned(layout: Layout, making: Making) -> BlockingDatabase {
    let db = BlockingDatabase::new("conformance").expect("the server was there before");
    for table in TABLES {
        db.rows(&create(table, layout, &[]));
    }
    match making {
        Making::Ours => {
            let choices = TABLES.iter().map(|table| TableChoice {
                table: table.name.to_owned(),
                global_name: None,
                columns: None,
            });
            db.provision(&Provisioning::new(SCOPE, Tables::Listed(choices.collect())));
        }
        Making::Msf(_) => {
            let tables: Vec<msf::Table> =
                TABLES.iter().map(|table| as_msf(table, layout)).collect();
            for batch in msf::provision(SCOPE, &tables, msf::Options::default()) {
                db.rows(&batch);
            }
        }
    }
    db
}

/// A table as the description of Sync Framework's provisioning wants it. Its columns are leaked: there are ten lists of them at most.
fn as_msf(table: &TableSpec, layout: Layout) -> msf::Table {
    let columns = columns(table, layout)
        .into_iter()
        .map(|(name, _, sql_type, key)| match key {
            true => msf::Column(name, key_type(sql_type), msf::Kind::Key),
            false => msf::Column(name, sql_type, msf::Kind::Null),
        });
    msf::Table {
        name: table.name,
        columns: Vec::leak(columns.collect()),
    }
}

/// Empties a database and makes it another replica.
fn anew(db: &BlockingDatabase, making: Making) {
    let mut sql = String::new();
    for table in TABLES {
        let name = table.name;
        let _ = write!(
            sql,
            "IF OBJECT_ID(N'Held_{name}') IS NOT NULL DROP TABLE Held_{name}; DELETE FROM [{name}]; DELETE FROM {name}_tracking; "
        );
    }
    if making == Making::Ours {
        sql.push_str("DELETE FROM sync_waiting; UPDATE sync_scope SET was_source = 0; ");
    }
    sql.push_str(
        "UPDATE scope_info SET scope_id = NEWID(), scope_sync_knowledge = NULL, scope_tombstone_cleanup_knowledge = NULL",
    );
    db.rows(&sql);
}

impl Replica {
    fn db(&self) -> &BlockingDatabase {
        self.db.as_ref().expect("it is there until it is dropped")
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        let Some(db) = self.db.take() else { return };
        if !std::thread::panicking() {
            self.rejections.release(&db);
        }
        self.databases
            .give_back(self.layout, db, |db| anew(db, self.making));
    }
}

impl Replica {
    fn bare_provider(&self) -> MssqlProvider {
        let execution = match self.making {
            Making::Ours => Execution::Slices,
            Making::Msf(execution) => execution,
        };
        self.db().provider(SCOPE).with_execution(execution)
    }

    fn settled(&self, provider: MssqlProvider) -> Arc<dyn SyncProvider> {
        let db = self.db.as_ref().expect("it is there until it is dropped");
        let ticks = TABLES.iter().map(|table| {
            format!(
                "SELECT CONVERT(bigint, MAX(local_update_peer_timestamp)) AS tick FROM {}_tracking",
                table.name
            )
        });
        let ticks = ticks.collect::<Vec<_>>().join(" UNION ALL ");
        settled(db, ticks, Arc::new(provider))
    }

    /// The statement that makes a write one of this time, where such a thing is kept.
    fn at(&self, spec: &TableSpec, key: &[Value], time: i64) -> String {
        match self.making {
            Making::Ours => format!(
                "UPDATE {}_tracking SET sync_write_time = {time} WHERE {}; ",
                spec.name,
                key_is(spec, key)
            ),
            Making::Msf(_) => String::new(),
        }
    }
}

impl TestReplica for Replica {
    fn provider(&self) -> Arc<dyn SyncProvider> {
        self.settled(self.bare_provider())
    }

    fn provider_with(&self, handler: Arc<dyn ApplyHandler>) -> Arc<dyn SyncProvider> {
        self.settled(self.bare_provider().with_handler(handler))
    }

    fn id(&self) -> ReplicaId {
        self.id.clone()
    }

    fn write(&self, table: usize, row: &[Value], time: i64) {
        let spec = &TABLES[table];
        let at = self.at(spec, &spec.key_of(row), time);
        on_server::write(self.db(), spec, row, &at);
    }

    fn delete(&self, table: usize, key: &[Value], time: i64) {
        let spec = &TABLES[table];
        on_server::delete(self.db(), spec, key, &self.at(spec, key, time));
    }

    fn rekey(&self, table: usize, key: &[Value], row: &[Value], time: i64) {
        let spec = &TABLES[table];
        let at = self.at(spec, key, time) + &self.at(spec, &spec.key_of(row), time);
        on_server::rekey(self.db(), spec, key, row, &at);
    }

    fn reject(&self, table: usize, key: &[Value], rejected: bool) {
        self.rejections.set(self.db(), table, key, rejected);
    }

    fn state(&self) -> State {
        let sql = format!(
            "SELECT CONVERT(nvarchar(36), scope_id), scope_sync_knowledge FROM scope_info WHERE sync_scope_name = N'{SCOPE}'"
        );
        let mut cells = self.db().rows(&sql).remove(0).into_iter();
        let own = ReplicaId::from_uuid(text_of(cells.next().unwrap()).parse().unwrap());
        let mut knowledge = match cells.next().map(value) {
            Some(Value::Blob(bytes)) => {
                Knowledge::from_bytes(&bytes).expect("the stored knowledge decodes")
            }
            _ => Knowledge::new(own.clone()),
        };
        assert_eq!(*knowledge.key_map().own(), own);
        let mut entries = BTreeMap::new();
        let mut greatest = 0;
        for (table, spec) in TABLES.iter().enumerate() {
            self.read_table(table, spec, &knowledge, &mut entries, &mut greatest);
        }
        knowledge.set_local_tick(greatest.max(knowledge.local_tick()));
        State {
            entries,
            knowledge,
            waiting: (self.making == Making::Ours).then(|| {
                usize::try_from(number(self.db(), "SELECT COUNT(*) FROM sync_waiting")).unwrap()
            }),
        }
    }

    fn fingerprint(&self) -> Vec<u8> {
        let own: &[&str] = match self.making {
            Making::Ours => &["scope_info", "sync_scope", "sync_waiting"],
            Making::Msf(_) => &["scope_info"],
        };
        let tables = TABLES.iter().flat_map(|table| {
            [
                format!("[{}]", table.name),
                format!("{}_tracking", table.name),
            ]
        });
        let own = own.iter().map(|&table| table.to_owned());
        on_server::fingerprint(self.db(), own.chain(tables))
    }

    fn clean_up(&self) -> bool {
        let knowledge = literal(&Value::Blob(self.state().forgettable().to_bytes()));
        let mut sql = String::new();
        for table in TABLES {
            let _ = write!(
                sql,
                "DELETE FROM {}_tracking WHERE sync_row_is_tombstone = 1; ",
                table.name
            );
        }
        let _ = write!(
            sql,
            "UPDATE scope_info SET scope_tombstone_cleanup_knowledge = {knowledge}"
        );
        self.db().rows(&sql);
        true
    }
}

impl Replica {
    /// The row-version rule of Sync Framework's tracking tables, spelt out once more: what came through the scope has the scope's
    /// key and tick, everything else is a change of this replica.
    fn read_table(
        &self,
        table: usize,
        spec: &TableSpec,
        knowledge: &Knowledge,
        entries: &mut BTreeMap<(usize, String), Entry>,
        greatest: &mut u64,
    ) {
        let (width, keys): (usize, Vec<usize>) = (spec.columns.len(), spec.key().collect());
        let name = |column: usize| spec.columns[column].0;
        let cells = (0..width)
            .map(|column| format!("b.{}", name(column)))
            .collect::<Vec<_>>();
        let own = keys
            .iter()
            .map(|&column| format!("t.{}", name(column)))
            .collect::<Vec<_>>();
        let same = keys
            .iter()
            .map(|&column| format!("b.{0} = t.{0}", name(column)))
            .collect::<Vec<_>>();
        let rows: Vec<Row> = self.db().rows(&format!(
            "SELECT {}, {}, t.sync_row_is_tombstone, CASE WHEN t.update_scope_local_id IS NULL THEN 1 ELSE 0 END, t.scope_update_peer_key, \
             t.scope_update_peer_timestamp, CONVERT(bigint, t.local_update_peer_timestamp), \
             CASE WHEN t.create_scope_local_id IS NULL THEN 1 ELSE 0 END, t.scope_create_peer_key, t.scope_create_peer_timestamp, \
             t.local_create_peer_timestamp, CASE WHEN b.{} IS NULL THEN 0 ELSE 1 END FROM {table}_tracking t LEFT JOIN [{table}] b ON {}",
            cells.join(", "),
            own.join(", "),
            name(keys[0]),
            same.join(" AND "),
            table = spec.name,
        ));
        for row in rows {
            let row: Vec<Value> = row.into_iter().map(value).collect();
            let at = width + keys.len();
            let number = |column: usize| match row[column] {
                Value::Integer(number) => number,
                ref other => panic!("{other:?} is no number"),
            };
            let version = |first: usize| -> GlobalVersion {
                if number(first) == 1 {
                    return (
                        knowledge.key_map().own().clone(),
                        number(first + 3).try_into().unwrap(),
                    );
                }
                let key = ReplicaKey(number(first + 1).try_into().unwrap());
                let id = knowledge.key_map().id(key);
                (
                    id.expect("the key is in the map").clone(),
                    number(first + 2).try_into().unwrap(),
                )
            };
            let (tombstone, exists) = (number(at) == 1, number(at + 9) == 1);
            assert_eq!(
                exists, !tombstone,
                "a live tracking row has a base row, a tombstone none"
            );
            if number(at + 1) == 1 {
                *greatest = (*greatest).max(version(at + 1).1);
            }
            let entry = Entry {
                row: (!tombstone).then(|| row[..width].to_vec()),
                update: version(at + 1),
                create: version(at + 5),
            };
            entries.insert(entry_key(table, &row[width..at]), entry);
        }
        let live = format!(
            "SELECT COUNT(*) FROM {}_tracking WHERE sync_row_is_tombstone = 0",
            spec.name
        );
        let all = format!("SELECT COUNT(*) FROM [{}]", spec.name);
        assert_eq!(
            number(self.db(), &live),
            number(self.db(), &all),
            "every row is tracked"
        );
    }
}

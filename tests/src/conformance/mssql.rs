//! BlockingDatabases of a SQL Server. Everything is read back with SQL over a connection of its own.
//!
//! Making a database and provisioning it costs more than most scenarios; so a database that a scenario is done with is emptied and
//! handed to the next one, under a new replica id.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sync_knowledge::{Knowledge, ReplicaId, ReplicaKey};
use sync_metadata::Value;
use sync_provider::{ApplyHandler, SyncProvider};
use sync_provider_mssql::{Execution, MssqlProvider, Provisioning, TableChoice, Tables};
use tiberius::{ColumnData, Row};

use super::engine::{Engine, Layout, TestReplica};
use super::hooked::{Call, Hooked};
use super::neutral::{SCOPE, TABLES, TableSpec};
use super::state::{Entry, GlobalVersion, State, entry_key};
use crate::support::blocking::{BlockingDatabase, value};
use crate::support::msf;

/// Makes replicas on a server.
#[derive(Debug)]
pub struct Mssql {
    shared: Arc<Shared>,
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

#[derive(Debug)]
struct Shared {
    /// Provisioned databases that nobody uses.
    idle: Mutex<Vec<(Layout, BlockingDatabase)>>,
    /// Whether texts can hold the character NUL.
    holds_nul: bool,
}

struct Replica {
    shared: Arc<Shared>,
    making: Making,
    layout: Layout,
    /// `None` only when it is being dropped.
    db: Option<Arc<BlockingDatabase>>,
    id: ReplicaId,
    /// Rows that are rejected at the moment: the next scenario is not to meet that.
    rejected: Mutex<Vec<(usize, Vec<Value>)>>,
}

impl Mssql {
    /// On the server that the environment names; `None` where it names none, after saying so.
    pub fn new(test: &str, making: Making) -> Option<Self> {
        let probe = BlockingDatabase::new(test)?;
        let holds_nul = probe
            .try_rows("SELECT 1 WHERE LEN(N'a' + NCHAR(0) + N'b') = 3")
            .is_ok_and(|rows| rows.len() == 1);
        Some(Mssql {
            shared: Arc::new(Shared {
                idle: Mutex::default(),
                holds_nul,
            }),
            making,
        })
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
        let mut idle = self.shared.idle.lock().unwrap();
        let found = idle.iter().position(|(own, _)| *own == layout);
        let found = found.map(|index| idle.swap_remove(index).1);
        drop(idle);
        let db = match found {
            Some(db) => db,
            None => provisioned(layout, self.making),
        };
        let sql = format!(
            "SELECT CONVERT(nvarchar(36), scope_id) FROM scope_info WHERE sync_scope_name = N'{SCOPE}'"
        );
        let id = text_of(db.rows(&sql).remove(0).into_iter().next().unwrap());
        Box::new(Replica {
            shared: Arc::clone(&self.shared),
            making: self.making,
            layout,
            db: Some(Arc::new(db)),
            id: ReplicaId::from_uuid(id.parse().unwrap()),
            rejected: Mutex::default(),
        })
    }

    fn pads_keys(&self) -> bool {
        true
    }

    fn rehearses(&self) -> bool {
        self.making != Making::Msf(Execution::Procedures)
    }

    /// Sync Framework's triggers do not.
    fn follows_keys(&self) -> bool {
        self.making == Making::Ours
    }

    fn knows_writers(&self) -> bool {
        self.making == Making::Ours
    }

    fn remembers(&self) -> bool {
        self.making == Making::Ours
    }

    fn holds(&self, value: &Value) -> bool {
        match value {
            // A float is finite, and zero has no sign that anything shows.
            Value::Real(number) => {
                number.is_finite() && !(*number == 0.0 && number.is_sign_negative())
            }
            Value::Text(text) => self.shared.holds_nul || !text.contains('\0'),
            _ => true,
        }
    }
}

fn provisioned(layout: Layout, making: Making) -> BlockingDatabase {
    let db = BlockingDatabase::new("conformance").expect("the server was there before");
    for table in TABLES {
        db.rows(&create(table, layout));
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

/// Waits until the mark is above everything that is there. A server may keep one clock for all its databases, and whoever writes in
/// any of them then holds it back for a moment; the scenarios expect changes to travel at once.
fn settle(db: &BlockingDatabase) {
    let ticks = TABLES.iter().map(|table| {
        format!(
            "SELECT CONVERT(bigint, MAX(local_update_peer_timestamp)) AS tick FROM {}_tracking",
            table.name
        )
    });
    let ticks = ticks.collect::<Vec<_>>().join(" UNION ALL ");
    let sql = format!(
        "SELECT 1 WHERE CONVERT(bigint, MIN_ACTIVE_ROWVERSION()) > (SELECT COALESCE(MAX(tick), 0) FROM ({ticks}) ticks)"
    );
    for _ in 0..100 {
        if db.rows(&sql).len() == 1 {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The type of a key column.
fn key_type(sql_type: &'static str) -> &'static str {
    match sql_type {
        "nvarchar(max)" => "nvarchar(300) COLLATE Latin1_General_BIN2",
        other => other,
    }
}

/// The columns in the order of a layout.
fn columns(table: &TableSpec, layout: Layout) -> Vec<super::neutral::Column> {
    let mut columns = table.columns.to_vec();
    if layout == Layout::OthersFirst {
        // Stable: the key columns keep their order among themselves.
        columns.sort_by_key(|column| column.3);
        let others = columns.len() - table.key().count();
        columns[..others].reverse();
    }
    columns
}

/// The declaration of a column.
fn declared((name, _, sql_type, key): &super::neutral::Column) -> String {
    match key {
        true => format!("{name} {} NOT NULL", key_type(sql_type)),
        false => format!("{name} {sql_type} NULL"),
    }
}

fn create(table: &TableSpec, layout: Layout) -> String {
    let columns: Vec<String> = columns(table, layout).iter().map(declared).collect();
    let clustered = if table.clustered {
        "CLUSTERED"
    } else {
        "NONCLUSTERED"
    };
    format!(
        "CREATE TABLE [{}] ({}, PRIMARY KEY {clustered} ({}))",
        table.name,
        columns.join(", "),
        names(table.key().map(|column| table.columns[column].0)),
    )
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

fn literal(value: &Value) -> String {
    match value {
        Value::Null => "NULL".into(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => format!("CONVERT(float, N'{number:e}')"),
        Value::Text(text) => {
            let pieces = text.split('\0');
            let pieces = pieces.map(|piece| format!("N'{}'", piece.replace('\'', "''")));
            pieces.collect::<Vec<_>>().join(" + NCHAR(0) + ")
        }
        Value::Blob(bytes) => {
            let mut literal = String::from("0x");
            bytes
                .iter()
                .for_each(|byte| write!(literal, "{byte:02X}").unwrap());
            literal
        }
        other => panic!("the neutral schema holds no {other:?}"),
    }
}

fn key_is(table: &TableSpec, key: &[Value]) -> String {
    let terms = table.key().zip(key);
    let terms =
        terms.map(|(column, value)| format!("{} = {}", table.columns[column].0, literal(value)));
    terms.collect::<Vec<_>>().join(" AND ")
}

fn text_of(cell: ColumnData<'static>) -> String {
    match value(cell) {
        Value::Text(text) => text.to_string(),
        other => panic!("{other:?} is no text"),
    }
}

impl Replica {
    fn db(&self) -> &BlockingDatabase {
        self.db.as_ref().expect("it is there until it is dropped")
    }

    fn number(&self, sql: &str) -> i64 {
        let row = self.db().rows(sql).remove(0);
        match row.into_iter().next().map(value) {
            Some(Value::Integer(number)) => number,
            other => panic!("{sql}: {other:?}"),
        }
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        let rejected = std::mem::take(&mut *self.rejected.lock().unwrap());
        if !std::thread::panicking() {
            rejected
                .iter()
                .for_each(|(table, key)| self.reject(*table, key, false));
        }
        let Some(db) = self.db.take() else { return };
        // What a failing scenario leaves behind is not worth keeping.
        if let Ok(db) = Arc::try_unwrap(db)
            && !std::thread::panicking()
        {
            anew(&db, self.making);
            self.shared.idle.lock().unwrap().push((self.layout, db));
        }
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

    /// A provider whose changes travel at once.
    fn settled(&self, provider: MssqlProvider) -> Arc<dyn SyncProvider> {
        let db = self.db.clone().expect("it is there until it is dropped");
        Hooked::wrap(Arc::new(provider), move |call| {
            if matches!(call, Call::Begin | Call::Parameters | Call::Changes) {
                settle(&db);
            }
            Ok(())
        })
    }

    /// The statement that makes a write one of this time, where such a thing is kept.
    fn at(&self, spec: &TableSpec, time: i64, found: &str) -> String {
        match self.making {
            Making::Ours => format!(
                "UPDATE {}_tracking SET sync_write_time = {time} WHERE {found}; ",
                spec.name
            ),
            Making::Msf(_) => String::new(),
        }
    }

    /// A condition that holds for the present content of a row; nothing where there is no row.
    fn as_it_is(&self, spec: &TableSpec, found: &str) -> String {
        let others: Vec<&super::neutral::Column> =
            spec.columns.iter().filter(|column| !column.3).collect();
        let list = names(others.iter().map(|column| column.0));
        let rows = self
            .db()
            .rows(&format!("SELECT {list} FROM [{}] WHERE {found}", spec.name));
        let Some(row) = rows.into_iter().next() else {
            return String::new();
        };
        let terms = others
            .iter()
            .zip(row)
            .map(|((name, _, sql_type, _), cell)| match value(cell) {
                Value::Null => format!("{name} IS NULL"),
                cell if sql_type.starts_with("nvarchar") => {
                    format!(
                        "{name} IS NOT NULL AND {name} COLLATE Latin1_General_BIN2 = {}",
                        literal(&cell)
                    )
                }
                cell => format!("{name} IS NOT NULL AND {name} = {}", literal(&cell)),
            });
        format!(" OR ({})", terms.collect::<Vec<_>>().join(" AND "))
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
        let found = key_is(spec, &spec.key_of(row));
        let others = (0..row.len()).filter(|column| !spec.columns[*column].3);
        let set =
            others.map(|column| format!("{} = {}", spec.columns[column].0, literal(&row[column])));
        let set = set.collect::<Vec<_>>().join(", ");
        let values = row.iter().map(literal).collect::<Vec<_>>().join(", ");
        let columns = names(spec.columns.iter().map(|column| column.0));
        self.db().rows(&format!(
            "SET XACT_ABORT ON; BEGIN TRANSACTION; UPDATE [{name}] SET {set} WHERE {found}; \
             IF @@ROWCOUNT = 0 INSERT INTO [{name}] ({columns}) VALUES ({values}); \
             {}COMMIT TRANSACTION",
            self.at(spec, time, &found),
            name = spec.name
        ));
    }

    fn delete(&self, table: usize, key: &[Value], time: i64) {
        let spec = &TABLES[table];
        let found = key_is(spec, key);
        let there = self.number(&format!(
            "SELECT COUNT(*) FROM [{}] WHERE {found}",
            spec.name
        ));
        assert_eq!(there, 1, "there was a row");
        self.db().rows(&format!(
            "SET XACT_ABORT ON; BEGIN TRANSACTION; DELETE FROM [{name}] WHERE {found}; \
             {}COMMIT TRANSACTION",
            self.at(spec, time, &found),
            name = spec.name
        ));
    }

    fn rekey(&self, table: usize, key: &[Value], row: &[Value], time: i64) {
        let spec = &TABLES[table];
        let (old, new) = (key_is(spec, key), key_is(spec, &spec.key_of(row)));
        let set = spec.columns.iter().zip(row);
        let set = set.map(|(column, cell)| format!("{} = {}", column.0, literal(cell)));
        self.db().rows(&format!(
            "SET XACT_ABORT ON; BEGIN TRANSACTION; UPDATE [{}] SET {} WHERE {old}; {}{}COMMIT TRANSACTION",
            spec.name,
            set.collect::<Vec<_>>().join(", "),
            self.at(spec, time, &old),
            self.at(spec, time, &new),
        ));
    }

    /// A CHECK constraint lets the row be only what it is, if it is there at all, and a foreign key keeps it from being deleted.
    fn reject(&self, table: usize, key: &[Value], rejected: bool) {
        let spec = &TABLES[table];
        let name = spec.name;
        let row = (table, key.to_vec());
        let mut all = self.rejected.lock().unwrap();
        all.retain(|other| *other != row);
        if rejected {
            all.push(row);
        }
        drop(all);
        let hash = key_is(spec, key).bytes().fold(0_u64, |hash, byte| {
            hash.wrapping_mul(31).wrapping_add(byte.into())
        });
        let constraint = format!("rejects_{hash:x}");
        let found = key_is(spec, key);
        let keys = names(spec.key().map(|column| spec.columns[column].0));
        if !rejected {
            self.db().rows(&format!(
                "ALTER TABLE [{name}] DROP CONSTRAINT {constraint}; DELETE FROM Held_{name} WHERE {found}"
            ));
            return;
        }
        let declared = spec.key().map(|column| declared(&spec.columns[column]));
        let declared = declared.collect::<Vec<_>>().join(", ");
        self.db().rows(&format!(
            "IF OBJECT_ID(N'Held_{name}') IS NULL CREATE TABLE Held_{name} ({declared}, FOREIGN KEY ({keys}) REFERENCES [{name}] ({keys}))"
        ));
        self.db().rows(&format!(
            "ALTER TABLE [{name}] ADD CONSTRAINT {constraint} CHECK (NOT ({found}){}); \
             INSERT INTO Held_{name} ({keys}) SELECT {keys} FROM [{name}] WHERE {found}",
            self.as_it_is(spec, &found)
        ));
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
                usize::try_from(self.number("SELECT COUNT(*) FROM sync_waiting")).unwrap()
            }),
        }
    }

    fn fingerprint(&self) -> Vec<u8> {
        let mut all = Vec::new();
        let own: &[&str] = match self.making {
            Making::Ours => &["scope_info", "sync_scope", "sync_waiting"],
            Making::Msf(_) => &["scope_info"],
        };
        let names = TABLES
            .iter()
            .flat_map(|table| [table.name.to_owned(), format!("{}_tracking", table.name)]);
        for table in own.iter().map(|&table| table.to_owned()).chain(names) {
            let rows = self.db().rows(&format!("SELECT * FROM [{table}]"));
            let mut rows: Vec<String> = rows.iter().map(|row| format!("{row:?}")).collect();
            rows.sort();
            all.push(format!("{table}: {rows:?}"));
        }
        all.join("\n").into_bytes()
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
            self.number(&live),
            self.number(&all),
            "every row is tracked"
        );
    }
}

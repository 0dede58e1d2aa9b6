//! Commands on a SQL Server, as `docs/custom-providers.md` recommends them: a row's tick is the rowversion of its metadata, a local change leaves
//! `sync_update_peer_timestamp` NULL, and the tick of now is the one below the mark.

use std::fmt::Write as _;
use std::sync::Arc;

use sync_knowledge::ReplicaId;
use sync_metadata::Value;
use sync_provider::{ApplyHandler, SyncProvider};
use sync_provider_commands::{ChangeTrackingModel, DbSyncProvider};
use sync_provider_mssql::MssqlCommands;

use super::{GIVEN, SET, ScopeTexts, Texts, found, key_names, keys, others, prefixed};
use crate::conformance::engine::{Ability, Engine, Layout, TestReplica};
use crate::conformance::neutral::{SCOPE, TABLES, TableSpec};
use crate::conformance::on_server::{
    self, Databases, Rejections, create, declared_key, settled, text_of,
};
use crate::conformance::state::State;
use crate::support::blocking::{BlockingDatabase, value};

/// Makes replicas on a server, with commands of one model.
#[derive(Debug)]
pub struct ServerCommands {
    databases: Arc<Databases>,
    model: ChangeTrackingModel,
}

struct Replica {
    databases: Arc<Databases>,
    model: ChangeTrackingModel,
    layout: Layout,
    /// `None` only when it is being dropped.
    db: Option<Arc<BlockingDatabase>>,
    id: ReplicaId,
    rejections: Rejections,
}

impl ServerCommands {
    /// On the server that the environment names; `None` where it names none, after saying so.
    pub fn new(test: &str, model: ChangeTrackingModel) -> Option<Self> {
        let databases = Arc::new(Databases::new(test)?);
        Some(ServerCommands { databases, model })
    }
}

/// There is no place of ours in such a database, and the triggers are Sync Framework's, which do not follow keys.
const LACKS: &[Ability] = &[
    Ability::MindBlanks,
    Ability::KnowWriters,
    Ability::Remember,
    Ability::FollowKeys,
    Ability::Rehearse,
];

impl Engine for ServerCommands {
    fn name(&self) -> &'static str {
        match self.model {
            ChangeTrackingModel::Coupled => "commands (mssql, coupled)",
            ChangeTrackingModel::Decoupled => "commands (mssql)",
        }
    }

    fn make(&self, layout: Layout) -> Box<dyn TestReplica> {
        let db = self.databases.take(layout, || made(layout, self.model));
        let sql = "SELECT CONVERT(nvarchar(36), sync_scope_id) FROM scope_info";
        let id = text_of(db.rows(sql).remove(0).into_iter().next().unwrap());
        Box::new(Replica {
            databases: Arc::clone(&self.databases),
            model: self.model,
            layout,
            db: Some(Arc::new(db)),
            id: ReplicaId::from_uuid(id.parse().unwrap()),
            rejections: Rejections::default(),
        })
    }

    fn lacks(&self) -> &'static [Ability] {
        LACKS
    }

    fn holds(&self, value: &Value) -> bool {
        self.databases.hold(value)
    }
}

/// Where the deletions of a table are.
fn deletions(spec: &TableSpec, model: ChangeTrackingModel) -> String {
    let end = match model {
        ChangeTrackingModel::Coupled => "tombstone",
        ChangeTrackingModel::Decoupled => "metadata",
    };
    format!("{}_{end}", spec.name)
}

/// What each row has beside its cells.
const VERSIONS: [&str; 5] = [
    "sync_row_timestamp rowversion",
    "sync_create_peer_key int NOT NULL DEFAULT 0",
    "sync_create_peer_timestamp bigint NOT NULL DEFAULT 0",
    "sync_update_peer_key int NOT NULL DEFAULT 0",
    "sync_update_peer_timestamp bigint NULL",
];

fn made(layout: Layout, model: ChangeTrackingModel) -> BlockingDatabase {
    let db = BlockingDatabase::new("conformance").expect("the server was there before");
    let allowed =
        "SELECT 1 FROM sys.databases WHERE name = DB_NAME() AND snapshot_isolation_state = 1";
    if db.rows(allowed).is_empty() {
        db.rows("ALTER DATABASE CURRENT SET ALLOW_SNAPSHOT_ISOLATION ON");
    }
    db.rows(&format!(
        "CREATE TABLE scope_info (sync_scope_id uniqueidentifier NOT NULL, sync_scope_name nvarchar(100) NOT NULL PRIMARY KEY, \
             sync_scope_knowledge varbinary(max) NULL, sync_scope_cleanup_knowledge varbinary(max) NULL, sync_scope_timestamp rowversion); \
         INSERT INTO scope_info (sync_scope_id, sync_scope_name) VALUES (NEWID(), N'{SCOPE}')"
    ));
    for spec in TABLES {
        let more: &[&str] = match model {
            ChangeTrackingModel::Coupled => &VERSIONS,
            ChangeTrackingModel::Decoupled => &[],
        };
        db.rows(&create(spec, layout, more));
        let tombstone = match model {
            ChangeTrackingModel::Coupled => "",
            ChangeTrackingModel::Decoupled => "sync_row_is_tombstone int NOT NULL, ",
        };
        let (deletions, keys) = (deletions(spec, model), keys(spec));
        db.rows(&format!(
            "CREATE TABLE {deletions} ({}, {tombstone}{}, PRIMARY KEY ({keys}))",
            declared_key(spec),
            VERSIONS.join(", ")
        ));
        db.rows(&format!(
            "CREATE INDEX {deletions}_index ON {deletions} (sync_row_timestamp)"
        ));
        for (event, body) in triggers(spec, model) {
            db.rows(&format!(
                "CREATE TRIGGER {name}_{event}_trigger ON [{name}] FOR {event} AS BEGIN SET NOCOUNT ON; {body} END",
                name = spec.name
            ));
        }
    }
    db
}

fn triggers(spec: &TableSpec, model: ChangeTrackingModel) -> [(&'static str, String); 3] {
    let (name, keys, deletions) = (spec.name, keys(spec), deletions(spec, model));
    let key_of = |alias: &str| prefixed(key_names(spec), alias);
    let same = |one: &str, other: &str| found(spec, one, other);
    let bodies = match model {
        ChangeTrackingModel::Decoupled => [
            // A key that was deleted and comes back has metadata already.
            format!(
                "UPDATE m SET sync_row_is_tombstone = 0, sync_update_peer_key = 0, sync_update_peer_timestamp = NULL \
                     FROM {deletions} m JOIN inserted i ON {on}; \
                 INSERT INTO {deletions} ({keys}, sync_row_is_tombstone, sync_create_peer_timestamp) \
                     SELECT {}, 0, CONVERT(bigint, @@DBTS) + 1 FROM inserted i WHERE NOT EXISTS (SELECT 1 FROM {deletions} m WHERE {on});",
                key_of("i."),
                on = same("m.", "i."),
            ),
            format!(
                "UPDATE m SET sync_update_peer_key = 0, sync_update_peer_timestamp = NULL FROM {deletions} m JOIN inserted i ON {};",
                same("m.", "i.")
            ),
            format!(
                "UPDATE m SET sync_row_is_tombstone = 1, sync_update_peer_key = 0, sync_update_peer_timestamp = NULL \
                     FROM {deletions} m JOIN deleted d ON {};",
                same("m.", "d.")
            ),
        ],
        ChangeTrackingModel::Coupled => {
            let changed = others(spec).into_iter();
            let changed = changed.map(|name| format!("UPDATE({name})"));
            [
                format!(
                    "UPDATE c SET sync_create_peer_key = COALESCE(t.sync_create_peer_key, 0), \
                         sync_create_peer_timestamp = COALESCE(t.sync_create_peer_timestamp, CONVERT(bigint, @@DBTS) + 1), \
                         sync_update_peer_key = 0, sync_update_peer_timestamp = NULL \
                         FROM [{name}] c JOIN inserted i ON {} LEFT JOIN {deletions} t ON {}; \
                     DELETE t FROM {deletions} t JOIN inserted i ON {};",
                    same("c.", "i."),
                    same("t.", "i."),
                    same("t.", "i."),
                ),
                format!(
                    "IF {} UPDATE c SET sync_update_peer_key = 0, sync_update_peer_timestamp = NULL \
                         FROM [{name}] c JOIN inserted i ON {};",
                    changed.collect::<Vec<_>>().join(" OR "),
                    same("c.", "i.")
                ),
                format!(
                    "INSERT INTO {deletions} ({keys}, sync_create_peer_key, sync_create_peer_timestamp) \
                         SELECT {keys}, sync_create_peer_key, sync_create_peer_timestamp FROM deleted;"
                ),
            ]
        }
    };
    let [insert, update, delete] = bodies;
    [("INSERT", insert), ("UPDATE", update), ("DELETE", delete)]
}

const SCOPE_TEXTS: ScopeTexts = ScopeTexts {
    select_new_timestamp: "SELECT CONVERT(bigint, MIN_ACTIVE_ROWVERSION()) - 1 AS sync_new_timestamp",
    select_scope_info: "SELECT sync_scope_id, sync_scope_knowledge, sync_scope_cleanup_knowledge,
             CONVERT(bigint, sync_scope_timestamp) AS sync_scope_timestamp
         FROM scope_info WHERE sync_scope_name = @sync_scope_name",
    update_scope_info: "UPDATE scope_info SET sync_scope_knowledge = @sync_scope_knowledge, sync_scope_cleanup_knowledge = @sync_scope_cleanup_knowledge
         WHERE sync_scope_name = @sync_scope_name AND CONVERT(bigint, sync_scope_timestamp) = @sync_scope_timestamp;
         SET @sync_row_count = @@ROWCOUNT",
};

/// The version of a row, its columns named by this alias.
fn version(alias: &str) -> String {
    format!(
        "{alias}sync_create_peer_key, {alias}sync_create_peer_timestamp, {alias}sync_update_peer_key, \
         COALESCE({alias}sync_update_peer_timestamp, CONVERT(bigint, {alias}sync_row_timestamp)) AS sync_update_peer_timestamp"
    )
}

/// A condition that a row's tick fulfils.
fn tick(alias: &str, condition: &str) -> String {
    format!("CONVERT(bigint, {alias}sync_row_timestamp) {condition}")
}

fn texts(spec: &TableSpec, model: ChangeTrackingModel) -> Texts {
    let (name, keys, deletions) = (spec.name, keys(spec), deletions(spec, model));
    let given = prefixed(key_names(spec), "@");
    let (at, at_own) = (found(spec, "", "@"), found(spec, "c.", "@"));
    let columns: Vec<&str> = spec.columns.iter().map(|column| column.0).collect();
    let set = others(spec).into_iter();
    let set = set.map(|name| format!("{name} = @{name}"));
    let set = set.collect::<Vec<_>>().join(", ");
    let counted = |text: String| format!("{text}; SET @sync_row_count = @@ROWCOUNT");
    let unchanged = format!(
        "(@sync_check_concurrency = 0 OR {})",
        tick("", "= @sync_row_timestamp")
    );
    // Where the row is written, under the alias c, and whether it is as it was enumerated.
    let (from, guard) = match model {
        ChangeTrackingModel::Decoupled => (
            format!(
                "[{name}] c JOIN {deletions} m ON {}",
                found(spec, "m.", "c.")
            ),
            tick("m.", "<= @sync_min_timestamp"),
        ),
        ChangeTrackingModel::Coupled => {
            (format!("[{name}] c"), tick("c.", "<= @sync_min_timestamp"))
        }
    };
    let (insert_metadata, update_metadata) = match model {
        ChangeTrackingModel::Decoupled => (
            format!(
                "INSERT INTO {deletions} ({keys}, sync_row_is_tombstone, sync_create_peer_key, sync_create_peer_timestamp, sync_update_peer_key,
                     sync_update_peer_timestamp)
                 VALUES ({given}, @sync_row_is_tombstone, {GIVEN})"
            ),
            format!(
                "UPDATE {deletions} SET sync_row_is_tombstone = @sync_row_is_tombstone, {SET} WHERE {at} AND {unchanged}"
            ),
        ),
        ChangeTrackingModel::Coupled => (
            format!(
                "INSERT INTO {deletions} ({keys}, sync_create_peer_key, sync_create_peer_timestamp, sync_update_peer_key, sync_update_peer_timestamp)
                 SELECT {given}, {GIVEN} WHERE @sync_row_is_tombstone = 1"
            ),
            format!(
                "DECLARE @rows int;
                 UPDATE [{name}] SET {SET} WHERE {at} AND @sync_row_is_tombstone = 0 AND {unchanged};
                 SET @rows = @@ROWCOUNT;
                 UPDATE {deletions} SET {SET} WHERE {at} AND @sync_row_is_tombstone = 1 AND {unchanged};
                 SET @sync_row_count = @rows + @@ROWCOUNT"
            ),
        ),
    };
    Texts {
        select_incremental_changes: select(spec, model, |alias| {
            tick(alias, "> @sync_min_timestamp")
        }),
        select_row: select(spec, model, |alias| found(spec, alias, "@")),
        insert: counted(format!(
            "INSERT INTO [{name}] ({}) VALUES ({})",
            columns.join(", "),
            prefixed(columns.iter().copied(), "@")
        )),
        update: counted(format!(
            "UPDATE c SET {set} FROM {from} WHERE {at_own} AND {guard}"
        )),
        delete: counted(format!("DELETE c FROM {from} WHERE {at_own} AND {guard}")),
        insert_metadata: counted(insert_metadata),
        update_metadata: match model {
            ChangeTrackingModel::Decoupled => counted(update_metadata),
            ChangeTrackingModel::Coupled => update_metadata,
        },
        delete_metadata: counted(format!(
            "DELETE FROM {deletions} WHERE {at} AND {unchanged}"
        )),
        select_metadata_for_cleanup: format!(
            "SELECT {keys}, sync_row_timestamp, {} FROM {deletions} WHERE {}@metadata_aging_in_days < 0",
            version(""),
            match model {
                ChangeTrackingModel::Decoupled => "sync_row_is_tombstone = 1 AND ",
                ChangeTrackingModel::Coupled => "",
            }
        ),
        exists: format!("SELECT 1 FROM [{name}] WHERE {at}"),
    }
}

/// Rows and deletions for which a condition holds of the columns under an alias.
fn select(
    spec: &TableSpec,
    model: ChangeTrackingModel,
    condition: impl Fn(&str) -> String,
) -> String {
    let (name, deletions) = (spec.name, deletions(spec, model));
    let key_of = |alias: &str| prefixed(key_names(spec), alias);
    let cells = prefixed(others(spec), "c.");
    let nulls = others(spec).iter().map(|_| "NULL").collect::<Vec<_>>();
    match model {
        ChangeTrackingModel::Decoupled => format!(
            "SELECT {}, {cells}, m.sync_row_is_tombstone, m.sync_row_timestamp, {} FROM {deletions} m LEFT JOIN [{name}] c ON {} WHERE {}",
            key_of("m."),
            version("m."),
            found(spec, "c.", "m."),
            condition("m.")
        ),
        ChangeTrackingModel::Coupled => format!(
            "SELECT {}, {cells}, 0 AS sync_row_is_tombstone, c.sync_row_timestamp, {} FROM [{name}] c WHERE {} \
             UNION ALL SELECT {}, {}, 1, t.sync_row_timestamp, {} FROM {deletions} t WHERE {}",
            key_of("c."),
            version("c."),
            condition("c."),
            key_of("t."),
            nulls.join(", "),
            version("t."),
            condition("t.")
        ),
    }
}

impl Replica {
    fn db(&self) -> &Arc<BlockingDatabase> {
        self.db.as_ref().expect("it is there until it is dropped")
    }

    fn bare_provider(&self) -> DbSyncProvider<MssqlCommands> {
        let model = self.model;
        let connections = Arc::new(self.db().connections().clone());
        let connections = MssqlCommands::with_connections(connections);
        super::provider(connections, model, &SCOPE_TEXTS, |spec| texts(spec, model))
    }

    fn settled(&self, provider: DbSyncProvider<MssqlCommands>) -> Arc<dyn SyncProvider> {
        let mut tables: Vec<String> = TABLES
            .iter()
            .map(|spec| deletions(spec, self.model))
            .collect();
        if self.model == ChangeTrackingModel::Coupled {
            tables.extend(TABLES.iter().map(|spec| format!("[{}]", spec.name)));
        }
        let ticks = tables.iter().map(|table| {
            format!("SELECT CONVERT(bigint, MAX(sync_row_timestamp)) AS tick FROM {table}")
        });
        let ticks = ticks.collect::<Vec<_>>().join(" UNION ALL ");
        settled(self.db(), ticks, Arc::new(provider))
    }

    /// The rows and deletions of a table as [`super::state`] wants them.
    fn rows_of(&self, spec: &TableSpec) -> Vec<Vec<Value>> {
        let (name, deletions) = (spec.name, deletions(spec, self.model));
        let cells = |key: &str, other: Option<&str>| {
            let cells = spec.columns.iter().map(|column| match (column.3, other) {
                (true, _) => format!("{key}{}", column.0),
                (false, Some(other)) => format!("{other}{}", column.0),
                (false, None) => "NULL".to_owned(),
            });
            cells.collect::<Vec<_>>().join(", ")
        };
        let exists = |alias: &str| {
            let on = found(spec, "b.", alias);
            format!("CASE WHEN EXISTS (SELECT 1 FROM [{name}] b WHERE {on}) THEN 1 ELSE 0 END")
        };
        let sql = match self.model {
            ChangeTrackingModel::Decoupled => format!(
                "SELECT {}, m.sync_row_is_tombstone, {}, {} FROM {deletions} m LEFT JOIN [{name}] c ON {}",
                cells("m.", Some("c.")),
                version("m."),
                exists("m."),
                found(spec, "c.", "m.")
            ),
            ChangeTrackingModel::Coupled => format!(
                "SELECT {}, 0, {}, 1 FROM [{name}] c UNION ALL SELECT {}, 1, {}, {} FROM {deletions} t",
                cells("c.", Some("c.")),
                version("c."),
                cells("t.", None),
                version("t."),
                exists("t.")
            ),
        };
        let rows = self.db().rows(&sql).into_iter();
        rows.map(|row| row.into_iter().map(value).collect())
            .collect()
    }
}

/// Empties a database and makes it another replica.
fn anew(db: &BlockingDatabase, model: ChangeTrackingModel) {
    let mut sql = String::new();
    for spec in TABLES {
        let (name, deletions) = (spec.name, deletions(spec, model));
        let _ = write!(
            sql,
            "IF OBJECT_ID(N'Held_{name}') IS NOT NULL DROP TABLE Held_{name}; DELETE FROM [{name}]; DELETE FROM {deletions}; "
        );
    }
    sql.push_str(
        "UPDATE scope_info SET sync_scope_id = NEWID(), sync_scope_knowledge = NULL, sync_scope_cleanup_knowledge = NULL",
    );
    db.rows(&sql);
}

impl Drop for Replica {
    fn drop(&mut self) {
        let Some(db) = self.db.take() else { return };
        if !std::thread::panicking() {
            self.rejections.release(&db);
        }
        self.databases
            .give_back(self.layout, db, |db| anew(db, self.model));
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

    fn write(&self, table: usize, row: &[Value], _: i64) {
        on_server::write(self.db(), &TABLES[table], row, "");
    }

    fn delete(&self, table: usize, key: &[Value], _: i64) {
        on_server::delete(self.db(), &TABLES[table], key, "");
    }

    fn rekey(&self, table: usize, key: &[Value], row: &[Value], _: i64) {
        on_server::rekey(self.db(), &TABLES[table], key, row, "");
    }

    fn reject(&self, table: usize, key: &[Value], rejected: bool) {
        self.rejections.set(self.db(), table, key, rejected);
    }

    fn state(&self) -> State {
        let sql = "SELECT sync_scope_knowledge FROM scope_info";
        let cell = self.db().rows(sql).remove(0).into_iter().next();
        let knowledge = match cell.map(value) {
            Some(Value::Blob(bytes)) => Some(bytes),
            _ => None,
        };
        super::state(&self.id, knowledge, |spec| self.rows_of(spec))
    }

    fn fingerprint(&self) -> Vec<u8> {
        let of_table = |spec: &TableSpec| [format!("[{}]", spec.name), deletions(spec, self.model)];
        let tables = TABLES.iter().flat_map(of_table);
        on_server::fingerprint(self.db(), tables.chain(["scope_info".to_owned()]))
    }

    fn clean_up(&self) -> bool {
        super::clean_up(self.bare_provider());
        true
    }
}

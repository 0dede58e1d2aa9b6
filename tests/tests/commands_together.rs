//! A community of databases with commands that somebody wrote: SQL Server with metadata beside the table and in it, and SQLite. Two ways and three
//! parties, conflicts, deletions, keys that come back, and clean-up.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on panics"
)]

#[allow(dead_code, reason = "the example's own way in")]
#[path = "../../examples/getting_started.rs"]
mod example;

use std::sync::Arc;

use example::{
    Database, SqlServer, Sqlite, Texts, as_destination, as_source, customer, provider, sql_server,
    sqlite,
};
use sync_orchestrator::SyncDirectionOrder;
use sync_provider::{ConflictPolicy, ProviderError, SyncProvider};
use sync_provider_commands::{
    ChangeTrackingModel, CommandConnections, DbCommand, DbSyncProvider, DbSyncSession,
    MetadataCleanup,
};
use sync_tests::support::scratch;
use sync_tests::support::session::Session;
use sync_tests::support::sql_server::skip;

/// Versions in the table itself; what is deleted goes to a table beside it.
const COUPLED: Texts = Texts {
    tracking: ChangeTrackingModel::Coupled,
    schema: &[
        sql_server::TEXTS.schema[0],
        sql_server::TEXTS.schema[1],
        "CREATE TABLE Customer (id int NOT NULL PRIMARY KEY, name nvarchar(100), age int, country nvarchar(100),
             sync_create_peer_key int NOT NULL DEFAULT 0, sync_create_peer_timestamp bigint NOT NULL DEFAULT 0,
             sync_update_peer_key int NOT NULL DEFAULT 0, sync_update_peer_timestamp bigint NULL, sync_row_timestamp rowversion)",
        "CREATE TABLE Customer_tombstone (id int NOT NULL PRIMARY KEY, sync_create_peer_key int NOT NULL, sync_create_peer_timestamp bigint NOT NULL,
             sync_update_peer_key int NOT NULL, sync_update_peer_timestamp bigint NULL, sync_row_timestamp rowversion)",
        "CREATE TRIGGER customer_insert_trigger ON Customer FOR INSERT AS
         BEGIN
             SET NOCOUNT ON;
             UPDATE c SET sync_create_peer_timestamp = CONVERT(bigint, @@DBTS) + 1 FROM Customer c JOIN inserted i ON c.id = i.id;
             DELETE t FROM Customer_tombstone t JOIN inserted i ON t.id = i.id;
         END",
        "CREATE TRIGGER customer_update_trigger ON Customer FOR UPDATE AS
         BEGIN
             SET NOCOUNT ON;
             IF UPDATE(name) OR UPDATE(age) OR UPDATE(country)
                 UPDATE c SET sync_update_peer_key = 0, sync_update_peer_timestamp = NULL FROM Customer c JOIN inserted i ON c.id = i.id;
         END",
        "CREATE TRIGGER customer_delete_trigger ON Customer FOR DELETE AS
         BEGIN
             SET NOCOUNT ON;
             INSERT INTO Customer_tombstone (id, sync_create_peer_key, sync_create_peer_timestamp, sync_update_peer_key)
                 SELECT id, sync_create_peer_key, sync_create_peer_timestamp, 0 FROM deleted;
         END",
    ],
    select_incremental_changes: "SELECT id, name, age, country, 0 AS sync_row_is_tombstone, sync_row_timestamp, sync_create_peer_key, sync_create_peer_timestamp,
             sync_update_peer_key, COALESCE(sync_update_peer_timestamp, CONVERT(bigint, sync_row_timestamp)) AS sync_update_peer_timestamp
         FROM Customer WHERE CONVERT(bigint, sync_row_timestamp) > @sync_min_timestamp
         UNION ALL SELECT id, NULL, NULL, NULL, 1, sync_row_timestamp, sync_create_peer_key, sync_create_peer_timestamp, sync_update_peer_key,
             COALESCE(sync_update_peer_timestamp, CONVERT(bigint, sync_row_timestamp))
         FROM Customer_tombstone WHERE CONVERT(bigint, sync_row_timestamp) > @sync_min_timestamp",
    select_row: "SELECT id, name, age, country, 0 AS sync_row_is_tombstone, sync_row_timestamp, sync_create_peer_key, sync_create_peer_timestamp,
             sync_update_peer_key, COALESCE(sync_update_peer_timestamp, CONVERT(bigint, sync_row_timestamp)) AS sync_update_peer_timestamp
         FROM Customer WHERE id = @id
         UNION ALL SELECT id, NULL, NULL, NULL, 1, sync_row_timestamp, sync_create_peer_key, sync_create_peer_timestamp, sync_update_peer_key,
             COALESCE(sync_update_peer_timestamp, CONVERT(bigint, sync_row_timestamp))
         FROM Customer_tombstone WHERE id = @id",
    update: "UPDATE Customer SET name = @name, age = @age, country = @country
         WHERE id = @id AND (CONVERT(bigint, sync_row_timestamp) <= @sync_min_timestamp OR @sync_force_write = 1);
         SET @sync_row_count = @@ROWCOUNT",
    delete: "DELETE FROM Customer
         WHERE id = @id AND (CONVERT(bigint, sync_row_timestamp) <= @sync_min_timestamp OR @sync_force_write = 1);
         SET @sync_row_count = @@ROWCOUNT",
    insert_metadata: "INSERT INTO Customer_tombstone (id, sync_create_peer_key, sync_create_peer_timestamp, sync_update_peer_key, sync_update_peer_timestamp)
             SELECT @id, @sync_create_peer_key, @sync_create_peer_timestamp, @sync_update_peer_key, @sync_update_peer_timestamp
             WHERE @sync_row_is_tombstone = 1;
         SET @sync_row_count = @@ROWCOUNT",
    update_metadata: "UPDATE Customer SET sync_create_peer_key = @sync_create_peer_key, sync_create_peer_timestamp = @sync_create_peer_timestamp,
             sync_update_peer_key = @sync_update_peer_key, sync_update_peer_timestamp = @sync_update_peer_timestamp
         WHERE id = @id AND @sync_row_is_tombstone = 0
             AND (@sync_check_concurrency = 0 OR CONVERT(bigint, sync_row_timestamp) = @sync_row_timestamp);
         SET @sync_row_count = @@ROWCOUNT;
         UPDATE Customer_tombstone SET sync_create_peer_key = @sync_create_peer_key, sync_create_peer_timestamp = @sync_create_peer_timestamp,
             sync_update_peer_key = @sync_update_peer_key, sync_update_peer_timestamp = @sync_update_peer_timestamp
         WHERE id = @id AND @sync_row_is_tombstone = 1
             AND (@sync_check_concurrency = 0 OR CONVERT(bigint, sync_row_timestamp) = @sync_row_timestamp);
         SET @sync_row_count = @sync_row_count + @@ROWCOUNT",
    delete_metadata: "DELETE FROM Customer_tombstone
         WHERE id = @id AND (@sync_check_concurrency = 0 OR CONVERT(bigint, sync_row_timestamp) = @sync_row_timestamp);
         SET @sync_row_count = @@ROWCOUNT",
    ..sql_server::TEXTS
};

/// What a clean-up selects, of metadata in this table.
fn old(table: &str) -> DbCommand {
    let condition = match table {
        "CustomerMetadata" => "sync_row_is_tombstone = 1 AND ",
        _ => "",
    };
    DbCommand::statement(format!(
        "SELECT id, sync_row_timestamp, sync_create_peer_key, sync_create_peer_timestamp, sync_update_peer_key,
             COALESCE(sync_update_peer_timestamp, CAST(sync_row_timestamp AS bigint)) AS sync_update_peer_timestamp
         FROM {table} WHERE {condition}@metadata_aging_in_days < 0"
    ))
    .input(DbSyncSession::METADATA_AGING_IN_DAYS)
}

/// A database with all of its commands.
struct Member<D, C> {
    database: D,
    provider: Arc<DbSyncProvider<C>>,
    /// Where deletions are remembered.
    deletions: &'static str,
}

/// A member, whatever it is made of.
trait Party {
    fn provider(&self) -> Arc<dyn SyncProvider>;
    fn execute(&self, sql: &str);
    fn rows(&self, sql: &str) -> Vec<String>;
    fn deletions(&self) -> usize;
    fn clean_up(&self) -> Result<MetadataCleanup, ProviderError>;
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(work)
}

impl<D: Database, C: CommandConnections + 'static> Party for Member<D, C> {
    fn provider(&self) -> Arc<dyn SyncProvider> {
        Arc::clone(&self.provider) as Arc<dyn SyncProvider>
    }

    fn execute(&self, sql: &str) {
        block_on(self.database.execute(sql)).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    fn rows(&self, sql: &str) -> Vec<String> {
        let rows = block_on(self.database.rows(sql)).unwrap();
        rows.into_iter().map(|row| row.join(" ")).collect()
    }

    fn deletions(&self) -> usize {
        self.rows(self.deletions).len()
    }

    fn clean_up(&self) -> Result<MetadataCleanup, ProviderError> {
        block_on(self.provider.cleanup_metadata(-1))
    }
}

fn member<D: Database + 'static, C: CommandConnections + 'static>(
    database: D,
    texts: &Texts,
    connections: C,
) -> Box<dyn Party> {
    let (metadata, deletions) = match texts.tracking {
        ChangeTrackingModel::Coupled => ("Customer_tombstone", "SELECT id FROM Customer_tombstone"),
        ChangeTrackingModel::Decoupled => (
            "CustomerMetadata",
            "SELECT id FROM CustomerMetadata WHERE sync_row_is_tombstone = 1",
        ),
    };
    let adapter = as_destination(texts, as_source(texts, customer()))
        .select_metadata_for_cleanup_command(old(metadata))
        .build()
        .unwrap();
    let provider = provider(texts, connections, adapter).unwrap();
    let member = Member {
        database,
        provider,
        deletions,
    };
    texts.schema.iter().for_each(|batch| member.execute(batch));
    Box::new(member)
}

fn on_sqlite(folder: &std::path::Path, name: &'static str) -> Box<dyn Party> {
    let database = Sqlite::new(folder, name);
    let connections = database.commands();
    member(database, &sqlite::TEXTS, connections)
}

fn on_sql_server(name: &'static str, texts: &Texts) -> Option<Box<dyn Party>> {
    let database = block_on(SqlServer::new(name)).unwrap()?;
    let connections = database.commands();
    Some(member(database, texts, connections))
}

/// A session between two of them, both ways; how many rows moved, and how many conflicts there were.
fn between(one: &dyn Party, other: &dyn Party) -> (u64, usize) {
    let session = Session::new(one.provider(), other.provider());
    let report = session.policy(ConflictPolicy::SourceWins).run();
    assert_eq!(report.left(), 0, "{:?}", report.records);
    (report.moved(), report.records.len())
}

/// Sessions between all, until nothing moves any more; gives the number of conflicts.
fn quiet(all: &[Box<dyn Party>]) -> usize {
    let mut conflicts = 0;
    for _ in 0..10 {
        let mut moved = 0;
        for (at, one) in all.iter().enumerate() {
            let next = (at + 1) % all.len();
            let (rows, records) = between(one.as_ref(), all[next].as_ref());
            moved += rows;
            conflicts += records;
        }
        if moved == 0 {
            return conflicts;
        }
    }
    panic!("the community does not come to rest");
}

fn check_all(all: &[Box<dyn Party>], expected: &[&str]) {
    for (at, party) in all.iter().enumerate() {
        let rows = party.rows("SELECT id, name FROM Customer ORDER BY id");
        assert_eq!(rows, expected, "party {at}");
    }
}

fn check(all: &[Box<dyn Party>], late: &dyn Party) {
    let insert = |id: i32, name: &str| {
        format!("INSERT INTO Customer (id, name, age, country) VALUES ({id}, '{name}', NULL, NULL)")
    };
    for (at, party) in all.iter().enumerate() {
        let id = i32::try_from(2 * at).unwrap();
        party.execute(&insert(id + 1, "a"));
        party.execute(&insert(id + 2, "b"));
    }
    assert_eq!(quiet(all), 0);
    check_all(all, &["1 a", "2 b", "3 a", "4 b", "5 a", "6 b"]);
    between(late, all[0].as_ref());

    // An update meets an update, a deletion meets an update, and a key comes back.
    all[0].execute("UPDATE Customer SET name = 'x' WHERE id = 1");
    all[1].execute("UPDATE Customer SET name = 'y' WHERE id = 1");
    all[1].execute("DELETE FROM Customer WHERE id = 3");
    all[2].execute("UPDATE Customer SET name = 'z' WHERE id = 3");
    all[2].execute("DELETE FROM Customer WHERE id = 5");
    let conflicts = quiet(all);
    assert!(conflicts >= 2, "{conflicts}");
    let one = all[0].rows("SELECT id, name FROM Customer ORDER BY id");
    assert!(one.iter().all(|row| !row.starts_with('5')), "{one:?}");
    let same: Vec<&str> = one.iter().map(String::as_str).collect();
    check_all(all, &same);
    all[1].execute(&insert(5, "again"));
    quiet(all);
    for party in all {
        assert!(
            party
                .rows("SELECT id, name FROM Customer")
                .contains(&"5 again".to_owned())
        );
    }

    // Deleted everywhere, and then forgotten; who missed it is outdated.
    all[0].execute("DELETE FROM Customer WHERE id = 6");
    quiet(all);
    for party in all {
        let deletions = party.deletions();
        assert!(deletions >= 1);
        let done = party.clean_up().unwrap();
        let removed = u64::try_from(deletions).unwrap();
        assert_eq!(done, MetadataCleanup { removed, left: 0 });
        assert_eq!(party.deletions(), 0);
    }
    assert_eq!(quiet(all), 0);
    let session = Session::new(late.provider(), all[0].provider());
    let failure = session.direction(SyncDirectionOrder::Download).try_run();
    let error = failure.unwrap_err().error;
    assert!(matches!(error, ProviderError::Outdated { .. }), "{error}");
}

#[test]
fn three_files() {
    let folder = scratch::folder();
    let all = ["a", "b", "c"].map(|name| on_sqlite(folder.path(), name));
    check(&all, on_sqlite(folder.path(), "late").as_ref());
}

#[test]
fn both_models_and_both_engines() {
    let folder = scratch::folder();
    let Some(decoupled) = on_sql_server("decoupled", &sql_server::TEXTS) else {
        return skip("commands_together", "SYNC_TEST_MSSQL names no server");
    };
    let coupled = on_sql_server("coupled", &COUPLED).unwrap();
    let all = [decoupled, coupled, on_sqlite(folder.path(), "file")];
    check(&all, on_sqlite(folder.path(), "late").as_ref());
}

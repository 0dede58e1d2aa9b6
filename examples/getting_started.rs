//! Getting started with `DbSyncProvider`: a table, metadata beside it, triggers, and commands that somebody wrote.
//!
//! It follows Microsoft's walk-through of 2008 step by step. Two databases, SampleDB1 and SampleDB2, hold a table Customer that must not be changed, so its
//! versions are kept in a table of their own, CustomerMetadata. John and Jane Doe are added to the first database and come to the second; then changes go
//! both ways.
//!
//! ```sh
//! cargo run --example getting_started                              # SQLite files in a temporary folder
//! SYNC_TEST_MSSQL=mssql://… cargo run --example getting_started    # databases of a SQL Server, made and dropped by the example
//! ```
//!
//! What differs from the walk-through is what it takes to lose no change, in the texts of `sqlite.rs` and `sql_server.rs`; `docs/custom-providers.md` tells why.

#![allow(
    unreachable_pub,
    missing_docs,
    reason = "a test runs the parts of it, too"
)]

#[path = "getting_started/sql_server.rs"]
pub mod sql_server;
#[path = "getting_started/sqlite.rs"]
pub mod sqlite;

use std::error::Error;
use std::io::Write;
use std::sync::Arc;

use async_trait::async_trait;
use sync_orchestrator::{SyncDirectionOrder, SyncOperationStatistics, SyncOrchestrator};
use sync_provider::SyncProvider;
use sync_provider_commands::{
    ChangeTrackingModel, CommandConnections, DbCommand, DbSyncAdapter, DbSyncAdapterBuilder,
    DbSyncProvider, DbSyncSession,
};

pub use sql_server::SqlServer;
pub use sqlite::Sqlite;

/// What goes wrong ends the walk-through.
pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// The scope: the tables that are synchronised as one unit.
pub const SCOPE: &str = "DbSyncDemo";

/// One of the two databases.
#[async_trait]
pub trait Database: Send + Sync {
    /// Its name.
    fn name(&self) -> &'static str;
    /// What the steps have to say in its language.
    fn texts(&self) -> &'static Texts;
    /// Runs a batch, as an application would.
    async fn execute(&self, sql: &str) -> Outcome<()>;
    /// The rows of a query, as text.
    async fn rows(&self, sql: &str) -> Outcome<Vec<Vec<String>>>;
    /// A provider for it with this adapter.
    fn provider(&self, customer: DbSyncAdapter) -> Outcome<Arc<dyn SyncProvider>>;
}

/// The statements of the walk-through in one language.
#[derive(Debug)]
pub struct Texts {
    /// Where versions are kept: here in a table of their own.
    pub tracking: ChangeTrackingModel,
    /// Steps 2 and 3: the scope row, the metadata table and three triggers, each a batch.
    pub schema: &'static [&'static str],
    pub select_new_timestamp: &'static str,
    pub select_scope_info: &'static str,
    pub update_scope_info: &'static str,
    pub select_incremental_changes: &'static str,
    pub select_row: &'static str,
    pub insert: &'static str,
    pub update: &'static str,
    pub delete: &'static str,
    pub insert_metadata: &'static str,
    pub update_metadata: &'static str,
    pub delete_metadata: &'static str,
}

/// The columns of Customer.
const COLUMNS: [&str; 4] = ["id", "name", "age", "country"];

/// The versions of a row, as parameters.
const VERSIONS: [&str; 5] = [
    DbSyncSession::SYNC_ROW_IS_TOMBSTONE,
    DbSyncSession::SYNC_CREATE_PEER_KEY,
    DbSyncSession::SYNC_CREATE_PEER_TIMESTAMP,
    DbSyncSession::SYNC_UPDATE_PEER_KEY,
    DbSyncSession::SYNC_UPDATE_PEER_TIMESTAMP,
];

/// The table.
pub fn customer() -> DbSyncAdapterBuilder {
    DbSyncAdapter::builder("Customer")
        .column("id", "int")
        .column("name", "nvarchar(100)")
        .column("age", "int")
        .column("country", "nvarchar(100)")
        .row_id_columns(["id"])
        .tombstone_column(DbSyncSession::SYNC_ROW_IS_TOMBSTONE)
        .timestamp_column(DbSyncSession::SYNC_ROW_TIMESTAMP)
}

/// Step 4: a source has one command.
pub fn as_source(texts: &Texts, customer: DbSyncAdapterBuilder) -> DbSyncAdapterBuilder {
    customer.select_incremental_changes_command(
        DbCommand::statement(texts.select_incremental_changes)
            .input(DbSyncSession::SYNC_MIN_TIMESTAMP),
    )
}

/// Step 6: a destination has seven. Each that writes says how many rows it wrote.
pub fn as_destination(texts: &Texts, customer: DbSyncAdapterBuilder) -> DbSyncAdapterBuilder {
    let writes = |text| DbCommand::statement(text).output(DbSyncSession::SYNC_ROW_COUNT);
    let guard = [
        DbSyncSession::SYNC_MIN_TIMESTAMP,
        DbSyncSession::SYNC_FORCE_WRITE,
    ];
    let concurrency = [
        DbSyncSession::SYNC_CHECK_CONCURRENCY,
        DbSyncSession::SYNC_ROW_TIMESTAMP,
    ];
    customer
        .select_row_command(DbCommand::statement(texts.select_row).input("id"))
        .insert_command(writes(texts.insert).inputs(COLUMNS))
        .update_command(writes(texts.update).inputs(COLUMNS).inputs(guard))
        .delete_command(writes(texts.delete).input("id").inputs(guard))
        .insert_metadata_command(writes(texts.insert_metadata).input("id").inputs(VERSIONS))
        .update_metadata_command(
            writes(texts.update_metadata)
                .input("id")
                .inputs(VERSIONS)
                .inputs(concurrency),
        )
        .delete_metadata_command(
            writes(texts.delete_metadata)
                .input("id")
                .inputs(concurrency),
        )
}

/// Step 5: what the provider has to know of the scope.
pub fn provider<C: CommandConnections + 'static>(
    texts: &Texts,
    connections: C,
    customer: DbSyncAdapter,
) -> Outcome<Arc<DbSyncProvider<C>>> {
    let provider = DbSyncProvider::builder(SCOPE, connections)
        .change_tracking(texts.tracking)
        .select_new_timestamp_command(
            DbCommand::statement(texts.select_new_timestamp)
                .output(DbSyncSession::SYNC_NEW_TIMESTAMP),
        )
        .select_scope_info_command(
            DbCommand::statement(texts.select_scope_info)
                .input(DbSyncSession::SYNC_SCOPE_NAME)
                .outputs([
                    DbSyncSession::SYNC_SCOPE_ID,
                    DbSyncSession::SYNC_SCOPE_KNOWLEDGE,
                    DbSyncSession::SYNC_SCOPE_CLEANUP_KNOWLEDGE,
                    DbSyncSession::SYNC_SCOPE_TIMESTAMP,
                ]),
        )
        .update_scope_info_command(
            DbCommand::statement(texts.update_scope_info)
                .inputs([
                    DbSyncSession::SYNC_SCOPE_NAME,
                    DbSyncSession::SYNC_SCOPE_KNOWLEDGE,
                    DbSyncSession::SYNC_SCOPE_CLEANUP_KNOWLEDGE,
                    DbSyncSession::SYNC_SCOPE_TIMESTAMP,
                    DbSyncSession::SYNC_CHECK_CONCURRENCY,
                ])
                .output(DbSyncSession::SYNC_ROW_COUNT),
        )
        .adapter(customer)
        .build()?;
    Ok(Arc::new(provider))
}

/// The walk-through, told to `out`.
pub async fn walk_through(
    first: &dyn Database,
    second: &dyn Database,
    out: &mut (dyn Write + Send),
) -> Outcome<()> {
    let one_way = one_way(first, second, out);
    one_way.await?;
    both_ways(first, second, out).await
}

/// From SampleDB1 to SampleDB2: a source and a destination.
pub async fn one_way(
    first: &dyn Database,
    second: &dyn Database,
    out: &mut (dyn Write + Send),
) -> Outcome<()> {
    for database in [first, second] {
        for batch in database.texts().schema {
            database.execute(batch).await?;
        }
    }
    writeln!(out, "John and Jane Doe are added to {}.", first.name())?;
    first
        .execute("INSERT INTO Customer (id, name, age, country) VALUES (1, 'John Doe', 42, 'USA'), (2, 'Jane Doe', 40, 'USA')")
        .await?;
    show(first, out).await?;

    writeln!(
        out,
        "\nSynchronize: from {} to {}.",
        first.name(),
        second.name()
    )?;
    let source = first.provider(as_source(first.texts(), customer()).build()?)?;
    let destination = second.provider(as_destination(second.texts(), customer()).build()?)?;
    let done = SyncOrchestrator::new(destination, source)
        .direction(SyncDirectionOrder::Download)
        .synchronize()
        .await?;
    tell(&done, out)?;
    show(second, out).await?;
    writeln!(
        out,
        "Both rows were created and last changed by replica 1 there, which is {}; 0 would be {} itself.",
        first.name(),
        second.name()
    )?;
    Ok(())
}

/// Both providers with the commands of both halves, and the exercise that the walk-through leaves to its reader.
pub async fn both_ways(
    first: &dyn Database,
    second: &dyn Database,
    out: &mut (dyn Write + Send),
) -> Outcome<()> {
    writeln!(
        out,
        "\nJohn has a birthday at {}; at {} Jane is deleted, and Jim comes.",
        first.name(),
        second.name()
    )?;
    first
        .execute("UPDATE Customer SET age = 43 WHERE id = 1")
        .await?;
    second.execute("DELETE FROM Customer WHERE id = 2").await?;
    second
        .execute("INSERT INTO Customer (id, name, age, country) VALUES (3, 'Jim Doe', 7, 'Canada')")
        .await?;
    let both = |database: &dyn Database| {
        let texts = database.texts();
        let adapter = as_destination(texts, as_source(texts, customer())).build()?;
        database.provider(adapter)
    };
    writeln!(out, "Synchronize: both ways.")?;
    let done = SyncOrchestrator::new(both(second)?, both(first)?)
        .direction(SyncDirectionOrder::DownloadAndUpload)
        .synchronize()
        .await?;
    tell(&done, out)?;
    show(first, out).await?;
    show(second, out).await
}

fn tell(done: &SyncOperationStatistics, out: &mut (dyn Write + Send)) -> Outcome<()> {
    for (direction, statistics) in [("down", done.download), ("up", done.upload)] {
        if let Some(statistics) = statistics {
            writeln!(
                out,
                "{direction}: {} of {} changes applied",
                statistics.changes_applied, statistics.changes_total
            )?;
        }
    }
    Ok(())
}

/// Shows the table and its metadata.
async fn show(database: &dyn Database, out: &mut (dyn Write + Send)) -> Outcome<()> {
    let name = database.name();
    let customers = "SELECT id, name, age, country FROM Customer ORDER BY id";
    let head = COLUMNS.map(str::to_owned).to_vec();
    table(
        &format!("{name}: Customer"),
        head,
        database.rows(customers).await?,
        out,
    )?;
    let metadata = "SELECT id, sync_row_is_tombstone, sync_create_peer_key, sync_update_peer_key FROM CustomerMetadata ORDER BY id";
    let head = ["id", "tombstone", "create key", "update key"];
    let head = head.map(str::to_owned).to_vec();
    table(
        &format!("{name}: CustomerMetadata"),
        head,
        database.rows(metadata).await?,
        out,
    )
}

fn table(
    title: &str,
    head: Vec<String>,
    rows: Vec<Vec<String>>,
    out: &mut (dyn Write + Send),
) -> Outcome<()> {
    writeln!(out, "  {title}")?;
    for row in [head].iter().chain(&rows) {
        let cells: Vec<String> = row.iter().map(|cell| format!("{cell:<12}")).collect();
        writeln!(out, "    {}", cells.join(" ").trim_end())?;
    }
    Ok(())
}

/// Bytes as they are shown.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let mut out = std::io::stdout();
    match (
        SqlServer::new("SampleDB1").await?,
        SqlServer::new("SampleDB2").await?,
    ) {
        (Some(first), Some(second)) => walk_through(&first, &second, &mut out).await,
        _ => {
            let folder = tempfile::tempdir()?;
            let first = Sqlite::new(folder.path(), "SampleDB1");
            let second = Sqlite::new(folder.path(), "SampleDB2");
            walk_through(&first, &second, &mut out).await
        }
    }
}

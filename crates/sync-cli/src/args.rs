//! The command line as types.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgGroup, Parser, Subcommand, ValueEnum};
use sync_orchestrator::SyncDirectionOrder;
use uuid::Uuid;

use crate::database::Creation;

/// Keeps databases in step: multi-master row synchronisation.
///
/// A database is named by a path, sqlite:PATH, mssql://USER@HOST/DATABASE or an ADO.NET connection string.
///
/// Exit codes: 0 done, 1 done but something is left, 2 wrong usage, 3 refused, 4 a database or file failed, 130 cancelled.
#[derive(Debug, Parser)]
#[command(name = "syncdb", version, max_term_width = 100)]
pub(crate) struct Args {
    /// Write the report as one JSON document to standard output.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the main job on generated sales data: a hub, two spokes, edits on all sides, a conflict.
    Demo(DemoArgs),
    /// Prepare a database for synchronisation.
    Provision(ProvisionArgs),
    /// Synchronise two databases.
    Sync(SyncArgs),
    /// Say what `sync` would do: which rows would move, which would conflict, who would win. Changes nothing.
    Explain(ExplainArgs),
    /// Show the scopes of a database, what it knows and what it tracks. Changes nothing.
    Status(StatusArgs),
    /// Compare two databases: rows, deletions, and what each knows of the other. Changes nothing.
    Verify(VerifyArgs),
    /// Take synchronisation metadata off a database; its tables and rows stay.
    Deprovision(DeprovisionArgs),
    /// Look into the bytes in which knowledge is kept. A blob is hex, or @FILE for raw bytes.
    #[command(subcommand)]
    Knowledge(KnowledgeCommand),
}

#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// Make the databases in this folder, and leave them there; it must be empty or new.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// How many rows of sales data to make.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub(crate) rows: u64,
    /// Keep the temporary folder.
    #[arg(long)]
    pub(crate) keep: bool,
}

#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("what").required(true).args(["table", "all_tables", "like"]))]
pub(crate) struct ProvisionArgs {
    /// The database.
    #[arg(value_name = "DB")]
    pub(crate) database: OsString,
    /// Name of the scope; with --like it may be left out where the other database has exactly one.
    #[arg(
        long,
        value_name = "S",
        required_unless_present = "like",
        allow_hyphen_values = true
    )]
    pub(crate) scope: Option<String>,
    /// A table; GLOBAL is the name that all replicas share, by default the table's own. Can be repeated.
    #[arg(long, value_name = "T[=GLOBAL]")]
    pub(crate) table: Vec<String>,
    /// Every table.
    #[arg(long, conflicts_with_all = ["table", "like"])]
    pub(crate) all_tables: bool,
    /// The tables of another database's scope; missing tables, and the file, are created as they are there.
    #[arg(long, value_name = "DB2", conflicts_with = "table")]
    pub(crate) like: Option<OsString>,
    /// Synchronise only these columns of a table, key columns in any case. Can be repeated.
    #[arg(long, value_name = "T=a,b,…", conflicts_with = "like")]
    pub(crate) columns: Vec<String>,
    /// Put this before the names of all metadata objects.
    #[arg(long, value_name = "P")]
    pub(crate) object_prefix: Option<String>,
    /// Create the metadata objects in this schema (SQL Server).
    #[arg(long, value_name = "S")]
    pub(crate) object_schema: Option<String>,
    /// What to make and what to take as it is (SQL Server). KIND is tables, tracking-tables, triggers, procedures,
    /// additional-procedures, tracking-rows or bulk-procedures; HOW is new, skip or use-existing. Can be repeated.
    #[arg(long, value_name = "KIND=HOW")]
    pub(crate) create: Vec<Creation>,
    /// Print the statements instead of running them.
    #[arg(long)]
    pub(crate) script: bool,
}

/// A session, run or rehearsed.
#[derive(Debug, clap::Args)]
pub(crate) struct SessionArgs {
    /// The local database: its changes are uploaded.
    #[arg(value_name = "LOCAL")]
    pub(crate) local: OsString,
    /// The remote database: its changes are downloaded.
    #[arg(value_name = "REMOTE")]
    pub(crate) remote: OsString,
    /// Name of the scope; may be left out where one of the databases has exactly one.
    #[arg(long, value_name = "S", allow_hyphen_values = true)]
    pub(crate) scope: Option<String>,
    /// Which ways rows go, and in which order.
    #[arg(long, value_name = "D", value_enum, default_value_t)]
    pub(crate) direction: Direction,
    /// Who wins where both sides changed a row.
    #[arg(long, value_name = "POLICY", value_enum, default_value_t)]
    pub(crate) conflict: Conflict,
    /// The replicas, most important first, for --conflict priority.
    #[arg(
        long,
        value_name = "GUID,…",
        value_delimiter = ',',
        required_if_eq("conflict", "priority")
    )]
    pub(crate) priority: Vec<Uuid>,
    /// What becomes of the session where a row cannot be written, even behind all others.
    #[arg(long, value_enum, value_name = "POLICY", default_value_t)]
    pub(crate) errors: Errors,
    /// About how many KiB of rows a batch may hold; 1024 unless said otherwise.
    #[arg(long, value_name = "KIB", value_parser = clap::value_parser!(u64).range(1..=1 << 40))]
    pub(crate) batch_size: Option<u64>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct SyncArgs {
    #[command(flatten)]
    pub(crate) session: SessionArgs,
    /// Write each conflict as a line of JSON to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) conflicts: Option<PathBuf>,
    /// Provision the side that lacks the scope like the other one; its file may be missing.
    #[arg(long)]
    pub(crate) provision: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    pub(crate) session: SessionArgs,
    /// List so many rows and so many conflicts of each direction; all are counted.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(..=1_000_000))]
    pub(crate) limit: u64,
}

#[derive(Debug, clap::Args)]
pub(crate) struct StatusArgs {
    /// The database.
    #[arg(value_name = "DB")]
    pub(crate) database: OsString,
    /// Only this scope.
    #[arg(long, value_name = "S", allow_hyphen_values = true)]
    pub(crate) scope: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct VerifyArgs {
    /// One database.
    #[arg(value_name = "A")]
    pub(crate) a: OsString,
    /// The other.
    #[arg(value_name = "B")]
    pub(crate) b: OsString,
    /// Name of the scope; may be left out where one of the databases has exactly one.
    #[arg(long, value_name = "S", allow_hyphen_values = true)]
    pub(crate) scope: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("what").required(true).args(["scope", "store"]))]
pub(crate) struct DeprovisionArgs {
    /// The database.
    #[arg(value_name = "DB")]
    pub(crate) database: OsString,
    /// Take this scope off; what it shares with others stays.
    #[arg(long, value_name = "S", allow_hyphen_values = true)]
    pub(crate) scope: Option<String>,
    /// Take everything off.
    #[arg(long)]
    pub(crate) store: bool,
    /// Print the statements instead of running them.
    #[arg(long)]
    pub(crate) script: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KnowledgeCommand {
    /// Decode a blob.
    Show {
        /// The knowledge: hex digits, or `@FILE` with its bytes.
        #[arg(value_name = "BLOB")]
        blob: String,
    },
    /// The least knowledge that contains both, as hex.
    Combine {
        /// The one whose owner and keys the result has: hex digits, or `@FILE` with its bytes.
        #[arg(value_name = "A")]
        a: String,
        /// The other one, likewise.
        #[arg(value_name = "B")]
        b: String,
    },
    /// How A stands to B: equal, contains, contained or concurrent.
    Compare {
        /// One knowledge: hex digits, or `@FILE` with its bytes.
        #[arg(value_name = "A")]
        a: String,
        /// The other one, likewise.
        #[arg(value_name = "B")]
        b: String,
    },
    /// The blob in another version, as hex.
    Convert {
        /// The knowledge: hex digits, or `@FILE` with its bytes.
        #[arg(value_name = "BLOB")]
        blob: String,
        /// The version to write: 5, or the blob's own.
        #[arg(long, value_name = "VERSION")]
        to: u32,
    },
}

#[derive(Copy, Clone, Debug, Default, ValueEnum)]
pub(crate) enum Direction {
    /// From LOCAL to REMOTE, then back.
    #[default]
    UploadAndDownload,
    /// From REMOTE to LOCAL, then back.
    DownloadAndUpload,
    /// From LOCAL to REMOTE only.
    Upload,
    /// From REMOTE to LOCAL only.
    Download,
}

impl From<Direction> for SyncDirectionOrder {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::UploadAndDownload => SyncDirectionOrder::UploadAndDownload,
            Direction::DownloadAndUpload => SyncDirectionOrder::DownloadAndUpload,
            Direction::Upload => SyncDirectionOrder::Upload,
            Direction::Download => SyncDirectionOrder::Download,
        }
    }
}

#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Errors {
    /// The row waits for the next session; all others go through.
    #[default]
    Defer,
    /// The direction fails, and nothing of it is left.
    Abort,
}

#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Conflict {
    /// The database that the rows come to: REMOTE in an upload.
    #[default]
    DestinationWins,
    /// The database that the rows come from.
    SourceWins,
    /// LOCAL in both directions.
    LocalWins,
    /// REMOTE in both directions.
    RemoteWins,
    /// The later write, by the clocks of the writers.
    LastWriterWins,
    /// The writer that comes first in --priority.
    Priority,
    /// Nobody: the row waits for the next session.
    Defer,
}

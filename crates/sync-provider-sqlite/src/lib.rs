//! SQLite databases in synchronisation: provisioning, change tracking, and the provider.
//!
//! A database is prepared once with [`Provisioning`]: Microsoft Sync Framework's metadata tables in SQLite's types, a tracking table and
//! triggers per table, and a tick counter. After that any program writes to it as before, and [`SqliteProvider`] takes part in
//! sessions.
//!
//! ```
//! use sync_provider_sqlite::{Provisioning, TableChoice, Tables, status};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! let path = folder.path().join("shop.db");
//! rusqlite::Connection::open(&path)?.execute_batch("CREATE TABLE Customer (id INTEGER PRIMARY KEY, name TEXT)")?;
//! let customer = TableChoice { table: "Customer".into(), global_name: None, columns: None };
//! Provisioning::new("sales", Tables::Listed(vec![customer])).apply(&path)?;
//! assert_eq!(status(&path, sync_provider_sqlite::DEFAULT_BUSY_TIMEOUT)?[0].name, "sales");
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod catalog;
mod cells;
mod commands;
mod connection;
mod create;
mod ddl;
mod deprovision;
mod error;
mod ident;
mod index_columns;
mod inspect;
mod locks;
mod metadata;
mod names;
mod plan;
mod problems;
mod provider;
mod provision;
mod prune;
mod store;
mod take_over;
mod template;
mod tokens;
mod triggers;
mod types;

pub use commands::{SqliteCommandConnection, SqliteCommands};
pub use connection::DEFAULT_BUSY_TIMEOUT;
pub use deprovision::Deprovisioning;
pub use error::SqliteError;
pub use inspect::{SqliteReader, describe, status};
pub use provider::SqliteProvider;
pub use provision::{Provisioning, Tables};
pub use sync_relational::{Provisioned, TableChoice};
pub use template::Template;

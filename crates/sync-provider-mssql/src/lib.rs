//! The SQL Server provider of syncdb: provisioning, change tracking by triggers, and a provider over slices or procedures.
//!
//! # Connections of one's own
//!
//! A session has one connection, and one more each time that it was lost. Who makes them can be replaced, by a pool, a proxy, another way to
//! log in, or as here by a limit:
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use async_trait::async_trait;
//! use sync_provider_mssql::{ConnectionFactory, DirectConnections, MssqlError, MssqlProvider, Password, Settings, TdsClient};
//! use tokio::sync::Mutex;
//!
//! /// Logs in once at a time.
//! #[derive(Debug)]
//! struct OneAtATime {
//!     inner: DirectConnections,
//!     turn: Mutex<()>,
//! }
//!
//! #[async_trait]
//! impl ConnectionFactory for OneAtATime {
//!     fn server(&self) -> String {
//!         self.inner.server()
//!     }
//!
//!     async fn connect(&self) -> Result<TdsClient, MssqlError> {
//!         let _turn = self.turn.lock().await;
//!         self.inner.connect().await
//!     }
//! }
//!
//! let settings = Settings::new("db.example.org", "Sales", "app", Password::new("secret"));
//! let connections = OneAtATime { inner: DirectConnections::new(settings), turn: Mutex::default() };
//! let provider = MssqlProvider::with_connections(Arc::new(connections), Some("customers"));
//! ```
#![forbid(unsafe_code)]

mod answer;
mod catalog;
mod commands;
mod connection;
mod ddl;
mod deprovision;
mod error;
#[cfg(test)]
mod golden;
mod inspect;
mod metadata;
mod names;
mod opened;
mod procedures;
mod provider;
mod provision;
mod read;
mod server_error;
mod settings;
mod sql;
mod staging;
mod store;

pub use commands::MssqlCommands;
pub use connection::{ConnectionFactory, DirectConnections, TdsClient};
pub use deprovision::Deprovisioning;
pub use error::MssqlError;
pub use inspect::{MssqlReader, describe, scope_names, status};
pub use procedures::ProcedureConnection;
pub use provider::{Execution, MssqlProvider};
pub use provision::{CreationOption, CreationOptions, Provisioning, Tables, Template};
pub use settings::{
    DEFAULT_COMMAND_TIMEOUT, DEFAULT_CONNECT_TIMEOUT, DEFAULT_LOCK_TIMEOUT, Encryption, Password,
    Settings,
};
pub use sync_relational::{Provisioned, TableChoice};

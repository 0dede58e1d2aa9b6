//! The SQL Server provider of syncdb, in development.
#![forbid(unsafe_code)]

mod answer;
mod catalog;
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
mod provider;
mod provision;
mod read;
mod server_error;
mod settings;
mod sql;
mod staging;
mod store;

pub use connection::{ConnectionFactory, DirectConnections, TdsClient};
pub use deprovision::Deprovisioning;
pub use error::MssqlError;
pub use inspect::{MssqlReader, describe, scope_names, status};
pub use provider::MssqlProvider;
pub use provision::{CreationOption, CreationOptions, Provisioning, Tables, Template};
pub use settings::{
    DEFAULT_COMMAND_TIMEOUT, DEFAULT_CONNECT_TIMEOUT, DEFAULT_LOCK_TIMEOUT, Encryption, Password,
    Settings,
};
pub use sync_relational::{Provisioned, TableChoice};

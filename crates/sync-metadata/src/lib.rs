//! What the database providers of Microsoft Sync Framework 2.1 persist, as plain data and pure functions.
//!
//! A database that takes part in synchronisation holds three kinds of metadata: a row per *scope* with the replica's knowledge, a
//! *configuration* document that says what was provisioned, and for each synchronised row a *tracking row* with its versions. This crate reads
//! and writes them, names the objects around them, and says what a value *means* in a column of a given type, however a database stores it.
//! It knows no database: there is no I/O, no clock and no SQL dialect in it, and every operation but reading is total.
//!
//! | to | use |
//! |---|---|
//! | describe tables and scopes | [`ScopeDescription`], [`TableDescription`], [`SqlType`], [`TableName`] |
//! | read and write a scope's configuration | [`ScopeConfig`] |
//! | know the names of tracking tables, triggers, procedures | [`ObjectNames`], [`StoreNames`] |
//! | tell the format of a database | [`SchemaVersion`] |
//! | read a row's version, or store one | [`TrackingRow`], [`VersionColumns`] |
//! | carry values | [`Value`], [`ValueRef`], [`Decimal`], [`DateTime`] |
//! | compare values by meaning or by storage | [`content_cmp`], [`content_eq`], [`identical`] |
//! | name a row in the knowledge | [`row_id`], [`table_id_range`], [`write_key_text`] |
//!
//! What comes from outside (documents, names, numbers) is parsed once into a type that cannot hold the wrong thing, and refused with a
//! [`MetadataError`] that names it; nothing is allocated that the input's own length does not pay for.
//!
//! ```
//! use sync_metadata::{
//!     ColumnDescription, ConfigForm, Naming, ScopeConfig, ScopeDescription, TableDescription, TableName,
//! };
//!
//! let columns = vec![
//!     ColumnDescription::key("CustomerId", "uniqueidentifier".parse()?),
//!     ColumnDescription::new("Name", "nvarchar(100)".parse()?),
//! ];
//! let customer = TableDescription::new(TableName::parse("Sales.Customer")?, "[Sales].[Customer]", columns)?;
//! let scope = ScopeDescription::new("customers", vec![customer])?;
//!
//! let config = ScopeConfig::from_description(&scope, &Naming::default(), ConfigForm::SqlServer { bulk: true })?;
//! assert!(config.to_xml().contains(r#"TrackingTable="[Sales].[Customer_tracking]""#));
//! assert_eq!(config.description("customers")?, scope);
//! # Ok::<(), sync_metadata::MetadataError>(())
//! ```

mod canonical;
mod config_xml;
mod decimal;
mod error;
mod key_equality;
mod names;
mod row_id;
mod schema;
mod scope;
mod sql_type;
mod stack_text;
mod table_name;
mod temporal;
mod tracking;
mod value;

pub use canonical::{Fitted, content_cmp, content_eq, fit, identical, write_key_text};
pub use config_xml::{
    AdapterConfig, AdapterObjects, ColumnConfig, ConfigForm, ConfigProvider, ScopeConfig,
    XmlFragment,
};
pub use decimal::Decimal;
pub use error::MetadataError;
pub use key_equality::KeyEquality;
pub use names::{Naming, ObjectName, ObjectNames, StoreNames};
pub use row_id::{row_id, table_id_range, write_row_id};
pub use schema::{ColumnDescription, Identity, ScopeDescription, TableDescription};
pub use scope::{
    SCHEMA_INFO_COLUMNS, SCOPE_CONFIG_COLUMNS, SCOPE_INFO_COLUMNS, SCOPE_NAME_COLUMN_V2_0,
    SchemaVersion, ScopeConfigRow, ScopeRow, ScopeStatus,
};
pub use sql_type::{Size, SqlKind, SqlType, TypeFamily};
pub use table_name::{TableName, quote};
pub use temporal::{Date, DateTime, DateTimeOffset, Time};
pub use tracking::{TRACKING_COLUMNS, TrackingRow, VersionColumns, is_tracking_column};
pub use value::{Value, ValueRef};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;

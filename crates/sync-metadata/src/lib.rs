//! (documentation follows)

mod canonical;
mod config_xml;
mod decimal;
mod error;
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

pub use canonical::{content_cmp, content_eq, identical, write_key_text};
pub use config_xml::{
    AdapterConfig, AdapterObjects, ColumnConfig, ConfigForm, ConfigProvider, ScopeConfig,
    XmlFragment,
};
pub use decimal::Decimal;
pub use error::MetadataError;
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
pub use tracking::{TRACKING_COLUMNS, TrackingRow, VersionColumns};
pub use value::{Value, ValueRef};

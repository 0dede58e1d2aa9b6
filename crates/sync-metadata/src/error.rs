//! What can be wrong with metadata that came from outside.

use thiserror::Error;

/// Why a piece of metadata was refused.
///
/// Every message names the object and, where there is one, the way out.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// A table or object name that is not one or two identifiers.
    #[error("the name {name:?} is not usable: {reason}")]
    Name {
        /// The name as it was given, cut after 160 characters.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },

    /// A SQL type that cannot be read.
    #[error("{text:?} is not a SQL type: {reason}")]
    SqlType {
        /// The text as it was given, cut after 160 characters.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },

    /// A value that is not what it was read as.
    #[error("{text:?} is not a {kind}: {reason}")]
    Value {
        /// What the text should have been, for example `date`.
        kind: &'static str,
        /// The text as it was given, cut after 160 characters.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },

    /// A value that a column's type has no place for.
    #[error(
        "{text:?} does not go into a column of {sql_type}: {reason}; change the value, or the column's type"
    )]
    Unfit {
        /// The column's type.
        sql_type: String,
        /// The value, cut after 40 characters.
        text: String,
        /// What is wrong.
        reason: &'static str,
    },

    /// A table description that cannot be synchronised.
    #[error("table {table}: {reason}")]
    Table {
        /// The table's quoted local name.
        table: String,
        /// What is wrong with it.
        reason: String,
    },

    /// A scope description that cannot be provisioned.
    #[error("scope {scope:?}: {reason}")]
    Scope {
        /// The scope's name.
        scope: String,
        /// What is wrong with it.
        reason: String,
    },

    /// A scope configuration (`config_data`) that cannot be read.
    #[error("scope configuration, byte {position}: {reason}")]
    ConfigXml {
        /// Offset into the document, in bytes.
        position: u64,
        /// What is wrong there.
        reason: String,
    },

    /// Metadata of a version that this crate does not know.
    #[error(
        "the database holds synchronisation metadata of version {major}.{minor}; \
         versions 2.0 and 2.1 are supported, so open it with a newer release"
    )]
    UnknownVersion {
        /// `schema_major_version`.
        major: i32,
        /// `schema_minor_version`.
        minor: i32,
    },

    /// `schema_info` exists but does not say which version the metadata has.
    #[error(
        "the table schema_info is empty, so the version of the synchronisation metadata is unknown; \
         restore its row (2, 1, '') or deprovision the store"
    )]
    NoVersion,

    /// A row whose key is too long to be an item id.
    #[error(
        "table {table}: a row's id takes {length} bytes, more than the {limit} that an item id may have; \
         shorten the key"
    )]
    RowIdTooLong {
        /// The table's global name.
        table: String,
        /// The length that the id would have, in bytes.
        length: usize,
        /// The longest id there may be, in bytes.
        limit: usize,
    },

    /// A version that does not fit the columns of a tracking table.
    #[error(
        "the version (replica key {key}, tick {tick}) does not fit the tracking table, \
         which holds keys up to 2147483647 and ticks up to 9223372036854775807"
    )]
    VersionOutOfRange {
        /// The replica key.
        key: u32,
        /// The tick.
        tick: u64,
    },
}

impl MetadataError {
    pub(crate) fn name(name: &str, reason: &'static str) -> Self {
        Self::Name {
            name: excerpt(name),
            reason,
        }
    }

    pub(crate) fn sql_type(text: &str, reason: &'static str) -> Self {
        Self::SqlType {
            text: excerpt(text),
            reason,
        }
    }

    pub(crate) fn value(kind: &'static str, text: &str, reason: &'static str) -> Self {
        Self::Value {
            kind,
            text: excerpt(text),
            reason,
        }
    }
}

/// Text for an error message: a hostile input must not become a hostile message.
pub(crate) fn excerpt(text: &str) -> String {
    text.chars().take(160).collect()
}

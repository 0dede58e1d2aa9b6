//! The rows of the scope tables, and the version of the metadata they are in.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::MetadataError;

/// The columns of `scope_info` in format 2.1, in their order.
pub const SCOPE_INFO_COLUMNS: [&str; 9] = [
    "scope_local_id",
    "scope_id",
    "sync_scope_name",
    "scope_sync_knowledge",
    "scope_tombstone_cleanup_knowledge",
    "scope_timestamp",
    "scope_config_id",
    "scope_restore_count",
    "scope_user_comment",
];

/// The column of `scope_info` that held the scope's name in format 2.0, before it became `sync_scope_name`.
pub const SCOPE_NAME_COLUMN_V2_0: &str = "scope_name";

/// The columns of `scope_config`, in their order.
pub const SCOPE_CONFIG_COLUMNS: [&str; 3] = ["config_id", "config_data", "scope_status"];

/// The columns of `schema_info`, in their order.
pub const SCHEMA_INFO_COLUMNS: [&str; 3] = [
    "schema_major_version",
    "schema_minor_version",
    "schema_extended_info",
];

/// A row of `scope_info`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeRow {
    /// The small id that tracking rows refer to.
    pub scope_local_id: i32,
    /// The replica id of this database for this scope.
    pub scope_id: Uuid,
    /// The scope's name, the same at every replica.
    pub name: String,
    /// The serialised knowledge; `None` until the first session.
    pub knowledge: Option<Vec<u8>>,
    /// The serialised forgotten knowledge: what may have been removed by clean-up.
    pub forgotten: Option<Vec<u8>>,
    /// Advances with every change of the row; writers compare it, so that no one overwrites another's knowledge.
    pub timestamp: i64,
    /// The scope's configuration.
    pub config_id: Option<Uuid>,
    /// How often the database was fixed up after a restore.
    pub restore_count: i32,
    /// Free text.
    pub user_comment: Option<String>,
}

/// A row of `scope_config`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeConfigRow {
    /// Referred to by `scope_info.scope_config_id`, possibly of several scopes.
    pub config_id: Uuid,
    /// The configuration document; see [`ScopeConfig`](crate::ScopeConfig).
    pub config_data: String,
    /// Whether provisioning has finished.
    pub status: Option<ScopeStatus>,
}

/// Whether the provisioning of a scope has finished (`scope_config.scope_status`).
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ScopeStatus {
    /// `C`: complete.
    Complete,
    /// `P`: begun. Sync Framework's own databases were only ever seen with `C`.
    Pending,
}

impl ScopeStatus {
    /// The character that is stored.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Complete => "C",
            Self::Pending => "P",
        }
    }

    /// The status with this character, `None` for any other.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        [Self::Complete, Self::Pending]
            .into_iter()
            .find(|status| status.code() == code)
    }
}

/// The version of the metadata in a database (`schema_info`).
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SchemaVersion {
    /// `schema_major_version`.
    pub major: i32,
    /// `schema_minor_version`.
    pub minor: i32,
}

impl SchemaVersion {
    /// Sync Framework 2.0: no `schema_info`, no templates, no comments, no bulk procedures.
    pub const V2_0: Self = Self { major: 2, minor: 0 };
    /// Sync Framework 2.1: what this project writes.
    pub const V2_1: Self = Self { major: 2, minor: 1 };

    /// The version of a store, from the (major, minor) rows of its `schema_info`; `None` where that table does not exist, which
    /// is what tells format 2.0.
    ///
    /// # Errors
    /// [`MetadataError::UnknownVersion`] for a row that names any version but 2.0 and 2.1, [`MetadataError::NoVersion`] where the
    /// table has no row.
    ///
    /// ```
    /// use sync_metadata::SchemaVersion;
    /// assert_eq!(SchemaVersion::detect(None), Ok(SchemaVersion::V2_0));
    /// assert_eq!(SchemaVersion::detect(Some(&[(2, 1)])), Ok(SchemaVersion::V2_1));
    /// assert!(SchemaVersion::detect(Some(&[(3, 0)])).is_err());
    /// ```
    pub fn detect(schema_info: Option<&[(i32, i32)]>) -> Result<Self, MetadataError> {
        let Some(rows) = schema_info else {
            return Ok(Self::V2_0);
        };
        let known = [Self::V2_0, Self::V2_1];
        let versions = rows.iter().map(|&(major, minor)| Self { major, minor });
        if let Some(unknown) = versions.clone().find(|version| !known.contains(version)) {
            return Err(MetadataError::UnknownVersion {
                major: unknown.major,
                minor: unknown.minor,
            });
        }
        versions.max().ok_or(MetadataError::NoVersion)
    }

    /// The name of the column of `scope_info` that holds the scope's name.
    #[must_use]
    pub fn scope_name_column(self) -> &'static str {
        if self < Self::V2_1 {
            SCOPE_NAME_COLUMN_V2_0
        } else {
            SCOPE_INFO_COLUMNS[2]
        }
    }
}

/// Writes `2.1`.
impl fmt::Display for SchemaVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(schema_info: Option<&[(i32, i32)]>, expected: Result<&str, &str>) {
        match (SchemaVersion::detect(schema_info), expected) {
            (Ok(version), Ok(expected)) => assert_eq!(version.to_string(), expected),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (found, expected) => panic!("found {found:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn versions_are_told_by_schema_info() {
        check(None, Ok("2.0"));
        check(Some(&[(2, 1)]), Ok("2.1"));
        check(Some(&[(2, 0), (2, 1)]), Ok("2.1"));
        check(Some(&[]), Err("schema_info is empty"));
        check(Some(&[(2, 2)]), Err("version 2.2"));
        check(Some(&[(2, 1), (3, 0)]), Err("version 3.0"));
        check(Some(&[(-1, i32::MAX)]), Err("version -1.2147483647"));
    }

    #[test]
    fn the_scope_name_moved_with_2_1() {
        assert_eq!(SchemaVersion::V2_0.scope_name_column(), "scope_name");
        assert_eq!(SchemaVersion::V2_1.scope_name_column(), "sync_scope_name");
    }

    #[test]
    fn statuses_have_one_character() {
        assert_eq!(ScopeStatus::from_code("C"), Some(ScopeStatus::Complete));
        assert_eq!(ScopeStatus::from_code("P"), Some(ScopeStatus::Pending));
        assert_eq!(ScopeStatus::from_code("c"), None);
    }
}

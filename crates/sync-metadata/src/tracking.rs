//! The rows of a tracking table, and how a row's version is read from and written to them.
//!
//! A version is kept twice. The *scope* columns hold it as it came: the replica's key in that scope's key map and that replica's tick.
//! The *local* columns hold what the arrival was to this database: a change of its own, with the tracking row's rowversion as its tick. A scope
//! reads the former for what came through it and the latter for everything else, so a change that came through one scope is
//! a local change to the others.

use serde::{Deserialize, Serialize};
use sync_knowledge::{ReplicaKey, Version};

use crate::MetadataError;

/// The columns of a tracking table after the copies of the key columns, in their order.
pub const TRACKING_COLUMNS: [&str; 13] = [
    "update_scope_local_id",
    "scope_update_peer_key",
    "scope_update_peer_timestamp",
    "local_update_peer_key",
    "local_update_peer_timestamp",
    "create_scope_local_id",
    "scope_create_peer_key",
    "scope_create_peer_timestamp",
    "local_create_peer_key",
    "local_create_peer_timestamp",
    "sync_row_is_tombstone",
    "restore_timestamp",
    "last_change_datetime",
];

/// The columns of ours after Microsoft's, where the store is ours: the time of the write and the replica that wrote.
const OWN_TRACKING_COLUMNS: [&str; 2] = ["sync_write_time", "sync_writer"];

/// Whether a tracking table has a column of its own under this name, in any case. A key column of that name cannot be copied beside it.
#[must_use]
pub fn is_tracking_column(name: &str) -> bool {
    let mut names = TRACKING_COLUMNS.iter().chain(&OWN_TRACKING_COLUMNS);
    names.any(|own| own.eq_ignore_ascii_case(name))
}

/// A row of a tracking table, without the copies of the key columns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackingRow {
    /// The scope through which the last update came; `None` for a local change.
    pub update_scope_local_id: Option<i32>,
    /// The updating replica's key in that scope's key map.
    pub scope_update_peer_key: Option<i32>,
    /// That replica's tick.
    pub scope_update_peer_timestamp: Option<i64>,
    /// 0 for this incarnation of the database, above 0 for those before a restore.
    pub local_update_peer_key: i32,
    /// The tracking row's rowversion, which any change of the row advances.
    pub local_update_peer_timestamp: i64,
    /// The scope through which the row came into being; `None` for a local insert.
    pub create_scope_local_id: Option<i32>,
    /// The creating replica's key in that scope's key map.
    pub scope_create_peer_key: Option<i32>,
    /// That replica's tick.
    pub scope_create_peer_timestamp: Option<i64>,
    /// As `local_update_peer_key`, for the creation.
    pub local_create_peer_key: i32,
    /// The rowversion at the creation.
    pub local_create_peer_timestamp: i64,
    /// Whether the row is deleted.
    pub tombstone: bool,
    /// The tick that the last update had before a restore fix-up gave the tracking row a new rowversion.
    pub restore_timestamp: Option<i64>,
    /// When the row last changed here, in microseconds since 1970 (UTC); decides which tombstones are old.
    pub last_change: Option<i64>,
}

impl TrackingRow {
    /// The version of the row's last update, as the scope with this local id sees it.
    ///
    /// A local change has the key of the database's incarnation that made it, but never one above `restore_count`: a scope
    /// that was created after a restore has no keys for the incarnations before. A row whose scope columns are incomplete or negative
    /// counts as changed here, which at worst sends it once too often.
    #[must_use]
    pub fn update_version(&self, scope_local_id: i32, restore_count: i32) -> Version {
        through_scope(
            self.update_scope_local_id,
            self.scope_update_peer_key,
            self.scope_update_peer_timestamp,
            scope_local_id,
        )
        .unwrap_or_else(|| {
            let tick = self
                .restore_timestamp
                .unwrap_or(self.local_update_peer_timestamp);
            local(self.local_update_peer_key, tick, restore_count)
        })
    }

    /// The version of the row's creation, as the scope with this local id sees it; see [`TrackingRow::update_version`].
    #[must_use]
    pub fn create_version(&self, scope_local_id: i32, restore_count: i32) -> Version {
        through_scope(
            self.create_scope_local_id,
            self.scope_create_peer_key,
            self.scope_create_peer_timestamp,
            scope_local_id,
        )
        .unwrap_or_else(|| {
            local(
                self.local_create_peer_key,
                self.local_create_peer_timestamp,
                restore_count,
            )
        })
    }

    /// Replaces the update columns; `rowversion` is the one that this write gives the tracking row.
    pub fn set_update(&mut self, columns: VersionColumns, rowversion: i64) {
        self.update_scope_local_id = columns.scope_local_id;
        self.scope_update_peer_key = columns.scope_peer_key;
        self.scope_update_peer_timestamp = columns.scope_peer_timestamp;
        self.local_update_peer_key = 0;
        self.local_update_peer_timestamp = rowversion;
        self.restore_timestamp = None;
    }

    /// Replaces the creation columns; `rowversion` is the one that this write gives the tracking row.
    pub fn set_create(&mut self, columns: VersionColumns, rowversion: i64) {
        self.create_scope_local_id = columns.scope_local_id;
        self.scope_create_peer_key = columns.scope_peer_key;
        self.scope_create_peer_timestamp = columns.scope_peer_timestamp;
        self.local_create_peer_key = 0;
        self.local_create_peer_timestamp = rowversion;
    }
}

/// The three scope columns of an update or a creation. The local columns that go with them are key 0 and the tracking row's new rowversion.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionColumns {
    /// `update_scope_local_id` or `create_scope_local_id`.
    pub scope_local_id: Option<i32>,
    /// `scope_update_peer_key` or `scope_create_peer_key`.
    pub scope_peer_key: Option<i32>,
    /// `scope_update_peer_timestamp` or `scope_create_peer_timestamp`.
    pub scope_peer_timestamp: Option<i64>,
}

impl VersionColumns {
    /// What is stored for a change made here.
    pub const LOCAL: Self = Self {
        scope_local_id: None,
        scope_peer_key: None,
        scope_peer_timestamp: None,
    };

    /// What is stored for a version that came through a scope; `version` is in terms of that scope's key map.
    ///
    /// # Errors
    /// [`MetadataError::VersionOutOfRange`] when key or tick do not fit the signed columns.
    ///
    /// ```
    /// use sync_knowledge::{ReplicaKey, Version};
    /// use sync_metadata::{TrackingRow, VersionColumns};
    ///
    /// let version = Version::new(ReplicaKey(2), 2023);
    /// let mut row = TrackingRow::default();
    /// row.set_update(VersionColumns::through_scope(version, 7)?, 634);
    /// assert_eq!(row.update_version(7, 0), version);
    /// // To any other scope the same row is a local change.
    /// assert_eq!(row.update_version(8, 0), Version::new(ReplicaKey::LOCAL, 634));
    /// # Ok::<(), sync_metadata::MetadataError>(())
    /// ```
    pub fn through_scope(version: Version, scope_local_id: i32) -> Result<Self, MetadataError> {
        let out_of_range = || MetadataError::VersionOutOfRange {
            key: version.replica.0,
            tick: version.tick,
        };
        Ok(Self {
            scope_local_id: Some(scope_local_id),
            scope_peer_key: Some(i32::try_from(version.replica.0).map_err(|_| out_of_range())?),
            scope_peer_timestamp: Some(i64::try_from(version.tick).map_err(|_| out_of_range())?),
        })
    }
}

/// The version in the scope columns, where the change came through the scope that asks.
fn through_scope(
    came_through: Option<i32>,
    key: Option<i32>,
    tick: Option<i64>,
    asking: i32,
) -> Option<Version> {
    if came_through != Some(asking) {
        return None;
    }
    let key = u32::try_from(key?).ok()?;
    let tick = u64::try_from(tick?).ok()?;
    Some(Version::new(ReplicaKey(key), tick))
}

/// The version in the local columns. Neither a key nor a rowversion is ever negative; should one be, it counts as 0.
fn local(key: i32, tick: i64, restore_count: i32) -> Version {
    let key = u32::try_from(key.min(restore_count)).unwrap_or(0);
    Version::new(ReplicaKey(key), u64::try_from(tick).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SCOPE: i32 = 3;

    /// A row with telling values everywhere.
    fn row(
        came_through: Option<i32>,
        restore_timestamp: Option<i64>,
        local_key: i32,
    ) -> TrackingRow {
        TrackingRow {
            update_scope_local_id: came_through,
            scope_update_peer_key: came_through.map(|_| 5),
            scope_update_peer_timestamp: came_through.map(|_| 50),
            local_update_peer_key: local_key,
            local_update_peer_timestamp: 60,
            create_scope_local_id: came_through,
            scope_create_peer_key: came_through.map(|_| 4),
            scope_create_peer_timestamp: came_through.map(|_| 40),
            local_create_peer_key: local_key,
            local_create_peer_timestamp: 30,
            restore_timestamp,
            ..TrackingRow::default()
        }
    }

    fn check(row: &TrackingRow, restore_count: i32, update: (u32, u64), create: (u32, u64)) {
        let version = |(key, tick)| Version::new(ReplicaKey(key), tick);
        assert_eq!(
            row.update_version(SCOPE, restore_count),
            version(update),
            "update of {row:?}"
        );
        assert_eq!(
            row.create_version(SCOPE, restore_count),
            version(create),
            "creation of {row:?}"
        );
    }

    #[test]
    fn versions_are_read_as_the_generated_procedures_read_them() {
        // Came through the scope that asks: as it came.
        check(&row(Some(SCOPE), None, 0), 0, (5, 50), (4, 40));
        check(&row(Some(SCOPE), Some(20), 1), 1, (5, 50), (4, 40));
        // Made here, or came through another scope: a local change.
        check(&row(None, None, 0), 0, (0, 60), (0, 30));
        check(&row(Some(SCOPE + 1), None, 0), 0, (0, 60), (0, 30));
        // Restored: the old tick under the old key, for scopes that know the incarnation.
        check(&row(None, Some(20), 1), 1, (1, 20), (1, 30));
        check(&row(None, Some(20), 2), 1, (1, 20), (1, 30));
        check(&row(None, Some(20), 1), 0, (0, 20), (0, 30));
    }

    #[test]
    fn incomplete_rows_count_as_changed_here() {
        let mut incomplete = row(Some(SCOPE), None, 0);
        incomplete.scope_update_peer_key = None;
        incomplete.scope_create_peer_timestamp = Some(-1);
        check(&incomplete, 0, (0, 60), (0, 30));
        incomplete.local_update_peer_timestamp = -7;
        incomplete.local_create_peer_key = -2;
        check(&incomplete, 1, (0, 0), (0, 30));
    }

    #[test]
    fn versions_beyond_the_columns_are_refused() {
        let refused = VersionColumns::through_scope(Version::new(ReplicaKey(1 << 31), 1), SCOPE);
        assert!(
            refused
                .unwrap_err()
                .to_string()
                .contains("replica key 2147483648")
        );
        assert!(
            VersionColumns::through_scope(Version::new(ReplicaKey(1), 1 << 63), SCOPE).is_err()
        );
    }

    proptest! {
        #[test]
        fn what_is_stored_is_read_back(key in 0..=i32::MAX as u32, tick in 0..=i64::MAX as u64, rowversion in 0..i64::MAX) {
            let version = Version::new(ReplicaKey(key), tick);
            let columns = VersionColumns::through_scope(version, SCOPE).unwrap();
            let mut row = row(None, Some(9), 1);
            row.set_update(columns, rowversion);
            row.set_create(columns, rowversion);
            prop_assert_eq!(row.update_version(SCOPE, 1), version);
            prop_assert_eq!(row.create_version(SCOPE, 1), version);
            let seen_by_others = Version::new(ReplicaKey::LOCAL, rowversion as u64);
            prop_assert_eq!(row.update_version(SCOPE + 1, 1), seen_by_others);
            row.set_update(VersionColumns::LOCAL, rowversion);
            prop_assert_eq!(row.update_version(SCOPE, 1), seen_by_others);
        }
    }
}

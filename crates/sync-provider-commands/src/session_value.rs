//! What a session gives to commands by name: the constants of Sync Framework's `DbSyncSession`.

use sync_metadata::{Size, SqlKind, SqlType};

/// A value that a session knows and a command may ask for, or gives back. Each is named after its constant in lower snake case; as a
/// parameter it carries an `@`.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum SessionValue {
    /// Rows above are selected; rows above are not overwritten.
    MinTimestamp,
    /// The scope's `scope_local_id`.
    ScopeLocalId,
    /// How often the database was restored.
    ScopeRestoreCount,
    /// The scope's name.
    ScopeName,
    /// The scope's knowledge; NULL as long as it has not synchronized with any peer.
    ScopeKnowledge,
    /// What its clean-up forgot.
    ScopeCleanupKnowledge,
    /// The token that a guarded write of the scope row compares.
    ScopeTimestamp,
    /// 1 to write in spite of a newer change here. Always 0: whatever is forced was decided on what is here.
    ForceWrite,
    /// 1 to compare [`RowTimestamp`](Self::RowTimestamp) or [`ScopeTimestamp`](Self::ScopeTimestamp).
    CheckConcurrency,
    /// Whether the row is a deletion.
    RowIsTombstone,
    /// The metadata row's own tick, higher after each change of it.
    RowTimestamp,
    /// Who created the row: a key of the scope's key map, 0 being this replica.
    CreatePeerKey,
    /// At which tick.
    CreatePeerTimestamp,
    /// Who changed it last.
    UpdatePeerKey,
    /// At which tick.
    UpdatePeerTimestamp,
    /// The replica id: who this database is in this scope.
    ScopeId,
    /// Up to which tick a clean-up of another scope removed metadata of tables that this one shares with it.
    ScopeCleanupTimestamp,
    /// The tick of now; comes back, and is never given.
    NewTimestamp,
    /// How many rows a command wrote; comes back, and is never given.
    RowCount,
    /// 1 to leave out deletions, for a destination that has nothing. Always 0: what it need not be told it is not sent.
    Initialize,
    /// 1 to select versions alone. Always 0.
    MetadataOnly,
    /// A table that scopes share.
    TableName,
    /// A scope that shares it.
    SharedScopeName,
    /// How many days old metadata of deleted rows is at least that a clean-up removes; −1 for all. No constant of Sync Framework's, but the parameter's name in its samples.
    MetadataAgingInDays,
}

impl SessionValue {
    /// All of them.
    pub const ALL: [SessionValue; 24] = [
        SessionValue::MinTimestamp,
        SessionValue::ScopeLocalId,
        SessionValue::ScopeRestoreCount,
        SessionValue::ScopeName,
        SessionValue::ScopeKnowledge,
        SessionValue::ScopeCleanupKnowledge,
        SessionValue::ScopeTimestamp,
        SessionValue::ForceWrite,
        SessionValue::CheckConcurrency,
        SessionValue::RowIsTombstone,
        SessionValue::RowTimestamp,
        SessionValue::CreatePeerKey,
        SessionValue::CreatePeerTimestamp,
        SessionValue::UpdatePeerKey,
        SessionValue::UpdatePeerTimestamp,
        SessionValue::ScopeId,
        SessionValue::ScopeCleanupTimestamp,
        SessionValue::NewTimestamp,
        SessionValue::RowCount,
        SessionValue::Initialize,
        SessionValue::MetadataOnly,
        SessionValue::TableName,
        SessionValue::SharedScopeName,
        SessionValue::MetadataAgingInDays,
    ];

    /// Its name, without the `@`.
    pub fn name(self) -> &'static str {
        match self {
            SessionValue::MinTimestamp => DbSyncSession::SYNC_MIN_TIMESTAMP,
            SessionValue::ScopeLocalId => DbSyncSession::SYNC_SCOPE_LOCAL_ID,
            SessionValue::ScopeRestoreCount => DbSyncSession::SYNC_SCOPE_RESTORE_COUNT,
            SessionValue::ScopeName => DbSyncSession::SYNC_SCOPE_NAME,
            SessionValue::ScopeKnowledge => DbSyncSession::SYNC_SCOPE_KNOWLEDGE,
            SessionValue::ScopeCleanupKnowledge => DbSyncSession::SYNC_SCOPE_CLEANUP_KNOWLEDGE,
            SessionValue::ScopeTimestamp => DbSyncSession::SYNC_SCOPE_TIMESTAMP,
            SessionValue::ForceWrite => DbSyncSession::SYNC_FORCE_WRITE,
            SessionValue::CheckConcurrency => DbSyncSession::SYNC_CHECK_CONCURRENCY,
            SessionValue::RowIsTombstone => DbSyncSession::SYNC_ROW_IS_TOMBSTONE,
            SessionValue::RowTimestamp => DbSyncSession::SYNC_ROW_TIMESTAMP,
            SessionValue::CreatePeerKey => DbSyncSession::SYNC_CREATE_PEER_KEY,
            SessionValue::CreatePeerTimestamp => DbSyncSession::SYNC_CREATE_PEER_TIMESTAMP,
            SessionValue::UpdatePeerKey => DbSyncSession::SYNC_UPDATE_PEER_KEY,
            SessionValue::UpdatePeerTimestamp => DbSyncSession::SYNC_UPDATE_PEER_TIMESTAMP,
            SessionValue::ScopeId => DbSyncSession::SYNC_SCOPE_ID,
            SessionValue::ScopeCleanupTimestamp => DbSyncSession::SYNC_SCOPE_CLEANUP_TIMESTAMP,
            SessionValue::NewTimestamp => DbSyncSession::SYNC_NEW_TIMESTAMP,
            SessionValue::RowCount => DbSyncSession::SYNC_ROW_COUNT,
            SessionValue::Initialize => DbSyncSession::SYNC_INITIALIZE,
            SessionValue::MetadataOnly => DbSyncSession::SYNC_METADATA_ONLY,
            SessionValue::TableName => DbSyncSession::SYNC_TABLE_NAME,
            SessionValue::SharedScopeName => DbSyncSession::SYNC_SHARED_SCOPE_NAME,
            SessionValue::MetadataAgingInDays => DbSyncSession::METADATA_AGING_IN_DAYS,
        }
    }

    /// The type under which it is passed.
    pub fn sql_type(self) -> SqlType {
        match self {
            SessionValue::ScopeName | SessionValue::TableName | SessionValue::SharedScopeName => {
                SqlType::sized(SqlKind::NVarChar, Size::Length(100))
            }
            SessionValue::ScopeKnowledge | SessionValue::ScopeCleanupKnowledge => {
                SqlType::sized(SqlKind::VarBinary, Size::Max)
            }
            SessionValue::ScopeId => SqlType::new(SqlKind::UniqueIdentifier),
            SessionValue::MinTimestamp
            | SessionValue::ScopeTimestamp
            | SessionValue::RowTimestamp
            | SessionValue::CreatePeerTimestamp
            | SessionValue::UpdatePeerTimestamp
            | SessionValue::ScopeCleanupTimestamp
            | SessionValue::NewTimestamp => SqlType::new(SqlKind::BigInt),
            _ => SqlType::new(SqlKind::Int),
        }
    }

    /// Whether it only comes back from commands.
    pub(crate) fn is_only_output(self) -> bool {
        matches!(self, SessionValue::NewTimestamp | SessionValue::RowCount)
    }
}

/// The names of the session's values, for the parameters of commands and for columns of metadata: Sync Framework's constants with Sync Framework's
/// values.
///
/// ```
/// use sync_provider_commands::DbSyncSession;
///
/// assert_eq!(DbSyncSession::SYNC_MIN_TIMESTAMP, "sync_min_timestamp");
/// ```
#[derive(Copy, Clone, Debug)]
#[non_exhaustive]
pub struct DbSyncSession;

impl DbSyncSession {
    /// See [`SessionValue::MinTimestamp`].
    pub const SYNC_MIN_TIMESTAMP: &'static str = "sync_min_timestamp";
    /// See [`SessionValue::ScopeLocalId`].
    pub const SYNC_SCOPE_LOCAL_ID: &'static str = "sync_scope_local_id";
    /// See [`SessionValue::ScopeRestoreCount`].
    pub const SYNC_SCOPE_RESTORE_COUNT: &'static str = "sync_scope_restore_count";
    /// See [`SessionValue::ScopeName`].
    pub const SYNC_SCOPE_NAME: &'static str = "sync_scope_name";
    /// See [`SessionValue::ScopeKnowledge`].
    pub const SYNC_SCOPE_KNOWLEDGE: &'static str = "sync_scope_knowledge";
    /// See [`SessionValue::ScopeCleanupKnowledge`].
    pub const SYNC_SCOPE_CLEANUP_KNOWLEDGE: &'static str = "sync_scope_cleanup_knowledge";
    /// See [`SessionValue::ScopeTimestamp`].
    pub const SYNC_SCOPE_TIMESTAMP: &'static str = "sync_scope_timestamp";
    /// See [`SessionValue::ForceWrite`].
    pub const SYNC_FORCE_WRITE: &'static str = "sync_force_write";
    /// See [`SessionValue::CheckConcurrency`].
    pub const SYNC_CHECK_CONCURRENCY: &'static str = "sync_check_concurrency";
    /// See [`SessionValue::RowIsTombstone`].
    pub const SYNC_ROW_IS_TOMBSTONE: &'static str = "sync_row_is_tombstone";
    /// See [`SessionValue::RowTimestamp`].
    pub const SYNC_ROW_TIMESTAMP: &'static str = "sync_row_timestamp";
    /// See [`SessionValue::CreatePeerKey`].
    pub const SYNC_CREATE_PEER_KEY: &'static str = "sync_create_peer_key";
    /// See [`SessionValue::CreatePeerTimestamp`].
    pub const SYNC_CREATE_PEER_TIMESTAMP: &'static str = "sync_create_peer_timestamp";
    /// See [`SessionValue::UpdatePeerKey`].
    pub const SYNC_UPDATE_PEER_KEY: &'static str = "sync_update_peer_key";
    /// See [`SessionValue::UpdatePeerTimestamp`].
    pub const SYNC_UPDATE_PEER_TIMESTAMP: &'static str = "sync_update_peer_timestamp";
    /// See [`SessionValue::ScopeId`].
    pub const SYNC_SCOPE_ID: &'static str = "sync_scope_id";
    /// See [`SessionValue::ScopeCleanupTimestamp`].
    pub const SYNC_SCOPE_CLEANUP_TIMESTAMP: &'static str = "sync_scope_cleanup_timestamp";
    /// See [`SessionValue::NewTimestamp`].
    pub const SYNC_NEW_TIMESTAMP: &'static str = "sync_new_timestamp";
    /// See [`SessionValue::RowCount`].
    pub const SYNC_ROW_COUNT: &'static str = "sync_row_count";
    /// See [`SessionValue::Initialize`].
    pub const SYNC_INITIALIZE: &'static str = "sync_initialize";
    /// See [`SessionValue::MetadataOnly`].
    pub const SYNC_METADATA_ONLY: &'static str = "sync_metadata_only";
    /// See [`SessionValue::TableName`].
    pub const SYNC_TABLE_NAME: &'static str = "sync_table_name";
    /// See [`SessionValue::SharedScopeName`].
    pub const SYNC_SHARED_SCOPE_NAME: &'static str = "sync_shared_scope_name";
    /// See [`SessionValue::MetadataAgingInDays`].
    pub const METADATA_AGING_IN_DAYS: &'static str = "metadata_aging_in_days";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_named_after_itself() {
        for value in SessionValue::ALL {
            let plain: String = value.name().split('_').collect();
            let own = format!("{value:?}").to_lowercase();
            assert_eq!(plain.strip_prefix("sync").unwrap_or(&plain), own);
        }
    }
}

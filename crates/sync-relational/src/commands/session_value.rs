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
    /// The scope's knowledge.
    ScopeKnowledge,
    /// What its clean-up forgot.
    ScopeCleanupKnowledge,
    /// The token that a guarded write of the scope row compares.
    ScopeTimestamp,
    /// 1 to write in spite of a newer change here.
    ForceWrite,
    /// 1 to compare [`RowTimestamp`](Self::RowTimestamp) or [`ScopeTimestamp`](Self::ScopeTimestamp).
    CheckConcurrency,
    /// Whether the row is a deletion.
    RowIsTombstone,
    /// The tracking row's own tick.
    RowTimestamp,
    /// Who created the row.
    CreatePeerKey,
    /// At which tick.
    CreatePeerTimestamp,
    /// Who changed it last.
    UpdatePeerKey,
    /// At which tick.
    UpdatePeerTimestamp,
}

impl SessionValue {
    /// All of them.
    pub const ALL: [SessionValue; 15] = [
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
    ];

    /// Its name, without the `@`.
    pub fn name(self) -> &'static str {
        match self {
            SessionValue::MinTimestamp => "sync_min_timestamp",
            SessionValue::ScopeLocalId => "sync_scope_local_id",
            SessionValue::ScopeRestoreCount => "sync_scope_restore_count",
            SessionValue::ScopeName => "sync_scope_name",
            SessionValue::ScopeKnowledge => "sync_scope_knowledge",
            SessionValue::ScopeCleanupKnowledge => "sync_scope_cleanup_knowledge",
            SessionValue::ScopeTimestamp => "sync_scope_timestamp",
            SessionValue::ForceWrite => "sync_force_write",
            SessionValue::CheckConcurrency => "sync_check_concurrency",
            SessionValue::RowIsTombstone => "sync_row_is_tombstone",
            SessionValue::RowTimestamp => "sync_row_timestamp",
            SessionValue::CreatePeerKey => "sync_create_peer_key",
            SessionValue::CreatePeerTimestamp => "sync_create_peer_timestamp",
            SessionValue::UpdatePeerKey => "sync_update_peer_key",
            SessionValue::UpdatePeerTimestamp => "sync_update_peer_timestamp",
        }
    }

    /// The type under which it is passed.
    pub fn sql_type(self) -> SqlType {
        match self {
            SessionValue::ScopeName => SqlType::sized(SqlKind::NVarChar, Size::Length(100)),
            SessionValue::ScopeKnowledge | SessionValue::ScopeCleanupKnowledge => {
                SqlType::sized(SqlKind::VarBinary, Size::Max)
            }
            SessionValue::MinTimestamp
            | SessionValue::ScopeTimestamp
            | SessionValue::RowTimestamp
            | SessionValue::CreatePeerTimestamp
            | SessionValue::UpdatePeerTimestamp => SqlType::new(SqlKind::BigInt),
            _ => SqlType::new(SqlKind::Int),
        }
    }
}

/// The output in which a command that writes says how many rows it wrote.
pub(crate) const ROW_COUNT: &str = "sync_row_count";
/// The output in which a command gives the tick of now.
pub(crate) const NEW_TIMESTAMP: &str = "sync_new_timestamp";

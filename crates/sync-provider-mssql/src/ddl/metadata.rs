//! The procedures that write one tracking row.

use sync_metadata::quote;

use super::{Adapter, Parameter, parameter, procedure, row_count};
use crate::sql::join;

const UPDATE_VERSION: &str = "update_scope_local_id = @sync_scope_local_id, scope_update_peer_key = @sync_update_peer_key, \
     scope_update_peer_timestamp = @sync_update_peer_timestamp, local_update_peer_key = 0, restore_timestamp = NULL, \
     sync_row_is_tombstone = @sync_row_is_tombstone";

const CREATE_VERSION: &str = "create_scope_local_id = @sync_scope_local_id, scope_create_peer_key = @sync_create_peer_key, \
     scope_create_peer_timestamp = @sync_create_peer_timestamp, local_create_peer_key = 0, \
     local_create_peer_timestamp = CONVERT(bigint, @@DBTS) + 1";

const NOT_CHANGED_SINCE: &str = "(@sync_check_concurrency = 0 OR side.local_update_peer_timestamp = CONVERT(binary(8), @sync_row_timestamp))";

impl Adapter<'_> {
    /// Writes both versions, and makes the tracking row where there is none: also for a deletion of a row that was never seen.
    pub(super) fn insert_metadata(&self) -> String {
        let body = format!(
            "UPDATE side SET {CREATE_VERSION}, {UPDATE_VERSION}{own} FROM {side} side WHERE {given} AND {NOT_CHANGED_SINCE};\n\
             SET @sync_row_count = @@ROWCOUNT;\n\
             IF @sync_row_count = 0 AND NOT EXISTS (SELECT 1 FROM {side} side WHERE {given})\nBEGIN\n\
             INSERT INTO {side} ({keys}, create_scope_local_id, scope_create_peer_key, scope_create_peer_timestamp, local_create_peer_key, \
             local_create_peer_timestamp, update_scope_local_id, scope_update_peer_key, scope_update_peer_timestamp, local_update_peer_key, \
             restore_timestamp, sync_row_is_tombstone, last_change_datetime) \
             VALUES ({values}, @sync_scope_local_id, @sync_create_peer_key, @sync_create_peer_timestamp, 0, CONVERT(bigint, @@DBTS) + 1, \
             @sync_scope_local_id, @sync_update_peer_key, @sync_update_peer_timestamp, 0, NULL, @sync_row_is_tombstone, GETDATE());\n\
             SET @sync_row_count = @@ROWCOUNT;\nEND;",
            own = self.forgets_writer(),
            side = self.side(),
            given = self.key_is_given("side"),
            keys = join(self.keys(), ", ", |key| quote(&key.name)),
            values = join(self.numbered_keys(), ", ", |(n, _)| format!("@P_{n}")),
        );
        procedure(
            &self.names.insert_metadata,
            &self.version_parameters(),
            &body,
        )
    }

    /// Writes the update version; the creation version, too, where a deleted row returns.
    pub(super) fn update_metadata(&self) -> String {
        let body = format!(
            "DECLARE @was_tombstone int = (SELECT sync_row_is_tombstone FROM {side} side WHERE {given});\n\
             IF @was_tombstone = 1 AND @sync_row_is_tombstone = 0\n\
             UPDATE side SET {CREATE_VERSION}, {UPDATE_VERSION}{own} FROM {side} side WHERE {given} AND {NOT_CHANGED_SINCE};\n\
             ELSE\n\
             UPDATE side SET {UPDATE_VERSION}{own} FROM {side} side WHERE {given} AND {NOT_CHANGED_SINCE};\n\
             SET @sync_row_count = @@ROWCOUNT;",
            own = self.forgets_writer(),
            side = self.side(),
            given = self.key_is_given("side"),
        );
        procedure(
            &self.names.update_metadata,
            &self.version_parameters(),
            &body,
        )
    }

    pub(super) fn delete_metadata(&self) -> String {
        let mut parameters: Vec<Parameter> = Self::parameters(self.numbered_keys());
        parameters.extend(concurrency_parameters());
        let body = format!(
            "DELETE side FROM {} side WHERE {} AND {NOT_CHANGED_SINCE};\nSET @sync_row_count = @@ROWCOUNT;",
            self.side(),
            self.key_is_given("side")
        );
        procedure(&self.names.delete_metadata, &parameters, &body)
    }

    /// A version that a caller of the procedures brings was written by the replica it is of.
    pub(super) fn forgets_writer(&self) -> &'static str {
        if self.own_columns {
            ", sync_writer = NULL"
        } else {
            ""
        }
    }

    fn version_parameters(&self) -> Vec<Parameter> {
        let mut parameters: Vec<Parameter> = Self::parameters(self.numbered_keys());
        parameters.extend([
            parameter("@sync_scope_local_id", "int"),
            parameter("@sync_row_is_tombstone", "int"),
            parameter("@sync_create_peer_key", "int"),
            parameter("@sync_create_peer_timestamp", "bigint"),
            parameter("@sync_update_peer_key", "int"),
            parameter("@sync_update_peer_timestamp", "bigint"),
        ]);
        parameters.extend(concurrency_parameters());
        parameters
    }
}

fn concurrency_parameters() -> [Parameter; 3] {
    [
        parameter("@sync_check_concurrency", "int"),
        parameter("@sync_row_timestamp", "bigint"),
        row_count(),
    ]
}

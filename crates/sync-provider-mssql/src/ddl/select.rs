//! The procedures that read rows with their versions.

use sync_metadata::quote;

use super::{Adapter, Parameter, parameter, procedure};
use crate::sql::join;

impl Adapter<'_> {
    pub(super) fn select_changes(&self) -> String {
        let parameters = [
            parameter("@sync_min_timestamp", "bigint"),
            parameter("@sync_scope_local_id", "int"),
            parameter("@sync_scope_restore_count", "int"),
            parameter("@sync_update_peer_key", "int"),
        ];
        let body = format!(
            "{}\nWHERE (side.update_scope_local_id IS NULL OR side.update_scope_local_id <> @sync_scope_local_id \
             OR (side.update_scope_local_id = @sync_scope_local_id AND side.scope_update_peer_key <> @sync_update_peer_key)) \
             AND side.local_update_peer_timestamp > CONVERT(binary(8), @sync_min_timestamp)",
            self.versioned_rows()
        );
        procedure(&self.names.select_changes, &parameters, &body)
    }

    pub(super) fn select_row(&self) -> String {
        let mut parameters: Vec<Parameter> = Self::parameters(self.numbered_keys());
        parameters.push(parameter("@sync_scope_local_id", "int"));
        parameters.push(parameter("@sync_scope_restore_count", "int"));
        let body = format!(
            "{}\nWHERE {}",
            self.versioned_rows(),
            self.key_is_given("side")
        );
        procedure(&self.names.select_row, &parameters, &body)
    }

    /// The key from the tracking row, the other columns from the base row, and the versions as the scope sees them.
    fn versioned_rows(&self) -> String {
        let columns = join(self.columns(), ", ", |column| {
            let alias = if column.primary_key { "side" } else { "base" };
            format!("{alias}.{}", quote(&column.name))
        });
        format!(
            "SELECT {columns}, side.sync_row_is_tombstone, side.local_update_peer_timestamp AS sync_row_timestamp, {}, {}\n\
             FROM {} base RIGHT JOIN {} side ON {}",
            version(
                "update",
                "COALESCE(side.restore_timestamp, side.local_update_peer_timestamp)"
            ),
            version("create", "side.local_create_peer_timestamp"),
            self.base(),
            self.side(),
            self.same_key("base", "side")
        )
    }
}

/// A version as a scope sees it: what came through that scope has the version it came with, anything else is a change of this replica. The
/// key of an earlier incarnation is none that a scope made since then could know.
fn version(kind: &str, local_tick: &str) -> String {
    let through = format!("side.{kind}_scope_local_id = @sync_scope_local_id");
    format!(
        "CASE WHEN {through} THEN side.scope_{kind}_peer_timestamp ELSE CONVERT(bigint, {local_tick}) END AS sync_{kind}_peer_timestamp, \
         CASE WHEN {through} THEN side.scope_{kind}_peer_key \
         WHEN side.local_{kind}_peer_key > @sync_scope_restore_count THEN @sync_scope_restore_count \
         ELSE side.local_{kind}_peer_key END AS sync_{kind}_peer_key"
    )
}

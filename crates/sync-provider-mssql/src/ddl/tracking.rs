//! The tracking table of a table and its index.

use sync_metadata::{ObjectNames, quote};

use super::Adapter;
use crate::sql::{DEFAULT_SCHEMA, join};

/// Our own columns after Sync Framework's: when the row was written (microseconds UTC since 1970) and by which replica, a key of the scope
/// through which it came. Last writer wins and priorities need them.
pub(crate) const OWN_COLUMNS: [(&str, &str); 2] =
    [("sync_write_time", "bigint"), ("sync_writer", "int")];

impl Adapter<'_> {
    pub(crate) fn tracking_table(&self) -> String {
        let keys = join(self.keys(), ", ", |key| {
            format!("{} {} NOT NULL", quote(&key.name), self.declared(key))
        });
        let own = join(OWN_COLUMNS, ", ", |(name, sql_type)| {
            format!("{name} {sql_type} NULL")
        });
        let key = join(self.keys(), ", ", |key| quote(&key.name));
        format!(
            "CREATE TABLE {} ({keys}, update_scope_local_id int NULL, scope_update_peer_key int NULL, \
             scope_update_peer_timestamp bigint NULL, local_update_peer_key int NOT NULL, local_update_peer_timestamp timestamp NOT NULL, \
             create_scope_local_id int NULL, scope_create_peer_key int NULL, scope_create_peer_timestamp bigint NULL, \
             local_create_peer_key int NOT NULL, local_create_peer_timestamp bigint NOT NULL, sync_row_is_tombstone int NOT NULL, \
             restore_timestamp bigint NULL, last_change_datetime datetime NULL, {own}, CONSTRAINT {} PRIMARY KEY CLUSTERED ({key}))",
            self.side(),
            quote(&primary_key(self.names))
        )
    }

    pub(crate) fn tracking_index(&self) -> String {
        format!(
            "CREATE INDEX local_update_peer_timestamp_index ON {} (local_update_peer_timestamp, {})",
            self.side(),
            join(self.keys(), ", ", |key| quote(&key.name))
        )
    }
}

/// In a schema other than the default one the constraint's name holds the schema's.
fn primary_key(names: &ObjectNames) -> String {
    let table = &names.tracking_table;
    match table.schema.as_deref() {
        Some(schema) if schema != DEFAULT_SCHEMA => format!("PK_{schema}.{}", table.name),
        _ => format!("PK_{}", table.name),
    }
}

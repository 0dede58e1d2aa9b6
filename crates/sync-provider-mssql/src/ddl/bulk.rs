//! The table type and the procedures that write many rows. Each returns the keys of the rows that it did not write.

use sync_metadata::quote;

use super::{Adapter, Parameter, parameter, procedure};
use crate::sql::{join, object};

/// The columns that carry the versions of a row, after the row's own.
pub(crate) const VERSION_COLUMNS: [(&str, &str); 4] = [
    ("sync_update_peer_timestamp", "bigint"),
    ("sync_update_peer_key", "int"),
    ("sync_create_peer_timestamp", "bigint"),
    ("sync_create_peer_key", "int"),
];

const UPDATE_VERSION: &str = "update_scope_local_id = @sync_scope_local_id, scope_update_peer_key = incoming.sync_update_peer_key, \
     scope_update_peer_timestamp = incoming.sync_update_peer_timestamp, local_update_peer_key = 0, restore_timestamp = NULL";

const CREATE_VERSION: &str = "create_scope_local_id = @sync_scope_local_id, scope_create_peer_key = incoming.sync_create_peer_key, \
     scope_create_peer_timestamp = incoming.sync_create_peer_timestamp, local_create_peer_key = 0";

/// The last writer of the row here was the one whose change arrives, or nobody wrote it since the caller's timestamp.
const MAY_BE_WRITTEN: &str = "((side.update_scope_local_id = @sync_scope_local_id AND side.scope_update_peer_key = incoming.sync_update_peer_key) \
     OR side.local_update_peer_timestamp <= CONVERT(binary(8), @sync_min_timestamp))";

impl Adapter<'_> {
    pub(super) fn bulk_type(&self) -> String {
        let columns = join(self.columns(), ", ", |column| {
            let null = if column.primary_key {
                "NOT NULL"
            } else {
                "NULL"
            };
            format!("{} {} {null}", quote(&column.name), self.declared(column))
        });
        let versions = join(VERSION_COLUMNS, ", ", |(name, sql_type)| {
            format!("{name} {sql_type}")
        });
        let key = join(self.keys(), ", ", |key| quote(&key.name));
        format!(
            "CREATE TYPE {} AS TABLE ({columns}, {versions}, PRIMARY KEY ({key}))",
            object(&self.names.bulk_type)
        )
    }

    /// The rows are chosen first, under locks that last as long as the caller's transaction, and then written.
    pub(super) fn bulk_insert(&self) -> String {
        let columns = join(self.columns(), ", ", |column| quote(&column.name));
        let values = join(self.columns(), ", ", |column| {
            format!("incoming.{}", quote(&column.name))
        });
        let chosen = format!(
            "INSERT INTO @done ({names}) SELECT {keys} FROM @changeTable incoming LEFT JOIN {side} side WITH (UPDLOCK, HOLDLOCK) ON {tracked} \
             WHERE NOT EXISTS (SELECT 1 FROM {base} base WITH (UPDLOCK, HOLDLOCK) WHERE {same}) \
             AND (side.local_update_peer_timestamp IS NULL OR side.local_update_peer_timestamp <= CONVERT(binary(8), @sync_min_timestamp))",
            base = self.base(),
            side = self.side(),
            names = self.key_names(),
            keys = self.key_list("incoming"),
            tracked = self.same_key("side", "incoming"),
            same = self.same_key("base", "incoming"),
        );
        let insert = format!(
            "INSERT INTO {} ({columns}) SELECT {values} FROM @changeTable incoming JOIN @done done ON {}",
            self.base(),
            self.same_key("done", "incoming"),
        );
        let version = self.version_done(&format!(
            "{UPDATE_VERSION}, {CREATE_VERSION}, sync_row_is_tombstone = 0"
        ));
        let write = format!("{chosen};\n{}", self.with_identity(&insert));
        self.bulk_procedure(&self.names.bulk_insert, &write, &version)
    }

    pub(super) fn bulk_update(&self) -> String {
        let set = join(self.updatable(), ", ", |column| {
            format!("{0} = incoming.{0}", quote(&column.name))
        });
        let mut update = self.found();
        if !set.is_empty() {
            update += &format!(
                ";\nUPDATE base SET {set} FROM {} base JOIN @changeTable incoming ON {} JOIN @done done ON {}",
                self.base(),
                self.same_key("base", "incoming"),
                self.same_key("base", "done")
            );
        }
        let version = self.version_done(UPDATE_VERSION);
        self.bulk_procedure(&self.names.bulk_update, &update, &version)
    }

    pub(super) fn bulk_delete(&self) -> String {
        let delete = format!(
            "{};\nDELETE base FROM {} base JOIN @done done ON {}",
            self.found(),
            self.base(),
            self.same_key("base", "done")
        );
        let version = self.version_done(&format!("{UPDATE_VERSION}, sync_row_is_tombstone = 1"));
        self.bulk_procedure(&self.names.bulk_delete, &delete, &version)
    }

    /// Notes the keys of the rows that may be written.
    fn found(&self) -> String {
        format!(
            "INSERT INTO @done ({}) SELECT {} FROM {} base WITH (UPDLOCK, HOLDLOCK) JOIN {} side WITH (UPDLOCK, HOLDLOCK) ON {} \
             JOIN @changeTable incoming ON {} WHERE {MAY_BE_WRITTEN}",
            self.key_names(),
            self.key_list("base"),
            self.base(),
            self.side(),
            self.same_key("base", "side"),
            self.same_key("base", "incoming")
        )
    }

    fn key_names(&self) -> String {
        join(self.keys(), ", ", |key| quote(&key.name))
    }

    fn version_done(&self, set: &str) -> String {
        let own = self.forgets_writer();
        format!(
            "UPDATE side SET {set}{own} FROM {} side JOIN @changeTable incoming ON {} JOIN @done done ON {}",
            self.side(),
            self.same_key("side", "incoming"),
            self.same_key("side", "done")
        )
    }

    fn bulk_procedure(
        &self,
        name: &sync_metadata::ObjectName,
        write: &str,
        version: &str,
    ) -> String {
        let parameters: [Parameter; 3] = [
            parameter("@sync_min_timestamp", "bigint"),
            parameter("@sync_scope_local_id", "int"),
            parameter(
                "@changeTable",
                &format!("{} READONLY", object(&self.names.bulk_type)),
            ),
        ];
        let key_columns = join(self.keys(), ", ", |key| {
            format!("{} {} NOT NULL", quote(&key.name), self.declared(key))
        });
        let key = join(self.keys(), ", ", |key| quote(&key.name));
        let body = format!(
            "DECLARE @done TABLE ({key_columns}, PRIMARY KEY ({key}));\n{write};\n{version};\n\
             SELECT {} FROM @changeTable incoming WHERE NOT EXISTS (SELECT 1 FROM @done done WHERE {})",
            self.key_list("incoming"),
            self.same_key("done", "incoming")
        );
        procedure(name, &parameters, &body)
    }
}

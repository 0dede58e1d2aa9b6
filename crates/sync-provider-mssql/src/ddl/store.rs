//! The tables that hold the scopes of a store: Microsoft's, and two of ours.

use sync_metadata::{ObjectName, quote};

use crate::names::Store;
use crate::sql::object;

/// The statements that create a table of a store; none for those that are made only when they are needed.
pub(crate) fn store_table(store: &Store, table: &ObjectName) -> Vec<String> {
    let name = object(table);
    let key = quote(&format!("PK_{}", table.name));
    let create = |columns: &str| format!("CREATE TABLE {name} ({columns})");
    if *table == store.scope_info {
        return vec![create(&format!(
            "scope_local_id int IDENTITY(1,1) NOT NULL, scope_id uniqueidentifier NOT NULL DEFAULT newid(), \
             sync_scope_name nvarchar(100) NOT NULL, scope_sync_knowledge varbinary(max) NULL, \
             scope_tombstone_cleanup_knowledge varbinary(max) NULL, scope_timestamp timestamp NULL, scope_config_id uniqueidentifier NULL, \
             scope_restore_count int NOT NULL DEFAULT 0, scope_user_comment nvarchar(max) NULL, \
             CONSTRAINT {key} PRIMARY KEY CLUSTERED (sync_scope_name)"
        ))];
    }
    if *table == store.scope_config {
        return vec![create(&format!(
            "config_id uniqueidentifier NOT NULL, config_data xml NOT NULL, scope_status char(1) NULL, \
             CONSTRAINT {key} PRIMARY KEY CLUSTERED (config_id)"
        ))];
    }
    if *table == store.schema_info {
        return vec![
            create(&format!(
                "schema_major_version int NOT NULL, schema_minor_version int NOT NULL, schema_extended_info nvarchar(100) NOT NULL, \
                 CONSTRAINT {key} PRIMARY KEY CLUSTERED (schema_major_version, schema_minor_version)"
            )),
            format!(
                "INSERT INTO {name} (schema_major_version, schema_minor_version, schema_extended_info) VALUES (2, 1, N'')"
            ),
        ];
    }
    if *table == store.scopes {
        return vec![create(&format!(
            "scope_local_id int NOT NULL, was_source bit NOT NULL DEFAULT 0, CONSTRAINT {key} PRIMARY KEY CLUSTERED (scope_local_id)"
        ))];
    }
    if *table == store.waiting {
        // A row id is too long for an index of every version of the server; there are few such rows.
        return vec![create(&format!(
            "scope_local_id int NOT NULL, waiting_id bigint IDENTITY(1,1) NOT NULL, row_id varbinary(max) NOT NULL, \
             table_name nvarchar(max) NOT NULL, row_key varbinary(max) NOT NULL, reason nvarchar(max) NOT NULL, \
             CONSTRAINT {key} PRIMARY KEY CLUSTERED (scope_local_id, waiting_id)"
        ))];
    }
    Vec::new()
}

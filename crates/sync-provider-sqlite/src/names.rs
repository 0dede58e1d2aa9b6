//! Names of the objects that a store has in a SQLite database.

use sync_metadata::{Naming, ObjectNames, StoreNames, TableName};

use crate::catalog::TableInfo;

/// The tables of a store: Microsoft's, and ours beside them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Store {
    pub(crate) naming: Naming,
    pub(crate) scope_info: String,
    pub(crate) scope_config: String,
    pub(crate) schema_info: String,
    /// The tick counter and what is being applied: one row.
    pub(crate) tick: String,
    /// Which scopes were sources.
    pub(crate) scopes: String,
    /// Rows that wait for a later session.
    pub(crate) waiting: String,
}

impl Store {
    pub(crate) fn new(naming: Naming) -> Self {
        let names = StoreNames::new(&naming);
        let own = |name: &str| {
            naming
                .prefix
                .as_ref()
                .map_or_else(|| name.to_owned(), |prefix| format!("{prefix}_{name}"))
        };
        Store {
            scope_info: names.scope_info.name,
            scope_config: names.scope_config.name,
            schema_info: names.schema_info.name,
            tick: own("sync_tick"),
            scopes: own("sync_scope"),
            waiting: own("sync_waiting"),
            naming,
        }
    }

    pub(crate) fn tables(&self) -> [&String; 6] {
        [
            &self.scope_info,
            &self.scope_config,
            &self.schema_info,
            &self.tick,
            &self.scopes,
            &self.waiting,
        ]
    }
}

/// The objects that belong to one synchronised table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TableObjects {
    pub(crate) tracking: String,
    pub(crate) tick_index: String,
    pub(crate) tombstone_index: String,
    pub(crate) insert_trigger: String,
    pub(crate) update_trigger: String,
    pub(crate) delete_trigger: String,
    pub(crate) key_trigger: String,
    pub(crate) before_insert_trigger: String,
    pub(crate) before_update_trigger: String,
    /// Keys of rows that a statement with OR REPLACE may be about to delete.
    pub(crate) replaced: String,
}

impl TableObjects {
    pub(crate) fn of(table: &str, naming: &Naming) -> Self {
        let names = ObjectNames::for_table(
            &TableName {
                schema: None,
                name: table.to_owned(),
            },
            naming,
        );
        let tracking = names.tracking_table.name;
        let base = tracking
            .strip_suffix("_tracking")
            .unwrap_or(&tracking)
            .to_owned();
        TableObjects {
            tick_index: format!("{tracking}_local_update_peer_timestamp_index"),
            tombstone_index: format!("{tracking}_tombstone_index"),
            insert_trigger: names.insert_trigger.name,
            update_trigger: names.update_trigger.name,
            delete_trigger: names.delete_trigger.name,
            key_trigger: format!("{base}_key_update_trigger"),
            before_insert_trigger: format!("{base}_before_insert_trigger"),
            before_update_trigger: format!("{base}_before_update_trigger"),
            replaced: format!("{tracking}_replaced"),
            tracking,
        }
    }

    /// The objects of the table whose tracking table has this name; `None` where it is no such name.
    pub(crate) fn with_tracking_table(name: &str, naming: &Naming) -> Option<Self> {
        let base = name.strip_suffix("_tracking")?;
        let base = match &naming.prefix {
            Some(prefix) => base.strip_prefix(prefix.as_str())?.strip_prefix('_')?,
            None => base,
        };
        let objects = TableObjects::of(base, naming);
        (objects.tracking == name).then_some(objects)
    }

    pub(crate) fn triggers(&self) -> [&String; 6] {
        [
            &self.insert_trigger,
            &self.update_trigger,
            &self.delete_trigger,
            &self.key_trigger,
            &self.before_insert_trigger,
            &self.before_update_trigger,
        ]
    }

    /// The triggers without which changes of a table are not tracked.
    pub(crate) fn needed_triggers(&self, table: &TableInfo) -> impl Iterator<Item = &String> {
        // Only rows that a unique index can replace need the last two.
        let count = if table.unique.is_empty() { 4 } else { 6 };
        self.triggers().into_iter().take(count)
    }

    /// What is not tracked without a trigger.
    pub(crate) fn tracks(&self, trigger: &str) -> &'static str {
        match trigger {
            _ if trigger == self.before_insert_trigger || trigger == self.before_update_trigger => {
                "rows that OR REPLACE deletes because of a unique index (was one added?)"
            }
            _ => "changes",
        }
    }

    /// All objects, in the order in which they can be dropped: (kind, name).
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'static str, &String)> {
        let triggers = self.triggers().into_iter().map(|name| ("TRIGGER", name));
        triggers.chain([("TABLE", &self.replaced), ("TABLE", &self.tracking)])
    }
}

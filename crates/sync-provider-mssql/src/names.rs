//! Names of the objects of a store, and of a table in it.

use sync_metadata::{AdapterConfig, Naming, ObjectName, ObjectNames, StoreNames};

use crate::sql::object;

/// The tables of a store: Microsoft's, and ours beside them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Store {
    pub(crate) naming: Naming,
    pub(crate) scope_info: ObjectName,
    pub(crate) scope_config: ObjectName,
    pub(crate) schema_info: ObjectName,
    pub(crate) scope_templates: ObjectName,
    pub(crate) scope_parameters: ObjectName,
    /// Which scopes were sources.
    pub(crate) scopes: ObjectName,
    /// Rows that wait for a later session.
    pub(crate) waiting: ObjectName,
}

impl Store {
    pub(crate) fn new(naming: Naming) -> Self {
        let names = StoreNames::new(&naming);
        let own = |name: &str| ObjectName {
            schema: naming.schema.clone(),
            name: match &naming.prefix {
                Some(prefix) => format!("{prefix}_{name}"),
                None => name.to_owned(),
            },
        };
        Store {
            scopes: own("sync_scope"),
            waiting: own("sync_waiting"),
            scope_info: names.scope_info,
            scope_config: names.scope_config,
            schema_info: names.schema_info,
            scope_templates: names.scope_templates,
            scope_parameters: names.scope_parameters,
            naming,
        }
    }

    /// All tables that a store may have.
    pub(crate) fn tables(&self) -> [&ObjectName; 7] {
        [
            &self.scope_info,
            &self.scope_config,
            &self.schema_info,
            &self.scope_templates,
            &self.scope_parameters,
            &self.scopes,
            &self.waiting,
        ]
    }

    /// What a session of this store says in its session context while it applies rows, so that the store's triggers leave them alone and
    /// those of another store over the same tables do not.
    pub(crate) fn session_mark(&self) -> String {
        object(&self.scope_info)
    }
}

/// The names of a table's objects as a configuration gives them; what it does not name is called as it would be made anew.
pub(crate) fn configured(adapter: &AdapterConfig, naming: &Naming) -> ObjectNames {
    let mut names = ObjectNames::for_table(&adapter.name, naming);
    names.tracking_table = adapter.tracking_table.clone();
    let given = &adapter.objects;
    let pairs = [
        (&mut names.insert_trigger, &given.insert_trigger),
        (&mut names.update_trigger, &given.update_trigger),
        (&mut names.delete_trigger, &given.delete_trigger),
        (&mut names.select_changes, &given.select_changes),
        (&mut names.select_row, &given.select_row),
        (&mut names.insert, &given.insert),
        (&mut names.update, &given.update),
        (&mut names.delete, &given.delete),
        (&mut names.insert_metadata, &given.insert_metadata),
        (&mut names.update_metadata, &given.update_metadata),
        (&mut names.delete_metadata, &given.delete_metadata),
        (&mut names.bulk_type, &given.bulk_type),
        (&mut names.bulk_insert, &given.bulk_insert),
        (&mut names.bulk_update, &given.bulk_update),
        (&mut names.bulk_delete, &given.bulk_delete),
    ];
    for (name, given) in pairs {
        if let Some(given) = given {
            name.clone_from(given);
        }
    }
    names
}

/// An object that belongs to a table of a scope, as `DROP` calls its kind.
pub(crate) type Owned = (&'static str, ObjectName);

/// The triggers that a configuration names.
pub(crate) fn triggers(adapter: &AdapterConfig) -> Vec<Owned> {
    let given = &adapter.objects;
    owned(
        "TRIGGER",
        [
            &given.insert_trigger,
            &given.update_trigger,
            &given.delete_trigger,
        ],
    )
}

/// The procedures that a configuration names, and then their table type, in an order in which they can be dropped.
pub(crate) fn procedures(adapter: &AdapterConfig) -> Vec<Owned> {
    let given = &adapter.objects;
    let mut found = owned(
        "PROCEDURE",
        [
            &given.select_changes,
            &given.select_row,
            &given.insert,
            &given.update,
            &given.delete,
            &given.insert_metadata,
            &given.update_metadata,
            &given.delete_metadata,
            &given.bulk_insert,
            &given.bulk_update,
            &given.bulk_delete,
        ],
    );
    found.extend(owned("TYPE", [&given.bulk_type]));
    found
}

fn owned<const N: usize>(kind: &'static str, names: [&Option<ObjectName>; N]) -> Vec<Owned> {
    let given = names.into_iter().flatten();
    given.map(|name| (kind, name.clone())).collect()
}

/// Names that differ in case only are taken for the same: a database in which they are not is refused rather than confused.
pub(crate) fn same(a: &ObjectName, b: &ObjectName) -> bool {
    let folded = |name: &ObjectName| {
        let schema = name.own_schema().unwrap_or_default().to_lowercase();
        (schema, name.name.to_lowercase())
    };
    a == b || folded(a) == folded(b)
}

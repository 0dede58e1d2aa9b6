//! The objects of one table in a new scope: which are shared with other scopes, and which are made.

use sync_metadata::{AdapterConfig, ColumnConfig, ObjectName, ObjectNames, TableDescription};
use uuid::Uuid;

use super::free_names::NewName;
use super::tracked::{Tracked, fits, has_own_columns};
use super::{CreationOption, CreationOptions};
use crate::catalog::{Catalog, TableInfo};
use crate::ddl::Adapter;
use crate::error::MssqlError;
use crate::names::{Store, configured};
use crate::sql::object;

/// What decides about the objects of any table of the scope.
#[derive(Debug)]
pub(super) struct Objects<'a> {
    pub(super) options: CreationOptions,
    pub(super) store: &'a Store,
    pub(super) tracked: &'a Tracked,
    pub(super) catalog: &'a Catalog,
    pub(super) config_id: Uuid,
}

/// The objects of a table.
#[derive(Debug)]
pub(super) struct TableObjects {
    /// All of them, those that are shared included.
    pub(super) names: ObjectNames,
    pub(super) new_names: Vec<NewName>,
    /// What makes the new ones.
    pub(super) statements: Vec<String>,
}

impl Objects<'_> {
    /// The names of a table's objects, and the statements that make those that are missing.
    ///
    /// Triggers come before the population: from then on nobody else writes to the table until all is committed, so no row is missed.
    pub(super) fn of(
        &self,
        info: &TableInfo,
        table: &TableDescription,
    ) -> Result<TableObjects, MssqlError> {
        let options = self.options;
        let holding = self.tracked.holding(&self.store.scope_info, &info.name);
        let shared = !holding.is_empty();
        let (names, makes_procedures) = self.names(info, table, &holding);
        if shared {
            refuse_shared(options.tracking_tables, &names.tracking_table, info)?;
            refuse_shared(options.triggers, &names.insert_trigger, info)?;
        }
        let own_columns = has_own_columns(self.catalog, &names.tracking_table);
        let (watched, adds_columns) = watched(table, &holding);
        let collations = |table: &TableDescription| -> Vec<Option<String>> {
            let column = |name: &str| info.column(name)?.collation.clone();
            table.columns.iter().map(|c| column(&c.name)).collect()
        };
        let session_mark = self.store.session_mark();
        let adapter = Adapter {
            table,
            names: &names,
            collations: &collations(table),
            session_mark: &session_mark,
            own_columns: own_columns.unwrap_or(true),
        };
        let watching = Adapter {
            table: &watched,
            collations: &collations(&watched),
            ..adapter
        };
        let what = format!("tracking table {}", info.name);
        let mut new = Vec::new();
        let mut statements = Vec::new();
        if !shared && options.tracking_tables != CreationOption::Skip {
            new.push(&names.tracking_table);
            statements.push(adapter.tracking_table());
            statements.push(adapter.tracking_index());
        }
        let triggers = [
            &names.insert_trigger,
            &names.update_trigger,
            &names.delete_trigger,
        ];
        if options.triggers != CreationOption::Skip {
            if !shared {
                new.extend(triggers);
                statements.extend(watching.triggers());
            } else if own_columns == Some(true) && adds_columns {
                // Microsoft's own triggers mark every update, whatever its columns: they stay as they are.
                statements.extend(triggers.map(|name| format!("DROP TRIGGER {}", object(name))));
                statements.extend(watching.triggers());
            }
        }
        if options.populate_tracking_tables != CreationOption::Skip {
            statements.push(adapter.populate());
        }
        if makes_procedures {
            new.extend(procedure_names(&names));
            statements.extend(adapter.procedures());
            if options.use_bulk_procedures {
                new.extend(bulk_names(&names));
                statements.extend(adapter.bulk());
            }
        }
        let new_names = new.into_iter().map(|name| NewName {
            name: name.clone(),
            what: what.clone(),
        });
        Ok(TableObjects {
            new_names: new_names.collect(),
            statements,
            names,
        })
    }

    /// The names of all objects, and whether the procedures among them are to be made.
    fn names(
        &self,
        info: &TableInfo,
        table: &TableDescription,
        holding: &[&AdapterConfig],
    ) -> (ObjectNames, bool) {
        let options = self.options;
        let mut names = ObjectNames::for_table(&info.name, &self.store.naming);
        let Some(first) = holding.first() else {
            return (names, options.procedures != CreationOption::Skip);
        };
        let fits = |adapter: &&&AdapterConfig| {
            fits(adapter, table)
                && adapter.objects.select_changes.is_some()
                && (adapter.objects.bulk_type.is_some() || !options.use_bulk_procedures)
        };
        match (
            options.procedures_for_additional_scope,
            holding.iter().find(fits),
        ) {
            (CreationOption::Skip, _) => (configured(first, &self.store.naming), false),
            (CreationOption::CreateOrUseExisting, Some(fitting)) => {
                (configured(fitting, &self.store.naming), false)
            }
            _ => {
                let suffix = self.config_id.simple().to_string();
                for name in own_names(&mut names) {
                    name.name = format!("{}_{suffix}", name.name);
                }
                let shared = configured(first, &self.store.naming);
                names.tracking_table = shared.tracking_table;
                names.insert_trigger = shared.insert_trigger;
                names.update_trigger = shared.update_trigger;
                names.delete_trigger = shared.delete_trigger;
                (names, true)
            }
        }
    }
}

/// What the triggers of a table look at: the columns of all its scopes. Also whether the new scope has some that no other has.
fn watched(table: &TableDescription, holding: &[&AdapterConfig]) -> (TableDescription, bool) {
    let others = holding.iter().flat_map(|adapter| &adapter.columns);
    let others: Vec<_> = others.map(ColumnConfig::description).collect();
    let mut watched = table.clone();
    let is_known = |name: &str| {
        others
            .iter()
            .any(|other| other.name.eq_ignore_ascii_case(name))
    };
    let adds_columns = !table.columns.iter().all(|column| is_known(&column.name));
    for column in &others {
        if watched.position(&column.name).is_none() {
            watched.columns.push(column.clone());
        }
    }
    (watched, adds_columns)
}

fn refuse_shared(
    option: CreationOption,
    name: &ObjectName,
    info: &TableInfo,
) -> Result<(), MssqlError> {
    if option != CreationOption::Create {
        return Ok(());
    }
    Err(MssqlError::refused(
        format!("object {name}"),
        format!(
            "another scope has it for table {}, and the options say that it is to be created",
            info.name
        ),
        "let existing objects be used",
    ))
}

fn procedure_names(names: &ObjectNames) -> [&ObjectName; 8] {
    [
        &names.select_changes,
        &names.select_row,
        &names.insert,
        &names.update,
        &names.delete,
        &names.insert_metadata,
        &names.update_metadata,
        &names.delete_metadata,
    ]
}

fn bulk_names(names: &ObjectNames) -> [&ObjectName; 4] {
    [
        &names.bulk_type,
        &names.bulk_insert,
        &names.bulk_update,
        &names.bulk_delete,
    ]
}

/// Procedures and table type: what a scope can have for itself.
fn own_names(names: &mut ObjectNames) -> [&mut ObjectName; 12] {
    [
        &mut names.select_changes,
        &mut names.select_row,
        &mut names.insert,
        &mut names.update,
        &mut names.delete,
        &mut names.insert_metadata,
        &mut names.update_metadata,
        &mut names.delete_metadata,
        &mut names.bulk_type,
        &mut names.bulk_insert,
        &mut names.bulk_update,
        &mut names.bulk_delete,
    ]
}

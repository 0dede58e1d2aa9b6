//! What provisioning will do, statement by statement.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::Connection;
use sync_metadata::{
    ConfigForm, ScopeConfig, ScopeDescription, ScopeStatus, TableDescription, TableName,
    is_tracking_column,
};
use sync_relational::{TableChoice, parents_first};
use uuid::Uuid;

use crate::catalog::{self, TableInfo};
use crate::ddl;
use crate::error::SqliteError;
use crate::ident::{ident, text};
use crate::metadata;
use crate::names::{Store, TableObjects};
use crate::take_over::{name_here, take_over};
use crate::template::{Template, read_mark};
use crate::triggers::triggers;
use crate::types::declared_type;

/// Statements to run, in their order, and what the user should know of them. Planning only reads.
pub(crate) struct Plan<'a> {
    db: &'a Connection,
    path: &'a Path,
    store: &'a Store,
    /// The store is there already, for other scopes.
    joins: bool,
    /// Names of objects that the statements make, in lower case.
    claimed: BTreeSet<String>,
    pub(crate) statements: Vec<String>,
    pub(crate) warnings: Vec<String>,
}

/// A table of the new scope.
#[derive(Debug)]
pub(crate) struct ScopeTable {
    /// All of it.
    whole: TableInfo,
    /// Its synchronised columns alone, and the key's place among them.
    info: TableInfo,
    pub(crate) description: TableDescription,
}

impl<'a> Plan<'a> {
    /// A plan that makes the store, where it is not there yet.
    pub(crate) fn of(
        db: &'a Connection,
        path: &'a Path,
        store: &'a Store,
    ) -> Result<Self, SqliteError> {
        let joins = metadata::stores(db, path)?.contains(store);
        let mut plan = Plan {
            db,
            path,
            store,
            joins,
            claimed: BTreeSet::new(),
            statements: ddl::store_tables(store),
            warnings: Vec::new(),
        };
        for name in store.tables() {
            if joins {
                plan.claimed.insert(name.to_lowercase());
            } else if !plan.claim(name)? {
                return Err(SqliteError::refused(
                    format!("table {name}"),
                    "it exists already and is no metadata table",
                    "rename it, or choose an --object-prefix",
                ));
            }
        }
        Ok(plan)
    }

    /// Every table of the user, parents before children.
    pub(crate) fn all_tables(&mut self) -> Result<Vec<ScopeTable>, SqliteError> {
        let own = self.own_objects()?;
        let mut names = catalog::table_names(self.db, self.path)?;
        names.retain(|name| !own.contains(&name.to_lowercase()));
        if names.is_empty() {
            return Err(SqliteError::refused(
                self.path.display().to_string(),
                "it has no tables",
                "make some first, or provision it like another database",
            ));
        }
        let keys = catalog::foreign_keys(self.db, self.path)?;
        let names = parents_first(names, |child, parent| {
            keys.iter().any(|key| {
                key.child.eq_ignore_ascii_case(child) && key.parent.eq_ignore_ascii_case(parent)
            })
        });
        let choices = names.into_iter().map(|name| {
            let global_name = Some(sync_metadata::quote(&name));
            TableChoice {
                table: sync_metadata::quote(&name),
                global_name,
                columns: None,
            }
        });
        choices.map(|choice| self.chosen(&choice)).collect()
    }

    /// Tables by name.
    pub(crate) fn listed(
        &mut self,
        choices: &[TableChoice],
    ) -> Result<Vec<ScopeTable>, SqliteError> {
        choices.iter().map(|choice| self.chosen(choice)).collect()
    }

    /// The tables of another replica's scope; those that are missing are made.
    pub(crate) fn like(
        &mut self,
        scope: &ScopeDescription,
        template: &Template,
    ) -> Result<Vec<ScopeTable>, SqliteError> {
        if catalog::is_empty(self.db, self.path)? {
            self.set_marks(template)?;
        }
        let mut tables = Vec::new();
        let mut made = false;
        let mut of_another_engine = Vec::new();
        let models = take_over(self.path, scope, template)?;
        for (table, (new, losses)) in scope.tables.iter().zip(models) {
            let whole = match catalog::table(self.db, self.path, &name_here(table))? {
                Some(whole) => whole,
                None => {
                    self.claim_or_refuse(&new.info.name, &new.info.name)?;
                    self.statements.push(new.sql);
                    for (index, sql) in new.indexes {
                        self.claim_or_refuse(&index, &new.info.name)?;
                        self.statements.push(sql);
                    }
                    self.warnings.extend(losses);
                    made = true;
                    if template.of(table).is_none() {
                        of_another_engine.push(new.info.name.clone());
                    }
                    new.info
                }
            };
            let names: Vec<String> = table
                .columns
                .iter()
                .map(|column| column.name.clone())
                .collect();
            let positions = chosen_columns(&whole, Some(&names))?;
            let mut like = self.describe(whole, &table.global_name, &positions)?;
            keep_types(&mut like, table);
            tables.push(like);
        }
        if !of_another_engine.is_empty() {
            self.warnings.push(format!(
                "tables are made of their columns and primary keys alone: {}; make foreign keys, defaults, unique constraints and indexes where they are wanted",
                some_of(&of_another_engine)
            ));
        }
        if made && !template.views.is_empty() {
            self.warnings.push(format!(
                "views are not taken over: {}; make them where they are wanted",
                some_of(&template.views)
            ));
        }
        Ok(tables)
    }

    /// Tracks a table, from the rows that it has now on.
    pub(crate) fn track(&mut self, table: &ScopeTable) -> Result<(), SqliteError> {
        let ScopeTable {
            whole,
            info,
            description,
        } = table;
        let objects = TableObjects::of(&info.name, &self.store.naming);
        let columns = description.columns.iter();
        let mut columns: Vec<String> = columns.map(|column| column.name.clone()).collect();
        if self.is_tracked(&info.name)? {
            // Another scope holds the table: the tracking table is shared, and the triggers look at the columns of both.
            for scope in metadata::scopes(self.db, self.path, self.store)? {
                let same = scope.description.tables.iter().filter(|other| {
                    other
                        .local_name
                        .sqlite_name()
                        .eq_ignore_ascii_case(&info.name)
                });
                for column in same.flat_map(|other| &other.columns) {
                    if !columns.contains(&column.name) {
                        columns.push(column.name.clone());
                    }
                }
            }
            self.statements.extend(
                objects
                    .triggers()
                    .iter()
                    .map(|name| format!("DROP TRIGGER IF EXISTS {}", ident(name))),
            );
        } else {
            for (_, name) in objects.all() {
                if !self.claim(name)? {
                    return Err(SqliteError::refused(
                        format!("object {name}"),
                        format!(
                            "tracking table {} needs this name, and it is taken",
                            info.name
                        ),
                        "rename it, or choose an --object-prefix",
                    ));
                }
            }
            self.statements.extend(ddl::tracking_table(info, &objects));
            self.statements
                .push(ddl::populate(self.store, info, &objects));
        }
        self.statements
            .extend(triggers(self.store, whole, &objects, &columns));
        Ok(())
    }

    /// The scope's own rows.
    pub(crate) fn scope_rows(
        &mut self,
        description: &ScopeDescription,
        replica: Uuid,
    ) -> Result<(), SqliteError> {
        let config =
            ScopeConfig::from_description(description, &self.store.naming, ConfigForm::Triggers)
                .map_err(|error| {
                    let object = format!("scope {}", description.name);
                    SqliteError::unsuitable(object, error, "give the table a shorter name")
                })?
                .to_xml();
        let config_id = Uuid::new_v4();
        self.statements.push(format!(
            "INSERT INTO {} VALUES ({}, {}, {})",
            ident(&self.store.scope_config),
            text(&config_id.to_string()),
            text(&config),
            text(ScopeStatus::Complete.code())
        ));
        self.statements.push(format!(
            "INSERT INTO {} (scope_id, sync_scope_name, scope_timestamp, scope_config_id, scope_restore_count, scope_user_comment) \
             VALUES ({}, {}, 1, {}, 0, {})",
            ident(&self.store.scope_info),
            text(&replica.to_string()),
            text(&description.name),
            text(&config_id.to_string()),
            text(&description.user_comment)
        ));
        Ok(())
    }

    /// Whether a name is free, which it is not any more afterwards.
    fn claim(&mut self, name: &str) -> Result<bool, SqliteError> {
        Ok(!catalog::exists(self.db, self.path, name)? && self.claimed.insert(name.to_lowercase()))
    }

    fn claim_or_refuse(&mut self, name: &str, table: &str) -> Result<(), SqliteError> {
        if self.claim(name)? {
            return Ok(());
        }
        let (object, reason) = if name == table {
            (format!("table {name}"), "its name is taken here".to_owned())
        } else {
            (
                format!("index {name} of table {table}"),
                "its name is taken here".to_owned(),
            )
        };
        Err(SqliteError::refused(
            object,
            reason,
            "rename what has the name, or choose another --object-prefix if that is metadata",
        ))
    }

    /// What applications recognise their files by, for a file that is nobody's yet.
    fn set_marks(&mut self, template: &Template) -> Result<(), SqliteError> {
        for (mark, value) in &template.marks {
            if *value != 0 && read_mark(self.db, self.path, mark)? == 0 {
                self.statements.push(format!("PRAGMA {mark} = {value}"));
            }
        }
        Ok(())
    }

    /// Names of all objects that belong to stores, in lower case.
    fn own_objects(&self) -> Result<BTreeSet<String>, SqliteError> {
        let mut own = BTreeSet::new();
        for store in metadata::stores(self.db, self.path)? {
            own.extend(store.tables().map(|name| name.to_lowercase()));
            for scope in metadata::scopes(self.db, self.path, &store)? {
                for table in &scope.description.tables {
                    let objects = TableObjects::of(&table.local_name.sqlite_name(), &store.naming);
                    own.extend(objects.all().map(|(_, name)| name.to_lowercase()));
                }
            }
        }
        Ok(own)
    }

    fn chosen(&mut self, choice: &TableChoice) -> Result<ScopeTable, SqliteError> {
        let object = || format!("table {}", choice.table);
        let name = TableName::parse(&choice.table).map_err(|error| {
            SqliteError::refused(
                object(),
                error.to_string(),
                "write it as Table or [Schema].[Table]",
            )
        })?;
        let local = name.sqlite_name();
        let Some(info) = catalog::table(self.db, self.path, &local)? else {
            let (reason, remedy) = if catalog::is_view(self.db, self.path, &local)? {
                (
                    format!("{local} is a view, and only tables hold rows"),
                    "name the tables behind it",
                )
            } else {
                (
                    format!("{} has no table {local}", self.path.display()),
                    "check its name",
                )
            };
            return Err(SqliteError::refused(object(), reason, remedy));
        };
        let positions = chosen_columns(&info, choice.columns.as_deref())?;
        let global_name = match &choice.global_name {
            Some(global) => TableName::parse(global)
                .map_err(|error| {
                    SqliteError::refused(object(), error.to_string(), "choose another global name")
                })?
                .quoted(),
            None => name.quoted(),
        };
        self.describe(info, &global_name, &positions)
    }

    fn describe(
        &mut self,
        whole: TableInfo,
        global_name: &str,
        positions: &[usize],
    ) -> Result<ScopeTable, SqliteError> {
        check_key(&whole)?;
        if whole.autoincrement {
            self.warnings.push(format!(
                "table {} numbers its rows by itself: two replicas will hand out the same keys; use GUID keys or ranges of numbers",
                whole.name
            ));
        }
        let own_triggers = metadata::user_triggers(self.db, self.path, &whole.name)?;
        if !own_triggers.is_empty() {
            self.warnings.push(format!(
                "table {} has triggers of its own ({}): they fire on rows that arrive as well, and what they write travels on as changes made here",
                whole.name,
                some_of(&own_triggers)
            ));
        }
        let name = TableName::new(None, &whole.name);
        let columns = positions
            .iter()
            .map(|&column| whole.describe(column))
            .collect();
        let described = name.and_then(|name| TableDescription::new(name, global_name, columns));
        let description = described.map_err(|error| {
            SqliteError::unsuitable(
                format!("table {}", whole.name),
                error,
                "choose another table or other columns",
            )
        })?;
        let key: Option<Vec<usize>> = whole
            .key
            .iter()
            .map(|key| positions.iter().position(|position| position == key))
            .collect();
        let info = TableInfo {
            key: key.unwrap_or_default(),
            columns: positions
                .iter()
                .map(|&column| whole.columns[column].clone())
                .collect(),
            ..whole.clone()
        };
        Ok(ScopeTable {
            whole,
            info,
            description,
        })
    }

    fn is_tracked(&self, table: &str) -> Result<bool, SqliteError> {
        if !self.joins {
            return Ok(false);
        }
        let scopes = metadata::scopes(self.db, self.path, self.store)?;
        Ok(scopes
            .iter()
            .flat_map(|scope| &scope.description.tables)
            .any(|other| other.local_name.sqlite_name().eq_ignore_ascii_case(table)))
    }
}

/// Positions of the columns of these names and of the key; without names those of all columns.
fn chosen_columns(info: &TableInfo, names: Option<&[String]>) -> Result<Vec<usize>, SqliteError> {
    let Some(names) = names else {
        return Ok((0..info.columns.len()).collect());
    };
    let mut positions = BTreeSet::new();
    for name in names {
        let position = info
            .columns
            .iter()
            .position(|column| column.name.eq_ignore_ascii_case(name));
        positions.insert(position.ok_or_else(|| {
            SqliteError::refused(
                format!("column {name} of table {}", info.name),
                "the table has no such column, or its values are generated",
                "check its name",
            )
        })?);
    }
    positions.extend(&info.key);
    Ok(positions.into_iter().collect())
}

/// A column that is declared as one of this logical type would be has this type: several types have one declaration, and rows
/// are named by the texts of their keys, which the type decides.
fn keep_types(made: &mut ScopeTable, model: &TableDescription) {
    let columns = made.description.columns.iter_mut().zip(&made.info.columns);
    for (column, info) in columns {
        let model = model
            .position(&column.name)
            .map(|at| &model.columns[at].sql_type);
        let same = model.filter(|model| declared_type(model).eq_ignore_ascii_case(&info.declared));
        if let Some(sql_type) = same {
            column.sql_type = sql_type.clone();
        }
    }
}

fn check_key(info: &TableInfo) -> Result<(), SqliteError> {
    if info.key.is_empty() {
        return Err(SqliteError::refused(
            format!("table {}", info.name),
            "it has no primary key",
            "give it one",
        ));
    }
    for &position in &info.key {
        let column = &info.columns[position];
        if info.key_equality(position).is_none() {
            return Err(SqliteError::refused(
                format!("column {} of table {}", column.name, info.name),
                "it is part of the primary key and has a collation that is not SQLite's own",
                "declare it with BINARY, NOCASE or RTRIM",
            ));
        }
        if is_tracking_column(&column.name) {
            return Err(SqliteError::refused(
                format!("column {} of table {}", column.name, info.name),
                "it is part of the primary key, and tracking tables have a column of this name themselves",
                "rename it, or leave the table out of the scope",
            ));
        }
        if !column.not_null && !info.without_rowid && !info.has_rowid_key() {
            return Err(SqliteError::refused(
                format!("column {} of table {}", column.name, info.name),
                "it is part of the primary key and can be NULL, which SQLite allows",
                "declare it NOT NULL",
            ));
        }
    }
    Ok(())
}

/// Names for a sentence.
fn some_of(names: &[String]) -> String {
    const MOST: usize = 12;
    let shown = names.iter().take(MOST).cloned().collect::<Vec<_>>();
    let more = names.len().saturating_sub(MOST);
    match more {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

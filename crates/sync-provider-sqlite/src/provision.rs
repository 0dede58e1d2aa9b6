//! Preparing a database for synchronisation, in one transaction.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use sync_metadata::{
    ConfigForm, Naming, ScopeConfig, ScopeDescription, ScopeStatus, TableDescription, TableName,
};
use uuid::Uuid;

use crate::catalog::{self, TableInfo};
use crate::connection::{Access, Database};
use crate::create::create_table;
use crate::ddl;
use crate::error::{At, SqliteError};
use crate::ident::{ident, text};
use crate::metadata;
use crate::names::{Store, TableObjects};
use crate::triggers::triggers;

/// What to synchronise: a scope and its tables.
#[derive(Clone, Debug, PartialEq)]
pub struct Provisioning {
    /// Name of the scope.
    pub scope: String,
    /// Its tables.
    pub tables: Tables,
    /// Put before the names of all objects of the store, followed by `_`.
    pub object_prefix: Option<String>,
    /// A comment, stored with the scope.
    pub user_comment: String,
    /// How long to wait for locks of others.
    pub busy_timeout: Duration,
}

/// Which tables a scope gets.
#[derive(Clone, Debug, PartialEq)]
pub enum Tables {
    /// Every table of the user, parents before children.
    All,
    /// These, in this order.
    Listed(Vec<TableChoice>),
    /// Those of another replica's scope; tables that are missing here are created.
    Like(ScopeDescription, Vec<TableTemplate>),
}

/// A table of a new scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableChoice {
    /// The table here: `Customer`, or `[Sales].[Customer]`, which is the table `Sales_Customer`.
    pub table: String,
    /// The name that all replicas share; by default made of `table`.
    pub global_name: Option<String>,
    /// The columns to synchronise, key columns included; by default all.
    pub columns: Option<Vec<String>>,
}

/// What a table of another SQLite database looks like beyond its description, for [`Tables::Like`].
#[derive(Clone, Debug, PartialEq)]
pub struct TableTemplate {
    pub(crate) global_name: String,
    pub(crate) info: TableInfo,
    pub(crate) foreign_keys: Vec<catalog::ForeignKey>,
}

/// What provisioning did.
#[derive(Clone, Debug, PartialEq)]
pub struct Provisioned {
    /// The scope as it is now.
    pub description: ScopeDescription,
    /// The replica id of this database for the scope.
    pub replica: Uuid,
    /// What the user should know, a sentence each.
    pub warnings: Vec<String>,
    /// The statements that were run.
    pub statements: Vec<String>,
}

impl Provisioning {
    /// A scope of these tables, with the defaults for everything else.
    pub fn new(scope: impl Into<String>, tables: Tables) -> Self {
        Provisioning {
            scope: scope.into(),
            tables,
            object_prefix: None,
            user_comment: String::new(),
            busy_timeout: crate::DEFAULT_BUSY_TIMEOUT,
        }
    }

    /// Provisions the database at `path`, in one transaction. The file is created only for [`Tables::Like`].
    ///
    /// # Errors
    /// The scope exists already, a table or column is missing or cannot be synchronised, a name is taken, or the database fails; then
    /// nothing is changed.
    pub fn apply(&self, path: &Path) -> Result<Provisioned, SqliteError> {
        let is_new = !path.exists();
        let result = self.try_apply(path);
        if result.is_err() && is_new && path.metadata().is_ok_and(|file| file.len() == 0) {
            // Opening made an empty file, which is a change too.
            let _ = std::fs::remove_file(path);
        }
        result
    }

    /// The statements that [`apply`](Self::apply) would run, without changing anything.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub fn script(&self, path: &Path) -> Result<Vec<String>, SqliteError> {
        let missing = matches!(self.tables, Tables::Like(..)) && !path.exists();
        let db = if missing {
            Database::open(Path::new(":memory:"), Access::Create, self.busy_timeout)?
        } else {
            Database::open(path, Access::Read, self.busy_timeout)?
        };
        Ok(self.plan(&db.connection, path)?.statements)
    }

    fn try_apply(&self, path: &Path) -> Result<Provisioned, SqliteError> {
        let mut db = self.open(path)?;
        db.in_transaction(|db, path| {
            let plan = self.plan(db, path)?;
            for statement in &plan.statements {
                db.execute_batch(statement).at(path)?;
            }
            Ok(plan)
        })
    }

    fn open(&self, path: &Path) -> Result<Database, SqliteError> {
        let access = if matches!(self.tables, Tables::Like(..)) {
            Access::Create
        } else {
            Access::Write
        };
        Database::open(path, access, self.busy_timeout)
    }

    fn plan(&self, db: &Connection, path: &Path) -> Result<Provisioned, SqliteError> {
        let naming = Naming::new(self.object_prefix.as_deref(), None).map_err(|error| {
            SqliteError::refused("object prefix", error.to_string(), "choose another prefix")
        })?;
        let store = Store::new(naming);
        self.check_new(db, path, &store)?;
        let mut plan = Plan {
            db,
            path,
            store: &store,
            statements: ddl::store_tables(&store),
            warnings: Vec::new(),
        };
        let tables = match &self.tables {
            Tables::All => plan.all_tables()?,
            Tables::Listed(choices) => choices
                .iter()
                .map(|choice| plan.chosen(choice))
                .collect::<Result<_, _>>()?,
            Tables::Like(scope, templates) => plan.like(scope, templates)?,
        };
        let object = || format!("scope {}", self.scope);
        let (infos, descriptions): (Vec<TableInfo>, Vec<TableDescription>) =
            tables.into_iter().unzip();
        let description = ScopeDescription::new(&self.scope, descriptions)
            .map_err(|error| {
                SqliteError::refused(object(), error.to_string(), "name other tables")
            })?
            .with_comment(&self.user_comment);
        for (info, table) in infos.iter().zip(&description.tables) {
            plan.track(info, table)?;
        }
        let replica = Uuid::new_v4();
        plan.scope_rows(&description, replica);
        Ok(Provisioned {
            description,
            replica,
            warnings: plan.warnings,
            statements: plan.statements,
        })
    }

    fn check_new(&self, db: &Connection, path: &Path, store: &Store) -> Result<(), SqliteError> {
        let object = || format!("scope {}", self.scope);
        if self.scope.is_empty() || self.scope.chars().count() > 100 {
            return Err(SqliteError::refused(
                object(),
                "a scope's name has 1 to 100 characters",
                "choose another name",
            ));
        }
        for other in metadata::stores(db, path)? {
            for scope in metadata::scopes(db, path, &other)? {
                if scope.row.name == self.scope {
                    return Err(SqliteError::refused(
                        object(),
                        "it exists already",
                        "synchronise it, or deprovision it first",
                    ));
                }
            }
        }
        let ours = metadata::stores(db, path)?.contains(store);
        for name in store.tables() {
            if !ours && catalog::exists(db, path, name)? {
                return Err(SqliteError::refused(
                    format!("table {name}"),
                    "it exists already and is no metadata table",
                    "rename it, or choose an --object-prefix",
                ));
            }
        }
        Ok(())
    }
}

struct Plan<'a> {
    db: &'a Connection,
    path: &'a Path,
    store: &'a Store,
    statements: Vec<String>,
    warnings: Vec<String>,
}

impl Plan<'_> {
    fn all_tables(&mut self) -> Result<Vec<(TableInfo, TableDescription)>, SqliteError> {
        let own = self.own_objects()?;
        let mut names = catalog::table_names(self.db, self.path)?;
        names.retain(|name| !own.contains(&name.to_lowercase()));
        let names = parents_first(names, &catalog::foreign_keys(self.db, self.path)?);
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

    fn chosen(
        &mut self,
        choice: &TableChoice,
    ) -> Result<(TableInfo, TableDescription), SqliteError> {
        let object = || format!("table {}", choice.table);
        let name = TableName::parse(&choice.table).map_err(|error| {
            SqliteError::refused(
                object(),
                error.to_string(),
                "write it as Table or [Schema].[Table]",
            )
        })?;
        let local = name.sqlite_name();
        let info = catalog::table(self.db, self.path, &local)?.ok_or_else(|| {
            SqliteError::refused(
                object(),
                format!("{} has no table {local}", self.path.display()),
                "check its name",
            )
        })?;
        let positions = self.chosen_columns(&info, choice.columns.as_deref())?;
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

    fn chosen_columns(
        &self,
        info: &TableInfo,
        names: Option<&[String]>,
    ) -> Result<Vec<usize>, SqliteError> {
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

    fn describe(
        &mut self,
        mut info: TableInfo,
        global_name: &str,
        positions: &[usize],
    ) -> Result<(TableInfo, TableDescription), SqliteError> {
        check_key(&info)?;
        if info.autoincrement {
            self.warnings.push(format!(
                "table {} numbers its rows by itself: two replicas will hand out the same keys; use GUID keys or ranges of numbers",
                info.name
            ));
        }
        let name = TableName::new(None, &info.name);
        let columns = positions
            .iter()
            .map(|&column| info.describe(column))
            .collect();
        let described = name.and_then(|name| TableDescription::new(name, global_name, columns));
        let described = described.map_err(|error| {
            SqliteError::refused(
                format!("table {}", info.name),
                error.to_string(),
                "choose another table or other columns",
            )
        })?;
        // Only synchronised columns are of interest from here on, the key's place among them included.
        let key: Option<Vec<usize>> = info
            .key
            .iter()
            .map(|key| positions.iter().position(|position| position == key))
            .collect();
        info.key = key.unwrap_or_default();
        info.columns = positions
            .iter()
            .map(|&column| info.columns[column].clone())
            .collect();
        Ok((info, described))
    }

    fn like(
        &mut self,
        scope: &ScopeDescription,
        templates: &[TableTemplate],
    ) -> Result<Vec<(TableInfo, TableDescription)>, SqliteError> {
        let mut tables = Vec::new();
        for table in &scope.tables {
            let local = TableName::parse(&table.global_name)
                .unwrap_or_else(|_| table.local_name.clone())
                .sqlite_name();
            let info = match catalog::table(self.db, self.path, &local)? {
                Some(info) => info,
                None => {
                    let template = templates
                        .iter()
                        .find(|template| template.global_name == table.global_name);
                    let created = create_table(&local, table, template, scope)?;
                    self.statements.push(created.sql);
                    self.statements.extend(created.indexes);
                    created.info
                }
            };
            let names: Vec<String> = table
                .columns
                .iter()
                .map(|column| column.name.clone())
                .collect();
            let positions = self.chosen_columns(&info, Some(&names))?;
            tables.push(self.describe(info, &table.global_name, &positions)?);
        }
        Ok(tables)
    }

    fn track(&mut self, info: &TableInfo, table: &TableDescription) -> Result<(), SqliteError> {
        let objects = TableObjects::of(&info.name, &self.store.naming);
        let mut columns: Vec<String> = table
            .columns
            .iter()
            .map(|column| column.name.clone())
            .collect();
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
                if catalog::exists(self.db, self.path, name)? {
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
        let whole = catalog::table(self.db, self.path, &info.name)?.unwrap_or_else(|| info.clone());
        let generated = catalog::generated_columns(self.db, self.path, &info.name)?;
        self.statements
            .extend(triggers(self.store, &whole, &generated, &objects, &columns));
        Ok(())
    }

    fn is_tracked(&self, table: &str) -> Result<bool, SqliteError> {
        if !metadata::stores(self.db, self.path)?.contains(self.store) {
            return Ok(false);
        }
        let scopes = metadata::scopes(self.db, self.path, self.store)?;
        Ok(scopes
            .iter()
            .flat_map(|scope| &scope.description.tables)
            .any(|other| other.local_name.sqlite_name().eq_ignore_ascii_case(table)))
    }

    fn scope_rows(&mut self, description: &ScopeDescription, replica: Uuid) {
        let config =
            ScopeConfig::from_description(description, &self.store.naming, ConfigForm::Triggers)
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
    for &column in &info.key {
        let column = &info.columns[column];
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

/// Tables in an order in which parents come before their children, as far as there are no cycles; otherwise by name.
fn parents_first(mut names: Vec<String>, keys: &[catalog::ForeignKey]) -> Vec<String> {
    let mut ordered: Vec<String> = Vec::new();
    while !names.is_empty() {
        let waits = |name: &String| {
            keys.iter().any(|key| {
                key.child.eq_ignore_ascii_case(name)
                    && !key.parent.eq_ignore_ascii_case(name)
                    && names
                        .iter()
                        .any(|other| key.parent.eq_ignore_ascii_case(other))
            })
        };
        let next = names.iter().position(|name| !waits(name)).unwrap_or(0);
        ordered.push(names.remove(next));
    }
    ordered
}

//! Which statements make a scope: decided from what the catalogue and the stores say, before any of them runs.

use sync_metadata::{
    AdapterObjects, ConfigForm, Naming, ObjectName, ScopeConfig, ScopeDescription, ScopeStatus,
    TableDescription, TableName, quote,
};
use sync_relational::{Provisioned, TableChoice, parents_first};
use uuid::Uuid;

use super::columns::synchronised;
use super::create::{Created, create_table};
use super::free_names::{self, NewName};
use super::objects::Objects;
use super::tracked::Tracked;
use super::{CreationOption, Provisioning, Tables, Template};
use crate::catalog::{Catalog, TableInfo, TableKind, Which};
use crate::connection::Connection;
use crate::ddl::store_table;
use crate::error::MssqlError;
use crate::metadata::{self, check_scope_name};
use crate::names::{Store, same};
use crate::sql::{DEFAULT_SCHEMA, object, text};

/// Reads what there is, decides, and makes sure that the names are free.
pub(super) async fn plan(
    order: &Provisioning,
    connection: &mut Connection,
) -> Result<Provisioned, MssqlError> {
    check_scope_name(&order.scope)?;
    let stores = metadata::stores(connection, None).await?;
    let tracked = Tracked::of(stores, connection.server())?;
    let catalog = Catalog::read(connection, Which::All).await?;
    let ids = Ids {
        config: Uuid::new_v4(),
        replica: Uuid::new_v4(),
    };
    let decided = decide(order, connection.server(), &tracked, &catalog, ids)?;
    let schema = order.object_schema.as_deref();
    free_names::check(connection, schema, &decided.new_names).await?;
    Ok(decided.provisioned)
}

/// The ids that a new scope gets.
#[derive(Copy, Clone, Debug)]
pub(super) struct Ids {
    pub(super) config: Uuid,
    pub(super) replica: Uuid,
}

/// What is to be done.
#[derive(Debug)]
pub(super) struct Decided {
    pub(super) provisioned: Provisioned,
    /// Names that must be free for it.
    pub(super) new_names: Vec<NewName>,
}

/// Decides which statements make the scope.
pub(super) fn decide(
    order: &Provisioning,
    server: &str,
    tracked: &Tracked,
    catalog: &Catalog,
    ids: Ids,
) -> Result<Decided, MssqlError> {
    let naming = Naming::new(
        order.object_prefix.as_deref(),
        order
            .object_schema
            .as_deref()
            .filter(|schema| *schema != DEFAULT_SCHEMA),
    )
    .map_err(|error| {
        MssqlError::refused(
            "object prefix and schema",
            error.to_string(),
            "choose others",
        )
    })?;
    let mut plan = Plan {
        order,
        server,
        store: Store::new(naming),
        tracked,
        catalog,
        ids,
        schemas: Vec::new(),
        base_tables: Vec::new(),
        statements: Vec::new(),
        new_names: Vec::new(),
        warnings: Vec::new(),
    };
    plan.check_new()?;
    let provisioned = plan.decide()?;
    Ok(Decided {
        provisioned,
        new_names: plan.new_names,
    })
}

struct Plan<'a> {
    order: &'a Provisioning,
    server: &'a str,
    store: Store,
    tracked: &'a Tracked,
    catalog: &'a Catalog,
    ids: Ids,
    schemas: Vec<String>,
    /// Base tables, and their foreign keys after them.
    base_tables: Vec<String>,
    statements: Vec<String>,
    new_names: Vec<NewName>,
    warnings: Vec<String>,
}

impl Plan<'_> {
    fn check_new(&self) -> Result<(), MssqlError> {
        let ignores_case = self.catalog.facts.ignores_case();
        let is_taken = |name: &str| {
            name == self.order.scope
                || ignores_case && name.to_lowercase() == self.order.scope.to_lowercase()
        };
        let stores = self.tracked.stores.iter();
        if stores
            .flat_map(|(store, _)| store.scope_names())
            .any(is_taken)
        {
            return Err(MssqlError::refused(
                format!("scope {}", self.order.scope),
                "it exists already",
                "synchronise it, or deprovision it first",
            ));
        }
        if let Some((store, _)) = self.tracked.store(&self.store.scope_info) {
            store.usable_version(self.server)?;
        }
        Ok(())
    }

    fn decide(&mut self) -> Result<Provisioned, MssqlError> {
        let order = self.order;
        let tables = match &order.tables {
            Tables::All => self.all_tables()?,
            Tables::Listed(choices) => choices
                .iter()
                .map(|choice| self.chosen(choice))
                .collect::<Result<_, _>>()?,
            Tables::Like(scope, template) => self.like(scope, template)?,
        };
        let (infos, descriptions): (Vec<TableInfo>, Vec<TableDescription>) =
            tables.into_iter().unzip();
        let description = ScopeDescription::new(&order.scope, descriptions)
            .map_err(|error| {
                MssqlError::refused(
                    format!("scope {}", order.scope),
                    error.to_string(),
                    "name other tables",
                )
            })?
            .with_comment(&order.user_comment);
        self.store_tables();
        let bulk = order.options.use_bulk_procedures;
        let form = ConfigForm::SqlServer { bulk };
        let config = ScopeConfig::from_description(&description, &self.store.naming, form);
        let mut config = config.map_err(|error| {
            MssqlError::refused(
                format!("scope {}", order.scope),
                error.to_string(),
                "give the table a shorter name, or leave out the object prefix",
            )
        })?;
        let store = self.store.clone();
        let deciding = Objects {
            options: order.options,
            store: &store,
            tracked: self.tracked,
            catalog: self.catalog,
            config_id: self.ids.config,
        };
        let mut objects = Vec::new();
        for ((info, table), adapter) in infos
            .iter()
            .zip(&description.tables)
            .zip(&mut config.adapters)
        {
            let found = deciding.of(info, table)?;
            adapter.tracking_table = found.names.tracking_table.clone();
            adapter.objects = AdapterObjects::new(found.names, form);
            self.new_names.extend(found.new_names);
            objects.extend(found.statements);
        }
        self.scope_config(&config);
        self.statements.extend(objects);
        self.scope_info(&description);
        let mut statements = std::mem::take(&mut self.schemas);
        statements.append(&mut self.base_tables);
        statements.append(&mut self.statements);
        Ok(Provisioned {
            description,
            replica: self.ids.replica,
            warnings: std::mem::take(&mut self.warnings),
            statements,
        })
    }

    fn all_tables(&mut self) -> Result<Vec<(TableInfo, TableDescription)>, MssqlError> {
        let is_users = |table: &&TableInfo| {
            table.kind == TableKind::Table && !self.tracked.owns_table(&table.name)
        };
        let tables: Vec<TableInfo> = self
            .catalog
            .tables
            .iter()
            .filter(is_users)
            .cloned()
            .collect();
        if tables.is_empty() {
            return Err(MssqlError::refused(
                self.server,
                "it has no tables that the login may see",
                "make some first, grant the login SELECT on them, or provision it like another database",
            ));
        }
        let tables = parents_first(tables, |child, parent| {
            let keys = &mut self.catalog.foreign_keys.iter();
            keys.any(|key| key.child == child.object_id && key.parent == parent.object_id)
        });
        tables
            .into_iter()
            .map(|info| {
                let global_name = info.name.quoted();
                let positions = synchronised(&info, None)?;
                self.describe(info, &global_name, &positions)
            })
            .collect()
    }

    fn chosen(
        &mut self,
        choice: &TableChoice,
    ) -> Result<(TableInfo, TableDescription), MssqlError> {
        let refused = |reason: String, remedy: &str| {
            MssqlError::refused(format!("table {}", choice.table), reason, remedy)
        };
        let name = TableName::parse(&choice.table)
            .map_err(|error| refused(error.to_string(), "write it as Table or [Schema].[Table]"))?;
        let Some(info) = self.catalog.named(&name).cloned() else {
            return Err(refused(
                format!("{} has no table {name}", self.server),
                "check its name and schema, and that the login may see it",
            ));
        };
        let positions = synchronised(&info, choice.columns.as_deref())?;
        let global_name = match &choice.global_name {
            Some(global) => TableName::parse(global)
                .map_err(|error| refused(error.to_string(), "choose another global name"))?
                .quoted(),
            None => info.name.quoted(),
        };
        self.describe(info, &global_name, &positions)
    }

    fn like(
        &mut self,
        scope: &ScopeDescription,
        template: &Template,
    ) -> Result<Vec<(TableInfo, TableDescription)>, MssqlError> {
        let local = |table: &TableDescription| {
            TableName::parse(&table.global_name).unwrap_or_else(|_| table.local_name.clone())
        };
        let local_of = |global: &str| scope.table(global).map(local);
        let mut tables = Vec::new();
        let mut foreign_keys = Vec::new();
        let mut of_another_engine = Vec::new();
        for table in &scope.tables {
            let name = local(table);
            let create = self.order.options.tables;
            let info = match self.catalog.named(&name).cloned() {
                Some(_) if create == CreationOption::Create => {
                    return Err(MssqlError::refused(
                        format!("table {name}"),
                        "it exists already, and the options say that it is to be created",
                        "let existing tables be used",
                    ));
                }
                Some(info) => info,
                None if create == CreationOption::Skip => {
                    return Err(MssqlError::refused(
                        format!("table {name}"),
                        format!(
                            "{} does not have it, and the options say not to create it",
                            self.server
                        ),
                        "create it first",
                    ));
                }
                None => {
                    let template = template
                        .tables
                        .iter()
                        .find(|template| template.global_name == table.global_name);
                    let facts = &self.catalog.facts;
                    let created: Created = create_table(&name, table, template, facts, &local_of)?;
                    self.new_schema(&name);
                    self.new_names.push(NewName {
                        name: name.clone(),
                        what: format!("table {}", table.global_name),
                    });
                    self.base_tables.push(created.statement);
                    foreign_keys.extend(created.foreign_keys);
                    self.warnings.extend(created.warnings);
                    if template.is_none() {
                        of_another_engine.push(name.to_string());
                    }
                    created.info
                }
            };
            let names: Vec<String> = table
                .columns
                .iter()
                .map(|column| column.name.clone())
                .collect();
            let positions = synchronised(&info, Some(&names))?;
            tables.push(self.describe(info, &table.global_name, &positions)?);
        }
        self.base_tables.extend(foreign_keys);
        if !of_another_engine.is_empty() {
            self.warnings.push(format!(
                "tables are made of their columns and primary keys alone: {}; make foreign keys, defaults, unique constraints and indexes where they are wanted",
                of_another_engine.join(", ")
            ));
        }
        Ok(tables)
    }

    /// Notes that a table's schema is to be created where it is missing.
    fn new_schema(&mut self, table: &ObjectName) {
        let Some(schema) = table.own_schema() else {
            return;
        };
        let create = text(&format!("CREATE SCHEMA {}", quote(schema)));
        let statement = format!("IF SCHEMA_ID({}) IS NULL EXEC({create})", text(schema));
        if !self.schemas.contains(&statement) {
            self.schemas.push(statement);
        }
    }

    fn describe(
        &mut self,
        mut info: TableInfo,
        global_name: &str,
        positions: &[usize],
    ) -> Result<(TableInfo, TableDescription), MssqlError> {
        self.warn(&info, positions);
        let columns = positions.iter().map(|&at| info.describe(at)).collect();
        let described = TableDescription::new(info.name.clone(), global_name, columns);
        let described = described.map_err(|error| {
            MssqlError::refused(
                format!("table {}", info.name),
                error.to_string(),
                "choose another table or other columns",
            )
        })?;
        // Only synchronised columns are of interest from here on.
        let key: Option<Vec<usize>> = info
            .key
            .iter()
            .map(|key| positions.iter().position(|position| position == key))
            .collect();
        info.key = key.unwrap_or_default();
        info.columns = positions
            .iter()
            .map(|&at| info.columns[at].clone())
            .collect();
        Ok((info, described))
    }

    fn warn(&mut self, info: &TableInfo, positions: &[usize]) {
        let mut numbered = positions.iter().filter(|at| info.key.contains(at));
        if numbered.any(|&at| info.columns[at].identity.is_some()) {
            self.warnings.push(format!(
                "table {} numbers its rows by itself: two replicas will hand out the same keys; use GUID keys or ranges of numbers",
                info.name
            ));
        }
        for trigger in &info.triggers {
            let name = ObjectName {
                schema: info.name.schema.clone(),
                name: trigger.name.clone(),
            };
            if trigger.disabled || self.tracked.owns_trigger(&name) {
                continue;
            }
            self.warnings.push(if trigger.instead_of {
                format!(
                    "trigger {name} acts instead of writes to table {}: what it makes of rows that arrive counts as a change of its own",
                    info.name
                )
            } else {
                format!(
                    "trigger {name} of table {} fires for rows that arrive, too, and what it writes to synchronised tables travels on",
                    info.name
                )
            });
        }
    }

    /// The tables of the store that are missing.
    fn store_tables(&mut self) {
        let found = self.tracked.store(&self.store.scope_info);
        let existing = found.map_or(&[][..], |(store, _)| &store.tables);
        let missing = self.store.tables().into_iter();
        let missing: Vec<ObjectName> = missing
            .filter(|table| !existing.iter().any(|other| same(other, table)))
            .cloned()
            .collect();
        for table in missing {
            let statements = store_table(&self.store, &table);
            if !statements.is_empty() {
                self.new_names.push(NewName {
                    name: table,
                    what: "the store".into(),
                });
            }
            self.statements.extend(statements);
        }
    }

    fn scope_config(&mut self, config: &ScopeConfig) {
        self.statements.push(format!(
            "INSERT INTO {} (config_id, config_data, scope_status) VALUES ({}, {}, {})",
            object(&self.store.scope_config),
            text(&self.ids.config.to_string()),
            text(&config.to_xml()),
            text(ScopeStatus::Pending.code())
        ));
    }

    /// The scope's row, and with it, last of all, that everything is there.
    fn scope_info(&mut self, description: &ScopeDescription) {
        let name = text(&description.name);
        self.statements.push(format!(
            "INSERT INTO {} (scope_id, sync_scope_name, scope_config_id, scope_restore_count, scope_user_comment) VALUES ({}, {name}, {}, 0, {})",
            object(&self.store.scope_info),
            text(&self.ids.replica.to_string()),
            text(&self.ids.config.to_string()),
            text(&description.user_comment)
        ));
        self.statements.push(format!(
            "INSERT INTO {} (scope_local_id, was_source) SELECT scope_local_id, 0 FROM {} WHERE sync_scope_name = {name}",
            object(&self.store.scopes),
            object(&self.store.scope_info)
        ));
        self.statements.push(format!(
            "UPDATE {} SET scope_status = {} WHERE config_id = {}",
            object(&self.store.scope_config),
            text(ScopeStatus::Complete.code()),
            text(&self.ids.config.to_string())
        ));
    }
}

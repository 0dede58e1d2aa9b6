//! A scope with what the database really has of it, checked before anything relies on it.

use sync_metadata::{AdapterConfig, ColumnDescription, ObjectName, SqlType, TRACKING_COLUMNS};

use crate::catalog::{Catalog, DatabaseFacts, ForeignKey, TableInfo, Which};
use crate::connection::Connection;
use crate::ddl::OWN_COLUMNS;
use crate::error::MssqlError;
use crate::metadata::{StoredScope, find_scope};
use crate::names::{procedures, triggers};

/// A scope that can be used: its tables, their columns, tracking tables and triggers are there.
#[derive(Clone, Debug)]
pub(crate) struct OpenedScope {
    pub(crate) scope: StoredScope,
    pub(crate) facts: DatabaseFacts,
    /// In the order of the description.
    pub(crate) tables: Vec<OpenedTable>,
    pub(crate) foreign_keys: Vec<ForeignKey>,
}

/// A table of a scope.
#[derive(Clone, Debug)]
pub(crate) struct OpenedTable {
    /// The base table as it is, with all its columns.
    pub(crate) info: TableInfo,
    /// The names of its objects.
    pub(crate) config: AdapterConfig,
    /// Whether the tracking table has our columns after Microsoft's: who wrote a row and when is known only there.
    pub(crate) own_columns: bool,
    /// Procedures and types that the configuration names and the database lacks.
    pub(crate) missing_procedures: Vec<ObjectName>,
    /// Triggers that are switched off: changes made meanwhile are not tracked.
    pub(crate) disabled_triggers: Vec<ObjectName>,
}

impl OpenedTable {
    /// The type that a column has in the table, whatever it was when the scope was provisioned.
    pub(crate) fn type_today(&self, column: &ColumnDescription) -> SqlType {
        let info = self.info.column(&column.name);
        let known = info.filter(|info| info.unsupported.is_none());
        known
            .map_or(&column.sql_type, |info| &info.sql_type)
            .clone()
    }

    /// What selects the rows of a filtered scope, if this table's are: rows outside do not belong to the scope.
    pub(crate) fn is_filtered(&self) -> bool {
        let config = &self.config;
        config.filter_clause.is_some()
            || !config.filter_columns.is_empty()
            || !config.filter_parameters.is_empty()
    }
}

/// A scope with what was found of it, table by table in the order of the description.
#[derive(Debug)]
pub(crate) struct Examined {
    pub(crate) scope: StoredScope,
    pub(crate) facts: DatabaseFacts,
    /// Each table, or what keeps it from being synchronised.
    pub(crate) tables: Vec<Result<OpenedTable, MssqlError>>,
    pub(crate) foreign_keys: Vec<ForeignKey>,
}

/// Finds a scope, by name or the only one, and looks its objects up: two round trips.
pub(crate) async fn open_scope(
    connection: &mut Connection,
    name: Option<&str>,
) -> Result<OpenedScope, MssqlError> {
    let scope = find_scope(connection, name).await?;
    let examined = examine(connection, scope).await?;
    let tables: Vec<OpenedTable> = examined.tables.into_iter().collect::<Result<_, _>>()?;
    for trigger in tables.iter().flat_map(|table| &table.disabled_triggers) {
        tracing::warn!(%trigger, "it is switched off, so that changes are not tracked");
    }
    Ok(OpenedScope {
        scope: examined.scope,
        facts: examined.facts,
        tables,
        foreign_keys: examined.foreign_keys,
    })
}

/// Looks the objects of a scope up: one round trip.
pub(crate) async fn examine(
    connection: &mut Connection,
    scope: StoredScope,
) -> Result<Examined, MssqlError> {
    let mut names = Vec::new();
    let mut places = Vec::new();
    for adapter in &scope.config.adapters {
        places.push(names.len());
        names.extend([adapter.name.clone(), adapter.tracking_table.clone()]);
        names.extend(procedures(adapter).into_iter().map(|(_, name)| name));
    }
    let catalog = Catalog::read(connection, Which::Named(&names)).await?;
    let adapters = scope.config.adapters.iter().zip(&scope.description.tables);
    let tables = adapters.zip(places).map(|((adapter, table), at)| {
        let (base, tracking) = (catalog.asked(at), catalog.asked(at + 1));
        let base = base.ok_or_else(|| {
            MssqlError::refused(
                format!("table {}", adapter.name),
                format!(
                    "scope {} holds it, and the database does not",
                    scope.row.name
                ),
                "restore it, grant the login SELECT on it if it is there, or deprovision the scope",
            )
        })?;
        check_columns(base, &table.columns, &scope.row.name)?;
        let missing = procedures(adapter).into_iter().enumerate();
        let missing = missing.filter(|(nr, _)| !catalog.is_present(at + 2 + nr));
        Ok(OpenedTable {
            own_columns: check_tracking(adapter, tracking, &table.columns)?,
            disabled_triggers: check_triggers(base, adapter)?,
            info: base.clone(),
            config: adapter.clone(),
            missing_procedures: missing.map(|(_, (_, name))| name).collect(),
        })
    });
    Ok(Examined {
        tables: tables.collect(),
        facts: catalog.facts.clone(),
        foreign_keys: catalog.foreign_keys.clone(),
        scope,
    })
}

/// Whether a table has what makes a tracking table.
pub(crate) fn is_tracking_table(info: &TableInfo) -> bool {
    // Data Sync's newest tracking tables have no restore_timestamp.
    let needed = TRACKING_COLUMNS
        .iter()
        .filter(|name| **name != "restore_timestamp");
    info.has_columns(needed.copied())
}

fn check_columns(
    base: &TableInfo,
    columns: &[ColumnDescription],
    scope: &str,
) -> Result<(), MssqlError> {
    for column in columns {
        if base.position(&column.name).is_none() {
            return Err(MssqlError::refused(
                format!("column {} of table {}", column.name, base.name),
                format!("scope {scope} holds it, and the table does not"),
                "restore it, or provision the scope anew without it",
            ));
        }
    }
    Ok(())
}

/// Whether it has our columns, too.
fn check_tracking(
    adapter: &AdapterConfig,
    tracking: Option<&TableInfo>,
    columns: &[ColumnDescription],
) -> Result<bool, MssqlError> {
    let refused = |reason: String| {
        MssqlError::refused(
            format!("table {}", adapter.global_name),
            reason,
            "provision the scope anew",
        )
    };
    let name = &adapter.tracking_table;
    let tracking =
        tracking.ok_or_else(|| refused(format!("its tracking table {name} is missing")))?;
    let mut keys = columns.iter().filter(|column| column.primary_key);
    if !is_tracking_table(tracking) || !keys.all(|key| tracking.position(&key.name).is_some()) {
        return Err(refused(format!(
            "its tracking table {name} lacks columns of one"
        )));
    }
    Ok(tracking.has_columns(OWN_COLUMNS.iter().map(|(name, _)| *name)))
}

fn check_triggers(
    base: &TableInfo,
    adapter: &AdapterConfig,
) -> Result<Vec<ObjectName>, MssqlError> {
    let mut disabled = Vec::new();
    for (_, name) in triggers(adapter) {
        match base.trigger(&name.name) {
            None => {
                return Err(MssqlError::refused(
                    format!("table {}", base.name),
                    format!("its trigger {name} is missing, so changes are not tracked"),
                    "provision the scope anew, or grant the login VIEW DEFINITION on the table if it is there",
                ));
            }
            Some(trigger) if trigger.disabled => disabled.push(name),
            Some(_) => {}
        }
    }
    Ok(disabled)
}

//! Preparing a database for synchronisation, in one transaction.

mod columns;
mod create;
mod free_names;
#[cfg(test)]
mod golden;
mod objects;
mod plan;
mod script;
mod tracked;

use sync_relational::Provisioned;

use crate::catalog::{ForeignKey, TableInfo};
use crate::connection::{Connection, ConnectionFactory};
use crate::error::MssqlError;

pub(crate) use script::{in_transaction, whole_script};

/// What to synchronise: a scope and its tables (`SqlSyncScopeProvisioning`).
///
/// ```no_run
/// use sync_provider_mssql::{DirectConnections, Password, Provisioning, Settings, TableChoice, Tables};
///
/// # async fn provision() -> Result<(), sync_provider_mssql::MssqlError> {
/// let shop = DirectConnections::new(Settings::new("db.example.org", "Shop", "app", Password::new("secret")));
/// let customer = TableChoice { table: "Sales.Customer".into(), global_name: None, columns: None };
/// let done = Provisioning::new("customers", Tables::Listed(vec![customer])).apply(&shop).await?;
/// println!("replica {}", done.replica);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Provisioning {
    /// Name of the scope.
    pub scope: String,
    /// Its tables.
    pub tables: Tables,
    /// Put before the names of all objects of the store, followed by `_` (`ObjectPrefix`).
    pub object_prefix: Option<String>,
    /// The schema of the store's objects, which must exist (`ObjectSchema`). By default a table's objects are in the table's schema and the scope
    /// tables in `dbo`. Triggers are always in their table's schema.
    pub object_schema: Option<String>,
    /// A comment, stored with the scope (`UserComment`).
    pub user_comment: String,
    /// What to create, and what to take as it is.
    pub options: CreationOptions,
}

/// Which tables a scope gets.
pub type Tables = sync_relational::Tables<Template>;

/// What a scope of another SQL Server database looks like beyond its description, for [`Tables::Like`]. The default is what is known of a
/// database of another engine: nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Template {
    /// The prefix of that database's metadata objects.
    pub(crate) object_prefix: Option<String>,
    /// Their schema.
    pub(crate) object_schema: Option<String>,
    pub(crate) tables: Vec<TableTemplate>,
}

impl Template {
    /// The prefix of that database's metadata objects.
    pub fn object_prefix(&self) -> Option<&str> {
        self.object_prefix.as_deref()
    }
}

/// A table of another SQL Server database.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TableTemplate {
    pub(crate) global_name: String,
    pub(crate) info: TableInfo,
    /// Those of the table, each with the global name of the table that it refers to.
    pub(crate) foreign_keys: Vec<(ForeignKey, String)>,
    /// The collation of the database that it is from.
    pub(crate) collation: String,
}

/// What is done about one kind of object (`DbSyncCreationOption`).
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum CreationOption {
    /// It is created, and refused where another scope has it already.
    Create,
    /// It is not created: the caller sees to it.
    Skip,
    /// It is created, or shared with the scopes that have it already.
    #[default]
    CreateOrUseExisting,
}

/// What provisioning creates. The defaults are Sync Framework's, but for [`procedures_for_additional_scope`].
///
/// [`procedures_for_additional_scope`]: CreationOptions::procedures_for_additional_scope
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct CreationOptions {
    /// Base tables (`SetCreateTableDefault`). Only [`Tables::Like`] creates any.
    pub tables: CreationOption,
    /// Tracking tables with their index (`SetCreateTrackingTableDefault`).
    pub tracking_tables: CreationOption,
    /// Triggers (`SetCreateTriggersDefault`).
    pub triggers: CreationOption,
    /// Procedures and table types (`SetCreateProceduresDefault`).
    pub procedures: CreationOption,
    /// Procedures of a table that another scope has already (`SetCreateProceduresForAdditionalScopeDefault`). By default those are
    /// shared that fit the scope's columns; for other columns, where Sync Framework would share them too, the scope gets some of its
    /// own, whose names end in the id of its configuration.
    pub procedures_for_additional_scope: CreationOption,
    /// Tracking rows for the rows that are there already (`SetPopulateTrackingTableDefault`).
    pub populate_tracking_tables: CreationOption,
    /// Whether there are a table type and procedures for many rows (`SetUseBulkProceduresDefault`).
    pub use_bulk_procedures: bool,
}

impl Default for CreationOptions {
    fn default() -> Self {
        CreationOptions {
            tables: CreationOption::default(),
            tracking_tables: CreationOption::default(),
            triggers: CreationOption::default(),
            procedures: CreationOption::default(),
            procedures_for_additional_scope: CreationOption::default(),
            populate_tracking_tables: CreationOption::default(),
            use_bulk_procedures: true,
        }
    }
}

impl Provisioning {
    /// A scope of these tables, with the defaults for everything else. Prefix, schema and comment are the other replica's for
    /// [`Tables::Like`].
    pub fn new(scope: impl Into<String>, tables: Tables) -> Self {
        let (object_prefix, object_schema, user_comment) = match &tables {
            Tables::Like(scope, template) => (
                template.object_prefix.clone(),
                template.object_schema.clone(),
                scope.user_comment.clone(),
            ),
            Tables::All | Tables::Listed(_) => (None, None, String::new()),
        };
        Provisioning {
            scope: scope.into(),
            tables,
            object_prefix,
            object_schema,
            user_comment,
            options: CreationOptions::default(),
        }
    }

    /// Provisions the database, in one transaction. Writers to the tables wait from the moment at which a table gets its triggers.
    ///
    /// # Errors
    /// The scope exists already, a table or column is missing or cannot be synchronised, a name is taken, a permission is missing, or
    /// the server fails; then nothing is changed.
    pub async fn apply(
        &self,
        connections: &dyn ConnectionFactory,
    ) -> Result<Provisioned, MssqlError> {
        in_transaction(connections, async |connection| {
            let plan = plan::plan(self, connection).await?;
            for statement in &plan.statements {
                let done = connection.batch(statement).await;
                done.map_err(|error| error.during(statement))?;
            }
            Ok(plan)
        })
        .await
    }

    /// The statements that [`apply`](Self::apply) would run, without changing anything, and around them what makes a transaction of
    /// them. Each is a batch of its own: `sqlcmd` wants a `GO` after it.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub async fn script(
        &self,
        connections: &dyn ConnectionFactory,
    ) -> Result<Vec<String>, MssqlError> {
        Ok(whole_script(self.planned(connections).await?.statements))
    }

    /// What [`apply`](Self::apply) would do, without changing anything. The replica would get another id.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub async fn planned(
        &self,
        connections: &dyn ConnectionFactory,
    ) -> Result<Provisioned, MssqlError> {
        let mut connection = Connection::open(connections).await?;
        plan::plan(self, &mut connection).await
    }
}

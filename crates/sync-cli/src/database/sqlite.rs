//! SQLite files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sync_metadata::TableName;
use sync_provider::SyncProvider;
use sync_provider_sqlite::{
    DEFAULT_BUSY_TIMEOUT, Deprovisioning, Provisioning, SqliteError, SqliteProvider, SqliteReader,
};
use sync_relational::{Provisioned, ReplicaReader, ScopeStatus};

use super::{Database, Model, Order, Removal, Script, Template};
use crate::exit::Failure;
use crate::locator::may_mean_a_server;

/// A SQLite file.
#[derive(Clone, Debug)]
pub(crate) struct SqliteDatabase {
    path: PathBuf,
}

impl SqliteDatabase {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        SqliteDatabase { path: path.into() }
    }

    fn provisioning(&self, order: &Order) -> Result<Provisioning, Failure> {
        if let Some(schema) = &order.object_schema {
            return Err(Failure::refused(
                format!("object schema {schema}"),
                "a SQLite database has no schemas",
                "leave --object-schema out, or use --object-prefix",
            ));
        }
        if let Some(creation) = order.creation.first() {
            return Err(Failure::refused(
                format!("--create {creation}"),
                "in a SQLite database everything is made at once",
                "leave --create out",
            ));
        }
        let tables = order.tables_for(|template| match template {
            Template::Sqlite(template) => Some(template.clone()),
            Template::SqlServer(_) => None,
        });
        let mut provisioning = Provisioning::new(&order.scope, tables);
        provisioning.object_prefix = order.object_prefix.clone();
        Ok(provisioning)
    }

    /// A missing file may be a server's name that was not written as one.
    fn at<T>(&self, done: Result<T, SqliteError>) -> Result<T, Failure> {
        done.map_err(|error| {
            let is_missing = matches!(error, SqliteError::Missing { .. });
            let mut failure = Failure::from(error);
            if is_missing && may_mean_a_server(&self.path) {
                failure.remedy =
                    "write mssql://USER@HOST/DATABASE for a SQL Server database, or check the path"
                        .to_owned();
            }
            failure
        })
    }
}

impl Database for SqliteDatabase {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn file(&self) -> Option<&Path> {
        Some(&self.path)
    }

    fn is_missing(&self) -> bool {
        !self.path.exists()
    }

    fn check_there(&self) -> Result<(), Failure> {
        let path = self.path.clone();
        if self.is_missing() {
            return self.at(Err(SqliteError::Missing { path }));
        }
        if path.is_dir() {
            return self.at(Err(SqliteError::Folder { path }));
        }
        Ok(())
    }

    fn scopes(&self) -> Result<Vec<ScopeStatus>, Failure> {
        self.at(sync_provider_sqlite::status(
            &self.path,
            DEFAULT_BUSY_TIMEOUT,
        ))
    }

    fn scope_names(&self) -> Result<Vec<String>, Failure> {
        Ok(self.scopes()?.into_iter().map(|scope| scope.name).collect())
    }

    fn describe(&self, scope: Option<&str>) -> Result<Model, Failure> {
        let described = sync_provider_sqlite::describe(&self.path, scope, DEFAULT_BUSY_TIMEOUT);
        let (description, template) = self.at(described)?;
        Ok(Model {
            description,
            template: Template::Sqlite(template),
        })
    }

    fn reader(&self, scope: &str) -> Result<Box<dyn ReplicaReader>, Failure> {
        self.check_there()?;
        let reader = SqliteReader::open(&self.path, Some(scope), DEFAULT_BUSY_TIMEOUT)?;
        Ok(Box::new(reader))
    }

    fn provider(&self, scope: &str) -> Arc<dyn SyncProvider> {
        Arc::new(SqliteProvider::new(&self.path, scope))
    }

    fn planned(&self, order: &Order) -> Result<Provisioned, Failure> {
        self.at(self.provisioning(order)?.planned(&self.path))
    }

    fn provision(&self, order: &Order) -> Result<Provisioned, Failure> {
        self.at(self.provisioning(order)?.apply(&self.path))
    }

    fn provisioning_script(&self, order: &Order) -> Result<Script, Failure> {
        Ok(script(self.planned(order)?.statements))
    }

    fn deprovision(&self, what: &Removal) -> Result<(), Failure> {
        let done = deprovisioning(what).apply(&self.path, DEFAULT_BUSY_TIMEOUT);
        self.at(done).map(drop)
    }

    fn deprovisioning_script(&self, what: &Removal) -> Result<Script, Failure> {
        let statements = deprovisioning(what).script(&self.path, DEFAULT_BUSY_TIMEOUT);
        Ok(script(self.at(statements)?))
    }

    fn take_back(&self) {
        let scopes =
            sync_provider_sqlite::status(&self.path, DEFAULT_BUSY_TIMEOUT).unwrap_or_default();
        let mut tables = scopes.iter().flat_map(|scope| &scope.tables);
        if !scopes.is_empty() && tables.all(|table| table.rows + table.tombstones == 0) {
            let _ = std::fs::remove_file(&self.path);
        }
    }

    fn table_name(&self, table: &TableName) -> String {
        table.sqlite_name()
    }
}

fn deprovisioning(what: &Removal) -> Deprovisioning {
    match what {
        Removal::Scope(scope) => Deprovisioning::Scope(scope.clone()),
        Removal::Store => Deprovisioning::Store,
    }
}

fn script(statements: Vec<String>) -> Script {
    let mut text = "BEGIN IMMEDIATE;\n".to_owned();
    for statement in &statements {
        text.push_str(statement.trim_end().trim_end_matches(';'));
        text.push_str(";\n");
    }
    text.push_str("COMMIT;\n");
    Script { statements, text }
}

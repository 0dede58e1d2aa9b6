//! A database that a command works on, whichever engine is behind it.
//!
//! This is the one place of the command line that knows engines. A command gets a [`Database`] for its argument and never asks what it is;
//! what one of the engines cannot do, its own module refuses.

mod creation;
mod scopes;
mod sql_server;
mod sqlite;

use std::ffi::OsStr;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use sync_metadata::{ScopeDescription, TableName};
use sync_provider::SyncProvider;
use sync_relational::{Provisioned, ReplicaReader, ScopeStatus, Tables};

use crate::context::Context;
use crate::exit::Failure;
use crate::locator::Locator;
pub(crate) use creation::Creation;
pub(crate) use scopes::common_scope;
use sql_server::SqlServerDatabase;
pub(crate) use sqlite::SqliteDatabase;

/// What commands do with a database. Each call opens a connection of its own and blocks until it is done.
pub(crate) trait Database: fmt::Debug + Send + Sync {
    /// How it is shown: its locator without a password.
    fn name(&self) -> String;

    /// Its file, if it is one.
    fn file(&self) -> Option<&Path>;

    /// Whether it is known to be missing without asking it.
    fn is_missing(&self) -> bool;

    /// Refuses what is known to be missing, or to be no database.
    fn check_there(&self) -> Result<(), Failure>;

    /// Its scopes, with what there is to say of them.
    fn scopes(&self) -> Result<Vec<ScopeStatus>, Failure>;

    /// The names of its scopes.
    fn scope_names(&self) -> Result<Vec<String>, Failure>;

    /// What another database needs in order to become like it. Without a name it is the only scope that is meant.
    fn describe(&self, scope: Option<&str>) -> Result<Model, Failure>;

    /// Opens one snapshot of a scope.
    fn reader(&self, scope: &str) -> Result<Box<dyn ReplicaReader>, Failure>;

    /// Takes part in sessions of a scope. It is connected to when a session begins.
    fn provider(&self, scope: &str) -> Arc<dyn SyncProvider>;

    /// What [`provision`](Self::provision) would do, but for the replica's id.
    fn planned(&self, order: &Order) -> Result<Provisioned, Failure>;

    /// Makes a replica of it.
    fn provision(&self, order: &Order) -> Result<Provisioned, Failure>;

    /// What [`provision`](Self::provision) would run.
    fn provisioning_script(&self, order: &Order) -> Result<Script, Failure>;

    /// Takes metadata off.
    fn deprovision(&self, what: &Removal) -> Result<(), Failure>;

    /// What [`deprovision`](Self::deprovision) would run.
    fn deprovisioning_script(&self, what: &Removal) -> Result<Script, Failure>;

    /// Removes the database that provisioning made, unless something has come into it since.
    fn take_back(&self);

    /// How a table of it is called there.
    fn table_name(&self, table: &TableName) -> String;
}

/// A scope as another database is to have it.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) description: ScopeDescription,
    template: Template,
}

/// What an engine knows of its own tables beyond a description.
#[derive(Clone, Debug)]
pub(crate) enum Template {
    Sqlite(sync_provider_sqlite::Template),
    SqlServer(sync_provider_mssql::Template),
}

impl Template {
    fn object_prefix(&self) -> Option<&str> {
        match self {
            Template::Sqlite(template) => template.object_prefix(),
            Template::SqlServer(template) => template.object_prefix(),
        }
    }
}

/// How to provision a database.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) scope: String,
    pub(crate) tables: Tables<Template>,
    pub(crate) object_prefix: Option<String>,
    pub(crate) object_schema: Option<String>,
    pub(crate) creation: Vec<Creation>,
}

impl Order {
    pub(crate) fn new(scope: impl Into<String>, tables: Tables<Template>) -> Self {
        let object_prefix = match &tables {
            Tables::Like(_, template) => template.object_prefix().map(str::to_owned),
            Tables::All | Tables::Listed(_) => None,
        };
        Order {
            scope: scope.into(),
            tables,
            object_prefix,
            object_schema: None,
            creation: Vec::new(),
        }
    }

    /// As another database has it.
    pub(crate) fn like(model: Model) -> Self {
        let scope = model.description.name.clone();
        Order::new(scope, Tables::Like(model.description, model.template))
    }

    /// The tables for one engine; of another engine's tables it knows nothing but the description.
    fn tables_for<T: Default>(&self, own: impl FnOnce(&Template) -> Option<T>) -> Tables<T> {
        match &self.tables {
            Tables::All => Tables::All,
            Tables::Listed(choices) => Tables::Listed(choices.clone()),
            Tables::Like(scope, template) => {
                Tables::Like(scope.clone(), own(template).unwrap_or_default())
            }
        }
    }
}

/// What to take off a database.
#[derive(Clone, Debug)]
pub(crate) enum Removal {
    Scope(String),
    /// All metadata.
    Store,
}

/// Statements, and the text that a program for scripts makes one transaction of.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) statements: Vec<String>,
    pub(crate) text: String,
}

/// The database that an argument names.
pub(crate) fn open(text: &OsStr, context: &Context) -> Result<Arc<dyn Database>, Failure> {
    of(Locator::parse(text)?, context)
}

/// Two databases that must not be one.
pub(crate) fn open_two(
    a: &OsStr,
    b: &OsStr,
    context: &Context,
) -> Result<[Arc<dyn Database>; 2], Failure> {
    // Both are parsed before either is refused, so that nothing depends on the order.
    let (a, b) = (Locator::parse(a)?, Locator::parse(b)?);
    if a.is_same_as(&b) {
        return Err(Failure::refused(
            a.to_string(),
            "both sides are the same database",
            "name two different databases",
        ));
    }
    Ok([of(a, context)?, of(b, context)?])
}

fn of(locator: Locator, context: &Context) -> Result<Arc<dyn Database>, Failure> {
    Ok(match locator {
        Locator::Sqlite(path) => Arc::new(SqliteDatabase::new(path)),
        Locator::SqlServer(server) => {
            Arc::new(SqlServerDatabase::new(server, context.runtime.clone())?)
        }
    })
}

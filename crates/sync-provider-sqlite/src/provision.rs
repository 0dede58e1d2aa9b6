//! Preparing a database for synchronisation, in one transaction.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use sync_metadata::{Naming, ScopeDescription};
use sync_relational::Provisioned;
use uuid::Uuid;

use crate::connection::{Access, Database};
use crate::error::{At, SqliteError};
use crate::metadata;
use crate::names::Store;
use crate::plan::Plan;
use crate::template::Template;

/// What to synchronise: a scope and its tables.
#[derive(Clone, Debug, PartialEq)]
pub struct Provisioning {
    /// Name of the scope.
    pub scope: String,
    /// Its tables.
    pub tables: Tables,
    /// Put before the names of all objects of the store, followed by `_`. [`new`](Self::new) takes over the other replica's for
    /// [`Tables::Like`].
    pub object_prefix: Option<String>,
    /// A comment, stored with the scope. [`new`](Self::new) takes over the other replica's for [`Tables::Like`].
    pub user_comment: String,
    /// How long to wait for locks of others.
    pub busy_timeout: Duration,
}

/// Which tables a scope gets.
pub type Tables = sync_relational::Tables<Template>;

impl Provisioning {
    /// A scope of these tables, with the defaults for everything else.
    pub fn new(scope: impl Into<String>, tables: Tables) -> Self {
        let (object_prefix, user_comment) = match &tables {
            Tables::Like(scope, template) => {
                (template.object_prefix.clone(), scope.user_comment.clone())
            }
            Tables::All | Tables::Listed(_) => (None, String::new()),
        };
        Provisioning {
            scope: scope.into(),
            tables,
            object_prefix,
            user_comment,
            busy_timeout: crate::DEFAULT_BUSY_TIMEOUT,
        }
    }

    /// Provisions the database at `path`, in one transaction. The file is created only for [`Tables::Like`].
    ///
    /// # Errors
    /// The scope exists already, a table or column is missing or cannot be synchronised, a name is taken, or the database fails; then
    /// nothing is changed, and a file that was created is gone again.
    pub fn apply(&self, path: &Path) -> Result<Provisioned, SqliteError> {
        // Who creates the file knows that it may be removed.
        let created = matches!(self.tables, Tables::Like(..)) && File::create_new(path).is_ok();
        let result = self.try_apply(path);
        if result.is_err() && created && path.metadata().is_ok_and(|file| file.len() == 0) {
            let _ = std::fs::remove_file(path);
        }
        result
    }

    /// The statements that [`apply`](Self::apply) would run, without changing anything.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub fn script(&self, path: &Path) -> Result<Vec<String>, SqliteError> {
        Ok(self.planned(path)?.statements)
    }

    /// What [`apply`](Self::apply) would do, without changing anything. The replica would get another id.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub fn planned(&self, path: &Path) -> Result<Provisioned, SqliteError> {
        let missing = matches!(self.tables, Tables::Like(..)) && !path.exists();
        let db = if missing {
            Database::open(Path::new(":memory:"), Access::Create, self.busy_timeout)?
        } else {
            Database::open(path, Access::Read, self.busy_timeout)?
        };
        self.plan(&db.connection, path)
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
        self.check_new(db, path)?;
        let mut plan = Plan::of(db, path, &store)?;
        let tables = match &self.tables {
            Tables::All => plan.all_tables()?,
            Tables::Listed(choices) => plan.listed(choices)?,
            Tables::Like(scope, template) => plan.like(scope, template)?,
        };
        let descriptions = tables.iter().map(|table| table.description.clone());
        let description = ScopeDescription::new(&self.scope, descriptions.collect())
            .map_err(|error| {
                SqliteError::unsuitable(format!("scope {}", self.scope), error, "name other tables")
            })?
            .with_comment(&self.user_comment);
        for table in &tables {
            plan.track(table)?;
        }
        let replica = Uuid::new_v4();
        plan.scope_rows(&description, replica)?;
        Ok(Provisioned {
            description,
            replica,
            warnings: plan.warnings,
            statements: plan.statements,
        })
    }

    fn check_new(&self, db: &Connection, path: &Path) -> Result<(), SqliteError> {
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
        Ok(())
    }
}

//! What another SQLite database looks like, as far as a replica is to become like it.

use std::path::Path;

use rusqlite::Connection;
use sync_metadata::TableDescription;

use crate::catalog::{self, ForeignKey, TableInfo};
use crate::error::{At, SqliteError};
use crate::metadata::{self, StoredScope};

/// What a scope of another SQLite database looks like beyond its description, for [`crate::Tables::Like`]: the statements of its tables and
/// indexes, and what cannot be taken over, so that it can be named. The default is what is known of a database of another engine: nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Template {
    /// The prefix of that database's metadata objects.
    pub(crate) object_prefix: Option<String>,
    pub(crate) tables: Vec<TableTemplate>,
    /// Names of its views.
    pub(crate) views: Vec<String>,
    /// What applications recognise their files by.
    pub(crate) marks: Vec<(&'static str, i32)>,
}

/// A table of another SQLite database.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TableTemplate {
    pub(crate) info: TableInfo,
    /// Its CREATE TABLE statement.
    pub(crate) sql: String,
    /// The indexes made apart from it: name and CREATE INDEX statement.
    pub(crate) indexes: Vec<(String, String)>,
    /// As they are declared.
    pub(crate) foreign_keys: Vec<ForeignKey>,
    /// Triggers of the user.
    pub(crate) triggers: Vec<String>,
}

impl Template {
    /// The prefix of that database's metadata objects.
    pub fn object_prefix(&self) -> Option<&str> {
        self.object_prefix.as_deref()
    }

    /// Reads what a scope's tables look like. Tables that the scope holds and the database has lost are left out.
    pub(crate) fn read(
        db: &Connection,
        path: &Path,
        scope: &StoredScope,
    ) -> Result<Self, SqliteError> {
        let mut tables = Vec::new();
        for table in &scope.description.tables {
            let Some(info) = catalog::table(db, path, &table.local_name.sqlite_name())? else {
                continue;
            };
            let (sql, indexes) = catalog::statements(db, path, &info.name)?;
            tables.push(TableTemplate {
                sql,
                indexes,
                foreign_keys: catalog::declared_keys(db, path, &info.name)?,
                triggers: metadata::user_triggers(db, path, &info.name)?,
                info,
            });
        }
        let mut marks = Vec::new();
        for mark in ["user_version", "application_id"] {
            marks.push((mark, read_mark(db, path, mark)?));
        }
        Ok(Template {
            object_prefix: scope.store.naming.prefix.clone(),
            tables,
            views: catalog::views(db, path)?,
            marks,
        })
    }

    /// The template of a table of the scope.
    pub(crate) fn of(&self, table: &TableDescription) -> Option<&TableTemplate> {
        let local = table.local_name.sqlite_name();
        self.tables.iter().find(|one| one.is(&local))
    }

    /// Whether a table of that database is among these.
    pub(crate) fn holds(&self, local_name: &str) -> bool {
        self.tables.iter().any(|one| one.is(local_name))
    }
}

impl TableTemplate {
    fn is(&self, local_name: &str) -> bool {
        self.info.name.eq_ignore_ascii_case(local_name)
    }
}

/// A number in a database's header.
pub(crate) fn read_mark(db: &Connection, path: &Path, mark: &str) -> Result<i32, SqliteError> {
    db.pragma_query_value(None, mark, |row| row.get(0)).at(path)
}

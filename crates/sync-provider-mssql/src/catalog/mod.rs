//! What SQL Server says of the user's tables and of the database, read in one round trip.
//!
//! Names are those of `INFORMATION_SCHEMA`, the rest is found by object id. Names that other views give are matched against them, exactly
//! or else without regard to case: whether case counts is the database's decision, and two names that differ only in case are two columns
//! only where it does.

mod read;
mod types;

use sync_metadata::{
    ColumnDescription, Identity, KeyEquality, ObjectName, SqlType, TableDescription,
};

use crate::connection::Connection;
use crate::error::MssqlError;
use crate::sql::{DEFAULT_SCHEMA, object};

/// Which tables to read.
#[derive(Clone, Debug)]
pub(crate) enum Which<'a> {
    /// All tables and views of the user.
    All,
    /// These; [`Catalog::asked`] then finds them by their place here.
    Named(&'a [ObjectName]),
}

/// Tables and foreign keys of a database.
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalog {
    pub(crate) facts: DatabaseFacts,
    pub(crate) tables: Vec<TableInfo>,
    /// Foreign keys that have at least one of their tables among `tables`.
    pub(crate) foreign_keys: Vec<ForeignKey>,
    /// For each name of [`Which::Named`] what has it.
    pub(crate) asked: Vec<Asked>,
}

/// What has a name.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) object_id: Option<i32>,
    /// Whether there is any object or type of that name.
    pub(crate) present: bool,
}

/// What holds for the database as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DatabaseFacts {
    pub(crate) compatibility_level: u8,
    pub(crate) collation: String,
    /// Whether transactions may ask for SNAPSHOT.
    pub(crate) allows_snapshot: bool,
    /// Whether READ COMMITTED reads row versions instead of waiting for locks.
    pub(crate) reads_committed_snapshot: bool,
}

/// A table or view.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TableInfo {
    pub(crate) object_id: i32,
    /// With its schema, `None` for `dbo`.
    pub(crate) name: ObjectName,
    pub(crate) kind: TableKind,
    /// In the order of the table.
    pub(crate) columns: Vec<ColumnInfo>,
    /// Indexes into `columns`, in key order; empty where there is no primary key.
    pub(crate) key: Vec<usize>,
    /// Unique constraints and indexes besides the primary key.
    pub(crate) unique: Vec<UniqueIndex>,
    pub(crate) triggers: Vec<TriggerInfo>,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum TableKind {
    Table,
    View,
    /// Filled by the server: the history of a temporal table.
    History,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ColumnInfo {
    pub(crate) name: String,
    /// The type as the catalogue gives it, for what cannot be synchronised; `None` where it can.
    pub(crate) unsupported: Option<String>,
    pub(crate) sql_type: SqlType,
    pub(crate) nullable: bool,
    pub(crate) identity: Option<Identity>,
    /// The server computes its values: a computed column, a rowversion, a period column.
    pub(crate) generated: bool,
    pub(crate) default: Option<String>,
    /// Set where it is not the database's.
    pub(crate) collation: Option<String>,
}

/// A unique index other than the primary key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UniqueIndex {
    pub(crate) name: String,
    /// Names, and whether they are descending.
    pub(crate) columns: Vec<(String, bool)>,
    /// Only some rows are in it.
    pub(crate) filtered: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TriggerInfo {
    /// In the schema of its table.
    pub(crate) name: String,
    pub(crate) instead_of: bool,
    pub(crate) disabled: bool,
}

/// A foreign key of `child`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ForeignKey {
    pub(crate) name: String,
    pub(crate) child: i32,
    /// Its name, also where nothing else of it was read.
    pub(crate) child_name: ObjectName,
    pub(crate) parent: i32,
    /// (column of the child, column of the parent)
    pub(crate) columns: Vec<(String, String)>,
    /// ` ON DELETE … ON UPDATE …`, empty where both are NO ACTION.
    pub(crate) actions: String,
}

impl Catalog {
    /// Reads it.
    pub(crate) async fn read(
        connection: &mut Connection,
        which: Which<'_>,
    ) -> Result<Self, MssqlError> {
        read::catalog(connection, which).await
    }

    /// The table or view with the `at`-th name that was asked for.
    pub(crate) fn asked(&self, at: usize) -> Option<&TableInfo> {
        self.by_id(self.asked.get(at)?.object_id?)
    }

    /// Whether anything has the `at`-th name that was asked for.
    pub(crate) fn is_present(&self, at: usize) -> bool {
        self.asked.get(at).is_some_and(|asked| asked.present)
    }

    /// The table or view with this name: the one that is written so, or the one that differs in case only.
    pub(crate) fn named(&self, name: &ObjectName) -> Option<&TableInfo> {
        let exact = self.tables.iter().find(|table| table.name == *name);
        exact.or_else(|| {
            self.tables
                .iter()
                .find(|table| object(&table.name).to_lowercase() == object(name).to_lowercase())
        })
    }

    pub(crate) fn by_id(&self, object_id: i32) -> Option<&TableInfo> {
        self.tables
            .iter()
            .find(|table| table.object_id == object_id)
    }
}

impl DatabaseFacts {
    /// Whether names that differ in case only are one.
    pub(crate) fn ignores_case(&self) -> bool {
        self.collation.to_ascii_uppercase().contains("_CI_")
    }
}

impl TableInfo {
    /// Where the column with this name stands: the one that is written so, or the one that differs in case only.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        position(&self.columns, name)
    }

    pub(crate) fn column(&self, name: &str) -> Option<&ColumnInfo> {
        self.position(name).map(|at| &self.columns[at])
    }

    /// Whether it has all these columns.
    pub(crate) fn has_columns<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> bool {
        names.into_iter().all(|name| self.position(name).is_some())
    }

    pub(crate) fn trigger(&self, name: &str) -> Option<&TriggerInfo> {
        let triggers = self.triggers.iter();
        triggers
            .clone()
            .find(|trigger| trigger.name == name)
            .or_else(|| {
                triggers
                    .clone()
                    .find(|trigger| folded(&trigger.name) == folded(name))
            })
    }

    /// Columns that a description of the table leaves out, those aside that the server computes.
    pub(crate) fn columns_outside(&self, table: &TableDescription) -> Vec<String> {
        let columns = self.columns.iter().filter(|column| !column.generated);
        let outside = columns.filter(|column| table.position(&column.name).is_none());
        outside.map(|column| column.name.clone()).collect()
    }

    /// The description of a column. How its collation compares keys is not yet part of it.
    pub(crate) fn describe(&self, at: usize) -> ColumnDescription {
        let info = &self.columns[at];
        let primary_key = self.key.contains(&at);
        ColumnDescription {
            name: info.name.clone(),
            sql_type: info.sql_type.clone(),
            nullable: info.nullable && !primary_key,
            primary_key,
            default: info.default.clone(),
            identity: info.identity,
            key_equality: KeyEquality::default(),
        }
    }
}

/// The name of an object in this schema.
pub(crate) fn in_schema(schema: &str, name: &str) -> ObjectName {
    ObjectName {
        schema: (schema != DEFAULT_SCHEMA).then(|| schema.to_owned()),
        name: name.to_owned(),
    }
}

fn position(columns: &[ColumnInfo], name: &str) -> Option<usize> {
    let exact = columns.iter().position(|column| column.name == name);
    exact.or_else(|| {
        columns
            .iter()
            .position(|column| folded(&column.name) == folded(name))
    })
}

fn folded(name: &str) -> String {
    name.to_lowercase()
}

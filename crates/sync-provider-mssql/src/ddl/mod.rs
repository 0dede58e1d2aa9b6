//! The objects that make a database a replica, as T-SQL: the metadata tables, and for each table a tracking table, triggers, procedures
//! and a table type.
//!
//! Names, columns, parameters, results, guards and row counts are those of Microsoft Sync Framework 2.1, so that its own provider can
//! call what we create; the bodies are ours. The statements avoid `MERGE`, whose upserts race without extra locks, and compare rowversions as
//! `binary(8)`: compared with a `bigint`, the column would be converted for every row and its index be of no use.

mod bulk;
mod metadata;
mod population;
mod select;
mod single;
mod store;
mod tracking;
pub(crate) mod triggers;

use sync_metadata::{ColumnDescription, ObjectNames, TableDescription, quote};

use crate::sql::{join, object};

pub(crate) use bulk::VERSION_COLUMNS;
pub(crate) use store::store_table;
pub(crate) use tracking::OWN_COLUMNS;
pub(crate) use triggers::{APPLYING, APPLYING_TO};

/// A table and the names of its objects: what every statement about it is made of.
#[derive(Debug)]
pub(crate) struct Adapter<'a> {
    pub(crate) table: &'a TableDescription,
    pub(crate) names: &'a ObjectNames,
    /// For each column its collation, where that is not the database's.
    pub(crate) collations: &'a [Option<String>],
    /// What a session of the store says while it applies rows; see [`crate::names::Store::session_mark`].
    pub(crate) session_mark: &'a str,
    /// Whether the tracking table has our columns after Microsoft's.
    pub(crate) own_columns: bool,
}

/// One parameter of a procedure: name, type, and whether it is an output.
type Parameter = (String, String);

impl<'a> Adapter<'a> {
    /// The procedures for single rows, in the order in which Sync Framework creates them.
    pub(crate) fn procedures(&self) -> [String; 8] {
        [
            self.select_changes(),
            self.select_row(),
            self.insert(),
            self.update(),
            self.delete(),
            self.insert_metadata(),
            self.update_metadata(),
            self.delete_metadata(),
        ]
    }

    /// The table type and its procedures.
    pub(crate) fn bulk(&self) -> [String; 4] {
        [
            self.bulk_type(),
            self.bulk_insert(),
            self.bulk_update(),
            self.bulk_delete(),
        ]
    }

    fn base(&self) -> String {
        object(&self.table.local_name)
    }

    fn side(&self) -> String {
        object(&self.names.tracking_table)
    }

    fn columns(&self) -> impl Iterator<Item = &'a ColumnDescription> + Clone {
        self.table.columns.iter()
    }

    /// A column's type as a table or table type declares it.
    fn declared(&self, column: &ColumnDescription) -> String {
        let at = self.table.position(&column.name);
        let collation = at.and_then(|at| self.collations.get(at)?.as_ref());
        match collation {
            Some(collation) => format!("{} COLLATE {collation}", column.sql_type),
            None => column.sql_type.to_string(),
        }
    }

    fn keys(&self) -> impl Iterator<Item = &'a ColumnDescription> + Clone {
        self.columns().filter(|column| column.primary_key)
    }

    /// Columns beside the key that are written: an identity column keeps the number that it was given.
    fn updatable(&self) -> impl Iterator<Item = &'a ColumnDescription> + Clone {
        self.columns()
            .filter(|column| !column.primary_key && column.identity.is_none())
    }

    fn has_identity(&self) -> bool {
        self.columns().any(|column| column.identity.is_some())
    }

    /// `left.[a] = right.[a] AND …` over the key.
    fn same_key(&self, left: &str, right: &str) -> String {
        join(self.keys(), " AND ", |key| {
            let name = quote(&key.name);
            format!("{left}.{name} = {right}.{name}")
        })
    }

    /// `alias.[a] = @P_1 AND …` over the key.
    fn key_is_given(&self, alias: &str) -> String {
        join(self.numbered_keys(), " AND ", |(n, key)| {
            format!("{alias}.{} = @P_{n}", quote(&key.name))
        })
    }

    fn key_list(&self, alias: &str) -> String {
        join(self.keys(), ", ", |key| {
            format!("{alias}.{}", quote(&key.name))
        })
    }

    /// Columns with the number of their parameter, from 1 in the order of the description.
    fn numbered(&self) -> impl Iterator<Item = (usize, &'a ColumnDescription)> + Clone {
        (1..).zip(self.columns())
    }

    fn numbered_keys(&self) -> impl Iterator<Item = (usize, &'a ColumnDescription)> + Clone {
        self.numbered().filter(|(_, column)| column.primary_key)
    }

    fn parameters(columns: impl Iterator<Item = (usize, &'a ColumnDescription)>) -> Vec<Parameter> {
        columns
            .map(|(n, column)| (format!("@P_{n}"), column.sql_type.to_string()))
            .collect()
    }

    /// Runs an insert with the identity column's numbers given, where the table has one.
    fn with_identity(&self, statement: &str) -> String {
        if !self.has_identity() {
            return statement.to_owned();
        }
        let base = self.base();
        format!("SET IDENTITY_INSERT {base} ON; {statement}; SET IDENTITY_INSERT {base} OFF")
    }
}

fn procedure(name: &sync_metadata::ObjectName, parameters: &[Parameter], body: &str) -> String {
    let body = body.trim_end_matches(';');
    let parameters = join(parameters, ", ", |(name, sql_type)| {
        format!("{name} {sql_type}")
    });
    format!(
        "CREATE PROCEDURE {} ({parameters}) AS\nBEGIN\n{body};\nEND",
        object(name)
    )
}

fn parameter(name: &str, sql_type: &str) -> Parameter {
    (name.to_owned(), sql_type.to_owned())
}

/// The output in which every procedure that writes says how many rows it wrote.
fn row_count() -> Parameter {
    parameter("@sync_row_count", "int OUTPUT")
}

//! What a scope synchronises: tables and their columns.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::table_name::check_identifier;
use crate::{KeyEquality, MetadataError, SqlType, TableName};

/// The longest scope name, in characters: `sync_scope_name` is `nvarchar(100)`.
const MAX_SCOPE_NAME: usize = 100;

/// Start and step of a column whose values the database counts up.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// The first value.
    pub seed: i64,
    /// What is added for each row.
    pub step: i64,
}

/// One synchronised column.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ColumnDescription {
    /// The unquoted name.
    pub name: String,
    /// The logical type, which decides how values are compared and written as text.
    pub sql_type: SqlType,
    /// Whether the column may hold NULL.
    pub nullable: bool,
    /// Whether the column belongs to the primary key; key columns stand in the key in the order of the columns.
    pub primary_key: bool,
    /// The default expression, as the database writes it.
    pub default: Option<String>,
    /// Set where the database counts the values up.
    pub identity: Option<Identity>,
    /// When the database takes two texts in this column for one key. Not part of a stored configuration: the provider puts it in.
    pub key_equality: KeyEquality,
}

impl ColumnDescription {
    /// A column that may hold NULL.
    #[must_use]
    pub fn new(name: impl Into<String>, sql_type: SqlType) -> Self {
        Self {
            name: name.into(),
            sql_type,
            nullable: true,
            primary_key: false,
            default: None,
            identity: None,
            key_equality: KeyEquality::Exact,
        }
    }

    /// A column of the primary key.
    #[must_use]
    pub fn key(name: impl Into<String>, sql_type: SqlType) -> Self {
        Self {
            nullable: false,
            primary_key: true,
            ..Self::new(name, sql_type)
        }
    }

    /// The same column, not holding NULL.
    #[must_use]
    pub fn not_null(self) -> Self {
        Self {
            nullable: false,
            ..self
        }
    }
}

/// One synchronised table.
///
/// ```
/// use sync_metadata::{ColumnDescription, TableDescription, TableName};
///
/// let customer = TableDescription::new(
///     TableName::parse("Sales.Customer")?,
///     "[Sales].[Customer]",
///     vec![
///         ColumnDescription::key("CustomerId", "uniqueidentifier".parse()?),
///         ColumnDescription::new("Name", "nvarchar(100)".parse()?).not_null(),
///     ],
/// )?;
/// assert_eq!(customer.key_columns().count(), 1);
/// assert_eq!(customer.position("name"), Some(1));
/// # Ok::<(), sync_metadata::MetadataError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "UncheckedTable")]
pub struct TableDescription {
    /// The table's name in this database.
    pub local_name: TableName,
    /// The name that all replicas share, as the configuration stores it: row ids begin with it.
    pub global_name: String,
    /// The columns in their order.
    pub columns: Vec<ColumnDescription>,
}

impl TableDescription {
    /// A table with the given columns.
    ///
    /// # Errors
    /// When there is no key, a key column may be NULL, a column name is not usable or occurs twice (case is
    /// not told apart), or the global name is empty or longer than a quoted two-part name can be.
    pub fn new(
        local_name: TableName,
        global_name: impl Into<String>,
        columns: Vec<ColumnDescription>,
    ) -> Result<Self, MetadataError> {
        let table = Self {
            local_name,
            global_name: global_name.into(),
            columns,
        };
        let refuse = |reason: String| MetadataError::Table {
            table: table.local_name.quoted(),
            reason,
        };

        if table.global_name.is_empty() || table.global_name.len() > 2_048 {
            return Err(refuse("the global name is empty or too long".into()));
        }
        if table.key_columns().next().is_none() {
            return Err(refuse(
                "it has no primary key; add one, or leave the table out of the scope".into(),
            ));
        }
        let mut names = HashSet::new();
        for column in &table.columns {
            check_identifier(&column.name).map_err(|error| refuse(error.to_string()))?;
            if !names.insert(column.name.to_lowercase()) {
                return Err(refuse(format!("the column {:?} occurs twice", column.name)));
            }
            if column.primary_key && column.nullable {
                return Err(refuse(format!(
                    "the key column {:?} may be NULL; declare it NOT NULL, or leave the table out of the scope",
                    column.name
                )));
            }
        }
        Ok(table)
    }

    /// The columns of the primary key, in the order that row ids use: that of the columns.
    pub fn key_columns(&self) -> impl Iterator<Item = &ColumnDescription> {
        self.columns.iter().filter(|column| column.primary_key)
    }

    /// The positions of the key columns among the columns.
    pub fn key_positions(&self) -> impl Iterator<Item = usize> {
        self.columns
            .iter()
            .enumerate()
            .filter(|(_, column)| column.primary_key)
            .map(|(position, _)| position)
    }

    /// Where the column with this name stands; case is not told apart.
    #[must_use]
    pub fn position(&self, column: &str) -> Option<usize> {
        let folded = column.to_lowercase();
        self.columns
            .iter()
            .position(|candidate| candidate.name.to_lowercase() == folded)
    }
}

#[derive(Deserialize)]
#[serde(rename = "TableDescription")]
struct UncheckedTable {
    local_name: TableName,
    global_name: String,
    columns: Vec<ColumnDescription>,
}

impl TryFrom<UncheckedTable> for TableDescription {
    type Error = MetadataError;

    fn try_from(table: UncheckedTable) -> Result<Self, MetadataError> {
        Self::new(table.local_name, table.global_name, table.columns)
    }
}

/// A scope: the tables that are synchronised as one unit.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "UncheckedScope")]
pub struct ScopeDescription {
    /// The scope's name, the same at every replica; up to 100 characters.
    pub name: String,
    /// The tables, those that others refer to first.
    pub tables: Vec<TableDescription>,
    /// Free text.
    pub user_comment: String,
}

impl ScopeDescription {
    /// A scope with the given tables and no comment.
    ///
    /// # Errors
    /// When the name is empty or longer than 100 characters, there is no table, or two tables share a local or a global name
    /// (case is not told apart).
    pub fn new(
        name: impl Into<String>,
        tables: Vec<TableDescription>,
    ) -> Result<Self, MetadataError> {
        let scope = Self {
            name: name.into(),
            tables,
            user_comment: String::new(),
        };
        let refuse = |reason: String| MetadataError::Scope {
            scope: crate::error::excerpt(&scope.name),
            reason,
        };

        check_scope_name(&scope.name)?;
        if scope.tables.is_empty() {
            return Err(refuse("it has no table; name at least one".into()));
        }
        let (mut local, mut global) = (HashSet::new(), HashSet::new());
        for table in &scope.tables {
            if !local.insert(table.local_name.folded()) {
                return Err(refuse(format!(
                    "the table {} occurs twice",
                    table.local_name
                )));
            }
            if !global.insert(table.global_name.to_lowercase()) {
                return Err(refuse(format!(
                    "two tables have the global name {:?}",
                    table.global_name
                )));
            }
        }
        Ok(scope)
    }

    /// The same scope with a comment.
    #[must_use]
    pub fn with_comment(self, user_comment: impl Into<String>) -> Self {
        Self {
            user_comment: user_comment.into(),
            ..self
        }
    }

    /// The table with this global name; case is not told apart, as in row ids.
    #[must_use]
    pub fn table(&self, global_name: &str) -> Option<&TableDescription> {
        let folded = global_name.to_lowercase();
        self.tables
            .iter()
            .find(|table| table.global_name.to_lowercase() == folded)
    }
}

fn check_scope_name(name: &str) -> Result<(), MetadataError> {
    let reason = if name.is_empty() {
        "the name is empty"
    } else if name.encode_utf16().take(MAX_SCOPE_NAME + 1).count() > MAX_SCOPE_NAME {
        "the name is longer than 100 characters"
    } else if name.contains('\0') {
        "the name holds a NUL character"
    } else {
        return Ok(());
    };
    Err(MetadataError::Scope {
        scope: crate::error::excerpt(name),
        reason: reason.into(),
    })
}

#[derive(Deserialize)]
#[serde(rename = "ScopeDescription")]
struct UncheckedScope {
    name: String,
    tables: Vec<TableDescription>,
    user_comment: String,
}

impl TryFrom<UncheckedScope> for ScopeDescription {
    type Error = MetadataError;

    fn try_from(scope: UncheckedScope) -> Result<Self, MetadataError> {
        Ok(Self::new(scope.name, scope.tables)?.with_comment(scope.user_comment))
    }
}

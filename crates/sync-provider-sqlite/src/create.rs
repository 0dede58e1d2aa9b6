//! Our own CREATE TABLE statements, for tables that no statement of another SQLite database can be taken over for.

use sync_metadata::{ColumnDescription, TableDescription};

use crate::catalog::ColumnInfo;
use crate::ident::{ident, list};
use crate::template::{TableTemplate, Template};
use crate::types::declared_type;

/// The statements for a table of a database of another engine: columns and primary key.
pub(crate) fn from_description(name: &str, table: &TableDescription) -> String {
    let columns: Vec<String> = table.columns.iter().map(described_column).collect();
    let keys: Vec<String> = table.key_columns().map(|key| key.name.clone()).collect();
    format!(
        "CREATE TABLE {} ({}, PRIMARY KEY ({}))",
        ident(name),
        columns.join(", "),
        list(&keys)
    )
}

/// The statements for a table of another SQLite database, of what is known of its columns: declared types, nullability, defaults, collation of
/// the key, WITHOUT ROWID, unique constraints over columns of the scope, and foreign keys between tables of the scope.
pub(crate) fn from_columns(
    table: &TableDescription,
    model: &TableTemplate,
    template: &Template,
) -> Vec<String> {
    let info = &model.info;
    let has = |name: &String| table.position(name).is_some();
    let columns = info.columns.iter().filter(|column| has(&column.name));
    let mut parts: Vec<String> = columns.map(column_sql).collect();
    parts.push(format!("PRIMARY KEY ({})", list(&info.key_names())));
    let keys = model.foreign_keys.iter();
    let keys = keys.filter(|key| template.holds(&key.parent) && key.from.iter().all(has));
    parts.extend(keys.map(|key| {
        let to = match key.to.is_empty() {
            true => String::new(),
            false => format!(" ({})", list(&key.to)),
        };
        format!(
            "FOREIGN KEY ({}) REFERENCES {}{to}{}",
            list(&key.from),
            ident(&key.parent),
            key.actions
        )
    }));
    let rowid = if info.without_rowid {
        " WITHOUT ROWID"
    } else {
        ""
    };
    let mut statements = vec![format!(
        "CREATE TABLE {} ({}){rowid}",
        ident(&info.name),
        parts.join(", ")
    )];
    let unique = info.unique.iter().filter(|index| {
        !index.apart && index.columns.len() == index.terms.len() && index.columns.iter().all(has)
    });
    for (number, index) in unique.enumerate() {
        let terms: Vec<String> = index
            .terms
            .iter()
            .map(|(term, collation)| format!("{term} COLLATE {}", ident(collation)))
            .collect();
        statements.push(format!(
            "CREATE UNIQUE INDEX {} ON {} ({})",
            ident(&format!("{}_unique_{}", info.name, number + 1)),
            ident(&info.name),
            terms.join(", ")
        ));
    }
    statements
}

fn described_column(column: &ColumnDescription) -> String {
    // A default of another engine is that engine's SQL.
    column_sql(&ColumnInfo {
        name: column.name.clone(),
        declared: declared_type(&column.sql_type),
        not_null: !column.nullable || column.primary_key,
        default: None,
        key_collation: None,
    })
}

fn column_sql(column: &ColumnInfo) -> String {
    // A declared type is a run of words, perhaps with numbers in parentheses; anything else is kept as one quoted word.
    let plain = column
        .declared
        .chars()
        .all(|c| c.is_alphanumeric() || " _(),+-".contains(c));
    let declared = if plain {
        column.declared.clone()
    } else {
        ident(&column.declared)
    };
    let collation = column
        .key_collation
        .as_ref()
        .map_or_else(String::new, |name| format!(" COLLATE {}", ident(name)));
    let not_null = if column.not_null { " NOT NULL" } else { "" };
    let default = column
        .default
        .as_ref()
        .map_or_else(String::new, |default| format!(" DEFAULT ({default})"));
    format!(
        "{} {declared}{not_null}{collation}{default}",
        ident(&column.name)
    )
}

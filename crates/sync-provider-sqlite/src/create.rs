//! Creating the tables of a scope that are missing in a database.

use sync_metadata::{ColumnDescription, ScopeDescription, TableDescription, TableName};

use crate::catalog::{ColumnInfo, TableInfo, UniqueIndex};
use crate::error::SqliteError;
use crate::ident::{ident, list};
use crate::provision::TableTemplate;
use crate::types::declared_type;

pub(crate) struct Created {
    pub(crate) sql: String,
    pub(crate) indexes: Vec<String>,
    pub(crate) info: TableInfo,
}

/// The statements for a table. With a template from another SQLite database it becomes like that one: declared types, nullability, defaults, collation
/// of the key, WITHOUT ROWID, unique indexes over plain columns, and foreign keys between tables of the scope.
pub(crate) fn create_table(
    name: &str,
    table: &TableDescription,
    template: Option<&TableTemplate>,
    scope: &ScopeDescription,
) -> Result<Created, SqliteError> {
    let columns: Vec<ColumnInfo> = table
        .columns
        .iter()
        .map(|column| column_info(column, template))
        .collect();
    let key = match template {
        // The order of a composite key is the template's.
        Some(template) => template
            .info
            .key_names()
            .iter()
            .filter_map(|key| table.position(key))
            .collect(),
        None => table.key_positions().collect(),
    };
    let mut info = TableInfo {
        name: name.to_owned(),
        columns,
        key,
        without_rowid: template.is_some_and(|template| template.info.without_rowid),
        autoincrement: false,
        indexed_key: template.is_some_and(|template| template.info.without_rowid),
        unique: Vec::new(),
    };
    let mut parts: Vec<String> = info.columns.iter().map(column_sql).collect();
    parts.push(format!("PRIMARY KEY ({})", list(&info.key_names())));
    let mut indexes = Vec::new();
    if let Some(template) = template {
        parts.extend(foreign_keys(template, scope));
        for (number, unique) in template.info.unique.iter().enumerate() {
            let plain = unique.columns.len() == unique.terms.len()
                && unique
                    .columns
                    .iter()
                    .all(|column| table.position(column).is_some());
            if plain {
                let terms: Vec<String> = unique
                    .terms
                    .iter()
                    .map(|(term, collation)| format!("{term} COLLATE {}", ident(collation)))
                    .collect();
                let index = format!("{name}_unique_{}", number + 1);
                indexes.push(format!(
                    "CREATE UNIQUE INDEX {} ON {} ({})",
                    ident(&index),
                    ident(name),
                    terms.join(", ")
                ));
                info.unique.push(UniqueIndex {
                    terms: unique.terms.clone(),
                    columns: unique.columns.clone(),
                });
            }
        }
    }
    let rowid = if info.without_rowid {
        " WITHOUT ROWID"
    } else {
        ""
    };
    let sql = format!("CREATE TABLE {} ({}){rowid}", ident(name), parts.join(", "));
    Ok(Created { sql, indexes, info })
}

fn column_info(column: &ColumnDescription, template: Option<&TableTemplate>) -> ColumnInfo {
    let like = template.and_then(|template| {
        template
            .info
            .columns
            .iter()
            .find(|like| like.name == column.name)
    });
    match like {
        Some(like) => ColumnInfo {
            not_null: like.not_null || column.primary_key,
            ..like.clone()
        },
        None => ColumnInfo {
            name: column.name.clone(),
            declared: declared_type(&column.sql_type),
            not_null: !column.nullable || column.primary_key,
            // A default of another engine is that engine's SQL.
            default: None,
            key_collation: None,
        },
    }
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

fn foreign_keys(template: &TableTemplate, scope: &ScopeDescription) -> Vec<String> {
    let local_name = |parent: &str| {
        let table = scope
            .tables
            .iter()
            .find(|table| table.local_name.sqlite_name().eq_ignore_ascii_case(parent))?;
        Some(TableName::parse(&table.global_name).ok()?.sqlite_name())
    };
    let keys = template.foreign_keys.iter();
    keys.filter_map(|key| {
        let parent = local_name(&key.parent)?;
        Some(format!(
            "FOREIGN KEY ({}) REFERENCES {} ({}){}",
            list(&key.from),
            ident(&parent),
            list(&key.to),
            key.actions
        ))
    })
    .collect()
}

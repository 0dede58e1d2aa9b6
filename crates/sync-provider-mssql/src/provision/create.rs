//! Creating the base tables of a scope that are missing in a database.

use sync_metadata::{ObjectName, Size, SqlKind, SqlType, TableDescription, TypeFamily, quote};

use super::TableTemplate;
use crate::catalog::{ColumnInfo, DatabaseFacts, TableInfo, TableKind};
use crate::error::MssqlError;
use crate::sql::{join, object};

/// A table that is to be created.
#[derive(Debug)]
pub(super) struct Created {
    pub(super) statement: String,
    /// Statements that add its foreign keys, when all tables are there.
    pub(super) foreign_keys: Vec<String>,
    pub(super) info: TableInfo,
    pub(super) warnings: Vec<String>,
}

/// The longest key of a clustered index, in bytes.
const KEY_BYTES: u32 = 900;
/// Compares texts by their characters alone, as other engines do, but for blanks at the end.
const BINARY_COLLATION: &str = "Latin1_General_BIN2";

/// The statements for a table. With a template from another SQL Server database it becomes like that one, with defaults, collations and
/// unique indexes; without one its text keys compare by their characters, so that no two keys of the other engine become one here.
///
/// `parents` finds the name here of a table of the scope.
pub(super) fn create_table(
    name: &ObjectName,
    table: &TableDescription,
    template: Option<&TableTemplate>,
    facts: &DatabaseFacts,
    parents: &dyn Fn(&str) -> Option<ObjectName>,
) -> Result<Created, MssqlError> {
    let mut warnings = Vec::new();
    let mut columns = Vec::new();
    let unbounded = table
        .key_columns()
        .filter(|key| is_unbounded(&key.sql_type));
    let share = KEY_BYTES / u32::try_from(unbounded.count().max(1)).unwrap_or(u32::MAX);
    for column in &table.columns {
        let like = template.and_then(|template| template.info.column(&column.name));
        let mut sql_type = like.map_or(&column.sql_type, |like| &like.sql_type).clone();
        if let SqlKind::Other(_) | SqlKind::Timestamp | SqlKind::RowVersion = sql_type.kind {
            return Err(MssqlError::refused(
                format!("column {} of table {}", column.name, table.global_name),
                format!("values of type {sql_type} cannot be synchronised"),
                "leave the column out of the scope",
            ));
        }
        if column.primary_key && is_unbounded(&sql_type) {
            sql_type = bounded(&sql_type, share);
            warnings.push(format!(
                "column {} of table {name} is {sql_type}, since SQL Server's keys have at most {KEY_BYTES} bytes: rows with longer keys will wait",
                column.name
            ));
        }
        let collation = match (like, template) {
            (Some(like), Some(template)) => like
                .collation
                .clone()
                .or_else(|| Some(template.collation.clone()))
                .filter(|_| sql_type.family() == TypeFamily::Text && sql_type.kind != SqlKind::Xml)
                .filter(|collation| !collation.eq_ignore_ascii_case(&facts.collation)),
            _ => (column.primary_key && sql_type.family() == TypeFamily::Text)
                .then(|| BINARY_COLLATION.to_owned()),
        };
        columns.push(ColumnInfo {
            name: column.name.clone(),
            unsupported: None,
            nullable: column.nullable && !column.primary_key,
            identity: column.identity.filter(|_| can_count(&sql_type)),
            generated: false,
            // A default of another engine is that engine's SQL.
            default: like.and_then(|like| like.default.clone()),
            collation,
            sql_type,
        });
    }
    let key = match template {
        // The order of a composite key is the template's.
        Some(template) => template
            .info
            .key
            .iter()
            .filter_map(|&at| table.position(&template.info.columns[at].name))
            .collect(),
        None => table.key_positions().collect(),
    };
    let info = TableInfo {
        object_id: 0,
        name: name.clone(),
        kind: TableKind::Table,
        columns,
        key,
        unique: Vec::new(),
        triggers: Vec::new(),
    };
    let mut parts: Vec<String> = info.columns.iter().map(column_sql).collect();
    parts.push(format!(
        "PRIMARY KEY ({})",
        join(&info.key, ", ", |&at| quote(&info.columns[at].name))
    ));
    if let Some(template) = template {
        parts.extend(unique(template, table));
    }
    Ok(Created {
        statement: format!("CREATE TABLE {} ({})", object(name), parts.join(", ")),
        foreign_keys: template.map_or_else(Vec::new, |template| {
            foreign_keys(name, template, table, parents)
        }),
        info,
        warnings,
    })
}

fn column_sql(column: &ColumnInfo) -> String {
    let collation = column
        .collation
        .as_ref()
        .map_or_else(String::new, |name| format!(" COLLATE {name}"));
    let identity = column.identity.map_or_else(String::new, |identity| {
        format!(" IDENTITY({},{})", identity.seed, identity.step)
    });
    let null = if column.nullable { "NULL" } else { "NOT NULL" };
    let default = column
        .default
        .as_ref()
        .filter(|_| column.identity.is_none())
        .map_or_else(String::new, |default| format!(" DEFAULT {default}"));
    format!(
        "{} {}{collation}{identity} {null}{default}",
        quote(&column.name),
        column.sql_type
    )
}

/// Unique constraints for those unique indexes of the template that hold all rows and columns of the scope only.
fn unique(template: &TableTemplate, table: &TableDescription) -> Vec<String> {
    let indexes = template.info.unique.iter().filter(|index| {
        let columns = &mut index.columns.iter();
        !index.filtered && columns.all(|(name, _)| table.position(name).is_some())
    });
    indexes
        .map(|index| {
            let columns = join(&index.columns, ", ", |(name, descending)| {
                format!("{}{}", quote(name), if *descending { " DESC" } else { "" })
            });
            format!("UNIQUE ({columns})")
        })
        .collect()
}

fn foreign_keys(
    name: &ObjectName,
    template: &TableTemplate,
    table: &TableDescription,
    parents: &dyn Fn(&str) -> Option<ObjectName>,
) -> Vec<String> {
    let keys = template.foreign_keys.iter();
    keys.filter_map(|(key, parent)| {
        let parent = parents(parent)?;
        let inside = &mut key.columns.iter();
        if !inside.all(|(child, _)| table.position(child).is_some()) {
            return None;
        }
        Some(format!(
            "ALTER TABLE {} ADD FOREIGN KEY ({}) REFERENCES {} ({}){}",
            object(name),
            join(&key.columns, ", ", |(child, _)| quote(child)),
            object(&parent),
            join(&key.columns, ", ", |(_, parent)| quote(parent)),
            key.actions
        ))
    })
    .collect()
}

/// Whether values can be longer than a key may be.
fn is_unbounded(sql_type: &SqlType) -> bool {
    let long = match sql_type.size {
        Some(Size::Max) | None => true,
        Some(Size::Length(length)) => match sql_type.kind {
            SqlKind::NChar | SqlKind::NVarChar => length > KEY_BYTES / 2,
            _ => length > KEY_BYTES,
        },
    };
    long && matches!(sql_type.family(), TypeFamily::Text | TypeFamily::Binary)
}

/// A type of the same family whose values have at most this many bytes.
fn bounded(sql_type: &SqlType, bytes: u32) -> SqlType {
    let (kind, length) = match sql_type.kind {
        SqlKind::Char | SqlKind::VarChar | SqlKind::Text => (SqlKind::VarChar, bytes),
        SqlKind::Binary | SqlKind::VarBinary | SqlKind::Image => (SqlKind::VarBinary, bytes),
        _ => (SqlKind::NVarChar, bytes / 2),
    };
    SqlType::sized(kind, Size::Length(length))
}

/// Whether SQL Server numbers rows in a column of this type.
fn can_count(sql_type: &SqlType) -> bool {
    match sql_type.family() {
        TypeFamily::Integer => true,
        TypeFamily::Decimal => {
            matches!(sql_type.kind, SqlKind::Decimal | SqlKind::Numeric)
                && sql_type.scale.unwrap_or(0) == 0
        }
        _ => false,
    }
}

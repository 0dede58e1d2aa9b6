//! The queries to the catalogue, and what their rows mean.

use std::collections::BTreeMap;

use sync_metadata::{Identity, ObjectName, SqlKind, SqlType};

use super::types::{Stated, sql_type};
use super::{
    Asked, Catalog, ColumnInfo, DatabaseFacts, ForeignKey, TableInfo, TableKind, TriggerInfo,
    UniqueIndex, Which, folded, in_schema,
};
use crate::answer::{Answer, Record};
use crate::connection::Connection;
use crate::error::MssqlError;
use crate::sql::{join, object, text};

pub(super) async fn catalog(
    connection: &mut Connection,
    which: Which<'_>,
) -> Result<Catalog, MssqlError> {
    let answer = Answer::to(connection, &batch(&which)).await?;
    let facts = facts(&answer)?;
    let mut tables = BTreeMap::new();
    let mut order = Vec::new();
    for record in answer.of_kind("table") {
        if let Some(table) = table(record)? {
            order.push(table.object_id);
            tables.insert(table.object_id, (table, record));
        }
    }
    for record in answer.of_kind("column") {
        if let Some((table, own)) = owner(&mut tables, record)? {
            let identity = Identity {
                seed: own.bigint("seed")?.unwrap_or(1),
                step: own.bigint("step")?.unwrap_or(1),
            };
            table.columns.push(column(record, identity, &facts)?);
        }
    }
    for record in answer.of_kind("index") {
        if let Some((table, _)) = owner(&mut tables, record)? {
            index_column(table, record)?;
        }
    }
    for record in answer.of_kind("trigger") {
        if let Some((table, _)) = owner(&mut tables, record)? {
            table.triggers.push(TriggerInfo {
                name: record.name("name")?,
                instead_of: record.flag("instead_of")?,
                disabled: record.flag("disabled")?,
            });
        }
    }
    let tables: Vec<TableInfo> = order
        .iter()
        .filter_map(|id| tables.remove(id).map(|(table, _)| table))
        .collect();
    let foreign_keys = foreign_keys(&answer, &tables)?;
    let mut asked = Vec::new();
    for record in answer.of_kind("asked") {
        asked.push(Asked {
            object_id: record.int("id")?,
            present: record.flag("present")?,
        });
    }
    Ok(Catalog {
        facts,
        tables,
        foreign_keys,
        asked,
    })
}

/// `@ids` are the objects in question; `NULL` names none of them.
fn batch(which: &Which<'_>) -> String {
    let (fill, asked) = match which {
        Which::All => (
            format!(
                "INSERT INTO @ids (id) SELECT {OBJECT} FROM INFORMATION_SCHEMA.TABLES t WHERE {OBJECT} IS NOT NULL \
                 AND COALESCE(OBJECTPROPERTY({OBJECT}, N'IsMSShipped'), 0) = 0 AND NOT EXISTS (SELECT 1 FROM sys.extended_properties p \
                 WHERE p.class = 1 AND p.major_id = {OBJECT} AND p.minor_id = 0 AND p.name = N'microsoft_database_tools_support');"
            ),
            String::new(),
        ),
        Which::Named(names) => {
            let each = |name: &ObjectName| {
                let name = text(&object(name));
                format!(
                    "INSERT INTO @asked (id, type) VALUES (OBJECT_ID({name}), TYPE_ID({name}));"
                )
            };
            (
                join(*names, " ", each)
                    + " INSERT INTO @ids (id) SELECT DISTINCT id FROM @asked WHERE id IS NOT NULL;",
                "SELECT 'asked' AS kind, id, CASE WHEN id IS NULL AND type IS NULL THEN 0 ELSE 1 END AS present FROM @asked ORDER BY nr;".to_owned(),
            )
        }
    };
    format!(
        "SET NOCOUNT ON; DECLARE @asked TABLE (nr int IDENTITY(1,1) NOT NULL, id int NULL, type int NULL); \
         DECLARE @ids TABLE (id int NOT NULL PRIMARY KEY); {fill} {asked} {QUERIES}"
    )
}

const OBJECT: &str = "OBJECT_ID(N'[' + REPLACE(CONVERT(nvarchar(128), t.TABLE_SCHEMA), N']', N']]') + N'].[' + REPLACE(CONVERT(nvarchar(128), t.TABLE_NAME), N']', N']]') + N']')";

/// What a version of the server does not have (`OBJECTPROPERTY`, `COLUMNPROPERTY` of a later one) comes as NULL.
const QUERIES: &str = "\
SELECT 'database' AS kind, CONVERT(int, compatibility_level) AS compatibility_level, \
CONVERT(nvarchar(128), DATABASEPROPERTYEX(DB_NAME(), 'Collation')) AS collation, \
CONVERT(int, snapshot_isolation_state) AS snapshot, CONVERT(int, is_read_committed_snapshot_on) AS committed_snapshot \
FROM sys.databases WHERE database_id = DB_ID();

SELECT 'table' AS kind, o.id, CONVERT(nvarchar(128), t.TABLE_SCHEMA) AS table_schema, CONVERT(nvarchar(128), t.TABLE_NAME) AS table_name, \
CONVERT(nvarchar(20), t.TABLE_TYPE) AS table_type, CONVERT(int, OBJECTPROPERTY(o.id, N'TableTemporalType')) AS temporal, \
TRY_CONVERT(bigint, IDENT_SEED(N'[' + REPLACE(CONVERT(nvarchar(128), t.TABLE_SCHEMA), N']', N']]') + N'].[' + REPLACE(CONVERT(nvarchar(128), t.TABLE_NAME), N']', N']]') + N']')) AS seed, \
TRY_CONVERT(bigint, IDENT_INCR(N'[' + REPLACE(CONVERT(nvarchar(128), t.TABLE_SCHEMA), N']', N']]') + N'].[' + REPLACE(CONVERT(nvarchar(128), t.TABLE_NAME), N']', N']]') + N']')) AS step \
FROM INFORMATION_SCHEMA.TABLES t JOIN @ids o ON o.id = OBJECT_ID(N'[' + REPLACE(CONVERT(nvarchar(128), t.TABLE_SCHEMA), N']', N']]') + N'].[' + REPLACE(CONVERT(nvarchar(128), t.TABLE_NAME), N']', N']]') + N']') \
ORDER BY t.TABLE_SCHEMA, t.TABLE_NAME;

SELECT 'column' AS kind, o.id, CONVERT(nvarchar(128), t.COLUMN_NAME) AS name, CONVERT(nvarchar(128), t.DATA_TYPE) AS data_type, \
CONVERT(int, t.CHARACTER_MAXIMUM_LENGTH) AS length, CONVERT(int, t.NUMERIC_PRECISION) AS digits, CONVERT(int, t.NUMERIC_SCALE) AS scale, \
CONVERT(int, t.DATETIME_PRECISION) AS seconds, CONVERT(nvarchar(128), t.COLLATION_NAME) AS collation, \
CASE WHEN t.IS_NULLABLE = 'YES' THEN 1 ELSE 0 END AS nullable, CONVERT(nvarchar(max), t.COLUMN_DEFAULT) AS column_default, \
CONVERT(int, COLUMNPROPERTY(o.id, t.COLUMN_NAME, 'IsIdentity')) AS is_identity, \
CONVERT(int, COLUMNPROPERTY(o.id, t.COLUMN_NAME, 'IsComputed')) AS is_computed, \
CONVERT(int, COLUMNPROPERTY(o.id, t.COLUMN_NAME, 'GeneratedAlwaysType')) AS generated, \
CONVERT(int, COLUMNPROPERTY(o.id, t.COLUMN_NAME, 'IsColumnSet')) AS is_set \
FROM INFORMATION_SCHEMA.COLUMNS t JOIN @ids o ON o.id = OBJECT_ID(N'[' + REPLACE(CONVERT(nvarchar(128), t.TABLE_SCHEMA), N']', N']]') + N'].[' + REPLACE(CONVERT(nvarchar(128), t.TABLE_NAME), N']', N']]') + N']') \
ORDER BY o.id, t.ORDINAL_POSITION;

SELECT 'index' AS kind, o.id, CONVERT(nvarchar(128), i.name) AS name, CONVERT(int, i.is_primary_key) AS is_primary_key, \
CONVERT(int, i.has_filter) AS filtered, CONVERT(nvarchar(128), COL_NAME(c.object_id, c.column_id)) AS column_name, \
CONVERT(int, c.is_descending_key) AS descending \
FROM sys.indexes i JOIN @ids o ON o.id = i.object_id JOIN sys.index_columns c ON c.object_id = i.object_id AND c.index_id = i.index_id \
WHERE i.is_unique = 1 AND c.key_ordinal > 0 AND i.is_disabled = 0 ORDER BY o.id, i.index_id, c.key_ordinal;

SELECT 'trigger' AS kind, o.id, CONVERT(nvarchar(128), t.name) AS name, CONVERT(int, t.is_instead_of_trigger) AS instead_of, \
CONVERT(int, t.is_disabled) AS disabled FROM sys.triggers t JOIN @ids o ON o.id = t.parent_id ORDER BY o.id, t.name;

SELECT 'foreign key' AS kind, f.object_id AS id, CONVERT(nvarchar(128), f.name) AS name, f.parent_object_id AS child, \
CONVERT(nvarchar(128), OBJECT_SCHEMA_NAME(f.parent_object_id)) AS child_schema, CONVERT(nvarchar(128), OBJECT_NAME(f.parent_object_id)) AS child_name, \
f.referenced_object_id AS parent, CONVERT(nvarchar(60), f.delete_referential_action_desc) AS on_delete, \
CONVERT(nvarchar(60), f.update_referential_action_desc) AS on_update, \
CONVERT(nvarchar(128), COL_NAME(c.parent_object_id, c.parent_column_id)) AS child_column, \
CONVERT(nvarchar(128), COL_NAME(c.referenced_object_id, c.referenced_column_id)) AS parent_column \
FROM sys.foreign_keys f JOIN sys.foreign_key_columns c ON c.constraint_object_id = f.object_id \
WHERE f.parent_object_id IN (SELECT id FROM @ids) OR f.referenced_object_id IN (SELECT id FROM @ids) \
ORDER BY f.object_id, c.constraint_column_id;";

fn facts(answer: &Answer) -> Result<DatabaseFacts, MssqlError> {
    let Some(record) = answer.of_kind("database").next() else {
        return Ok(DatabaseFacts::default());
    };
    let level = record.int("compatibility_level")?.unwrap_or(0);
    Ok(DatabaseFacts {
        compatibility_level: u8::try_from(level).unwrap_or(u8::MAX),
        collation: record.text("collation")?.unwrap_or_default().to_owned(),
        // 0 and 1 are off and on, 2 and 3 on their way there.
        allows_snapshot: record.int("snapshot")? == Some(1),
        reads_committed_snapshot: record.flag("committed_snapshot")?,
    })
}

fn table(record: Record<'_>) -> Result<Option<TableInfo>, MssqlError> {
    let Some(object_id) = record.int("id")? else {
        return Ok(None);
    };
    let kind = match (record.text("table_type")?, record.int("temporal")?) {
        (Some("VIEW"), _) => TableKind::View,
        (_, Some(1)) => TableKind::History,
        _ => TableKind::Table,
    };
    Ok(Some(TableInfo {
        object_id,
        name: in_schema(&record.name("table_schema")?, &record.name("table_name")?),
        kind,
        columns: Vec::new(),
        key: Vec::new(),
        unique: Vec::new(),
        triggers: Vec::new(),
    }))
}

/// The table that a row is about.
fn owner<'t, 'r>(
    tables: &'t mut BTreeMap<i32, (TableInfo, Record<'r>)>,
    record: Record<'_>,
) -> Result<Option<(&'t mut TableInfo, Record<'r>)>, MssqlError> {
    let id = record.int("id")?;
    let found = id.and_then(|id| tables.get_mut(&id));
    Ok(found.map(|(table, own)| (table, *own)))
}

fn column(
    record: Record<'_>,
    identity: Identity,
    facts: &DatabaseFacts,
) -> Result<ColumnInfo, MssqlError> {
    let stated = Stated {
        name: record.name("data_type")?,
        length: record.int("length")?,
        precision: record.int("digits")?,
        scale: record.int("scale")?,
        seconds: record.int("seconds")?,
    };
    let (sql_type, unsupported) = match sql_type(&stated) {
        Ok(sql_type) => (sql_type, None),
        Err(name) => (SqlType::new(SqlKind::SqlVariant), Some(name)),
    };
    let is_version = matches!(sql_type.kind, SqlKind::Timestamp | SqlKind::RowVersion);
    let collation = record.text("collation")?;
    Ok(ColumnInfo {
        name: record.name("name")?,
        nullable: record.flag("nullable")?,
        identity: record.flag("is_identity")?.then_some(identity),
        generated: is_version
            || record.flag("is_computed")?
            || record.flag("generated")?
            || record.flag("is_set")?,
        default: record.text("column_default")?.map(str::to_owned),
        collation: collation
            .filter(|collation| !collation.eq_ignore_ascii_case(&facts.collation))
            .map(str::to_owned),
        sql_type,
        unsupported,
    })
}

/// The rows of an index come together and in the order of its columns.
fn index_column(table: &mut TableInfo, record: Record<'_>) -> Result<(), MssqlError> {
    let Some(at) = table.position(&record.name("column_name")?) else {
        return Ok(());
    };
    if record.flag("is_primary_key")? {
        table.key.push(at);
        return Ok(());
    }
    let name = record.name("name")?;
    let column = (table.columns[at].name.clone(), record.flag("descending")?);
    match table.unique.last_mut().filter(|index| index.name == name) {
        Some(index) => index.columns.push(column),
        None => table.unique.push(UniqueIndex {
            name,
            columns: vec![column],
            filtered: record.flag("filtered")?,
        }),
    }
    Ok(())
}

fn foreign_keys(answer: &Answer, tables: &[TableInfo]) -> Result<Vec<ForeignKey>, MssqlError> {
    let mut keys: BTreeMap<i32, ForeignKey> = BTreeMap::new();
    let as_written = |table: i32, column: String| {
        let info = tables.iter().find(|info| info.object_id == table);
        let known = info.and_then(|info| info.column(&column));
        known.map_or(column, |known| known.name.clone())
    };
    for record in answer.of_kind("foreign key") {
        let (Some(id), Some(child), Some(parent)) = (
            record.int("id")?,
            record.int("child")?,
            record.int("parent")?,
        ) else {
            continue;
        };
        let actions = [("DELETE", "on_delete"), ("UPDATE", "on_update")];
        let mut clause = String::new();
        for (event, column) in actions {
            clause += &action(event, record.text(column)?.unwrap_or_default());
        }
        let key = keys.entry(id).or_insert(ForeignKey {
            name: record.name("name")?,
            child,
            child_name: match tables.iter().find(|info| info.object_id == child) {
                Some(info) => info.name.clone(),
                None => in_schema(&record.name("child_schema")?, &record.name("child_name")?),
            },
            parent,
            columns: Vec::new(),
            actions: clause,
        });
        key.columns.push((
            as_written(child, record.name("child_column")?),
            as_written(parent, record.name("parent_column")?),
        ));
    }
    Ok(keys.into_values().collect())
}

fn action(event: &str, described: &str) -> String {
    let known = ["CASCADE", "SET NULL", "SET DEFAULT"];
    let described = described.replace('_', " ");
    let found = known
        .into_iter()
        .find(|known| folded(known) == folded(&described));
    found.map_or_else(String::new, |found| format!(" ON {event} {found}"))
}

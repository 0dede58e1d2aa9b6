//! What SQLite says of the user's tables.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};
use sync_metadata::{ColumnDescription, Identity, KeyEquality};

use crate::error::{At, SqliteError};
use crate::index_columns::index_expressions;
use crate::types::logical_type;

/// A table of the user.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TableInfo {
    pub(crate) name: String,
    pub(crate) columns: Vec<ColumnInfo>,
    /// Names of its generated columns, which are not synchronised.
    pub(crate) generated: Vec<String>,
    /// Indexes into `columns`, in key order.
    pub(crate) key: Vec<usize>,
    pub(crate) without_rowid: bool,
    pub(crate) autoincrement: bool,
    /// The primary key has an index of its own, hence is no alias of the rowid: `INTEGER PRIMARY KEY DESC` is such a one.
    pub(crate) indexed_key: bool,
    pub(crate) unique: Vec<UniqueIndex>,
}

/// A column that can be synchronised: neither hidden nor generated.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ColumnInfo {
    pub(crate) name: String,
    /// The declared type; empty for ANY in a STRICT table, which there means what no type means elsewhere: values stay as they are.
    pub(crate) declared: String,
    pub(crate) not_null: bool,
    pub(crate) default: Option<String>,
    /// The collation that the primary key compares with; `None` for BINARY.
    pub(crate) key_collation: Option<String>,
}

/// A unique index other than the primary key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct UniqueIndex {
    /// It was made by CREATE INDEX, not by the table's own statement.
    pub(crate) apart: bool,
    /// What each of its columns is: SQL text in terms of the table's columns, and its collation.
    pub(crate) terms: Vec<(String, String)>,
    /// The plain columns among them.
    pub(crate) columns: Vec<String>,
}

/// A foreign key of `child`, seen from either side.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ForeignKey {
    pub(crate) child: String,
    pub(crate) parent: String,
    pub(crate) from: Vec<String>,
    pub(crate) to: Vec<String>,
    /// ` ON UPDATE … ON DELETE …`, empty where both are NO ACTION.
    pub(crate) actions: String,
}

impl TableInfo {
    pub(crate) fn key_names(&self) -> Vec<String> {
        self.key
            .iter()
            .map(|&column| self.columns[column].name.clone())
            .collect()
    }

    /// Whether the key is an alias of the rowid.
    pub(crate) fn has_rowid_key(&self) -> bool {
        matches!(self.key[..], [only] if !self.indexed_key && self.columns[only].declared.eq_ignore_ascii_case("INTEGER"))
    }

    /// How the key compares the texts of a column; `None` for a collation that is not SQLite's own.
    pub(crate) fn key_equality(&self, column: usize) -> Option<KeyEquality> {
        match &self.columns[column].key_collation {
            None => Some(KeyEquality::Exact),
            Some(name) if name.eq_ignore_ascii_case("NOCASE") => Some(KeyEquality::NoCase),
            Some(name) if name.eq_ignore_ascii_case("RTRIM") => Some(KeyEquality::RTrim),
            Some(_) => None,
        }
    }

    /// The description of a column.
    pub(crate) fn describe(&self, column: usize) -> ColumnDescription {
        let info = &self.columns[column];
        let is_key = self.key.contains(&column);
        let sql_type = logical_type(&info.declared);
        let mut described = if is_key {
            ColumnDescription::key(&info.name, sql_type)
        } else {
            ColumnDescription::new(&info.name, sql_type)
        };
        described.nullable = !is_key && !info.not_null;
        described.default.clone_from(&info.default);
        described.key_equality = self.key_equality(column).unwrap_or_default();
        if is_key && self.autoincrement {
            described.identity = Some(Identity { seed: 1, step: 1 });
        }
        described
    }
}

/// Reads a table; `None` where there is none of that name (compared as SQLite does, without regard to case).
pub(crate) fn table(
    db: &Connection,
    path: &Path,
    name: &str,
) -> Result<Option<TableInfo>, SqliteError> {
    let found: Option<(String, String)> = db
        .query_row(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND lower(name) = lower(?1)",
            [name],
            |row| {
                Ok((
                    row.get(0)?,
                    row.get::<_, Option<String>>(1)?.unwrap_or_default(),
                ))
            },
        )
        .optional()
        .at(path)?;
    let Some((name, sql)) = found else {
        return Ok(None);
    };
    let (without_rowid, strict): (bool, bool) = db
        .query_row(
            "SELECT wr, strict FROM pragma_table_list WHERE schema = 'main' AND name = ?1",
            [&name],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()
        .at(path)?
        .unwrap_or_default();
    let mut statement = db.prepare("SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo(?1) ORDER BY cid").at(path)?;
    let mut key = BTreeMap::new();
    let mut columns = Vec::new();
    let mut generated = Vec::new();
    let mut rows = statement.query([&name]).at(path)?;
    while let Some(row) = rows.next().at(path)? {
        let row: rusqlite::Result<(String, String, bool, Option<String>, i64, i64)> =
            row.try_into();
        let (column, mut declared, not_null, default, pk, hidden) = row.at(path)?;
        // 1 is a virtual table's hidden column, 2 and 3 are generated ones.
        match hidden {
            0 => {}
            2 | 3 => {
                generated.push(column);
                continue;
            }
            _ => continue,
        }
        if strict && declared.eq_ignore_ascii_case("ANY") {
            declared.clear();
        }
        if pk > 0 {
            key.insert(pk, columns.len());
        }
        columns.push(ColumnInfo {
            name: column,
            declared,
            not_null,
            default,
            key_collation: None,
        });
    }
    let autoincrement = key.len() == 1 && sql.to_ascii_uppercase().contains("AUTOINCREMENT");
    let mut info = TableInfo {
        name,
        columns,
        generated,
        key: key.into_values().collect(),
        without_rowid,
        autoincrement,
        indexed_key: false,
        unique: Vec::new(),
    };
    read_indexes(db, path, &mut info)?;
    Ok(Some(info))
}

/// Names of the user's tables: neither SQLite's own nor virtual.
pub(crate) fn table_names(db: &Connection, path: &Path) -> Result<Vec<String>, SqliteError> {
    let sql = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name";
    strings(db, path, sql, params![])
}

/// Names of the tables that have the columns of a tracking table.
pub(crate) fn tracking_tables(db: &Connection, path: &Path) -> Result<Vec<String>, SqliteError> {
    let sql = "SELECT name FROM sqlite_schema s WHERE type = 'table' AND name LIKE '%\\_tracking' ESCAPE '\\' \
               AND 2 = (SELECT count(*) FROM pragma_table_info(s.name) \
                        WHERE name IN ('local_update_peer_timestamp', 'sync_row_is_tombstone')) ORDER BY name";
    strings(db, path, sql, params![])
}

/// The foreign keys of a table as they are declared: `to` is empty where the parent's primary key is meant.
pub(crate) fn declared_keys(
    db: &Connection,
    path: &Path,
    child: &str,
) -> Result<Vec<ForeignKey>, SqliteError> {
    let sql = "SELECT id, \"table\", \"from\", \"to\", on_update, on_delete FROM pragma_foreign_key_list(?1) ORDER BY id, seq";
    let mut statement = db.prepare(sql).at(path)?;
    let mut rows = statement.query([child]).at(path)?;
    let mut keys: Vec<ForeignKey> = Vec::new();
    let mut last = None;
    while let Some(row) = rows.next().at(path)? {
        let row: rusqlite::Result<(i64, String, String, Option<String>, String, String)> =
            row.try_into();
        let (id, parent, from, to, on_update, on_delete) = row.at(path)?;
        if last != Some(id) {
            keys.push(ForeignKey {
                child: child.to_owned(),
                parent,
                from: Vec::new(),
                to: Vec::new(),
                actions: actions(&on_update, &on_delete),
            });
            last = Some(id);
        }
        if let Some(key) = keys.last_mut() {
            key.from.push(from);
            key.to.extend(to);
        }
    }
    Ok(keys)
}

/// All foreign keys of the database whose parents' columns are known.
pub(crate) fn foreign_keys(db: &Connection, path: &Path) -> Result<Vec<ForeignKey>, SqliteError> {
    let mut keys: Vec<ForeignKey> = Vec::new();
    for child in table_names(db, path)? {
        keys.extend(declared_keys(db, path, &child)?);
    }
    // A foreign key that names no columns means the parent's primary key.
    for key in keys.iter_mut().filter(|key| key.to.is_empty()) {
        if let Some(parent) = table(db, path, &key.parent)? {
            key.to = parent.key_names();
        }
    }
    keys.retain(|key| key.to.len() == key.from.len());
    Ok(keys)
}

/// Names of the triggers on a table.
pub(crate) fn triggers(
    db: &Connection,
    path: &Path,
    table: &str,
) -> Result<Vec<String>, SqliteError> {
    strings(
        db,
        path,
        "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND lower(tbl_name) = lower(?1) ORDER BY name",
        params![table],
    )
}

/// The statements behind a table: its own, and those of the indexes that were made apart from it (name, statement).
pub(crate) fn statements(
    db: &Connection,
    path: &Path,
    table: &str,
) -> Result<(String, Vec<(String, String)>), SqliteError> {
    let sql = "SELECT type, name, sql FROM sqlite_schema WHERE type IN ('table', 'index') AND lower(tbl_name) = lower(?1) AND sql IS NOT NULL \
               ORDER BY rowid";
    let mut statement = db.prepare(sql).at(path)?;
    let mut rows = statement.query([table]).at(path)?;
    let (mut own, mut indexes) = (String::new(), Vec::new());
    while let Some(row) = rows.next().at(path)? {
        let row: rusqlite::Result<(String, String, String)> = row.try_into();
        let (kind, name, sql) = row.at(path)?;
        match kind.as_str() {
            "table" => own = sql,
            _ => indexes.push((name, sql)),
        }
    }
    Ok((own, indexes))
}

/// Names of the views.
pub(crate) fn views(db: &Connection, path: &Path) -> Result<Vec<String>, SqliteError> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'view' ORDER BY name";
    strings(db, path, sql, params![])
}

/// Whether there is a view of this name.
pub(crate) fn is_view(db: &Connection, path: &Path, name: &str) -> Result<bool, SqliteError> {
    db.query_row(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'view' AND lower(name) = lower(?1))",
        [name],
        |row| row.get(0),
    )
    .at(path)
}

/// Whether there is no object at all.
pub(crate) fn is_empty(db: &Connection, path: &Path) -> Result<bool, SqliteError> {
    let sql = "SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)";
    db.query_row(sql, [], |row| row.get(0)).at(path)
}

/// Whether a table has a unique index beside its primary key.
pub(crate) fn has_other_unique_index(
    db: &Connection,
    path: &Path,
    table: &str,
) -> Result<bool, SqliteError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM pragma_index_list(?1) WHERE \"unique\" = 1 AND origin <> 'pk')";
    db.query_row(sql, [table], |row| row.get(0)).at(path)
}

/// Whether an object of any type has this name.
pub(crate) fn exists(db: &Connection, path: &Path, name: &str) -> Result<bool, SqliteError> {
    db.query_row(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE lower(name) = lower(?1))",
        [name],
        |row| row.get(0),
    )
    .at(path)
}

fn actions(on_update: &str, on_delete: &str) -> String {
    let clause = |event: &str, action: &str| {
        let known = ["CASCADE", "SET NULL", "SET DEFAULT", "RESTRICT"]
            .into_iter()
            .find(|known| known.eq_ignore_ascii_case(action));
        known.map_or_else(String::new, |action| format!(" ON {event} {action}"))
    };
    clause("UPDATE", on_update) + &clause("DELETE", on_delete)
}

fn read_indexes(db: &Connection, path: &Path, table: &mut TableInfo) -> Result<(), SqliteError> {
    let mut statement = db
        .prepare("SELECT name, origin FROM pragma_index_list(?1) WHERE \"unique\" = 1")
        .at(path)?;
    let indexes: Vec<(String, String)> = statement
        .query_map([&table.name], |row| Ok((row.get(0)?, row.get(1)?)))
        .at(path)?
        .collect::<Result<_, _>>()
        .at(path)?;
    for (index, origin) in indexes {
        let mut statement = db
            .prepare(
                "SELECT cid, name, coll FROM pragma_index_xinfo(?1) WHERE key = 1 ORDER BY seqno",
            )
            .at(path)?;
        let terms: Vec<(i64, Option<String>, String)> = statement
            .query_map([&index], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .at(path)?
            .collect::<Result<_, _>>()
            .at(path)?;
        if origin == "pk" {
            table.indexed_key = true;
            for (_, name, collation) in terms {
                let column = table
                    .columns
                    .iter_mut()
                    .find(|column| name.as_ref() == Some(&column.name));
                if let Some(column) = column.filter(|_| !collation.eq_ignore_ascii_case("BINARY")) {
                    column.key_collation = Some(collation);
                }
            }
            continue;
        }
        let sql: Option<String> = db
            .query_row(
                "SELECT sql FROM sqlite_schema WHERE type = 'index' AND name = ?1",
                [&index],
                |row| row.get(0),
            )
            .at(path)?;
        let expressions = sql.as_deref().map(index_expressions).unwrap_or_default();
        let columns = terms
            .iter()
            .filter_map(|(_, name, _)| name.clone())
            .collect();
        let text = |at: usize, name: &Option<String>| match name {
            Some(name) => Some(crate::ident::ident(name)),
            None => expressions.get(at).cloned(),
        };
        let terms: Option<Vec<_>> = terms
            .iter()
            .enumerate()
            .map(|(at, (_, name, collation))| Some((text(at, name)?, collation.clone())))
            .collect();
        let Some(terms) = terms else {
            return Err(SqliteError::refused(
                format!("index {index} of table {}", table.name),
                "its expressions cannot be read",
                "write the unique index over plain columns",
            ));
        };
        table.unique.push(UniqueIndex {
            apart: origin == "c",
            terms,
            columns,
        });
    }
    Ok(())
}

fn strings(
    db: &Connection,
    path: &Path,
    sql: &str,
    params: impl rusqlite::Params,
) -> Result<Vec<String>, SqliteError> {
    let mut statement = db.prepare(sql).at(path)?;
    let rows = statement.query_map(params, |row| row.get(0)).at(path)?;
    rows.collect::<Result<_, _>>().at(path)
}

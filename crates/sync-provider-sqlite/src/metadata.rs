//! Reading the scopes of a database: which stores there are, their versions, scope rows and configurations.

use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row};
use sync_metadata::{Naming, SchemaVersion, ScopeConfig, ScopeDescription, ScopeRow};
use uuid::Uuid;

use crate::error::{At, SqliteError};
use crate::names::{Store, TableObjects};

/// A scope as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct StoredScope {
    pub(crate) store: Store,
    pub(crate) row: ScopeRow,
    pub(crate) description: ScopeDescription,
}

const SCOPE_INFO: &str = "scope_info";

/// The stores of a database, one per object prefix.
pub(crate) fn stores(db: &Connection, path: &Path) -> Result<Vec<Store>, SqliteError> {
    let sql = "SELECT name FROM sqlite_schema s WHERE type = 'table' AND (lower(name) = 'scope_info' OR lower(name) LIKE '%\\_scope_info' ESCAPE '\\') \
               AND EXISTS (SELECT 1 FROM pragma_table_xinfo(s.name) WHERE name = 'scope_local_id') ORDER BY name";
    let mut statement = db.prepare(sql).at(path)?;
    let names: Vec<String> = statement
        .query_map([], |row| row.get(0))
        .at(path)?
        .collect::<Result<_, _>>()
        .at(path)?;
    names
        .iter()
        .map(|name| {
            let cut = name.len().saturating_sub(SCOPE_INFO.len() + 1);
            let prefix = if name.eq_ignore_ascii_case(SCOPE_INFO) {
                None
            } else {
                name.get(..cut)
            };
            Ok(Store::new(Naming::new(prefix, None).at(path)?))
        })
        .collect()
}

/// The version of a store's metadata; only 2.1 can be used here.
pub(crate) fn check_version(
    db: &Connection,
    path: &Path,
    store: &Store,
) -> Result<SchemaVersion, SqliteError> {
    let version = version(db, path, store)?;
    if version != SchemaVersion::V2_1 {
        return Err(SqliteError::refused(
            path.display().to_string(),
            format!(
                "its metadata has version {}.{}",
                version.major, version.minor
            ),
            "upgrade the metadata to 2.1 first",
        ));
    }
    Ok(version)
}

pub(crate) fn version(
    db: &Connection,
    path: &Path,
    store: &Store,
) -> Result<SchemaVersion, SqliteError> {
    let exists: bool = crate::catalog::exists(db, path, &store.schema_info)?;
    let rows = if exists {
        let sql = format!(
            "SELECT schema_major_version, schema_minor_version FROM {}",
            crate::ident::ident(&store.schema_info)
        );
        let mut statement = db.prepare(&sql).at(path)?;
        let rows = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .at(path)?;
        Some(rows.collect::<Result<Vec<(i32, i32)>, _>>().at(path)?)
    } else {
        None
    };
    SchemaVersion::detect(rows.as_deref()).at(path)
}

/// The triggers on a table that belong to no store.
pub(crate) fn user_triggers(
    db: &Connection,
    path: &Path,
    table: &str,
) -> Result<Vec<String>, SqliteError> {
    let mut names = crate::catalog::triggers(db, path, table)?;
    for store in stores(db, path)? {
        let objects = TableObjects::of(table, &store.naming);
        names.retain(|name| !objects.triggers().contains(&name));
    }
    Ok(names)
}

/// All scopes of a store.
pub(crate) fn scopes(
    db: &Connection,
    path: &Path,
    store: &Store,
) -> Result<Vec<StoredScope>, SqliteError> {
    check_version(db, path, store)?;
    let sql = format!(
        "SELECT {SCOPE_COLUMNS} FROM {} ORDER BY scope_local_id",
        crate::ident::ident(&store.scope_info)
    );
    let mut statement = db.prepare(&sql).at(path)?;
    let mut rows = statement.query([]).at(path)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().at(path)? {
        let row = scope_row(row, path)?;
        found.push(with_config(db, path, store, row)?);
    }
    Ok(found)
}

/// Finds a scope by its name; without a name, the only one there is.
pub(crate) fn find_scope(
    db: &Connection,
    path: &Path,
    name: Option<&str>,
) -> Result<StoredScope, SqliteError> {
    let mut found = Vec::new();
    let mut names = Vec::new();
    for store in stores(db, path)? {
        check_version(db, path, &store)?;
        let sql = format!(
            "SELECT {SCOPE_COLUMNS} FROM {} ORDER BY scope_local_id",
            crate::ident::ident(&store.scope_info)
        );
        let mut statement = db.prepare(&sql).at(path)?;
        let mut rows = statement.query([]).at(path)?;
        while let Some(row) = rows.next().at(path)? {
            let row = scope_row(row, path)?;
            names.push(row.name.clone());
            if name.is_none_or(|name| name == row.name) {
                found.push((store.clone(), row));
            }
        }
    }
    match (found.len(), name) {
        (1, _) => {
            let Some((store, row)) = found.pop() else {
                unreachable!("one was found")
            };
            with_config(db, path, &store, row)
        }
        (0, Some(name)) => Err(SqliteError::refused(
            format!("scope {name}"),
            format!("{} does not hold it{}", path.display(), others(&names)),
            "check its name, or provision the database for it",
        )),
        (0, None) => Err(SqliteError::refused(
            path.display().to_string(),
            "it holds no scope",
            "provision it first",
        )),
        (_, Some(name)) => Err(SqliteError::refused(
            format!("scope {name}"),
            "several stores of this database hold it under different object prefixes",
            "deprovision all but one",
        )),
        (_, None) => Err(SqliteError::refused(
            path.display().to_string(),
            format!("it holds {} scopes{}", names.len(), others(&names)),
            "name one with --scope",
        )),
    }
}

fn others(names: &[String]) -> String {
    if names.is_empty() {
        String::new()
    } else {
        format!(" (it has {})", names.join(", "))
    }
}

const SCOPE_COLUMNS: &str = "scope_local_id, scope_id, sync_scope_name, scope_sync_knowledge, scope_tombstone_cleanup_knowledge, \
                             scope_timestamp, scope_config_id, scope_restore_count, scope_user_comment";

fn scope_row(row: &Row<'_>, path: &Path) -> Result<ScopeRow, SqliteError> {
    let name: String = row.get(2).at(path)?;
    let guid = |index: usize, column: &str| -> Result<Option<Uuid>, SqliteError> {
        let text: Option<String> = row.get(index).at(path)?;
        text.map(|text| Uuid::parse_str(&text))
            .transpose()
            .map_err(|error| {
                SqliteError::refused(
                    format!("{column} of scope {name}"),
                    format!("it is no GUID: {error}"),
                    crate::error::start_anew(path),
                )
            })
    };
    let bytes = |index: usize, column: &str| -> Result<Option<Vec<u8>>, SqliteError> {
        let kind = match row.get_ref(index).at(path)? {
            ValueRef::Null => return Ok(None),
            ValueRef::Blob(bytes) => return Ok(Some(bytes.to_vec())),
            ValueRef::Text(_) => "text",
            ValueRef::Integer(_) | ValueRef::Real(_) => "a number",
        };
        Err(SqliteError::refused(
            format!("{column} of scope {name}"),
            format!("the stored knowledge is corrupted: it is {kind}, not bytes"),
            crate::error::start_anew(path),
        ))
    };
    let (knowledge, forgotten) = (
        bytes(3, "scope_sync_knowledge")?,
        bytes(4, "scope_tombstone_cleanup_knowledge")?,
    );
    let scope_id = guid(1, "scope_id")?;
    let config_id = guid(6, "scope_config_id")?;
    Ok(ScopeRow {
        scope_local_id: row.get(0).at(path)?,
        scope_id: scope_id.unwrap_or_default(),
        knowledge,
        forgotten,
        timestamp: row.get::<_, Option<i64>>(5).at(path)?.unwrap_or(0),
        config_id,
        restore_count: row.get(7).at(path)?,
        user_comment: row.get(8).at(path)?,
        name,
    })
}

fn with_config(
    db: &Connection,
    path: &Path,
    store: &Store,
    row: ScopeRow,
) -> Result<StoredScope, SqliteError> {
    let refused = |reason: &str| {
        SqliteError::refused(
            format!("configuration of scope {}", row.name),
            reason,
            crate::error::start_anew(path),
        )
    };
    let Some(config_id) = row.config_id else {
        return Err(refused("scope_config_id is not set"));
    };
    let sql = format!(
        "SELECT config_data FROM {} WHERE config_id = ?1",
        crate::ident::ident(&store.scope_config)
    );
    let data: Option<String> = db
        .query_row(&sql, [config_id.to_string()], |row| row.get(0))
        .optional()
        .at(path)?;
    let data = data.ok_or_else(|| refused("scope_config has no row for it"))?;
    let config = ScopeConfig::parse(&data).map_err(|error| refused(&error.to_string()))?;
    let description = config
        .description(&row.name)
        .map_err(|error| refused(&error.to_string()))?;
    Ok(StoredScope {
        store: store.clone(),
        row,
        description,
    })
}

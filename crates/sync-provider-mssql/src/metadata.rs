//! Reading the scopes of a database: which stores there are, their versions, scope rows and configurations.
//!
//! A store can have a prefix and a schema that nobody tells us, so stores are found by what their `scope_info` looks like; names of a
//! table's objects come from the configuration and are never worked out anew.

use std::collections::BTreeMap;

use sync_metadata::{
    Naming, SchemaVersion, ScopeConfig, ScopeDescription, ScopeRow, ScopeStatus, quote,
};

use crate::answer::{Answer, Record};
use crate::catalog::in_schema;
use crate::connection::Connection;
use crate::error::MssqlError;
use crate::names::Store;
use crate::sql::{object, text};

/// A store as it was found.
#[derive(Clone, Debug)]
pub(crate) struct StoredStore {
    pub(crate) names: Store,
    /// What its `schema_info` says.
    pub(crate) version: Result<SchemaVersion, sync_metadata::MetadataError>,
    /// Whether our own tables are beside Microsoft's.
    pub(crate) has_own_tables: bool,
    /// Which of [`Store::tables`] exist.
    pub(crate) tables: Vec<sync_metadata::ObjectName>,
    scopes: Vec<Found>,
}

/// A scope as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct StoredScope {
    pub(crate) store: Store,
    pub(crate) version: SchemaVersion,
    pub(crate) row: ScopeRow,
    pub(crate) config: ScopeConfig,
    pub(crate) description: ScopeDescription,
    /// Whether our own tables are in the store; without them rows that wait are remembered nowhere.
    pub(crate) has_own_tables: bool,
}

/// A row of `scope_info` with its configuration, not parsed.
#[derive(Clone, Debug)]
struct Found {
    row: ScopeRow,
    config: Option<String>,
    status: Option<String>,
}

/// The stores of a database. With a scope's name, only that scope's rows are read in each; the names are compared by the database.
pub(crate) async fn stores(
    connection: &mut Connection,
    scope: Option<&str>,
) -> Result<Vec<StoredStore>, MssqlError> {
    let answer = Answer::to(connection, &batch(scope)).await?;
    let mut versions: BTreeMap<i32, Vec<(i32, i32)>> = BTreeMap::new();
    for record in answer.of_kind("version") {
        let (nr, major, minor) = (
            record.int("nr")?.unwrap_or(0),
            record.int("major")?.unwrap_or(0),
            record.int("minor")?.unwrap_or(0),
        );
        versions.entry(nr).or_default().push((major, minor));
    }
    let mut scopes: BTreeMap<i32, Vec<Found>> = BTreeMap::new();
    for record in answer.of_kind("scope") {
        let nr = record.int("nr")?.unwrap_or(0);
        scopes.entry(nr).or_default().push(found(record)?);
    }
    let mut stores = Vec::new();
    for record in answer.of_kind("store") {
        let nr = record.int("nr")?.unwrap_or(0);
        let names = Store::new(naming(connection.server(), record)?);
        let mut tables = Vec::new();
        for (table, column) in names.tables().into_iter().zip(EXISTS) {
            if record.flag(column)? {
                tables.push(table.clone());
            }
        }
        let rows = tables
            .contains(&names.schema_info)
            .then(|| versions.remove(&nr).unwrap_or_default());
        stores.push(StoredStore {
            version: SchemaVersion::detect(rows.as_deref()),
            has_own_tables: tables.contains(&names.waiting) && tables.contains(&names.scopes),
            scopes: scopes.remove(&nr).unwrap_or_default(),
            names,
            tables,
        });
    }
    Ok(stores)
}

/// Finds a scope by its name; without a name, the only one there is.
pub(crate) async fn find_scope(
    connection: &mut Connection,
    name: Option<&str>,
) -> Result<StoredScope, MssqlError> {
    let stores = stores(connection, name).await?;
    let server = connection.server().to_owned();
    if let Some((store, scope)) = only(&stores) {
        return store.parse(scope, &server, false);
    }
    let names = names(connection).await?;
    Err(match (name, names.is_empty()) {
        (Some(name), _) if stores.iter().all(|store| store.scopes.is_empty()) => {
            MssqlError::refused(
                format!("scope {name}"),
                format!("{server} does not hold it{}", others(&names)),
                "check its name, or provision the database for it",
            )
        }
        (None, true) => MssqlError::refused(server, "it holds no scope", "provision it first"),
        (Some(name), _) => MssqlError::refused(
            format!("scope {name}"),
            "several stores of this database hold it under different object prefixes or schemas",
            "deprovision all but one",
        ),
        (None, false) => MssqlError::refused(
            server,
            format!("it holds {} scopes{}", names.len(), others(&names)),
            "name one with --scope",
        ),
    })
}

impl StoredStore {
    /// The scopes that were read, parsed.
    pub(crate) fn scopes(&self, server: &str) -> Result<Vec<StoredScope>, MssqlError> {
        let scopes = self.scopes.iter();
        scopes
            .map(|scope| self.parse(scope, server, false))
            .collect()
    }

    /// The names of the scopes that were read.
    pub(crate) fn scope_names(&self) -> impl Iterator<Item = &str> {
        self.scopes.iter().map(|scope| scope.row.name.as_str())
    }

    /// The version; only 2.1 can be used here.
    pub(crate) fn usable_version(&self, server: &str) -> Result<SchemaVersion, MssqlError> {
        match self.version.clone() {
            Ok(SchemaVersion::V2_1) => Ok(SchemaVersion::V2_1),
            Ok(version) => Err(MssqlError::Version {
                object: format!("{server}, store {}", object(&self.names.scope_info)),
                version,
            }),
            Err(source) => Err(MssqlError::Metadata {
                server: server.to_owned(),
                source,
            }),
        }
    }

    /// As [`scopes`](Self::scopes), with those whose provisioning was not finished.
    pub(crate) fn scopes_to_remove(&self, server: &str) -> Result<Vec<StoredScope>, MssqlError> {
        let scopes = self.scopes.iter();
        scopes
            .map(|scope| self.parse(scope, server, true))
            .collect()
    }

    fn parse(
        &self,
        found: &Found,
        server: &str,
        unfinished_too: bool,
    ) -> Result<StoredScope, MssqlError> {
        let version = self.usable_version(server)?;
        let row = &found.row;
        let refused = |reason: &str| {
            MssqlError::refused(
                format!("configuration of scope {}", row.name),
                reason,
                "restore the metadata tables, or provision the scope anew",
            )
        };
        if row.config_id.is_none() {
            return Err(refused("scope_config_id is not set"));
        }
        let data = found.config.as_ref();
        let data = data.ok_or_else(|| refused("scope_config has no row for it"))?;
        if !unfinished_too
            && found.status.as_deref().and_then(ScopeStatus::from_code)
                == Some(ScopeStatus::Pending)
        {
            return Err(MssqlError::refused(
                format!("scope {}", row.name),
                "its provisioning was not finished",
                "deprovision the store and provision the scope anew",
            ));
        }
        let config = ScopeConfig::parse(data).map_err(|error| refused(&error.to_string()))?;
        let description = config
            .description(&row.name)
            .map_err(|error| refused(&error.to_string()))?;
        Ok(StoredScope {
            store: self.names.clone(),
            version,
            row: row.clone(),
            description: description.with_comment(row.user_comment.clone().unwrap_or_default()),
            config,
            has_own_tables: self.has_own_tables,
        })
    }
}

/// The names of all scopes.
pub(crate) async fn names(connection: &mut Connection) -> Result<Vec<String>, MssqlError> {
    let stores = stores(connection, None).await?;
    let names = stores.iter().flat_map(StoredStore::scope_names);
    Ok(names.map(str::to_owned).collect())
}

fn others(names: &[String]) -> String {
    if names.is_empty() {
        String::new()
    } else {
        format!(" (it has {})", names.join(", "))
    }
}

const SCOPE_INFO: &str = "scope_info";

fn naming(server: &str, record: Record<'_>) -> Result<Naming, MssqlError> {
    let name = in_schema(&record.name("table_schema")?, &record.name("table_name")?);
    let cut = name.name.len().saturating_sub(SCOPE_INFO.len());
    let prefix = name
        .name
        .get(..cut)
        .and_then(|start| start.strip_suffix('_'));
    Naming::new(prefix, name.schema.as_deref()).map_err(|source| MssqlError::Metadata {
        server: server.to_owned(),
        source,
    })
}

fn found(record: Record<'_>) -> Result<Found, MssqlError> {
    Ok(Found {
        row: ScopeRow {
            scope_local_id: record.int("scope_local_id")?.unwrap_or(0),
            scope_id: record.guid("scope_id")?.unwrap_or_default(),
            name: record.name("name")?,
            knowledge: record.bytes("knowledge")?,
            forgotten: record.bytes("forgotten")?,
            timestamp: record.bigint("stamp")?.unwrap_or(0),
            config_id: record.guid("config_id")?,
            restore_count: record.int("restore_count")?.unwrap_or(0),
            user_comment: record.text("comment")?.map(str::to_owned),
        },
        config: record.text("config_data")?.map(str::to_owned),
        status: record.text("status")?.map(str::to_owned),
    })
}

/// For each of [`Store::tables`] the column that says whether it exists.
const EXISTS: [&str; 7] = [
    "has_scope_info",
    "has_scope_config",
    "has_schema_info",
    "has_scope_templates",
    "has_scope_parameters",
    "has_scopes",
    "has_waiting",
];

/// The tables' names after the prefix, in the order of [`Store::tables`].
const TABLES: [&str; 7] = [
    "scope_info",
    "scope_config",
    "schema_info",
    "scope_templates",
    "scope_parameters",
    "sync_scope",
    "sync_waiting",
];

/// Looks for tables named `scope_info`, or `…_scope_info`, that have its columns, and reads each with the tables beside it.
///
/// The statements about a store are made by the server, from names that it has quoted itself: it saves asking twice. Format 2.0 calls
/// the scope's name `scope_name` and has no comment.
fn batch(scope: Option<&str>) -> String {
    let beside = |table: &str| {
        format!(
            "N'[' + REPLACE(@schema, N']', N']]') + N'].[' + REPLACE(@prefix, N']', N']]') + N'{table}]'"
        )
    };
    let exists: Vec<String> = TABLES
        .iter()
        .zip(EXISTS)
        .map(|(table, column)| {
            format!(
                "CASE WHEN OBJECT_ID({}) IS NULL THEN 0 ELSE 1 END AS {column}",
                beside(table)
            )
        })
        .collect();
    format!(
        "SET NOCOUNT ON;
DECLARE @found TABLE (nr int IDENTITY(1,1) NOT NULL, table_schema nvarchar(128), table_name nvarchar(128), old int);
DECLARE @nr int, @last int, @schema nvarchar(128), @prefix nvarchar(128), @table nvarchar(128), @old int, @sql nvarchar(max), @scope nvarchar(4000);
SET @scope = {scope};
INSERT INTO @found (table_schema, table_name, old) SELECT TABLE_SCHEMA, TABLE_NAME, \
SUM(CASE WHEN COLUMN_NAME = N'scope_name' THEN 1 ELSE 0 END) FROM INFORMATION_SCHEMA.COLUMNS \
WHERE (TABLE_NAME = N'{SCOPE_INFO}' OR TABLE_NAME LIKE N'_%[_]{SCOPE_INFO}') AND COLUMN_NAME IN (N'scope_local_id', N'scope_id', \
N'sync_scope_name', N'scope_name', N'scope_sync_knowledge', N'scope_tombstone_cleanup_knowledge', N'scope_timestamp', N'scope_config_id', \
N'scope_restore_count') GROUP BY TABLE_SCHEMA, TABLE_NAME HAVING COUNT(*) = 8 ORDER BY TABLE_SCHEMA, TABLE_NAME;
SELECT @nr = 1, @last = COUNT(*) FROM @found;
WHILE @nr <= @last
BEGIN
SELECT @schema = table_schema, @table = table_name, @prefix = LEFT(table_name, LEN(table_name) - {length}), @old = old \
FROM @found WHERE nr = @nr;
SELECT 'store' AS kind, @nr AS nr, @schema AS table_schema, @table AS table_name, {exists};
IF OBJECT_ID({schema_info}) IS NOT NULL
BEGIN
SET @sql = N'SELECT ''version'' AS kind, @nr AS nr, schema_major_version AS major, schema_minor_version AS minor FROM ' + {schema_info};
EXEC sp_executesql @sql, N'@nr int', @nr = @nr;
END
IF OBJECT_ID({scope_config}) IS NOT NULL
BEGIN
SET @sql = N'SELECT ''scope'' AS kind, @nr AS nr, i.scope_local_id, i.scope_id, i.' + CASE @old WHEN 0 THEN N'sync_scope_name' \
ELSE N'scope_name' END + N' AS name, i.scope_sync_knowledge AS knowledge, i.scope_tombstone_cleanup_knowledge AS forgotten, \
CONVERT(bigint, i.scope_timestamp) AS stamp, i.scope_config_id AS config_id, i.scope_restore_count AS restore_count, ' \
+ CASE @old WHEN 0 THEN N'i.scope_user_comment' ELSE N'NULL' END + N' AS comment, CONVERT(nvarchar(max), c.config_data) AS config_data, \
CONVERT(nvarchar(1), c.scope_status) AS status FROM ' + {scope_info} + N' i LEFT JOIN ' + {scope_config} + N' c \
ON c.config_id = i.scope_config_id WHERE @scope IS NULL OR i.' + CASE @old WHEN 0 THEN N'sync_scope_name' ELSE N'scope_name' END \
+ N' = @scope ORDER BY i.scope_local_id';
EXEC sp_executesql @sql, N'@nr int, @scope nvarchar(4000)', @nr = @nr, @scope = @scope;
END
SET @nr = @nr + 1;
END",
        scope = scope.map_or_else(|| "NULL".to_owned(), text),
        length = SCOPE_INFO.len(),
        exists = exists.join(", "),
        schema_info = beside("schema_info"),
        scope_config = beside("scope_config"),
        scope_info = beside(SCOPE_INFO),
    )
}

/// A scope's name that is longer than the column would be cut off and might then be another one's.
pub(crate) fn check_scope_name(name: &str) -> Result<(), MssqlError> {
    let length = name.encode_utf16().count();
    if (1..=100).contains(&length) && !name.contains('\0') {
        return Ok(());
    }
    Err(MssqlError::refused(
        format!("scope {}", quote(name)),
        "a scope's name has 1 to 100 characters",
        "choose another name",
    ))
}

/// The only scope of all stores.
fn only(stores: &[StoredStore]) -> Option<(&StoredStore, &Found)> {
    let mut found = stores
        .iter()
        .flat_map(|store| store.scopes.iter().map(move |scope| (store, scope)));
    found.next().filter(|_| found.next().is_none())
}

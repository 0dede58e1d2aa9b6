//! A database as Sync Framework 2.1 provisions it, written from what is known of real ones: its own columns only, triggers that act on
//! every write, eleven procedures and a table type for each table, the configuration as its XML serialiser writes it.
//!
//! Nothing here comes from our own provisioning, so that what is tested against it is not our own idea of such a database. The bodies
//! avoid `MERGE`, which not every engine that the tests run on knows; what they read, write and return is what the real ones do.

use std::fmt::Write as _;

/// A table as it is described to Sync Framework.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: &'static [Column],
}

/// A column: name, type as T-SQL writes it, with a collation where it is not the database's, and what holds of it.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Column(
    pub(crate) &'static str,
    pub(crate) &'static str,
    pub(crate) Kind,
);

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Key,
    /// A key whose values the server counts.
    Identity,
    NotNull,
    Null,
}

/// What is left out of a provisioning.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// As `SetUseBulkProceduresDefault(false)`: no table type and no procedures for many rows.
    pub(crate) without_bulk: bool,
}

/// The statement that makes the base table.
pub(crate) fn create(table: &Table) -> String {
    let columns = list(
        table.columns.iter(),
        ", ",
        |Column(name, sql_type, kind)| {
            let rest = match kind {
                Kind::Identity => "IDENTITY(1,1) NOT NULL",
                Kind::Key | Kind::NotNull => "NOT NULL",
                Kind::Null => "NULL",
            };
            format!("[{name}] {sql_type} {rest}")
        },
    );
    let key = list(table.keys(), ", ", |column| format!("[{}]", column.0));
    format!(
        "CREATE TABLE [{}] ({columns}, PRIMARY KEY ({key}))",
        table.name
    )
}

/// The batches that provision a scope over tables that exist, in the order of Sync Framework's script.
pub(crate) fn provision(scope: &str, tables: &[Table], options: Options) -> Vec<String> {
    let mut batches: Vec<String> = STORE.iter().map(|batch| (*batch).to_owned()).collect();
    for table in tables {
        batches.extend(table.objects(options));
        batches.push(table.populate());
    }
    let config = config(tables, options).replace('\'', "''");
    batches.push(format!(
        "DECLARE @config uniqueidentifier = newid(); \
         INSERT INTO scope_config (config_id, config_data, scope_status) VALUES (@config, N'{config}', 'P'); \
         INSERT INTO scope_info (scope_id, sync_scope_name, scope_config_id, scope_restore_count, scope_user_comment) \
         VALUES (newid(), N'{scope}', @config, 0, N''); \
         UPDATE scope_config SET scope_status = 'C' WHERE config_id = @config"
    ));
    batches
}

const STORE: [&str; 4] = [
    "CREATE TABLE [scope_info] ([scope_local_id] int IDENTITY(1,1) NOT NULL, [scope_id] uniqueidentifier DEFAULT newid() NOT NULL, \
     [sync_scope_name] nvarchar(100) NOT NULL, [scope_sync_knowledge] varbinary(max) NULL, \
     [scope_tombstone_cleanup_knowledge] varbinary(max) NULL, [scope_timestamp] timestamp NULL, [scope_config_id] uniqueidentifier NULL, \
     [scope_restore_count] int DEFAULT 0 NOT NULL, [scope_user_comment] nvarchar(max) NULL, \
     CONSTRAINT [PK_scope_info] PRIMARY KEY ([sync_scope_name]))",
    "CREATE TABLE [scope_config] ([config_id] uniqueidentifier NOT NULL, [config_data] xml NOT NULL, [scope_status] char NULL, \
     CONSTRAINT [PK_scope_config] PRIMARY KEY ([config_id]))",
    "CREATE TABLE [schema_info] ([schema_major_version] int NOT NULL, [schema_minor_version] int NOT NULL, \
     [schema_extended_info] nvarchar(100) NOT NULL, CONSTRAINT [PK_schema_info] PRIMARY KEY ([schema_major_version], [schema_minor_version]))",
    "INSERT INTO schema_info VALUES (2, 1, N'')",
];

/// The configuration, its attributes in the order of real documents.
fn config(tables: &[Table], options: Options) -> String {
    let mut xml = "<SqlSyncProviderScopeConfiguration xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" IsTemplate=\"false\">"
        .to_owned();
    for table in tables {
        let name = table.name;
        let mut attributes: Vec<(&str, &str)> = vec![
            ("SelChngProc", "selectchanges"),
            ("SelRowProc", "selectrow"),
            ("InsProc", "insert"),
            ("UpdProc", "update"),
            ("DelProc", "delete"),
            ("InsMetaProc", "insertmetadata"),
            ("UpdMetaProc", "updatemetadata"),
            ("DelMetaProc", "deletemetadata"),
        ];
        if !options.without_bulk {
            attributes.extend([
                ("BulkTableType", "BulkType"),
                ("BulkInsProc", "bulkinsert"),
                ("BulkUpdProc", "bulkupdate"),
                ("BulkDelProc", "bulkdelete"),
            ]);
        }
        attributes.extend([
            ("InsTrig", "insert_trigger"),
            ("UpdTrig", "update_trigger"),
            ("DelTrig", "delete_trigger"),
        ]);
        let _ = write!(
            xml,
            "<Adapter Name=\"[{name}]\" GlobalName=\"[{name}]\" TrackingTable=\"[{name}_tracking]\""
        );
        for (attribute, suffix) in attributes {
            let _ = write!(xml, " {attribute}=\"[{name}_{suffix}]\"");
        }
        xml.push('>');
        for (n, column) in (1..).zip(table.columns) {
            let (name, attributes) = (column.0, type_attributes(column.sql_type()));
            let _ = write!(xml, "<Col name=\"{name}\"{attributes}");
            let _ = match column.2 {
                Kind::Null => write!(xml, " null=\"true\" param=\"@P_{n}\"/>"),
                Kind::NotNull => write!(xml, " param=\"@P_{n}\"/>"),
                Kind::Key => write!(xml, " param=\"@P_{n}\" pk=\"true\"/>"),
                Kind::Identity => write!(
                    xml,
                    " idSeed=\"1\" idStep=\"1\" param=\"@P_{n}\" pk=\"true\"/>"
                ),
            };
        }
        xml.push_str("</Adapter>");
    }
    xml.push_str("</SqlSyncProviderScopeConfiguration>");
    xml
}

/// `decimal(9,2)` as `type="decimal" prec="9" scale="2"`.
fn type_attributes(sql_type: &str) -> String {
    let (name, arguments) = match sql_type.split_once('(') {
        Some((name, rest)) => (name, rest.trim_end_matches(')')),
        None => (sql_type, ""),
    };
    let numbers: Vec<&str> = arguments
        .split(',')
        .filter(|part| !part.is_empty())
        .collect();
    match (name, numbers.as_slice()) {
        ("money", _) => " type=\"money\" prec=\"19\" scale=\"4\"".to_owned(),
        ("decimal" | "numeric", [precision, scale]) => {
            format!(" type=\"{name}\" prec=\"{precision}\" scale=\"{scale}\"")
        }
        ("datetime2" | "time" | "datetimeoffset", [scale]) => {
            format!(" type=\"{name}\" scale=\"{scale}\"")
        }
        (_, [size]) => format!(" type=\"{name}\" size=\"{size}\""),
        _ => format!(" type=\"{name}\""),
    }
}

/// What every local change does to a tracking row.
const CHANGED: &str = "local_update_peer_key = 0, restore_timestamp = NULL, update_scope_local_id = NULL, last_change_datetime = GETDATE()";

const UPDATE_VERSION: &str = "update_scope_local_id = @sync_scope_local_id, scope_update_peer_key = @sync_update_peer_key, \
     scope_update_peer_timestamp = @sync_update_peer_timestamp, local_update_peer_key = 0, restore_timestamp = NULL, \
     sync_row_is_tombstone = @sync_row_is_tombstone";

const CREATE_VERSION: &str = "create_scope_local_id = @sync_scope_local_id, scope_create_peer_key = @sync_create_peer_key, \
     scope_create_peer_timestamp = @sync_create_peer_timestamp, local_create_peer_key = 0, local_create_peer_timestamp = CONVERT(bigint, @@DBTS) + 1";

const METADATA_PARAMETERS: &str = "@sync_scope_local_id int, @sync_row_is_tombstone int, @sync_create_peer_key int, \
     @sync_create_peer_timestamp bigint, @sync_update_peer_key int, @sync_update_peer_timestamp bigint, @sync_check_concurrency int, \
     @sync_row_timestamp bigint, @sync_row_count int OUTPUT";

const SAME_TICK: &str = "(@sync_check_concurrency = 0 OR CONVERT(bigint, side.local_update_peer_timestamp) = @sync_row_timestamp)";

/// Whether the last writer was the one whose change arrives, or nobody wrote since.
const MAY_OVERWRITE: &str = "(side.update_scope_local_id = @sync_scope_local_id AND side.scope_update_peer_key = changes.sync_update_peer_key \
     OR CONVERT(bigint, side.local_update_peer_timestamp) <= @sync_min_timestamp)";

const BULK_UPDATE_VERSION: &str = "update_scope_local_id = @sync_scope_local_id, scope_update_peer_key = changes.sync_update_peer_key, \
     scope_update_peer_timestamp = changes.sync_update_peer_timestamp, local_update_peer_key = 0";

const BULK_CREATE_VERSION: &str = "create_scope_local_id = @sync_scope_local_id, scope_create_peer_key = changes.sync_create_peer_key, \
     scope_create_peer_timestamp = changes.sync_create_peer_timestamp, local_create_peer_key = 0";

impl Table {
    fn keys(&self) -> impl Iterator<Item = &'static Column> + use<> {
        let keys = self.columns.iter();
        keys.filter(|column| matches!(column.2, Kind::Key | Kind::Identity))
    }

    fn numbered(&self) -> impl Iterator<Item = (usize, &'static Column)> + use<> {
        (1..).zip(self.columns)
    }

    fn settable(&self) -> impl Iterator<Item = (usize, &'static Column)> + use<> {
        self.numbered()
            .filter(|(_, column)| matches!(column.2, Kind::Null | Kind::NotNull))
    }

    fn same(&self, left: &str, right: &str) -> String {
        list(self.keys(), " AND ", |key| {
            format!("{left}.[{0}] = {right}.[{0}]", key.0)
        })
    }

    fn given(&self, alias: &str) -> String {
        let keys = self.numbered().filter(|(_, column)| column.is_key());
        list(keys, " AND ", |(n, key)| {
            format!("{alias}.[{}] = @P_{n}", key.0)
        })
    }

    fn key_parameters(&self) -> String {
        let keys = self.numbered().filter(|(_, column)| column.is_key());
        list(keys, ", ", |(n, key)| format!("@P_{n} {}", key.sql_type()))
    }

    fn parameters(&self) -> String {
        list(self.numbered(), ", ", |(n, column)| {
            format!("@P_{n} {}", column.sql_type())
        })
    }

    fn key_names(&self, alias: &str) -> String {
        list(self.keys(), ", ", |key| format!("{alias}[{}]", key.0))
    }

    fn with_identity(&self, statement: &str) -> String {
        if self.keys().all(|key| key.2 != Kind::Identity) {
            return statement.to_owned();
        }
        format!(
            "SET IDENTITY_INSERT [{0}] ON; {statement}; SET IDENTITY_INSERT [{0}] OFF",
            self.name
        )
    }

    fn objects(&self, options: Options) -> Vec<String> {
        let mut batches = self.tracking();
        batches.extend(self.triggers());
        batches.extend(self.selects());
        batches.extend(self.writes());
        batches.extend(self.metadata());
        if !options.without_bulk {
            batches.extend(self.bulk());
        }
        batches
    }

    fn tracking(&self) -> Vec<String> {
        let keys = list(self.keys(), ", ", |key| {
            format!("[{}] {} NOT NULL", key.0, key.1)
        });
        vec![
            format!(
                "CREATE TABLE [{0}_tracking] ({keys}, [update_scope_local_id] int NULL, [scope_update_peer_key] int NULL, \
                 [scope_update_peer_timestamp] bigint NULL, [local_update_peer_key] int NOT NULL, [local_update_peer_timestamp] timestamp NOT NULL, \
                 [create_scope_local_id] int NULL, [scope_create_peer_key] int NULL, [scope_create_peer_timestamp] bigint NULL, \
                 [local_create_peer_key] int NOT NULL, [local_create_peer_timestamp] bigint NOT NULL, [sync_row_is_tombstone] int NOT NULL, \
                 [restore_timestamp] bigint NULL, [last_change_datetime] datetime NULL, CONSTRAINT [PK_{0}_tracking] PRIMARY KEY ({1}))",
                self.name,
                self.key_names("")
            ),
            format!(
                "CREATE INDEX [local_update_peer_timestamp_index] ON [{}_tracking] ([local_update_peer_timestamp], {})",
                self.name,
                self.key_names("")
            ),
        ]
    }

    /// They act on every write, a session's as well, and say nothing of it (no `NOCOUNT`).
    fn triggers(&self) -> Vec<String> {
        let name = self.name;
        let changed = |rows: &str, tombstone: &str| {
            format!(
                "UPDATE side SET {tombstone}{CHANGED} FROM [{name}_tracking] side JOIN {rows} ON {}",
                self.same("side", rows)
            )
        };
        let trigger = |event: &str, body: String| {
            format!("CREATE TRIGGER [{name}_{event}_trigger] ON [{name}] FOR {event} AS\n{body}")
        };
        let track = format!(
            "INSERT INTO [{name}_tracking] ({}, create_scope_local_id, local_create_peer_key, local_create_peer_timestamp, \
             update_scope_local_id, local_update_peer_key, sync_row_is_tombstone, last_change_datetime, restore_timestamp) \
             SELECT {}, NULL, 0, CONVERT(bigint, @@DBTS) + 1, NULL, 0, 0, GETDATE(), NULL FROM inserted \
             LEFT JOIN [{name}_tracking] side ON {} WHERE side.[{}] IS NULL",
            self.key_names(""),
            self.key_names("inserted."),
            self.same("side", "inserted"),
            self.keys().next().map_or("", |key| key.0),
        );
        vec![
            trigger(
                "insert",
                format!(
                    "{}\n{track}",
                    changed("inserted", "sync_row_is_tombstone = 0, ")
                ),
            ),
            trigger("update", changed("inserted", "")),
            trigger("delete", changed("deleted", "sync_row_is_tombstone = 1, ")),
        ]
    }

    fn selects(&self) -> Vec<String> {
        let columns = list(self.columns, ", ", |column| {
            let alias = if column.is_key() { "side" } else { "base" };
            format!("{alias}.[{}]", column.0)
        });
        let version = |kind: &str, tick: &str| {
            format!(
                "CASE WHEN side.{kind}_scope_local_id IS NULL OR side.{kind}_scope_local_id <> @sync_scope_local_id THEN {tick} \
                 ELSE side.scope_{kind}_peer_timestamp END AS sync_{kind}_peer_timestamp, \
                 CASE WHEN side.{kind}_scope_local_id IS NULL OR side.{kind}_scope_local_id <> @sync_scope_local_id THEN \
                 CASE WHEN side.local_{kind}_peer_key > @sync_scope_restore_count THEN @sync_scope_restore_count ELSE side.local_{kind}_peer_key END \
                 ELSE side.scope_{kind}_peer_key END AS sync_{kind}_peer_key"
            )
        };
        let rows = format!(
            "SELECT {columns}, side.sync_row_is_tombstone, side.local_update_peer_timestamp AS sync_row_timestamp, {}, {} \
             FROM [{name}] base RIGHT JOIN [{name}_tracking] side ON {}",
            version(
                "update",
                "COALESCE(side.restore_timestamp, CONVERT(bigint, side.local_update_peer_timestamp))"
            ),
            version("create", "side.local_create_peer_timestamp"),
            self.same("base", "side"),
            name = self.name,
        );
        vec![
            format!(
                "CREATE PROCEDURE [{}_selectchanges] @sync_min_timestamp bigint, @sync_scope_local_id int, @sync_scope_restore_count int, \
                 @sync_update_peer_key int AS\nBEGIN\n{rows} WHERE (side.update_scope_local_id IS NULL OR \
                 side.update_scope_local_id <> @sync_scope_local_id OR (side.update_scope_local_id = @sync_scope_local_id AND \
                 side.scope_update_peer_key <> @sync_update_peer_key)) AND CONVERT(bigint, side.local_update_peer_timestamp) > @sync_min_timestamp\nEND",
                self.name
            ),
            format!(
                "CREATE PROCEDURE [{}_selectrow] {}, @sync_scope_local_id int, @sync_scope_restore_count int AS\nBEGIN\n{rows} WHERE {}\nEND",
                self.name,
                self.key_parameters(),
                self.given("side")
            ),
        ]
    }

    fn writes(&self) -> Vec<String> {
        let name = self.name;
        let insert = format!(
            "INSERT INTO [{name}] ({}) VALUES ({}); SET @sync_row_count = @@ROWCOUNT",
            list(self.columns, ", ", |column| format!("[{}]", column.0)),
            list(self.numbered(), ", ", |(n, _)| format!("@P_{n}")),
        );
        let guarded = format!(
            "FROM [{name}] base JOIN [{name}_tracking] side ON {} WHERE \
             (CONVERT(bigint, side.local_update_peer_timestamp) <= @sync_min_timestamp OR @sync_force_write = 1) AND {}",
            self.same("base", "side"),
            self.given("base")
        );
        let set = list(self.settable(), ", ", |(n, column)| {
            format!("[{}] = @P_{n}", column.0)
        });
        let update = if set.is_empty() {
            format!("SET @sync_row_count = (SELECT COUNT(*) {guarded})")
        } else {
            format!("UPDATE base SET {set} {guarded}; SET @sync_row_count = @@ROWCOUNT")
        };
        vec![
            format!(
                "CREATE PROCEDURE [{name}_insert] {}, @sync_row_count int OUTPUT AS\nBEGIN\nSET @sync_row_count = 0; \
                 IF NOT EXISTS (SELECT * FROM [{name}_tracking] side WHERE {})\nBEGIN\n{}\nEND\nEND",
                self.parameters(),
                self.given("side"),
                self.with_identity(&insert)
            ),
            format!(
                "CREATE PROCEDURE [{name}_update] {}, @sync_force_write int, @sync_min_timestamp bigint, @sync_row_count int OUTPUT AS\n\
                 BEGIN\nSET @sync_row_count = 0; {update}\nEND",
                self.parameters()
            ),
            format!(
                "CREATE PROCEDURE [{name}_delete] {}, @sync_force_write int, @sync_min_timestamp bigint, @sync_row_count int OUTPUT AS\n\
                 BEGIN\nSET @sync_row_count = 0; DELETE base {guarded}; SET @sync_row_count = @@ROWCOUNT\nEND",
                self.key_parameters()
            ),
        ]
    }

    fn metadata(&self) -> Vec<String> {
        let (name, keys) = (self.name, self.key_parameters());
        let set = |versions: &str| {
            format!(
                "UPDATE side SET {versions} FROM [{name}_tracking] side WHERE {} AND {SAME_TICK}; SET @sync_row_count = @@ROWCOUNT",
                self.given("side")
            )
        };
        let both = format!("{UPDATE_VERSION}, {CREATE_VERSION}");
        let values = self.numbered().filter(|(_, column)| column.is_key());
        let insert = format!(
            "INSERT INTO [{name}_tracking] ({}, create_scope_local_id, scope_create_peer_key, scope_create_peer_timestamp, local_create_peer_key, \
             local_create_peer_timestamp, update_scope_local_id, scope_update_peer_key, scope_update_peer_timestamp, local_update_peer_key, \
             restore_timestamp, sync_row_is_tombstone, last_change_datetime) VALUES ({}, @sync_scope_local_id, @sync_create_peer_key, \
             @sync_create_peer_timestamp, 0, CONVERT(bigint, @@DBTS) + 1, @sync_scope_local_id, @sync_update_peer_key, \
             @sync_update_peer_timestamp, 0, NULL, @sync_row_is_tombstone, GETDATE()); SET @sync_row_count = @@ROWCOUNT",
            self.key_names(""),
            list(values, ", ", |(n, _)| format!("@P_{n}")),
        );
        vec![
            format!(
                "CREATE PROCEDURE [{name}_insertmetadata] {keys}, {METADATA_PARAMETERS} AS\nBEGIN\nSET @sync_row_count = 0; {};\n\
                 IF @sync_row_count = 0\nBEGIN\n{insert}\nEND\nEND",
                set(&both)
            ),
            format!(
                "CREATE PROCEDURE [{name}_updatemetadata] {keys}, {METADATA_PARAMETERS} AS\nBEGIN\nSET @sync_row_count = 0; \
                 DECLARE @was_tombstone int; SELECT @was_tombstone = sync_row_is_tombstone FROM [{name}_tracking] side WHERE {};\n\
                 IF @was_tombstone = 1 AND @sync_row_is_tombstone = 0\nBEGIN\n{}\nEND\nELSE\nBEGIN\n{}\nEND\nEND",
                self.given("side"),
                set(&both),
                set(UPDATE_VERSION)
            ),
            format!(
                "CREATE PROCEDURE [{name}_deletemetadata] {keys}, @sync_check_concurrency int, @sync_row_timestamp bigint, @sync_row_count int OUTPUT AS\n\
                 BEGIN\nSET @sync_row_count = 0; DELETE side FROM [{name}_tracking] side WHERE {} AND {SAME_TICK}; SET @sync_row_count = @@ROWCOUNT\nEND",
                self.given("side")
            ),
        ]
    }

    fn bulk(&self) -> Vec<String> {
        let name = self.name;
        let declared = list(self.columns, ", ", |column| {
            let null = if column.is_key() { "NOT NULL" } else { "NULL" };
            format!("[{}] {} {null}", column.0, column.1)
        });
        let bulk_type = format!(
            "CREATE TYPE [{name}_BulkType] AS TABLE ({declared}, sync_update_peer_timestamp bigint, sync_update_peer_key int, \
             sync_create_peer_timestamp bigint, sync_create_peer_key int, PRIMARY KEY ({}))",
            self.key_names("")
        );
        let keys = list(self.keys(), ", ", |key| {
            format!("[{}] {} NOT NULL", key.0, key.1)
        });
        let procedure = |suffix: &str, body: String, version: &str| {
            format!(
                "CREATE PROCEDURE [{name}_{suffix}] @sync_min_timestamp bigint, @sync_scope_local_id int, @changeTable [{name}_BulkType] READONLY AS\n\
                 BEGIN\nDECLARE @changed TABLE ({keys}, PRIMARY KEY ({}));\n{body};\n\
                 UPDATE side SET {version} FROM [{name}_tracking] side JOIN @changeTable changes ON {} JOIN @changed changed ON {};\n\
                 SELECT {} FROM @changeTable changes WHERE NOT EXISTS (SELECT * FROM @changed changed WHERE {})\nEND",
                self.key_names(""),
                self.same("side", "changes"),
                self.same("side", "changed"),
                self.key_names("changes."),
                self.same("changed", "changes"),
            )
        };
        let found = format!(
            "INSERT INTO @changed SELECT {} FROM [{name}] base JOIN [{name}_tracking] side ON {} JOIN @changeTable changes ON {} WHERE {MAY_OVERWRITE}",
            self.key_names("base."),
            self.same("base", "side"),
            self.same("base", "changes"),
        );
        let insert = format!(
            "INSERT INTO [{name}] ({}) SELECT {} FROM @changeTable changes JOIN @changed changed ON {}",
            list(self.columns, ", ", |column| format!("[{}]", column.0)),
            list(self.columns, ", ", |column| format!(
                "changes.[{}]",
                column.0
            )),
            self.same("changed", "changes"),
        );
        let inserted = format!(
            "INSERT INTO @changed SELECT {} FROM @changeTable changes LEFT JOIN [{name}_tracking] side ON {} \
             WHERE NOT EXISTS (SELECT * FROM [{name}] base WHERE {}) AND (side.local_update_peer_timestamp IS NULL OR \
             CONVERT(bigint, side.local_update_peer_timestamp) <= @sync_min_timestamp);\n{}",
            self.key_names("changes."),
            self.same("side", "changes"),
            self.same("base", "changes"),
            self.with_identity(&insert),
        );
        let set = list(self.settable(), ", ", |(_, column)| {
            format!("[{0}] = changes.[{0}]", column.0)
        });
        let updated = if set.is_empty() {
            found.clone()
        } else {
            format!(
                "{found};\nUPDATE base SET {set} FROM [{name}] base JOIN @changeTable changes ON {} JOIN @changed changed ON {}",
                self.same("base", "changes"),
                self.same("base", "changed")
            )
        };
        let deleted = format!(
            "{found};\nDELETE base FROM [{name}] base JOIN @changed changed ON {}",
            self.same("base", "changed")
        );
        vec![
            bulk_type,
            procedure(
                "bulkinsert",
                inserted,
                &format!("{BULK_UPDATE_VERSION}, {BULK_CREATE_VERSION}"),
            ),
            procedure("bulkupdate", updated, BULK_UPDATE_VERSION),
            procedure(
                "bulkdelete",
                deleted,
                &format!("sync_row_is_tombstone = 1, {BULK_UPDATE_VERSION}"),
            ),
        ]
    }

    /// All rows get the creation tick of the moment.
    fn populate(&self) -> String {
        format!(
            "DECLARE @tick bigint = CONVERT(bigint, @@DBTS) + 1; \
             INSERT INTO [{0}_tracking] ({1}, local_update_peer_key, local_create_peer_key, local_create_peer_timestamp, sync_row_is_tombstone) \
             SELECT {2}, 0, 0, @tick, 0 FROM [{0}] base LEFT JOIN [{0}_tracking] side ON {3} WHERE side.[{4}] IS NULL",
            self.name,
            self.key_names(""),
            self.key_names("base."),
            self.same("base", "side"),
            self.keys().next().map_or("", |key| key.0),
        )
    }
}

impl Column {
    fn is_key(&self) -> bool {
        matches!(self.2, Kind::Key | Kind::Identity)
    }

    /// Without the collation.
    fn sql_type(&self) -> &'static str {
        self.1.split(' ').next().unwrap_or(self.1)
    }
}

fn list<T>(
    items: impl IntoIterator<Item = T>,
    separator: &str,
    each: impl Fn(T) -> String,
) -> String {
    items
        .into_iter()
        .map(each)
        .collect::<Vec<_>>()
        .join(separator)
}

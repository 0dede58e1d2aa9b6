//! What provisioning makes, read back through the catalogue.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use sync_metadata::ScopeConfig;
use sync_provider_mssql::{
    ConnectionFactory, CreationOption, DirectConnections, MssqlError, Provisioning, TableChoice,
    Tables, TdsClient,
};

use crate::support::{Database, listed, rows, run};

const ORDERS: &str = "CREATE TABLE dbo.Orders (Region nvarchar(10) NOT NULL, Nr int NOT NULL, Total decimal(38,10) NULL, \
     Placed datetime2(3) NOT NULL, Note nvarchar(max) NULL, Twice AS (Nr * 2), Stamp rowversion, PRIMARY KEY (Nr, Region))";

/// Columns of a tracking table after the key, as (name, type, nullable).
const TRACKING: [&str; 15] = [
    "update_scope_local_id int YES",
    "scope_update_peer_key int YES",
    "scope_update_peer_timestamp bigint YES",
    "local_update_peer_key int NO",
    "local_update_peer_timestamp timestamp NO",
    "create_scope_local_id int YES",
    "scope_create_peer_key int YES",
    "scope_create_peer_timestamp bigint YES",
    "local_create_peer_key int NO",
    "local_create_peer_timestamp bigint NO",
    "sync_row_is_tombstone int NO",
    "restore_timestamp bigint YES",
    "last_change_datetime datetime YES",
    "sync_write_time bigint YES",
    "sync_writer int YES",
];

async fn columns(db: &Database, table: &str) -> Vec<String> {
    db.rows(&format!(
        "SELECT CONVERT(nvarchar(128), COLUMN_NAME), CONVERT(nvarchar(128), DATA_TYPE), CONVERT(nvarchar(3), IS_NULLABLE) \
         FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_NAME = N'{table}' ORDER BY ORDINAL_POSITION"
    ))
    .await
}

#[tokio::test]
async fn objects_are_sync_frameworks() {
    let Some(db) = Database::new("objects_are_sync_frameworks").await else {
        return;
    };
    db.execute(&[
        ORDERS,
        "INSERT INTO Orders (Region, Nr, Placed) VALUES (N'n', 1, '2020-01-01'), (N's', 2, '2020-01-02')",
    ])
    .await;
    let done = db.provision("sales", &["Orders"]).await;

    let mut expected = vec!["Region nvarchar NO".to_owned(), "Nr int NO".to_owned()];
    expected.extend(TRACKING.map(str::to_owned));
    assert_eq!(columns(&db, "Orders_tracking").await, expected);
    assert_eq!(
        columns(&db, "scope_info").await,
        [
            "scope_local_id int NO",
            "scope_id uniqueidentifier NO",
            "sync_scope_name nvarchar NO",
            "scope_sync_knowledge varbinary YES",
            "scope_tombstone_cleanup_knowledge varbinary YES",
            "scope_timestamp timestamp YES",
            "scope_config_id uniqueidentifier YES",
            "scope_restore_count int NO",
            "scope_user_comment nvarchar YES",
        ]
    );
    let key = "SELECT LOWER(i.name), LOWER(COL_NAME(c.object_id, c.column_id)) FROM sys.indexes i JOIN sys.index_columns c \
               ON c.object_id = i.object_id AND c.index_id = i.index_id WHERE i.object_id = OBJECT_ID(N'Orders_tracking') AND i.is_primary_key = ";
    assert_eq!(
        db.rows(&format!("{key} 1 ORDER BY c.key_ordinal")).await,
        ["pk_orders_tracking region", "pk_orders_tracking nr"]
    );
    let index = db.rows(&format!("{key} 0 ORDER BY c.key_ordinal")).await;
    let index: Vec<&str> = index
        .iter()
        .filter_map(|line| line.split(' ').nth(1))
        .collect();
    assert_eq!(index, ["local_update_peer_timestamp", "region", "nr"]);
    for object in [
        "insert_trigger",
        "update_trigger",
        "delete_trigger",
        "selectchanges",
        "selectrow",
        "insert",
        "update",
        "delete",
        "insertmetadata",
        "updatemetadata",
        "deletemetadata",
        "bulkinsert",
        "bulkupdate",
        "bulkdelete",
    ] {
        let found = db
            .rows(&format!(
                "SELECT 1 WHERE OBJECT_ID(N'dbo.Orders_{object}') IS NOT NULL"
            ))
            .await;
        assert_eq!(found, ["1"], "{object}");
    }
    assert_eq!(
        db.rows("SELECT 1 WHERE TYPE_ID(N'dbo.Orders_BulkType') IS NOT NULL")
            .await,
        ["1"]
    );

    // Rows that were there: one creation tick, changes of this replica.
    assert_eq!(
        db.rows(
            "SELECT Region, Nr, update_scope_local_id, local_update_peer_key, local_create_peer_key, sync_row_is_tombstone, \
             CASE WHEN last_change_datetime IS NULL THEN 'never' ELSE 'now' END FROM Orders_tracking ORDER BY Nr"
        )
        .await,
        ["n 1 NULL 0 0 0 never", "s 2 NULL 0 0 0 never"]
    );
    assert_eq!(
        db.rows("SELECT COUNT(DISTINCT local_create_peer_timestamp) FROM Orders_tracking")
            .await,
        ["1"]
    );
    assert_eq!(
        db.rows("SELECT schema_major_version, schema_minor_version, N'<' + schema_extended_info + N'>' FROM schema_info").await,
        ["2 1 <>"]
    );
    assert_eq!(
        db.rows("SELECT scope_local_id, scope_id, sync_scope_name, scope_restore_count, N'<' + scope_user_comment + N'>' FROM scope_info").await,
        [format!("1 {} sales 0 <>", done.replica)]
    );
    assert_eq!(
        db.rows("SELECT scope_status FROM scope_config").await,
        ["C"]
    );
    let stored = db
        .rows("SELECT CONVERT(nvarchar(max), config_data) FROM scope_config")
        .await;
    let config = ScopeConfig::parse(&stored[0]).unwrap();
    assert_eq!(config.description("sales").unwrap(), done.description);
    let names: Vec<&str> = done.description.tables[0]
        .columns
        .iter()
        .map(|c| c.name.as_str())
        .collect();
    // Computed and rowversion columns are left out.
    assert_eq!(names, ["Region", "Nr", "Total", "Placed", "Note"]);
}

#[tokio::test]
async fn the_script_does_what_applying_does() {
    let Some(db) = Database::new("the_script_does_what_applying_does").await else {
        return;
    };
    db.execute(&[ORDERS]).await;
    let script = listed("sales", &["dbo.Orders"])
        .script(&db.connections)
        .await
        .unwrap();
    assert!(
        db.rows("SELECT 1 WHERE OBJECT_ID(N'scope_info') IS NOT NULL")
            .await
            .is_empty()
    );
    let batches: Vec<&str> = script.iter().map(String::as_str).collect();
    db.execute(&batches).await;
    let scripted = db.objects().await;

    let Some(other) = Database::new("the_script_does_what_applying_does").await else {
        return;
    };
    other.execute(&[ORDERS]).await;
    other.provision("sales", &["dbo.Orders"]).await;
    assert_eq!(scripted.len(), other.objects().await.len());
    assert_eq!(
        db.rows("SELECT scope_status FROM scope_config").await,
        ["C"]
    );
}

#[tokio::test]
async fn prefix_and_schema() {
    let Some(db) = Database::new("prefix_and_schema").await else {
        return;
    };
    db.execute(&[
        "CREATE SCHEMA Sales",
        "CREATE SCHEMA sync",
        "CREATE TABLE Sales.Customer (Id int NOT NULL PRIMARY KEY, Name nvarchar(50))",
    ])
    .await;
    let mut order = listed("s", &["Sales.Customer"]);
    order.object_prefix = Some("p".into());
    order.object_schema = Some("sync".into());
    order.user_comment = "it's a comment".into();
    order.apply(&db.connections).await.unwrap();
    for (object, kind) in [
        ("sync.p_scope_info", "U"),
        ("sync.p_sync_waiting", "U"),
        ("sync.p_Customer_tracking", "U"),
        ("sync.p_Customer_selectchanges", "P"),
        ("Sales.p_Customer_insert_trigger", "TR"),
    ] {
        let found = db
            .rows(&format!(
                "SELECT 1 WHERE OBJECT_ID(N'{object}', N'{kind}') IS NOT NULL"
            ))
            .await;
        assert_eq!(found, ["1"], "{object}");
    }
    db.execute(&["INSERT INTO Sales.Customer VALUES (1, N'a')"])
        .await;
    assert_eq!(
        db.rows("SELECT Id FROM sync.p_Customer_tracking").await,
        ["1"]
    );
    // Found without being told where it is.
    let status = sync_provider_mssql::status(&db.connections).await.unwrap();
    assert_eq!(
        (status[0].name.as_str(), status[0].tables[0].rows),
        ("s", 1)
    );
    let (description, _) = sync_provider_mssql::describe(&db.connections, None)
        .await
        .unwrap();
    assert_eq!(description.user_comment, "it's a comment");
}

/// Not every server that tests run on can quote `]`, or blanks in a type's schema: those are left to the statements' snapshots.
#[tokio::test]
async fn hostile_names_stay_names() {
    let Some(db) = Database::new("hostile_names_stay_names").await else {
        return;
    };
    db.execute(&[
        "CREATE SCHEMA Hostile",
        "CREATE TABLE Hostile.[O'Neil \"s\" -- table; DROP TABLE x] ([the 'key'; -- ] int NOT NULL PRIMARY KEY, [select] nvarchar(20), [Ünï 💥] int)",
        "CREATE TABLE [sysLog] (Id int NOT NULL PRIMARY KEY)",
        "CREATE TABLE [a.b c] (Id int NOT NULL PRIMARY KEY)",
    ])
    .await;
    let done = Provisioning::new("it's [the] scope", Tables::All)
        .apply(&db.connections)
        .await
        .unwrap();
    assert_eq!(done.description.tables.len(), 3);
    db.execute(&[
        "INSERT INTO Hostile.[O'Neil \"s\" -- table; DROP TABLE x] VALUES (1, N'a', 2)",
        "UPDATE Hostile.[O'Neil \"s\" -- table; DROP TABLE x] SET [select] = N'b'",
        "INSERT INTO [a.b c] VALUES (1)",
        "INSERT INTO [sysLog] VALUES (1)",
        "DECLARE @n int; EXEC Hostile.[O'Neil \"s\" -- table; DROP TABLE x_insert] 2, N'c', 3, @n OUTPUT",
    ])
    .await;
    let status = sync_provider_mssql::status(&db.connections).await.unwrap();
    assert_eq!(status[0].name, "it's [the] scope");
    let mut rows: Vec<u64> = status[0].tables.iter().map(|table| table.rows).collect();
    rows.sort_unstable();
    assert_eq!(rows, [1, 1, 2]);
}

#[tokio::test]
async fn options_leave_out_what_they_say() {
    let Some(db) = Database::new("options_leave_out_what_they_say").await else {
        return;
    };
    db.execute(&[
        ORDERS,
        "INSERT INTO Orders (Region, Nr, Placed) VALUES (N'n', 1, '2020-01-01')",
    ])
    .await;
    let mut order = listed("sales", &["Orders"]);
    order.options.use_bulk_procedures = false;
    order.options.populate_tracking_tables = CreationOption::Skip;
    order.apply(&db.connections).await.unwrap();
    assert!(db.rows("SELECT 1 WHERE TYPE_ID(N'Orders_BulkType') IS NOT NULL OR OBJECT_ID(N'Orders_bulkinsert') IS NOT NULL").await.is_empty());
    assert_eq!(db.rows("SELECT COUNT(*) FROM Orders_tracking").await, ["0"]);
    let stored = db
        .rows("SELECT CONVERT(nvarchar(max), config_data) FROM scope_config")
        .await;
    assert!(!stored[0].contains("Bulk"), "{}", stored[0]);
}

#[tokio::test]
async fn warnings_name_what_to_mind() {
    let Some(db) = Database::new("warnings_name_what_to_mind").await else {
        return;
    };
    db.execute(&[
        "CREATE TABLE T (Id int IDENTITY(1,1) NOT NULL PRIMARY KEY, A int)",
        "CREATE TRIGGER Audit ON T FOR INSERT AS SELECT 1",
    ])
    .await;
    let done = db.provision("s", &["T"]).await;
    assert_eq!(done.warnings.len(), 2, "{:?}", done.warnings);
    assert!(
        done.warnings[0].contains("numbers its rows by itself"),
        "{:?}",
        done.warnings
    );
    assert!(
        done.warnings[1].to_lowercase().contains("audit"),
        "{:?}",
        done.warnings
    );
}

#[tokio::test]
async fn columns_can_be_chosen() {
    let Some(db) = Database::new("columns_can_be_chosen").await else {
        return;
    };
    db.execute(&["CREATE TABLE T (Id int NOT NULL PRIMARY KEY, A int, B int)"])
        .await;
    let choice = TableChoice {
        table: "t".into(),
        global_name: Some("[Shared].[Things]".into()),
        columns: Some(vec!["b".into()]),
    };
    let done = Provisioning::new("s", Tables::Listed(vec![choice]))
        .apply(&db.connections)
        .await
        .unwrap();
    let table = &done.description.tables[0];
    let names: Vec<&str> = table
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    // As the database writes them, not as they were asked for.
    assert_eq!(
        (
            table.local_name.quoted().as_str(),
            table.global_name.as_str()
        ),
        ("[T]", "[Shared].[Things]")
    );
    assert_eq!(names, ["Id", "B"]);
}

/// Hands out one connection that was used before, and left in this isolation level.
#[derive(Debug)]
struct UsedBefore {
    inner: DirectConnections,
    client: Mutex<Option<TdsClient>>,
}

impl UsedBefore {
    async fn new(db: &Database, level: &str) -> Self {
        let mut client = db.client().await;
        run(&mut client, "SELECT 1").await;
        let level = format!("SET TRANSACTION ISOLATION LEVEL {level}");
        run(&mut client, &level).await;
        UsedBefore {
            inner: db.connections.clone(),
            client: Mutex::new(Some(client)),
        }
    }
}

#[async_trait]
impl ConnectionFactory for UsedBefore {
    fn server(&self) -> String {
        self.inner.server()
    }

    async fn connect(&self) -> Result<TdsClient, MssqlError> {
        let used = self.client.lock().unwrap().take();
        match used {
            Some(client) => Ok(client),
            None => self.inner.connect().await,
        }
    }
}

/// A row that another connection has inserted and not yet committed gets its tracking row, whatever state a pool hands a connection over in.
#[tokio::test]
async fn a_writer_under_way_is_waited_for() {
    let Some(db) = Database::new("a_writer_under_way_is_waited_for").await else {
        return;
    };
    for (number, level) in ["READ COMMITTED", "SNAPSHOT"].into_iter().enumerate() {
        let table = format!("T{number}");
        let create = format!("CREATE TABLE {table} (Id int NOT NULL PRIMARY KEY, A int)");
        db.execute(&[&create]).await;
        let mut writer = db.client().await;
        run(&mut writer, "BEGIN TRANSACTION").await;
        run(&mut writer, &format!("INSERT INTO {table} VALUES (1, 1)")).await;
        let connections = UsedBefore::new(&db, level).await;
        let choice = TableChoice {
            table: table.clone(),
            global_name: None,
            columns: None,
        };
        let provisioning = Provisioning::new(&table, Tables::Listed(vec![choice]));
        let provisioning = provisioning.apply(&connections);
        let writing = async {
            tokio::time::sleep(Duration::from_millis(700)).await;
            run(&mut writer, "COMMIT").await;
        };
        let (provisioned, ()) = tokio::join!(provisioning, writing);
        provisioned.unwrap();
        let tracked = format!("SELECT Id FROM {table}_tracking");
        assert_eq!(rows(&mut writer, &tracked).await, ["1"], "{level}");
    }
}

#[tokio::test]
async fn key_collations_are_the_tables() {
    let Some(db) = Database::new("key_collations_are_the_tables").await else {
        return;
    };
    db.execute(&["CREATE TABLE T (Id nvarchar(20) COLLATE Latin1_General_BIN2 NOT NULL PRIMARY KEY, A varchar(10) COLLATE Greek_CI_AS NULL)"]).await;
    db.provision("s", &["T"]).await;
    db.execute(&[
        "INSERT INTO T VALUES (N'a', 'x'), (N'A', 'y')",
        "UPDATE T SET A = 'z' WHERE Id = N'A'",
    ])
    .await;
    assert_eq!(
        db.rows("SELECT Id FROM T_tracking ORDER BY Id").await,
        ["A", "a"]
    );
    db.execute(&["DECLARE @t T_BulkType; INSERT INTO @t VALUES (N'b', 'x', 1, 1, 1, 1), (N'B', 'x', 1, 1, 1, 1); EXEC T_bulkinsert 0, 1, @t"]).await;
    assert_eq!(db.rows("SELECT COUNT(*) FROM T").await, ["4"]);
}

//! Tables made like those of another replica's scope.

use sync_metadata::{ColumnDescription, ScopeDescription, TableDescription, TableName};
use sync_provider_mssql::{Provisioning, Tables, Template, describe};

use crate::support::Database;

const SHOP: [&str; 5] = [
    "CREATE SCHEMA Sales",
    "CREATE TABLE Sales.Customer (Id uniqueidentifier NOT NULL PRIMARY KEY DEFAULT newid(), Name nvarchar(50) NOT NULL, Code varchar(10) COLLATE Latin1_General_BIN2 NOT NULL UNIQUE)",
    "CREATE TABLE dbo.[Order] (Nr int IDENTITY(10,5) NOT NULL, Region char(2) NOT NULL, Customer uniqueidentifier NULL REFERENCES Sales.Customer (Id) ON DELETE CASCADE, \
     Total decimal(19,4) NOT NULL DEFAULT 0, PRIMARY KEY (Region, Nr))",
    "INSERT INTO Sales.Customer (Name, Code) VALUES (N'a', 'x')",
    "INSERT INTO dbo.[Order] (Region) VALUES ('n')",
];

#[tokio::test]
async fn like_another_sql_server() {
    let Some(a) = Database::new("like_another_sql_server").await else {
        return;
    };
    let Some(b) = Database::new("like_another_sql_server").await else {
        return;
    };
    a.execute(&SHOP).await;
    // Parents come first although their names do not.
    let done = Provisioning::new("shop", Tables::All)
        .apply(&a.connections)
        .await
        .unwrap();
    let names: Vec<&str> = done
        .description
        .tables
        .iter()
        .map(|table| table.global_name.as_str())
        .collect();
    assert_eq!(names, ["[Sales].[Customer]", "[Order]"]);
    let (scope, templates) = describe(&a.connections, Some("shop")).await.unwrap();
    let copy = Provisioning::new("shop", Tables::Like(scope, templates))
        .apply(&b.connections)
        .await
        .unwrap();
    assert_ne!(copy.replica, done.replica);
    let columns = "SELECT CONVERT(nvarchar(50), TABLE_NAME), CONVERT(nvarchar(50), COLUMN_NAME), CONVERT(nvarchar(50), DATA_TYPE), \
                   CHARACTER_MAXIMUM_LENGTH, CONVERT(nvarchar(50), COLLATION_NAME), CONVERT(nvarchar(3), IS_NULLABLE) FROM INFORMATION_SCHEMA.COLUMNS \
                   WHERE TABLE_NAME IN (N'Customer', N'Order') ORDER BY TABLE_NAME, ORDINAL_POSITION";
    assert_eq!(a.rows(columns).await, b.rows(columns).await);
    assert_eq!(b.rows("SELECT COUNT(*) FROM sys.foreign_keys").await, ["1"]);
    b.execute(&[
        "INSERT INTO Sales.Customer (Name, Code) VALUES (N'a', 'x'), (N'a', 'X')",
        "INSERT INTO dbo.[Order] (Region) VALUES ('n')",
    ])
    .await;
    assert_eq!(b.rows("SELECT Nr FROM dbo.[Order]").await, ["10"]);
    // Provisioned over existing tables it takes them as they are.
    let (scope, templates) = describe(&b.connections, None).await.unwrap();
    assert_eq!(scope, copy.description);
    let again = ScopeDescription::new("again", scope.tables).unwrap();
    Provisioning::new("again", Tables::Like(again, templates))
        .apply(&b.connections)
        .await
        .unwrap();
}

/// Keys of another engine that differ in case only stay two rows.
#[tokio::test]
async fn like_another_engine() {
    let Some(db) = Database::new("like_another_engine").await else {
        return;
    };
    let columns = vec![
        ColumnDescription::key("Code", "nvarchar(max)".parse().unwrap()),
        ColumnDescription::new("Any", "sql_variant".parse().unwrap()),
        ColumnDescription::new("Data", "varbinary(max)".parse().unwrap()),
    ];
    let local = TableName::new(None, "Music_Album").unwrap();
    let album = TableDescription::new(local, "[Music].[Album]", columns).unwrap();
    let scope = ScopeDescription::new("music", vec![album]).unwrap();
    let done = Provisioning::new("music", Tables::Like(scope, Template::default()))
        .apply(&db.connections)
        .await
        .unwrap();
    assert!(
        done.warnings[0].contains("nvarchar(450)"),
        "{:?}",
        done.warnings
    );
    db.execute(&[
        "INSERT INTO Music.Album (Code) VALUES (N'a'), (N'A')",
        "UPDATE Music.Album SET [Any] = 5",
    ])
    .await;
    assert_eq!(
        db.rows("SELECT COUNT(*) FROM Music.Album_tracking").await,
        ["2"]
    );
}

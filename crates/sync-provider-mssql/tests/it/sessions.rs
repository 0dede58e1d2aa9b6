//! Sessions between two databases.

use std::sync::Arc;

use sync_orchestrator::SyncOrchestrator;
use sync_provider_mssql::MssqlProvider;

use crate::support::Database;

const TABLES: &[&str] = &[
    "CREATE TABLE Kind (Id int NOT NULL PRIMARY KEY, Name nvarchar(20) NOT NULL)",
    "CREATE TABLE Item (Id uniqueidentifier NOT NULL PRIMARY KEY, Kind int NULL REFERENCES Kind (Id), Parent uniqueidentifier NULL REFERENCES Item (Id), \
     Code varchar(9) NULL, Price money NULL, Amount decimal(38,10) NULL, Weight float NULL, Small real NULL, Made datetime NULL, Seen datetime2(6) NULL, \
     Day date NULL, Hour time(6) NULL, Zone datetimeoffset(6) NULL, Note nvarchar(max) NULL, Picture varbinary(max) NULL, Flag bit NULL)",
];

fn provider(database: &Database) -> Arc<MssqlProvider> {
    Arc::new(MssqlProvider::with_connections(Arc::new(database.connections.clone()), Some("shop")))
}

#[tokio::test]
async fn rows_travel_both_ways() {
    let (Some(a), Some(b)) = (Database::new("rows_travel_both_ways").await, Database::new("rows_travel_both_ways").await) else {
        return;
    };
    for database in [&a, &b] {
        database.execute(TABLES).await;
        database.provision("shop", &["Kind", "Item"]).await;
    }
    a.execute(&[
        "INSERT INTO Kind VALUES (1, N'one'), (2, N'zwei €')",
        "INSERT INTO Item VALUES ('6f9619ff-8b86-d011-b42d-00c04fc964ff', 1, NULL, 'abc', 922337203685477.5807, 1234567890123456789012345678.0123456789, 0.1, 0.25, \
         '2024-02-29T12:00:00.997', '2024-02-29T12:00:00.123456', '2024-02-29', '10:20:30.123456', '2024-02-29T12:00:00.123456+02:00', N'a \"quoted\" \\ text', 0x00ff10, 1)",
        "INSERT INTO Item (Id, Kind, Parent) VALUES ('7f9619ff-8b86-d011-b42d-00c04fc964ff', 2, '6f9619ff-8b86-d011-b42d-00c04fc964ff')",
    ])
    .await;
    b.execute(&["INSERT INTO Kind VALUES (3, N'three')"]).await;
    let done = SyncOrchestrator::new(provider(&a), provider(&b)).synchronize().await.unwrap();
    println!("{:?} {:?}", done.upload, done.download);
    for table in ["Kind", "Item"] {
        let all = format!("SELECT * FROM {table} ORDER BY Id");
        assert_eq!(a.rows(&all).await, b.rows(&all).await);
    }
    assert_eq!(a.rows("SELECT COUNT(*) FROM Kind").await, ["3"]);
    a.execute(&["UPDATE Kind SET Name = N'ONE' WHERE Id = 1", "DELETE FROM Item WHERE Parent IS NOT NULL"]).await;
    b.execute(&["UPDATE Kind SET Name = N'uno' WHERE Id = 1", "UPDATE Item SET Weight = 2.5 WHERE Parent IS NULL"]).await;
    for _ in 0..2 {
        let done = SyncOrchestrator::new(provider(&a), provider(&b)).synchronize().await.unwrap();
        println!("{:?} {:?}", done.upload, done.download);
    }
    for table in ["Kind", "Item"] {
        let all = format!("SELECT * FROM {table} ORDER BY Id");
        assert_eq!(a.rows(&all).await, b.rows(&all).await);
    }
    assert_eq!(a.rows("SELECT COUNT(*), MAX(Weight) FROM Item").await, ["1 2.5"]);
}

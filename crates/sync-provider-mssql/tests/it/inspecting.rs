//! Looks at a scope: `status` and the reader of a comparison.

use sync_knowledge::ReplicaKey;
use sync_metadata::{Value, ValueRef};
use sync_provider_mssql::{MssqlReader, status};
use sync_relational::{ProvisionedBy, ReplicaReader as _};

use crate::support::Database;

const TABLE: &str =
    "CREATE TABLE dbo.CUSTOMER (CUSTOMER_ID int NOT NULL PRIMARY KEY, NAME varchar(50) NULL)";

#[tokio::test]
async fn a_reader_shows_rows_versions_and_deletions() {
    let Some(db) = Database::new("a_reader_shows_rows_versions_and_deletions").await else {
        return;
    };
    db.execute(&[
        "CREATE TABLE dbo.T (Id int NOT NULL PRIMARY KEY, A int NULL)",
        "INSERT INTO T VALUES (1, 10), (2, NULL), (3, 30), (4, 40)",
    ])
    .await;
    db.provision("s", &["T"]).await;
    db.execute(&[
        "DELETE FROM T WHERE Id = 3",
        "ALTER TABLE T DISABLE TRIGGER T_insert_trigger",
        "INSERT INTO T VALUES (9, 90)",
        "ALTER TABLE T ENABLE TRIGGER T_insert_trigger",
        "UPDATE T_tracking SET update_scope_local_id = 1, scope_update_peer_key = 2, scope_update_peer_timestamp = 77 WHERE Id = 2",
    ])
    .await;
    let mut reader = MssqlReader::open(&db.connections, None).await.unwrap();
    let mut found = Vec::new();
    reader
        .visit(0, &mut |row| {
            let row = row.expect("a row that can be read");
            let key: Vec<Value> = row.key.values().map(Value::from).collect();
            let cells = row
                .cells
                .map(|cells| cells.values().map(Value::from).collect::<Vec<_>>());
            found.push((
                key,
                cells,
                row.facts.update.replica,
                row.facts.update.tick == 77,
            ));
        })
        .await
        .unwrap();
    found.sort_by_key(|row| format!("{:?}", row.0));
    let (own, two) = (ReplicaKey::LOCAL, ReplicaKey(2));
    let key = |key: i64| vec![Value::Integer(key)];
    assert_eq!(
        found,
        [
            (
                key(1),
                Some(vec![Value::Integer(1), Value::Integer(10)]),
                own,
                false
            ),
            (
                key(2),
                Some(vec![Value::Integer(2), Value::Null]),
                two,
                true
            ),
            (key(3), None, own, false),
            (
                key(4),
                Some(vec![Value::Integer(4), Value::Integer(40)]),
                own,
                false
            ),
        ]
    );
    let mut untracked = Vec::new();
    reader
        .visit_untracked(0, &mut |row| {
            let (key, _) = row.expect("a row that can be read");
            untracked.push(key.values().next() == Some(ValueRef::Integer(9)));
        })
        .await
        .unwrap();
    assert_eq!(untracked, [true]);
    let (knowledge, tick) = reader.knowledge_bytes().await.unwrap();
    assert!(knowledge.is_none() && tick > 0);
}

/// What Sync Framework 2.1 makes has none of our tables and columns.
#[tokio::test]
async fn a_database_of_sync_framework_is_read_as_it_is() {
    let Some(db) = Database::new("a_database_of_sync_framework_is_read_as_it_is").await else {
        return;
    };
    let config = r#"<SqlSyncProviderScopeConfiguration xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema" IsTemplate="false"><Adapter Name="[CUSTOMER]" GlobalName="[CUSTOMER]" TrackingTable="[CUSTOMER_tracking]" SelChngProc="[CUSTOMER_selectchanges]" InsTrig="[CUSTOMER_insert_trigger]" UpdTrig="[CUSTOMER_update_trigger]" DelTrig="[CUSTOMER_delete_trigger]"><Col name="CUSTOMER_ID" type="int" param="@P_1" pk="true" /><Col name="NAME" type="varchar" size="50" null="true" param="@P_2" /></Adapter></SqlSyncProviderScopeConfiguration>"#;
    let row = format!(
        "INSERT INTO scope_config VALUES ('00000000-0000-0000-0000-000000000001', N'{config}', 'C')"
    );
    db.execute(&[
        TABLE,
        "CREATE TABLE scope_info (scope_local_id int IDENTITY(1,1) NOT NULL, scope_id uniqueidentifier NOT NULL DEFAULT newid(), sync_scope_name nvarchar(100) NOT NULL PRIMARY KEY, scope_sync_knowledge varbinary(max), scope_tombstone_cleanup_knowledge varbinary(max), scope_timestamp timestamp, scope_config_id uniqueidentifier, scope_restore_count int NOT NULL DEFAULT 0, scope_user_comment nvarchar(max))",
        "CREATE TABLE scope_config (config_id uniqueidentifier NOT NULL PRIMARY KEY, config_data xml NOT NULL, scope_status char(1))",
        "CREATE TABLE schema_info (schema_major_version int NOT NULL, schema_minor_version int NOT NULL, schema_extended_info nvarchar(100) NOT NULL)",
        "INSERT INTO schema_info VALUES (2, 1, N'')",
        &row,
        "INSERT INTO scope_info (sync_scope_name, scope_sync_knowledge, scope_config_id) VALUES (N'MySyncScope', 0x0102, '00000000-0000-0000-0000-000000000001')",
        "CREATE TABLE CUSTOMER_tracking (CUSTOMER_ID int NOT NULL PRIMARY KEY, update_scope_local_id int, scope_update_peer_key int, scope_update_peer_timestamp bigint, local_update_peer_key int NOT NULL, local_update_peer_timestamp timestamp NOT NULL, create_scope_local_id int, scope_create_peer_key int, scope_create_peer_timestamp bigint, local_create_peer_key int NOT NULL, local_create_peer_timestamp bigint NOT NULL, sync_row_is_tombstone int NOT NULL, restore_timestamp bigint, last_change_datetime datetime)",
        "CREATE TRIGGER CUSTOMER_insert_trigger ON CUSTOMER FOR INSERT AS INSERT INTO CUSTOMER_tracking (CUSTOMER_ID, local_update_peer_key, local_create_peer_key, local_create_peer_timestamp, sync_row_is_tombstone) SELECT CUSTOMER_ID, 0, 0, 1, 0 FROM inserted",
        "CREATE TRIGGER CUSTOMER_update_trigger ON CUSTOMER FOR UPDATE AS SELECT 1 WHERE 1 = 0",
        "CREATE TRIGGER CUSTOMER_delete_trigger ON CUSTOMER FOR DELETE AS SELECT 1 WHERE 1 = 0",
        "INSERT INTO CUSTOMER VALUES (1, 'a')",
    ])
    .await;
    let found = status(&db.connections).await.unwrap().remove(0);
    assert_eq!(found.provisioned_by, ProvisionedBy::Msf);
    assert_eq!(
        (found.name.as_str(), found.metadata_version.as_str()),
        ("MySyncScope", "2.1")
    );
    assert_eq!(
        (found.knowledge, found.tables[0].rows),
        (Some(vec![1, 2]), 1)
    );
    // A scope of ours beside it shares the tracking table and leaves its triggers.
    let before = db.rows("SELECT COUNT(*) FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_NAME = N'CUSTOMER_tracking'").await;
    db.provision("ours", &["CUSTOMER"]).await;
    assert_eq!(before, db.rows("SELECT COUNT(*) FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_NAME = N'CUSTOMER_tracking'").await);
    db.execute(&["INSERT INTO CUSTOMER VALUES (2, 'b')"]).await;
    let rows: Vec<u64> = status(&db.connections)
        .await
        .unwrap()
        .iter()
        .map(|scope| scope.tables[0].rows)
        .collect();
    assert_eq!(rows, [2, 2]);
}

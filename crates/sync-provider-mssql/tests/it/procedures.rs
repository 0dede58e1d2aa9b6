//! The procedures, called with Sync Framework's parameters as its own provider calls them.

use sync_provider_mssql::TdsClient;

use crate::support::{Database, rows, run};

const SCOPE: &str = "1";

/// Runs a procedure that says how many rows it wrote.
async fn count(client: &mut TdsClient, call: &str) -> String {
    let sql = format!("SET NOCOUNT ON; DECLARE @n int; EXEC {call}, @n OUTPUT; SELECT @n");
    rows(client, &sql).await.join("|")
}

async fn database(test: &str) -> Option<(Database, TdsClient)> {
    let db = Database::new(test).await?;
    db.execute(&[
        "CREATE TABLE T (Id int IDENTITY(1,1) NOT NULL PRIMARY KEY, A nvarchar(20) NULL, B decimal(38,10) NULL)",
        "CREATE TABLE K (X int NOT NULL, Y nvarchar(5) NOT NULL, PRIMARY KEY (Y, X))",
        "INSERT INTO T (A) VALUES (N'one'), (N'two'), (N'three')",
        "INSERT INTO K VALUES (1, N'a')",
    ])
    .await;
    db.provision("s", &["T", "K"]).await;
    let client = db.client().await;
    Some((db, client))
}

#[tokio::test]
async fn single_rows() {
    let Some((_db, mut client)) = database("single_rows").await else {
        return;
    };
    let c = &mut client;
    // Insert: only keys that were never seen.
    assert_eq!(count(c, "T_insert 10, N'ten', 1.5").await, "1");
    assert_eq!(count(c, "T_insert 10, N'other', 1.5").await, "0");
    run(c, "DELETE FROM T WHERE Id = 2").await;
    assert_eq!(count(c, "T_insert 2, N'back', NULL").await, "0");
    assert_eq!(
        rows(c, "SELECT A FROM T ORDER BY Id").await,
        ["one", "three", "ten"]
    );

    // Update and delete: only rows that were not changed since, or with force.
    let tick = rows(
        c,
        "SELECT CONVERT(bigint, local_update_peer_timestamp) FROM T_tracking WHERE Id = 1",
    )
    .await
    .remove(0);
    let tick: i64 = tick.parse().unwrap();
    assert_eq!(
        count(c, &format!("T_update 1, N'uno', 2, 0, {}", tick - 1)).await,
        "0"
    );
    assert_eq!(
        count(c, &format!("T_update 1, N'uno', 2, 0, {tick}")).await,
        "1"
    );
    assert_eq!(count(c, "T_update 1, N'eins', 2, 1, 0").await, "1");
    assert_eq!(count(c, "T_update 77, N'none', 2, 1, 0").await, "0");
    assert_eq!(count(c, "T_delete 3, 0, 0").await, "0");
    assert_eq!(count(c, "T_delete 3, 1, 0").await, "1");
    assert_eq!(
        rows(c, "SELECT Id, A FROM T ORDER BY Id").await,
        ["1 eins", "10 ten"]
    );

    // A table of key columns only has nothing to set.
    assert_eq!(count(c, "K_update 1, N'a', 0, 0").await, "0");
    assert_eq!(count(c, "K_update 1, N'a', 1, 0").await, "1");
    assert_eq!(count(c, "K_insert 2, N'b'").await, "1");
    assert_eq!(
        rows(c, "SELECT X, Y FROM K ORDER BY X").await,
        ["1 a", "2 b"]
    );
}

const VERSION: &str = "SELECT create_scope_local_id, scope_create_peer_key, scope_create_peer_timestamp, update_scope_local_id, \
     scope_update_peer_key, scope_update_peer_timestamp, local_update_peer_key, sync_row_is_tombstone FROM T_tracking WHERE Id = ";

#[tokio::test]
async fn metadata_of_single_rows() {
    let Some((_db, mut client)) = database("metadata_of_single_rows").await else {
        return;
    };
    let c = &mut client;
    // Parameters: key, scope, tombstone, create key and tick, update key and tick, check, row timestamp.
    assert_eq!(
        count(
            c,
            &format!("T_insertmetadata 1, {SCOPE}, 0, 2, 20, 3, 30, 0, 0")
        )
        .await,
        "1"
    );
    assert_eq!(
        rows(c, &format!("{VERSION} 1")).await,
        ["1 2 20 1 3 30 0 0"]
    );
    // A deletion of a row that was never seen.
    assert_eq!(
        count(
            c,
            &format!("T_insertmetadata 9, {SCOPE}, 1, 2, 20, 3, 30, 0, 0")
        )
        .await,
        "1"
    );
    assert_eq!(
        rows(c, &format!("{VERSION} 9")).await,
        ["1 2 20 1 3 30 0 1"]
    );
    // Only if nobody wrote since.
    assert_eq!(
        count(
            c,
            &format!("T_insertmetadata 1, {SCOPE}, 0, 5, 50, 6, 60, 1, 1")
        )
        .await,
        "0"
    );
    assert_eq!(
        count(
            c,
            &format!("T_updatemetadata 1, {SCOPE}, 0, 5, 50, 6, 60, 1, 1")
        )
        .await,
        "0"
    );
    assert_eq!(count(c, "T_deletemetadata 1, 1, 1").await, "0");
    // An update keeps the creation version; a return from the dead brings its own.
    assert_eq!(
        count(
            c,
            &format!("T_updatemetadata 1, {SCOPE}, 0, 5, 50, 6, 60, 0, 0")
        )
        .await,
        "1"
    );
    assert_eq!(
        rows(c, &format!("{VERSION} 1")).await,
        ["1 2 20 1 6 60 0 0"]
    );
    assert_eq!(
        count(
            c,
            &format!("T_updatemetadata 9, {SCOPE}, 0, 5, 50, 6, 60, 0, 0")
        )
        .await,
        "1"
    );
    assert_eq!(
        rows(c, &format!("{VERSION} 9")).await,
        ["1 5 50 1 6 60 0 0"]
    );
    assert_eq!(
        count(
            c,
            &format!("T_updatemetadata 77, {SCOPE}, 0, 5, 50, 6, 60, 0, 0")
        )
        .await,
        "0"
    );
    assert_eq!(count(c, "T_deletemetadata 9, 0, 0").await, "1");
    assert_eq!(rows(c, &format!("{VERSION} 9")).await, Vec::<String>::new());
}

/// Versions as a scope sees them: through it as they came, otherwise changes of this replica with the key of an incarnation it knows.
#[tokio::test]
async fn enumeration() {
    let Some((_db, mut client)) = database("enumeration").await else {
        return;
    };
    let c = &mut client;
    run(c, "DELETE FROM T WHERE Id = 2").await;
    run(c, "UPDATE T_tracking SET update_scope_local_id = 1, scope_update_peer_key = 3, scope_update_peer_timestamp = 30, \
            create_scope_local_id = 1, scope_create_peer_key = 2, scope_create_peer_timestamp = 20 WHERE Id = 1").await;
    run(c, "UPDATE T_tracking SET local_update_peer_key = 2, local_create_peer_key = 2, restore_timestamp = 7, local_create_peer_timestamp = 5 WHERE Id = 3").await;
    let shape = |call: &str| {
        format!(
            "DECLARE @t TABLE (Id int, A nvarchar(20), B decimal(38,10), dead int, stamp binary(8), ut bigint, uk int, ct bigint, ck int); \
             INSERT INTO @t EXEC {call}; SELECT Id, A, dead, CASE WHEN ut = CONVERT(bigint, stamp) THEN N'own' ELSE CONVERT(nvarchar(20), ut) END, uk, \
             CASE WHEN Id = 2 THEN 0 ELSE ct END, ck FROM @t ORDER BY Id"
        )
    };
    // Min timestamp, scope, restore count, key of the one that asks.
    assert_eq!(
        rows(c, &shape("T_selectchanges 0, 1, 1, 4")).await,
        [
            "1 one 0 30 3 20 2",
            "2 NULL 1 own 0 0 0",
            "3 three 0 7 1 5 1"
        ]
    );
    // What came from the one that asks is not sent back to it.
    assert_eq!(
        rows(c, &shape("T_selectchanges 0, 1, 0, 3")).await,
        ["2 NULL 1 own 0 0 0", "3 three 0 7 0 5 0"]
    );
    let last = rows(
        c,
        "SELECT MAX(CONVERT(bigint, local_update_peer_timestamp)) FROM T_tracking",
    )
    .await
    .remove(0);
    assert_eq!(
        rows(c, &shape(&format!("T_selectchanges {last}, 1, 0, 3"))).await,
        Vec::<String>::new()
    );
    assert_eq!(
        rows(c, &shape("T_selectrow 1, 1, 0")).await,
        ["1 one 0 30 3 20 2"]
    );
    // Another scope takes it for a change of this replica.
    assert_eq!(
        rows(c, &shape("T_selectrow 3, 2, 2")).await,
        ["3 three 0 7 2 5 2"]
    );
}

/// Each returns the keys that it did not write.
#[tokio::test]
async fn many_rows() {
    let Some((_db, mut client)) = database("many_rows").await else {
        return;
    };
    let c = &mut client;
    let mut call = async |procedure: &str, min: &str, values: &str| {
        let sql = format!(
            "SET NOCOUNT ON; DECLARE @t T_BulkType; INSERT INTO @t VALUES {values}; EXEC {procedure} {min}, {SCOPE}, @t"
        );
        rows(c, &sql).await.join(" ")
    };
    // Row, update tick and key, create tick and key.
    assert_eq!(call("T_bulkinsert", "0", "(1, N'x', NULL, 30, 3, 20, 2), (11, N'k', 1, 30, 3, 20, 2), (12, N'l', 2, 31, 3, 21, 2)").await, "1");
    assert_eq!(call("T_bulkupdate", "0", "(1, N'x', NULL, 40, 3, 20, 2), (11, N'kk', 1, 40, 3, 20, 2), (77, N'', 1, 40, 3, 20, 2)").await, "1 77");
    assert_eq!(
        call(
            "T_bulkupdate",
            "9223372036854775807",
            "(1, N'x', NULL, 40, 5, 20, 2)"
        )
        .await,
        ""
    );
    assert_eq!(
        call(
            "T_bulkdelete",
            "0",
            "(12, N'', NULL, 50, 3, 20, 2), (2, N'', NULL, 50, 3, 20, 2)"
        )
        .await,
        "2"
    );
    let c = &mut client;
    assert_eq!(
        rows(c, "SELECT Id, A FROM T ORDER BY Id").await,
        ["1 x", "2 two", "3 three", "11 kk"]
    );
    assert_eq!(
        rows(c, &format!("{VERSION} 1")).await,
        ["NULL NULL NULL 1 5 40 0 0"]
    );
    assert_eq!(
        rows(c, &format!("{VERSION} 11")).await,
        ["1 2 20 1 3 40 0 0"]
    );
    assert_eq!(
        rows(c, &format!("{VERSION} 12")).await,
        ["1 2 21 1 3 50 0 1"]
    );
    run(c, "DECLARE @k K_BulkType; INSERT INTO @k VALUES (5, N'e', 1, 1, 1, 1); EXEC K_bulkinsert 0, 1, @k; EXEC K_bulkupdate 0, 1, @k; EXEC K_bulkdelete 0, 1, @k").await;
    assert_eq!(
        rows(
            c,
            "SELECT X, sync_row_is_tombstone FROM K_tracking ORDER BY X"
        )
        .await,
        ["1 0", "5 1"]
    );
}

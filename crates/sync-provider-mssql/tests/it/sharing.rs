//! Several scopes over one table.

use sync_metadata::ScopeConfig;
use sync_provider_mssql::{CreationOption, Deprovisioning, Provisioning, Tables};

use crate::support::{Database, listed};

fn columns(scope: &str, names: &[&str]) -> Provisioning {
    let mut order = listed(scope, &["T"]);
    if let Tables::Listed(choices) = &mut order.tables {
        choices[0].columns = Some(names.iter().map(|&name| name.to_owned()).collect());
    }
    order
}

async fn config(db: &Database, scope: &str) -> ScopeConfig {
    let sql = format!(
        "SELECT CONVERT(nvarchar(max), config_data) FROM scope_config c JOIN scope_info i ON i.scope_config_id = c.config_id \
         WHERE i.sync_scope_name = N'{scope}'"
    );
    ScopeConfig::parse(&db.rows(&sql).await[0]).unwrap()
}

#[tokio::test]
async fn two_scopes_share_a_table() {
    let Some(db) = Database::new("two_scopes_share_a_table").await else {
        return;
    };
    db.execute(&[
        "CREATE TABLE T (Id int NOT NULL PRIMARY KEY, A int, B int)",
        "INSERT INTO T VALUES (1, 1, 1)",
    ])
    .await;
    columns("first", &["A"])
        .apply(&db.connections)
        .await
        .unwrap();
    let before = db.objects().await;
    let ticks = "SELECT Id, CONVERT(bigint, local_update_peer_timestamp) FROM T_tracking";
    let first_ticks = db.rows(ticks).await;

    // The same columns: everything is shared.
    columns("same", &["A"])
        .apply(&db.connections)
        .await
        .unwrap();
    assert_eq!(db.objects().await, before);
    assert_eq!(db.rows(ticks).await, first_ticks);
    let (first, same) = (config(&db, "first").await, config(&db, "same").await);
    assert_eq!(first.adapters[0].objects, same.adapters[0].objects);

    // B is tracked from now on, in the one tracking table.
    db.execute(&["UPDATE T SET B = 2"]).await;
    assert_eq!(db.rows(ticks).await, first_ticks);
    columns("more", &["B"])
        .apply(&db.connections)
        .await
        .unwrap();
    db.execute(&["UPDATE T SET B = 3"]).await;
    let ticked = db.rows(ticks).await;
    assert_ne!(ticked, first_ticks);
    db.execute(&["UPDATE T SET A = 3"]).await;
    assert_ne!(db.rows(ticks).await, ticked);
    let more = config(&db, "more").await;
    assert_eq!(
        more.adapters[0].tracking_table,
        first.adapters[0].tracking_table
    );
    assert_ne!(
        more.adapters[0].objects.insert,
        first.adapters[0].objects.insert
    );
    let call = format!(
        "DECLARE @n int; EXEC {} 5, 7, @n OUTPUT; SELECT @n",
        more.adapters[0].objects.insert.clone().unwrap().quoted()
    );
    assert_eq!(db.rows(&call).await, ["1"]);
    assert_eq!(
        db.rows("SELECT Id, A, B FROM T WHERE Id = 5").await,
        ["5 NULL 7"]
    );

    // Each goes without taking from the others.
    let status = sync_provider_mssql::status(&db.connections).await.unwrap();
    assert_eq!(status.len(), 3);
    assert!(
        status[0]
            .warnings
            .iter()
            .any(|warning| warning.contains("also in scope same"))
    );
    for scope in ["more", "first"] {
        Deprovisioning::Scope(scope.into())
            .apply(&db.connections)
            .await
            .unwrap();
    }
    assert_eq!(db.objects().await, before);
    db.execute(&["DECLARE @n int; EXEC T_insert 6, 7, @n OUTPUT"])
        .await;
    Deprovisioning::Scope("same".into())
        .apply(&db.connections)
        .await
        .unwrap();
    assert!(
        db.rows("SELECT 1 WHERE OBJECT_ID(N'T_tracking') IS NOT NULL")
            .await
            .is_empty()
    );
    assert_eq!(db.rows("SELECT COUNT(*) FROM scope_config").await, ["0"]);
    assert_eq!(db.rows("SELECT COUNT(*) FROM T").await, ["3"]);
}

#[tokio::test]
async fn options_for_a_table_that_is_tracked() {
    let Some(db) = Database::new("options_for_a_table_that_is_tracked").await else {
        return;
    };
    db.execute(&["CREATE TABLE T (Id int NOT NULL PRIMARY KEY, A int, B int)"])
        .await;
    columns("first", &["A"])
        .apply(&db.connections)
        .await
        .unwrap();
    let before = db.objects().await;
    let mut order = columns("second", &["B"]);
    order.options.tracking_tables = CreationOption::Create;
    let error = order.apply(&db.connections).await.unwrap_err().to_string();
    assert!(
        error.contains("T_tracking") && error.contains("another scope has it"),
        "{error}"
    );
    let mut order = columns("second", &["B"]);
    order.options.procedures_for_additional_scope = CreationOption::Skip;
    order.apply(&db.connections).await.unwrap();
    assert_eq!(db.objects().await, before);
}

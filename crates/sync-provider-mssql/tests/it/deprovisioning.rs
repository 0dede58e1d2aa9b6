//! Nothing of ours is left, and nothing of the user's is gone.

use sync_provider_mssql::{Deprovisioning, Provisioning, Tables};

use crate::support::{Database, listed};

#[tokio::test]
async fn a_store_leaves_nothing() {
    let Some(db) = Database::new("a_store_leaves_nothing").await else {
        return;
    };
    db.execute(&[
        "CREATE TABLE T (Id int NOT NULL PRIMARY KEY, A int)",
        "CREATE TABLE U (Id int NOT NULL PRIMARY KEY)",
        "INSERT INTO T VALUES (1, 1)",
    ])
    .await;
    let before = db.objects().await;
    db.provision("one", &["T", "U"]).await;
    db.provision("two", &["T"]).await;
    let mut order = listed("three", &["U"]);
    order.object_prefix = Some("p".into());
    order.apply(&db.connections).await.unwrap();
    assert_ne!(db.objects().await, before);
    let script = Deprovisioning::Store.script(&db.connections).await.unwrap();
    assert!(
        script
            .iter()
            .any(|statement| statement.contains("p_U_tracking")),
        "{script:?}"
    );
    Deprovisioning::Store.apply(&db.connections).await.unwrap();
    assert_eq!(db.objects().await, before);
    assert_eq!(db.rows("SELECT Id, A FROM T").await, ["1 1"]);
    let error = Deprovisioning::Store
        .apply(&db.connections)
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("holds no synchronisation metadata"),
        "{error}"
    );
    // As if it had never been.
    Provisioning::new("one", Tables::All)
        .apply(&db.connections)
        .await
        .unwrap();
}

/// A configuration that calls a table of the user's its tracking table does not get it dropped.
#[tokio::test]
async fn a_configuration_cannot_drop_a_users_table() {
    let Some(db) = Database::new("a_configuration_cannot_drop_a_users_table").await else {
        return;
    };
    db.execute(&[
        "CREATE TABLE T (Id int NOT NULL PRIMARY KEY)",
        "CREATE TABLE Precious (Id int NOT NULL PRIMARY KEY)",
    ])
    .await;
    db.provision("s", &["T"]).await;
    db.execute(&["UPDATE scope_config SET config_data = REPLACE(CONVERT(nvarchar(max), config_data), N'[T_tracking]', N'[Precious]')"]).await;
    let before = db.objects().await;
    for order in [Deprovisioning::Store, Deprovisioning::Scope("s".into())] {
        let error = order.apply(&db.connections).await.unwrap_err();
        assert!(error.to_string().contains("[Precious]"), "{error}");
    }
    assert_eq!(db.objects().await, before);
}

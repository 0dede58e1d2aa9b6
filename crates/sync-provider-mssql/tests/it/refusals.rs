//! What cannot be provisioned: one clear error each, and nothing is changed.

use sync_provider_mssql::{MssqlError, Provisioning, TableChoice, Tables, describe, status};

use crate::support::{Database, listed};

async fn check(db: &Database, order: Provisioning, expected: &[&str]) {
    let before = db.objects().await;
    let error = order.apply(&db.connections).await.unwrap_err();
    assert!(matches!(error, MssqlError::Refused { .. }), "{error:?}");
    let message = error.to_string();
    for part in expected {
        assert!(message.contains(part), "{message}: {part}");
    }
    assert_eq!(db.objects().await, before, "{message}");
}

#[tokio::test]
async fn refusals_change_nothing() {
    let Some(db) = Database::new("refusals_change_nothing").await else {
        return;
    };
    db.execute(&[
        "CREATE TABLE T (Id int NOT NULL PRIMARY KEY, A int, C AS (A + 1))",
        "CREATE TABLE Keyless (Id int)",
        "CREATE VIEW V AS SELECT Id FROM T",
        "CREATE TABLE U (Id int NOT NULL PRIMARY KEY)",
        "CREATE TABLE U_tracking (Id int)",
        "CREATE TABLE p_scope_config (Id int)",
    ])
    .await;
    db.provision("taken", &["T"]).await;
    check(
        &db,
        listed("taken", &["T"]),
        &["scope taken", "exists already"],
    )
    .await;
    check(
        &db,
        listed("TAKEN", &["T"]),
        &["scope TAKEN", "exists already"],
    )
    .await;
    check(&db, listed("", &["T"]), &["1 to 100 characters"]).await;
    check(
        &db,
        listed(&"x".repeat(101), &["T"]),
        &["1 to 100 characters"],
    )
    .await;
    check(
        &db,
        listed("s", &["Missing"]),
        &["table Missing", "has no table [Missing]"],
    )
    .await;
    check(
        &db,
        listed("s", &["Sales.T"]),
        &["has no table [Sales].[T]"],
    )
    .await;
    check(&db, listed("s", &["a.b.c"]), &["[Schema].[Table]"]).await;
    check(&db, listed("s", &["V"]), &["it is a view"]).await;
    check(&db, listed("s", &["Keyless"]), &["no primary key"]).await;
    check(&db, listed("s", &["U"]), &["U_tracking", "it is taken"]).await;
    check(&db, listed("s", &["T", "dbo.t"]), &["occurs twice"]).await;
    check(
        &db,
        Provisioning::new("s", Tables::Listed(Vec::new())),
        &["no table"],
    )
    .await;
    for column in ["Nope", "C"] {
        let choice = TableChoice {
            table: "T".into(),
            global_name: None,
            columns: Some(vec![column.into()]),
        };
        let order = Provisioning::new("s", Tables::Listed(vec![choice]));
        check(&db, order, &[&format!("column {column}"), "check its name"]).await;
    }
    let mut order = listed("s", &["T"]);
    order.object_schema = Some("nowhere".into());
    check(&db, order, &["schema nowhere", "CREATE SCHEMA [nowhere]"]).await;
    let mut order = listed("s", &["T"]);
    order.object_prefix = Some("p".into());
    check(&db, order, &["p_scope_config", "it is taken"]).await;
    let mut order = listed("s", &["U"]);
    order.object_prefix = Some("x".repeat(120));
    check(&db, order, &["longer than 128 characters"]).await;
}

/// What is broken under a scope is named when the scope is opened.
#[tokio::test]
async fn broken_scopes_are_named() {
    let Some(db) = Database::new("broken_scopes_are_named").await else {
        return;
    };
    let expect = async |found: Result<(), MssqlError>, part: &str| {
        let message = found.unwrap_err().to_string();
        assert!(message.contains(part), "{message}: {part}");
    };
    expect(
        describe(&db.connections, None).await.map(drop),
        "it holds no scope",
    )
    .await;
    db.execute(&[
        "CREATE TABLE T (Id int NOT NULL PRIMARY KEY, A int)",
        "CREATE TABLE U (Id int NOT NULL PRIMARY KEY, A int)",
    ])
    .await;
    db.provision("s", &["T"]).await;
    expect(
        describe(&db.connections, Some("other")).await.map(drop),
        "does not hold it (it has s)",
    )
    .await;
    db.provision("r", &["U"]).await;
    expect(
        describe(&db.connections, None).await.map(drop),
        "it holds 2 scopes (it has s, r)",
    )
    .await;
    let cases = [
        (
            "DROP TRIGGER IF EXISTS [dbo].[T_update_trigger]",
            "T_update_trigger] is missing",
            "CREATE TRIGGER [dbo].[T_update_trigger] ON dbo.T FOR UPDATE AS SELECT 1",
        ),
        (
            "UPDATE schema_info SET schema_minor_version = 0",
            "version 2.0",
            "UPDATE schema_info SET schema_minor_version = 1",
        ),
        (
            "UPDATE schema_info SET schema_minor_version = 7",
            "version 2.7",
            "UPDATE schema_info SET schema_minor_version = 1",
        ),
        (
            "UPDATE scope_config SET scope_status = 'P'",
            "not finished",
            "UPDATE scope_config SET scope_status = 'C'",
        ),
        (
            "UPDATE scope_info SET scope_config_id = NULL WHERE sync_scope_name = 's'",
            "scope_config_id is not set",
            "UPDATE scope_info SET scope_config_id = (SELECT config_id FROM scope_config WHERE CONVERT(nvarchar(max), config_data) LIKE N'%T\\_tracking%' ESCAPE N'\\') WHERE sync_scope_name = 's'",
        ),
        (
            "ALTER TABLE T DROP COLUMN A",
            "column A of table [T]",
            "ALTER TABLE T ADD A int",
        ),
        (
            "DROP TABLE T_tracking",
            "T_tracking] is missing",
            "SELECT 1",
        ),
    ];
    for (damage, part, mend) in cases {
        db.execute(&[damage]).await;
        expect(describe(&db.connections, Some("s")).await.map(drop), part).await;
        let shown = match status(&db.connections).await {
            Ok(scopes) => scopes[0].problems.join("; "),
            Err(error) => error.to_string(),
        };
        assert!(shown.contains(part), "{shown}: {part}");
        db.execute(&[mend]).await;
    }
}

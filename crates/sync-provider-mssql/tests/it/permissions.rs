//! A login with exactly the rights that the documentation lists can synchronise; one that lacks any of them is told which, and nothing changes.

use std::sync::Arc;

use sync_orchestrator::{SyncDirectionOrder, SyncOrchestrator};
use sync_provider_mssql::{DirectConnections, MssqlProvider, Password, Settings};

use crate::support::{Database, listed, skip};

const PASSWORD: &str = "Least-Rights-1433";

/// What synchronising both ways needs, as in `docs/sql-server.md`: (rights, object).
const RIGHTS: &[(&[&str], &str)] = &[
    (&["SELECT", "INSERT", "UPDATE", "DELETE"], "dbo.Item"),
    (
        &["SELECT", "INSERT", "UPDATE", "DELETE"],
        "dbo.Item_tracking",
    ),
    (&["SELECT", "UPDATE"], "dbo.scope_info"),
    (&["SELECT"], "dbo.scope_config"),
    (&["SELECT"], "dbo.schema_info"),
    (&["SELECT", "INSERT", "UPDATE"], "dbo.sync_scope"),
    (&["SELECT", "INSERT", "DELETE"], "dbo.sync_waiting"),
];

/// A login without any right but to connect.
struct Login<'a> {
    database: &'a Database,
    name: String,
}

impl<'a> Login<'a> {
    async fn new(database: &'a Database) -> Self {
        let name = format!("{}_login", database.settings.database);
        let create = format!("CREATE LOGIN {name} WITH PASSWORD = '{PASSWORD}'");
        let user = format!("CREATE USER {name} FOR LOGIN {name}");
        database.execute(&[&create, &user]).await;
        Login { database, name }
    }

    fn connections(&self) -> DirectConnections {
        DirectConnections::new(Settings {
            user: self.name.clone(),
            password: Password::new(PASSWORD),
            ..self.database.settings.clone()
        })
    }

    async fn remove(&self) {
        let mut batches: Vec<String> = RIGHTS
            .iter()
            .map(|(rights, object)| {
                format!(
                    "REVOKE {} ON {object} FROM {}",
                    rights.join(", "),
                    self.name
                )
            })
            .collect();
        batches.push(format!("DROP USER {}", self.name));
        batches.push(format!("DROP LOGIN {}", self.name));
        for batch in batches {
            let mut client = self.database.client().await;
            if let Ok(answer) = client.simple_query(batch).await {
                let _ = answer.into_results().await;
            }
        }
    }
}

#[tokio::test]
async fn one_right_short() {
    let test = "one_right_short";
    let (Some(a), Some(b)) = (Database::new(test).await, Database::new(test).await) else {
        return;
    };
    let login = Login::new(&a).await;
    let table = "CREATE TABLE Item (Id int NOT NULL PRIMARY KEY, Name nvarchar(20) NULL)";
    for database in [&a, &b] {
        database.execute(&[table]).await;
    }
    let before = a.objects().await;
    let error = listed("s", &["Item"])
        .apply(&login.connections())
        .await
        .unwrap_err();
    // What a login may not touch it may not see either.
    let text = error.to_string().to_lowercase();
    let told = text.contains("permission") || text.contains("the login may see it");
    assert!(told, "{error}");
    assert_eq!(a.objects().await, before, "{error}");
    for database in [&a, &b] {
        database.provision("s", &["Item"]).await;
    }
    let provider = |connections| {
        Arc::new(MssqlProvider::with_connections(
            Arc::new(connections),
            Some("s"),
        ))
    };
    let session = || {
        SyncOrchestrator::new(
            provider(login.connections()),
            provider(b.connections.clone()),
        )
        .direction(SyncDirectionOrder::DownloadAndUpload)
    };
    for (rights, object) in RIGHTS {
        a.execute(&[&format!(
            "GRANT {} ON {object} TO {}",
            rights.join(", "),
            login.name
        )])
        .await;
    }
    let define = format!("GRANT VIEW DEFINITION TO {}", login.name);
    let mut client = a.client().await;
    let granted = async { client.simple_query(define).await?.into_results().await };
    if let Err(error) = granted.await {
        let outcome = session().synchronize().await;
        let text = outcome.map(drop).unwrap_err().to_string();
        assert!(text.contains("VIEW DEFINITION"), "{text}");
        login.remove().await;
        return skip(
            test,
            &format!("VIEW DEFINITION cannot be granted here ({error})"),
        );
    }
    b.execute(&["INSERT INTO Item VALUES (1, N'one'), (2, N'two'), (3, N'three')"])
        .await;
    session().synchronize().await.unwrap();
    for (rights, object) in &RIGHTS[..3] {
        for right in *rights {
            b.execute(&["DELETE FROM Item WHERE Id = 3; UPDATE Item SET Name = Name + N'.' WHERE Id = 2; INSERT INTO Item VALUES (4, NULL)"]).await;
            a.execute(&[&format!("REVOKE {right} ON {object} FROM {}", login.name)])
                .await;
            let rows = a.rows("SELECT * FROM Item ORDER BY Id").await;
            let outcome = session().synchronize().await;
            let case = format!("{right} on {object}: {outcome:?}");
            // A row that must not be written is a row that fails, with the reason.
            let told = match &outcome {
                Ok(done) => done.download.unwrap().changes_failed > 0,
                Err(failure) => {
                    let text = failure.to_string().to_lowercase();
                    assert_eq!(
                        a.rows("SELECT * FROM Item ORDER BY Id").await,
                        rows,
                        "{case}"
                    );
                    let name = object.trim_start_matches("dbo.").to_lowercase();
                    text.contains("permission") && text.contains(&name) || text.contains("missing")
                }
            };
            assert!(told, "{case}");
            a.execute(&[&format!("GRANT {right} ON {object} TO {}", login.name)])
                .await;
            session().synchronize().await.unwrap();
            b.execute(&["INSERT INTO Item VALUES (3, N'three'); DELETE FROM Item WHERE Id = 4"])
                .await;
            session().synchronize().await.unwrap();
            assert_eq!(
                a.rows("SELECT * FROM Item ORDER BY Id").await,
                b.rows("SELECT * FROM Item ORDER BY Id").await
            );
        }
    }
    login.remove().await;
}

//! Rows that are handed on.

use std::sync::Arc;

use sync_orchestrator::SyncOrchestrator;
use sync_provider_mssql::{Execution, MssqlProvider};

use crate::support::{Database, run};

fn provider(database: &Database, execution: Execution) -> Arc<MssqlProvider> {
    let connections = Arc::new(database.connections.clone());
    let provider = MssqlProvider::with_connections(connections, Some("shop"));
    Arc::new(provider.with_execution(execution))
}

/// A writer whose transaction stays open holds the mark back. What comes through the scope meanwhile is known under the versions of others, so
/// it has to go on with the knowledge of it: a row that was left out would never be sent again.
#[tokio::test]
async fn what_arrives_while_the_mark_is_held_back_is_handed_on() {
    let test = "what_arrives_while_the_mark_is_held_back_is_handed_on";
    let mut databases = Vec::new();
    for _ in 0..4 {
        let Some(database) = Database::new(test).await else {
            return;
        };
        let tables = [
            "CREATE TABLE Item (Id int NOT NULL PRIMARY KEY, Name nvarchar(20) NULL)",
            "CREATE TABLE Beside (Id int NOT NULL PRIMARY KEY, Version rowversion)",
        ];
        database.execute(&tables).await;
        database.provision("shop", &["Item"]).await;
        databases.push(database);
    }
    let [a, b, c, d] = &databases[..] else {
        panic!("four databases")
    };
    a.execute(&["INSERT INTO Item VALUES (1, N'one'), (2, N'two')"])
        .await;
    a.marks_pass(&["Item"]).await;
    let mut writer = b.client().await;
    run(&mut writer, "BEGIN TRANSACTION").await;
    run(&mut writer, "INSERT INTO Beside (Id) VALUES (1)").await;

    let own = Execution::Slices;
    let session = SyncOrchestrator::new(provider(a, own), provider(b, own));
    session.synchronize().await.unwrap();
    for (execution, other) in [(Execution::Slices, c), (Execution::Procedures, d)] {
        let session = SyncOrchestrator::new(provider(b, execution), provider(other, own));
        session.synchronize().await.unwrap();
        let names = "SELECT Name FROM Item ORDER BY Id";
        assert_eq!(other.rows(names).await, ["one", "two"], "{execution:?}");
    }
    run(&mut writer, "ROLLBACK TRANSACTION").await;
}

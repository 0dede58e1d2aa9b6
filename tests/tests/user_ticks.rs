//! Which texts of a user's commands lose changes, and which do not: a writer's transaction is open while a session takes its mark, and a later row
//! is committed before it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on panics"
)]

#[allow(dead_code, reason = "the example's own way in")]
#[path = "../../examples/getting_started.rs"]
mod example;

use example::sql_server::TEXTS;
use example::{Database as _, SqlServer, Texts, as_destination, as_source, customer, provider};
use sync_orchestrator::{SyncDirectionOrder, SyncOrchestrator};
use sync_tests::support::sql_server::skip;

/// As the walk-through of 2008 has it: the tick of a change is what the trigger takes for the next one, and the tick of now is the last one.
const OF_2008: Texts = Texts {
    schema: &[
        TEXTS.schema[0],
        TEXTS.schema[1],
        TEXTS.schema[2],
        TEXTS.schema[3],
        "CREATE TRIGGER customer_insert_trigger ON Customer FOR INSERT AS
             INSERT INTO CustomerMetadata (id, sync_row_is_tombstone, sync_create_peer_key, sync_create_peer_timestamp, sync_update_peer_key,
                 sync_update_peer_timestamp)
             SELECT id, 0, 0, CONVERT(bigint, @@DBTS) + 1, 0, CONVERT(bigint, @@DBTS) + 1 FROM inserted",
    ],
    select_new_timestamp: "SET @sync_new_timestamp = CONVERT(bigint, @@DBTS)",
    select_incremental_changes: "SELECT m.*, c.name, c.age, c.country FROM CustomerMetadata m LEFT JOIN Customer c ON c.id = m.id
         WHERE CONVERT(bigint, m.sync_row_timestamp) > @sync_min_timestamp",
    ..TEXTS
};

async fn synchronize(texts: &Texts, first: &SqlServer, second: &SqlServer) {
    let source = as_source(texts, customer()).build().unwrap();
    let destination = as_destination(texts, customer()).build().unwrap();
    let source = provider(texts, first.commands(), source).unwrap();
    let destination = provider(texts, second.commands(), destination).unwrap();
    let session =
        SyncOrchestrator::new(destination, source).direction(SyncDirectionOrder::Download);
    session.synchronize().await.unwrap();
}

/// The ids that come to the second database. Row 1 is written first and committed last; a session runs between, and two run afterwards.
async fn what_comes(texts: &Texts) -> Option<[Vec<String>; 2]> {
    let first = SqlServer::new("SampleDB1").await.unwrap()?;
    let second = SqlServer::new("SampleDB2").await.unwrap()?;
    for database in [&first, &second] {
        for batch in texts.schema {
            database.execute(batch).await.unwrap();
        }
    }
    let insert = |id| format!("INSERT INTO Customer (id, name) VALUES ({id}, N'Doe')");
    let there = || async {
        let rows = second.rows("SELECT id FROM Customer ORDER BY id").await;
        rows.unwrap().concat()
    };
    let mut writer = first.database.client().await;
    let open = format!("BEGIN TRANSACTION; {}", insert(1));
    writer
        .simple_query(open)
        .await
        .unwrap()
        .into_results()
        .await
        .unwrap();
    first.execute(&insert(2)).await.unwrap();

    synchronize(texts, &first, &second).await;
    let between = there().await;

    let commit = writer.simple_query("COMMIT TRANSACTION").await.unwrap();
    commit.into_results().await.unwrap();
    synchronize(texts, &first, &second).await;
    synchronize(texts, &first, &second).await;
    Some([between, there().await])
}

#[test]
fn a_writer_that_commits_late() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(async {
        let Some(of_2008) = what_comes(&OF_2008).await else {
            return skip("user_ticks", "SYNC_TEST_MSSQL names no server");
        };
        // The first session claims the tick of row 1, which it cannot see; from then on nobody asks for it.
        assert_eq!(of_2008, [vec!["2".to_owned()], vec!["2".to_owned()]]);
        let [between, after] = what_comes(&TEXTS).await.unwrap();
        assert_eq!(between, Vec::<String>::new(), "row 2 is held back");
        assert_eq!(after, ["1", "2"], "nothing is lost");
    });
}

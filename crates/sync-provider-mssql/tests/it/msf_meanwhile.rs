//! What others do to a database of Sync Framework while a session runs: triggers that roll back, locks, other scopes, its own provider.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sync_knowledge::{Knowledge, ReplicaId};
use sync_orchestrator::SyncOrchestrator;
use sync_provider_mssql::{ConnectionFactory as _, Execution, MssqlProvider};
use uuid::Uuid;

use crate::msf;
use crate::msf_sessions::{Making, TABLES, assert_equal, pair, synchronise};
use crate::support::{Database, run};

/// What is left of a transaction that a trigger ended must not go on without one.
#[tokio::test]
async fn a_trigger_that_rolls_back_leaves_nothing_half_done() {
    let test = "a_trigger_that_rolls_back_leaves_nothing_half_done";
    for making in [
        Making::Msf(Execution::Slices),
        Making::Msf(Execution::Procedures),
        Making::MsfSingle,
    ] {
        let Some((a, b)) = pair(test, making).await else {
            return;
        };
        synchronise(&a, &b).await;
        a.db.execute(&[
            "CREATE TRIGGER Undoing ON Kind FOR INSERT AS IF EXISTS (SELECT 1 FROM inserted WHERE Id = 11) ROLLBACK TRANSACTION",
        ])
        .await;
        b.db.execute(&["INSERT INTO Kind VALUES (10, N'a'), (11, N'b'), (12, N'c'), (13, N'd')"])
            .await;
        b.db.marks_pass(&["Kind"]).await;
        assert_eq!(synchronise(&a, &b).await.down, (3, 1), "{making:?}");
        let kept = "SELECT COUNT(*) FROM Kind_tracking WHERE Id = 11";
        assert_eq!(a.db.rows(kept).await, ["0"], "{making:?}: nothing of it");
        let others = "SELECT Id FROM Kind WHERE Id > 9 ORDER BY Id";
        assert_eq!(a.db.rows(others).await, ["10", "12", "13"], "{making:?}");
        a.db.execute(&["DROP TRIGGER Undoing"]).await;
        assert_eq!(synchronise(&a, &b).await.down, (1, 0), "{making:?}");
        assert_equal(&a, &b, &format!("{making:?}")).await;
    }
}

/// A row that somebody else has locked is not refused: the direction starts again.
#[tokio::test]
async fn a_locked_row_is_waited_for() {
    let test = "a_locked_row_is_waited_for";
    for making in [Making::Msf(Execution::Procedures), Making::MsfSingle] {
        let Some((a, b)) = pair(test, making).await else {
            return;
        };
        synchronise(&a, &b).await;
        b.db.execute(&["UPDATE Kind SET Name = N'there'"]).await;
        b.db.marks_pass(&["Kind"]).await;
        let mut holder = a.db.client().await;
        run(&mut holder, "BEGIN TRANSACTION").await;
        run(&mut holder, "UPDATE Kind SET Name = N'held' WHERE Id = 2").await;
        let held = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(1500)).await;
            run(&mut holder, "ROLLBACK TRANSACTION").await;
        });
        let impatient =
            MssqlProvider::with_connections(Arc::new(a.db.connections.clone()), Some("shop"))
                .with_execution(a.execution)
                .lock_timeout(Duration::from_millis(50));
        let session = SyncOrchestrator::new(Arc::new(impatient), b.provider());
        let done = session.synchronize().await.unwrap().download.unwrap();
        held.await.unwrap();
        assert_eq!(
            (done.changes_applied, done.changes_failed),
            (2, 0),
            "{making:?}"
        );
        assert_equal(&a, &b, &format!("{making:?}")).await;
    }
}

/// Its own provider takes no lock of ours, and compares `scope_timestamp`.
#[tokio::test]
async fn what_others_teach_the_scope_row_meanwhile_stays() {
    let test = "what_others_teach_the_scope_row_meanwhile_stays";
    let foreign = ReplicaId::from_uuid(Uuid::from_u128(77));
    for execution in [Execution::Slices, Execution::Procedures] {
        let Some((a, b)) = pair(test, Making::Msf(execution)).await else {
            return;
        };
        synchronise(&a, &b).await;
        b.db.execute(&["INSERT INTO Kind VALUES (10, N'a'), (11, N'b'), (12, N'c')"])
            .await;
        b.db.marks_pass(&["Kind"]).await;
        let mut taught: Knowledge = a.knowledge().await;
        let key = taught.find_or_add_replica(&foreign);
        taught.raise(key, 5);
        let hex: String = taught
            .to_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        // Where what was read is locked, the other one waits in vain.
        let sql =
            format!("SET LOCK_TIMEOUT 2000; UPDATE scope_info SET scope_sync_knowledge = 0x{hex}");
        let (once, went_through) = (AtomicBool::new(false), Arc::new(AtomicBool::new(false)));
        let (connections, told) = (a.db.connections.clone(), Arc::clone(&went_through));
        let session = SyncOrchestrator::new(a.provider(), b.provider())
            .batch_bytes(1)
            .on_progress(move |progress| {
                if progress.statistics.changes_applied == 0 || once.swap(true, Ordering::SeqCst) {
                    return;
                }
                let (connections, sql, told) =
                    (connections.clone(), sql.clone(), Arc::clone(&told));
                let other = std::thread::spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .build();
                    runtime.unwrap().block_on(async {
                        let mut client = connections.connect().await.unwrap();
                        let answer = client.simple_query(sql.as_str()).await.unwrap();
                        told.store(answer.into_results().await.is_ok(), Ordering::SeqCst);
                    });
                });
                other.join().unwrap();
            });
        let done = session.synchronize().await.unwrap().download.unwrap();
        assert_eq!(done.changes_applied, 3, "{execution:?}");
        assert_equal(&a, &b, &format!("{execution:?}")).await;
        if went_through.load(Ordering::SeqCst) {
            let known = a
                .knowledge()
                .await
                .find_min_tick_count_for_replica(&foreign);
            assert_eq!(known, 5, "{execution:?}");
        }
    }
}

/// Two scopes over the same tables: what comes through one is a change made here to the other.
#[tokio::test]
async fn what_comes_through_one_scope_goes_out_through_another() {
    let test = "what_comes_through_one_scope_goes_out_through_another";
    for execution in [Execution::Slices, Execution::Procedures] {
        let Some((a, b)) = pair(test, Making::Msf(execution)).await else {
            return;
        };
        a.db.execute(&[
            "INSERT INTO scope_info (scope_id, sync_scope_name, scope_config_id, scope_restore_count, scope_user_comment) \
             SELECT newid(), N'second', scope_config_id, 0, N'' FROM scope_info",
        ])
        .await;
        let Some(c) = Database::new(test).await else {
            return;
        };
        let names: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
        let create: Vec<String> = TABLES.iter().map(msf::create).collect();
        c.execute(&create.iter().map(String::as_str).collect::<Vec<_>>())
            .await;
        c.provision("second", &names).await;
        let second = async |up: u64, down: u64, what: &str| {
            a.db.marks_pass(&names).await;
            c.marks_pass(&names).await;
            let provider = |database: &Database, execution| {
                let connections = Arc::new(database.connections.clone());
                let provider = MssqlProvider::with_connections(connections, Some("second"));
                Arc::new(provider.with_execution(execution))
            };
            let session =
                SyncOrchestrator::new(provider(&a.db, execution), provider(&c, Execution::Slices));
            let done = session.synchronize().await.unwrap();
            let applied = |direction: Option<sync_orchestrator::DirectionStatistics>| {
                direction.map_or(0, |done| done.changes_applied)
            };
            let applied = (applied(done.upload), applied(done.download));
            assert_eq!(applied, (up, down), "{execution:?}: {what}");
        };
        b.db.execute(&["INSERT INTO Kind VALUES (10, N'from b')"])
            .await;
        assert_eq!(synchronise(&a, &b).await.down, (1, 0));
        second(3, 0, "rows of here, and of the first scope").await;
        c.execute(&[
            "UPDATE Kind SET Name = N'from c' WHERE Id = 10",
            "DELETE FROM Kind WHERE Id = 1",
        ])
        .await;
        second(0, 2, "changes of what came through the first").await;
        assert_eq!(synchronise(&a, &b).await.up, (2, 0), "{execution:?}");
        b.db.execute(&[
            "INSERT INTO Kind VALUES (1, N'again')",
            "UPDATE Kind SET Name = N'b' WHERE Id = 10",
        ])
        .await;
        assert_eq!(synchronise(&a, &b).await.down, (2, 0), "{execution:?}");
        second(2, 0, "and back").await;
        let kinds = "SELECT Id, Name FROM Kind ORDER BY Id";
        assert_eq!(c.rows(kinds).await, ["1 again", "2 zwei €", "10 b"]);
        assert_equal(&a, &b, &format!("{execution:?}")).await;
        second(0, 0, "quiet").await;
        let quiet = synchronise(&a, &b).await;
        assert_eq!((quiet.up, quiet.down), ((0, 0), (0, 0)), "{execution:?}");
    }
}

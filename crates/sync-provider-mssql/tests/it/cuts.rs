//! Sessions whose connection is cut at every one of its requests, three times each: they come to their end all the same, and nothing is
//! lost or done twice.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use sync_orchestrator::SyncOrchestrator;
use sync_provider_mssql::{DirectConnections, MssqlProvider, TdsClient};

use crate::proxy::{Cut, Cutter, through};
use crate::support::{Database, rows, run};

const TABLES: &[&str] = &[
    "CREATE TABLE Parent (Id int NOT NULL PRIMARY KEY, Name nvarchar(40) NOT NULL)",
    "CREATE TABLE Child (Id int NOT NULL PRIMARY KEY, Parent int NOT NULL REFERENCES Parent (Id), Note nvarchar(40) NULL)",
];

fn provider(connections: DirectConnections) -> Arc<MssqlProvider> {
    Arc::new(MssqlProvider::with_connections(
        Arc::new(connections),
        Some("shop"),
    ))
}

/// Two databases in the scope, each with a connection of the test's own.
struct Pair {
    databases: [Database; 2],
    clients: [TdsClient; 2],
    round: u32,
}

impl Pair {
    async fn new(test: &str) -> Option<Self> {
        let databases = [Database::new(test).await?, Database::new(test).await?];
        for database in &databases {
            database.execute(TABLES).await;
            database.provision("shop", &["Parent", "Child"]).await;
        }
        let clients = [databases[0].client().await, databases[1].client().await];
        let mut pair = Pair {
            databases,
            clients,
            round: 0,
        };
        let first = "INSERT INTO Parent VALUES (1, N'first'), (2, N'second')";
        run(&mut pair.clients[0], first).await;
        let [a, b] = [0, 1].map(|side| provider(pair.databases[side].connections.clone()));
        SyncOrchestrator::new(a, b).synchronize().await.unwrap();
        Some(pair)
    }

    /// What both sides do before a session: rows both ways, a change, a deletion, a conflict.
    async fn change(&mut self) {
        self.round += 1;
        let round = self.round;
        let (parent, child) = (round * 10, round * 10 + 1);
        let [a, b] = &mut self.clients;
        let at_a = format!(
            "INSERT INTO Parent VALUES ({parent}, N'a {round}'); INSERT INTO Child VALUES ({parent}, {parent}, N'a {round}'), ({child}, 2, NULL); \
             UPDATE Parent SET Name = N'a {round}' WHERE Id IN (1, 2); DELETE FROM Child WHERE Id = {}",
            child - 10
        );
        run(a, &at_a).await;
        let (parent, child) = (parent + 2, child + 2);
        let at_b = format!(
            "INSERT INTO Parent VALUES ({parent}, N'b {round}'); INSERT INTO Child VALUES ({child}, {parent}, NULL); \
             UPDATE Parent SET Name = N'b {round}' WHERE Id = 1"
        );
        run(b, &at_b).await;
    }

    /// Waits until no change is above a mark any more: a transaction of anybody else's that is older holds the marks back, on some engines
    /// one in any database, and then a conflict may take another session to settle.
    async fn marks_pass(&mut self) {
        let above = "SELECT (SELECT COUNT(*) FROM Parent_tracking WHERE local_update_peer_timestamp >= MIN_ACTIVE_ROWVERSION()) + \
                     (SELECT COUNT(*) FROM Child_tracking WHERE local_update_peer_timestamp >= MIN_ACTIVE_ROWVERSION())";
        for client in &mut self.clients {
            while rows(client, above).await != ["0"] {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }

    async fn contents(&mut self) -> [Vec<String>; 2] {
        let sql = "SELECT 'Parent', Id, Name FROM Parent UNION ALL SELECT 'Child', Id, CONCAT(Parent, N' ', Note) FROM Child ORDER BY 1, 2";
        let [a, b] = &mut self.clients;
        [rows(a, sql).await, rows(b, sql).await]
    }
}

const CUTS: [Cut; 3] = [Cut::Before, Cut::Within, Cut::After];

async fn check(pair: &mut Pair, cut_side: usize) {
    for n in 1..200 {
        pair.change().await;
        pair.marks_pass().await;
        let cutter = Cutter::new(n, &CUTS);
        let through = through(&pair.databases[cut_side].settings, &cutter).await;
        let mut sides = [0, 1].map(|side| provider(pair.databases[side].connections.clone()));
        sides[cut_side] = provider(DirectConnections::new(through));
        let [local, remote] = sides;
        let records = Arc::new(Mutex::new(0));
        let heard = Arc::clone(&records);
        let session = SyncOrchestrator::new(local, remote)
            .batch_bytes(100)
            .on_conflict(move |_| *heard.lock().unwrap() += 1);
        let case = format!("each {n}. request at side {cut_side}");
        let done = session.synchronize().await;
        let done = done.unwrap_or_else(|failure| panic!("{case}: {failure}"));
        let [a, b] = pair.contents().await;
        assert_eq!(a, b, "{case}: {done:?}");
        // Each session moves what was changed since the last one: nothing was left behind, and nothing comes twice.
        let (up, down) = (done.upload.unwrap(), done.download.unwrap());
        let deleted = u64::from(pair.round > 1);
        assert_eq!(up.changes_total, 5 + deleted, "{case}: {up:?}");
        assert_eq!(up.conflicts + down.conflicts, 1, "{case}: {up:?} {down:?}");
        assert_eq!(*records.lock().unwrap(), 1, "{case}");
        assert_eq!(down.changes_total, 3, "{case}: {down:?}");
        // One connection, and another one for each that was cut.
        let cuts = CUTS.len() - cutter.left();
        assert_eq!(cutter.connections() as usize, 1 + cuts, "{case}");
        if cuts == 0 {
            assert!(n > 8, "a session makes {n} requests");
            return;
        }
    }
    panic!("the session does not come to its end");
}

#[tokio::test]
async fn cut_at_every_request() {
    let Some(mut pair) = Pair::new("cut_at_every_request").await else {
        return;
    };
    for side in 0..2 {
        check(&mut pair, side).await;
    }
}

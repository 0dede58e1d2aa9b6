//! What each kind of write does to the tracking rows.

use sync_provider_mssql::TdsClient;

use crate::support::{Database, listed, rows, run};

/// A tracking row: key, tombstone, whether its tick moved, whether its creation tick moved, `local` or the scope it came through.
async fn tracked(client: &mut TdsClient) -> Vec<String> {
    rows(
        client,
        "SELECT Id, CONVERT(bigint, local_update_peer_timestamp), local_create_peer_timestamp, sync_row_is_tombstone, \
         update_scope_local_id FROM T_tracking ORDER BY Id",
    )
    .await
}

struct Case {
    client: TdsClient,
    before: Vec<Vec<String>>,
}

impl Case {
    async fn cells(&mut self) -> Vec<Vec<String>> {
        let rows = tracked(&mut self.client).await;
        rows.iter()
            .map(|row| row.split(' ').map(str::to_owned).collect())
            .collect()
    }

    /// Runs statements and compares what became of the tracking rows: `KEY new|moved|same live|dead [SCOPE]`.
    async fn check(&mut self, statements: &[&str], expected: &[&str]) {
        for statement in statements {
            run(&mut self.client, statement).await;
        }
        let after = self.cells().await;
        let found: Vec<String> = after
            .iter()
            .map(|row| {
                let before = self.before.iter().find(|before| before[0] == row[0]);
                let moved = match before {
                    None => "new",
                    Some(before) => {
                        assert_eq!(before[2], row[2], "{statements:?}: the creation tick stays");
                        if before[1] == row[1] { "same" } else { "moved" }
                    }
                };
                let state = if row[3] == "0" { "live" } else { "dead" };
                let scope = if row[4] == "NULL" {
                    String::new()
                } else {
                    format!(" {}", row[4])
                };
                format!("{} {moved} {state}{scope}", row[0])
            })
            .collect();
        assert_eq!(found, expected, "{statements:?}");
        self.before = after;
    }
}

#[tokio::test]
async fn every_kind_of_write() {
    let Some(db) = Database::new("every_kind_of_write").await else {
        return;
    };
    db.execute(&["CREATE TABLE T (Id nvarchar(5) NOT NULL PRIMARY KEY, A nvarchar(20) NULL, V varbinary(20), O datetimeoffset(3), X xml, Left_out int)"]).await;
    let mut order = listed("s", &["T"]);
    if let sync_provider_mssql::Tables::Listed(choices) = &mut order.tables {
        choices[0].columns = Some(["A", "V", "O", "X"].map(str::to_owned).to_vec());
    }
    order.apply(&db.connections).await.unwrap();
    let mut case = Case {
        client: db.client().await,
        before: Vec::new(),
    };
    case.check(
        &["INSERT INTO T (Id, A) VALUES (N'1', N'a'), (N'2', N'b')"],
        &["1 new live", "2 new live"],
    )
    .await;
    case.check(
        &["UPDATE T SET A = N'c' WHERE Id = N'1'"],
        &["1 moved live", "2 same live"],
    )
    .await;
    // An update that changes nothing, of nothing, or of a column outside the scope makes no version.
    case.check(
        &[
            "UPDATE T SET A = A",
            "UPDATE T SET A = N'x' WHERE 1 = 0",
            "UPDATE T SET Left_out = 5",
        ],
        &["1 same live", "2 same live"],
    )
    .await;
    // What a collation takes for equal is a change all the same.
    case.check(
        &["UPDATE T SET A = N'C' WHERE Id = N'1'"],
        &["1 moved live", "2 same live"],
    )
    .await;
    case.check(
        &["UPDATE T SET A = N'C ' WHERE Id = N'1'"],
        &["1 moved live", "2 same live"],
    )
    .await;
    case.check(
        &["UPDATE T SET A = NULL WHERE Id = N'1'"],
        &["1 moved live", "2 same live"],
    )
    .await;
    case.check(
        &["UPDATE T SET V = 0x01 WHERE Id = N'1'"],
        &["1 moved live", "2 same live"],
    )
    .await;
    case.check(
        &["UPDATE T SET V = 0x0100 WHERE Id = N'1'"],
        &["1 moved live", "2 same live"],
    )
    .await;
    case.check(
        &["UPDATE T SET O = '2020-01-01T12:00:00+00:00' WHERE Id = N'1'"],
        &["1 moved live", "2 same live"],
    )
    .await;
    case.check(
        &["UPDATE T SET O = '2020-01-01T13:00:00+01:00' WHERE Id = N'1'"],
        &["1 moved live", "2 same live"],
    )
    .await;
    case.check(
        &["UPDATE T SET X = N'<a/>' WHERE Id = N'1'"],
        &["1 moved live", "2 same live"],
    )
    .await;
    case.check(
        &["UPDATE T SET X = N'<a/>', A = NULL, V = 0x0100 WHERE Id = N'1'"],
        &["1 same live", "2 same live"],
    )
    .await;
    case.check(
        &["DELETE FROM T WHERE Id = N'2'"],
        &["1 same live", "2 moved dead"],
    )
    .await;
    case.check(
        &["INSERT INTO T (Id) VALUES (N'2')"],
        &["1 same live", "2 moved live"],
    )
    .await;
    // A key change is a deletion and an insertion; onto a key that was there before, too.
    case.check(
        &["UPDATE T SET Id = N'3' WHERE Id = N'2'"],
        &["1 same live", "2 moved dead", "3 new live"],
    )
    .await;
    case.check(
        &["UPDATE T SET Id = N'2' WHERE Id = N'3'"],
        &["1 same live", "2 moved live", "3 moved dead"],
    )
    .await;
    case.check(
        &["DELETE FROM T"],
        &["1 moved dead", "2 moved dead", "3 same dead"],
    )
    .await;
    // A row that was never tracked leaves a tombstone.
    case.check(
        &[
            "ALTER TABLE T DISABLE TRIGGER T_insert_trigger",
            "INSERT INTO T (Id) VALUES (N'4')",
            "ALTER TABLE T ENABLE TRIGGER T_insert_trigger",
        ],
        &["1 same dead", "2 same dead", "3 same dead"],
    )
    .await;
    case.check(
        &["DELETE FROM T WHERE Id = N'4'"],
        &["1 same dead", "2 same dead", "3 same dead", "4 new dead"],
    )
    .await;
}

/// A local change takes back what a session wrote: the scope, the restored tick, the writer.
#[tokio::test]
async fn a_local_change_is_local() {
    let Some(db) = Database::new("a_local_change_is_local").await else {
        return;
    };
    db.execute(&[
        "CREATE TABLE T (Id int NOT NULL PRIMARY KEY, A int)",
        "INSERT INTO T VALUES (1, 1), (2, 2), (3, 3)",
    ])
    .await;
    db.provision("s", &["T"]).await;
    db.execute(&[
        "UPDATE T_tracking SET update_scope_local_id = 1, scope_update_peer_key = 2, scope_update_peer_timestamp = 3, \
         local_update_peer_key = 1, restore_timestamp = 7, sync_writer = 4",
        "UPDATE T SET A = 5 WHERE Id = 1",
        "DELETE FROM T WHERE Id = 2",
    ])
    .await;
    assert_eq!(
        db.rows(
            "SELECT Id, update_scope_local_id, local_update_peer_key, restore_timestamp, sync_writer, CASE WHEN sync_write_time > 0 THEN 1 END, \
             CASE WHEN last_change_datetime IS NULL THEN 'never' ELSE 'now' END FROM T_tracking ORDER BY Id"
        )
        .await,
        ["1 NULL 0 NULL NULL 1 now", "2 NULL 0 NULL NULL 1 now", "3 1 1 7 4 NULL never"]
    );
}

/// A session that says for which store it applies rows writes the tracking rows itself, for that store alone.
#[tokio::test]
async fn rows_of_a_session_are_left_to_it() {
    let Some(db) = Database::new("rows_of_a_session_are_left_to_it").await else {
        return;
    };
    db.execute(&[
        "CREATE TABLE T (Id int NOT NULL PRIMARY KEY, A int)",
        "CREATE TABLE U (Id int NOT NULL PRIMARY KEY)",
    ])
    .await;
    db.provision("s", &["T", "U"]).await;
    let mut other = listed("other", &["T"]);
    other.object_prefix = Some("o".into());
    other.apply(&db.connections).await.unwrap();
    db.execute(&[
        "CREATE TRIGGER Copying ON T FOR INSERT AS INSERT INTO U SELECT Id FROM inserted",
        "EXEC sp_set_session_context N'sync_applying', N'[dbo].[scope_info]'",
    ])
    .await;
    let mut session = db.client().await;
    run(
        &mut session,
        "EXEC sp_set_session_context N'sync_applying', N'[dbo].[scope_info]'",
    )
    .await;
    run(&mut session, "INSERT INTO T VALUES (1, 1)").await;
    run(&mut session, "UPDATE T SET A = 2").await;
    let count = |table: &str| format!("SELECT COUNT(*) FROM {table}");
    assert_eq!(rows(&mut session, &count("T_tracking")).await, ["0"]);
    assert_eq!(rows(&mut session, &count("o_T_tracking")).await, ["1"]);
    // What a trigger of the user's writes is a change of its own.
    assert_eq!(rows(&mut session, &count("U_tracking")).await, ["1"]);
    run(
        &mut session,
        "EXEC sp_set_session_context N'sync_applying', NULL",
    )
    .await;
    run(&mut session, "UPDATE T SET A = 3").await;
    assert_eq!(
        rows(&mut session, "SELECT Id FROM T_tracking").await,
        Vec::<String>::new()
    );
    run(&mut session, "INSERT INTO T VALUES (2, 1)").await;
    assert_eq!(rows(&mut session, "SELECT Id FROM T_tracking").await, ["2"]);
}

//! Sessions with databases that Sync Framework provisioned, through slices and through its procedures.

use std::sync::Arc;

use sync_knowledge::{Knowledge, ReplicaId};
use sync_orchestrator::{DirectionStatistics, SyncOrchestrator};
use sync_provider_mssql::{Execution, MssqlProvider};
use uuid::Uuid;

use crate::msf::{self, Column, Kind, Options, Table};
use crate::support::Database;

pub(crate) const TABLES: &[Table] = &[
    Table {
        name: "Kind",
        columns: &[
            Column("Id", "int", Kind::Key),
            Column("Name", "nvarchar(20)", Kind::NotNull),
        ],
    },
    Table {
        name: "Item",
        columns: &[
            Column("Id", "uniqueidentifier", Kind::Key),
            Column("Kind", "int", Kind::Null),
            Column("Code", "varchar(9)", Kind::Null),
            Column("Price", "money", Kind::Null),
            Column("Amount", "decimal(38,10)", Kind::Null),
            Column("Weight", "float", Kind::Null),
            Column("Made", "datetime", Kind::Null),
            Column("Seen", "datetime2(6)", Kind::Null),
            Column("Zone", "datetimeoffset(6)", Kind::Null),
            Column("Note", "nvarchar(max)", Kind::Null),
            Column("Picture", "varbinary(max)", Kind::Null),
        ],
    },
    Table {
        name: "Log",
        columns: &[
            Column("Id", "int", Kind::Identity),
            Column("Line", "nvarchar(50)", Kind::Null),
        ],
    },
    Table {
        name: "Link",
        columns: &[
            Column("A", "int", Kind::Key),
            Column("B", "nvarchar(10)", Kind::Key),
        ],
    },
];

/// Who provisioned a database, and how it is synchronised.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Making {
    Msf(Execution),
    /// Without bulk procedures.
    MsfSingle,
    Ours(Execution),
}

const MAKINGS: [Making; 5] = [
    Making::Msf(Execution::Slices),
    Making::Msf(Execution::Procedures),
    Making::MsfSingle,
    Making::Ours(Execution::Slices),
    Making::Ours(Execution::Procedures),
];

pub(crate) struct Replica {
    pub(crate) db: Database,
    pub(crate) execution: Execution,
    /// All objects and columns after provisioning.
    objects: Vec<String>,
}

const COLUMNS: &str =
    "SELECT LOWER(TABLE_NAME), LOWER(COLUMN_NAME) FROM INFORMATION_SCHEMA.COLUMNS ORDER BY 1, 2";

impl Replica {
    pub(crate) async fn new(test: &str, making: Making, before: &[&str]) -> Option<Replica> {
        let db = Database::new(test).await?;
        let create: Vec<String> = TABLES.iter().map(msf::create).collect();
        let create: Vec<&str> = create.iter().map(String::as_str).collect();
        db.execute(&create).await;
        db.execute(before).await;
        let msf = |without_bulk| msf::provision("shop", TABLES, Options { without_bulk });
        let (batches, execution) = match making {
            Making::Msf(execution) => (msf(false), execution),
            Making::MsfSingle => (msf(true), Execution::Procedures),
            Making::Ours(execution) => {
                let tables: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
                db.provision("shop", &tables).await;
                (Vec::new(), execution)
            }
        };
        let batches: Vec<&str> = batches.iter().map(String::as_str).collect();
        db.execute(&batches).await;
        let mut replica = Replica {
            db,
            execution,
            objects: Vec::new(),
        };
        replica.objects = replica.everything().await;
        Some(replica)
    }

    async fn everything(&self) -> Vec<String> {
        let mut all = self.db.objects().await;
        all.extend(self.db.rows(COLUMNS).await);
        all
    }

    pub(crate) fn provider(&self) -> Arc<MssqlProvider> {
        let connections = Arc::new(self.db.connections.clone());
        let provider = MssqlProvider::with_connections(connections, Some("shop"));
        Arc::new(provider.with_execution(self.execution))
    }

    pub(crate) async fn contents(&self) -> Vec<String> {
        let mut all = Vec::new();
        for table in TABLES {
            let columns: Vec<String> = table.columns.iter().map(shown).collect();
            let sql = format!(
                "SELECT '{0}', {1} FROM [{0}] ORDER BY 2, 3",
                table.name,
                columns.join(", ")
            );
            all.extend(self.db.rows(&sql).await);
        }
        all
    }

    pub(crate) async fn knowledge(&self) -> Knowledge {
        let sql = "SELECT scope_sync_knowledge FROM scope_info WHERE sync_scope_name = N'shop'";
        Knowledge::from_bytes(&bytes(&self.db.rows(sql).await[0])).unwrap()
    }
}

/// Exactly, whatever the driver makes of a type.
fn shown(column: &Column) -> String {
    let name = column.0;
    match column.1 {
        "money" => format!("CONVERT(decimal(19,4), [{name}]) AS [{name}]"),
        _ => format!("[{name}]"),
    }
}

/// What `rows` makes of bytes, as bytes.
pub(crate) fn bytes(shown: &str) -> Vec<u8> {
    let digits = shown.trim_matches(['[', ']']).split(", ");
    digits
        .map(|two| u8::from_str_radix(two, 16).unwrap())
        .collect()
}

/// How many rows were applied and how many failed, up and down.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) up: (u64, u64),
    pub(crate) down: (u64, u64),
}

pub(crate) async fn synchronise(a: &Replica, b: &Replica) -> Done {
    let tables: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
    for replica in [a, b] {
        replica.db.marks_pass(&tables).await;
    }
    let session = SyncOrchestrator::new(a.provider(), b.provider());
    let done = session.synchronize().await.unwrap();
    let counts = |direction: Option<DirectionStatistics>| {
        direction.map_or((0, 0), |done| (done.changes_applied, done.changes_failed))
    };
    Done {
        up: counts(done.upload),
        down: counts(done.download),
    }
}

/// One with two rows, and an empty one that we provisioned.
pub(crate) async fn pair(test: &str, making: Making) -> Option<(Replica, Replica)> {
    let rows = "INSERT INTO Kind VALUES (1, N'one'), (2, N'zwei €')";
    Some((
        Replica::new(test, making, &[rows]).await?,
        Replica::new(test, Making::Ours(Execution::Slices), &[]).await?,
    ))
}

pub(crate) async fn assert_equal(a: &Replica, b: &Replica, what: &str) {
    assert_eq!(a.contents().await, b.contents().await, "{what}");
    for table in TABLES {
        // Every row is tracked, and every tracked row that lives is there.
        let odd = format!(
            "SELECT COUNT(*) FROM [{0}] base FULL JOIN (SELECT * FROM [{0}_tracking] WHERE sync_row_is_tombstone = 0) side ON {1} \
             WHERE base.[{2}] IS NULL OR side.[{2}] IS NULL",
            table.name,
            keys(table),
            table.columns[0].0
        );
        for replica in [a, b] {
            assert_eq!(replica.db.rows(&odd).await, ["0"], "{what}: {}", table.name);
        }
    }
}

fn keys(table: &Table) -> String {
    let keys = table.columns.iter();
    let keys = keys.filter(|column| matches!(column.2, Kind::Key | Kind::Identity));
    let same: Vec<String> = keys
        .map(|key| format!("base.[{0}] = side.[{0}]", key.0))
        .collect();
    same.join(" AND ")
}

const ITEM: &str = "6f9619ff-8b86-d011-b42d-00c04fc964ff";

/// Sessions round a ring until a round moves nothing.
async fn settle(replicas: &[Replica], backwards: bool) {
    for _ in 0..8 {
        let mut moved = 0;
        for one in 0..replicas.len() {
            let other = (one + 1) % replicas.len();
            let (a, b) = if backwards {
                (other, one)
            } else {
                (one, other)
            };
            let done = synchronise(&replicas[a], &replicas[b]).await;
            let failed = (done.up.1, done.down.1);
            assert_eq!(failed, (0, 0), "{:?} with {:?}", MAKINGS[a], MAKINGS[b]);
            moved += done.up.0 + done.down.0;
        }
        if moved == 0 {
            for (other, replica) in MAKINGS.iter().zip(replicas).skip(1) {
                assert_equal(&replicas[0], replica, &format!("{other:?}")).await;
            }
            return;
        }
    }
    panic!("they do not become quiet");
}

/// A ring of all kinds.
#[tokio::test]
async fn rows_travel_between_all_of_them() {
    let mut replicas = Vec::new();
    for making in MAKINGS {
        let Some(replica) = Replica::new("rows_travel_between_all_of_them", making, &[]).await
        else {
            return;
        };
        replicas.push(replica);
    }
    let insert = format!(
        "INSERT INTO Item VALUES ('{ITEM}', 1, 'abc', 922337203685477.5807, 1234567890123456789012345678.0123456789, 0.1, \
         '2024-02-29T12:00:00.997', '2024-02-29T12:00:00.123456', '2024-02-29T12:00:00.123456+02:00', N'a \"quoted\" \\ text', 0x00ff10)"
    );
    let first: [&[&str]; 5] = [
        &[
            "INSERT INTO Kind VALUES (1, N'one'), (2, N'zwei €')",
            "INSERT INTO Log (Line) VALUES (N'first'), (N'second')",
        ],
        &[
            "INSERT INTO Kind VALUES (3, N'three')",
            "INSERT INTO Link VALUES (2, N'x')",
        ],
        &[&insert, "INSERT INTO Link VALUES (1, N'x'), (1, N'y')"],
        &["INSERT INTO Item (Id) VALUES ('7f9619ff-8b86-d011-b42d-00c04fc964ff')"],
        &["INSERT INTO Kind VALUES (5, N'five')"],
    ];
    for (replica, batches) in replicas.iter().zip(first) {
        replica.db.execute(batches).await;
    }
    settle(&replicas, false).await;
    assert_eq!(replicas[0].contents().await.len(), 11);

    // Changes and deletions everywhere, conflicts, a key that returns.
    let second: [&[&str]; 5] = [
        &[
            "UPDATE Kind SET Name = N'ONE' WHERE Id = 1",
            "DELETE FROM Link WHERE A = 1 AND B = N'x'",
            "DELETE FROM Kind WHERE Id = 3",
        ],
        &[
            "UPDATE Kind SET Name = N'uno' WHERE Id = 1",
            "DELETE FROM Item WHERE Kind IS NULL",
        ],
        &[
            "UPDATE Item SET Weight = 2.5, Price = -922337203685477.5808 WHERE Kind = 1",
            "DELETE FROM Kind WHERE Id = 5",
            "INSERT INTO Kind VALUES (5, N'cinq')",
        ],
        &[
            "UPDATE Item SET Code = 'new' WHERE Kind = 1",
            "DELETE FROM Kind WHERE Id = 5",
        ],
        &[
            "INSERT INTO Kind VALUES (6, N'six')",
            "UPDATE Kind SET Name = N'trois' WHERE Id = 3",
        ],
    ];
    for (replica, batches) in replicas.iter().zip(second) {
        replica.db.execute(batches).await;
    }
    settle(&replicas, true).await;
    assert_eq!(
        replicas[0].db.rows("SELECT COUNT(*) FROM Link").await,
        ["2"]
    );

    for (making, replica) in MAKINGS.iter().zip(&replicas) {
        assert_eq!(
            replica.objects,
            replica.everything().await,
            "{making:?}: nothing was added"
        );
    }
}

/// Nothing remembers the row but the knowledge.
#[tokio::test]
async fn a_row_that_fails_waits_in_the_knowledge_and_heals() {
    let test = "a_row_that_fails_waits_in_the_knowledge_and_heals";
    let rows = "INSERT INTO Kind VALUES (1, N'one'), (2, N'zwei €')";
    let Some(a) = Replica::new(test, Making::Ours(Execution::Slices), &[rows]).await else {
        return;
    };
    // Of our own making with slices there are tests elsewhere.
    for (nr, making) in (10..).zip(MAKINGS.into_iter().take(3)) {
        let Some(b) = Replica::new(test, making, &[]).await else {
            return;
        };
        let (there, here) = (nr + 50, nr + 80);
        let insert =
            |id: i32, name: &str| format!("INSERT INTO Kind VALUES ({id}, N'{name} {nr}')");
        a.db.execute(&[&insert(there, "name")]).await;
        let rows = a.contents().await.len() as u64;
        // Another row has the name already.
        b.db.execute(&[
            &insert(here, "name"),
            "CREATE UNIQUE INDEX one_name ON Kind (Name)",
        ])
        .await;
        let done = synchronise(&a, &b).await;
        assert_eq!(done.up, (rows - 1, 1), "{making:?}");
        let waiting = b.knowledge().await;
        assert!(!waiting.is_uniform(), "{making:?}: it is an exception");
        a.db.execute(&[&insert(nr, "more")]).await;
        let done = synchronise(&a, &b).await;
        assert_eq!(
            done.up,
            (1, 1),
            "{making:?}: offered again, blocking nothing"
        );
        let rename = format!("UPDATE Kind SET Name = N'other {nr}' WHERE Id = {here}");
        b.db.execute(&[&rename]).await;
        assert_eq!(synchronise(&a, &b).await.up, (1, 0), "{making:?}");
        let healed = b.knowledge().await;
        assert!(healed.is_uniform(), "{making:?}: one range again");
        assert_equal(&a, &b, &format!("{making:?}")).await;
        assert_eq!(synchronise(&a, &b).await.up, (0, 0), "{making:?}");
    }
}

/// Knowledge of a real database of Sync Framework 2.1: what it knew, and what it had forgotten.
const K1: &str = "000000050000000000000001000000000000000500001000000002f5d6756836c441ba8b43349c4bb7767fff7c22f8db0d4713bfe52229a2fb46ac\
    0000001800001001280200000100000015000000020000000100000000000000010000000200000000000000000000027a0000000100000000000007e7\
    000000170000000100000016000000010003000000000100000000000000190100000000";
const F1: &str = "000000050000000000000001000000000000000500001000000002f5d6756836c441ba8b43349c4bb7767fff7c22f8db0d4713bfe52229a2fb46ac\
    0000001800001001280200000100000015000000010000000100000000000000170000000100000016000000010003000000000000000000000000190100000000";

#[tokio::test]
async fn real_knowledge_is_read_extended_and_written_in_its_form() {
    let id = "f5d67568-36c4-41ba-8b43-349c4bb7767f";
    let own = ReplicaId::from_uuid(Uuid::parse_str(id).unwrap());
    let other =
        ReplicaId::from_uuid(Uuid::parse_str("ff7c22f8-db0d-4713-bfe5-2229a2fb46ac").unwrap());
    let test = "real_knowledge_is_read_extended_and_written_in_its_form";
    let Some((mut a, b)) = pair(test, Making::Msf(Execution::Slices)).await else {
        return;
    };
    let scope = format!(
        "UPDATE scope_info SET scope_id = '{id}', scope_sync_knowledge = 0x{K1}, scope_tombstone_cleanup_knowledge = 0x{F1}"
    );
    // Kind 2 came from that other database.
    let came = "UPDATE Kind_tracking SET update_scope_local_id = 1, scope_update_peer_key = 1, scope_update_peer_timestamp = 2020, \
         create_scope_local_id = 1, scope_create_peer_key = 1, scope_create_peer_timestamp = 2020 WHERE Id = 2";
    a.db.execute(&[&scope, came]).await;
    let stored = "SELECT scope_sync_knowledge FROM scope_info";
    let forgotten = "SELECT scope_tombstone_cleanup_knowledge FROM scope_info";
    let before = a.db.rows(forgotten).await;
    for (nr, execution) in (10..).zip([Execution::Slices, Execution::Procedures]) {
        a.execution = execution;
        let insert = format!("INSERT INTO Kind VALUES ({nr}, N'more')");
        b.db.execute(&[&insert]).await;
        let done = synchronise(&a, &b).await;
        assert_eq!(done.down, (1, 0), "{execution:?}");
        assert_equal(&a, &b, "real knowledge").await;
        let blob = bytes(&a.db.rows(stored).await[0]);
        assert_eq!(&blob[..8], [0, 0, 0, 5, 0, 0, 0, 0], "version 5");
        let knowledge = Knowledge::from_bytes(&blob).unwrap();
        assert_eq!(knowledge.to_bytes(), blob);
        assert_eq!(*knowledge.key_map().own(), own);
        assert_eq!(
            knowledge.find_min_tick_count_for_replica(&other),
            2023,
            "what it knew, it knows"
        );
        assert!(knowledge.find_min_tick_count_for_replica(&own) >= 634);
        assert_eq!(before, a.db.rows(forgotten).await, "what it forgot stays");
        // The other side has learned of both, under their own ids.
        assert_eq!(
            b.knowledge().await.find_min_tick_count_for_replica(&other),
            2023
        );
        // A session that teaches nothing leaves the bytes alone.
        synchronise(&a, &b).await;
        let quiet = a.db.rows(stored).await;
        synchronise(&a, &b).await;
        assert_eq!(quiet, a.db.rows(stored).await, "{execution:?}");
    }
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let Some((mut a, b)) = pair("what_is_missing_is_named", Making::Msf(Execution::Slices)).await
    else {
        return;
    };
    let batches = msf::provision("shop", TABLES, Options::default());
    let remade = |name: &str| -> String {
        let name = format!("[{name}]");
        let made = batches.iter().find(|batch| {
            (batch.starts_with("CREATE PROCEDURE") || batch.starts_with("CREATE TRIGGER"))
                && batch.contains(&name)
        });
        made.unwrap().clone()
    };
    let (slices, procedures): (&[Execution], &[Execution]) = (
        &[Execution::Slices, Execution::Procedures],
        &[Execution::Procedures],
    );
    let rename = |name: &str| format!("UPDATE scope_info SET sync_scope_name = N'{name}'");
    let cases: [(&str, String, &[Execution], &[&str]); 4] = [
        (
            "DROP PROCEDURE Kind_update",
            remade("Kind_update"),
            procedures,
            &["Kind", "Kind_update", "missing"],
        ),
        (
            "DROP PROCEDURE Kind_bulkinsert",
            remade("Kind_bulkinsert"),
            procedures,
            &["Kind_bulkinsert", "missing"],
        ),
        (
            "DROP TRIGGER Kind_insert_trigger",
            remade("Kind_insert_trigger"),
            slices,
            &["Kind_insert_trigger", "missing"],
        ),
        (
            &rename("foreign"),
            rename("shop"),
            slices,
            &["shop", "foreign"],
        ),
    ];
    let before = b.contents().await;
    for (damage, repair, executions, named) in cases {
        a.db.execute(&[damage]).await;
        for execution in executions {
            a.execution = *execution;
            assert_refused(&a, &b, damage, named).await;
            assert_eq!(before, b.contents().await, "{damage}");
        }
        a.db.execute(&[&repair]).await;
    }
    // Without procedures, slices go on.
    a.db.execute(&["DROP PROCEDURE Kind_update"]).await;
    a.execution = Execution::Slices;
    synchronise(&a, &b).await;
    assert_equal(&a, &b, "without a procedure").await;

    let damage = "ALTER TABLE Item DROP COLUMN Code";
    a.db.execute(&[damage]).await;
    for execution in slices {
        a.execution = *execution;
        assert_refused(&a, &b, damage, &["Code", "Item"]).await;
    }
}

pub(crate) async fn assert_refused(a: &Replica, b: &Replica, damage: &str, named: &[&str]) {
    let session = SyncOrchestrator::new(a.provider(), b.provider());
    let failed = session.synchronize().await.expect_err(damage);
    let message = failed.error.to_string().to_lowercase();
    for name in named {
        assert!(
            message.contains(&name.to_lowercase()),
            "{damage}: {message}"
        );
    }
}

/// Sync Framework's triggers do not track a key change: the old key's tracking row has no row any more.
#[tokio::test]
async fn a_tracked_row_that_is_gone_is_never_sent_as_nulls() {
    let test = "a_tracked_row_that_is_gone_is_never_sent_as_nulls";
    let Some((mut a, b)) = pair(test, Making::Msf(Execution::Slices)).await else {
        return;
    };
    let Some(c) = Replica::new(test, Making::Ours(Execution::Slices), &[]).await else {
        return;
    };
    a.db.execute(&[
        "INSERT INTO Log (Line) VALUES (NULL), (N'x')",
        "INSERT INTO Link VALUES (1, N'x'), (2, N'x')",
        "UPDATE Kind SET Id = 20 WHERE Id = 2",
        "UPDATE Link SET A = 3 WHERE A = 2",
    ])
    .await;
    for (execution, other) in [(Execution::Slices, &b), (Execution::Procedures, &c)] {
        a.execution = execution;
        assert_eq!(synchronise(&a, other).await.up, (4, 0), "{execution:?}");
        let sent = other
            .db
            .rows("SELECT Id FROM Kind UNION ALL SELECT A FROM Link")
            .await;
        assert_eq!(sent, ["1", "1"], "{execution:?}");
    }
}

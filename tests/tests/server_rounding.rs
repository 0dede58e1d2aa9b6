//! Values that are finer than the server's columns: stored rounded, sent back as a change, and quiet after that. And names that are hostile.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on panics; that is its way to fail"
)]

use std::path::Path;
use std::sync::Arc;

use sync_orchestrator::SyncOrchestrator;
use sync_provider_mssql::{Deprovisioning, Provisioning, TableChoice, Tables, describe};
use sync_provider_sqlite::SqliteProvider;
use sync_tests::support::scratch::folder;
use sync_tests::support::sql_server::{ServerDatabase, skip};

fn choice(table: &str) -> TableChoice {
    TableChoice {
        table: table.into(),
        global_name: None,
        columns: None,
    }
}

/// Rows moved up and down.
async fn session(sqlite: &Path, server: &ServerDatabase, scope: &str) -> (u64, u64) {
    let local = Arc::new(SqliteProvider::new(sqlite, scope));
    let orchestrator = SyncOrchestrator::new(local, Arc::new(server.provider(scope)));
    let done = orchestrator
        .on_conflict(|record| panic!("{record:?}"))
        .synchronize()
        .await
        .unwrap();
    let (up, down) = (done.upload.unwrap(), done.download.unwrap());
    assert_eq!(up.changes_failed + down.changes_failed, 0);
    (up.changes_total, down.changes_total)
}

async fn like(server: &ServerDatabase, path: &Path) {
    let (scope, _) = describe(&server.connections, None).await.unwrap();
    let name = scope.name.clone();
    let tables =
        sync_provider_sqlite::Tables::Like(scope, sync_provider_sqlite::Template::default());
    sync_provider_sqlite::Provisioning::new(name, tables)
        .apply(path)
        .unwrap();
}

#[tokio::test]
async fn what_is_rounded_becomes_quiet() {
    let Some(server) = ServerDatabase::new("rounding").await else {
        return;
    };
    server
        .execute(
            "CREATE TABLE T (Id int NOT NULL PRIMARY KEY, A decimal(9,2) NULL, B datetime NULL, C smalldatetime NULL, D real NULL, E time(3) NULL, \
             F datetime2(0) NULL, G datetimeoffset(3) NULL, H date NULL, I money NULL)",
        )
        .await;
    Provisioning::new("r", Tables::Listed(vec![choice("T")]))
        .apply(&server.connections)
        .await
        .unwrap();
    let folder = folder();
    let path = folder.path().join("a.db");
    like(&server, &path).await;
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch(
        "INSERT INTO T VALUES (1, 1.005, '2024-01-01 10:00:00.001', '2024-01-01 10:00:30', 0.1, '23:59:59.9999', '2024-12-31 23:59:59.5', \
         '2024-01-01 10:00:00.0005+02:00', '2024-01-01 12:00:00', '1.00005'), (2, 1.5, '2024-01-01 10:00:00.003', NULL, 0.5, NULL, NULL, NULL, NULL, '1.0000')",
    )
    .unwrap();
    assert_eq!(
        session(&path, &server, "r").await,
        (2, 1),
        "what was rounded comes back"
    );
    assert_eq!(session(&path, &server, "r").await, (0, 0), "and is quiet");
    let row = "SELECT A || ' ' || B || ' ' || C || ' ' || E || ' ' || F || ' ' || G || ' ' || H || ' ' || I FROM T WHERE Id = 1";
    let row: String = db.query_row(row, [], |row| row.get(0)).unwrap();
    assert_eq!(
        row,
        "1.01 2024-01-01 10:00:00 2024-01-01 10:01:00 23:59:59.999 2025-01-01 00:00:00 2024-01-01 10:00:00.001+02:00 2024-01-01 1.0001"
    );
    let rounded: f64 = db
        .query_row("SELECT D FROM T WHERE Id = 1", [], |row| row.get(0))
        .unwrap();
    assert_eq!(rounded, f64::from(0.1_f32));
    let second = folder.path().join("b.db");
    like(&server, &second).await;
    assert_eq!(session(&second, &server, "r").await, (0, 2));
    for path in [&path, &second] {
        assert_eq!(session(path, &server, "r").await, (0, 0));
    }
}

/// A database with as odd a name as the engine can work in.
async fn hostile_database() -> Option<ServerDatabase> {
    for end in [" ] '; -- \" x", " ; -- ünï", " ünï x", ""] {
        let server = ServerDatabase::with_name("hostile names", end).await?;
        let probes = [
            "CREATE SCHEMA probe",
            "CREATE TYPE dbo.probing AS TABLE (a int)",
            "CREATE PROCEDURE dbo.probed @t dbo.probing READONLY AS SELECT 1 FROM @t",
        ];
        let mut made = Ok(());
        for probe in probes {
            if made.is_ok() {
                made = server.try_execute(probe).await;
            }
        }
        match made {
            Ok(()) => return Some(server),
            Err(error) => skip(
                "hostile names",
                &format!("no database whose name ends with {end}: {error}"),
            ),
        }
    }
    panic!("no database can be used");
}

/// Names as long and as odd as they may be, from provisioning to taking it off.
#[tokio::test]
async fn hostile_names_end_to_end() {
    let long = "x".repeat(100);
    let names = [
        "a]b[c",
        "quote ' it",
        "semi; DROP TABLE T --",
        "/* comment */",
        "double \" quote",
        "ünï漢",
        "SELECT",
        " lead",
        long.as_str(),
    ];
    let Some(server) = hostile_database().await else {
        return;
    };
    let quote = sync_metadata::quote;
    let mut tables = Vec::new();
    for name in names {
        // The first one's schema is odd as well.
        let schema = if name == names[0] {
            format!("s {name}")
        } else {
            "Hostile".to_owned()
        };
        let table = format!(
            "[{}].[{}]",
            schema.replace(']', "]]"),
            name.replace(']', "]]")
        );
        let create = format!(
            "CREATE TABLE {table} ({} int NOT NULL PRIMARY KEY, {} nvarchar(20) NULL)",
            quote(name),
            quote(&format!("v {name}"))
        );
        let made = match server
            .try_execute(&format!(
                "IF SCHEMA_ID(N'{0}') IS NULL EXEC(N'CREATE SCHEMA {1}')",
                schema.replace('\'', "''"),
                quote(&schema).replace('\'', "''")
            ))
            .await
        {
            Ok(()) => server.try_execute(&create).await,
            Err(error) => Err(error),
        };
        // Some engines lose such names in the bodies of triggers and procedures.
        let probes = [
            format!(
                "CREATE TRIGGER {0}.{1} ON {table} FOR INSERT AS UPDATE b SET {2} = NULL FROM {table} b JOIN inserted i ON b.{3} = i.{3}",
                quote(&schema),
                quote(&format!("t {name}")),
                quote(&format!("v {name}")),
                quote(name)
            ),
            format!(
                "CREATE PROCEDURE {0}.{1} @P_1 int AS SELECT b.{2} FROM {table} b WHERE b.{2} = @P_1",
                quote(&schema),
                quote(&format!("p {name}")),
                quote(name)
            ),
            format!(
                "CREATE TYPE {0}.{1} AS TABLE ({2} int NOT NULL PRIMARY KEY)",
                quote(&schema),
                quote(&format!("y{}", name.len())),
                quote(name)
            ),
            format!(
                "CREATE PROCEDURE {0}.{1} @changes {0}.{2} READONLY AS BEGIN DECLARE @done TABLE ({3} int NOT NULL, PRIMARY KEY ({3})); \
                 INSERT INTO @done ({3}) SELECT c.{3} FROM @changes c LEFT JOIN {table} b ON b.{3} = c.{3}; SELECT c.{3} FROM @changes c END",
                quote(&schema),
                quote(&format!("q {name}")),
                quote(&format!("y{}", name.len())),
                quote(name)
            ),
            format!("INSERT INTO {table} VALUES (0, NULL)"),
            format!("DELETE FROM {table}"),
            format!(
                "DROP TRIGGER {}.{}",
                quote(&schema),
                quote(&format!("t {name}"))
            ),
        ];
        let mut made = made;
        for probe in &probes {
            if made.is_ok() {
                made = server.try_execute(probe).await;
            }
        }
        match made {
            // Some engines give long names back in another form.
            Ok(())
                if server
                    .rows(&format!(
                        "SELECT 1 FROM sys.tables WHERE LOWER(name) = LOWER(N'{}')",
                        name.replace('\'', "''")
                    ))
                    .await
                    .is_empty() =>
            {
                skip(
                    "hostile names",
                    &format!("the engine does not keep the name {name}"),
                );
            }
            Ok(()) => tables.push((name, table)),
            Err(error) => skip(
                "hostile names",
                &format!("the engine refuses the name {name}: {error}"),
            ),
        }
    }
    let mut good = Vec::new();
    for (at, (name, table)) in tables.iter().enumerate() {
        // Each alone first, so that the one that is at fault is named.
        let scope = format!("o'{at}] \"scope;--");
        let provisioning = Provisioning {
            object_prefix: Some("o'p x".into()),
            ..Provisioning::new(scope.as_str(), Tables::Listed(vec![choice(table)]))
        };
        provisioning
            .apply(&server.connections)
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        server
            .execute(&format!("INSERT INTO {table} VALUES (1, N'one')"))
            .await;
        let folder = folder();
        let path = folder.path().join("a.db");
        let (description, _) = describe(&server.connections, Some(&scope)).await.unwrap();
        let like = sync_provider_sqlite::Tables::Like(
            description,
            sync_provider_sqlite::Template::default(),
        );
        sync_provider_sqlite::Provisioning::new(scope.as_str(), like)
            .apply(&path)
            .unwrap();
        assert_eq!(session(&path, &server, &scope).await, (0, 1), "{name}");
        good.push(scope);
    }
    for scope in &good {
        Deprovisioning::Scope(scope.clone())
            .apply(&server.connections)
            .await
            .unwrap_or_else(|error| panic!("{scope}: {error}"));
    }
    assert!(!good.is_empty());
}

//! Whole databases through three replicas: the real Chinook where it is there, generated sales data always. They end equal, as
//! plain statements read them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on panics, and one that cannot run says so"
)]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sync_orchestrator::SyncDirectionOrder;
use sync_provider::ConflictPolicy;
use sync_provider_sqlite::{DEFAULT_BUSY_TIMEOUT, Provisioning, SqliteProvider, Tables, describe};
use sync_tests::support::dump::{assert_sound, open, query, rows, user_rows};
use sync_tests::support::session::{Report, Session};
use sync_tests::support::{sales, scratch};

/// Where the real database lies, if it is there: in the folder of shared data beside the checkout.
fn chinook() -> Option<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    let path = workspace.join("../shared/data/chinook/Chinook_Sqlite.sqlite");
    if path.is_file() {
        return Some(path);
    }
    let reason = "chinook: the real Chinook database is not here";
    println!("{reason}");
    if let Ok(file) = std::env::var("SYNC_TEST_SKIPS") {
        let mut skips = fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(file)
            .unwrap();
        writeln!(skips, "{reason}").unwrap();
    }
    None
}

struct Three {
    _folder: tempfile::TempDir,
    paths: [PathBuf; 3],
}

impl Three {
    /// Provisions the first database whole, and two empty ones like it.
    fn new(fill: impl FnOnce(&Path)) -> Three {
        let folder = scratch::folder();
        let paths = ["a.db", "b.db", "c.db"].map(|name| folder.path().join(name));
        fill(&paths[0]);
        Provisioning::new("all", Tables::All)
            .apply(&paths[0])
            .unwrap();
        for path in &paths[1..] {
            let (scope, templates) = describe(&paths[0], None, DEFAULT_BUSY_TIMEOUT).unwrap();
            Provisioning::new("all", Tables::Like(scope, templates))
                .apply(path)
                .unwrap();
        }
        Three {
            _folder: folder,
            paths,
        }
    }

    fn session(&self, from: usize, to: usize) -> Session {
        let provider = |side: usize| Arc::new(SqliteProvider::new(&self.paths[side], "all"));
        Session::new(provider(from), provider(to))
    }

    fn execute(&self, side: usize, statements: &str) {
        let db = open(&self.paths[side]);
        db.pragma_update(None, "foreign_keys", true).unwrap();
        db.execute_batch(statements).expect(statements);
    }

    fn tracked(&self, side: usize) -> usize {
        let tables = query(
            &self.paths[side],
            "SELECT name FROM sqlite_schema WHERE name LIKE '%\\_tracking' ESCAPE '\\'",
        );
        tables
            .iter()
            .map(|table| table.trim_matches('\''))
            .map(|table| {
                query(
                    &self.paths[side],
                    &format!("SELECT 1 FROM \"{table}\" WHERE sync_row_is_tombstone = 0"),
                )
                .len()
            })
            .sum()
    }

    /// Sessions along both edges until a round moves nothing; then all three are equal.
    fn settle(&self) {
        let moved = |report: Report| {
            assert_eq!(report.left(), 0, "{report:?}");
            report.moved()
        };
        let quiet =
            (0..6).any(|_| moved(self.session(0, 1).run()) + moved(self.session(1, 2).run()) == 0);
        assert!(quiet, "the three do not become quiet");
        let rows = user_rows(&self.paths[0]);
        for side in 0..3 {
            assert!(
                user_rows(&self.paths[side]) == rows,
                "database {side} differs"
            );
            assert_sound(&self.paths[side]);
            assert_eq!(self.tracked(side), rows.len());
            assert_eq!(
                query(&self.paths[side], "SELECT count(*) FROM sync_waiting"),
                ["0"]
            );
        }
    }
}

#[test]
fn chinook_through_a_third_database() {
    let Some(source) = chinook() else { return };
    let three = Three::new(|path| {
        fs::copy(&source, path).unwrap();
    });
    let before = user_rows(&source);
    assert_eq!(before.len(), 15_607);
    let first = three.session(0, 1).run();
    assert_eq!((first.upload().changes_applied, first.left()), (15_607, 0));
    assert!(
        user_rows(&three.paths[1]) == before,
        "the copy is equal, storage classes included"
    );
    // Edits on both sides: employees that refer to each other, decimals, dates, NULLs, text that is not ASCII, composite keys.
    three.execute(
        0,
        "UPDATE Employee SET ReportsTo = 8, Title = NULL WHERE EmployeeId = 3;
         INSERT INTO Employee (EmployeeId, LastName, FirstName, ReportsTo, BirthDate) VALUES (9, 'Ångström', 'Zoë', 10, '1970-01-01 00:00:00'),
            (10, 'Łoś', '李', 1, NULL);
         UPDATE Employee SET ReportsTo = 9 WHERE EmployeeId = 7;
         UPDATE Track SET UnitPrice = UnitPrice + 0.05, Composer = NULL WHERE TrackId % 100 = 0;
         DELETE FROM PlaylistTrack WHERE PlaylistId = 8 AND TrackId % 3 = 0;
         INSERT INTO PlaylistTrack VALUES (2, 1), (2, 2);
         UPDATE Artist SET Name = 'Mötley Crüe ' || ArtistId WHERE ArtistId BETWEEN 50 AND 60",
    );
    three.execute(
        1,
        "DELETE FROM InvoiceLine WHERE InvoiceId IN (1, 2); DELETE FROM Invoice WHERE InvoiceId IN (1, 2);
         UPDATE Invoice SET Total = Total * 1.19, InvoiceDate = '2026-02-28 23:59:59' WHERE InvoiceId % 50 = 0;
         UPDATE Artist SET Name = NULL WHERE ArtistId BETWEEN 55 AND 65;
         INSERT INTO Genre VALUES (26, 'Schlager'); UPDATE Track SET GenreId = 26 WHERE TrackId = 77;
         UPDATE Employee SET Email = 'new@example.org' WHERE EmployeeId = 3;
         INSERT INTO PlaylistTrack VALUES (4, 77), (2, 2)",
    );
    let second = three.session(0, 1).policy(ConflictPolicy::SourceWins).run();
    let tables: Vec<&str> = second
        .records
        .iter()
        .map(|record| record.table.as_str())
        .collect();
    assert_eq!(
        tables,
        [
            "[Artist]",
            "[Artist]",
            "[Artist]",
            "[Artist]",
            "[Artist]",
            "[Artist]",
            "[Employee]"
        ]
    );
    assert_eq!(second.left(), 0);
    assert_eq!(
        query(
            &three.paths[1],
            "SELECT Name FROM Artist WHERE ArtistId = 55"
        ),
        ["'Mötley Crüe 55'"]
    );
    let third = three.session(1, 2).run();
    assert_eq!(third.upload().changes_failed, 0);
    // The third database is worked on as well, and reaches the first only through the second.
    three.execute(
        2,
        "DELETE FROM InvoiceLine WHERE TrackId = 77; DELETE FROM PlaylistTrack WHERE TrackId = 77; DELETE FROM Track WHERE TrackId = 77;
         UPDATE Employee SET ReportsTo = NULL WHERE EmployeeId IN (9, 10); UPDATE Customer SET Company = 'Üben & Söhne' WHERE CustomerId < 10",
    );
    three.settle();
    assert_eq!(
        query(
            &three.paths[0],
            "SELECT count(*) FROM Track WHERE TrackId = 77"
        ),
        ["0"]
    );
}

#[test]
fn sales_through_a_third_database() {
    let three = Three::new(|path| sales::create(path, 300));
    let before = user_rows(&three.paths[0]);
    assert_eq!(before.len(), 3 + 300 + 300 + 900);
    let first = three.session(0, 1).batch_bytes(4096).run();
    assert_eq!((first.upload().changes_applied, first.left()), (1503, 0));
    assert!(user_rows(&three.paths[1]) == before);
    three.execute(
        0,
        "UPDATE Sales_Employee SET ReportsTo = 2 WHERE EmployeeId = 3; UPDATE Sales_Employee SET ReportsTo = NULL WHERE EmployeeId = 1;
         UPDATE Sales_OrderLine SET Price = Price + 0.1 WHERE LineNumber = 2; UPDATE Sales_Customer SET Photo = NULL, City = 'Łódź' WHERE Credit < 20",
    );
    three.execute(
        1,
        "DELETE FROM Sales_OrderLine WHERE OrderId IN (SELECT OrderId FROM Sales_Order WHERE Number % 70 = 0); DELETE FROM Sales_Order WHERE Number % 70 = 0;
         UPDATE Sales_Customer SET City = 'Köln', Since = NULL WHERE Credit < 10; INSERT INTO Sales_Employee VALUES (4, '', 4)",
    );
    three
        .session(1, 2)
        .direction(SyncDirectionOrder::Upload)
        .run();
    let second = three.session(0, 1).run();
    assert!(!second.records.is_empty() && second.left() == 0);
    three.execute(2, "UPDATE Sales_Order SET Number = -Number; UPDATE Sales_Order SET Number = 5000 + Number WHERE Number < 0");
    three.settle();
    assert!(!rows(&three.paths[2], "Sales_Order").is_empty());
}

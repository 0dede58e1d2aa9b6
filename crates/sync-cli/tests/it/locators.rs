//! Locators, well formed or not, and what needs no server to be answered.

use super::support::{Place, Run, check_failure};

/// An address on this machine that nobody listens at.
fn nobody() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// Every command, with a server in either place.
fn calls(server: &str) -> [Vec<&str>; 11] {
    [
        vec!["status", server],
        vec!["sync", "a.db", server],
        vec!["sync", server, "a.db"],
        vec!["sync", "a.db", server, "--provision"],
        vec!["sync", server, "new.db", "--provision"],
        vec!["verify", server, "a.db"],
        vec!["verify", "a.db", server],
        vec!["provision", server, "--scope", "s", "--all-tables"],
        vec!["provision", "c.db", "--like", server],
        vec!["provision", server, "--like", "a.db", "--script"],
        vec!["deprovision", server, "--store"],
    ]
}

#[test]
fn a_server_that_nobody_is_at() {
    let place = Place::with_two_shops();
    let nobody = nobody();
    let comma = nobody.replace(':', ",");
    for server in [
        format!("mssql://sa:s3cret@{nobody}/Sales"),
        format!("Server={comma};Database=Sales;User Id=sa;Password=s3cret"),
    ] {
        for call in calls(&server) {
            check_failure(&place, &call, 4, &format!("{nobody}/Sales: "));
        }
    }
}

#[test]
fn a_user_without_a_password() {
    let place = Place::with_two_shops();
    let server = "mssql://sa@db.example/Sales";
    for call in calls(server) {
        check_failure(
            &place,
            &call,
            2,
            "mssql://sa@db.example/Sales: there is no password for its user; set SYNCDB_PASSWORD",
        );
    }
}

#[test]
fn one_database_is_not_two() {
    let place = Place::new();
    check_failure(
        &place,
        &[
            "sync",
            "mssql://sa:a@db/Sales",
            "Server=DB,1433;Database=Sales;User Id=me;Password=b",
        ],
        3,
        "mssql://sa@db/Sales: both sides are the same database",
    );
}

/// A path where a server was meant.
#[test]
fn a_path_that_looks_like_a_server() {
    let place = Place::with_two_shops();
    for path in ["sa@db", "Server=db", "db,1433", "db.example/Sales"] {
        let shown = format!("{path}: there is no such file; write mssql://USER@HOST/DATABASE");
        check_failure(&place, &["status", path], 4, &shown);
        check_failure(&place, &["sync", "a.db", path], 4, &shown);
    }
    check_failure(&place, &["status", "missing.db"], 4, "check the path");
    check_failure(
        &place,
        &["sync", "a.db", "mssql:sa@db/Sales", "--provision"],
        2,
        "SQL Server locator: there is no // after mssql:",
    );
}

#[test]
fn what_does_not_parse_is_wrong_usage() {
    let place = Place::new();
    let check = |locator: &str, part| check_failure(&place, &["status", locator], 2, part);
    check(
        "mssql://sa:s3cret@db",
        "SQL Server locator: it names no database",
    );
    check(
        "mssql:sa:s3cret@db/Sales",
        "SQL Server locator: there is no // after mssql:",
    );
    check(
        "Server=db;Database=Sales;Integrated Security=SSPI",
        "Integrated Security is not supported",
    );
    check(
        "mssql://sa:s3cret@db/Sales?encrypt=maybe",
        "encrypt is neither off nor on nor strict",
    );
    check("Server=db;Password='s3cret", "a quote in it is not closed");
    check(
        "mysql://me:s3cret@db/x",
        "mysql://: this kind of database is not known",
    );
    check("sqlite:", "database: its path is empty");
}

#[test]
fn passwords_are_in_no_output() {
    let place = Place::with_two_shops();
    let nobody = nobody();
    let url = format!("mssql://sa:s3cret@{nobody}/Sales");
    let string = format!(
        "Server={};Database=Sales;User Id=sa;Password=s3cret",
        nobody.replace(':', ",")
    );
    for secret in [
        url.as_str(),
        &string,
        "mssql://sa:s3cret@db",
        "mssql:sa:s3cret@db",
        "mysql://u:s3cret@x",
    ] {
        let like = format!("--like={secret}");
        for call in [
            vec!["status", secret],
            vec!["status", "a.db", secret],
            vec![secret],
            vec!["sync", secret, "a.db", "--direction", secret],
            vec!["provision", "c.db", &like, "--all-tables"],
            vec!["provision", "c.db", &like],
            vec!["knowledge", "show", "--", "x", secret],
        ] {
            for json in [&[][..], &["--json"]] {
                let mut command = place.command(&call);
                command
                    .args(json)
                    .env("SYNCDB_PASSWORD", "s3cret")
                    .env("RUST_LOG", "trace");
                let run = Run::from(command.output().unwrap());
                assert!(matches!(run.code, 2 | 4), "{call:?}: {run:?}");
                assert!(!format!("{run:?}").contains("s3cret"), "{call:?}: {run:?}");
            }
        }
    }
}

#[test]
fn files_by_either_form() {
    let place = Place::with_two_shops();
    let absolute = format!("sqlite:{}", place.path("b.db").display());
    place.ok(&["verify", "sqlite:a.db", &absolute]);
    place.sql("odd=name.db", super::support::SHOP);
    place.ok(&[
        "provision",
        "odd=name.db",
        "--scope",
        "s",
        "--table",
        "Customer",
    ]);
    place.ok(&["provision", "file:odd", "--like", "odd=name.db"]);
    assert!(place.path("file:odd").exists());
}

//! What can be wrong at a server: one error each, which names it, the right exit code, and nothing changed.

use super::server::{Server, skip};
use super::sql_server::shop;
use super::support::check_failure;

#[test]
fn no_way_in() {
    let Some(server) = shop("no_way_in") else {
        return;
    };
    server.ok(&["sync", "a.db", &server.url, "--provision"]);
    let login = server.url.trim_start_matches("mssql://");
    let (user, _) = login.split_once(':').unwrap();
    let wrong = server.url_as(&format!("{user}:not-the-password"));
    let missing = server.url_of("sync_cli_there_is_none");
    for (url, parts) in [
        (
            &wrong,
            &["Login failed", "18456", "check user, password and database"][..],
        ),
        (&missing, &["sync_cli_there_is_none"]),
    ] {
        for call in [
            vec!["status", url],
            vec!["sync", "a.db", url],
            vec!["verify", url, "a.db"],
            vec!["provision", url, "--like", "a.db"],
            vec!["deprovision", url, "--store"],
        ] {
            server.fails(&call, 4, parts);
        }
    }
    if server.url.contains("trust_server_certificate") {
        // Checked unless somebody says otherwise.
        let untrusted = server.url_without_options();
        let parts = ["certificate", "trust_server_certificate=true"];
        server.fails(&["status", &untrusted], 4, &parts);
        server.fails(&["sync", "a.db", &untrusted], 4, &parts);
        // Plain text only where it is asked for.
        let plain = format!("{untrusted}?encrypt=off");
        let probe = server.run(&["status", &plain]);
        assert!(matches!(probe.code, 0 | 4), "{probe:?}");
    }
}

/// The password may come from the environment, which the locator's own goes before.
#[test]
fn where_the_password_comes_from() {
    let Some(server) = shop("where_the_password_comes_from") else {
        return;
    };
    let (before, after) = server.url.rsplit_once('@').unwrap();
    let (user, _) = before.rsplit_once(':').unwrap();
    let without = format!("{user}@{after}");
    let check = |url: &str, password: &str, code: i32| {
        let mut command = server.place.command(&["status", url]);
        let output = command.env("SYNCDB_PASSWORD", password).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert!(!format!("{output:?}").contains(&server.password));
    };
    check(&without, &server.password, 0);
    check(&without, "not-the-password", 4);
    check(&server.url, "not-the-password", 0);
    check_failure(
        &server.place,
        &["status", &without],
        2,
        "set SYNCDB_PASSWORD",
    );
}

#[test]
fn scopes_that_are_not_there() {
    let Some(server) = shop("scopes_that_are_not_there") else {
        return;
    };
    let url = server.url.as_str();
    server.ok(&["sync", "a.db", url, "--provision"]);
    let missing = ["scope other", "does not hold it (it has shop)"];
    for call in [
        vec!["status", url, "--scope", "other"],
        vec!["verify", url, "a.db", "--scope", "other"],
        vec!["provision", "b.db", "--like", url, "--scope", "other"],
        vec!["deprovision", url, "--scope", "other"],
    ] {
        server.fails(&call, 3, &missing);
    }
    server.fails(
        &["sync", "a.db", url, "--scope", "other"],
        3,
        &["scope other"],
    );
    server.fails(
        &["sync", "a.db", url, "--scope", "other", "--provision"],
        3,
        &["neither a.db nor mssql://", "holds it"],
    );
    // A scope of the same name with other tables.
    server
        .place
        .sql("b.db", "CREATE TABLE Other (Id INTEGER PRIMARY KEY)");
    server.ok(&["provision", "b.db", "--scope", "shop", "--all-tables"]);
    server.fails(&["sync", "b.db", url], 3, &["table [Other]"]);
    server.fails(
        &["provision", url, "--scope", "shop", "--table", "Customer"],
        3,
        &["scope shop: it exists already"],
    );
    server.fails(
        &["provision", url, "--scope", "s", "--table", "Nothing"],
        3,
        &["table Nothing", "has no table"],
    );
}

/// What was taken away under a scope, what `status` and a session say of it, and how it comes back.
#[test]
fn what_is_missing_under_a_scope() {
    let Some(server) = shop("what_is_missing_under_a_scope") else {
        return;
    };
    let url = server.url.as_str();
    server.ok(&["sync", "a.db", url, "--provision"]);
    for (damage, part, mend) in [
        (
            "UPDATE schema_info SET schema_minor_version = 0",
            "its metadata has version 2.0; upgrade the metadata to 2.1 first",
            "UPDATE schema_info SET schema_minor_version = 1",
        ),
        (
            "UPDATE schema_info SET schema_minor_version = 7",
            "2.7",
            "UPDATE schema_info SET schema_minor_version = 1",
        ),
        (
            "UPDATE scope_config SET scope_status = 'P'",
            "its provisioning was not finished",
            "UPDATE scope_config SET scope_status = 'C'",
        ),
    ] {
        server.execute(&[damage]);
        server.fails(&["sync", "a.db", url], 3, &[part]);
        let run = server.run(&["status", url]);
        assert!(matches!(run.code, 1 | 3), "{damage}: {run:?}");
        let said = format!("{}{}", run.stdout, run.stderr);
        assert!(said.contains(part), "{damage}: {said}");
        server.execute(&[mend]);
    }
    // Sessions write the tables themselves: they need none of the procedures.
    server.execute(&[
        "DROP PROCEDURE Customer_selectchanges",
        "UPDATE Customer SET Name = N'Grace' WHERE Id = 1",
    ]);
    server.ok(&["sync", "a.db", url]);
    server.execute(&["ALTER TABLE Customer DROP COLUMN Photo"]);
    let parts = ["column Photo of table", "the table does not"];
    server.fails(&["sync", "a.db", url], 3, &parts);
    assert!(server.ends(&["status", url], 1).contains(parts[0]));
    server.execute(&[
        "DROP TABLE Purchase",
        "ALTER TABLE Customer ADD Photo varbinary(max) NULL",
    ]);
    let parts = ["table [Purchase]", "the database does not"];
    let run = server.run(&["status", url]);
    assert!(run.code == 1 && run.stdout.contains(parts[1]), "{run:?}");
    server.fails(&["verify", "a.db", url], 3, &["table "]);
    server.ok(&["deprovision", url, "--scope", "shop"]);
    server.fails(&["status", url, "--scope", "shop"], 3, &["it has none"]);
}

/// A login that may not do what it is to do.
#[test]
fn permissions_that_are_missing() {
    const TEST: &str = "permissions_that_are_missing";
    let Some(server) = shop(TEST) else {
        return;
    };
    let url = server.url.as_str();
    server.ok(&["sync", "a.db", url, "--provision"]);
    let (login, poor) = server.login();
    // Objects that a login may not see are not there for it.
    server.fails(
        &["provision", &poor, "--scope", "s", "--all-tables"],
        3,
        &["it has no tables that the login may see"],
    );
    server.fails(
        &["sync", "a.db", &poor],
        3,
        &["scope shop", "does not hold it"],
    );
    for table in [
        "Customer",
        "Purchase",
        "Customer_tracking",
        "Purchase_tracking",
        "scope_info",
        "scope_config",
        "schema_info",
        "sync_scope",
        "sync_waiting",
    ] {
        server.execute(&[&format!("GRANT SELECT ON {table} TO {login}")]);
    }
    server
        .place
        .sql("a.db", "UPDATE Customer SET Name = 'Grace' WHERE Id = 1");
    let run = server.run(&["sync", "a.db", &poor]);
    if run.error_line().contains("is missing") {
        skip(
            TEST,
            "this server hides triggers from whoever may read their table",
        );
    } else {
        server.fails(&["sync", "a.db", &poor], 4, &["permission"]);
    }
}

/// A tracking table copies the key columns beside its own.
#[test]
fn a_key_named_like_metadata() {
    let Some(server) = Server::new("a_key_named_like_metadata") else {
        return;
    };
    server
        .execute(&["CREATE TABLE T (Sync_Row_Is_Tombstone int NOT NULL PRIMARY KEY, A int NULL)"]);
    server.fails(
        &["provision", &server.url, "--scope", "s", "--table", "T"],
        3,
        &[
            "column Sync_Row_Is_Tombstone of table",
            "tracking tables have a column of this name",
        ],
    );
}

/// Two arguments that one server is behind.
#[test]
fn both_sides_are_one_replica() {
    let Some(server) = shop("both_sides_are_one_replica") else {
        return;
    };
    let (before, after) = server
        .url
        .split_once("localhost")
        .unwrap_or((&server.url, ""));
    server.fails(
        &["sync", &server.url, &server.string],
        3,
        &["both sides are the same database"],
    );
    if !after.is_empty() {
        let other = format!("{before}127.0.0.1{after}");
        server.fails(
            &["sync", &server.url, &other],
            3,
            &["both sides are replica"],
        );
    }
}

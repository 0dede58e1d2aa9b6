//! Every command with SQL Server at either end, as with SQLite.

use serde_json::{Value as Json, json};

use super::server::Server;
use super::support::SHOP;

/// The shop of the SQLite tests in SQL Server's words.
pub(crate) const SERVER_SHOP: [&str; 3] = [
    "CREATE TABLE Customer (Id bigint NOT NULL PRIMARY KEY, Name nvarchar(100) NOT NULL, Credit decimal(10,2) NULL, Photo varbinary(max) NULL)",
    "CREATE TABLE Purchase (Shop nvarchar(40) COLLATE Latin1_General_BIN2 NOT NULL, Number bigint NOT NULL, Customer bigint NULL REFERENCES Customer (Id), \
     Weight float NULL, PRIMARY KEY (Shop, Number))",
    "INSERT INTO Customer VALUES (1, N'Ada', 10.5, 0x00ff), (2, N'Grüße', NULL, NULL), (9223372036854775807, N'last', 0, NULL); \
     INSERT INTO Purchase VALUES (N'Bern', 1, 1, 0.5), (N'Bern', 2, 2, NULL)",
];

const NAMES: &str =
    "SELECT CONVERT(nvarchar(40), Id) + N' ' + Name FROM Customer ORDER BY Customer.Id";

/// A server with the shop, provisioned.
pub(crate) fn shop(test: &str) -> Option<Server> {
    let server = Server::new(test)?;
    server.execute(&SERVER_SHOP);
    let url = server.url.clone();
    server.ok(&[
        "provision",
        &url,
        "--scope",
        "shop",
        "--table",
        "Customer",
        "--table",
        "Purchase",
    ]);
    Some(server)
}

/// The keys of a document at every level; of arrays only the first element.
fn shape(document: &Json) -> Json {
    match document {
        Json::Object(object) => {
            let keys = object
                .iter()
                .map(|(key, value)| (key.clone(), shape(value)));
            Json::Object(keys.collect())
        }
        Json::Array(array) => Json::Array(array.first().map(shape).into_iter().collect()),
        _ => Json::Null,
    }
}

#[test]
fn both_ways_and_both_ends() {
    let Some(server) = shop("both_ways_and_both_ends") else {
        return;
    };
    let (url, string) = (server.url.as_str(), server.string.as_str());
    // A server and a file, in either place, by either form of the locator.
    let document = server.json(&["sync", "a.db", url, "--provision"], 0);
    assert_eq!(document["provisioned"], "local");
    assert_eq!(document["download"]["changes_applied"], 5);
    server.place.sql(
        "a.db",
        "UPDATE Customer SET Name = 'Grace' WHERE Id = 1; INSERT INTO Purchase VALUES ('Basel', 1, 2, 1.5)",
    );
    server.execute(&[
        "DELETE FROM Purchase WHERE Number = 2; UPDATE Customer SET Name = N'Grüezi' WHERE Id = 2",
    ]);
    server.ok(&["sync", string, "a.db"]);
    assert_eq!(
        server.rows(NAMES),
        ["1 Grace", "2 Grüezi", "9223372036854775807 last"]
    );
    assert_eq!(
        server
            .place
            .rows("a.db", "SELECT Shop || Number FROM Purchase ORDER BY 1"),
        ["Text(\"Basel1\")", "Text(\"Bern1\")"]
    );
    server.ok(&["verify", url, "a.db"]);
    server.ok(&["verify", "a.db", string]);
    // Nothing is left to do.
    let document = server.json(&["sync", "a.db", url], 0);
    for direction in ["upload", "download"] {
        assert_eq!(document[direction]["changes_total"], 0, "{document}");
    }
}

#[test]
fn two_databases_of_one_server() {
    let Some(server) = shop("two_databases_of_one_server") else {
        return;
    };
    let Some(other) = Server::new("two_databases_of_one_server") else {
        return;
    };
    server.ok(&["provision", &other.url, "--like", &server.url]);
    server.ok(&["sync", &other.url, &server.url]);
    assert_eq!(other.rows(NAMES), server.rows(NAMES));
    other.execute(&["UPDATE Customer SET Name = N'Grace' WHERE Id = 1"]);
    server.execute(&["UPDATE Customer SET Name = N'Edith' WHERE Id = 1"]);
    let said = server.ok(&["sync", &other.url, &server.url, "--conflicts", "met.jsonl"]);
    assert!(said.contains("LocalUpdateRemoteUpdate"), "{said}");
    let met = std::fs::read_to_string(server.place.path("met.jsonl")).unwrap();
    let met: Json = serde_json::from_str(met.trim()).unwrap();
    assert_eq!(met["local"]["row"][1], "Edith");
    assert_eq!(
        met["remote"]["row"],
        json!([1, "Grace", "10.50", {"blob": "00ff"}])
    );
    server.ok(&["verify", &other.url, &server.url]);
    // A third replica of another engine hears of it from either.
    server.ok(&["sync", "third.db", &other.url, "--provision"]);
    server.ok(&["sync", "third.db", &server.url]);
    server.ok(&["verify", "third.db", &server.url]);
}

#[test]
fn like_in_both_directions() {
    let Some(server) = Server::new("like_in_both_directions") else {
        return;
    };
    let url = server.url.as_str();
    server.place.sql("a.db", SHOP);
    server.ok(&[
        "provision",
        "a.db",
        "--scope",
        "shop",
        "--all-tables",
        "--object-prefix",
        "app",
    ]);
    let document = server.json(&["provision", url, "--like", "a.db"], 0);
    assert_eq!(document["tables"][0]["name"], "[Customer]");
    assert_eq!(document["scope"], "shop");
    // The prefix came along.
    let prefixed = "SELECT LOWER(TABLE_NAME) FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_NAME = N'app_scope_info'";
    assert_eq!(server.rows(prefixed), ["app_scope_info"]);
    server.ok(&["sync", "a.db", url]);
    server.ok(&["verify", "a.db", url]);
    server.ok(&["provision", "b.db", "--like", url]);
    server.ok(&["sync", "b.db", url]);
    server.ok(&["verify", "a.db", "b.db"]);
    server.fails(
        &["provision", url, "--like", "a.db"],
        3,
        &["scope shop: it exists already"],
    );
}

#[test]
fn a_scope_is_looked_at() {
    let Some(server) = shop("a_scope_is_looked_at") else {
        return;
    };
    let url = server.url.as_str();
    let before = server.state();
    let status = server.json(&["status", url], 0);
    assert_eq!(status["database"], server.shown());
    assert_eq!(status["metadata_version"], "2.1");
    assert_eq!(status["provisioned_by"], "syncdb");
    assert_eq!(status["scopes"][0]["tables"][0]["rows"], 3, "{status}");
    let said = server.ok(&["status", url, "--scope", "shop"]);
    assert!(
        said.contains("scope shop") && said.contains("[Purchase]"),
        "{said}"
    );
    assert_eq!(server.state(), before, "status writes nothing");
    server.ok(&["sync", "a.db", url, "--provision"]);
    server.place.sql("a.db", "DELETE FROM Purchase");
    server.ok(&["sync", "a.db", url]);
    let status = server.json(&["status", url], 0);
    assert_eq!(status["scopes"][0]["tables"][1]["tombstones"], 2);
    assert_eq!(status["scopes"][0]["was_source"], true);
    // What the server keeps as knowledge is what the command line can read.
    let stored = server.bytes("SELECT scope_sync_knowledge FROM scope_info");
    std::fs::write(server.place.path("stored"), stored).unwrap();
    let shown = server.json(&["knowledge", "show", "@stored"], 0);
    assert_eq!(shown, status["scopes"][0]["knowledge"]);
}

#[test]
fn documents_have_one_shape() {
    let Some(server) = shop("documents_have_one_shape") else {
        return;
    };
    let url = server.url.as_str();
    server.place.sql("a.db", SHOP);
    server.ok(&["provision", "a.db", "--scope", "shop", "--all-tables"]);
    server.ok(&["sync", "b.db", "a.db", "--provision"]);
    server.ok(&["sync", "c.db", url, "--provision"]);
    let same = |here: &[&str], there: &[&str], code: i32| {
        let (here, there) = (server.json(here, code), server.json(there, code));
        assert_eq!(shape(&here), shape(&there));
    };
    same(&["status", "a.db"], &["status", url], 0);
    same(&["sync", "b.db", "a.db"], &["sync", "c.db", url], 0);
    server.place.sql("a.db", "UPDATE Customer SET Name = 'x'");
    server.execute(&["UPDATE Customer SET Name = N'x'"]);
    same(&["verify", "b.db", "a.db"], &["verify", "c.db", url], 1);
    for script in [true, false] {
        let run = |database: &str| {
            let mut call = vec!["deprovision", database, "--scope", "shop"];
            call.extend(script.then_some("--script"));
            server.json(&call, 0)
        };
        assert_eq!(shape(&run("a.db")), shape(&run(url)));
    }
    let tables = [
        "--scope",
        "s",
        "--table",
        "Customer",
        "--columns",
        "Customer=Name",
    ];
    for script in [true, false] {
        let run = |database: &str| {
            let mut call = vec!["provision", database];
            call.extend(tables);
            call.extend(script.then_some("--script"));
            server.json(&call, 0)
        };
        assert_eq!(shape(&run("a.db")), shape(&run(url)));
    }
}

#[test]
fn a_script_does_what_the_command_does() {
    let Some(server) = Server::new("a_script_does_what_the_command_does") else {
        return;
    };
    let url = server.url.as_str();
    server.execute(&SERVER_SHOP);
    let before = server.state();
    let call = ["provision", url, "--scope", "shop", "--all-tables"];
    let script = server.ok(&[&call[..], &["--script"]].concat());
    assert_eq!(server.state(), before, "printing changes nothing");
    let batches = |script: &str| -> Vec<String> {
        let batches = script.split("\nGO\n").map(str::trim);
        let batches = batches.filter(|batch| !batch.is_empty() && *batch != "GO");
        batches.map(str::to_owned).collect()
    };
    let run = |script: &str| {
        let batches = batches(script.trim_end_matches("GO\n"));
        // This switches the rest of a script off, which a server need not support.
        let batches = batches.iter().filter(|batch| !batch.contains("NOEXEC"));
        server.execute(&batches.map(String::as_str).collect::<Vec<_>>());
    };
    run(&script);
    let scripted = server.state();
    let script = server.ok(&["deprovision", url, "--store", "--script"]);
    run(&script);
    assert_eq!(server.state(), before);
    server.ok(&call);
    assert_eq!(server.state(), scripted);
    server.ok(&["deprovision", url, "--store"]);
    assert_eq!(server.state(), before);
}

#[test]
fn prefixes_schemas_and_what_is_made() {
    let Some(server) = Server::new("prefixes_schemas_and_what_is_made") else {
        return;
    };
    let url = server.url.as_str();
    server.execute(&["CREATE SCHEMA Sync"]);
    server.execute(&["CREATE SCHEMA Sales"]);
    server.execute(&[
        "CREATE TABLE Sales.Customer (Id int NOT NULL PRIMARY KEY, Name nvarchar(20) NULL)",
    ]);
    let document = server.json(
        &[
            "provision",
            url,
            "--scope",
            "s",
            "--table",
            "Sales.Customer=Client",
            "--object-prefix",
            "app",
            "--object-schema",
            "Sync",
            "--create",
            "bulk-procedures=skip",
        ],
        0,
    );
    assert_eq!(document["tables"][0]["local_name"], "[Sales].[Customer]");
    assert_eq!(document["tables"][0]["name"], "[Client]");
    let state = server.state().join("\n");
    for part in [
        "sync.app_scope_info",
        "sync.app_customer_tracking",
        "sync.app_customer_selectchanges",
    ] {
        assert!(state.contains(part), "{state}: {part}");
    }
    assert!(!state.contains("bulkinsert"), "{state}");
    server.ok(&["sync", "a.db", url, "--provision"]);
    assert_eq!(
        server.place.rows("a.db", "SELECT count(*) FROM Client"),
        ["Integer(0)"]
    );
    server.fails(
        &[
            "provision",
            url,
            "--scope",
            "t",
            "--all-tables",
            "--object-prefix",
            "app",
            "--object-schema",
            "Sync",
            "--create",
            "tracking-tables=new",
        ],
        3,
        &["app_Customer_tracking"],
    );
    server.fails(
        &[
            "provision",
            "a.db",
            "--scope",
            "t",
            "--all-tables",
            "--create",
            "triggers=skip",
        ],
        3,
        &["--create triggers=skip"],
    );
    server.fails(
        &[
            "provision",
            url,
            "--scope",
            "t",
            "--all-tables",
            "--create",
            "indexes=skip",
        ],
        2,
        &["tracking-tables"],
    );
}

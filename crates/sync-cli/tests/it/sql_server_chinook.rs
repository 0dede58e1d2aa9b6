//! The real Chinook database, from SQL Server to SQLite and back, and the other way round; where it is there.

use std::path::{Path, PathBuf};

use super::server::{Server, skip};

/// A file of the real database, in the folder of shared data beside the checkout.
fn chinook(test: &str, file: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/chinook");
    let path = folder.join(file);
    if path.is_file() {
        return Some(path);
    }
    skip(test, "the real Chinook database is not here");
    None
}

/// The script's batches after those that make a database of its own and go there.
fn batches(script: &[u8]) -> Vec<String> {
    let text = match script {
        [0xff, 0xfe, rest @ ..] => {
            let units = rest.chunks_exact(2);
            let units: Vec<u16> = units
                .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
                .collect();
            String::from_utf16_lossy(&units)
        }
        bytes => String::from_utf8_lossy(bytes).into_owned(),
    };
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let batches = text.split("\nGO\n").map(str::trim);
    let is_ours = |batch: &&str| {
        let upper = batch.to_uppercase();
        !batch.is_empty()
            && !upper.contains("CREATE DATABASE")
            && !upper.contains("DROP DATABASE")
            && !upper.starts_with("USE ")
    };
    batches.filter(is_ours).map(str::to_owned).collect()
}

/// Some servers unpack JSON wrongly, and rows with quotes or backslashes arrive changed.
fn unpacks_json(server: &Server, test: &str) -> bool {
    let found = server.rows(r#"SELECT value FROM OPENJSON(N'["a\"b\\c\u00e9"]')"#);
    let right = found == [r#"a"b\cé"#];
    if !right {
        skip(test, "this server does not undo the escapes of JSON");
    }
    right
}

const SERVER_CHANGES: [&str; 5] = [
    "INSERT INTO Artist (ArtistId, Name) VALUES (9001, N'Grüße')",
    "INSERT INTO Album (AlbumId, Title, ArtistId) VALUES (9001, N'New at the server', 9001)",
    "UPDATE Track SET UnitPrice = 1.49, Composer = NULL WHERE TrackId = 3",
    "DELETE FROM InvoiceLine WHERE InvoiceId = 1",
    "DELETE FROM Invoice WHERE InvoiceId = 1",
];

const FILE_CHANGES: &str = "
    INSERT INTO Artist VALUES (9002, 'Zoë');
    INSERT INTO Album VALUES (9002, 'New in the file', 9002);
    UPDATE Customer SET Email = 'ada@example.org' WHERE CustomerId = 7;
    UPDATE Invoice SET InvoiceDate = '2031-01-09 10:20:30', Total = 3.5 WHERE InvoiceId = 5;
    DELETE FROM InvoiceLine WHERE InvoiceId = 3;
    DELETE FROM Invoice WHERE InvoiceId = 3;
    DELETE FROM PlaylistTrack WHERE TrackId = 5;";

/// Changes both sides, brings them together, and compares them by value.
fn change_and_compare(server: &Server, file: &str) {
    let url = server.url.as_str();
    server.ok(&["verify", url, file]);
    server.execute(&SERVER_CHANGES);
    server.place.sql(file, FILE_CHANGES);
    let document = server.json(&["sync", file, url], 0);
    for direction in ["upload", "download"] {
        assert_eq!(document[direction]["changes_failed"], 0, "{document}");
        assert_eq!(document[direction]["conflicts"], 0, "{document}");
    }
    assert_eq!(
        server.rows("SELECT Title FROM Album WHERE AlbumId > 9000 ORDER BY AlbumId"),
        ["New at the server", "New in the file"]
    );
    assert_eq!(
        server.place.rows(
            file,
            "SELECT Name FROM Artist WHERE ArtistId > 9000 UNION ALL SELECT UnitPrice || coalesce(Composer, '-') FROM Track WHERE TrackId = 3"
        ),
        ["Text(\"Grüße\")", "Text(\"Zoë\")", "Text(\"1.49-\")"]
    );
    let gone = "SELECT count(*) FROM Invoice WHERE InvoiceId IN (1, 3)";
    assert_eq!(server.place.rows(file, gone), ["Integer(0)"]);
    let compared = server.json(&["verify", file, url], 0);
    let rows = compared["tables"].as_array().unwrap().iter();
    let rows: u64 = rows.map(|table| table["rows_a"].as_u64().unwrap()).sum();
    assert!(rows > 15_000, "{compared}");
}

#[test]
fn from_sql_server_to_sqlite_and_back() {
    const TEST: &str = "from_sql_server_to_sqlite_and_back";
    let Some(script) = chinook(TEST, "Chinook_SqlServer.sql") else {
        return;
    };
    let Some(server) = Server::new(TEST) else {
        return;
    };
    let batches = batches(&std::fs::read(script).unwrap());
    server.execute(&batches.iter().map(String::as_str).collect::<Vec<_>>());
    let url = server.url.as_str();
    server.ok(&["provision", url, "--scope", "all", "--all-tables"]);
    server.ok(&["sync", "chinook.db", url, "--provision"]);
    change_and_compare(&server, "chinook.db");
}

#[test]
fn from_sqlite_to_sql_server_and_back() {
    const TEST: &str = "from_sqlite_to_sql_server_and_back";
    let Some(file) = chinook(TEST, "Chinook_Sqlite.sqlite") else {
        return;
    };
    let Some(server) = Server::new(TEST) else {
        return;
    };
    if !unpacks_json(&server, TEST) {
        return;
    }
    let bytes = std::fs::read(file).unwrap();
    std::fs::write(server.place.path("chinook.db"), bytes).unwrap();
    let url = server.url.as_str();
    server.ok(&["provision", "chinook.db", "--scope", "all", "--all-tables"]);
    server.ok(&["sync", url, "chinook.db", "--provision"]);
    change_and_compare(&server, "chinook.db");
}

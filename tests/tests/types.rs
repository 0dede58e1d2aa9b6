//! Every type of SQL Server's, there and back: SQL Server, SQLite, and another SQL Server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on panics; that is its way to fail"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::types::ValueRef;
use sync_orchestrator::{SyncDirectionOrder, SyncOrchestrator};
use sync_provider_mssql::{Provisioning, TableChoice, Tables, TdsClient, describe};
use sync_provider_sqlite::SqliteProvider;
use sync_tests::support::scratch::folder;
use sync_tests::support::sql_server::{ServerDatabase, skip};

/// A type, and values of it: as T-SQL writes them and as SQLite shows them.
type Sample = (&'static str, &'static [(&'static str, &'static str)]);

const SAMPLES: &[Sample] = &[
    (
        "bigint",
        &[
            ("-9223372036854775808", "-9223372036854775808"),
            ("9223372036854775807", "9223372036854775807"),
            ("0", "0"),
        ],
    ),
    (
        "int",
        &[("-2147483648", "-2147483648"), ("2147483647", "2147483647")],
    ),
    ("smallint", &[("-32768", "-32768"), ("32767", "32767")]),
    ("tinyint", &[("0", "0"), ("255", "255")]),
    ("bit", &[("0", "0"), ("1", "1")]),
    (
        "decimal(38,0)",
        &[
            (
                "99999999999999999999999999999999999999",
                "'99999999999999999999999999999999999999'",
            ),
            (
                "-99999999999999999999999999999999999999",
                "'-99999999999999999999999999999999999999'",
            ),
            ("0", "'0'"),
        ],
    ),
    (
        "decimal(38,38)",
        &[
            (
                "0.99999999999999999999999999999999999999",
                "'0.99999999999999999999999999999999999999'",
            ),
            (
                "-0.00000000000000000000000000000000000001",
                "'-0.00000000000000000000000000000000000001'",
            ),
        ],
    ),
    (
        "decimal(38,10)",
        &[
            (
                "1234567890123456789012345678.0123456789",
                "'1234567890123456789012345678.0123456789'",
            ),
            ("0.1", "'0.1000000000'"),
        ],
    ),
    (
        "decimal(15,2)",
        &[
            ("9999999999999.99", "9999999999999.99"),
            ("-0.01", "-0.01"),
            ("5", "5"),
        ],
    ),
    (
        "numeric(9,4)",
        &[("12345.6789", "12345.6789"), ("-99999.9999", "-99999.9999")],
    ),
    (
        "money",
        &[
            ("922337203685477.5807", "'922337203685477.5807'"),
            ("-922337203685477.5808", "'-922337203685477.5808'"),
            ("0.0001", "'0.0001'"),
        ],
    ),
    (
        "smallmoney",
        &[
            ("214748.3647", "214748.3647"),
            ("-214748.3648", "-214748.3648"),
        ],
    ),
    (
        "float",
        &[
            ("0.1", "0.1"),
            ("1.7976931348623157E308", "1.7976931348623157e308"),
            ("4.9406564584124654E-324", "5e-324"),
            ("-2.2250738585072014E-308", "-2.2250738585072014e-308"),
            ("1E-310", "1e-310"),
            ("1E15", "1000000000000000.0"),
        ],
    ),
    (
        "real",
        &[
            ("0.1", "0.10000000149011612"),
            ("3.40282346638528859E38", "3.4028234663852886e38"),
            ("1.401298464324817E-45", "1.401298464324817e-45"),
        ],
    ),
    (
        "date",
        &[
            ("'0001-01-01'", "'0001-01-01'"),
            ("'9999-12-31'", "'9999-12-31'"),
            ("'2024-02-29'", "'2024-02-29'"),
        ],
    ),
    (
        "time(0)",
        &[("'00:00:00'", "'00:00:00'"), ("'23:59:59'", "'23:59:59'")],
    ),
    (
        "time(3)",
        &[
            ("'10:20:30.250'", "'10:20:30.25'"),
            ("'23:59:59.999'", "'23:59:59.999'"),
        ],
    ),
    ("time(6)", &[("'23:59:59.999999'", "'23:59:59.999999'")]),
    (
        "time(7)",
        &[
            ("'23:59:59.9999999'", "'23:59:59.9999999'"),
            ("'00:00:00.0000001'", "'00:00:00.0000001'"),
        ],
    ),
    (
        "datetime",
        &[
            ("'1753-01-01T00:00:00'", "'1753-01-01 00:00:00'"),
            ("'9999-12-31T23:59:59.997'", "'9999-12-31 23:59:59.997'"),
            ("'2024-02-29T12:34:56.000'", "'2024-02-29 12:34:56'"),
            ("'2024-02-29T12:34:56.003'", "'2024-02-29 12:34:56.003'"),
            ("'2024-02-29T12:34:56.007'", "'2024-02-29 12:34:56.007'"),
            ("'2024-02-29T12:34:56.010'", "'2024-02-29 12:34:56.01'"),
            ("'2024-02-29T12:34:56.993'", "'2024-02-29 12:34:56.993'"),
        ],
    ),
    (
        "smalldatetime",
        &[
            ("'1900-01-01T00:00:00'", "'1900-01-01 00:00:00'"),
            ("'2079-06-06T23:59:00'", "'2079-06-06 23:59:00'"),
        ],
    ),
    (
        "datetime2(0)",
        &[
            ("'0001-01-01T00:00:00'", "'0001-01-01 00:00:00'"),
            ("'9999-12-31T23:59:59'", "'9999-12-31 23:59:59'"),
        ],
    ),
    (
        "datetime2(3)",
        &[("'2024-02-29T12:34:56.789'", "'2024-02-29 12:34:56.789'")],
    ),
    (
        "datetime2(6)",
        &[(
            "'9999-12-31T23:59:59.999999'",
            "'9999-12-31 23:59:59.999999'",
        )],
    ),
    (
        "datetime2(7)",
        &[
            (
                "'9999-12-31T23:59:59.9999999'",
                "'9999-12-31 23:59:59.9999999'",
            ),
            (
                "'2024-02-29T12:34:56.0000001'",
                "'2024-02-29 12:34:56.0000001'",
            ),
        ],
    ),
    (
        "datetimeoffset(0)",
        &[
            ("'2024-02-29T12:34:56+14:00'", "'2024-02-29 12:34:56+14:00'"),
            ("'2024-02-29T12:34:56-14:00'", "'2024-02-29 12:34:56-14:00'"),
        ],
    ),
    (
        "datetimeoffset(6)",
        &[
            (
                "'2024-02-29T12:34:56.123456-05:30'",
                "'2024-02-29 12:34:56.123456-05:30'",
            ),
            ("'0001-01-02T00:00:00+00:00'", "'0001-01-02 00:00:00+00:00'"),
        ],
    ),
    (
        "datetimeoffset(7)",
        &[(
            "'9999-12-30T23:59:59.9999999+00:00'",
            "'9999-12-30 23:59:59.9999999+00:00'",
        )],
    ),
    (
        "char(5)",
        &[("'ab'", "'ab'"), ("''", "''"), ("'abcde'", "'abcde'")],
    ),
    (
        "nchar(5)",
        &[("N'äb'", "'äb'"), ("N'ab\u{1F600}'", "'ab\u{1F600}'")],
    ),
    (
        "varchar(20)",
        &[
            ("'a ''b'' é ß'", "'a 'b' é ß'"),
            ("'ab  '", "'ab  '"),
            ("''", "''"),
        ],
    ),
    (
        "varchar(21) COLLATE Cyrillic_General_CI_AS",
        &[("N'Привет'", "'Привет'")],
    ),
    (
        "nvarchar(50)",
        &[
            (
                "N'\u{1F600} a\u{301} \\ \" / 漢字'",
                "'\u{1F600} a\u{301} \\ \" / 漢字'",
            ),
            (
                "N'tab' + NCHAR(9) + NCHAR(10) + NCHAR(13) + NCHAR(1) + N'\u{FFFD}'",
                "'tab\t\n\r\u{1}\u{FFFD}'",
            ),
            ("N'  '", "'  '"),
        ],
    ),
    ("varchar(max)", &[("'long é'", "'long é'")]),
    (
        "nvarchar(max)",
        &[(
            "REPLICATE(CONVERT(nvarchar(max), N'\u{1F600}x'), 3)",
            "'\u{1F600}x\u{1F600}x\u{1F600}x'",
        )],
    ),
    ("text", &[("'old é'", "'old é'")]),
    ("ntext", &[("N'old \u{1F600}'", "'old \u{1F600}'")]),
    (
        "xml",
        &[(
            "N'<a b=\"1\">x &amp; \u{1F600}</a>'",
            "'<a b=\"1\">x &amp; \u{1F600}</a>'",
        )],
    ),
    (
        "binary(4)",
        &[
            ("0x01020304", "x01020304"),
            ("0x01", "x01000000"),
            ("0x00000000", "x00000000"),
        ],
    ),
    (
        "varbinary(10)",
        &[("0x0100", "x0100"), ("0x", "x"), ("0xFF", "xff")],
    ),
    ("varbinary(max)", &[("0x00FF10", "x00ff10")]),
    ("image", &[("0x00FF11", "x00ff11")]),
    (
        "uniqueidentifier",
        &[(
            "'2D498460-5FE9-41C3-9DDC-B4EEE3AA7C8E'",
            "'2d498460-5fe9-41c3-9ddc-b4eee3aa7c8e'",
        )],
    ),
    (
        "sql_variant",
        &[
            ("CONVERT(bigint, 5000000000)", "5000000000"),
            ("CONVERT(int, -7)", "-7"),
            ("CONVERT(float, 0.5)", "0.5"),
            (
                "(SELECT CONVERT(nvarchar(4000), s.v) FROM (SELECT CONVERT(nvarchar(max), N'é') AS v) s)",
                "'é'",
            ),
            (
                "(SELECT CONVERT(varbinary(8000), s.v, 1) FROM (SELECT CONVERT(nvarchar(max), N'0x01FF') AS v) s)",
                "x01ff",
            ),
        ],
    ),
];

fn column(index: usize) -> String {
    format!("c{index}")
}

/// The samples that the engine holds as they are written.
async fn held(db: &ServerDatabase) -> Vec<Written<'static>> {
    let mut held = Vec::new();
    let mut client = db.client().await;
    for (index, (sql_type, values)) in SAMPLES.iter().enumerate() {
        let mut kept = Vec::new();
        for (literal, text) in *values {
            let sql = format!(
                "DECLARE @t TABLE (v {sql_type} NULL); INSERT INTO @t VALUES ({literal}); SELECT {}, v FROM @t",
                if finest(sql_type) {
                    "CONVERT(nvarchar(60), v, 121)"
                } else {
                    "NULL"
                }
            );
            if literal.starts_with("(SELECT") && !keeps_lengths(&mut client).await {
                skip(
                    "types",
                    &format!("the engine loses the length of {literal} in a sql_variant"),
                );
                continue;
            }
            let answer = async { client.simple_query(sql.as_str()).await?.into_row().await }.await;
            let row = match answer {
                Ok(row) => row.unwrap(),
                Err(error) => {
                    skip(
                        "types",
                        &format!("the engine has no {literal} of type {sql_type}: {error}"),
                    );
                    continue;
                }
            };
            let fraction: String = literal
                .split('.')
                .nth(1)
                .unwrap_or("")
                .chars()
                .take(7)
                .collect();
            if finest(sql_type) && !row.get::<&str, _>(0).unwrap().contains(&fraction) {
                skip(
                    "types",
                    &format!("the engine does not keep {literal} in a {sql_type}"),
                );
                continue;
            }
            kept.push((*literal, *text));
        }
        if !kept.is_empty() {
            held.push((index, *sql_type, kept));
        }
    }
    held
}

/// Whether it holds more digits of a second than some engines keep.
fn finest(sql_type: &str) -> bool {
    sql_type.ends_with("(7)")
}

/// Whether a variant that is made of a column's text knows how long it may be. An engine that loses that answers with what no driver reads.
async fn keeps_lengths(client: &mut TdsClient) -> bool {
    let sql = "SELECT CONVERT(int, SQL_VARIANT_PROPERTY(CONVERT(sql_variant, CONVERT(nvarchar(4000), s.v)), 'MaxLength')) \
               FROM (SELECT CONVERT(nvarchar(max), N'e') AS v) s";
    let row = async { client.simple_query(sql).await?.into_row().await }.await;
    row.unwrap().unwrap().get::<i32, _>(0) == Some(8_000)
}

fn shown(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".into(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => format!("{number:?}"),
        ValueRef::Text(text) => format!("'{}'", std::str::from_utf8(text).unwrap()),
        ValueRef::Blob(bytes) => bytes
            .iter()
            .fold("x".to_owned(), |text, byte| format!("{text}{byte:02x}")),
    }
}

fn sqlite_rows(path: &Path) -> Vec<Vec<String>> {
    let db = rusqlite::Connection::open(path).unwrap();
    let mut query = db.prepare("SELECT * FROM Every ORDER BY Id").unwrap();
    let width = query.column_count();
    let rows = query.query_map([], |row| {
        Ok((1..width)
            .map(|at| shown(row.get_ref(at).unwrap()))
            .collect())
    });
    rows.unwrap().map(Result::unwrap).collect()
}

async fn session(sqlite: &Path, server: &ServerDatabase) -> (u64, u64) {
    let local = Arc::new(SqliteProvider::new(sqlite, "types"));
    let remote = Arc::new(server.provider("types"));
    let orchestrator =
        SyncOrchestrator::new(local, remote).direction(SyncDirectionOrder::UploadAndDownload);
    let orchestrator = orchestrator.on_conflict(|record| panic!("{record:?}"));
    let done = orchestrator.synchronize().await.unwrap();
    (
        done.upload.unwrap().changes_total,
        done.download.unwrap().changes_total,
    )
}

fn choice(table: &str) -> TableChoice {
    TableChoice {
        table: table.into(),
        global_name: None,
        columns: None,
    }
}

/// An empty SQLite database like the server's scope.
async fn like(server: &ServerDatabase, path: PathBuf) -> PathBuf {
    let (scope, _) = describe(&server.connections, None).await.unwrap();
    let name = scope.name.clone();
    let tables =
        sync_provider_sqlite::Tables::Like(scope, sync_provider_sqlite::Template::default());
    sync_provider_sqlite::Provisioning::new(name, tables)
        .apply(&path)
        .unwrap();
    path
}

#[tokio::test]
async fn every_type_there_and_back() {
    let Some(a) = ServerDatabase::new("types").await else {
        return;
    };
    let Some(c) = ServerDatabase::new("types").await else {
        return;
    };
    let samples = held(&a).await;
    let count = samples
        .iter()
        .map(|(_, _, values)| values.len())
        .max()
        .unwrap();
    let columns: Vec<String> = samples
        .iter()
        .map(|(index, sql_type, _)| format!("{} {sql_type} NULL", column(*index)))
        .collect();
    let create = format!(
        "CREATE TABLE Every (Id int NOT NULL PRIMARY KEY, {})",
        columns.join(", ")
    );
    for db in [&a, &c] {
        db.execute(&create).await;
        Provisioning::new("types", Tables::Listed(vec![choice("Every")]))
            .apply(&db.connections)
            .await
            .unwrap();
    }
    for row in 0..count {
        let values: Vec<&str> = samples
            .iter()
            .map(|(.., values)| values[row % values.len()].0)
            .collect();
        a.execute(&format!(
            "INSERT INTO Every VALUES ({row}, {})",
            values.join(", ")
        ))
        .await;
    }
    a.execute(&format!("INSERT INTO Every (Id) VALUES ({count})"))
        .await;
    let folder = folder();
    let b = like(&a, folder.path().join("b.db")).await;
    assert_eq!(session(&b, &a).await, (0, count as u64 + 1));
    let mut failures = Vec::new();
    for (row, found) in sqlite_rows(&b).iter().take(count).enumerate() {
        for ((_, sql_type, values), found) in samples.iter().zip(found) {
            let (literal, expected) = values[row % values.len()];
            if found != expected {
                failures.push(format!(
                    "{sql_type} {literal}: {found} rather than {expected}"
                ));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(session(&b, &c).await, (count as u64 + 1, 0));
    let all = "SELECT * FROM Every ORDER BY Id";
    let first = a.rows(all).await;
    same(&samples, &c.rows(all).await, &first);

    // Each row gets the values of the next one, the last those of the first.
    let db = rusqlite::Connection::open(&b).unwrap();
    let names: Vec<String> = samples.iter().map(|(index, ..)| column(*index)).collect();
    let names = names.join(", ");
    db.execute_batch(&format!(
        "CREATE TEMP TABLE old AS SELECT * FROM Every; \
         UPDATE Every SET ({names}) = (SELECT {names} FROM old WHERE old.Id = (Every.Id + 1) % {})",
        count + 1
    ))
    .unwrap();
    let mut rotated = first.clone();
    for (row, cells) in rotated.iter_mut().enumerate() {
        cells[1..].clone_from_slice(&first[(row + 1) % first.len()][1..]);
    }
    for db in [&a, &c] {
        assert_eq!(session(&b, db).await, (count as u64 + 1, 0));
        same(&samples, &db.rows(all).await, &rotated);
        assert_eq!(session(&b, db).await, (0, 0), "it is quiet");
    }
}

/// A column's number, its type, and what is written into it with what comes out.
type Written<'t> = (usize, &'t str, Vec<(&'t str, &'t str)>);

fn same(samples: &[Written<'_>], found: &[Vec<String>], expected: &[Vec<String>]) {
    let mut failures = Vec::new();
    for (found, expected) in found.iter().zip(expected) {
        for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
            if found != expected {
                failures.push(format!(
                    "{}: {found} rather than {expected}",
                    samples[at - 1].1
                ));
            }
        }
    }
    assert!(
        failures.is_empty() && found.len() == expected.len(),
        "{}",
        failures.join("\n")
    );
}

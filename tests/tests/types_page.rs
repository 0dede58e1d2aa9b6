//! `docs/types.md` says what is so: what its tables promise is compared with what SQLite and the provider do.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on panics; that is its way to fail"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sync_knowledge::ReplicaId;
use sync_metadata::{
    ColumnDescription, ScopeDescription, SqlKind, SqlType, TableDescription, Value, ValueRef,
    content_eq, fit, write_key_text,
};
use sync_orchestrator::{SyncDirectionOrder, SyncOrchestrator};
use sync_provider_memory::{MemoryProvider, MemoryReplica};
use sync_provider_sqlite::{Provisioning, SqliteProvider, TableChoice, Tables, Template};
use sync_tests::support::scratch::folder;

const PAGE: &str = include_str!("../../docs/types.md");

/// What the page calls the type, the type, a value, its key text, the declared type as the page has it, the affinity, and the class in which
/// SQLite stores the value.
const CREATED: &str = "
bigint            | bigint            | -7     | -7    | BIGINT            | INTEGER | integer
int               | int               | -7     | -7    | INT               | INTEGER | integer
smallint          | smallint          | -7     | -7    | SMALLINT          | INTEGER | integer
tinyint           | tinyint           | 7      | 7     | TINYINT           | INTEGER | integer
bit               | bit               | 1      | True  | BIT               | NUMERIC | integer
bit               | bit               | 0      | False | BIT               | NUMERIC | integer
decimal(p,s)      | decimal(15,2)     | 1.5    | 1.50  | DECIMAL(p,s)      | NUMERIC | real
decimal(p,s)      | decimal(15,2)     | 2      | 2.00  | DECIMAL(p,s)      | NUMERIC | integer
numeric(p,s)      | numeric(9,2)      | 1.5    | 1.50  | DECIMAL(p,s)      | NUMERIC | real
the same, p > 15  | decimal(16,2)     | 1.5    | 1.50  | DECIMAL TEXT(p,s) | TEXT    | text
the same, p > 15  | numeric(38,2)     | 1.5    | 1.50  | DECIMAL TEXT(p,s) | TEXT    | text
money             | money             | 1      | 1.0000 | MONEY TEXT       | TEXT    | text
smallmoney        | smallmoney        | 1      | 1.0000 | SMALLMONEY       | NUMERIC | integer
smallmoney        | smallmoney        | 1.5    | 1.5000 | SMALLMONEY       | NUMERIC | real
float             | float             | 0.1    | 0.1   | FLOAT             | REAL    | real
float             | float             | 1e15   | 1E+15 | FLOAT             | REAL    | real
real              | float             | -2.5e-7 | -2.5E-07 | FLOAT         | REAL    | real
real              | real              | 0.5    | 0.5   | REAL              | REAL    | real
varchar(n)        | varchar(9)        | 1      | 1     | VARCHAR(n)        | TEXT    | text
nvarchar(n)       | nvarchar(9)       | é      | é     | NVARCHAR(n)       | TEXT    | text
text              | text              | 1      | 1     | TEXT              | TEXT    | text
ntext             | ntext             | 1      | 1     | NTEXT             | TEXT    | text
char(n)           | char(3)           | a      | a  +  | CHAR(n)           | TEXT    | text
nchar(n)          | nchar(3)          | a      | a  +  | NCHAR(n)          | TEXT    | text
xml               | xml               | <a/>   | <a/>  | XML TEXT          | TEXT    | text
varbinary(n)      | varbinary(9)      | x01ff  | 01ff  | BLOB(n)           | BLOB    | blob
image             | image             | x01ff  | 01ff  | BLOB              | BLOB    | blob
binary(n)         | binary(3)         | x01ff  | 01ff00 | BLOB(n)          | BLOB    | blob
date              | date              | 2031-01-09 | 2031-01-09 | DATE     | NUMERIC | text
time(n)           | time(2)           | 10:20:30.25 | 10:20:30.25 | TIME(n) | NUMERIC | text
datetime          | datetime          | 2031-01-09 | 2031-01-09 00:00:00 | DATETIME | NUMERIC | text
datetime2(n)      | datetime2(2)      | 2031-01-09 10:20:30.25 | 2031-01-09 10:20:30.25 | DATETIME2(n) | NUMERIC | text
smalldatetime     | smalldatetime     | 2031-01-09 10:20 | 2031-01-09 10:20:00 | SMALLDATETIME | NUMERIC | text
datetimeoffset(n) | datetimeoffset(0) | 2031-01-09 10:20:30+02:00 | 2031-01-09 10:20:30+02:00 | DATETIMEOFFSET(n) | NUMERIC | text
uniqueidentifier  | uniqueidentifier  | 2D498460-5FE9-41C3-9DDC-B4EEE3AA7C8E | 2d498460-5fe9-41c3-9ddc-b4eee3aa7c8e | UNIQUEIDENTIFIER TEXT | TEXT | text
sql_variant       | sql_variant       | #1     | 1     | SQL_VARIANT BLOB  | BLOB    | integer
sql_variant       | sql_variant       | 1      | 1     | SQL_VARIANT BLOB  | BLOB    | text
sql_variant       | geography         | x01ff  | 01ff  | SQL_VARIANT BLOB  | BLOB    | blob
";

#[tokio::test]
async fn created_columns() {
    let samples: Vec<Sample> = CREATED.lines().skip(1).map(Sample::parse).collect();
    let page = rows("| Logical type | Key text |");

    // Every type is on the page and among the samples, and each column of the page says what the sample shows.
    for kind in SqlKind::known() {
        let name = kind.name();
        let on_page = page.iter().any(|row| has_word(&row[0], name));
        assert!(on_page, "{name} is not on the page");
        let unsent = matches!(kind, SqlKind::Timestamp | SqlKind::RowVersion);
        let sampled = samples.iter().any(|sample| sample.sql_type.kind == kind);
        assert!(sampled != unsent, "{name} has no sample");
    }
    for sample in &samples {
        let row = page.iter().find(|row| has_word(&row[0], sample.named));
        let row = row.unwrap_or_else(|| panic!("no row for {}", sample.named));
        let columns: Vec<&str> = row[4].split("; ").collect();
        let [declared, affinity, stored] = columns[..] else {
            panic!("{}: {}", sample.named, row[4]);
        };
        assert!(
            declared.contains(&format!("`{}`", sample.declared)),
            "{}: declared {declared}",
            sample.named
        );
        assert_eq!(affinity, sample.affinity, "{}", sample.named);
        assert!(
            stored == "as it is" || has_word(stored, sample.stored),
            "{}: stored as {stored}, not {}",
            sample.named,
            sample.stored
        );
    }
    // And each key text that the page shows is one that came out.
    for row in &page {
        for shown in quoted(&row[1]).filter(|shown| *shown != "–") {
            let of_row = |sample: &&Sample| has_word(&row[0], sample.named);
            let mut texts = samples.iter().filter(of_row).map(|sample| &sample.key_text);
            assert!(texts.any(|text| text == shown), "{}: {shown}", row[0]);
        }
    }

    let folder = folder();
    let path = folder.path().join("a.db");
    stored_in(&path, &samples).await;
    let db = rusqlite::Connection::open(&path).unwrap();
    for (index, sample) in samples.iter().enumerate() {
        let of_column = |sql: &str| -> String {
            db.query_row(sql, [], |row| row.get(0))
                .unwrap_or_else(|error| panic!("{}: {sql}: {error}", sample.named))
        };
        let name = column(index);
        let declared = of_column(&format!(
            "SELECT type FROM pragma_table_info('Every') WHERE name = '{name}'"
        ));
        assert_eq!(lettered(&declared), sample.declared, "{}", sample.named);
        assert_eq!(affinity(&db, &declared), sample.affinity, "{declared}");
        assert_eq!(
            of_column(&format!("SELECT typeof({name}) FROM Every")),
            sample.stored,
            "{} stored",
            sample.named
        );
        let mut text = String::new();
        write_key_text(&sample.sql_type, sample.value.as_ref(), &mut text);
        assert_eq!(text, sample.key_text, "{} key text", sample.named);
        // "Where SQLite stores text, it is exactly the key text"; of padded types it is the value.
        let padded = matches!(sample.sql_type.kind, SqlKind::Char | SqlKind::NChar);
        if sample.stored == "text" && !padded {
            let stored = of_column(&format!("SELECT {name} FROM Every"));
            assert_eq!(stored, text, "{} as text", sample.named);
        }
    }
}

#[test]
fn existing_columns() {
    for row in &rows("| Declared | Logical type |") {
        // Several groups of names stand in one row, their types in the same order.
        let groups: Vec<&str> = row[0].split(" · ").collect();
        let types: Vec<&str> = quoted(&row[1]).collect();
        assert_eq!(groups.len(), types.len(), "{row:?}");
        for (group, expected) in groups.into_iter().zip(types) {
            let mut names: Vec<String> = quoted(group).map(numbered).collect();
            names.extend(in_words(group).iter().map(|&name| name.to_owned()));
            assert!(!names.is_empty(), "{group}");
            for name in &names {
                let found = taken_for(name);
                let expected = numbered(expected);
                // A length or a scale that the page leaves open is the one that the name has.
                assert!(
                    found == expected
                        || expected == base(&found) && found == same_size(&expected, name),
                    "{name:?} is taken for {found}, the page says {expected}"
                );
            }
        }
    }
}

/// What the page says of a group in words rather than names.
fn in_words(group: &str) -> &'static [&'static str] {
    const WORDS: &[(&str, &[&str])] = &[
        (
            "without numbers, or with impossible ones",
            &["NUMERIC(0)", "DECIMAL(5,9)", "DECIMAL(99,2)"],
        ),
        ("has REAL affinity", &["DOUBLE PRECISION", "REALLY"]),
        (
            "has TEXT affinity",
            &["LONGTEXT", "CITEXT", "CHARACTER VARYING"],
        ),
        ("lengths above 4000", &["NVARCHAR(4001)"]),
        ("lengths above 8000", &["VARBINARY(8001)"]),
        ("other names with INT in them", &["BIGINTEGER", "POINT"]),
        ("no type", &["", "STRING", "JSONB"]),
    ];
    let found = WORDS.iter().find(|(words, _)| group.contains(words));
    found.map_or(&[], |(_, names)| names)
}

struct Sample {
    named: &'static str,
    sql_type: SqlType,
    value: Value,
    key_text: String,
    declared: &'static str,
    affinity: &'static str,
    stored: &'static str,
}

impl Sample {
    fn parse(line: &'static str) -> Self {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [named, sql_type, value, key_text, declared, affinity, stored] = cells[..] else {
            panic!("{line}");
        };
        let sql_type: SqlType = sql_type.parse().unwrap();
        let bytes = value.strip_prefix('x').map(|digits| {
            let pairs = digits.as_bytes().chunks(2);
            let pairs = pairs.map(|pair| std::str::from_utf8(pair).unwrap());
            pairs
                .map(|pair| u8::from_str_radix(pair, 16).unwrap())
                .collect()
        });
        let value = match (bytes, value.strip_prefix('#')) {
            (Some(bytes), _) => Value::Blob(bytes),
            (_, Some(number)) => Value::Integer(number.parse().unwrap()),
            _ => fit(&sql_type, ValueRef::Text(value))
                .unwrap()
                .value
                .to_owned(),
        };
        Sample {
            named,
            sql_type,
            value,
            // A plus marks the end of a text with blanks at its end.
            key_text: key_text.trim_end_matches('+').into(),
            declared,
            affinity,
            stored,
        }
    }
}

/// Lets the values travel from memory into a database that is made for them.
async fn stored_in(path: &Path, samples: &[Sample]) {
    let columns = samples.iter().enumerate();
    let columns = columns
        .map(|(index, sample)| ColumnDescription::new(column(index), sample.sql_type.clone()));
    let key = ColumnDescription::key("Id", SqlType::new(SqlKind::Int));
    let columns = std::iter::once(key).chain(columns).collect();
    let table = TableDescription::new("Every".parse().unwrap(), "Every", columns).unwrap();
    let scope = ScopeDescription::new("types", vec![table]).unwrap();

    Provisioning::new("types", Tables::Like(scope.clone(), Template::default()))
        .apply(path)
        .unwrap();
    let replica = ReplicaId::from_uuid(uuid::Uuid::new_v4());
    let mut memory = MemoryReplica::new(replica, scope);
    let values = samples.iter().map(|sample| sample.value.clone());
    let row: Vec<Value> = std::iter::once(Value::Integer(1)).chain(values).collect();
    memory.write(0, &row, 0);
    let memory = MemoryProvider::new(memory);
    let sqlite = Arc::new(SqliteProvider::new(path, "types"));
    let session = SyncOrchestrator::new(Arc::new(memory.clone()), sqlite.clone());
    let session = session.direction(SyncDirectionOrder::UploadAndDownload);
    assert_eq!(
        session
            .synchronize()
            .await
            .unwrap()
            .upload
            .unwrap()
            .changes_total,
        1
    );

    // And back into an empty memory: nothing was lost on the way.
    let description = memory.replica().description().clone();
    let replica = ReplicaId::from_uuid(uuid::Uuid::new_v4());
    let back = MemoryProvider::new(MemoryReplica::new(replica, description));
    let session = SyncOrchestrator::new(Arc::new(back.clone()), sqlite);
    session.synchronize().await.unwrap();
    let found = back.replica().table(0).remove(0);
    for (sample, found) in samples.iter().zip(&found[1..]) {
        assert!(
            content_eq(&sample.sql_type, sample.value.as_ref(), found.as_ref()),
            "{}: {:?} came back as {found:?}",
            sample.named,
            sample.value
        );
    }
}

/// The logical type of an existing column.
fn taken_for(declared: &str) -> String {
    let folder = folder();
    let path = &folder.path().join("a.db");
    let db = rusqlite::Connection::open(path).unwrap();
    db.execute_batch(&format!(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v {declared})"
    ))
    .unwrap();
    let table = TableChoice {
        table: "t".into(),
        global_name: None,
        columns: None,
    };
    Provisioning::new("s", Tables::Listed(vec![table]))
        .apply(path)
        .unwrap();
    let (scope, _) = sync_provider_sqlite::describe(path, None, Duration::from_secs(1)).unwrap();
    scope.tables[0].columns[1].sql_type.to_string()
}

/// What SQLite itself does with a declared type.
fn affinity(db: &rusqlite::Connection, declared: &str) -> &'static str {
    let class = |value: &str| -> String {
        let sql = format!("SELECT typeof(CAST({value} AS {declared}))");
        db.query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    match (
        class("1").as_str(),
        class("x'31'").as_str(),
        class("1.5").as_str(),
    ) {
        ("text", ..) => "TEXT",
        ("real", ..) => "REAL",
        (_, "blob", _) => "BLOB",
        (.., "integer") => "INTEGER",
        _ => "NUMERIC",
    }
}

/// The rows of a table of the page by how its head begins.
fn rows(head: &str) -> Vec<Vec<String>> {
    let (_, table) = PAGE.split_once(head).expect("the page has the table");
    let lines = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let cells = |line: &str| {
        let line = line.trim_matches('|');
        line.split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    lines.map(cells).collect()
}

/// What stands between back-ticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// Whether a cell has a name as a whole: quoted, or as words between commas and "or".
fn has_word(cell: &str, name: &str) -> bool {
    let plain = |word: &str| word == name || word.split('(').next() == Some(name);
    quoted(cell).any(plain)
        || cell.starts_with(name)
        || cell.split([',', ' ']).any(|word| word == name)
}

/// `DECIMAL(15,2)` as the page writes it: `DECIMAL(p,s)`.
fn lettered(declared: &str) -> String {
    let (name, numbers) = declared.split_once('(').unwrap_or((declared, ""));
    match (numbers.is_empty(), numbers.contains(',')) {
        (true, _) => name.to_owned(),
        (_, true) => format!("{name}(p,s)"),
        _ => format!("{name}(n)"),
    }
}

/// `DATETIME2(n)` with a number for the letter.
fn numbered(name: &str) -> String {
    name.replace("(n)", "(3)")
}

fn base(sql_type: &str) -> &str {
    sql_type.split('(').next().unwrap_or(sql_type)
}

/// The type with the numbers that a declared name has.
fn same_size(sql_type: &str, declared: &str) -> String {
    let numbers = declared.split_once('(').map_or("", |(_, numbers)| numbers);
    if numbers.is_empty() {
        sql_type.to_owned()
    } else {
        format!("{sql_type}({numbers}")
    }
}

fn column(index: usize) -> String {
    format!("v{index}")
}

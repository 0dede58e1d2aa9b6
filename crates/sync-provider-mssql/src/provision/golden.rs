//! The statements of whole provisionings, compared with files under `tests/golden`.
//!
//! A difference that is meant is accepted by running the tests with `SYNC_TEST_ACCEPT=1` and reading the difference that the version control shows.

use std::path::Path;

use sqlparser::dialect::MsSqlDialect;
use sqlparser::parser::Parser;
use sync_metadata::{ColumnDescription, Identity, ScopeDescription, TableDescription, TableName};
use sync_relational::TableChoice;
use uuid::Uuid;

use super::plan::{Ids, decide};
use super::tracked::Tracked;
use super::{Provisioning, Tables, Template};
use crate::catalog::{Catalog, ColumnInfo, DatabaseFacts, TableInfo, TableKind};

const IDS: Ids = Ids {
    config: Uuid::from_u128(0xc0),
    replica: Uuid::from_u128(0x5e),
};

fn statements(order: &Provisioning, tables: Vec<TableInfo>) -> Vec<String> {
    let catalog = Catalog {
        facts: DatabaseFacts {
            collation: "SQL_Latin1_General_CP1_CI_AS".into(),
            ..DatabaseFacts::default()
        },
        tables,
        ..Catalog::default()
    };
    let tracked = Tracked { stores: Vec::new() };
    let decided = decide(order, "server/database", &tracked, &catalog, IDS).unwrap();
    decided.provisioned.statements
}

/// Compares statements with the committed file, and has each that can be parsed parsed by a grammar that is not ours.
fn check(name: &str, statements: &[String]) {
    let errors: Vec<String> = statements.iter().filter_map(not_parsed).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n\n"));
    let text = statements.join("\nGO\n") + "\nGO\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    if std::env::var_os("SYNC_TEST_ACCEPT").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        golden == text,
        "{} differs from what is made now; read the difference after accepting it with SYNC_TEST_ACCEPT=1",
        path.display()
    );
}

fn not_parsed(statement: &String) -> Option<String> {
    let known = UNKNOWN_WORDS
        .iter()
        .fold(statement.clone(), |text, (word, instead)| {
            text.replace(word, instead)
        });
    let error = Parser::parse_sql(&MsSqlDialect {}, &known).err()?;
    let is_known = NOT_PARSED.iter().any(|(part, _)| statement.contains(part));
    (!is_known).then(|| format!("{error}\n{statement}"))
}

/// Words after a parameter, which the grammar does not know, and what is parsed instead.
const UNKNOWN_WORDS: &[(&str, &str)] = &[(" OUTPUT)", ")"), (" READONLY)", ")")];

/// Parts of statements that are valid T-SQL and that the grammar does not know, with the reason.
const NOT_PARSED: &[(&str, &str)] = &[("CREATE TYPE", "of table types it knows nothing")];

fn table(name: &str, columns: &[(&str, &str)]) -> TableInfo {
    let column = |(name, sql_type): &(&str, &str)| ColumnInfo {
        name: (*name).to_owned(),
        unsupported: None,
        sql_type: sql_type.parse().unwrap(),
        nullable: true,
        identity: None,
        generated: false,
        default: None,
        collation: None,
    };
    TableInfo {
        object_id: 1,
        name: TableName::parse(name).unwrap(),
        kind: TableKind::Table,
        columns: columns.iter().map(column).collect(),
        key: vec![0],
        unique: Vec::new(),
        triggers: Vec::new(),
    }
}

fn choice(table: &str) -> TableChoice {
    TableChoice {
        table: table.into(),
        global_name: None,
        columns: None,
    }
}

#[test]
fn customer() {
    let customer = table(
        "CUSTOMER",
        &[
            ("CUSTOMER_ID", "int"),
            ("FIRST_NAME", "varchar(50)"),
            ("DATE_OF_BIRTH", "date"),
            ("PHOTO", "image"),
            ("NOTE", "xml"),
        ],
    );
    let order = Provisioning::new("MySyncScope", Tables::Listed(vec![choice("CUSTOMER")]));
    check("customer.sql", &statements(&order, vec![customer]));
}

#[test]
fn prefix_schema_collation_identity_and_hostile_names() {
    let mut hostile = table(
        "[a]]b 'c'].[T]]; DROP TABLE x -- \"'.]",
        &[
            ("K]1", "nvarchar(20)"),
            ("Nr", "int"),
            ("it's", "decimal(38,10)"),
        ],
    );
    hostile.key = vec![1, 0];
    hostile.columns[0].collation = Some("Greek_BIN2".into());
    hostile.columns[1].identity = Some(Identity { seed: 5, step: 2 });
    let mut order = Provisioning::new("it's [one]", Tables::All);
    order.object_prefix = Some("p]".into());
    order.object_schema = Some("s]'".into());
    order.user_comment = "'; DROP TABLE x; --".into();
    check("hostile.sql", &statements(&order, vec![hostile]));
}

#[test]
fn like_a_scope_of_another_engine() {
    let columns = |name: &str| {
        let mut number = ColumnDescription::key("Id", "bigint".parse().unwrap());
        number.identity = (name == "Track").then_some(Identity { seed: 1, step: 1 });
        vec![
            number,
            ColumnDescription::key("Code", "nvarchar(max)".parse().unwrap()),
            ColumnDescription::new("Price", "decimal(38,10)".parse().unwrap()).not_null(),
        ]
    };
    let described = |name: &str| {
        let local = TableName::new(None, &format!("Music_{name}")).unwrap();
        TableDescription::new(local, format!("[Music].[{name}]"), columns(name)).unwrap()
    };
    let scope =
        ScopeDescription::new("music", vec![described("Album"), described("Track")]).unwrap();
    let mut order = Provisioning::new("music", Tables::Like(scope, Template::default()));
    order.options.use_bulk_procedures = false;
    check("like.sql", &statements(&order, Vec::new()));
}

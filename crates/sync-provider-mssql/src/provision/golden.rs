//! The statements of whole provisionings.

use sync_metadata::{ColumnDescription, Identity, ScopeDescription, TableDescription, TableName};
use sync_relational::TableChoice;
use uuid::Uuid;

use super::plan::{Ids, decide};
use super::tracked::Tracked;
use super::{Provisioning, Tables, Template};
use crate::catalog::{Catalog, ColumnInfo, DatabaseFacts, TableInfo, TableKind};
use crate::golden::check;

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

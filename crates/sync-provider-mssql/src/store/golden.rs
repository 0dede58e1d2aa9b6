//! The statements of a session, for ordinary and for hostile names.

use sync_metadata::ObjectName;

use super::applying::applying;
use super::open::{Circle, closing};
use super::sql::{CREATE_SHARED, Column, Reach, TableNames, Taker};
use super::writing::Parts;
use crate::golden::check;

fn column(name: &str, sql_type: &str) -> Column {
    Column {
        name: name.to_owned(),
        sql_type: sql_type.parse().unwrap(),
        read_as: sql_type.parse().unwrap(),
        collation: None,
        identity: false,
    }
}

fn table(name: &str, columns: Vec<Column>, key: Vec<usize>) -> TableNames {
    let base = ObjectName::parse(name).unwrap();
    let side = ObjectName {
        name: format!("{}_tracking", base.name),
        ..base.clone()
    };
    TableNames {
        index: 3,
        base,
        side,
        columns,
        key,
        ours: true,
        takers: Vec::new(),
        circle: Circle::default(),
    }
}

const REACH: Reach = Reach { mark: 7, scope: 3 };
const KNOWN: [(i32, i64); 2] = [(1, 77), (4, 2)];
const ALL: Parts = Parts {
    tracked: true,
    new: true,
    insert: true,
    update: true,
    delete: true,
};
/// Of a first synchronisation.
const FIRST: Parts = Parts {
    tracked: false,
    new: true,
    insert: true,
    update: false,
    delete: false,
};

fn statements(table: &TableNames) -> Vec<String> {
    vec![
        CREATE_SHARED.to_owned(),
        table.create_staged(),
        applying(Some("it's")),
        table.stage(&table.key),
        format!("SELECT 1 WHERE {}", table.any_between(7, "@mark", REACH)),
        table.scan(false, false, REACH, &[], &table.key),
        table.scan(false, true, REACH, &KNOWN, &[]),
        table.scan(true, false, REACH, &KNOWN, &[]),
        table.scan(true, true, REACH, &[], &table.key),
        table.fetch(&table.key),
        table.apply(ALL),
        table.apply(FIRST),
        table.apply_each(ALL),
    ]
}

#[test]
fn customer() {
    let columns = vec![
        column("CUSTOMER_ID", "int"),
        column("NAME", "varchar(50)"),
        column("BORN", "date"),
        column("SEEN", "datetimeoffset(7)"),
        column("WEIGHT", "float"),
        column("PRICE", "money"),
        column("PHOTO", "image"),
        column("NOTE", "xml"),
    ];
    check(
        "session.sql",
        &statements(&table("CUSTOMER", columns, vec![0])),
    );
}

#[test]
fn a_table_of_a_circle() {
    let columns = vec![column("Id", "int"), column("Boss", "int")];
    let mut table = table("Staff", columns, vec![0]);
    let child = ObjectName::parse("Office").unwrap();
    table.circle = Circle::sample(&table.base, table.index, 1, &child);
    let statements = [
        table.create_open(),
        table.leave_open(false),
        table.leave_open(true),
        table.apply(ALL),
        closing(&[table], "COMMIT TRANSACTION"),
    ];
    check("session-circle.sql", &statements);
}

#[test]
fn hostile_names_and_a_database_of_sync_framework() {
    let mut columns = vec![
        column("K]1", "nvarchar(20)"),
        column("Nr", "int"),
        column("it's", "decimal(38,10)"),
        column("'; DROP TABLE x; --", "uniqueidentifier"),
    ];
    columns[0].collation = Some("Greek_BIN2".into());
    columns[1].identity = true;
    let name = "[a]]b 'c'].[T]]; DROP TABLE x -- \"'.]";
    let mut table = table(name, columns, vec![1, 0]);
    table.ours = false;
    table.takers.push(Taker {
        child: ObjectName::parse("[c]].'].[d;--]").unwrap(),
        columns: vec![("p]1".into(), "K]1".into()), ("it's".into(), "Nr".into())],
    });
    check("session-hostile.sql", &statements(&table));
}

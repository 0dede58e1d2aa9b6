//! Types, names and descriptions: what is read, what is refused.

use proptest::prelude::*;
use sync_metadata::{
    ColumnDescription, MetadataError, ScopeDescription, SqlKind, SqlType, TableDescription,
    TableName,
};

use crate::samples::{TYPES, sql_type};

fn check_type(text: &str, expected: &str) {
    let read: SqlType = text.parse().unwrap();
    assert_eq!(read.to_string(), expected);
    assert_eq!(expected.parse::<SqlType>().unwrap(), read);
}

#[test]
fn types_are_read_as_t_sql_writes_them() {
    for text in TYPES {
        check_type(text, text);
    }
    check_type("NVARCHAR(160)", "nvarchar(160)");
    check_type(" Decimal ( 10 , 2 ) ", "decimal(10,2)");
    check_type("numeric(10)", "numeric(10,0)");
    check_type("varbinary(MAX)", "varbinary(max)");
    check_type("float(24)", "float(24)");
    check_type("datetimeoffset(0)", "datetimeoffset(0)");
    check_type("dbo.PhoneNumber", "dbo.phonenumber");
    assert_eq!(
        (sql_type("money").precision, sql_type("money").scale),
        (Some(19), Some(4))
    );
    for kind in SqlKind::known() {
        assert_eq!(SqlKind::from_name(&kind.name().to_uppercase()), Ok(kind));
    }
}

#[test]
fn what_is_no_type_is_refused() {
    for text in [
        "",
        "(10)",
        "nvarchar(",
        "nvarchar()",
        "nvarchar(0)",
        "nvarchar(-1)",
        "nvarchar(4294967296)",
        "nvarchar(1,2)",
        "decimal(39,2)",
        "decimal(10,11)",
        "decimal(0)",
        "decimal(1,2,3)",
        "decimal(max)",
        "time(8)",
        "float(54)",
        "int(4)",
        "int;drop",
        "int]",
        "a'b",
        "nvarchar(10) x",
        "geography(1)",
    ] {
        assert!(
            matches!(text.parse::<SqlType>(), Err(MetadataError::SqlType { .. })),
            "{text:?}"
        );
    }
    assert!(SqlKind::from_name(&"x".repeat(257)).is_err());
}

fn check_name(text: &str, expected: Option<(&str, &str)>) {
    let read = TableName::parse(text);
    let quoted_and_plain = read
        .as_ref()
        .map(|name| (name.quoted(), name.sqlite_name()))
        .ok();
    let expected = expected.map(|(quoted, plain)| (quoted.to_owned(), plain.to_owned()));
    assert_eq!(quoted_and_plain, expected, "{text:?}");
    if let Ok(name) = read {
        assert_eq!(TableName::parse(&name.quoted()), Ok(name));
    }
}

#[test]
fn names_are_read_quoted_or_not() {
    check_name("Customer", Some(("[Customer]", "Customer")));
    check_name(
        "[Sales].[Customer]",
        Some(("[Sales].[Customer]", "Sales_Customer")),
    );
    check_name(
        "Sales.Customer",
        Some(("[Sales].[Customer]", "Sales_Customer")),
    );
    check_name(
        "Sales.[Order Lines]",
        Some(("[Sales].[Order Lines]", "Sales_Order Lines")),
    );
    check_name("\"Sa\"\"les\".\"x\"", Some(("[Sa\"les].[x]", "Sa\"les_x")));
    check_name("[a.b]", Some(("[a.b]", "a.b")));
    check_name("[a]]b]", Some(("[a]]b]", "a]b")));
    check_name("[[]", Some(("[[]", "[")));
    check_name("[]]]", Some(("[]]]", "]")));
    check_name("dbo.Orders", Some(("[dbo].[Orders]", "Orders")));
    check_name("Order Details", Some(("[Order Details]", "Order Details")));
    check_name("日本.[😀]", Some(("[日本].[😀]", "日本_😀")));
    for text in [
        "",
        ".",
        "a.",
        ".a",
        "[]",
        "[].[a]",
        "a.b.c",
        "[a].[b].[c]",
        "[a",
        "[a]b",
        "[a]]",
        "a]",
        "a[b]",
        "[a].",
        "\"a",
        "a\0b",
        "[a\nb]",
        "[a];drop table b",
    ] {
        check_name(text, None);
    }
    check_name(
        &"x".repeat(128),
        Some((&format!("[{}]", "x".repeat(128)), &"x".repeat(128))),
    );
    check_name(&"x".repeat(129), None);
}

#[test]
fn no_schema_is_dbo() {
    let parse = |text| TableName::parse(text).unwrap();
    assert_eq!(parse("dbo.Orders"), parse("Orders"));
    assert_eq!(parse("DBO.Orders"), parse("[dbo].[Orders]"));
    assert_ne!(parse("Sales.Orders"), parse("Orders"));
    assert_ne!(parse("orders"), parse("Orders"));
}

fn table(name: &str, columns: Vec<ColumnDescription>) -> Result<TableDescription, MetadataError> {
    let name = TableName::parse(name).unwrap();
    let global_name = name.quoted();
    TableDescription::new(name, global_name, columns)
}

fn key(name: &str) -> ColumnDescription {
    ColumnDescription::key(name, sql_type("int"))
}

fn column(name: &str) -> ColumnDescription {
    ColumnDescription::new(name, sql_type("int"))
}

fn check_refused<T: std::fmt::Debug>(result: Result<T, MetadataError>, part: &str) {
    let error = result.unwrap_err().to_string();
    assert!(error.contains(part), "{error:?} does not say {part:?}");
}

#[test]
fn a_table_has_a_key_and_distinct_columns() {
    let described = table(
        "Sales.T",
        vec![column("a"), key("b"), column("c"), key("d")],
    )
    .unwrap();
    let keys: Vec<&str> = described
        .key_columns()
        .map(|column| column.name.as_str())
        .collect();
    assert_eq!(keys, ["b", "d"]);
    assert_eq!(described.key_positions().collect::<Vec<_>>(), [1, 3]);
    assert_eq!(described.position("C"), Some(2));
    assert_eq!(described.position("e"), None);

    check_refused(table("T", vec![]), "table [T]: it has no primary key");
    check_refused(table("T", vec![column("a")]), "no primary key");
    check_refused(
        table("T", vec![key("a"), column("Ä"), column("ä")]),
        "the column \"ä\" occurs twice",
    );
    check_refused(table("T", vec![key("")]), "empty");
    check_refused(table("T", vec![key("a\0")]), "control character");
    check_refused(
        table(
            "T",
            vec![ColumnDescription {
                nullable: true,
                ..key("a")
            }],
        ),
        "\"a\" may be NULL",
    );
    let nameless = TableDescription::new(TableName::parse("T").unwrap(), "", vec![key("a")]);
    check_refused(nameless, "global name");
}

#[test]
fn a_scope_has_a_name_and_distinct_tables() {
    let one = |name: &str| table(name, vec![key("a")]).unwrap();
    let scope = ScopeDescription::new("s", vec![one("Sales.T"), one("T")])
        .unwrap()
        .with_comment("c");
    assert_eq!(
        scope.table("[sales].[t]").map(|table| &table.local_name),
        Some(&TableName::parse("Sales.T").unwrap())
    );
    assert_eq!((scope.table("T"), scope.user_comment.as_str()), (None, "c"));

    check_refused(
        ScopeDescription::new("s", vec![]),
        "scope \"s\": it has no table",
    );
    check_refused(ScopeDescription::new("", vec![one("T")]), "name is empty");
    check_refused(
        ScopeDescription::new("x".repeat(101), vec![one("T")]),
        "longer than 100",
    );
    check_refused(ScopeDescription::new("a\0", vec![one("T")]), "NUL");
    check_refused(
        ScopeDescription::new("s", vec![one("T"), one("dbo.t")]),
        "[dbo].[t] occurs twice",
    );
    let renamed = TableDescription {
        global_name: "[T]".into(),
        ..one("U")
    };
    check_refused(
        ScopeDescription::new("s", vec![one("T"), renamed]),
        "global name \"[T]\"",
    );
}

proptest! {
    #[test]
    fn any_name_is_quoted_and_read_back(schema in prop::option::of("\\PC{1,20}"), name in "\\PC{1,20}") {
        if let Ok(table) = TableName::new(schema.as_deref(), &name) {
            prop_assert_eq!(TableName::parse(&table.quoted()).unwrap(), table);
        }
    }

    #[test]
    fn no_text_panics(text in "[\\[\\]\".a]{0,12}|\\PC{0,30}", arguments in "[a-z]{1,9}\\([-0-9, max]{0,9}\\)?") {
        let _ = TableName::parse(&text);
        let _ = text.parse::<SqlType>();
        let _ = arguments.parse::<SqlType>();
    }
}

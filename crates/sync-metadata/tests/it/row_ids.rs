//! The item ids of rows and the ranges of tables.

use proptest::prelude::*;
use sync_knowledge::ItemId;
use sync_metadata::{
    MetadataError, SqlType, Value, ValueRef, row_id, table_id_range, write_row_id,
};

use crate::samples::{any_type, any_value, sql_type};

fn check_id(global_name: &str, key: &[(&str, Value)], expected: &str) {
    let types: Vec<SqlType> = key
        .iter()
        .map(|(type_name, _)| sql_type(type_name))
        .collect();
    let key = || {
        types
            .iter()
            .zip(key.iter().map(|(_, value)| value.as_ref()))
    };
    let id = row_id(global_name, key()).unwrap();
    assert_eq!(id, ItemId::from_text(expected));
    let mut buffer = vec![7; 3];
    write_row_id(&mut buffer, global_name, key()).unwrap();
    assert_eq!(buffer, id.as_bytes());
    let (lower, upper) = table_id_range(global_name);
    assert!(lower <= id && id < upper);
}

#[test]
fn row_ids() {
    check_id("[CUSTOMER]", &[("int", Value::Integer(7))], "[customer]-7");
    check_id(
        "[Sales].[Order Line]",
        &[
            ("bigint", Value::Integer(-7)),
            ("nchar(3)", Value::from("å")),
        ],
        "[sales].[order line]--7-å  ",
    );
    check_id(
        "[ÄÖ]",
        &[(
            "uniqueidentifier",
            Value::from("2D498460-5FE9-41C3-9DDC-B4EEE3AA7C8E"),
        )],
        "[äö]-2d498460-5fe9-41c3-9ddc-b4eee3aa7c8e",
    );
    check_id(
        "[İΣ𝄞]",
        &[("nvarchar(9)", Value::from("𝄞ABC"))],
        "[İσ𝄞]-𝄞ABC",
    );
    // Two composite keys can share one id.
    let pair = |a, b| {
        [
            ("nvarchar(9)", Value::from(a)),
            ("nvarchar(9)", Value::from(b)),
        ]
    };
    check_id("[t]", &pair("a-b", "c"), "[t]-a-b-c");
    check_id("[t]", &pair("a", "b-c"), "[t]-a-b-c");
}

#[test]
fn a_row_id_that_is_too_long_is_refused() {
    let nvarchar = sql_type("nvarchar(max)");
    let id = |length| {
        let key = "x".repeat(length);
        row_id("[t]", [(&nvarchar, ValueRef::Text(&key))].into_iter()).map(|id| id.as_bytes().len())
    };
    assert_eq!(id(5_116), Ok(10_240));
    let refused = MetadataError::RowIdTooLong {
        table: "[t]".into(),
        length: 10_242,
        limit: 10_240,
    };
    assert_eq!(id(5_117), Err(refused));
    assert!(matches!(
        id(1 << 20),
        Err(MetadataError::RowIdTooLong {
            length: 2_097_160,
            ..
        })
    ));
    let mut buffer = vec![1];
    let long = "å".repeat(6_000);
    assert!(write_row_id(&mut buffer, &long, std::iter::empty()).is_err());
    assert!(buffer.is_empty());
    let (lower, upper) = table_id_range(&long);
    assert!(lower < upper && upper.as_bytes().len() <= 10_240);
}

proptest! {
    #[test]
    fn ids_stay_in_their_table(sql_type in any_type(), value in any_value(), name in "[A-Za-z]{1,3}", other in "[A-Za-z]{1,3}") {
        let (name, other) = (format!("[{name}]"), format!("[{other}]"));
        let id = row_id(&name, [(&sql_type, value.as_ref())].into_iter()).unwrap();
        let within = |table: &str| {
            let (lower, upper) = table_id_range(table);
            lower <= id && id < upper
        };
        prop_assert!(within(&name));
        prop_assert_eq!(within(&other), name.eq_ignore_ascii_case(&other));
    }
}

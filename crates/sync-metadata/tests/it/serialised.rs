//! What is sent elsewhere comes back alike, and what does not fit its type is refused on the way in.

use std::fmt::Debug;

use bincode::config::standard;
use bincode::serde::{decode_from_slice, encode_to_vec};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sync_metadata::{
    ColumnDescription, Date, Decimal, ScopeDescription, SqlKind, TableDescription, TableName, Time,
    Value, identical,
};

use crate::samples::{TYPES, any_value, sql_type};

fn round<T: Serialize + DeserializeOwned>(value: &T) -> T {
    let bytes = encode_to_vec(value, standard()).unwrap();
    let (read, length) = decode_from_slice(&bytes, standard()).unwrap();
    assert_eq!(length, bytes.len());
    read
}

/// What was written as `raw` is not read as a `T`.
fn check_refused<T: DeserializeOwned + Debug>(raw: impl Serialize) {
    let bytes = encode_to_vec(raw, standard()).unwrap();
    let read: Result<(T, usize), _> = decode_from_slice(&bytes, standard());
    assert!(read.is_err(), "{read:?}");
}

#[test]
fn descriptions_come_back() {
    let columns = TYPES.iter().enumerate().map(|(n, text)| match n {
        0 => ColumnDescription::key("key", sql_type(text)),
        n => ColumnDescription::new(format!("c{n}"), sql_type(text)),
    });
    let table = TableDescription::new(
        TableName::parse("Sales.T").unwrap(),
        "[Sales].[T]",
        columns.collect(),
    )
    .unwrap();
    let scope = ScopeDescription::new("s", vec![table])
        .unwrap()
        .with_comment("c");
    assert_eq!(round(&scope), scope);
}

#[test]
fn what_does_not_fit_is_refused() {
    check_refused::<Date>(-1_i32);
    check_refused::<Time>(864_000_000_000_u64);
    check_refused::<Decimal>((10_i128.pow(38), 0_u8));
    check_refused::<Decimal>((1_i128, 39_u8));
    check_refused::<TableName>((None::<String>, ""));
    check_refused::<SqlKind>("int; drop table x");
    let name = TableName::parse("T").unwrap();
    check_refused::<TableDescription>((&name, "[T]", Vec::<ColumnDescription>::new()));
    check_refused::<ScopeDescription>(("s", Vec::<TableDescription>::new(), ""));
}

proptest! {
    #[test]
    fn values_come_back(value in any_value()) {
        let read: Value = round(&value);
        prop_assert!(identical(read.as_ref(), value.as_ref()), "{:?} became {:?}", value, read);
    }
}

//! `sync-metadata` to look into what a database persists: names, types, values, row ids.

use sync_metadata::{SqlType, TableName, ValueRef, content_eq, row_id};

fn main() {
    let table = TableName::parse("Sales.Customer").expect("a plain name");
    assert_eq!(table.quoted(), "[Sales].[Customer]");

    let number: SqlType = "decimal(10,2)".parse().expect("a type of SQL Server");
    assert!(content_eq(
        &number,
        ValueRef::Integer(1),
        ValueRef::Real(1.0)
    ));
    assert!("decimal(10".parse::<SqlType>().is_err());

    let key_type: SqlType = "int".parse().expect("a type of SQL Server");
    let key = [(&key_type, ValueRef::Integer(7))];
    let id = row_id("[Sales].[Customer]", key.into_iter()).expect("a short key");
    let expected = sync_knowledge::ItemId::from_text("[sales].[customer]-7");
    assert_eq!(id, expected);
    println!("metadata: the row id {id}");
}

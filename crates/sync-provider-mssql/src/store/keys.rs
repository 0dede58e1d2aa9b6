//! Keys on their way in: a row is recognised by its key as it is spelled, wherever it goes. So a key is taken in only if it comes out again as
//! it came, and meets only a row that is spelled so.

use sync_decision::TableShape;
use sync_metadata::{SqlKind, SqlType, Value, ValueRef, fit, write_key_text};
use sync_provider::RowSet;

/// Why a key cannot be stored so that it comes out again as it came; `None` where it can.
///
/// What the server would round, pad, or write in another form would be another row to a database that compares what is written.
pub(crate) fn respelled(shape: &TableShape, key: &RowSet) -> Option<String> {
    let cells = key.row(0).values().zip(&shape.key);
    let mut changed = cells.filter_map(|(value, &column)| {
        let sql_type = &shape.types[column];
        let stored = stored(sql_type, value)?;
        Some((column, stored, sql_type, value))
    });
    let (column, stored, sql_type, value) = changed.next()?;
    Some(format!(
        "its key cannot be stored as it is written: column {} of type {sql_type} makes {} of {}; write it so everywhere",
        shape.columns[column],
        shown(sql_type, stored.as_ref()),
        shown(sql_type, value),
    ))
}

/// What a key column gives back for a value where that is another key.
fn stored(sql_type: &SqlType, value: ValueRef<'_>) -> Option<Value> {
    let fitted = fit(sql_type, value).ok()?.value;
    let stored = match (fitted, &sql_type.kind, sql_type.size) {
        (ValueRef::Text(text), SqlKind::Char | SqlKind::NChar, _) => {
            Value::Text(text.trim_end_matches(' ').to_owned())
        }
        (ValueRef::Blob(bytes), SqlKind::Binary, Some(sync_metadata::Size::Length(length))) => {
            let mut padded = bytes.to_vec();
            padded.resize(bytes.len().max(length as usize), 0);
            Value::Blob(padded)
        }
        (other, ..) => other.to_owned(),
    };
    let one_column = TableShape {
        global_name: String::new(),
        columns: vec![String::new()],
        types: vec![sql_type.clone()],
        key: vec![0],
        key_equality: vec![sync_metadata::KeyEquality::Exact],
    };
    (one_column.normal_key([value]) != one_column.normal_key([stored.as_ref()])).then_some(stored)
}

/// Why a row cannot meet the one that is here under its key; `None` where both are spelled alike.
pub(crate) fn spelled_otherwise(
    shape: &TableShape,
    incoming: &RowSet,
    here: &[Value],
) -> Option<String> {
    let here_key = shape
        .key
        .iter()
        .map(|&column| here.get(column).map_or(ValueRef::Null, Value::as_ref));
    if shape.normal_key(incoming.row(0).values()) == shape.normal_key(here_key.clone()) {
        return None;
    }
    Some(format!(
        "the key {} is taken for {} here, which is another row; delete one of them, or write it in one way everywhere",
        shown_key(shape, incoming.row(0).values()),
        shown_key(shape, here_key),
    ))
}

/// A key as it is written.
pub(super) fn shown_key<'v>(shape: &TableShape, key: impl Iterator<Item = ValueRef<'v>>) -> String {
    let cells: Vec<String> = key
        .zip(&shape.key)
        .map(|(value, &column)| shown(&shape.types[column], value))
        .collect();
    format!("({})", cells.join(", "))
}

fn shown(sql_type: &SqlType, value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Text(text) => format!("'{text}'"),
        other => {
            let mut text = String::new();
            write_key_text(sql_type, other, &mut text);
            text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_come_out_as_they_came() {
        let check = |sql_type: &str, value: ValueRef<'_>, expected: Option<&str>| {
            let sql_type: SqlType = sql_type.parse().unwrap();
            let stored = stored(&sql_type, value);
            let stored = stored
                .as_ref()
                .map(|stored| shown(&sql_type, stored.as_ref()));
            assert_eq!(stored.as_deref(), expected, "{sql_type}: {value:?}");
        };
        use ValueRef::{Blob, Integer, Real, Text};
        check("int", Integer(7), None);
        check("int", Real(7.0), None);
        check("int", Text("7"), Some("7"));
        check("nvarchar(9)", Text("abc "), None);
        check("varchar(9)", Text("ABC"), None);
        check("char(9)", Text("abc"), None);
        check("nchar(9)", Text("abc "), Some("'abc'"));
        check("binary(2)", Blob(b"ab"), None);
        check("binary(2)", Blob(b"a"), Some("6100"));
        check("varbinary(2)", Blob(b"a"), None);
        check("decimal(9,2)", Text("1.50"), None);
        check("decimal(9,2)", Real(1.5), None);
        check("decimal(9,2)", Integer(1), None);
        check("decimal(9,2)", Text("1.5"), Some("1.50"));
        check("decimal(9,2)", Text("1.505"), Some("1.51"));
        check("money", Text("1.0000"), None);
        check("real", Real(0.1), Some("0.10000000149011612"));
        check("float", Real(0.1), None);
        check("datetime", Text("2031-01-09 10:20:30.003"), None);
        check(
            "datetime",
            Text("2031-01-09T10:20:30.003"),
            Some("2031-01-09 10:20:30.003"),
        );
        check(
            "datetime",
            Text("2031-01-09 10:20:30.002"),
            Some("2031-01-09 10:20:30.003"),
        );
        check("date", Text("2031-01-09"), None);
        let guid = "2d498460-5fe9-41c3-9ddc-b4eee3aa7c8e";
        check("uniqueidentifier", Text(guid), None);
        check("uniqueidentifier", Text(&guid.to_uppercase()), Some(guid));
    }

    #[test]
    fn rows_meet_where_they_are_spelled_alike() {
        let shape = TableShape {
            global_name: "[t]".into(),
            columns: vec!["a".into(), "id".into()],
            types: vec!["int".parse().unwrap(), "nvarchar(9)".parse().unwrap()],
            key: vec![1],
            key_equality: vec![sync_metadata::KeyEquality::Exact],
        };
        let check = |incoming: &str, here: &str, expected: Option<&str>| {
            let mut key = RowSet::new(1);
            key.push([ValueRef::Text(incoming)]);
            let here = [Value::Null, Value::Text(here.into())];
            let found = spelled_otherwise(&shape, &key, &here);
            assert_eq!(
                found
                    .as_deref()
                    .map(|text| text.split(" here").next().unwrap()),
                expected
            );
        };
        check("abc", "abc", None);
        check("ABC", "abc", Some("the key ('ABC') is taken for ('abc')"));
        check("abc ", "abc", Some("the key ('abc ') is taken for ('abc')"));
    }
}

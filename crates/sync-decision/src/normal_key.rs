//! The one form of a key by which its row is recognised, however it is spelled.

use sync_metadata::{KeyEquality, SqlType, TypeFamily, Value, ValueRef, write_key_text};

use sync_provider::RowSet;

use crate::table_shape::TableShape;

/// A key in normal form: two keys of a table have the same one exactly where the database takes them for one.
///
/// Rows are told apart by it wherever keys are looked up in memory. It is not for asking or showing: it may be spelled as no row is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NormalKey(Vec<u8>);

impl TableShape {
    /// The normal form of a key of this table, its cells in key order.
    ///
    /// | cell | becomes |
    /// |---|---|
    /// | text | its [`KeyEquality::fold`] |
    /// | real without a fraction | the integer: 1.0 and 1 are one key |
    /// | number in a column of decimals; GUID, date or time | the key text, which is what a database without the type stores |
    ///
    /// ```
    /// use sync_metadata::{ColumnDescription, KeyEquality, TableDescription, TableName, ValueRef};
    /// use sync_decision::TableShape;
    ///
    /// let mut id = ColumnDescription::key("id", "nvarchar(9)".parse()?);
    /// id.key_equality = KeyEquality::NoCase;
    /// let table = TableShape::of(&TableDescription::new(TableName::parse("t")?, "[t]", vec![id])?);
    /// let key = |text| table.normal_key([ValueRef::Text(text)]);
    /// assert_eq!(key("abc"), key("ABC"));
    /// assert_ne!(key("abc"), key("abc "));
    /// # Ok::<(), sync_metadata::MetadataError>(())
    /// ```
    pub fn normal_key<'v>(&self, key: impl IntoIterator<Item = ValueRef<'v>>) -> NormalKey {
        let mut row = RowSet::new(self.key.len());
        let mut writer = row.start_row();
        let columns = self.key.iter().zip(&self.key_equality);
        for ((&column, &equality), value) in columns.zip(key) {
            match normal(&self.types[column], equality, value) {
                Some(other) => writer.cell(other.as_ref()),
                None => writer.cell(value),
            }
        }
        drop(writer);
        NormalKey(row.row(0).as_bytes().to_vec())
    }

    /// Whether keys are told apart by their bytes, so that no text need be folded.
    pub fn has_exact_keys(&self) -> bool {
        self.key_equality
            .iter()
            .all(|equality| *equality == KeyEquality::Exact)
    }
}

/// The normal form of a cell; `None` where that is the cell itself.
fn normal(sql_type: &SqlType, equality: KeyEquality, value: ValueRef<'_>) -> Option<Value> {
    let key_text = || {
        let mut text = String::new();
        write_key_text(sql_type, value, &mut text);
        Some(Value::Text(text))
    };
    match value {
        ValueRef::Null | ValueRef::Blob(_) => None,
        ValueRef::Text(text) => Some(Value::Text(equality.fold(text).into_owned())),
        ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Decimal(_)
            if sql_type.family() == TypeFamily::Decimal =>
        {
            key_text()
        }
        ValueRef::Integer(_) => None,
        ValueRef::Real(number) => whole(number).map(Value::Integer),
        ValueRef::Decimal(number) => match number.to_i64() {
            Some(whole) => Some(Value::Integer(whole)),
            None => Some(Value::Real(number.to_f64())),
        },
        ValueRef::Guid(_)
        | ValueRef::Date(_)
        | ValueRef::Time(_)
        | ValueRef::DateTime(_)
        | ValueRef::DateTimeOffset(_) => key_text(),
    }
}

/// The integer that a real is.
fn whole(number: f64) -> Option<i64> {
    let whole = number as i64;
    // The conversion saturates, and i64::MAX itself is no real.
    (whole != i64::MAX && whole as f64 == number).then_some(whole)
}

#[cfg(test)]
mod tests {
    use sync_metadata::Decimal;
    use uuid::Uuid;

    use super::*;

    fn check(
        sql_type: &str,
        equality: KeyEquality,
        one: ValueRef<'_>,
        other: ValueRef<'_>,
        same: bool,
    ) {
        let table = TableShape {
            global_name: "[t]".into(),
            columns: vec!["id".into()],
            types: vec![sql_type.parse().unwrap()],
            key: vec![0],
            key_equality: vec![equality],
        };
        let equal = table.normal_key([one]) == table.normal_key([other]);
        assert_eq!(
            equal, same,
            "{sql_type} {equality:?}: {one:?} and {other:?}"
        );
    }

    #[test]
    fn which_keys_are_one() {
        use KeyEquality::{Exact, NoCase, RTrim};
        use ValueRef::{Blob, Integer, Real, Text};
        let text = "nvarchar(9)";
        check(text, Exact, Text("a"), Text("A"), false);
        check(text, NoCase, Text("a"), Text("A"), true);
        check(text, NoCase, Text("é"), Text("É"), false);
        check(text, NoCase, Text("a"), Text("a "), false);
        check(text, RTrim, Text("a"), Text("a  "), true);
        check(text, RTrim, Text("a"), Text("a\t"), false);
        check(text, NoCase, Text("a"), Blob(b"a"), false);
        check("sql_variant", Exact, Integer(1), Real(1.0), true);
        check("sql_variant", Exact, Integer(1), Text("1"), false);
        check("sql_variant", Exact, Integer(0), Real(-0.0), true);
        check(
            "float",
            Exact,
            Integer(i64::MAX),
            Real(i64::MAX as f64),
            false,
        );
        let guid = Uuid::from_u128(0xab);
        let written = guid.to_string();
        check(
            "uniqueidentifier",
            Exact,
            ValueRef::Guid(guid),
            Text(&written),
            true,
        );
        let decimal = |digits| ValueRef::Decimal(Decimal::new(digits, 2).unwrap());
        check("decimal(9,2)", Exact, decimal(150), Real(1.5), true);
        check("decimal(9,2)", Exact, decimal(100), Integer(1), true);
        check("decimal(20,2)", Exact, decimal(150), Text("1.50"), true);
        check("decimal(20,2)", Exact, decimal(150), Text("1.5"), false);
        check("bigint", Exact, decimal(100), Integer(1), true);
    }
}

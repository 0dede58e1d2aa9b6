//! Fingerprints of cells, equal exactly where the content is, and of keys, equal exactly where the database takes them for one.

use std::hash::{BuildHasher, Hash, RandomState};

use sync_decision::NormalKey;
use sync_metadata::{SqlType, TypeFamily, ValueRef, content_cmp, write_key_text};

/// Turns cells into 128 bits. Two cells of one column have the same fingerprint where their content is equal
/// ([`content_eq`](sync_metadata::content_eq)), however each side stores it, and practically never elsewhere: the hash is keyed anew
/// for every comparison, so that nobody can prepare rows that collide.
#[derive(Debug, Default)]
pub(super) struct Fingerprints {
    states: [RandomState; 2],
    canonical: Vec<u8>,
    text: String,
}

impl Fingerprints {
    /// The fingerprint of the cells of a row, each with its column's type.
    pub(super) fn of<'v>(
        &mut self,
        cells: impl Iterator<Item = (&'v SqlType, ValueRef<'v>)>,
    ) -> u128 {
        self.canonical.clear();
        for (sql_type, value) in cells {
            write_canonical(&mut self.canonical, &mut self.text, sql_type, value);
        }
        self.hash(&self.canonical)
    }

    /// The fingerprint of a row's key. Keys of equal content can be two rows: `2031-01-09` and its midnight are two texts to SQLite.
    pub(super) fn of_key(&self, key: &NormalKey) -> u128 {
        self.hash(key)
    }

    fn hash(&self, value: impl Hash) -> u128 {
        let [low, high] = &self.states;
        u128::from(low.hash_one(&value)) | u128::from(high.hash_one(&value)) << 64
    }
}

/// A class, a length and a text, by which contents of one column are told apart.
///
/// The key text is one for equal contents, and within a class it differs for different ones. Across classes it may be the same: the
/// text `'01'`, the bytes `x'01'` and, in a column of no fixed type, the number 1 and the text `'1'`.
fn write_canonical(out: &mut Vec<u8>, text: &mut String, sql_type: &SqlType, value: ValueRef<'_>) {
    text.clear();
    write_key_text(sql_type, value, text);
    out.push(class(sql_type, value) as u8);
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

/// What a value is to its column, whatever it is stored as.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Class {
    Null,
    Number,
    DateTime,
    Time,
    DateTimeOffset,
    Guid,
    Text,
    Blob,
}

fn class(sql_type: &SqlType, value: ValueRef<'_>) -> Class {
    match value {
        ValueRef::Null => Class::Null,
        ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Decimal(_) => Class::Number,
        ValueRef::Date(_) | ValueRef::DateTime(_) => Class::DateTime,
        ValueRef::Time(_) => Class::Time,
        ValueRef::DateTimeOffset(_) => Class::DateTimeOffset,
        ValueRef::Guid(_) => Class::Guid,
        ValueRef::Text(_) => spelled(sql_type, value).unwrap_or(Class::Text),
        ValueRef::Blob(_) => spelled(sql_type, value).unwrap_or(Class::Blob),
    }
}

/// What text or bytes spell in a column that is for something else; `None` where they are just text or bytes.
fn spelled(sql_type: &SqlType, value: ValueRef<'_>) -> Option<Class> {
    let meant = match sql_type.family() {
        TypeFamily::Integer | TypeFamily::Bit | TypeFamily::Decimal | TypeFamily::Float => {
            Class::Number
        }
        TypeFamily::Date | TypeFamily::DateTime => Class::DateTime,
        TypeFamily::Time => Class::Time,
        TypeFamily::DateTimeOffset => Class::DateTimeOffset,
        TypeFamily::Guid => Class::Guid,
        _ => return None,
    };
    // In the order of contents everything that has a meaning of its own comes before all text, the least of which is the empty one.
    content_cmp(sql_type, value, ValueRef::Text(""))
        .is_lt()
        .then_some(meant)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sync_metadata::{Date, DateTime, Decimal, SqlKind, Time, Value, content_eq};
    use uuid::Uuid;

    use super::*;

    fn numbers() -> impl Strategy<Value = Value> {
        let small = -3i64..3;
        prop_oneof![
            small.clone().prop_map(Value::Integer),
            small.clone().prop_map(|n| Value::Real(n as f64)),
            small.clone().prop_map(|n| Value::Real(n as f64 / 2.0)),
            small.clone().prop_map(|n| Value::Text(n.to_string())),
            small.clone().prop_map(|n| Value::Text(format!("{n}.50"))),
            small.prop_map(|n| Value::Decimal(Decimal::new(i128::from(n) * 50, 2).unwrap())),
            Just(Value::Integer(9_007_199_254_740_993)),
            Just(Value::Real(9_007_199_254_740_992.0)),
            Just(Value::Real(-0.0)),
            Just(Value::Real(1e300)),
        ]
    }

    fn others() -> impl Strategy<Value = Value> {
        let guid = "2d498460-5fe9-41c3-9ddc-b4eee3aa7c8e";
        let date = Date::from_year_month_day(2031, 1, 9).unwrap();
        prop_oneof![
            Just(Value::Null),
            "[ab0-2 ]{0,3}".prop_map(Value::Text),
            proptest::collection::vec(0u8..3, 0..3).prop_map(Value::Blob),
            Just(Value::Text(guid.to_uppercase())),
            Just(Value::Text(guid.into())),
            Just(Value::Guid(Uuid::parse_str(guid).unwrap())),
            Just(Value::Blob(
                Uuid::parse_str(guid).unwrap().to_bytes_le().to_vec()
            )),
            Just(Value::Text("2031-01-09".into())),
            Just(Value::Text("2031-01-09 00:00:00".into())),
            Just(Value::Date(date)),
            Just(Value::DateTime(DateTime::new(date, Time::MIDNIGHT))),
            Just(Value::Text("true".into())),
            Just(Value::Text("True".into())),
            Just(Value::Text("abc".into())),
            Just(Value::Text("00".into())),
        ]
    }

    fn types() -> impl Strategy<Value = SqlType> {
        let mut all: Vec<SqlType> = SqlKind::known().map(SqlType::new).collect();
        for text in ["decimal(10,2)", "char(3)", "nvarchar(3)", "binary(2)"] {
            all.push(text.parse().unwrap());
        }
        proptest::sample::select(all)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]
        #[test]
        fn fingerprints_are_equal_exactly_where_contents_are(
            sql_type in types(),
            left in prop_oneof![numbers(), others()],
            right in prop_oneof![numbers(), others()],
        ) {
            let mut fingerprints = Fingerprints::default();
            let mut of = |value: &Value| fingerprints.of(std::iter::once((&sql_type, value.as_ref())));
            let equal = content_eq(&sql_type, left.as_ref(), right.as_ref());
            prop_assert_eq!(of(&left) == of(&right), equal, "{}: {:?} and {:?}", &sql_type, &left, &right);
        }
    }

    #[test]
    fn cells_do_not_run_into_each_other() {
        let sql_type: SqlType = "nvarchar(10)".parse().unwrap();
        let mut fingerprints = Fingerprints::default();
        let mut of = |cells: [&str; 2]| {
            fingerprints.of(cells.iter().map(|cell| (&sql_type, ValueRef::Text(cell))))
        };
        assert_ne!(of(["ab", "c"]), of(["a", "bc"]));
        assert_eq!(of(["ab", "c"]), of(["ab", "c"]));
    }
}

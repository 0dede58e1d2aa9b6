//! Cells between SQLite and the values of a change batch.

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef as SqlRef};
use sync_metadata::{Decimal, SqlType, TypeFamily, ValueRef, write_key_text};

use crate::types::Affinity;

/// A cell as SQLite stores it: its storage class is the value's kind. `None` for text that is not UTF-8, which cannot travel.
pub(crate) fn read(cell: SqlRef<'_>) -> Option<ValueRef<'_>> {
    Some(match cell {
        SqlRef::Null => ValueRef::Null,
        SqlRef::Integer(value) => ValueRef::Integer(value),
        SqlRef::Real(value) => ValueRef::Real(value),
        SqlRef::Text(bytes) => ValueRef::Text(std::str::from_utf8(bytes).ok()?),
        SqlRef::Blob(bytes) => ValueRef::Blob(bytes),
    })
}

/// A value ready to be bound to a parameter.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Bound<'a> {
    Null,
    Integer(i64),
    Real(f64),
    Text(&'a str),
    OwnText(String),
    Blob(&'a [u8]),
}

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Bound::Null => SqlRef::Null,
            Bound::Integer(value) => SqlRef::Integer(*value),
            Bound::Real(value) => SqlRef::Real(*value),
            Bound::Text(text) => SqlRef::Text(text.as_bytes()),
            Bound::OwnText(text) => SqlRef::Text(text.as_bytes()),
            Bound::Blob(bytes) => SqlRef::Blob(bytes),
        }))
    }
}

/// What is stored for a value in a column of this type and affinity, or why it cannot be stored there without loss.
///
/// A decimal is a number or text as the column keeps it; the text is the key text, so that keys which pass through both stay one.
pub(crate) fn bind<'a>(
    value: ValueRef<'a>,
    sql_type: &SqlType,
    affinity: Affinity,
) -> Result<Bound<'a>, String> {
    Ok(match value {
        ValueRef::Null => Bound::Null,
        ValueRef::Integer(value) if affinity == Affinity::Real && !is_exact_real(value) => {
            return Err(format!(
                "the column would turn {value} into a floating-point number and lose digits"
            ));
        }
        // Numbers are converted here as SQLite converts them on storing, so that a key that is bound is spelled as it will be stored.
        ValueRef::Integer(value) if affinity == Affinity::Real => Bound::Real(value as f64),
        ValueRef::Real(value) if value.is_nan() => return Err("SQLite stores no NaN".into()),
        ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Decimal(_)
            if affinity == Affinity::Text && sql_type.family() == TypeFamily::Decimal =>
        {
            Bound::OwnText(key_text(sql_type, value))
        }
        ValueRef::Integer(value) => Bound::Integer(value),
        ValueRef::Real(value) => match (affinity, whole(value)) {
            (Affinity::Integer | Affinity::Numeric, Some(whole)) => Bound::Integer(whole),
            _ => Bound::Real(value),
        },
        ValueRef::Text(text) if becomes_number(text, affinity) => match spelled(text, sql_type) {
            Some(decimal) => bind_decimal(decimal, affinity)?,
            None => {
                return Err(format!(
                    "the column would turn the text {text:?} into a number; declare it TEXT"
                ));
            }
        },
        ValueRef::Text(text) => Bound::Text(text),
        ValueRef::Blob(bytes) => Bound::Blob(bytes),
        ValueRef::Guid(guid) => Bound::OwnText(guid.hyphenated().to_string()),
        ValueRef::Decimal(decimal) => bind_decimal(decimal, affinity)?,
        ValueRef::Date(date) => Bound::OwnText(date.to_string()),
        ValueRef::Time(time) => Bound::OwnText(time.to_string()),
        ValueRef::DateTime(at) => Bound::OwnText(at.to_string()),
        ValueRef::DateTimeOffset(at) => Bound::OwnText(at.to_string()),
    })
}

/// The decimal that a text is in a column of decimals, where it is written as its key text. In any other spelling it is another key.
fn spelled(text: &str, sql_type: &SqlType) -> Option<Decimal> {
    if sql_type.family() != TypeFamily::Decimal {
        return None;
    }
    let decimal = text.parse().ok()?;
    (key_text(sql_type, ValueRef::Decimal(decimal)) == text).then_some(decimal)
}

fn key_text(sql_type: &SqlType, value: ValueRef<'_>) -> String {
    let mut text = String::new();
    write_key_text(sql_type, value, &mut text);
    text
}

fn is_exact_real(value: i64) -> bool {
    // The conversion back saturates, and i64::MAX itself is no exact real.
    value != i64::MAX && (value as f64) as i64 == value
}

/// The integer that a real is, in the range in which SQLite takes it for one.
fn whole(value: f64) -> Option<i64> {
    const EXACT: f64 = (1i64 << 51) as f64;
    let whole = value as i64;
    (value.abs() < EXACT && whole as f64 == value).then_some(whole)
}

/// Whether SQLite would store a number in place of the text: any that reads as a number, in a column of numeric affinity.
fn becomes_number(text: &str, affinity: Affinity) -> bool {
    let numeric = !matches!(affinity, Affinity::Text | Affinity::Blob);
    let text = text.trim_matches(|c: char| c.is_ascii_whitespace());
    // Rust reads the words `inf` and `nan` as well; SQLite does not.
    numeric
        && !text.contains(|c: char| c.is_ascii_alphabetic() && c != 'e' && c != 'E')
        && text.parse::<f64>().is_ok()
}

/// A decimal stays text where the column leaves text alone. Elsewhere it becomes a number, if that number is the same.
fn bind_decimal(decimal: Decimal, affinity: Affinity) -> Result<Bound<'static>, String> {
    if matches!(affinity, Affinity::Text | Affinity::Blob) {
        return Ok(Bound::OwnText(decimal.to_string()));
    }
    if let Some(integer) = decimal.to_i64() {
        return Ok(Bound::Integer(integer));
    }
    let real = decimal.to_f64();
    match Decimal::from_f64(real) {
        Some(back) if back.normalized() == decimal.normalized() => Ok(Bound::Real(real)),
        _ => Err(format!(
            "the column would turn {decimal} into a floating-point number and lose digits; declare it TEXT"
        )),
    }
}

//! What a stored value means in a column of a given type: how values compare and how keys are written as text.
//!
//! Databases keep one logical value in several ways: SQLite stores the decimal 1 as `1`, `1.0` or `'1.00'`, a GUID as text or as a
//! blob. Here every value is first taken to the one form that its column's type gives it. A value that does not fit its type (the text
//! `'abc'` in a column of integers) is never an error; it is compared as what it is.

mod fit;
mod number;

use std::cmp::Ordering;
use std::fmt;

use uuid::Uuid;

use crate::temporal::{read_date_time, read_date_time_offset, read_time};
use crate::{
    DateTime, DateTimeOffset, Decimal, Size, SqlKind, SqlType, Time, TypeFamily, ValueRef,
};
pub use fit::{Fitted, fit};
use number::Number;

/// Compares two values of a column by what they mean there.
///
/// A total order: NULL, then numbers by exact value (NaN before the others), then dates and times, GUIDs, text by code point, and bytes. Equal
/// are, for example:
///
/// | column | equal | different |
/// |---|---|---|
/// | numbers | `1`, `1.0` and `'1'`; `0.0` and `-0.0` | 2^53 + 1 and 2^53 as a real |
/// | decimals | `0.99` as a real, as text and as a decimal; `1.0` and `1.00` | |
/// | text, variant | | `'1'` and `1`; `'abc'` and `'ABC'` |
/// | `char`, `nchar`, `binary` | values that differ in padding only | |
/// | dates and times | ISO text and the date or time it names | one moment under two offsets |
/// | GUIDs | text in any case, the 16 bytes of .NET's `Guid.ToByteArray`, and the GUID | |
///
/// ```
/// use std::cmp::Ordering;
/// use sync_metadata::{SqlType, ValueRef, content_cmp};
///
/// let decimal: SqlType = "decimal(10,2)".parse()?;
/// assert_eq!(content_cmp(&decimal, ValueRef::Real(0.99), ValueRef::Text("0.990")), Ordering::Equal);
/// let text: SqlType = "nvarchar(10)".parse()?;
/// assert_eq!(content_cmp(&text, ValueRef::Integer(1), ValueRef::Text("1")), Ordering::Less);
/// # Ok::<(), sync_metadata::MetadataError>(())
/// ```
#[must_use]
pub fn content_cmp(sql_type: &SqlType, left: ValueRef<'_>, right: ValueRef<'_>) -> Ordering {
    match (left, right) {
        // The common cases need no canonical form: these variants mean the same in every column.
        (ValueRef::Null, ValueRef::Null) => Ordering::Equal,
        (ValueRef::Integer(left), ValueRef::Integer(right)) => left.cmp(&right),
        _ => Canonical::new(sql_type, left).cmp(&Canonical::new(sql_type, right)),
    }
}

/// Whether two values of a column mean the same; exactly when [`content_cmp`] says `Equal`.
#[must_use]
pub fn content_eq(sql_type: &SqlType, left: ValueRef<'_>, right: ValueRef<'_>) -> bool {
    match (left, right) {
        (ValueRef::Integer(left), ValueRef::Integer(right)) => left == right,
        (ValueRef::Null, other) | (other, ValueRef::Null) => other.is_null(),
        _ => identical(left, right) || content_cmp(sql_type, left, right) == Ordering::Equal,
    }
}

/// Whether two values are stored alike, bit for bit: `1` and `1.0`, `0.0` and `-0.0`, `1.0` and `1.00` as decimals all differ.
#[must_use]
pub fn identical(left: ValueRef<'_>, right: ValueRef<'_>) -> bool {
    match (left, right) {
        (ValueRef::Real(left), ValueRef::Real(right)) => left.to_bits() == right.to_bits(),
        (ValueRef::Decimal(left), ValueRef::Decimal(right)) => {
            (left.mantissa(), left.scale()) == (right.mantissa(), right.scale())
        }
        _ => left == right,
    }
}

/// Appends the text that a key value has in row ids, and that a database without the type stores.
///
/// The text is what .NET's `ToString()` gives under the invariant culture, as far as that is exact; where it is not, the form is ours.
/// Values for which [`content_eq`] holds have the same text, and values that fit the type and differ have different texts.
///
/// | type | text |
/// |---|---|
/// | integers | decimal digits |
/// | `bit` | `True`, `False` |
/// | decimals | at least as many digits after the point as the type's scale: `1.00` for `decimal(10,2)`, `1.0000` for `money` |
/// | `float`, `real` | the shortest text that reads back as the same number: `0.1`, `1E+15`, `-2.5E-07` |
/// | text | as it is; `char(n)` and `nchar(n)` padded with blanks to n |
/// | `uniqueidentifier` | `d2f1…` in lower case with hyphens (format "D") |
/// | dates and times | `2031-01-09`, `10:20:30.25`, `2031-01-09 10:20:30`, `2031-01-09 10:20:30+02:00` (ours: .NET's would drop fractions) |
/// | bytes | lower-case hexadecimal digits (ours); `binary(n)` padded with zeros to n |
/// | NULL | nothing |
///
/// ```
/// use sync_metadata::{SqlType, ValueRef, write_key_text};
///
/// let mut text = String::new();
/// write_key_text(&"decimal(10,2)".parse()?, ValueRef::Real(1.5), &mut text);
/// assert_eq!(text, "1.50");
/// # Ok::<(), sync_metadata::MetadataError>(())
/// ```
pub fn write_key_text(sql_type: &SqlType, value: ValueRef<'_>, text: &mut String) {
    // Writing to a `String` cannot fail.
    let _ = format_key_text(sql_type, value, text);
}

/// As [`write_key_text`], to any sink.
pub(crate) fn format_key_text(
    sql_type: &SqlType,
    value: ValueRef<'_>,
    sink: &mut impl fmt::Write,
) -> fmt::Result {
    // Most keys; the way round by decimals would write the same digits.
    if let (ValueRef::Integer(number), TypeFamily::Integer) = (value, sql_type.family()) {
        return write!(sink, "{number}");
    }
    match Canonical::new(sql_type, value) {
        Canonical::Null => Ok(()),
        Canonical::Number(number) => number.format(sql_type, sink),
        Canonical::DateTime(moment)
            if sql_type.kind == SqlKind::Date && moment.time == Time::MIDNIGHT =>
        {
            write!(sink, "{}", moment.date)
        }
        Canonical::DateTime(moment) => write!(sink, "{moment}"),
        Canonical::Time(time) => write!(sink, "{time}"),
        Canonical::DateTimeOffset(moment) => write!(sink, "{moment}"),
        Canonical::Guid(guid) => {
            sink.write_str(guid.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
        }
        Canonical::Text(text) => {
            sink.write_str(text)?;
            let length = padded_length(sql_type, &[SqlKind::Char, SqlKind::NChar]);
            let missing = if length == 0 {
                0
            } else {
                length.saturating_sub(text.encode_utf16().count())
            };
            (0..missing).try_for_each(|_| sink.write_char(' '))
        }
        Canonical::Blob(bytes) => {
            for byte in bytes {
                write!(sink, "{byte:02x}")?;
            }
            let missing = padded_length(sql_type, &[SqlKind::Binary]).saturating_sub(bytes.len());
            (0..missing).try_for_each(|_| sink.write_str("00"))
        }
    }
}

/// A value in the one form that its column's type gives it. The order of the variants is the order of the classes.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Canonical<'a> {
    Null,
    Number(Number),
    DateTime(DateTime),
    Time(Time),
    DateTimeOffset(DateTimeOffset),
    Guid(Uuid),
    Text(&'a str),
    Blob(&'a [u8]),
}

impl<'a> Canonical<'a> {
    fn new(sql_type: &SqlType, value: ValueRef<'a>) -> Self {
        match value {
            ValueRef::Null => Self::Null,
            ValueRef::Integer(number) => {
                Self::Number(Number::from_decimal(sql_type, Decimal::from(number)))
            }
            ValueRef::Real(number) => Self::Number(Number::from_real(sql_type, number)),
            ValueRef::Decimal(number) => Self::Number(Number::from_decimal(sql_type, number)),
            ValueRef::Date(date) => Self::DateTime(DateTime::new(date, Time::MIDNIGHT)),
            ValueRef::DateTime(moment) => Self::DateTime(moment),
            ValueRef::Time(time) => Self::Time(time),
            ValueRef::DateTimeOffset(moment) => Self::DateTimeOffset(moment),
            ValueRef::Guid(guid) => Self::Guid(guid),
            ValueRef::Text(text) => Self::from_text(sql_type, text).unwrap_or(Self::Text(text)),
            ValueRef::Blob(bytes) => Self::from_blob(sql_type, bytes),
        }
    }

    /// What a text means in a column of this type, `None` where it is just text.
    fn from_text(sql_type: &SqlType, text: &'a str) -> Option<Self> {
        match sql_type.family() {
            TypeFamily::Integer | TypeFamily::Decimal | TypeFamily::Float => {
                Number::from_text(sql_type, text).map(Self::Number)
            }
            TypeFamily::Bit if text.eq_ignore_ascii_case("true") => {
                Some(Self::Number(Number::Decimal(1.into())))
            }
            TypeFamily::Bit if text.eq_ignore_ascii_case("false") => {
                Some(Self::Number(Number::Decimal(0.into())))
            }
            TypeFamily::Bit => Number::from_text(sql_type, text).map(Self::Number),
            TypeFamily::Date | TypeFamily::DateTime => read_date_time(text).map(Self::DateTime),
            TypeFamily::Time => read_time(text).map(Self::Time),
            TypeFamily::DateTimeOffset => read_date_time_offset(text).map(Self::DateTimeOffset),
            TypeFamily::Guid => Uuid::try_parse(text).ok().map(Self::Guid),
            TypeFamily::Text if matches!(sql_type.kind, SqlKind::Char | SqlKind::NChar) => {
                Some(Self::Text(text.trim_end_matches(' ')))
            }
            TypeFamily::Text
            | TypeFamily::Binary
            | TypeFamily::RowVersion
            | TypeFamily::Variant => None,
        }
    }

    fn from_blob(sql_type: &SqlType, bytes: &'a [u8]) -> Self {
        match sql_type.kind {
            SqlKind::UniqueIdentifier => match bytes.try_into() {
                // The byte order of .NET's Guid.ToByteArray and of SQL Server's own cast to binary(16).
                Ok(bytes) => Self::Guid(Uuid::from_bytes_le(bytes)),
                Err(_) => Self::Blob(bytes),
            },
            SqlKind::Binary => {
                let end = bytes
                    .iter()
                    .rposition(|&byte| byte != 0)
                    .map_or(0, |last| last + 1);
                Self::Blob(&bytes[..end])
            }
            _ => Self::Blob(bytes),
        }
    }
}

/// The length to which values are padded where the type is one of `kinds`, otherwise 0; 8000 is the most that SQL Server allows.
fn padded_length(sql_type: &SqlType, kinds: &[SqlKind]) -> usize {
    match sql_type.size {
        Some(Size::Length(length)) if kinds.contains(&sql_type.kind) => length.min(8_000) as usize,
        _ => 0,
    }
}

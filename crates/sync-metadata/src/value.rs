//! A cell of a row, borrowed or owned.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Date, DateTime, DateTimeOffset, Decimal, Time};

/// A cell that borrows its text or bytes.
///
/// The variant says how the database stores the value, not what its column means: SQLite may well hold the text `'1'` in a column of
/// integers. What a value means is asked of [`content_cmp`](crate::content_cmp) and its neighbours, which take the column's
/// type. `==` here compares variant by variant, with `0.0 == -0.0` and `NaN != NaN`.
///
/// ```
/// use sync_metadata::{Value, ValueRef};
/// let owned: Value = ValueRef::Text("å").to_owned();
/// assert_eq!(owned.as_ref(), ValueRef::Text("å"));
/// ```
#[derive(Copy, Clone, Debug, PartialEq)]
pub enum ValueRef<'a> {
    /// SQL NULL.
    Null,
    /// A whole number; `bit` is 0 or 1.
    Integer(i64),
    /// A binary floating-point number.
    Real(f64),
    /// Unicode text.
    Text(&'a str),
    /// Bytes.
    Blob(&'a [u8]),
    /// A GUID.
    Guid(Uuid),
    /// An exact decimal number.
    Decimal(Decimal),
    /// A day.
    Date(Date),
    /// A time of day.
    Time(Time),
    /// A day and a time of day.
    DateTime(DateTime),
    /// A day and a time of day with an offset from UTC.
    DateTimeOffset(DateTimeOffset),
}

impl ValueRef<'_> {
    /// The same value, owning its text or bytes.
    #[must_use]
    pub fn to_owned(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Integer(number) => Value::Integer(number),
            Self::Real(number) => Value::Real(number),
            Self::Text(text) => Value::Text(text.into()),
            Self::Blob(bytes) => Value::Blob(bytes.into()),
            Self::Guid(guid) => Value::Guid(guid),
            Self::Decimal(number) => Value::Decimal(number),
            Self::Date(date) => Value::Date(date),
            Self::Time(time) => Value::Time(time),
            Self::DateTime(moment) => Value::DateTime(moment),
            Self::DateTimeOffset(moment) => Value::DateTimeOffset(moment),
        }
    }

    /// Whether this is SQL NULL.
    #[must_use]
    pub fn is_null(self) -> bool {
        matches!(self, Self::Null)
    }

    /// What the value counts towards the size of a batch, in bytes: the text or bytes themselves, or the width of the number.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Self::Null => 1,
            Self::Integer(_) | Self::Real(_) | Self::Time(_) => 8,
            Self::Text(text) => text.len(),
            Self::Blob(bytes) => bytes.len(),
            Self::Guid(_) | Self::Decimal(_) => 16,
            Self::Date(_) => 4,
            Self::DateTime(_) => 12,
            Self::DateTimeOffset(_) => 14,
        }
    }
}

/// A cell that owns its text or bytes; see [`ValueRef`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// SQL NULL.
    #[default]
    Null,
    /// A whole number; `bit` is 0 or 1.
    Integer(i64),
    /// A binary floating-point number.
    Real(f64),
    /// Unicode text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
    /// A GUID.
    Guid(Uuid),
    /// An exact decimal number.
    Decimal(Decimal),
    /// A day.
    Date(Date),
    /// A time of day.
    Time(Time),
    /// A day and a time of day.
    DateTime(DateTime),
    /// A day and a time of day with an offset from UTC.
    DateTimeOffset(DateTimeOffset),
}

/// As a message shows it: texts in quotes, bytes in hexadecimal.
///
/// ```
/// use sync_metadata::ValueRef;
///
/// assert_eq!(ValueRef::Text("O'Hara").to_string(), "'O''Hara'");
/// assert_eq!(ValueRef::Blob(&[1, 255]).to_string(), "0x01ff");
/// ```
impl fmt::Display for ValueRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Integer(number) => number.fmt(f),
            Self::Real(number) => write!(f, "{number:?}"),
            Self::Text(text) => write!(f, "'{}'", text.replace('\'', "''")),
            Self::Blob(bytes) => {
                f.write_str("0x")?;
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
            Self::Guid(guid) => guid.fmt(f),
            Self::Decimal(number) => number.fmt(f),
            Self::Date(date) => date.fmt(f),
            Self::Time(time) => time.fmt(f),
            Self::DateTime(moment) => moment.fmt(f),
            Self::DateTimeOffset(moment) => moment.fmt(f),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().fmt(f)
    }
}

impl Value {
    /// The same value, borrowed.
    #[must_use]
    pub fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Real(number) => ValueRef::Real(*number),
            Self::Text(text) => ValueRef::Text(text),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
            Self::Guid(guid) => ValueRef::Guid(*guid),
            Self::Decimal(number) => ValueRef::Decimal(*number),
            Self::Date(date) => ValueRef::Date(*date),
            Self::Time(time) => ValueRef::Time(*time),
            Self::DateTime(moment) => ValueRef::DateTime(*moment),
            Self::DateTimeOffset(moment) => ValueRef::DateTimeOffset(*moment),
        }
    }
}

impl From<ValueRef<'_>> for Value {
    fn from(value: ValueRef<'_>) -> Self {
        value.to_owned()
    }
}

impl<'a> From<&'a Value> for ValueRef<'a> {
    fn from(value: &'a Value) -> Self {
        value.as_ref()
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Blob(bytes.into())
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Blob(bytes)
    }
}

impl From<Uuid> for Value {
    fn from(guid: Uuid) -> Self {
        Self::Guid(guid)
    }
}

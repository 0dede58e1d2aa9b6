//! SQL Server's column types, as the scope configuration names them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::MetadataError;

/// The name of a SQL type, without size or precision.
///
/// These are the types that a scope configuration of Sync Framework 2.1 can hold; a CLR or user-defined type is kept by
/// name, so that a configuration which mentions one is read and written back unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum SqlKind {
    /// 64-bit integer.
    BigInt,
    /// 32-bit integer.
    Int,
    /// 16-bit integer.
    SmallInt,
    /// 8-bit unsigned integer.
    TinyInt,
    /// 0 or 1.
    Bit,
    /// Exact decimal number.
    Decimal,
    /// Exact decimal number; another name of `decimal`.
    Numeric,
    /// `decimal(19,4)`.
    Money,
    /// `decimal(10,4)`.
    SmallMoney,
    /// 64-bit floating-point number.
    Float,
    /// 32-bit floating-point number.
    Real,
    /// Text of fixed length in a code page, padded with blanks.
    Char,
    /// Text in a code page.
    VarChar,
    /// Unicode text of fixed length, padded with blanks.
    NChar,
    /// Unicode text.
    NVarChar,
    /// Long text in a code page, superseded by `varchar(max)`.
    Text,
    /// Long Unicode text, superseded by `nvarchar(max)`.
    NText,
    /// Bytes of fixed length, padded with zeros.
    Binary,
    /// Bytes.
    VarBinary,
    /// Many bytes, superseded by `varbinary(max)`.
    Image,
    /// Day.
    Date,
    /// Time of day.
    Time,
    /// Day and time in steps of 1/300 s.
    DateTime,
    /// Day and time in steps of up to 100 ns.
    DateTime2,
    /// Day and time in minutes.
    SmallDateTime,
    /// Day and time with an offset from UTC.
    DateTimeOffset,
    /// GUID.
    UniqueIdentifier,
    /// XML document or fragment.
    Xml,
    /// A value of any of the simple types.
    SqlVariant,
    /// The row's version, given by the database; old name of `rowversion`.
    Timestamp,
    /// The row's version, given by the database.
    RowVersion,
    /// A type that is none of the above, in lower case.
    Other(String),
}

/// What the values of a type are, whichever of its widths is meant.
///
/// Two columns whose types are of one family can be synchronised with each other.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum TypeFamily {
    /// Whole numbers: `bigint`, `int`, `smallint`, `tinyint`.
    Integer,
    /// `bit`.
    Bit,
    /// Exact decimals: `decimal`, `numeric`, `money`, `smallmoney`.
    Decimal,
    /// `float`, `real`.
    Float,
    /// All text types and `xml`.
    Text,
    /// All types of bytes.
    Binary,
    /// `date`.
    Date,
    /// `time`.
    Time,
    /// `datetime`, `datetime2`, `smalldatetime`.
    DateTime,
    /// `datetimeoffset`.
    DateTimeOffset,
    /// `uniqueidentifier`.
    Guid,
    /// `rowversion`, `timestamp`.
    RowVersion,
    /// `sql_variant` and unknown types: each value is what it is.
    Variant,
}

const NAMES: [(SqlKind, &str); 31] = [
    (SqlKind::BigInt, "bigint"),
    (SqlKind::Int, "int"),
    (SqlKind::SmallInt, "smallint"),
    (SqlKind::TinyInt, "tinyint"),
    (SqlKind::Bit, "bit"),
    (SqlKind::Decimal, "decimal"),
    (SqlKind::Numeric, "numeric"),
    (SqlKind::Money, "money"),
    (SqlKind::SmallMoney, "smallmoney"),
    (SqlKind::Float, "float"),
    (SqlKind::Real, "real"),
    (SqlKind::Char, "char"),
    (SqlKind::VarChar, "varchar"),
    (SqlKind::NChar, "nchar"),
    (SqlKind::NVarChar, "nvarchar"),
    (SqlKind::Text, "text"),
    (SqlKind::NText, "ntext"),
    (SqlKind::Binary, "binary"),
    (SqlKind::VarBinary, "varbinary"),
    (SqlKind::Image, "image"),
    (SqlKind::Date, "date"),
    (SqlKind::Time, "time"),
    (SqlKind::DateTime, "datetime"),
    (SqlKind::DateTime2, "datetime2"),
    (SqlKind::SmallDateTime, "smalldatetime"),
    (SqlKind::DateTimeOffset, "datetimeoffset"),
    (SqlKind::UniqueIdentifier, "uniqueidentifier"),
    (SqlKind::Xml, "xml"),
    (SqlKind::SqlVariant, "sql_variant"),
    (SqlKind::Timestamp, "timestamp"),
    (SqlKind::RowVersion, "rowversion"),
];

impl SqlKind {
    /// All kinds that have a name of their own.
    pub fn known() -> impl Iterator<Item = SqlKind> {
        NAMES.iter().map(|(kind, _)| kind.clone())
    }

    /// The type's name in lower case, as in the scope configuration.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Other(name) => name,
            known => NAMES
                .iter()
                .find(|(kind, _)| kind == known)
                .map_or("", |(_, name)| name),
        }
    }

    /// The kind with this name, in any case; a name that is not known becomes [`SqlKind::Other`].
    ///
    /// # Errors
    /// When the name is empty, longer than 256 bytes, or holds anything but letters, digits, blanks and `_ . $ # @`: a type's
    /// name goes into statements unquoted.
    ///
    /// ```
    /// use sync_metadata::SqlKind;
    /// assert_eq!(SqlKind::from_name("NVarChar")?, SqlKind::NVarChar);
    /// assert_eq!(SqlKind::from_name("geography")?, SqlKind::Other("geography".into()));
    /// assert!(SqlKind::from_name("int; drop table x").is_err());
    /// # Ok::<(), sync_metadata::MetadataError>(())
    /// ```
    pub fn from_name(name: &str) -> Result<Self, MetadataError> {
        let name = name.trim();
        if let Some((kind, _)) = NAMES
            .iter()
            .find(|(_, known)| known.eq_ignore_ascii_case(name))
        {
            return Ok(kind.clone());
        }
        let usable =
            |c: char| c.is_alphanumeric() || matches!(c, ' ' | '_' | '.' | '$' | '#' | '@');
        if name.is_empty() || name.len() > 256 || !name.chars().all(usable) {
            return Err(MetadataError::sql_type(name, "it has no usable name"));
        }
        Ok(Self::Other(name.to_lowercase()))
    }

    /// The family that the type belongs to.
    #[must_use]
    pub fn family(&self) -> TypeFamily {
        match self {
            Self::BigInt | Self::Int | Self::SmallInt | Self::TinyInt => TypeFamily::Integer,
            Self::Bit => TypeFamily::Bit,
            Self::Decimal | Self::Numeric | Self::Money | Self::SmallMoney => TypeFamily::Decimal,
            Self::Float | Self::Real => TypeFamily::Float,
            Self::Char
            | Self::VarChar
            | Self::NChar
            | Self::NVarChar
            | Self::Text
            | Self::NText
            | Self::Xml => TypeFamily::Text,
            Self::Binary | Self::VarBinary | Self::Image => TypeFamily::Binary,
            Self::Date => TypeFamily::Date,
            Self::Time => TypeFamily::Time,
            Self::DateTime | Self::DateTime2 | Self::SmallDateTime => TypeFamily::DateTime,
            Self::DateTimeOffset => TypeFamily::DateTimeOffset,
            Self::UniqueIdentifier => TypeFamily::Guid,
            Self::Timestamp | Self::RowVersion => TypeFamily::RowVersion,
            Self::SqlVariant | Self::Other(_) => TypeFamily::Variant,
        }
    }

    fn takes_length(&self) -> bool {
        matches!(
            self,
            Self::Char
                | Self::VarChar
                | Self::NChar
                | Self::NVarChar
                | Self::Binary
                | Self::VarBinary
        )
    }
}

impl TryFrom<String> for SqlKind {
    type Error = MetadataError;

    fn try_from(name: String) -> Result<Self, MetadataError> {
        Self::from_name(&name)
    }
}

impl From<SqlKind> for String {
    fn from(kind: SqlKind) -> Self {
        kind.name().to_owned()
    }
}

impl fmt::Display for SqlKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The length of a text or binary type: characters for `nchar` and `nvarchar`, bytes otherwise.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Size {
    /// `max`: up to 2 GiB.
    Max,
    /// At most (or, for `char` and `binary`, exactly) this many.
    Length(u32),
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Max => f.write_str("max"),
            Self::Length(length) => write!(f, "{length}"),
        }
    }
}

/// A column's type with its size, precision and scale, as far as they are given.
///
/// ```
/// use sync_metadata::{Size, SqlKind, SqlType};
///
/// let text: SqlType = "nvarchar(160)".parse()?;
/// assert_eq!((&text.kind, text.size), (&SqlKind::NVarChar, Some(Size::Length(160))));
/// assert_eq!("DECIMAL (10, 2)".parse::<SqlType>()?.to_string(), "decimal(10,2)");
/// # Ok::<(), sync_metadata::MetadataError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SqlType {
    /// Which type.
    pub kind: SqlKind,
    /// Length of text and binary types.
    pub size: Option<Size>,
    /// Number of digits of decimals; number of mantissa bits of `float`.
    pub precision: Option<u8>,
    /// Digits after the point: of decimals, or of the seconds in `time`, `datetime2` and `datetimeoffset`.
    pub scale: Option<u8>,
}

impl SqlType {
    /// The type without size; `money` and `smallmoney` get the precision that the scope configuration stores with them.
    #[must_use]
    pub fn new(kind: SqlKind) -> Self {
        let (precision, scale) = match kind {
            SqlKind::Money => (Some(19), Some(4)),
            SqlKind::SmallMoney => (Some(10), Some(4)),
            _ => (None, None),
        };
        Self {
            kind,
            size: None,
            precision,
            scale,
        }
    }

    /// A text or binary type with its size.
    #[must_use]
    pub fn sized(kind: SqlKind, size: Size) -> Self {
        Self {
            size: Some(size),
            ..Self::new(kind)
        }
    }

    /// `decimal(precision, scale)`.
    #[must_use]
    pub fn decimal(precision: u8, scale: u8) -> Self {
        Self {
            kind: SqlKind::Decimal,
            size: None,
            precision: Some(precision),
            scale: Some(scale),
        }
    }

    /// The family that the type belongs to.
    #[must_use]
    pub fn family(&self) -> TypeFamily {
        self.kind.family()
    }

    /// The digits after the point that values of this type have in canonical text: the scale of a decimal, 0 where none is given.
    #[must_use]
    pub fn decimal_scale(&self) -> u8 {
        match self.kind {
            SqlKind::Money | SqlKind::SmallMoney => 4,
            _ => self.scale.unwrap_or(0),
        }
    }

    /// Whether the database itself fills the column (`rowversion`), so that it is never written by a session.
    #[must_use]
    pub fn is_row_version(&self) -> bool {
        self.family() == TypeFamily::RowVersion
    }
}

impl fmt::Display for SqlType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        match (self.size, self.precision, self.scale) {
            _ if matches!(self.kind, SqlKind::Money | SqlKind::SmallMoney) => Ok(()),
            (Some(size), _, _) => write!(f, "({size})"),
            (None, Some(precision), Some(scale)) => write!(f, "({precision},{scale})"),
            (None, Some(number), None) | (None, None, Some(number)) => write!(f, "({number})"),
            (None, None, None) => Ok(()),
        }
    }
}

/// Reads a type as T-SQL writes it: `int`, `nvarchar(max)`, `decimal(10,2)`, `datetime2(3)`.
impl FromStr for SqlType {
    type Err = MetadataError;

    fn from_str(text: &str) -> Result<Self, MetadataError> {
        let refuse = |reason| MetadataError::sql_type(text, reason);
        let (name, arguments) = match text.split_once('(') {
            None => (text.trim(), None),
            Some((name, rest)) => {
                let inner = rest
                    .trim_end()
                    .strip_suffix(')')
                    .ok_or_else(|| refuse("the parenthesis is not closed"))?;
                (name.trim(), Some(inner))
            }
        };
        let mut sql_type = Self::new(SqlKind::from_name(name)?);
        let Some(arguments) = arguments else {
            return Ok(sql_type);
        };

        let arguments: Vec<&str> = arguments.splitn(3, ',').map(str::trim).collect();
        match (&sql_type.kind, arguments.as_slice()) {
            (kind, [size]) if kind.takes_length() => {
                sql_type.size = Some(if size.eq_ignore_ascii_case("max") {
                    Size::Max
                } else {
                    match size.parse() {
                        Ok(length) if length > 0 => Size::Length(length),
                        _ => return Err(refuse("the size is neither a number above 0 nor max")),
                    }
                });
            }
            (SqlKind::Decimal | SqlKind::Numeric, [precision, scale @ ..]) if scale.len() < 2 => {
                let precision: u8 = precision
                    .parse()
                    .map_err(|_| refuse("the precision is no number"))?;
                let scale = match scale {
                    [scale] => scale
                        .parse()
                        .map_err(|_| refuse("the scale is no number"))?,
                    _ => 0,
                };
                if !(1..=38).contains(&precision) || scale > precision {
                    return Err(refuse(
                        "expected a precision of 1 to 38 and a scale up to it",
                    ));
                }
                (sql_type.precision, sql_type.scale) = (Some(precision), Some(scale));
            }
            (SqlKind::Time | SqlKind::DateTime2 | SqlKind::DateTimeOffset, [scale]) => {
                match scale.parse() {
                    Ok(scale @ 0..=7) => sql_type.scale = Some(scale),
                    _ => return Err(refuse("the digits of a second are not 0 to 7")),
                }
            }
            (SqlKind::Float, [bits]) => match bits.parse() {
                Ok(bits @ 1..=53) => sql_type.precision = Some(bits),
                _ => return Err(refuse("the precision is not 1 to 53 bits")),
            },
            _ => return Err(refuse("the type does not take these arguments")),
        }
        Ok(sql_type)
    }
}

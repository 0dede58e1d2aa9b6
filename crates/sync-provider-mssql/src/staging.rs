//! Rows on their way into SQL Server: a slice as one JSON text and one run of bytes, and the T-SQL that unpacks them.
//!
//! The text is an array with one array per row: the row's number in its slice, then its cells. Types that JSON would bend take other ways: a
//! floating-point number is a whole number and a power of two, bytes are a place in the run of bytes, everything else with more than
//! an integer's exactness is text that the server converts.

use std::fmt::Write as _;

use sync_metadata::{Size, SqlKind, SqlType, TypeFamily, ValueRef};

use crate::sql::join;

/// The parameters of a batch that hold a slice.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Parameters {
    /// The number of the one with the text; the bytes are in the next.
    first: usize,
}

impl Parameters {
    /// Those of the first slice, or of the only one.
    pub(crate) const FIRST: Parameters = Parameters::of(0);

    /// Those of a slice, counted from 0.
    pub(crate) const fn of(slice: usize) -> Self {
        Parameters {
            first: 2 * slice + 1,
        }
    }

    fn text(self) -> String {
        format!("@P{}", self.first)
    }

    fn bytes(self) -> String {
        format!("@P{}", self.first + 1)
    }
}

/// The greatest scale of a decimal.
const MOST_DIGITS: u8 = 38;

/// The rows of a slice, ready to be sent.
#[derive(Debug, Default)]
pub(crate) struct Packed {
    text: String,
    bytes: Vec<u8>,
}

impl Packed {
    /// Starts the row that has this number.
    pub(crate) fn start_row(&mut self, number: usize) {
        let before = if self.text.is_empty() { "[[" } else { "],[" };
        let _ = write!(self.text, "{before}{number}");
    }

    /// Adds a cell, which fits its type, to the last row.
    pub(crate) fn cell(&mut self, sql_type: &SqlType, value: ValueRef<'_>) {
        self.text.push(',');
        if value.is_null() {
            self.text.push_str("null");
            for _ in 1..width(sql_type) {
                self.text.push_str(",null");
            }
            return;
        }
        if sql_type.family() == TypeFamily::Variant {
            self.variant(value);
            return;
        }
        // Writing to a `String` cannot fail.
        let _ = match value {
            ValueRef::Integer(number) => write!(self.text, "{number}"),
            ValueRef::Real(number) => {
                let (mantissa, exponent) = parts(number);
                write!(self.text, "{mantissa},{exponent}")
            }
            ValueRef::Text(text) => {
                quoted(&mut self.text, text);
                Ok(())
            }
            ValueRef::Blob(bytes) => {
                // Written in full, since engines differ in what they pad on conversion.
                let length = match (&sql_type.kind, sql_type.size) {
                    (SqlKind::Binary, Some(Size::Length(length))) => {
                        bytes.len().max(length as usize)
                    }
                    _ => bytes.len(),
                };
                let start = self.bytes.len();
                self.bytes.extend_from_slice(bytes);
                self.bytes.resize(start + length, 0);
                write!(self.text, "{},{length}", start + 1)
            }
            other => {
                self.text.push('"');
                literal(&mut self.text, other);
                self.text.push('"');
                Ok(())
            }
        };
    }

    /// The text and the bytes.
    pub(crate) fn finish(mut self) -> (String, Vec<u8>) {
        self.text
            .push_str(if self.text.is_empty() { "[]" } else { "]]" });
        (self.text, self.bytes)
    }

    /// A letter for the kind, and the value as text.
    fn variant(&mut self, value: ValueRef<'_>) {
        let mut text = String::new();
        literal(&mut text, value);
        let kind = match value {
            ValueRef::Decimal(number) => format!("n{}", number.scale()),
            ValueRef::Integer(number) if i32::try_from(number).is_ok() => "i".to_owned(),
            ValueRef::Integer(_) => "l".to_owned(),
            ValueRef::Real(_) => "f".to_owned(),
            ValueRef::Blob(_) => "b".to_owned(),
            ValueRef::Guid(_) => "g".to_owned(),
            ValueRef::Date(_) => "d".to_owned(),
            ValueRef::Time(_) => "t".to_owned(),
            ValueRef::DateTime(_) => "m".to_owned(),
            ValueRef::DateTimeOffset(_) => "o".to_owned(),
            ValueRef::Text(_) | ValueRef::Null => "s".to_owned(),
        };
        let _ = write!(self.text, "\"{kind}\",");
        quoted(&mut self.text, &text);
    }
}

/// What a column's cells are in the text, and what makes its value of them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unpacked {
    /// Entries of the `WITH` clause of `OPENJSON`.
    pub(crate) with: String,
    /// The value.
    pub(crate) value: String,
}

/// How columns of these types are unpacked from the places behind the row's number.
pub(crate) fn unpack<'a>(
    from: Parameters,
    types: impl IntoIterator<Item = &'a SqlType>,
) -> Vec<Unpacked> {
    let mut place = 1;
    let mut columns = Vec::new();
    for (column, sql_type) in types.into_iter().enumerate() {
        columns.push(unpack_one(from, column, place, sql_type));
        place += width(sql_type);
    }
    columns
}

/// `SELECT` of the unpacked rows: `n`, the row's number, and `c0`, `c1`, … .
pub(crate) fn select(from: Parameters, columns: &[Unpacked]) -> String {
    let with = join(columns, "", |column| format!(", {}", column.with));
    let values = join(columns.iter().enumerate(), "", |(index, column)| {
        format!(", {} AS c{index}", column.value)
    });
    format!(
        "SELECT packed.n{values} FROM OPENJSON({}) WITH (n int '$[0]'{with}) packed",
        from.text()
    )
}

/// Cells that a value of this type takes in the text.
fn width(sql_type: &SqlType) -> usize {
    match sql_type.family() {
        TypeFamily::Float | TypeFamily::Binary | TypeFamily::Variant => 2,
        _ => 1,
    }
}

fn unpack_one(from: Parameters, column: usize, place: usize, sql_type: &SqlType) -> Unpacked {
    let one = |sql_type: &str| Unpacked {
        with: format!("v{column} {sql_type} '$[{place}]'"),
        value: format!("packed.v{column}"),
    };
    let two = |first: &str, second: &str, value: String| Unpacked {
        with: format!(
            "v{column} {first} '$[{place}]', w{column} {second} '$[{}]'",
            place + 1
        ),
        value,
    };
    match sql_type.family() {
        TypeFamily::Float => two(
            "bigint",
            "int",
            format!(
                "CONVERT(float, packed.v{column}) * POWER(CONVERT(float, 2), packed.w{column})"
            ),
        ),
        TypeFamily::Binary => two(
            "bigint",
            "bigint",
            format!(
                "SUBSTRING({}, packed.v{column}, packed.w{column})",
                from.bytes()
            ),
        ),
        TypeFamily::Variant => two("nvarchar(3)", "nvarchar(max)", variant_value(column)),
        TypeFamily::Text => one("nvarchar(max)"),
        TypeFamily::Integer => one("bigint"),
        _ => one(&stored_type(sql_type)),
    }
}

/// The type as a declaration; `money` goes through `decimal`, which converts from text whatever the server's language.
fn stored_type(sql_type: &SqlType) -> String {
    match sql_type.kind {
        SqlKind::Money | SqlKind::SmallMoney => "decimal(19,4)".into(),
        _ => sql_type.to_string(),
    }
}

fn variant_value(column: usize) -> String {
    let simple = [
        ("i", "int"),
        ("l", "bigint"),
        ("f", "float"),
        ("s", "nvarchar(4000)"),
        ("g", "uniqueidentifier"),
        ("d", "date"),
        ("t", "time"),
        ("m", "datetime2"),
        ("o", "datetimeoffset"),
    ];
    let mut branches = join(simple, " ", |(kind, sql_type)| {
        format!("WHEN '{kind}' THEN CONVERT(sql_variant, CONVERT({sql_type}, packed.w{column}))")
    });
    let _ = write!(
        branches,
        " WHEN 'b' THEN CONVERT(sql_variant, CONVERT(varbinary(8000), packed.w{column}, 1))"
    );
    for scale in 0..=MOST_DIGITS {
        let _ = write!(
            branches,
            " WHEN 'n{scale}' THEN CONVERT(sql_variant, CONVERT(decimal(38,{scale}), packed.w{column}))"
        );
    }
    format!("CASE packed.v{column} {branches} END")
}

/// A value as text that the server converts, whatever its language.
fn literal(text: &mut String, value: ValueRef<'_>) {
    let _ = match value {
        ValueRef::Null => Ok(()),
        ValueRef::Integer(number) => write!(text, "{number}"),
        ValueRef::Real(number) => write!(text, "{number:e}"),
        ValueRef::Text(own) => {
            text.push_str(own);
            Ok(())
        }
        ValueRef::Blob(bytes) => {
            text.push_str("0x");
            bytes.iter().try_for_each(|byte| write!(text, "{byte:02X}"))
        }
        ValueRef::Guid(guid) => write!(text, "{guid}"),
        ValueRef::Decimal(number) => write!(text, "{number}"),
        ValueRef::Date(date) => write!(text, "{date}"),
        ValueRef::Time(time) => write!(text, "{time}"),
        // With a T the order of year, month and day is fixed.
        ValueRef::DateTime(moment) => write!(text, "{}T{}", moment.date, moment.time),
        ValueRef::DateTimeOffset(moment) => {
            let (local, offset) = (moment.local(), moment.offset_minutes());
            let sign = if offset < 0 { '-' } else { '+' };
            let minutes = offset.unsigned_abs();
            write!(
                text,
                "{}T{}{sign}{:02}:{:02}",
                local.date,
                local.time,
                minutes / 60,
                minutes % 60
            )
        }
    };
}

/// A finite number as a whole number times a power of two, as small as it can be.
fn parts(number: f64) -> (i64, i32) {
    let bits = number.to_bits();
    let fraction = (bits & ((1 << 52) - 1)).cast_signed();
    let raw = i32::try_from(bits >> 52 & 0x7ff).unwrap_or(0);
    let (mut mantissa, mut exponent) = match raw {
        0 => (fraction, -1074),
        _ => (fraction | 1 << 52, raw - 1075),
    };
    if mantissa == 0 {
        return (0, 0);
    }
    let zeros = mantissa.trailing_zeros();
    mantissa >>= zeros;
    exponent += zeros.cast_signed();
    let sign = if number.is_sign_negative() { -1 } else { 1 };
    (sign * mantissa, exponent)
}

fn quoted(json: &mut String, text: &str) {
    json.push('"');
    let mut plain = 0;
    for (at, character) in text.char_indices() {
        let short = match character {
            '"' => Some("\\\""),
            '\\' => Some("\\\\"),
            '\u{0}'..='\u{1f}' => None,
            _ => continue,
        };
        json.extend(text.get(plain..at));
        match short {
            Some(escape) => json.push_str(escape),
            None => {
                let _ = write!(json, "\\u{:04x}", u32::from(character));
            }
        }
        plain = at + character.len_utf8();
    }
    json.extend(text.get(plain..));
    json.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_same_bits_again() {
        for number in [
            0.0,
            1.0,
            -1.5,
            0.1,
            1e300,
            -5e-324,
            f64::MAX,
            f64::MIN_POSITIVE,
            1e-310,
        ] {
            let (mantissa, exponent) = parts(number);
            let half = exponent / 2;
            let back = mantissa as f64 * 2f64.powi(half) * 2f64.powi(exponent - half);
            assert_eq!(back.to_bits(), number.to_bits(), "{number:e}");
        }
    }

    #[test]
    fn each_slice_of_a_batch_has_parameters_of_its_own() {
        let types: [SqlType; 2] = ["varbinary(9)".parse().unwrap(), "float".parse().unwrap()];
        for slice in 0..60 {
            let from = Parameters::of(slice);
            let sql = select(from, &unpack(from, &types));
            let names = sql.split("@P").skip(1).map(|rest| {
                let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
                digits.parse::<usize>().unwrap()
            });
            let names: Vec<usize> = names.collect();
            assert_eq!(names, [2 * slice + 2, 2 * slice + 1], "{sql}");
        }
    }

    #[test]
    fn a_slice_is_an_array_of_arrays() {
        let check = |sql_type: &str, value: ValueRef<'_>, expected: &str| {
            let mut packed = Packed::default();
            packed.start_row(3);
            packed.cell(&sql_type.parse().unwrap(), value);
            assert_eq!(packed.finish().0, format!("[[3,{expected}]]"));
        };
        check("int", ValueRef::Integer(-7), "-7");
        check("int", ValueRef::Null, "null");
        check("float", ValueRef::Null, "null,null");
        check("float", ValueRef::Real(1.5), "3,-1");
        check(
            "nvarchar(9)",
            ValueRef::Text("a\"\\\n€"),
            "\"a\\\"\\\\\\u000a€\"",
        );
        check("varbinary(9)", ValueRef::Blob(b"ab"), "1,2");
        check("binary(9)", ValueRef::Blob(b"ab"), "1,9");
        check(
            "decimal(9,2)",
            ValueRef::Decimal("1.50".parse().unwrap()),
            "\"1.50\"",
        );
        check(
            "datetime2",
            ValueRef::DateTime("2031-01-09 10:20:30.25".parse().unwrap()),
            "\"2031-01-09T10:20:30.25\"",
        );
        check(
            "datetimeoffset",
            ValueRef::DateTimeOffset("2031-01-09 10:20:30-05:30".parse().unwrap()),
            "\"2031-01-09T10:20:30-05:30\"",
        );
        check(
            "sql_variant",
            ValueRef::Blob(b"\x01\xff"),
            "\"b\",\"0x01FF\"",
        );
        assert_eq!(Packed::default().finish().0, "[]");
    }
}

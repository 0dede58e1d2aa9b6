//! What becomes of a value in a column that enforces its type.

use super::Canonical;
use super::number::Number;
use crate::{
    Date, DateTime, DateTimeOffset, Decimal, MetadataError, Size, SqlKind, SqlType, Time,
    TypeFamily, ValueRef,
};

const UNITS_PER_DAY: u64 = 864_000_000_000;
const UNITS_PER_MINUTE: u64 = 600_000_000;
/// 1753-01-01, the first day of `datetime`, in days since 0001-01-01.
const FIRST_DATETIME: i32 = 639_905;
/// 1900-01-01 and 2079-06-06, the first and last day of `smalldatetime`.
const SMALL_DATETIME: std::ops::RangeInclusive<i32> = 693_595..=759_130;

/// A value as a column of a given type holds it.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Fitted<'a> {
    /// The value, of the kind that the type has.
    pub value: ValueRef<'a>,
    /// Whether the column holds something else than was given: fewer digits, or a coarser time.
    pub rounded: bool,
}

/// What a database that enforces column types stores for a value: the number for `'1'` in a column of integers, the nearest step of `datetime`, a
/// decimal with the column's scale.
///
/// ```
/// use sync_metadata::{DateTime, ValueRef, fit};
///
/// let moment: DateTime = "2031-01-09 10:20:30.001".parse()?;
/// let fitted = fit(&"datetime".parse()?, ValueRef::DateTime(moment))?;
/// assert_eq!(fitted.value, ValueRef::DateTime("2031-01-09 10:20:30".parse()?));
/// assert!(fitted.rounded);
/// assert!(fit(&"int".parse()?, ValueRef::Text("abc")).is_err());
/// # Ok::<(), sync_metadata::MetadataError>(())
/// ```
///
/// # Errors
/// [`MetadataError::Unfit`] where the type has no value near it: a text among integers, a number out of range, a text that is too long, a
/// day before the type's first one.
pub fn fit<'a>(sql_type: &SqlType, value: ValueRef<'a>) -> Result<Fitted<'a>, MetadataError> {
    fitted(sql_type, value).map_err(|reason| MetadataError::Unfit {
        sql_type: sql_type.to_string(),
        text: excerpt(sql_type, value),
        reason,
    })
}

fn fitted<'a>(sql_type: &SqlType, value: ValueRef<'a>) -> Result<Fitted<'a>, &'static str> {
    if value.is_null() {
        return Ok(exactly(value));
    }
    let canonical = Canonical::new(sql_type, value);
    match (sql_type.family(), canonical) {
        (TypeFamily::Integer | TypeFamily::Bit, Canonical::Number(number)) => {
            integer(&sql_type.kind, number)
        }
        (TypeFamily::Decimal, Canonical::Number(number)) => decimal(sql_type, number),
        (TypeFamily::Float, Canonical::Number(number)) => float(sql_type, number),
        (TypeFamily::Text, Canonical::Text(text)) => {
            within(sql_type, text.encode_utf16().count())?;
            Ok(exactly(ValueRef::Text(text)))
        }
        (TypeFamily::Binary, Canonical::Blob(bytes)) => {
            within(sql_type, bytes.len())?;
            Ok(exactly(ValueRef::Blob(bytes)))
        }
        (TypeFamily::Date, Canonical::DateTime(moment)) => Ok(Fitted {
            value: ValueRef::Date(moment.date),
            rounded: moment.time != Time::MIDNIGHT,
        }),
        (TypeFamily::Time, Canonical::Time(time)) => {
            let (units, rounded) = to_step(time.units(), step(sql_type));
            // The last moment of a day does not become the next day's first one.
            let units = if units < UNITS_PER_DAY {
                units
            } else {
                units - step(sql_type)
            };
            let time = Time::from_units(units).map_err(|_| "it is no time of day")?;
            Ok(Fitted {
                value: ValueRef::Time(time),
                rounded,
            })
        }
        (TypeFamily::DateTime, Canonical::DateTime(moment)) => {
            let (moment, rounded) = date_time(sql_type, moment)?;
            Ok(Fitted {
                value: ValueRef::DateTime(moment),
                rounded,
            })
        }
        (TypeFamily::DateTimeOffset, Canonical::DateTimeOffset(moment)) => {
            let (local, rounded) = rounded_to(moment.local(), step(sql_type))?;
            let moment = DateTimeOffset::new(local, moment.offset_minutes())
                .map_err(|_| "it is out of range")?;
            Ok(Fitted {
                value: ValueRef::DateTimeOffset(moment),
                rounded,
            })
        }
        (TypeFamily::Guid, Canonical::Guid(guid)) => Ok(exactly(ValueRef::Guid(guid))),
        (TypeFamily::Variant, _) => variant(value),
        _ => Err("it is of another kind"),
    }
}

fn exactly(value: ValueRef<'_>) -> Fitted<'_> {
    Fitted {
        value,
        rounded: false,
    }
}

fn integer<'a>(kind: &SqlKind, number: Number) -> Result<Fitted<'a>, &'static str> {
    let whole = match number {
        Number::Decimal(number) => number.to_i64(),
        Number::Real(_) => None,
    };
    let range = match kind {
        SqlKind::Bit => 0..=1,
        SqlKind::TinyInt => 0..=i64::from(u8::MAX),
        SqlKind::SmallInt => i64::from(i16::MIN)..=i64::from(i16::MAX),
        SqlKind::Int => i64::from(i32::MIN)..=i64::from(i32::MAX),
        _ => i64::MIN..=i64::MAX,
    };
    let whole = whole.ok_or("it is no whole number of 64 bits")?;
    if !range.contains(&whole) {
        return Err("it is out of range");
    }
    Ok(exactly(ValueRef::Integer(whole)))
}

fn decimal<'a>(sql_type: &SqlType, number: Number) -> Result<Fitted<'a>, &'static str> {
    let Number::Decimal(number) = number else {
        return Err("it is no decimal of 38 digits");
    };
    let scale = sql_type.decimal_scale();
    let (fitted, rounded) = match number.rescaled(scale) {
        Some(same) => (same, false),
        None => (
            rounded_decimal(number, scale).ok_or("it is out of range")?,
            true,
        ),
    };
    let most = match sql_type.kind {
        SqlKind::Money => i128::from(i64::MAX),
        SqlKind::SmallMoney => i128::from(i32::MAX),
        _ => 10_i128.pow(u32::from(sql_type.precision.unwrap_or(18).min(38))) - 1,
    };
    // The two money types reach one step further down.
    let least = match sql_type.kind {
        SqlKind::Money | SqlKind::SmallMoney => -most - 1,
        _ => -most,
    };
    if !(least..=most).contains(&fitted.mantissa()) {
        return Err("it is out of range");
    }
    Ok(Fitted {
        value: ValueRef::Decimal(fitted),
        rounded,
    })
}

/// Half away from zero, as SQL Server does it.
fn rounded_decimal(number: Decimal, scale: u8) -> Option<Decimal> {
    let divisor = 10_i128.checked_pow(u32::from(number.scale().checked_sub(scale)?))?;
    let (quotient, rest) = (number.mantissa() / divisor, number.mantissa() % divisor);
    let up = i128::from(rest.unsigned_abs() >= divisor.unsigned_abs().div_ceil(2));
    Decimal::new(quotient + up * number.mantissa().signum(), scale).ok()
}

fn float<'a>(sql_type: &SqlType, number: Number) -> Result<Fitted<'a>, &'static str> {
    let (real, mut rounded) = match number {
        Number::Real(real) => (real, false),
        Number::Decimal(number) => (number.to_f64(), true),
    };
    let narrow =
        sql_type.kind == SqlKind::Real || sql_type.precision.is_some_and(|bits| bits <= 24);
    let stored = if narrow { f64::from(real as f32) } else { real };
    if !stored.is_finite() {
        return Err("it is out of range");
    }
    rounded |= stored != real;
    Ok(Fitted {
        value: ValueRef::Real(stored),
        rounded,
    })
}

/// Texts are measured in UTF-16 units; what a text in a code page takes is for the database to say.
fn within(sql_type: &SqlType, length: usize) -> Result<(), &'static str> {
    match sql_type.size {
        Some(Size::Length(most)) if length > most as usize => Err("it is too long"),
        _ => Ok(()),
    }
}

fn variant(value: ValueRef<'_>) -> Result<Fitted<'_>, &'static str> {
    let too_long = match value {
        ValueRef::Text(text) => text.encode_utf16().count() > 4_000,
        ValueRef::Blob(bytes) => bytes.len() > 8_000,
        ValueRef::Real(number) => !number.is_finite(),
        _ => false,
    };
    if too_long {
        return Err("it is more than a variant holds");
    }
    Ok(exactly(value))
}

fn date_time(sql_type: &SqlType, moment: DateTime) -> Result<(DateTime, bool), &'static str> {
    match sql_type.kind {
        SqlKind::SmallDateTime => {
            let (rounded, changed) = rounded_to(moment, UNITS_PER_MINUTE)?;
            if !SMALL_DATETIME.contains(&rounded.date.days()) {
                return Err("it is out of range");
            }
            Ok((rounded, changed))
        }
        SqlKind::DateTime if moment.date.days() < FIRST_DATETIME => Err("it is out of range"),
        SqlKind::DateTime => {
            // A step is a three-hundredth of a second, shown in whole milliseconds: .000, .003, .007.
            let steps = (moment.time.units() * 3 + 50_000) / 100_000;
            let milliseconds = (steps * 10 + 1) / 3;
            let rounded = carried(moment.date, milliseconds * 10_000)?;
            Ok((rounded, rounded != moment))
        }
        _ => rounded_to(moment, step(sql_type)),
    }
}

/// The smallest difference in units of 100 ns; seven digits where the type does not say.
fn step(sql_type: &SqlType) -> u64 {
    10_u64.pow(7 - u32::from(sql_type.scale.unwrap_or(7).min(7)))
}

fn to_step(units: u64, step: u64) -> (u64, bool) {
    let rounded = (units + step / 2) / step * step;
    (rounded, rounded != units)
}

fn rounded_to(moment: DateTime, step: u64) -> Result<(DateTime, bool), &'static str> {
    let (units, rounded) = to_step(moment.time.units(), step);
    Ok((carried(moment.date, units)?, rounded))
}

/// A time that was rounded up to midnight belongs to the next day.
fn carried(date: Date, units: u64) -> Result<DateTime, &'static str> {
    let (date, units) = if units < UNITS_PER_DAY {
        (date, units)
    } else {
        let next = Date::from_days(date.days() + 1).map_err(|_| "it is out of range")?;
        (next, units - UNITS_PER_DAY)
    };
    let time = Time::from_units(units).map_err(|_| "it is no time of day")?;
    Ok(DateTime::new(date, time))
}

/// The value in an error message: its beginning.
fn excerpt(sql_type: &SqlType, value: ValueRef<'_>) -> String {
    let mut text = String::new();
    super::write_key_text(sql_type, value, &mut text);
    if text.chars().count() > 40 {
        text = text.chars().take(40).chain(['…']).collect();
    }
    text
}

//! Cells on their way out of SQL Server: how a column is selected, and what the driver's value means.

use sync_metadata::{
    Date, DateTime, DateTimeOffset, Decimal, Size, SqlKind, SqlType, Time, TypeFamily, Value,
    ValueRef,
};
use tiberius::ColumnData;

/// 0001-01-01 to 1900-01-01, in days.
const DAYS_TO_1900: i32 = 693_595;
const UNITS_PER_MINUTE: u64 = 600_000_000;
const UNITS_PER_DAY: i64 = 864_000_000_000;

/// The expression that brings a column's value here without loss. Text of a code page is converted by the server, which knows it; the driver
/// makes floating-point numbers of money, and does not read the old large types of every server. What the server pads comes without its
/// padding, as everybody else writes it.
pub(crate) fn select(value: &str, sql_type: &SqlType) -> String {
    match (&sql_type.kind, sql_type.size) {
        (SqlKind::Money | SqlKind::SmallMoney, _) => format!("CONVERT(decimal(19,4), {value})"),
        (SqlKind::NChar, _) => format!("RTRIM({value})"),
        (SqlKind::NVarChar, _) => value.to_owned(),
        (SqlKind::Char, Some(Size::Length(length))) if length <= 4_000 => {
            format!("RTRIM(CONVERT(nvarchar({length}), {value}))")
        }
        (SqlKind::Char, _) => format!("RTRIM(CONVERT(nvarchar(max), {value}))"),
        (SqlKind::VarChar, Some(Size::Length(length))) if length <= 4_000 => {
            format!("CONVERT(nvarchar({length}), {value})")
        }
        _ if sql_type.family() == TypeFamily::Text => format!("CONVERT(nvarchar(max), {value})"),
        (SqlKind::Image, _) => format!("CONVERT(varbinary(max), {value})"),
        (SqlKind::SqlVariant, _) => format!(
            "CASE WHEN SQL_VARIANT_PROPERTY({value}, 'BaseType') IN ('money', 'smallmoney') \
             THEN CONVERT(sql_variant, CONVERT(decimal(19,4), {value})) ELSE {value} END"
        ),
        _ => value.to_owned(),
    }
}

/// How many U+FFFD a text has. The driver puts that character in place of half a surrogate pair, so a
/// text is as it was stored where what came has no more of them than what is there.
pub(crate) fn replacements(value: &str) -> String {
    let text = format!("CONVERT(nvarchar(max), {value}) COLLATE Latin1_General_BIN2");
    format!("LEN({text} + N'.') - LEN(REPLACE({text}, NCHAR(65533), N'') + N'.')")
}

/// Whether a column holds any sequence of UTF-16 units. Code pages and XML hold whole characters only.
pub(crate) fn holds_halves(sql_type: &SqlType) -> bool {
    matches!(
        sql_type.kind,
        SqlKind::NChar | SqlKind::NVarChar | SqlKind::NText
    )
}

/// How many U+FFFD a value has here.
pub(crate) fn replaced(value: ValueRef<'_>) -> usize {
    match value {
        ValueRef::Text(text) => text.matches(char::REPLACEMENT_CHARACTER).count(),
        _ => 0,
    }
}

/// The value of a column that was selected with [`select`], or why it cannot be read.
pub(crate) fn value(cell: ColumnData<'_>) -> Result<Value, String> {
    Ok(match cell {
        ColumnData::U8(Some(number)) => Value::Integer(number.into()),
        ColumnData::I16(Some(number)) => Value::Integer(number.into()),
        ColumnData::I32(Some(number)) => Value::Integer(number.into()),
        ColumnData::I64(Some(number)) => Value::Integer(number),
        ColumnData::Bit(Some(bit)) => Value::Integer(bit.into()),
        ColumnData::F32(Some(number)) => Value::Real(number.into()),
        ColumnData::F64(Some(number)) => Value::Real(number),
        ColumnData::String(Some(text)) => Value::Text(text.into_owned()),
        ColumnData::Xml(Some(xml)) => Value::Text(xml.as_ref().to_string()),
        ColumnData::Guid(Some(guid)) => Value::Guid(guid),
        ColumnData::Binary(Some(bytes)) => Value::Blob(bytes.into_owned()),
        ColumnData::Numeric(Some(number)) => {
            Value::Decimal(Decimal::new(number.value(), number.scale()).map_err(reason)?)
        }
        ColumnData::DateTime(Some(moment)) => Value::DateTime(day_and_units(
            moment.days().saturating_add(DAYS_TO_1900),
            thirds(moment.seconds_fragments()),
        )?),
        ColumnData::SmallDateTime(Some(moment)) => Value::DateTime(day_and_units(
            i32::from(moment.days()) + DAYS_TO_1900,
            u64::from(moment.seconds_fragments()) * UNITS_PER_MINUTE,
        )?),
        ColumnData::Date(Some(date)) => Value::Date(day(date.days())?),
        ColumnData::Time(Some(time)) => Value::Time(time_of_day(time)?),
        ColumnData::DateTime2(Some(moment)) => Value::DateTime(date_and_time(moment)?),
        ColumnData::DateTimeOffset(Some(moment)) => {
            Value::DateTimeOffset(local(date_and_time(moment.datetime2())?, moment.offset())?)
        }
        _ => Value::Null,
    })
}

/// A value that was read, as a parameter.
pub(crate) fn parameter(value: ValueRef<'_>) -> ColumnData<'static> {
    match value {
        ValueRef::Null => ColumnData::String(None),
        ValueRef::Integer(number) => ColumnData::I64(Some(number)),
        ValueRef::Real(number) => ColumnData::F64(Some(number)),
        ValueRef::Text(text) => ColumnData::String(Some(text.to_owned().into())),
        ValueRef::Blob(bytes) => ColumnData::Binary(Some(bytes.to_owned().into())),
        ValueRef::Guid(guid) => ColumnData::Guid(Some(guid)),
        ValueRef::Decimal(number) => ColumnData::Numeric(Some(
            tiberius::numeric::Numeric::new_with_scale(number.mantissa(), number.scale()),
        )),
        ValueRef::Date(date) => ColumnData::Date(Some(wire_date(date))),
        ValueRef::Time(time) => ColumnData::Time(Some(wire_time(time))),
        ValueRef::DateTime(moment) => ColumnData::DateTime2(Some(wire_moment(moment))),
        ValueRef::DateTimeOffset(moment) => ColumnData::DateTimeOffset(Some(
            tiberius::time::DateTimeOffset::new(wire_moment(moment.utc()), moment.offset_minutes()),
        )),
    }
}

fn wire_date(date: Date) -> tiberius::time::Date {
    tiberius::time::Date::new(date.days().unsigned_abs())
}

fn wire_time(time: Time) -> tiberius::time::Time {
    tiberius::time::Time::new(time.units(), 7)
}

fn wire_moment(moment: DateTime) -> tiberius::time::DateTime2 {
    tiberius::time::DateTime2::new(wire_date(moment.date), wire_time(moment.time))
}

/// A step of `datetime` is 1/300 s, shown as .000, .003, .007: to the millisecond.
fn thirds(steps: u32) -> u64 {
    let milliseconds = (u64::from(steps) * 10 + 1) / 3;
    milliseconds * 10_000
}

fn day(days: u32) -> Result<Date, String> {
    i32::try_from(days)
        .map_err(|_| "the day is out of range".to_owned())
        .and_then(|days| Date::from_days(days).map_err(reason))
}

fn day_and_units(days: i32, units: u64) -> Result<DateTime, String> {
    Ok(DateTime::new(
        Date::from_days(days).map_err(reason)?,
        Time::from_units(units).map_err(reason)?,
    ))
}

fn time_of_day(time: tiberius::time::Time) -> Result<Time, String> {
    let exponent = 7_u32.checked_sub(u32::from(time.scale()));
    let units = exponent.and_then(|exponent| time.increments().checked_mul(10_u64.pow(exponent)));
    Time::from_units(units.ok_or("the time has more than seven digits")?).map_err(reason)
}

fn date_and_time(moment: tiberius::time::DateTime2) -> Result<DateTime, String> {
    Ok(DateTime::new(
        day(moment.date().days())?,
        time_of_day(moment.time())?,
    ))
}

/// The driver has the moment in UTC; we keep what the local clock showed.
fn local(utc: DateTime, offset_minutes: i16) -> Result<DateTimeOffset, String> {
    let units = i64::from(offset_minutes) * 600_000_000;
    let total = utc.time.units().cast_signed() + units;
    let days = i32::try_from(total.div_euclid(UNITS_PER_DAY)).unwrap_or(i32::MAX);
    let rest = total.rem_euclid(UNITS_PER_DAY).unsigned_abs();
    let local = day_and_units(utc.date.days().saturating_add(days), rest)?;
    DateTimeOffset::new(local, offset_minutes).map_err(reason)
}

fn reason(error: sync_metadata::MetadataError) -> String {
    error.to_string()
}

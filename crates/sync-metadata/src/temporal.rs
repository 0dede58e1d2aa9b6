//! Dates and times at SQL Server's range and precision: years 1 to 9999, steps of 100 ns.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::MetadataError;

/// 100 ns units in a day.
const UNITS_PER_DAY: u64 = 24 * 60 * 60 * UNITS_PER_SECOND;
const UNITS_PER_SECOND: u64 = 10_000_000;
const UNITS_PER_MINUTE: i64 = 60 * UNITS_PER_SECOND as i64;
/// 9999-12-31 as days since 0001-01-01.
const LAST_DAY: i32 = 3_652_058;

/// A day of the proleptic Gregorian calendar, 0001-01-01 to 9999-12-31.
///
/// ```
/// use sync_metadata::Date;
/// let date: Date = "1962-02-18".parse()?;
/// assert_eq!(date.year_month_day(), (1962, 2, 18));
/// assert_eq!(date.to_string(), "1962-02-18");
/// # Ok::<(), sync_metadata::MetadataError>(())
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i32", into = "i32")]
pub struct Date {
    days: i32,
}

impl Date {
    /// The day that lies `days` after 0001-01-01.
    ///
    /// # Errors
    /// When it is not within the years 1 to 9999.
    pub fn from_days(days: i32) -> Result<Self, MetadataError> {
        if !(0..=LAST_DAY).contains(&days) {
            return Err(MetadataError::value(
                "date",
                &days.to_string(),
                "expected 0 to 3652058 days after 0001-01-01",
            ));
        }
        Ok(Self { days })
    }

    /// The day with this year, month (from 1) and day of the month (from 1).
    ///
    /// # Errors
    /// When there is no such day within the years 1 to 9999.
    pub fn from_year_month_day(year: u16, month: u8, day: u8) -> Result<Self, MetadataError> {
        day_of(u32::from(year), u32::from(month), u32::from(day)).ok_or_else(|| {
            MetadataError::value(
                "date",
                &format!("{year:04}-{month:02}-{day:02}"),
                "there is no such day",
            )
        })
    }

    /// Days since 0001-01-01.
    #[must_use]
    pub fn days(self) -> i32 {
        self.days
    }

    /// Year (1 to 9999), month (1 to 12) and day of the month (1 to 31).
    #[must_use]
    pub fn year_month_day(self) -> (u16, u8, u8) {
        // Years counted from March, so that the leap day is the last of its year.
        let day = self.days + 306;
        let era = day / 146_097;
        let day_of_era = day % 146_097;
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day_of_month = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 {
            shifted_month + 3
        } else {
            shifted_month - 9
        };
        let year = era * 400 + year_of_era + i32::from(month <= 2);
        (year as u16, month as u8, day_of_month as u8)
    }
}

impl TryFrom<i32> for Date {
    type Error = MetadataError;

    fn try_from(days: i32) -> Result<Self, MetadataError> {
        Self::from_days(days)
    }
}

impl From<Date> for i32 {
    fn from(date: Date) -> Self {
        date.days
    }
}

/// Writes `2031-01-09`.
impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.year_month_day();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// Reads `2031-01-09`.
impl FromStr for Date {
    type Err = MetadataError;

    fn from_str(text: &str) -> Result<Self, MetadataError> {
        read_date(text).ok_or_else(|| MetadataError::value("date", text, "expected YYYY-MM-DD"))
    }
}

/// A time of day in steps of 100 ns, 00:00:00 to 23:59:59.9999999.
///
/// ```
/// use sync_metadata::Time;
/// let time: Time = "23:05:00.5000".parse()?;
/// assert_eq!(time.to_string(), "23:05:00.5");
/// # Ok::<(), sync_metadata::MetadataError>(())
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Time {
    units: u64,
}

impl Time {
    /// Midnight.
    pub const MIDNIGHT: Self = Self { units: 0 };

    /// The time that lies `units` of 100 ns after midnight.
    ///
    /// # Errors
    /// When that is a day or more.
    pub fn from_units(units: u64) -> Result<Self, MetadataError> {
        if units >= UNITS_PER_DAY {
            return Err(MetadataError::value(
                "time",
                &units.to_string(),
                "a day has 864000000000 units of 100 ns",
            ));
        }
        Ok(Self { units })
    }

    /// 100 ns units since midnight.
    #[must_use]
    pub fn units(self) -> u64 {
        self.units
    }
}

impl TryFrom<u64> for Time {
    type Error = MetadataError;

    fn try_from(units: u64) -> Result<Self, MetadataError> {
        Self::from_units(units)
    }
}

impl From<Time> for u64 {
    fn from(time: Time) -> Self {
        time.units
    }
}

/// Writes `10:20:30` or, where there is a fraction, `10:20:30.25`: no trailing zeros.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.units / UNITS_PER_SECOND;
        write!(
            f,
            "{:02}:{:02}:{:02}",
            seconds / 3_600,
            seconds / 60 % 60,
            seconds % 60
        )?;
        let mut fraction = self.units % UNITS_PER_SECOND;
        if fraction == 0 {
            return Ok(());
        }
        let mut width = 7;
        while fraction.is_multiple_of(10) {
            fraction /= 10;
            width -= 1;
        }
        write!(f, ".{fraction:0width$}")
    }
}

/// Reads `10:20`, `10:20:30` and `10:20:30.1234567` (up to seven digits after the point).
impl FromStr for Time {
    type Err = MetadataError;

    fn from_str(text: &str) -> Result<Self, MetadataError> {
        read_time(text).ok_or_else(|| {
            MetadataError::value("time", text, "expected HH:MM:SS with up to 7 decimals")
        })
    }
}

/// A day and a time of day, without a time zone.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DateTime {
    /// The day.
    pub date: Date,
    /// The time of day.
    pub time: Time,
}

impl DateTime {
    /// A day and a time of day.
    #[must_use]
    pub fn new(date: Date, time: Time) -> Self {
        Self { date, time }
    }

    /// 100 ns units since 0001-01-01 00:00:00.
    fn units(self) -> i64 {
        i64::from(self.date.days) * UNITS_PER_DAY as i64 + self.time.units as i64
    }
}

/// Writes `2031-01-09 10:20:30.25`: SQLite's own form, which also sorts as text.
impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.date, self.time)
    }
}

/// Reads a date and a time with a blank or a `T` between them; a date alone is its midnight.
impl FromStr for DateTime {
    type Err = MetadataError;

    fn from_str(text: &str) -> Result<Self, MetadataError> {
        read_date_time(text).ok_or_else(|| {
            MetadataError::value(
                "date and time",
                text,
                "expected YYYY-MM-DD HH:MM:SS without a time zone",
            )
        })
    }
}

/// A local day and time with its offset from UTC, -14:00 to +14:00.
///
/// Values are ordered by the moment they name, then by offset; the same moment under two offsets is two values.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "(DateTime, i16)", into = "(DateTime, i16)")]
pub struct DateTimeOffset {
    local: DateTime,
    offset_minutes: i16,
}

impl DateTimeOffset {
    /// A local day and time that is `offset_minutes` ahead of UTC.
    ///
    /// # Errors
    /// When the offset is beyond 14 hours or the moment in UTC is not within the years 1 to 9999.
    pub fn new(local: DateTime, offset_minutes: i16) -> Result<Self, MetadataError> {
        Self::checked(local, offset_minutes).ok_or_else(|| {
            MetadataError::value(
                "date and time with offset",
                &format!("{local} {offset_minutes:+} min"),
                "expected an offset up to 14:00 and years 0001 to 9999 in UTC",
            )
        })
    }

    /// The day and time on the local clock.
    #[must_use]
    pub fn local(self) -> DateTime {
        self.local
    }

    /// How far the local clock is ahead of UTC, in minutes.
    #[must_use]
    pub fn offset_minutes(self) -> i16 {
        self.offset_minutes
    }

    /// The same moment on the clock of UTC.
    #[must_use]
    pub fn utc(self) -> DateTime {
        let units = self.utc_units() as u64;
        DateTime {
            // In range since the constructor has checked it.
            date: Date {
                days: (units / UNITS_PER_DAY) as i32,
            },
            time: Time {
                units: units % UNITS_PER_DAY,
            },
        }
    }

    fn checked(local: DateTime, offset_minutes: i16) -> Option<Self> {
        let value = Self {
            local,
            offset_minutes,
        };
        let last = (i64::from(LAST_DAY) + 1) * UNITS_PER_DAY as i64;
        ((-840..=840).contains(&offset_minutes) && (0..last).contains(&value.utc_units()))
            .then_some(value)
    }

    fn utc_units(self) -> i64 {
        self.local.units() - i64::from(self.offset_minutes) * UNITS_PER_MINUTE
    }
}

impl TryFrom<(DateTime, i16)> for DateTimeOffset {
    type Error = MetadataError;

    fn try_from((local, offset_minutes): (DateTime, i16)) -> Result<Self, MetadataError> {
        Self::new(local, offset_minutes)
    }
}

impl From<DateTimeOffset> for (DateTime, i16) {
    fn from(value: DateTimeOffset) -> Self {
        (value.local, value.offset_minutes)
    }
}

impl Ord for DateTimeOffset {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.utc_units()
            .cmp(&other.utc_units())
            .then(self.offset_minutes.cmp(&other.offset_minutes))
    }
}

impl PartialOrd for DateTimeOffset {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Writes `2031-01-09 10:20:30.25+02:00`.
impl fmt::Display for DateTimeOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.offset_minutes < 0 { '-' } else { '+' };
        let minutes = self.offset_minutes.unsigned_abs();
        write!(
            f,
            "{}{sign}{:02}:{:02}",
            self.local,
            minutes / 60,
            minutes % 60
        )
    }
}

/// Reads a date and time followed by `+02:00`, `-05:30` or `Z`, with or without a blank before it.
impl FromStr for DateTimeOffset {
    type Err = MetadataError;

    fn from_str(text: &str) -> Result<Self, MetadataError> {
        read_date_time_offset(text).ok_or_else(|| {
            MetadataError::value(
                "date and time with offset",
                text,
                "expected YYYY-MM-DD HH:MM:SS+HH:MM",
            )
        })
    }
}

pub(crate) fn read_date(text: &str) -> Option<Date> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    day_of(
        number(&bytes[..4])?,
        number(&bytes[5..7])?,
        number(&bytes[8..])?,
    )
}

pub(crate) fn read_time(text: &str) -> Option<Time> {
    let bytes = text.as_bytes();
    let (hours, minutes, rest) = match bytes {
        [h1, h2, b':', m1, m2, rest @ ..] => (number(&[*h1, *h2])?, number(&[*m1, *m2])?, rest),
        _ => return None,
    };
    let (seconds, fraction) = match rest {
        [] => (0, 0),
        [b':', s1, s2] => (number(&[*s1, *s2])?, 0),
        [b':', s1, s2, b'.', fraction @ ..] if (1..=7).contains(&fraction.len()) => {
            let unit = 10_u32.pow(7 - fraction.len() as u32);
            (number(&[*s1, *s2])?, number(fraction)? * unit)
        }
        _ => return None,
    };
    if hours > 23 || minutes > 59 || seconds > 59 {
        return None;
    }
    let whole = u64::from(hours * 3_600 + minutes * 60 + seconds);
    Some(Time {
        units: whole * UNITS_PER_SECOND + u64::from(fraction),
    })
}

pub(crate) fn read_date_time(text: &str) -> Option<DateTime> {
    let (date, rest) = text.split_at_checked(10)?;
    let date = read_date(date)?;
    let time = match rest.strip_prefix([' ', 'T']) {
        Some(time) => read_time(time)?,
        None if rest.is_empty() => Time::MIDNIGHT,
        None => return None,
    };
    Some(DateTime { date, time })
}

pub(crate) fn read_date_time_offset(text: &str) -> Option<DateTimeOffset> {
    if let Some(local) = text.strip_suffix('Z') {
        return DateTimeOffset::checked(read_date_time(local.trim_end_matches(' '))?, 0);
    }
    let split = text.len().checked_sub(6)?;
    let (local, offset) = (text.get(..split)?, text.get(split..)?.as_bytes());
    let (sign, minutes) = match offset {
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?);
            if minutes > 59 {
                return None;
            }
            (
                if *sign == b'-' { -1 } else { 1 },
                (hours * 60 + minutes) as i16,
            )
        }
        _ => return None,
    };
    DateTimeOffset::checked(read_date_time(local.trim_end_matches(' '))?, sign * minutes)
}

/// A number of at most nine decimal digits and nothing else.
fn number(digits: &[u8]) -> Option<u32> {
    let mut value = 0;
    for digit in digits {
        value = value * 10 + char::from(*digit).to_digit(10)?;
    }
    Some(value)
}

fn day_of(year: u32, month: u32, day: u32) -> Option<Date> {
    let leap = (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400);
    let month_length = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if !(1..=9_999).contains(&year)
        || !(1..=12).contains(&month)
        || !(1..=month_length).contains(&day)
    {
        return None;
    }
    let shifted_year = year - u32::from(month <= 2);
    let shifted_month = (month + 9) % 12;
    let days_before_year =
        shifted_year * 365 + shifted_year / 4 - shifted_year / 100 + shifted_year / 400;
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    Some(Date {
        days: (days_before_year + day_of_year) as i32 - 306,
    })
}

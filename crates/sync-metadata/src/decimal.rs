//! Exact decimal numbers of up to 38 digits, the range of SQL Server's `decimal`.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::MetadataError;
use crate::stack_text::StackText;

/// An exact decimal number: `mantissa / 10^scale`, up to 38 digits, scale 0 to 38.
///
/// The scale is kept as it was given (`1.00` prints as `1.00`), while comparison is by value:
///
/// ```
/// use sync_metadata::Decimal;
///
/// let price: Decimal = "1.00".parse()?;
/// assert_eq!(price, "1".parse()?);
/// assert_eq!(price.to_string(), "1.00");
/// assert_eq!(price.normalized().to_string(), "1");
/// # Ok::<(), sync_metadata::MetadataError>(())
/// ```
#[derive(Copy, Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "(i128, u8)", into = "(i128, u8)")]
pub struct Decimal {
    mantissa: i128,
    scale: u8,
}

impl Decimal {
    /// The most digits a decimal can have, and the greatest scale.
    pub const MAX_DIGITS: u8 = 38;

    /// Nought, with scale 0.
    pub const ZERO: Self = Self {
        mantissa: 0,
        scale: 0,
    };

    /// `mantissa / 10^scale`.
    ///
    /// # Errors
    /// When the mantissa has more than 38 digits or the scale is above 38.
    pub fn new(mantissa: i128, scale: u8) -> Result<Self, MetadataError> {
        if mantissa.unsigned_abs() >= POWERS_OF_TEN[38] {
            return Err(MetadataError::value(
                "decimal",
                &mantissa.to_string(),
                "it has more than 38 digits",
            ));
        }
        if scale > Self::MAX_DIGITS {
            return Err(MetadataError::value(
                "decimal",
                &format!("scale {scale}"),
                "the scale is above 38",
            ));
        }
        Ok(Self { mantissa, scale })
    }

    /// The digits as one whole number, with the sign.
    #[must_use]
    pub fn mantissa(self) -> i128 {
        self.mantissa
    }

    /// How many of the digits stand after the point.
    #[must_use]
    pub fn scale(self) -> u8 {
        self.scale
    }

    /// The same number with the smallest scale that holds it.
    #[must_use]
    pub fn normalized(mut self) -> Self {
        while self.scale > 0 && self.mantissa % 10 == 0 {
            self.mantissa /= 10;
            self.scale -= 1;
        }
        self
    }

    /// The same number written with another scale; `None` where that would lose digits or need more than 38.
    #[must_use]
    pub fn rescaled(self, scale: u8) -> Option<Self> {
        if scale > Self::MAX_DIGITS {
            return None;
        }
        let mantissa = if scale >= self.scale {
            let factor = power_of_ten(scale - self.scale);
            self.mantissa.checked_mul(factor)?
        } else {
            let divisor = power_of_ten(self.scale - scale);
            if self.mantissa % divisor != 0 {
                return None;
            }
            self.mantissa / divisor
        };
        (mantissa.unsigned_abs() < POWERS_OF_TEN[38]).then_some(Self { mantissa, scale })
    }

    /// The decimal that a binary floating-point number stands for.
    ///
    /// Whole numbers of 64 bits are taken exactly, as SQLite takes them when it turns a real into an integer; every
    /// other number is the shortest decimal that reads back as the same `f64`, so that a `0.99` which a database keeps as a
    /// floating-point number is the decimal 0.99 again. `None` for NaN, infinities and numbers beyond 38 digits.
    ///
    /// ```
    /// use sync_metadata::Decimal;
    /// assert_eq!(Decimal::from_f64(0.99), Decimal::new(99, 2).ok());
    /// assert_eq!(Decimal::from_f64(1e300), None);
    /// ```
    #[must_use]
    pub fn from_f64(number: f64) -> Option<Self> {
        const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
        if (-TWO_TO_63..TWO_TO_63).contains(&number) && number.trunc() == number {
            return Some(Self {
                mantissa: number as i128,
                scale: 0,
            });
        }
        if !number.is_finite() {
            return None;
        }
        parse(StackText::format(format_args!("{number:e}")).as_str())
    }

    /// The nearest binary floating-point number.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        // At most a sign, a point and 39 digits: always fits, always parses.
        StackText::format(format_args!("{self}"))
            .as_str()
            .parse()
            .unwrap_or(f64::NAN)
    }

    /// The number as a whole number, `None` where it has a fraction or is beyond 64 bits.
    #[must_use]
    pub fn to_i64(self) -> Option<i64> {
        i64::try_from(self.rescaled(0)?.mantissa).ok()
    }

    /// Reads a decimal without building an error for what is none.
    pub(crate) fn read(text: &str) -> Option<Self> {
        parse(text)
    }
}

impl From<i64> for Decimal {
    fn from(number: i64) -> Self {
        Self {
            mantissa: i128::from(number),
            scale: 0,
        }
    }
}

impl TryFrom<(i128, u8)> for Decimal {
    type Error = MetadataError;

    fn try_from((mantissa, scale): (i128, u8)) -> Result<Self, MetadataError> {
        Self::new(mantissa, scale)
    }
}

impl From<Decimal> for (i128, u8) {
    fn from(number: Decimal) -> Self {
        (number.mantissa, number.scale)
    }
}

/// Reads `-12.50`, `+3`, `.5`, `1e-3`; the scale is the number of digits after the point.
impl FromStr for Decimal {
    type Err = MetadataError;

    fn from_str(text: &str) -> Result<Self, MetadataError> {
        parse(text).ok_or_else(|| {
            MetadataError::value(
                "decimal",
                text,
                "expected up to 38 digits with an optional sign, point and exponent",
            )
        })
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.mantissa < 0 { "-" } else { "" };
        let digits = self.mantissa.unsigned_abs();
        if self.scale == 0 {
            return write!(f, "{sign}{digits}");
        }
        let unit = POWERS_OF_TEN[usize::from(self.scale)];
        let width = usize::from(self.scale);
        write!(f, "{sign}{}.{:0width$}", digits / unit, digits % unit)
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.scale == other.scale {
            return self.mantissa.cmp(&other.mantissa);
        }
        // Bringing both to one scale can need 76 digits; whole part and fraction apart always fit.
        let (whole, fraction) = self.parts();
        let (other_whole, other_fraction) = other.parts();
        whole.cmp(&other_whole).then(fraction.cmp(&other_fraction))
    }
}

impl Decimal {
    /// Whole part and fraction in units of 10^-38, both with the number's sign.
    fn parts(self) -> (i128, i128) {
        let unit = power_of_ten(self.scale);
        let fraction = (self.mantissa % unit) * power_of_ten(Self::MAX_DIGITS - self.scale);
        (self.mantissa / unit, fraction)
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

impl Hash for Decimal {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { mantissa, scale } = self.normalized();
        (mantissa, scale).hash(state);
    }
}

pub(crate) const POWERS_OF_TEN: [u128; 39] = {
    let mut powers = [1; 39];
    let mut n = 1;
    while n < 39 {
        powers[n] = powers[n - 1] * 10;
        n += 1;
    }
    powers
};

/// 10^n for n up to 38, which fits an `i128`.
fn power_of_ten(n: u8) -> i128 {
    POWERS_OF_TEN[usize::from(n)] as i128
}

fn parse(text: &str) -> Option<Decimal> {
    let (negative, digits) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let exponent_at = digits.iter().position(|b| matches!(b, b'e' | b'E'));
    let (digits, exponent) = match exponent_at {
        Some(at) => (&digits[..at], parse_exponent(&digits[at + 1..])?),
        None => (digits, 0),
    };

    // Zeros are held back until a digit follows them, so that trailing ones never count against the 38 digits.
    let mut significant: u128 = 0;
    let mut held_zeros: i64 = 0;
    let mut fraction_digits: i64 = 0;
    let mut any_digit = false;
    let mut after_point = false;
    for &byte in digits {
        match byte {
            b'.' if !after_point => {
                after_point = true;
                continue;
            }
            b'0' => held_zeros += i64::from(significant != 0),
            b'1'..=b'9' => {
                let shift = usize::try_from(held_zeros + 1).ok()?;
                significant = significant.checked_mul(*POWERS_OF_TEN.get(shift)?)?;
                significant = significant.checked_add(u128::from(byte - b'0'))?;
                if significant >= POWERS_OF_TEN[38] {
                    return None;
                }
                held_zeros = 0;
            }
            _ => return None,
        }
        any_digit = true;
        fraction_digits += i64::from(after_point);
    }
    if !any_digit {
        return None;
    }

    let written_scale = (fraction_digits - exponent).clamp(0, 38);
    if significant == 0 {
        return Some(Decimal {
            mantissa: 0,
            scale: written_scale as u8,
        });
    }
    // value = significant × 10^power; the scale as written gives way where it would need more than 38 digits.
    let power = exponent - fraction_digits + held_zeros;
    let least_scale = (-power).max(0);
    if least_scale > 38 {
        return None;
    }
    let mut scale = written_scale.max(least_scale);
    loop {
        let shift = usize::try_from(power + scale).ok()?;
        let mantissa = POWERS_OF_TEN
            .get(shift)
            .and_then(|&factor| significant.checked_mul(factor));
        if let Some(mantissa) = mantissa.filter(|&m| m < POWERS_OF_TEN[38]) {
            let mantissa = if negative {
                -(mantissa as i128)
            } else {
                mantissa as i128
            };
            return Some(Decimal {
                mantissa,
                scale: scale as u8,
            });
        }
        if scale == least_scale {
            return None;
        }
        scale -= 1;
    }
}

fn parse_exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    if digits.is_empty() || digits.len() > 6 {
        return None;
    }
    let mut exponent = 0;
    for &byte in digits {
        exponent = exponent * 10 + i64::from(char::from(byte).to_digit(10)?);
    }
    Some(if negative { -exponent } else { exponent })
}

//! Numbers of every storage class on one scale, compared by exact value.

use std::cmp::Ordering;
use std::fmt;

use crate::decimal::POWERS_OF_TEN;
use crate::stack_text::StackText;
use crate::{Decimal, SqlType, TypeFamily};

/// A number longer than this as text is not parsed: no number of any SQL type needs it.
const MAX_TEXT: usize = 400;

/// A number in the form that its column's type gives it.
///
/// In a column of floating-point numbers everything that such a number can stand for is a `Real`, in every other column everything that a decimal
/// can hold is a `Decimal`; what is left keeps the other form.
#[derive(Copy, Clone)]
pub(super) enum Number {
    Decimal(Decimal),
    /// Never -0.0; NaN has one bit pattern.
    Real(f64),
}

impl Number {
    pub(super) fn from_decimal(sql_type: &SqlType, decimal: Decimal) -> Self {
        if sql_type.family() != TypeFamily::Float {
            return Self::Decimal(decimal);
        }
        let nearest = decimal.to_f64();
        let same = Decimal::from_f64(nearest) == Some(decimal)
            || cmp_exactly(decimal, nearest) == Ordering::Equal;
        if same {
            Self::Real(nearest)
        } else {
            Self::Decimal(decimal)
        }
    }

    pub(super) fn from_real(sql_type: &SqlType, real: f64) -> Self {
        // Adding nought turns -0.0 into 0.0 and changes nothing else.
        let real = if real.is_nan() { f64::NAN } else { real + 0.0 };
        if sql_type.family() == TypeFamily::Float {
            return Self::Real(real);
        }
        Decimal::from_f64(real).map_or(Self::Real(real), Self::Decimal)
    }

    pub(super) fn from_text(sql_type: &SqlType, text: &str) -> Option<Self> {
        if text.len() > MAX_TEXT {
            return None;
        }
        if let Some(decimal) = Decimal::read(text) {
            return Some(Self::from_decimal(sql_type, decimal));
        }
        let only_digits = text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
        if sql_type.family() != TypeFamily::Float || !only_digits {
            return None;
        }
        text.parse()
            .ok()
            .filter(|real: &f64| real.is_finite())
            .map(|real| Self::from_real(sql_type, real))
    }

    /// Writes the canonical text of `write_key_text`.
    pub(super) fn format(self, sql_type: &SqlType, sink: &mut impl fmt::Write) -> fmt::Result {
        let decimal = match self {
            Self::Real(real) => return format_real(real, sink),
            Self::Decimal(decimal) => decimal.normalized(),
        };
        match sql_type.family() {
            TypeFamily::Bit if decimal == Decimal::ZERO => sink.write_str("False"),
            TypeFamily::Bit if decimal == Decimal::from(1) => sink.write_str("True"),
            TypeFamily::Decimal => {
                let scale = decimal.scale().max(sql_type.decimal_scale());
                write!(sink, "{}", decimal.rescaled(scale).unwrap_or(decimal))
            }
            _ => write!(sink, "{decimal}"),
        }
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        match (*self, *other) {
            (Self::Decimal(left), Self::Decimal(right)) => left.cmp(&right),
            (Self::Real(left), Self::Real(right)) => cmp_reals(left, right),
            (Self::Decimal(left), Self::Real(right)) => cmp_exactly(left, right),
            (Self::Real(left), Self::Decimal(right)) => cmp_exactly(right, left).reverse(),
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Number {}

/// NaN comes before every other number, as in .NET.
fn cmp_reals(left: f64, right: f64) -> Ordering {
    left.partial_cmp(&right)
        .unwrap_or_else(|| right.is_nan().cmp(&left.is_nan()))
}

/// Compares a decimal with a real without rounding either.
fn cmp_exactly(decimal: Decimal, real: f64) -> Ordering {
    if real.is_nan() {
        return Ordering::Greater;
    }
    let decimal_sign = decimal.mantissa().signum() as i32;
    let real_sign = if real == 0.0 { 0 } else { real.signum() as i32 };
    if decimal_sign != real_sign || decimal_sign == 0 {
        return decimal_sign.cmp(&real_sign);
    }
    let by_size = cmp_sizes(decimal, real.abs());
    if decimal_sign < 0 {
        by_size.reverse()
    } else {
        by_size
    }
}

/// Compares the absolute values of a decimal and a real that is above nought.
fn cmp_sizes(decimal: Decimal, real: f64) -> Ordering {
    if real >= 1e38 {
        return Ordering::Less;
    }
    // Every decimal but nought is at least 10^-38, and 2^-130 is less than that.
    if real < 2.0_f64.powi(-130) {
        return Ordering::Greater;
    }
    // real = significand × 2^exponent, with exponent between -182 and 74.
    let bits = real.to_bits();
    let significand = (bits & ((1 << 52) - 1)) | (1 << 52);
    let exponent = ((bits >> 52) & 0x7ff) as i32 - 1_075;

    // Compare mantissa × 2^-exponent with significand × 10^scale, the powers of two put on the side where they are whole.
    let mut left = Wide::from(decimal.mantissa().unsigned_abs());
    let mut right = Wide::from(u128::from(significand));
    right.multiply(POWERS_OF_TEN[usize::from(decimal.scale())]);
    let shifted = if exponent < 0 { &mut left } else { &mut right };
    let mut shift = exponent.unsigned_abs();
    while shift > 0 {
        let step = shift.min(64);
        shifted.multiply(1 << step);
        shift -= step;
    }
    left.digits.iter().rev().cmp(right.digits.iter().rev())
}

/// A whole number of 384 bits, enough for 2^127 × 2^182 and for 2^53 × 2^74 × 10^38.
struct Wide {
    /// Base 2^32, least significant first.
    digits: [u32; 12],
}

impl Wide {
    fn from(number: u128) -> Self {
        let mut digits = [0; 12];
        for (at, digit) in digits.iter_mut().take(4).enumerate() {
            *digit = (number >> (32 * at)) as u32;
        }
        Self { digits }
    }

    fn multiply(&mut self, factor: u128) {
        let factor = Self::from(factor).digits;
        let mut product = [0_u32; 12];
        for (at, &digit) in self.digits.iter().enumerate() {
            let mut carry = 0_u64;
            for (sum, &other) in product[at..].iter_mut().zip(&factor) {
                let total = u64::from(digit) * u64::from(other) + u64::from(*sum) + carry;
                *sum = total as u32;
                carry = total >> 32;
            }
        }
        self.digits = product;
    }
}

/// Writes a real as .NET does since Core 3.0: shortest digits, an exponent from 10^15 up and below 10^-4.
fn format_real(real: f64, sink: &mut impl fmt::Write) -> fmt::Result {
    if real.is_nan() {
        return sink.write_str("NaN");
    }
    if real < 0.0 {
        sink.write_char('-')?;
    }
    if real.is_infinite() {
        return sink.write_str("Infinity");
    }
    let size = real.abs();
    if size == 0.0 || (1e-4..1e15).contains(&size) {
        return write!(sink, "{size}");
    }
    let text = StackText::format(format_args!("{size:e}"));
    let (digits, exponent) = text.as_str().split_once('e').ok_or(fmt::Error)?;
    let (sign, exponent) = exponent
        .strip_prefix('-')
        .map_or(('+', exponent), |exponent| ('-', exponent));
    write!(sink, "{digits}E{sign}{exponent:0>2}")
}

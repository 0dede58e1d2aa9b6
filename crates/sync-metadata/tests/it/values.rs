//! Decimals, dates and times: what is read, what is refused, what is written.

use std::cmp::Ordering;
use std::fmt::Debug;
use std::hash::{BuildHasher, RandomState};
use std::str::FromStr;

use crate::samples::*;
use proptest::prelude::*;
use sync_metadata::{
    Date, DateTime, DateTimeOffset, Decimal, MetadataError, Time, Value, ValueRef,
};

/// Reads a text and compares what is written; `None` stands for a refusal.
fn check<T: FromStr<Err = MetadataError> + ToString + Debug>(text: &str, expected: Option<&str>) {
    let read: Result<T, _> = text.parse();
    assert_eq!(
        read.as_ref().ok().map(ToString::to_string).as_deref(),
        expected,
        "{text:?} was read as {read:?}"
    );
}

#[test]
fn decimals_are_read() {
    let same = |text| check::<Decimal>(text, Some(text));
    same("0");
    same("1.00");
    same("-0.05");
    same("99999999999999999999999999999999999999");
    same("-0.00000000000000000000000000000000000001");
    same("1234567890123456789.0123456789012345678");
    let as_is = |text: &str, written: &str| check::<Decimal>(text, Some(written));
    as_is("+7", "7");
    as_is(".5", "0.5");
    as_is("5.", "5");
    as_is("-0.0", "0.0");
    as_is("007.10", "7.10");
    as_is("1e3", "1000");
    as_is("1.50E1", "15.0");
    as_is("1.5e-3", "0.0015");
    as_is("0e99999", "0");
    as_is("1e37", "10000000000000000000000000000000000000");
    as_is("100e-2", "1.00");
    // Trailing zeros give way where they would be digit 39 and more.
    as_is(
        &format!("1.{}", "0".repeat(60)),
        "1.0000000000000000000000000000000000000",
    );
    as_is(&format!("{}1", "0".repeat(60)), "1");
}

#[test]
fn what_is_no_decimal_is_refused() {
    for text in [
        "",
        "-",
        ".",
        "+.",
        "1.2.3",
        "1,5",
        " 1",
        "1 ",
        "0x10",
        "1e",
        "1e+",
        "e5",
        "NaN",
        "1e38",
        "1e-39",
        "--1",
        "100000000000000000000000000000000000000",
        "1e9999999",
        "٣",
        "0.000000000000000000000000000000000000001",
    ] {
        check::<Decimal>(text, None);
    }
    assert!(Decimal::new(10_i128.pow(38), 0).is_err());
    assert!(Decimal::new(i128::MIN, 0).is_err());
    assert!(Decimal::new(1, 39).is_err());
}

#[test]
fn reals_become_the_decimals_they_stand_for() {
    let check = |real, expected: Option<&str>| {
        assert_eq!(
            Decimal::from_f64(real).map(|d| d.to_string()).as_deref(),
            expected,
            "{real:e}"
        );
    };
    check(0.99, Some("0.99"));
    check(-0.0, Some("0"));
    check(1e15, Some("1000000000000000"));
    check(4_611_686_018_427_387_904.0, Some("4611686018427387904"));
    check(
        1.2676506002282294e30,
        Some("1267650600228229400000000000000"),
    );
    check(1e-7, Some("0.0000001"));
    check(1e38, None);
    check(1e-39, None);
    check(f64::NAN, None);
    check(f64::NEG_INFINITY, None);
}

#[test]
fn decimals_are_rescaled_without_loss_or_not_at_all() {
    let check = |text: &str, scale, expected: Option<&str>| {
        let rescaled = text.parse::<Decimal>().unwrap().rescaled(scale);
        assert_eq!(
            rescaled.map(|d| d.to_string()).as_deref(),
            expected,
            "{text} to {scale}"
        );
    };
    check("1.5", 3, Some("1.500"));
    check("1.500", 1, Some("1.5"));
    check("1.500", 0, None);
    check("0", 38, Some("0.00000000000000000000000000000000000000"));
    check("1", 38, None);
    check("1", 39, None);
    assert_eq!("-12.00".parse::<Decimal>().unwrap().to_i64(), Some(-12));
    assert_eq!("12.01".parse::<Decimal>().unwrap().to_i64(), None);
    assert_eq!(
        "9223372036854775808".parse::<Decimal>().unwrap().to_i64(),
        None
    );
}

#[test]
fn dates_are_read() {
    let same = |text| check::<Date>(text, Some(text));
    same("0001-01-01");
    same("9999-12-31");
    same("2000-02-29");
    same("2024-02-29");
    same("1962-02-18");
    for text in [
        "",
        "2024-2-9",
        "0000-01-01",
        "2023-02-29",
        "1900-02-29",
        "2023-04-31",
        "2023-13-01",
        "2023-00-10",
        "2023-01-00",
        "20230101",
        "2023-01-01 ",
        "-023-01-01",
        "2023/01/01",
        "10000-01-01",
        "２023-01-1",
    ] {
        check::<Date>(text, None);
    }
    assert!(Date::from_days(-1).is_err());
    assert!(Date::from_days(3_652_059).is_err());
    assert_eq!(Date::from_year_month_day(1, 1, 1).unwrap().days(), 0);
    assert_eq!(
        Date::from_year_month_day(1970, 1, 1).unwrap().days(),
        719_162
    );
    assert!(Date::from_year_month_day(2023, 2, 29).is_err());
}

#[test]
fn times_are_read() {
    check::<Time>("00:00", Some("00:00:00"));
    check::<Time>("23:59:59.9999999", Some("23:59:59.9999999"));
    check::<Time>("10:20:30.2500", Some("10:20:30.25"));
    check::<Time>("10:20:30.0000001", Some("10:20:30.0000001"));
    for text in [
        "",
        "24:00:00",
        "10:60:00",
        "10:00:60",
        "1:00:00",
        "10:20:30.",
        "10:20:30.12345678",
        "10:20:",
        "10-20-30",
    ] {
        check::<Time>(text, None);
    }
    assert!(Time::from_units(864_000_000_000).is_err());
}

#[test]
fn moments_are_read() {
    check::<DateTime>("2031-01-09T10:20:30.5", Some("2031-01-09 10:20:30.5"));
    check::<DateTime>("2031-01-09 10:20", Some("2031-01-09 10:20:00"));
    check::<DateTime>("2031-01-09", Some("2031-01-09 00:00:00"));
    for text in [
        "2031-01-09 ",
        "2031-01-09  10:20",
        "2031-01-09t10:20",
        "2031-01-09 10:20:30Z",
        "2031-01-0é10:20",
        "",
    ] {
        check::<DateTime>(text, None);
    }
    check::<DateTimeOffset>(
        "2031-01-09 10:20:30+02:00",
        Some("2031-01-09 10:20:30+02:00"),
    );
    check::<DateTimeOffset>(
        "2031-01-09T10:20:30.5 -05:30",
        Some("2031-01-09 10:20:30.5-05:30"),
    );
    check::<DateTimeOffset>("2031-01-09T10:20:30Z", Some("2031-01-09 10:20:30+00:00"));
    check::<DateTimeOffset>(
        "2031-01-09 10:20:30-00:00",
        Some("2031-01-09 10:20:30+00:00"),
    );
    check::<DateTimeOffset>(
        "9999-12-31 23:59:59+14:00",
        Some("9999-12-31 23:59:59+14:00"),
    );
    for text in [
        "",
        "Z",
        "+02:00",
        "2031-01-09 10:20:30",
        "2031-01-09 10:20:30+14:01",
        "2031-01-09 10:20:30+02:60",
        "0001-01-01 00:00:00+00:01",
        "9999-12-31 23:59:59-00:01",
        "2031-01-09 10:20:30+2:00",
        "é2:00",
        "2031-01-09 10:20:30é2:00",
    ] {
        check::<DateTimeOffset>(text, None);
    }
}

#[test]
fn a_moment_is_ordered_by_utc_and_then_by_offset() {
    let read = |text: &str| text.parse::<DateTimeOffset>().unwrap();
    assert!(read("2031-01-09 10:00+02:00") < read("2031-01-09 09:00+00:00"));
    assert!(read("2031-01-09 08:00+00:00") < read("2031-01-09 10:00+02:00"));
    assert_eq!(
        read("2031-01-01 01:00+02:00").utc().to_string(),
        "2030-12-31 23:00:00"
    );
}

#[test]
fn sizes_count_towards_a_batch() {
    assert_eq!(ValueRef::Text("åb").size(), 3);
    assert_eq!(ValueRef::Blob(&[0; 9]).size(), 9);
    assert_eq!(ValueRef::Null.size(), 1);
    assert_eq!(ValueRef::Integer(5).size(), 8);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn decimals_are_written_and_read_back(decimal in any_decimal()) {
        let read: Decimal = decimal.to_string().parse().unwrap();
        prop_assert_eq!((read.mantissa(), read.scale()), (decimal.mantissa(), decimal.scale()));
        let normal = decimal.normalized();
        prop_assert_eq!(normal, decimal);
        prop_assert!(normal.scale() == 0 || normal.mantissa() % 10 != 0);
        let state = RandomState::new();
        prop_assert_eq!(state.hash_one(normal), state.hash_one(decimal));
    }

    #[test]
    fn decimals_are_ordered_like_their_digits(left in any_decimal(), right in any_decimal()) {
        // 76 digits are beyond every integer here, so compare digit by digit.
        let digits = |d: Decimal| {
            let (whole, fraction) = d.to_string().trim_start_matches('-').split_once('.').map_or_else(
                || (d.to_string().trim_start_matches('-').to_owned(), String::new()),
                |(whole, fraction)| (whole.to_owned(), fraction.to_owned()),
            );
            (d.mantissa().signum(), format!("{whole:0>40}{fraction:0<40}"))
        };
        let ((left_sign, left_digits), (right_sign, right_digits)) = (digits(left), digits(right));
        let by_digits = left_digits.cmp(&right_digits);
        let expected = left_sign.cmp(&right_sign).then(if left_sign < 0 { by_digits.reverse() } else { by_digits });
        prop_assert_eq!(left.cmp(&right), expected);
    }

    #[test]
    fn a_real_survives_as_a_decimal(real in any_real()) {
        if let Some(decimal) = Decimal::from_f64(real) {
            prop_assert_eq!(decimal.to_f64(), real);
        }
    }

    #[test]
    fn moments_are_written_and_read_back(local in any_date_time(), moment in any_date_time_offset()) {
        prop_assert_eq!(local.to_string().parse::<DateTime>().unwrap(), local);
        prop_assert_eq!(moment.to_string().parse::<DateTimeOffset>().unwrap(), moment);
        prop_assert_eq!(local.to_string().cmp(&"2000-01-01 00:00:00".to_owned()) == Ordering::Less,
            local < "2000-01-01".parse().unwrap());
        let (year, month, day) = local.date.year_month_day();
        prop_assert_eq!(Date::from_year_month_day(year, month, day).unwrap(), local.date);
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,40}", digits in "[-+0-9.:eTZ ]{0,40}") {
        for text in [text, digits] {
            let _ = text.parse::<Decimal>();
            let _ = text.parse::<Date>();
            let _ = text.parse::<Time>();
            let _ = text.parse::<DateTime>();
            let _ = text.parse::<DateTimeOffset>();
        }
    }

    #[test]
    fn values_are_borrowed_and_owned_again(value in any_value()) {
        prop_assert!(sync_metadata::identical(value.as_ref(), Value::from(value.as_ref()).as_ref())
            || matches!(value, Value::Real(real) if real.is_nan()));
    }
}

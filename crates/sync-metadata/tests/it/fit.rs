//! Values in columns that enforce their type.

use std::cell::Cell;
use std::cmp::Ordering;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use sync_metadata::{
    Date, DateTime, Decimal, SqlType, Time, Value, ValueRef, content_cmp, content_eq, fit,
    write_key_text,
};

use crate::samples::{any_type, any_value, sql_type};

fn check(sql_type: &str, value: ValueRef<'_>, expected: Result<(&str, bool), &str>) {
    let sql_type: SqlType = sql_type.parse().unwrap();
    match (fit(&sql_type, value), expected) {
        (Ok(fitted), Ok((text, rounded))) => {
            let mut found = String::new();
            write_key_text(&sql_type, fitted.value, &mut found);
            assert_eq!(
                (found.as_str(), fitted.rounded),
                (text, rounded),
                "{sql_type} {value:?}"
            );
            assert_eq!(
                content_eq(&sql_type, value, fitted.value),
                !rounded,
                "{sql_type} {value:?}"
            );
        }
        (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
        (found, expected) => panic!("{sql_type} {value:?}: found {found:?}, expected {expected:?}"),
    }
}

#[test]
fn numbers() {
    check("int", ValueRef::Text("7"), Ok(("7", false)));
    check("int", ValueRef::Real(7.0), Ok(("7", false)));
    check("int", ValueRef::Real(7.5), Err("no whole number"));
    check("int", ValueRef::Integer(1 << 31), Err("out of range"));
    check("tinyint", ValueRef::Integer(-1), Err("out of range"));
    check("bit", ValueRef::Text("true"), Ok(("True", false)));
    check("bit", ValueRef::Integer(2), Err("out of range"));
    check("int", ValueRef::Text("abc"), Err("another kind"));
    check("decimal(5,2)", ValueRef::Real(1.5), Ok(("1.50", false)));
    check("decimal(5,2)", ValueRef::Text("1.235"), Ok(("1.24", true)));
    check(
        "decimal(5,2)",
        ValueRef::Text("-1.235"),
        Ok(("-1.24", true)),
    );
    check("decimal(5,2)", ValueRef::Text("1.2349"), Ok(("1.23", true)));
    check(
        "decimal(5,2)",
        ValueRef::Text("999.995"),
        Err("out of range"),
    );
    check(
        "money",
        ValueRef::Text("922337203685477.5807"),
        Ok(("922337203685477.5807", false)),
    );
    check(
        "money",
        ValueRef::Text("-922337203685477.5808"),
        Ok(("-922337203685477.5808", false)),
    );
    check(
        "money",
        ValueRef::Text("922337203685477.5808"),
        Err("out of range"),
    );
    check(
        "smallmoney",
        ValueRef::Text("214748.3648"),
        Err("out of range"),
    );
    check("real", ValueRef::Real(0.5), Ok(("0.5", false)));
    check(
        "real",
        ValueRef::Real(0.1),
        Ok(("0.10000000149011612", true)),
    );
    check("real", ValueRef::Real(1e300), Err("out of range"));
    check("float", ValueRef::Real(f64::NAN), Err("out of range"));
}

#[test]
fn texts_and_bytes() {
    check("nvarchar(3)", ValueRef::Text("abc"), Ok(("abc", false)));
    check("nvarchar(3)", ValueRef::Text("a🙂b"), Err("too long"));
    check("nchar(3)", ValueRef::Text("a    "), Ok(("a  ", false)));
    check("nvarchar(max)", ValueRef::Integer(1), Err("another kind"));
    check("varbinary(2)", ValueRef::Blob(b"abc"), Err("too long"));
    check(
        "uniqueidentifier",
        ValueRef::Text("no"),
        Err("another kind"),
    );
    let guid = "2D498460-5FE9-41C3-9DDC-B4EEE3AA7C8E";
    check(
        "uniqueidentifier",
        ValueRef::Text(guid),
        Ok((&guid.to_lowercase(), false)),
    );
    check("sql_variant", ValueRef::Integer(1), Ok(("1", false)));
}

#[test]
fn moments() {
    fn check_text(sql_type: &str, text: &str, expected: Result<(&str, bool), &str>) {
        check(sql_type, ValueRef::Text(text), expected);
    }
    check_text("date", "2031-01-09", Ok(("2031-01-09", false)));
    check_text("date", "2031-01-09 10:00", Ok(("2031-01-09", true)));
    check_text("time(0)", "10:20:30.5", Ok(("10:20:31", true)));
    check_text("time(0)", "23:59:59.9", Ok(("23:59:59", true)));
    check_text(
        "datetime2(3)",
        "2031-01-09 10:20:30.1234",
        Ok(("2031-01-09 10:20:30.123", true)),
    );
    check_text(
        "datetime2(0)",
        "2031-12-31 23:59:59.9",
        Ok(("2032-01-01 00:00:00", true)),
    );
    check_text(
        "datetime2",
        "2031-01-09 10:20:30.1234567",
        Ok(("2031-01-09 10:20:30.1234567", false)),
    );
    check_text("datetime2(0)", "9999-12-31 23:59:59.9", Err("out of range"));
    for (given, stored) in [
        (".000", ""),
        (".001", ""),
        (".002", ".003"),
        (".003", ".003"),
        (".004", ".003"),
        (".005", ".007"),
        (".006", ".007"),
        (".007", ".007"),
        (".008", ".007"),
        (".009", ".01"),
        (".997", ".997"),
        (".998", ".997"),
    ] {
        let stored = format!("2031-01-09 10:20:30{stored}");
        let same = given == ".000" || stored.ends_with(given);
        check_text(
            "datetime",
            &format!("2031-01-09 10:20:30{given}"),
            Ok((&stored, !same)),
        );
    }
    check_text(
        "datetime",
        "2031-12-31 23:59:59.999",
        Ok(("2032-01-01 00:00:00", true)),
    );
    check_text("datetime", "1752-12-31", Err("out of range"));
    check_text("datetime", "1753-01-01", Ok(("1753-01-01 00:00:00", false)));
    check_text(
        "smalldatetime",
        "2031-01-09 10:20:30",
        Ok(("2031-01-09 10:21:00", true)),
    );
    check_text(
        "smalldatetime",
        "1900-01-01",
        Ok(("1900-01-01 00:00:00", false)),
    );
    check_text(
        "smalldatetime",
        "2079-06-06 23:59",
        Ok(("2079-06-06 23:59:00", false)),
    );
    check_text("smalldatetime", "2079-06-06 23:59:40", Err("out of range"));
    check_text("smalldatetime", "1899-12-31", Err("out of range"));
    check_text(
        "datetimeoffset(0)",
        "2031-01-09 10:20:30.5+02:00",
        Ok(("2031-01-09 10:20:31+02:00", true)),
    );
}

#[test]
fn nothing_stays_nothing() {
    assert_eq!(
        fit(&"int".parse().unwrap(), ValueRef::Null)
            .unwrap()
            .value
            .to_owned(),
        Value::Null
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    /// What a column holds, it holds again as it is.
    #[test]
    fn what_fits_stays(sql_type in any_type(), value in any_value()) {
        let Ok(stored) = fit(&sql_type, value.as_ref()) else {
            return Ok(());
        };
        let stored = stored.value.to_owned();
        let again = fit(&sql_type, stored.as_ref());
        let again = again.map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert!(!again.rounded, "{:?} is rounded once more, to {:?}", stored, again.value);
        prop_assert_eq!(again.value.to_owned(), stored);
    }

    /// `rounded` tells exactly what changes the content. Two texts of a time have one content, so nothing else may be told.
    #[test]
    fn rounded_is_what_changes_the_content(sql_type in any_type(), value in any_value()) {
        let Ok(stored) = fit(&sql_type, value.as_ref()) else {
            return Ok(());
        };
        let same = content_eq(&sql_type, value.as_ref(), stored.value);
        prop_assert_eq!(stored.rounded, !same, "{:?} as {}: {:?}", value, sql_type, stored.value);
    }

    /// The one kind of error names the type.
    #[test]
    fn refusals_name_the_type(sql_type in any_type(), value in any_value()) {
        if let Err(error) = fit(&sql_type, value.as_ref()) {
            prop_assert!(error.to_string().contains(&sql_type.to_string()), "{error}");
        }
    }
}

/// Rounding keeps the order of any two values. Values far from each other are in order however they are rounded, and most do not fit: pairs
/// that a column holds and that lie within a few of its steps are what can fail, so these are made, and counted.
#[test]
fn fitting_keeps_the_order() {
    let mut runner = TestRunner::new(ProptestConfig::with_cases(5_000));
    let (both_rounded, told_apart) = (Cell::new(0), Cell::new(0));
    let outcome = runner.run(&neighbours(), |(sql_type, left, right)| {
        let low = fit(&sql_type, left.as_ref());
        let low = low.map_err(|error| TestCaseError::fail(error.to_string()))?;
        let high = fit(&sql_type, right.as_ref());
        let high = high.map_err(|error| TestCaseError::fail(error.to_string()))?;
        let given = content_cmp(&sql_type, left.as_ref(), right.as_ref());
        let stored = content_cmp(&sql_type, low.value, high.value);
        prop_assert!(
            stored == given || stored == Ordering::Equal,
            "{left:?} and {right:?} as {sql_type}: {:?} and {:?}",
            low.value,
            high.value
        );
        both_rounded.set(both_rounded.get() + usize::from(low.rounded && high.rounded));
        told_apart.set(told_apart.get() + usize::from(stored != Ordering::Equal));
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}\n{runner}"));
    let (both_rounded, told_apart) = (both_rounded.get(), told_apart.get());
    assert!(
        both_rounded > 2_000 && told_apart > 2_000,
        "{both_rounded} rounded, {told_apart} told apart"
    );
}

/// Two values within a few steps of each other in a type that rounds them, on both sides of zero and of midnight.
fn neighbours() -> impl Strategy<Value = (SqlType, Value, Value)> {
    let two = |span: i64| (-span..span, -span..span);
    let decimals = prop::sample::select(vec!["decimal(10,2)", "money", "numeric"]);
    let decimals = (decimals, two(400)).prop_map(|(name, (left, right))| {
        let sql_type = sql_type(name);
        // A hundred of these make a step.
        let scale = match name {
            "decimal(10,2)" => 4,
            "money" => 6,
            _ => 2,
        };
        let value = |n: i64| Value::Decimal(Decimal::new(n.into(), scale).unwrap());
        (sql_type, value(left), value(right))
    });
    // The step in units of 100 ns; that of `datetime` is a little more than the third part of ten milliseconds.
    let times = prop::sample::select(vec![
        ("datetime", 33_334),
        ("datetime2(3)", 10_000),
        ("smalldatetime", 600_000_000),
    ]);
    let times = (times, two(400)).prop_map(|((name, step), (left, right))| {
        const DAY: i64 = 864_000_000_000;
        let value = |n: i64| {
            let units = DAY + n * step / 100;
            let date = Date::from_days(730_000 + i32::try_from(units / DAY).unwrap()).unwrap();
            let time = Time::from_units(u64::try_from(units % DAY).unwrap()).unwrap();
            Value::DateTime(DateTime::new(date, time))
        };
        (sql_type(name), value(left), value(right))
    });
    // A float of 24 bits is exact up to 2^24: above, two steps hold several numbers.
    let reals = two(16).prop_map(|(left, right)| {
        let value = |n: i64| Value::Real((1_i64 << 26) as f64 + n as f64);
        (sql_type("real"), value(left), value(right))
    });
    prop_oneof![decimals, times, reals]
}

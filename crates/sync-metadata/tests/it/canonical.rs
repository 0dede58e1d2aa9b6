//! How values of each type compare, and how keys are written.

use std::cmp::Ordering;

use crate::samples::*;
use proptest::prelude::*;
use sync_metadata::{
    SqlType, TypeFamily, Value, ValueRef, content_cmp, content_eq, identical, write_key_text,
};
use uuid::Uuid;

fn decimal(text: &str) -> Value {
    Value::Decimal(text.parse().unwrap())
}

fn date(text: &str) -> Value {
    Value::Date(text.parse().unwrap())
}

fn time(text: &str) -> Value {
    Value::Time(text.parse().unwrap())
}

fn date_time(text: &str) -> Value {
    Value::DateTime(text.parse().unwrap())
}

fn date_time_offset(text: &str) -> Value {
    Value::DateTimeOffset(text.parse().unwrap())
}

fn text(text: &str) -> Value {
    Value::from(text)
}

fn real(number: f64) -> Value {
    Value::Real(number)
}

fn integer(number: i64) -> Value {
    Value::Integer(number)
}

fn blob(bytes: &[u8]) -> Value {
    Value::from(bytes)
}

fn key_text(sql_type: &SqlType, value: &Value) -> String {
    let mut text = String::new();
    write_key_text(sql_type, value.as_ref(), &mut text);
    text
}

/// The values of a list are equal among themselves and their common key text is the one given; each list comes before the next one.
fn check(type_name: &str, classes: &[(&str, &[Value])]) {
    let sql_type = sql_type(type_name);
    for (at, (expected_text, class)) in classes.iter().enumerate() {
        for left in *class {
            assert_eq!(
                key_text(&sql_type, left),
                *expected_text,
                "{type_name}: {left:?}"
            );
            for (other_at, (_, other_class)) in classes.iter().enumerate() {
                for right in *other_class {
                    let (left, right) = (left.as_ref(), right.as_ref());
                    let found = content_cmp(&sql_type, left, right);
                    assert_eq!(
                        found,
                        at.cmp(&other_at),
                        "{type_name}: {left:?} and {right:?}"
                    );
                    assert_eq!(content_eq(&sql_type, left, right), found == Ordering::Equal);
                }
            }
        }
    }
}

#[test]
fn whole_numbers() {
    for type_name in ["bigint", "int", "smallint", "tinyint"] {
        check(
            type_name,
            &[
                ("", &[Value::Null]),
                ("NaN", &[real(f64::NAN)]),
                ("-Infinity", &[real(f64::NEG_INFINITY)]),
                (
                    "-9223372036854775808",
                    &[integer(i64::MIN), real(-9_223_372_036_854_775_808.0)],
                ),
                ("-1", &[integer(-1), text("-1")]),
                (
                    "0",
                    &[
                        integer(0),
                        real(-0.0),
                        real(0.0),
                        decimal("0.00"),
                        text("-0"),
                    ],
                ),
                (
                    "1",
                    &[
                        integer(1),
                        real(1.0),
                        decimal("1.0"),
                        text("1"),
                        text("1.0"),
                    ],
                ),
                ("1.5", &[real(1.5), decimal("1.50")]),
                (
                    "9007199254740992",
                    &[
                        integer(9_007_199_254_740_992),
                        real(9_007_199_254_740_992.0),
                    ],
                ),
                (
                    "9007199254740993",
                    &[integer(9_007_199_254_740_993), text("9007199254740993")],
                ),
                ("1E+300", &[real(1e300)]),
                ("1962-02-18", &[text("1962-02-18")]),
                ("abc", &[text("abc")]),
                ("0102", &[blob(&[1, 2])]),
            ],
        );
    }
}

#[test]
fn bits() {
    check(
        "bit",
        &[
            (
                "False",
                &[
                    integer(0),
                    real(-0.0),
                    text("0"),
                    text("false"),
                    text("FALSE"),
                ],
            ),
            ("True", &[integer(1), real(1.0), text("1"), text("True")]),
            ("2", &[integer(2)]),
            ("yes", &[text("yes")]),
        ],
    );
}

#[test]
fn exact_decimals() {
    check(
        "decimal(10,2)",
        &[
            ("-1.50", &[real(-1.5), decimal("-1.500"), text("-1.5")]),
            (
                "0.00",
                &[integer(0), real(-0.0), decimal("0"), text("-0.000")],
            ),
            ("0.99", &[real(0.99), decimal("0.99"), text("0.9900")]),
            (
                "1.00",
                &[
                    integer(1),
                    real(1.0),
                    decimal("1.00"),
                    text("1"),
                    text("1e0"),
                ],
            ),
            ("1.005", &[real(1.005), decimal("1.005")]),
            ("12345678.90", &[real(12_345_678.9), text("12345678.90")]),
            ("1E+300", &[real(1e300)]),
            ("1e300", &[text("1e300")]),
            ("n/a", &[text("n/a")]),
        ],
    );
    check(
        "money",
        &[
            ("-0.0001", &[real(-0.0001)]),
            ("1.0000", &[integer(1), decimal("1"), text("1.00")]),
        ],
    );
    check("smallmoney", &[("0.9900", &[real(0.99)])]);
    check(
        "numeric",
        &[("0.5", &[real(0.5)]), ("1", &[decimal("1.000")])],
    );
    check(
        "decimal(38,0)",
        &[
            (
                "12345678901234567890123456789012345677",
                &[decimal("12345678901234567890123456789012345677")],
            ),
            (
                "12345678901234567890123456789012345678",
                &[text("12345678901234567890123456789012345678")],
            ),
        ],
    );
}

#[test]
fn floating_point_numbers() {
    for type_name in ["float", "float(24)", "real"] {
        check(
            type_name,
            &[
                ("NaN", &[real(f64::NAN), real(-f64::NAN)]),
                ("-Infinity", &[real(f64::NEG_INFINITY)]),
                ("-2.5E-07", &[real(-2.5e-7), text("-2.5e-7")]),
                ("0", &[real(-0.0), real(0.0), integer(0), decimal("0.0")]),
                ("1E-05", &[real(0.00001)]),
                ("0.0001", &[real(0.0001), decimal("0.000100")]),
                (
                    "0.1000000000000000055511151231257827",
                    &[decimal("0.1000000000000000055511151231257827")],
                ),
                ("0.1", &[real(0.1), decimal("0.10"), text("0.1")]),
                ("0.30000000000000004", &[real(0.1 + 0.2)]),
                ("1", &[real(1.0), integer(1), text("1.0")]),
                (
                    "123456789012345",
                    &[real(123_456_789_012_345.0), integer(123_456_789_012_345)],
                ),
                ("1E+15", &[real(1e15), integer(1_000_000_000_000_000)]),
                (
                    "9.007199254740992E+15",
                    &[
                        real(9_007_199_254_740_992.0),
                        integer(9_007_199_254_740_992),
                    ],
                ),
                (
                    "9007199254740993",
                    &[integer(9_007_199_254_740_993), text("9007199254740993")],
                ),
                (
                    "1.2676506002282294E+30",
                    &[
                        real(1.2676506002282294e30),
                        decimal("1267650600228229401496703205376"),
                        decimal("1267650600228229400000000000000"),
                    ],
                ),
                ("1E+300", &[real(1e300), text("1e300")]),
                ("Infinity", &[real(f64::INFINITY)]),
                ("1e400", &[text("1e400")]),
                ("Infinity", &[text("Infinity")]),
                ("inf", &[text("inf")]),
            ],
        );
    }
}

#[test]
fn texts() {
    for type_name in ["varchar(10)", "nvarchar(max)", "text", "ntext", "xml"] {
        check(
            type_name,
            &[
                ("1", &[integer(1), real(1.0)]),
                ("2031-01-09 00:00:00", &[date("2031-01-09")]),
                ("", &[text("")]),
                ("1", &[text("1")]),
                ("1.0", &[text("1.0")]),
                ("ABC", &[text("ABC")]),
                ("abc", &[text("abc")]),
                ("abc ", &[text("abc ")]),
                ("å", &[text("å")]),
                ("\u{ffff}", &[text("\u{ffff}")]),
                ("𝄞", &[text("𝄞")]),
                ("616263", &[blob(b"abc")]),
            ],
        );
    }
}

#[test]
fn padded_texts() {
    for type_name in ["char(4)", "nchar(4)"] {
        check(
            type_name,
            &[
                ("    ", &[text(""), text("  ")]),
                (" a  ", &[text(" a"), text(" a  ")]),
                ("a   ", &[text("a"), text("a   ")]),
                ("abcde", &[text("abcde")]),
                ("𝄞  ", &[text("𝄞")]),
            ],
        );
    }
    check("char", &[("a", &[text("a"), text("a ")])]);
    assert_eq!(
        key_text(&sql_type("char(4000000000)"), &text("")).len(),
        8_000
    );
}

#[test]
fn bytes() {
    for type_name in ["varbinary(max)", "image", "rowversion", "timestamp"] {
        check(
            type_name,
            &[
                ("abc", &[text("abc")]),
                ("", &[blob(&[])]),
                ("00", &[blob(&[0])]),
                ("01ff", &[blob(&[1, 255])]),
                ("01ff00", &[blob(&[1, 255, 0])]),
            ],
        );
    }
    check(
        "binary(3)",
        &[
            ("000000", &[blob(&[]), blob(&[0])]),
            ("010000", &[blob(&[1]), blob(&[1, 0, 0])]),
            ("01020304", &[blob(&[1, 2, 3, 4])]),
        ],
    );
}

#[test]
fn dates_and_times() {
    check(
        "date",
        &[
            ("5", &[integer(5)]),
            (
                "1962-02-18",
                &[
                    date("1962-02-18"),
                    text("1962-02-18"),
                    text("1962-02-18 00:00:00"),
                    date_time("1962-02-18"),
                ],
            ),
            ("1962-02-18 00:00:00.5", &[text("1962-02-18T00:00:00.5")]),
            ("18.2.1962", &[text("18.2.1962")]),
        ],
    );
    for type_name in ["datetime", "datetime2(3)", "smalldatetime"] {
        check(
            type_name,
            &[
                (
                    "1962-02-18 00:00:00",
                    &[
                        date("1962-02-18"),
                        text("1962-02-18"),
                        text("1962-02-18T00:00"),
                    ],
                ),
                (
                    "1962-02-18 10:20:30.5",
                    &[
                        date_time("1962-02-18 10:20:30.5"),
                        text("1962-02-18 10:20:30.500"),
                    ],
                ),
                ("1962-02-18T10:20:30Z", &[text("1962-02-18T10:20:30Z")]),
            ],
        );
    }
    check(
        "time(3)",
        &[
            (
                "10:20:00",
                &[time("10:20"), text("10:20"), text("10:20:00.000")],
            ),
            ("10:20:00.0000001", &[time("10:20:00.0000001")]),
        ],
    );
    check(
        "datetimeoffset",
        &[
            (
                "2031-01-09 08:20:00+00:00",
                &[
                    date_time_offset("2031-01-09 08:20Z"),
                    text("2031-01-09T08:20Z"),
                ],
            ),
            (
                "2031-01-09 10:20:00+02:00",
                &[
                    date_time_offset("2031-01-09 10:20+02:00"),
                    text("2031-01-09T10:20:00.0 +02:00"),
                ],
            ),
            ("2031-01-09 08:20:01+00:00", &[text("2031-01-09 08:20:01Z")]),
        ],
    );
}

#[test]
fn guids() {
    let guid = Uuid::from_u128(0x2d498460_5fe9_41c3_9ddc_b4eee3aa7c8e);
    let mixed_endian = [
        0x60, 0x84, 0x49, 0x2d, 0xe9, 0x5f, 0xc3, 0x41, 0x9d, 0xdc, 0xb4, 0xee, 0xe3, 0xaa, 0x7c,
        0x8e,
    ];
    check(
        "uniqueidentifier",
        &[
            (
                "00000000-0000-0000-0000-000000000000",
                &[Value::Guid(Uuid::nil()), blob(&[0; 16])],
            ),
            (
                "2d498460-5fe9-41c3-9ddc-b4eee3aa7c8e",
                &[
                    Value::Guid(guid),
                    blob(&mixed_endian),
                    text("2D498460-5FE9-41C3-9DDC-B4EEE3AA7C8E"),
                    text("{2d498460-5fe9-41c3-9ddc-b4eee3aa7c8e}"),
                    text("2d4984605fe941c39ddcb4eee3aa7c8e"),
                ],
            ),
            ("none", &[text("none")]),
            ("60", &[blob(&[0x60])]),
        ],
    );
}

#[test]
fn variants_are_what_they_are() {
    for type_name in ["sql_variant", "geography"] {
        check(
            type_name,
            &[
                ("1", &[integer(1), real(1.0), decimal("1.00")]),
                (
                    "2031-01-09 00:00:00",
                    &[date("2031-01-09"), date_time("2031-01-09")],
                ),
                ("10:20:00", &[time("10:20")]),
                (
                    "00000000-0000-0000-0000-000000000001",
                    &[Value::Guid(Uuid::from_u128(1))],
                ),
                ("1", &[text("1")]),
                ("2031-01-09", &[text("2031-01-09")]),
                ("01", &[blob(&[1])]),
            ],
        );
    }
}

#[test]
fn identical_means_stored_alike() {
    let differ = [
        (integer(1), real(1.0)),
        (real(0.0), real(-0.0)),
        (decimal("1.0"), decimal("1.00")),
        (text("a"), blob(b"a")),
        (text("a"), text("A")),
        (Value::Null, integer(0)),
    ];
    for (left, right) in &differ {
        assert!(
            !identical(left.as_ref(), right.as_ref()),
            "{left:?} and {right:?}"
        );
    }
    for value in [
        Value::Null,
        real(f64::NAN),
        real(-0.0),
        text("å"),
        decimal("1.00"),
    ] {
        assert!(
            identical(value.as_ref(), value.clone().as_ref()),
            "{value:?}"
        );
    }
}

/// Whether a value is of the storage class that its column's type calls for.
fn fits(sql_type: &SqlType, value: &Value) -> bool {
    match sql_type.family() {
        TypeFamily::Integer => matches!(value, Value::Integer(_)),
        TypeFamily::Bit => matches!(value, Value::Integer(0 | 1)),
        TypeFamily::Decimal => matches!(value, Value::Decimal(_) | Value::Integer(_)),
        TypeFamily::Float => matches!(value, Value::Real(_)),
        TypeFamily::Text => matches!(value, Value::Text(_)),
        TypeFamily::Binary | TypeFamily::RowVersion => matches!(value, Value::Blob(_)),
        TypeFamily::Date => matches!(value, Value::Date(_)),
        TypeFamily::Time => matches!(value, Value::Time(_)),
        TypeFamily::DateTime => matches!(value, Value::DateTime(_)),
        TypeFamily::DateTimeOffset => matches!(value, Value::DateTimeOffset(_)),
        TypeFamily::Guid => matches!(value, Value::Guid(_)),
        TypeFamily::Variant => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn content_is_totally_ordered(sql_type in any_type(), a in any_value(), b in any_value(), c in any_value()) {
        let cmp = |left: &Value, right: &Value| content_cmp(&sql_type, left.as_ref(), right.as_ref());
        prop_assert_eq!(cmp(&a, &a), Ordering::Equal);
        prop_assert_eq!(cmp(&a, &b), cmp(&b, &a).reverse());
        if cmp(&a, &b) != Ordering::Greater && cmp(&b, &c) != Ordering::Greater {
            prop_assert_ne!(cmp(&a, &c), Ordering::Greater);
            let equal = cmp(&a, &b) == Ordering::Equal && cmp(&b, &c) == Ordering::Equal;
            prop_assert_eq!(cmp(&a, &c) == Ordering::Equal, equal);
        }
    }

    #[test]
    fn equal_content_has_one_key_text(sql_type in any_type(), a in any_value(), b in any_value()) {
        let equal = content_eq(&sql_type, a.as_ref(), b.as_ref());
        prop_assert_eq!(equal, content_cmp(&sql_type, a.as_ref(), b.as_ref()) == Ordering::Equal);
        prop_assert!(equal || !identical(a.as_ref(), b.as_ref()));
        let same_text = key_text(&sql_type, &a) == key_text(&sql_type, &b);
        prop_assert!(same_text || !equal, "equal, but written as {} and {}", key_text(&sql_type, &a), key_text(&sql_type, &b));
        if fits(&sql_type, &a) && fits(&sql_type, &b) {
            prop_assert_eq!(same_text, equal);
        }
    }

    #[test]
    fn the_written_key_means_the_key(sql_type in any_type(), value in any_value()) {
        // What a database without the type stores for a value compares equal to it.
        let family = sql_type.family();
        let textual = !matches!(family, TypeFamily::Binary | TypeFamily::RowVersion | TypeFamily::Variant | TypeFamily::Float);
        if fits(&sql_type, &value) && textual {
            let stored = Value::Text(key_text(&sql_type, &value));
            prop_assert!(content_eq(&sql_type, value.as_ref(), stored.as_ref()), "{:?} and {:?}", value, stored);
        }
    }

    #[test]
    fn reals_and_decimals_compare_exactly(number in any_real(), other in any_decimal()) {
        let float = sql_type("float");
        let found = content_cmp(&float, ValueRef::Real(number), ValueRef::Decimal(other));
        // Where the nearest real differs, it already tells the order.
        let nearest = other.to_f64();
        if number != nearest {
            let expected = number.partial_cmp(&nearest).unwrap_or(Ordering::Less);
            prop_assert_eq!(found, expected);
        }
    }
}

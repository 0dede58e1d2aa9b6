//! What several tests share: values of every kind, with those that make trouble among them.

use proptest::prelude::*;
use sync_metadata::{Date, DateTime, DateTimeOffset, Decimal, SqlType, Time, Value};
use uuid::Uuid;

/// One type of each kind that has rules of its own.
pub(crate) const TYPES: [&str; 27] = [
    "bigint",
    "int",
    "bit",
    "decimal(10,2)",
    "decimal(38,10)",
    "numeric",
    "money",
    "float",
    "real",
    "char(4)",
    "varchar(10)",
    "nchar(4)",
    "nvarchar(max)",
    "xml",
    "binary(3)",
    "varbinary(10)",
    "image",
    "date",
    "time",
    "datetime",
    "datetime2(3)",
    "smalldatetime",
    "datetimeoffset",
    "uniqueidentifier",
    "sql_variant",
    "rowversion",
    "geography",
];

pub(crate) fn sql_type(text: &str) -> SqlType {
    text.parse().unwrap()
}

pub(crate) fn any_type() -> impl Strategy<Value = SqlType> {
    prop::sample::select(&TYPES[..]).prop_map(sql_type)
}

pub(crate) fn any_decimal() -> impl Strategy<Value = Decimal> {
    let limit = 10_i128.pow(38);
    let mantissa = prop_oneof![
        -200_i128..200,
        1 - limit..limit,
        any::<i64>().prop_map(i128::from),
        (0_u32..38, -9_i128..10).prop_map(|(zeros, digit)| digit * 10_i128.pow(zeros)),
        Just(limit - 1),
    ];
    (mantissa, prop_oneof![0_u8..4, 0_u8..=38])
        .prop_map(|(mantissa, scale)| Decimal::new(mantissa, scale).unwrap())
}

pub(crate) fn any_real() -> impl Strategy<Value = f64> {
    let special = [
        0.0,
        -0.0,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MAX,
        f64::MIN_POSITIVE,
        5e-324,
        0.1,
        1e15,
        1e37,
        1e38,
        9_007_199_254_740_992.0,
        9_223_372_036_854_775_808.0,
    ];
    prop_oneof![
        any::<f64>(),
        prop::sample::select(special.to_vec()),
        (-200_i32..200).prop_map(|n| f64::from(n) / 4.0),
        any::<i64>().prop_map(|n| n as f64),
        any_decimal().prop_map(Decimal::to_f64),
    ]
}

pub(crate) fn any_date() -> impl Strategy<Value = Date> {
    prop_oneof![0..=3_652_058_i32, 730_000..730_002_i32]
        .prop_map(|days| Date::from_days(days).unwrap())
}

pub(crate) fn any_time() -> impl Strategy<Value = Time> {
    prop_oneof![
        0..864_000_000_000_u64,
        (0_u64..86_400).prop_map(|s| s * 10_000_000),
        Just(0)
    ]
    .prop_map(|units| Time::from_units(units).unwrap())
}

pub(crate) fn any_date_time() -> impl Strategy<Value = DateTime> {
    (any_date(), any_time()).prop_map(|(date, time)| DateTime::new(date, time))
}

pub(crate) fn any_date_time_offset() -> impl Strategy<Value = DateTimeOffset> {
    (any_date_time(), prop_oneof![-840_i16..=840, Just(0)])
        .prop_filter_map("outside the years 1 to 9999", |(local, offset)| {
            DateTimeOffset::new(local, offset).ok()
        })
}

pub(crate) fn any_guid() -> impl Strategy<Value = Uuid> {
    prop_oneof![any::<u128>(), 0_u128..3].prop_map(Uuid::from_u128)
}

/// Values of every storage class; texts and blobs are often what another class looks like.
pub(crate) fn any_value() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        any::<i64>().prop_map(Value::Integer),
        (-3_i64..4).prop_map(Value::Integer),
        any_real().prop_map(Value::Real),
        any_decimal().prop_map(Value::Decimal),
    ];
    let text = prop_oneof![
        "[ a-c0-1.]{0,6}",
        "\\PC{0,8}",
        Just("true".to_owned()),
        any::<i64>().prop_map(|n| n.to_string()),
        any_real().prop_map(|n| format!("{n:e}")),
        any_real().prop_map(|n| n.to_string()),
        any_decimal().prop_map(|n| n.to_string()),
        any_date().prop_map(|d| d.to_string()),
        any_time().prop_map(|t| t.to_string()),
        any_date_time().prop_map(|d| d.to_string().replace(' ', "T")),
        any_date_time_offset().prop_map(|d| d.to_string()),
        any_guid().prop_map(|g| g.to_string().to_uppercase()),
    ];
    let bytes = prop_oneof![
        prop::collection::vec(0_u8..3, 0..5),
        any_guid().prop_map(|guid| guid.to_bytes_le().to_vec()),
    ];
    prop_oneof![
        1 => Just(Value::Null),
        6 => number,
        6 => text.prop_map(Value::Text),
        2 => bytes.prop_map(Value::Blob),
        1 => any_guid().prop_map(Value::Guid),
        1 => any_date().prop_map(Value::Date),
        1 => any_time().prop_map(Value::Time),
        1 => any_date_time().prop_map(Value::DateTime),
        1 => any_date_time_offset().prop_map(Value::DateTimeOffset),
    ]
}

//! Cells as JSON.

use serde_json::{Value as Json, json};
use sync_metadata::Value;

use super::hex;

/// A cell: NULL is null, integers and reals are numbers, bytes are `{"blob": "hex"}`, everything else is a string. A real that JSON has
/// no number for is a string too (`"inf"`).
pub(crate) fn typed(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Integer(number) => json!(number),
        Value::Real(number) if number.is_finite() => json!(number),
        Value::Real(number) => json!(number.to_string()),
        Value::Text(text) => json!(text),
        Value::Blob(bytes) => json!({ "blob": hex(bytes) }),
        Value::Guid(guid) => json!(guid.to_string()),
        Value::Decimal(number) => json!(number.to_string()),
        Value::Date(date) => json!(date.to_string()),
        Value::Time(time) => json!(time.to_string()),
        Value::DateTime(moment) => json!(moment.to_string()),
        Value::DateTimeOffset(moment) => json!(moment.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: Value, expected: &str) {
        assert_eq!(typed(&value).to_string(), expected, "{value:?}");
    }

    #[test]
    fn each_kind_of_cell() {
        check(Value::Null, "null");
        check(Value::Integer(i64::MAX), "9223372036854775807");
        check(Value::Integer(i64::MIN), "-9223372036854775808");
        check(Value::Real(0.1), "0.1");
        check(Value::Real(1.0), "1.0");
        check(Value::Real(f64::INFINITY), r#""inf""#);
        check(Value::Text("a\"å\n".into()), r#""a\"å\n""#);
        check(Value::Blob(vec![1, 0xff]), r#"{"blob":"01ff"}"#);
        check(Value::Decimal("1.50".parse().unwrap()), r#""1.50""#);
        check(
            Value::Date("2031-01-09".parse().unwrap()),
            r#""2031-01-09""#,
        );
        let guid = "2d498460-5fe9-41c3-9ddc-b4eee3aa7c8e";
        check(Value::Guid(guid.parse().unwrap()), &format!("{guid:?}"));
    }
}

//! Keys as people read them.

use std::fmt::Write as _;

use sync_metadata::Value;

use crate::plain::plain;

/// A key as people read it: its cells, separated by commas.
pub(crate) fn key(cells: &[Value]) -> String {
    cells.iter().map(cell).collect::<Vec<_>>().join(", ")
}

/// A cell as people read it.
fn cell(value: &Value) -> String {
    const MOST: usize = 60;
    let mut shown = match value {
        Value::Null => "NULL".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) => plain(text).into_owned(),
        Value::Blob(bytes) => {
            let mut hex = String::from("0x");
            for byte in bytes.iter().take(MOST) {
                let _ = write!(hex, "{byte:02x}");
            }
            hex
        }
        Value::Guid(guid) => guid.to_string(),
        Value::Decimal(number) => number.to_string(),
        Value::Date(date) => date.to_string(),
        Value::Time(time) => time.to_string(),
        Value::DateTime(moment) => moment.to_string(),
        Value::DateTimeOffset(moment) => moment.to_string(),
    };
    if let Some((end, _)) = shown.char_indices().nth(MOST) {
        shown.truncate(end);
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_plain_and_of_bounded_length() {
        assert_eq!(
            key(&[Value::Integer(7), Value::Text("a\tb".into())]),
            "7, a\\tb"
        );
        assert_eq!(key(&[Value::Text("x".repeat(99))]).chars().count(), 61);
    }
}

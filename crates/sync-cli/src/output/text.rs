//! Text that came from databases and arguments, on its way to a terminal.

use std::borrow::Cow;
use std::fmt::Write as _;

use sync_metadata::Value;

/// The same text without control characters, which could move the cursor, colour the terminal or break the line. Nor may marks of
/// writing direction turn around what follows.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_control) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_control(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

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
    fn control_characters_are_shown_rather_than_obeyed() {
        assert_eq!(plain("Grüße 表"), "Grüße 表");
        assert_eq!(plain("a\nb\u{1b}[31m\u{202e}"), "a\\nb\\u{1b}[31m\\u{202e}");
        assert_eq!(
            key(&[Value::Integer(7), Value::Text("a\tb".into())]),
            "7, a\\tb"
        );
        assert_eq!(key(&[Value::Text("x".repeat(99))]).chars().count(), 61);
    }
}

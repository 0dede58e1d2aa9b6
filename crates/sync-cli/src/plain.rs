//! Text that came from databases and arguments, on its way to a terminal.

use std::borrow::Cow;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown_rather_than_obeyed() {
        assert_eq!(plain("Grüße 表"), "Grüße 表");
        assert_eq!(plain("a\nb\u{1b}[31m\u{202e}"), "a\\nb\\u{1b}[31m\\u{202e}");
    }
}

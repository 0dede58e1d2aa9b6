//! A short text on the stack, so that reformatting a number allocates nothing.

use std::fmt;

/// Holds up to 64 bytes; what does not fit makes the write fail.
pub(crate) struct StackText {
    bytes: [u8; 64],
    length: usize,
}

impl StackText {
    pub(crate) fn format(arguments: fmt::Arguments<'_>) -> Self {
        let mut text = Self {
            bytes: [0; 64],
            length: 0,
        };
        // A text cut short parses as nothing, which every caller treats as "does not fit".
        if fmt::write(&mut text, arguments).is_err() {
            text.length = 0;
        }
        text
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

impl fmt::Write for StackText {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let end = self.length + part.len();
        let Some(space) = self.bytes.get_mut(self.length..end) else {
            return Err(fmt::Error);
        };
        space.copy_from_slice(part.as_bytes());
        self.length = end;
        Ok(())
    }
}

//! Documents that several commands share. Each command's own stands beside it.

mod knowledge;
mod typed;

pub(crate) use knowledge::{KnowledgeDocument, replica_text};
pub(crate) use typed::typed;

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

//! Base64 (RFC 4648, section 4), as XML schemas have it.

use std::string::String;
use std::vec::Vec;

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Writes bytes.
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let byte = |at: usize| u32::from(three.get(at).copied().unwrap_or(0));
        let word = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let value = (word >> (18 - 6 * digit)) & 0x3f;
            let padding = digit > three.len();
            text.push(if padding {
                '='
            } else {
                char::from(DIGITS[value as usize])
            });
        }
    }
    text
}

/// Reads bytes; `None` for what [`encode`] never writes.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for four in text.as_bytes().chunks(4) {
        let digits = four
            .iter()
            .position(|digit| *digit == b'=')
            .unwrap_or(four.len());
        let padded = four[digits..].iter().all(|digit| *digit == b'=');
        if four.len() < 4 || digits < 2 || !padded {
            return None;
        }
        let mut word: u32 = 0;
        for digit in &four[..digits] {
            let value = DIGITS.iter().position(|known| known == digit)?;
            word = word << 6 | value as u32;
        }
        let bytes_of_word = (word << (6 * (4 - digits))).to_be_bytes();
        bytes.extend_from_slice(&bytes_of_word[1..digits]);
    }
    // Padding within the text and digits with bits to spare are written by nobody.
    (encode(&bytes) == text).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn there_and_back() {
        for (bytes, text) in [
            (&b""[..], ""),
            (b"f", "Zg=="),
            (b"fo", "Zm8="),
            (b"foo", "Zm9v"),
            (b"foob", "Zm9vYg=="),
            (b"fooba", "Zm9vYmE="),
            (b"\xfb\xff\xbf", "+/+/"),
        ] {
            assert_eq!(encode(bytes), text);
            assert_eq!(decode(text).as_deref(), Some(bytes));
        }
        for wrong in [
            "Z", "Zg", "Zg=", "Zg===", "Zh==", "=g==", "Z===", "Zg==Zg==", "Zm 9", "Zm9-",
        ] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }
}

//! When a database takes two texts in a key column for one.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// How a database compares the texts of a key column: what its collation means for equality.
///
/// It belongs to the database rather than to the configuration of a scope, so whoever reads a configuration gets [`KeyEquality::Exact`] and the
/// provider puts in what its catalogue says. Both sides of a session have to agree, or a key of one side could be two at the other.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum KeyEquality {
    /// Texts are equal where their bytes are (SQLite's `BINARY`).
    #[default]
    Exact,
    /// The letters A to Z equal a to z, others only themselves; behind a NUL nothing but the length counts (SQLite's `NOCASE`).
    NoCase,
    /// Blanks at the end do not count (SQLite's `RTRIM`).
    RTrim,
}

impl KeyEquality {
    /// The name that messages give it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            KeyEquality::Exact => "BINARY",
            KeyEquality::NoCase => "NOCASE",
            KeyEquality::RTrim => "RTRIM",
        }
    }

    /// The one text that stands for all texts equal to this one. It is equal to them itself.
    ///
    /// ```
    /// use sync_metadata::KeyEquality;
    ///
    /// assert_eq!(KeyEquality::Exact.fold("Ab "), "Ab ");
    /// assert_eq!(KeyEquality::NoCase.fold("Ab "), "ab ");
    /// assert_eq!(KeyEquality::RTrim.fold("Ab "), "Ab");
    /// ```
    #[must_use]
    pub fn fold(self, text: &str) -> Cow<'_, str> {
        match self {
            KeyEquality::Exact => Cow::Borrowed(text),
            KeyEquality::NoCase => fold_case(text),
            KeyEquality::RTrim => Cow::Borrowed(text.trim_end_matches(' ')),
        }
    }
}

fn fold_case(text: &str) -> Cow<'_, str> {
    let folded = |byte: u8| byte.is_ascii_uppercase() || byte == 0;
    if !text.bytes().any(folded) {
        return Cow::Borrowed(text);
    }
    let before = text.split('\0').next().unwrap_or(text);
    let mut lower = before.to_ascii_lowercase();
    lower.extend(std::iter::repeat_n('\0', text.len() - before.len()));
    Cow::Owned(lower)
}

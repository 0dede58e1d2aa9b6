//! Warnings, which go to standard error.

use std::io::Write as _;

use super::paint;
use crate::plain::plain;

/// Says on standard error what the user should know.
pub(crate) fn warn(warnings: &[String]) {
    for warning in warnings {
        let _ = writeln!(
            anstream::stderr(),
            "{}: {}",
            paint::warning("warning"),
            plain(warning)
        );
    }
}

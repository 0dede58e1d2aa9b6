//! The one place that reads a clock. Clocks are shown to people; nothing depends on them.

use std::time::SystemTime;

/// The time now.
#[allow(clippy::disallowed_methods)] // this module is the exception that the ban exists for
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

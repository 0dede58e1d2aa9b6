//! The one place that reads the clock for a session. Times are shown to people; nothing depends on them.

use std::time::SystemTime;

/// The time now.
#[expect(
    clippy::disallowed_methods,
    reason = "this module is the exception that the ban exists for"
)]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

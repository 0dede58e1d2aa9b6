//! What a session of ours says of itself in its session context, so that triggers know whose rows it writes.

use crate::ddl::{APPLYING, APPLYING_TO};
use crate::sql::{object, text};
use crate::store::sql::TableNames;

/// A session of ours says for which store it applies rows, or that it does no longer.
pub(super) fn applying(store: Option<&str>) -> String {
    let say = |key: &str, what: &str| format!("EXEC sp_set_session_context {}, {what}", text(key));
    match store {
        Some(store) => say(APPLYING, &text(store)),
        None => format!("{}; {}", say(APPLYING, "NULL"), say(APPLYING_TO, "NULL")),
    }
}

impl TableNames {
    /// Says to the triggers which table the session writes: what happens to others meanwhile, by a cascade, is a change made here.
    pub(super) fn writing(&self) -> String {
        format!(
            "EXEC sp_set_session_context {}, {}",
            text(APPLYING_TO),
            text(&object(&self.side))
        )
    }
}

//! Remembering what was known, to see later whether there is more.

use crate::{Knowledge, Relation};

/// What a replica knew at some time, to be compared with what it knows later (GetKnowledgeCookie).
///
/// Nobody can change a cookie or learn from it. Taking one copies no key map.
///
/// ```
/// use sync_knowledge::{Knowledge, Relation, ReplicaId};
///
/// let mut knowledge = Knowledge::new(ReplicaId::from_bytes(b"replica here ..."));
/// let before = knowledge.cookie();
/// knowledge.set_local_tick(1);
/// assert_eq!(knowledge.compare_to_cookie(&before), Relation::Contains);
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KnowledgeCookie(pub(crate) Knowledge);

impl Knowledge {
    /// Remembers what is known now.
    pub fn cookie(&self) -> KnowledgeCookie {
        KnowledgeCookie(self.clone())
    }

    /// How this knowledge stands to what was known when the cookie was taken.
    pub fn compare_to_cookie(&self, cookie: &KnowledgeCookie) -> Relation {
        self.compare(&cookie.0)
    }
}

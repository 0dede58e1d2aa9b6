//! Reading as source: the mark, and the rows in one snapshot.

mod fetch;
pub(super) mod mark;
mod scan;
mod whole;

use crate::store::open_scope::OpenScope;

/// A snapshot that is open, lent to whoever reads rows in it.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Snapshot<'a> {
    pub(super) scope: OpenScope<'a>,
}

//! The statements of a store, as text: all that depends on the form of tables, tracking tables and metadata tables. Others run them.

pub(super) mod references;
pub(super) mod referring_rows;
pub(super) mod scope;
pub(super) mod table;

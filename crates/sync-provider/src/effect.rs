//! What storing a row does to its table.

use serde::{Deserialize, Serialize};
use sync_metadata::Value;

/// What storing a row does to its table.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// A row comes to be.
    Insert,
    /// A row changes.
    Update,
    /// A row goes.
    Delete,
    /// The table stays as it is; only the row's version is another one. So it is with content that is there already, and with a conflict that
    /// the row at the destination won.
    Version,
}

/// A row that was stored, and what that did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RowEffect {
    /// Global name of the table.
    pub table: String,
    /// The key of the row.
    pub key: Vec<Value>,
    /// What storing it did.
    pub effect: Effect,
}

//! Where a provider stands in a session.

use serde::{Deserialize, Serialize};

/// Where a provider stands in a session (`SyncProviderPosition`).
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Position {
    /// The orchestrator's local provider: its changes are uploaded.
    Local,
    /// The remote provider: its changes are downloaded.
    Remote,
}

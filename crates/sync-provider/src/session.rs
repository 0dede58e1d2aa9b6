//! What a session is called, and what both sides say when one begins.

use serde::{Deserialize, Serialize};
use sync_knowledge::ReplicaId;
use sync_metadata::ScopeDescription;
use uuid::Uuid;

use crate::policy::{ConflictPolicy, ErrorPolicy};
use crate::position::Position;

/// Names one session at both of its providers.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SessionId(pub Uuid);

/// What the orchestrator tells a provider when a session begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BeginSession {
    /// The session; every later call names it.
    pub session: SessionId,
    /// Where this provider stands.
    pub position: Position,
    /// How conflicts are settled when this provider is the destination.
    pub policy: ConflictPolicy,
    /// What rows lead to that cannot be written.
    pub errors: ErrorPolicy,
    /// About how many bytes of rows a change batch may hold; a row larger than that travels alone.
    pub batch_bytes: u64,
    /// The session is a rehearsal: it goes as it would, each direction seeing what the one before it did, and nothing of it stays at the provider when it
    /// ends. The outcomes of batches name the rows ([`BatchOutcome::rows`](crate::BatchOutcome::rows)).
    pub rehearsal: bool,
}

/// What a provider says of itself when a session begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplicaInfo {
    /// The replica: this database for this scope.
    pub replica: ReplicaId,
    /// The scope and its tables as this side sees them.
    pub description: ScopeDescription,
    /// Whether rows carry the time and the writer of their last change, which two of the policies need.
    pub attributes: bool,
}

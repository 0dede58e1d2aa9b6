//! What a session is called, and what both sides say when one begins.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sync_knowledge::{ReplicaId, Tick};
use sync_metadata::ScopeDescription;
use uuid::Uuid;

use crate::error::ProviderError;
use crate::policy::{ConflictPolicy, ErrorPolicy};
use crate::position::Position;

/// Names one session at both of its providers.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SessionId(pub Uuid);

/// A version of the contract. A provider speaks one of them in a session.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ContractVersion(pub u16);

impl ContractVersion {
    /// The version that this crate describes.
    pub const CURRENT: ContractVersion = ContractVersion(1);
}

/// What the orchestrator tells a provider when a session begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BeginSession {
    /// The session; every later call names it.
    pub session: SessionId,
    /// The version of the contract that the caller speaks.
    pub contract: ContractVersion,
    /// The scope that is meant, where the caller names one. A provider that stands for another one refuses.
    pub scope: Option<String>,
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
    /// After how long without a call the provider lets the session go, undoing what is open. `None`: not by itself; a caller in the same process
    /// ends or abandons it.
    pub lease: Option<Duration>,
}

impl BeginSession {
    /// A session with the policies that apply unless somebody chooses others: the destination wins, rows that fail wait, batches of 1 MiB.
    pub fn new(session: SessionId, position: Position) -> Self {
        BeginSession {
            session,
            contract: ContractVersion::CURRENT,
            scope: None,
            position,
            policy: ConflictPolicy::default(),
            errors: ErrorPolicy::default(),
            batch_bytes: 1 << 20,
            rehearsal: false,
            lease: None,
        }
    }

    /// Whether a provider of this version that stands for `scope` can take part.
    ///
    /// # Errors
    /// [`ProviderError::Version`] where the caller speaks a later contract, [`ProviderError::Refused`] where it means another scope.
    pub fn check(&self, scope: &str) -> Result<(), ProviderError> {
        if self.contract > ContractVersion::CURRENT {
            let (theirs, ours) = (self.contract.0, ContractVersion::CURRENT.0);
            return Err(ProviderError::Version {
                object: format!("scope {scope}"),
                reason: format!(
                    "the caller speaks version {theirs} of the contract, and this provider knows versions up to {ours}"
                ),
                remedy: "let the newer side speak the older version, or upgrade the older side"
                    .into(),
            });
        }
        match &self.scope {
            Some(meant) if !meant.eq_ignore_ascii_case(scope) => Err(ProviderError::refused(
                format!("scope {meant}"),
                format!("the provider stands for scope {scope}"),
                "name that scope, or choose the provider of the other one",
            )),
            _ => Ok(()),
        }
    }
}

/// What not every provider can do.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Capability {
    /// Rows carry the time and the writer of their last change, which two of the policies need.
    RowAttributes,
    /// It can rehearse a session.
    Rehearsal,
}

/// What a provider says of itself when a session begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ReplicaInfo {
    /// The version of the contract that it speaks in this session.
    pub contract: ContractVersion,
    /// The replica: this database for this scope.
    pub replica: ReplicaId,
    /// The scope and its tables as this side sees them.
    pub description: ScopeDescription,
    /// What it can do.
    pub capabilities: BTreeSet<Capability>,
    /// What it knows, encoded (version 5), so that outdated peers are found before any row moves.
    pub knowledge: Vec<u8>,
    /// The greatest tick of its own up to which every change is committed: it knows those as well, whatever the knowledge says.
    pub tick: Tick,
    /// What it has forgotten, encoded; empty where nothing was cleaned up.
    pub forgotten: Vec<u8>,
}

impl ReplicaInfo {
    /// Of a replica that has forgotten nothing and has no further capability.
    pub fn new(replica: ReplicaId, description: ScopeDescription, knowledge: Vec<u8>) -> Self {
        ReplicaInfo {
            contract: ContractVersion::CURRENT,
            replica,
            description,
            capabilities: BTreeSet::new(),
            knowledge,
            tick: 0,
            forgotten: Vec::new(),
        }
    }

    /// Whether it can do something.
    pub fn can(&self, capability: Capability) -> bool {
        self.capabilities.contains(&capability)
    }
}

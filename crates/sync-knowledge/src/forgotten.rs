//! What may have been forgotten: the versions of tombstones that are gone.

use alloc::vec::Vec;

use crate::fragments::Fragments;
use crate::{ClockVector, DecodeError, Knowledge, Version};

/// The versions that a replica's removed tombstones may have had.
///
/// Whoever removes the record of a deletion can no longer pass the deletion on. A peer that does
/// not contain this knowledge may lack one of those deletions and is *outdated*: told nothing, it
/// would bring the row back. It is an over-estimate: it covers items whose records are all still
/// there.
///
/// ```
/// use sync_knowledge::{ForgottenKnowledge, Knowledge, ReplicaId, ReplicaKey, Version};
///
/// let mut here = Knowledge::new(ReplicaId::from_bytes(b"replica here ..."));
/// here.set_local_tick(20);
/// let peer = here.clone();
/// here.set_local_tick(30);
///
/// // A row deleted at tick 25, its tombstone removed at tick 30: the peer missed it.
/// let mut forgotten = ForgottenKnowledge::new(&here);
/// forgotten.forget_to(&here, Version::new(ReplicaKey::LOCAL, 25));
/// assert!(!peer.contains_knowledge(forgotten.knowledge()));
/// assert!(here.contains_knowledge(forgotten.knowledge()));
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ForgottenKnowledge(Knowledge);

impl ForgottenKnowledge {
    /// Nothing is forgotten yet, over the key map and id formats of the replica's knowledge.
    pub fn new(knowledge: &Knowledge) -> Self {
        ForgottenKnowledge(knowledge.with_fragments(Fragments::uniform(ClockVector::new())))
    }

    /// All versions up to `version` of its replica, as far as `knowledge` contains them, may have
    /// been forgotten (ForgetTo). Never takes anything back. The version's key is one of
    /// `knowledge`, which is the replica's own.
    ///
    /// A tombstone may be removed only if its version is contained in `knowledge`. Under that
    /// condition no removed tombstone escapes, and the replica's own knowledge always contains what
    /// it forgot, so that nobody who has all of it is ever called outdated.
    pub fn forget_to(&mut self, knowledge: &Knowledge, version: Version) {
        let known = knowledge.fragments.folded(ClockVector::merged).into_owned();
        let mut forgotten = knowledge.with_fragments(known);
        forgotten.fragments.change_all(|vector| {
            let tick = vector.tick(version.replica).min(version.tick);
            *vector = ClockVector::new();
            vector.raise(version.replica, tick);
        });
        self.0.combine(&forgotten);
    }

    /// Adds what another forgot too.
    pub fn combine(&mut self, other: &ForgottenKnowledge) {
        self.0.combine(&other.0);
    }

    /// What may have been forgotten, as knowledge: a destination must contain it.
    pub fn knowledge(&self) -> &Knowledge {
        &self.0
    }

    /// The binary form of Sync Framework, version 5.
    pub fn to_bytes(&self) -> Vec<u8> {
        // There are no column sets, which this form could not hold.
        self.0.to_bytes()
    }

    /// Reads the binary forms that [`Knowledge::from_bytes`] reads.
    ///
    /// # Errors
    ///
    /// The same as for knowledge.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        Knowledge::from_bytes(bytes).map(ForgottenKnowledge)
    }
}

/// Takes knowledge, whatever made it, as what was forgotten. Where change units differ, the most
/// that is known of one of them counts.
impl From<Knowledge> for ForgottenKnowledge {
    fn from(knowledge: Knowledge) -> Self {
        let folded = knowledge.fragments.folded(ClockVector::merged).into_owned();
        ForgottenKnowledge(knowledge.with_fragments(folded))
    }
}

//! The knowledge of a source and of a destination, side by side.

use sync_decision::{LearnedDelta, learn, untrusted_knowledge, worth_storing};
use sync_knowledge::{KeyMapping, Knowledge, ReplicaKey};
use sync_provider::{BatchKind, ChangeBatch, ProviderError};

use crate::scope::own_knowledge;
use crate::store::{Scope, ScopeState, Store, Waiting};

/// Whether a direction that consists of this batch alone has nothing to apply and nothing to teach that is worth a write: then no lock is taken.
///
/// `seen` is what the scope row held when the direction began, if that is known: whoever changed it since has learned more, and so finds even
/// less in the batch.
pub(crate) async fn is_idle(
    store: &mut dyn Store,
    batch: &ChangeBatch,
    seen: Option<(ScopeState, Vec<Waiting>)>,
) -> Result<bool, ProviderError> {
    if batch.kind != BatchKind::LastChanges || !batch.tables.is_empty() || !batch.unsent.is_empty()
    {
        return Ok(false);
    }
    let (state, waiting) = match seen {
        Some(seen) => seen,
        None => store.state().await?,
    };
    let meeting = KnowledgePair::of(store.scope(), &state, &batch.made_with)?;
    let learned = learn(&meeting.known, &meeting.made_with, &LearnedDelta::default());
    let source = source_key(&meeting.mapping);
    Ok(waiting.is_empty() && !worth_storing(&meeting.known, &learned, source, 0, batch.examined))
}

/// The knowledge of both sides over the destination's key map.
pub(crate) struct KnowledgePair {
    /// As the scope row holds it.
    pub(crate) stored: Knowledge,
    /// With everything made here, and with the source's replicas in its key map.
    pub(crate) known: Knowledge,
    pub(crate) made_with: Knowledge,
    pub(crate) mapping: KeyMapping,
}

impl KnowledgePair {
    pub(crate) fn of(
        scope: &Scope,
        state: &ScopeState,
        made_with: &[u8],
    ) -> Result<Self, ProviderError> {
        let stored = own_knowledge(scope, state.knowledge.as_deref())?;
        let remote = untrusted_knowledge("made-with knowledge of the batch", &stored, made_with)?;
        let mut known = stored.clone();
        known.set_local_tick(state.mark.max(stored.local_tick()));
        let mapping = known.mapping_from(remote.key_map());
        let made_with = known.map_remote_to_local(&remote);
        Ok(KnowledgePair {
            stored,
            known,
            made_with,
            mapping,
        })
    }
}

/// The source's own key, as the destination has it.
pub(crate) fn source_key(mapping: &KeyMapping) -> ReplicaKey {
    mapping.key(ReplicaKey::LOCAL).unwrap_or(ReplicaKey::LOCAL)
}

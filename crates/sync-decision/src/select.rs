//! Which changes a destination needs: from which tick a table is enumerated, and which of its rows are sent.

use sync_knowledge::{Knowledge, Range, ReplicaId, ReplicaKey, Tick, Version};
use sync_metadata::table_id_range;

use sync_provider::{ProviderError, ReplicaInfo};

use crate::learn::is_alone;
use crate::untrusted::{check_held, untrusted_knowledge};

/// The destination's knowledge as a source looks at it: in the source's own key map.
#[derive(Clone, Debug)]
pub struct Selection {
    /// What goes along with the changes.
    made_with: Knowledge,
    destination: Knowledge,
    /// Who the destination is.
    replica: ReplicaId,
    /// It knows no replica but itself.
    alone: bool,
    remembered: Vec<Vec<u8>>,
}

impl Selection {
    /// Re-keys what a destination sent through the source's key map.
    ///
    /// # Errors
    /// As [`untrusted_knowledge`] and [`check_held`].
    pub fn new(
        source: &Knowledge,
        destination: &[u8],
        mut remembered: Vec<Vec<u8>>,
    ) -> Result<Self, ProviderError> {
        let held = remembered.iter().map(|id| id.len() as u64).sum();
        check_held("ids of rows that the destination remembers", held)?;
        let remote = untrusted_knowledge("knowledge of the destination", source, destination)?;
        remembered.sort_unstable();
        Ok(Selection {
            made_with: source.clone(),
            destination: source.clone().map_remote_to_local(&remote),
            replica: remote.key_map().own().clone(),
            alone: is_alone(&remote),
            remembered,
        })
    }

    /// The destination's knowledge in the source's key map.
    pub fn destination(&self) -> &Knowledge {
        &self.destination
    }

    /// The tick of the source's own above which a table's tracking rows have to be looked at.
    ///
    /// That is the destination's tick for the source, least over the table's part of the id space; rows that the destination remembers
    /// and asks for by key do not lower it.
    pub fn floor(&self, global_name: &str) -> Tick {
        if self.destination.is_uniform() {
            return self.destination.tick_at(&[], ReplicaKey::LOCAL);
        }
        let (from, to) = table_id_range(global_name);
        let format = self.destination.formats().item;
        let asked_for = |range: &Range<'_>| {
            let of_one_row = range.upper_bound == range.lower_bound.successor(&format).as_ref();
            let id = range.lower_bound.as_bytes();
            let position = self
                .remembered
                .binary_search_by(|one| one.as_slice().cmp(id));
            of_one_row && position.is_ok()
        };
        self.destination
            .ranges_within(&from, Some(&to))
            .filter(|range| !asked_for(range))
            .map(|range| range.vector.tick(ReplicaKey::LOCAL))
            .min()
            .unwrap_or(0)
    }

    /// Whether row ids are without influence, so that a caller need not build them.
    pub fn ignores_ids(&self) -> bool {
        self.destination.is_uniform()
    }

    /// Up to which tick the destination knows each replica, whatever the row; nothing where that is not the same for all rows. An engine can leave
    /// out by it what came through the scope and need not be sent.
    pub fn known(&self) -> impl Iterator<Item = (ReplicaKey, Tick)> {
        let uniform = self.destination.is_uniform();
        let vector = uniform.then(|| self.destination.vector_at(&[], &[]));
        vector.into_iter().flat_map(|vector| vector.iter())
    }

    /// Whether the destination needs this version of a row; `item` is read only unless [`Selection::ignores_ids`].
    pub fn needs(&self, item: &[u8], version: Version) -> bool {
        !self.destination.contains(item, version)
    }

    /// Whether the knowledge of the source, which goes along with the changes, claims this version of a row.
    ///
    /// A row above the mark of an enumeration is sent only if it does. A change made here is not claimed then, and a row that others bring while the
    /// enumeration runs may name a replica of which that knowledge has never heard; the next session sends both. What came through the scope before
    /// is claimed, wherever the mark stands, and nobody would send it later.
    pub fn claims(&self, item: &[u8], version: Version) -> bool {
        self.made_with.contains(item, version)
    }

    /// Whether the destination knows nothing of the source, so that every row is needed and the order of ticks is no help.
    pub fn is_first(&self) -> bool {
        self.destination.is_uniform() && self.destination.tick_at(&[], ReplicaKey::LOCAL) == 0
    }
}

/// Checks that the source has not forgotten deletions that the destination never heard of.
///
/// A destination that knows no replica but itself is new rather than outdated, unless it was known when something was forgotten: then deletions of
/// its own rows may be among that.
///
/// # Errors
/// [`ProviderError::Outdated`] names what is missing.
pub fn check_not_outdated(
    scope: &str,
    selection: &Selection,
    forgotten: Option<&Knowledge>,
) -> Result<(), ProviderError> {
    let Some(forgotten) = forgotten else {
        return Ok(());
    };
    let destination = selection.destination();
    let of_destination = |id: &ReplicaId| *id == selection.replica;
    let is_new = selection.alone && forgotten.max_tick_where(of_destination) == 0;
    if is_new || destination.contains_knowledge(forgotten) {
        return Ok(());
    }
    let missing: Vec<String> = forgotten
        .key_map()
        .iter()
        .filter(|(_, id)| {
            destination.find_min_tick_count_for_replica(id)
                < forgotten.find_min_tick_count_for_replica(id)
        })
        .map(|(_, id)| {
            format!(
                "{id} up to {}",
                forgotten.find_min_tick_count_for_replica(id)
            )
        })
        .collect();
    Err(ProviderError::Outdated {
        object: format!("scope {scope}"),
        reason: format!(
            "the destination has not seen deletions that the source has cleaned up: {}",
            missing.join(", ")
        ),
        remedy: "initialise the destination anew".into(),
    })
}

/// The same of two replicas that are about to meet, before anything else is asked of them.
///
/// # Errors
/// As [`check_not_outdated`], and where what they say of themselves does not decode.
pub fn check_peer_not_outdated(
    source: &ReplicaInfo,
    destination: &ReplicaInfo,
) -> Result<(), ProviderError> {
    if source.forgotten.is_empty() {
        return Ok(());
    }
    let none = Knowledge::new(source.replica.clone());
    let known = untrusted_knowledge("knowledge of the source", &none, &source.knowledge)?;
    let forgotten = untrusted_knowledge(
        "forgotten knowledge of the source",
        &known,
        &source.forgotten,
    )?;
    let forgotten = known.clone().map_remote_to_local(&forgotten);
    let mut theirs = untrusted_knowledge(
        "knowledge of the destination",
        &known,
        &destination.knowledge,
    )?;
    theirs.set_local_tick(destination.tick.max(theirs.local_tick()));
    let selection = Selection::new(&known, &theirs.to_bytes(), Vec::new())?;
    check_not_outdated(&source.description.name, &selection, Some(&forgotten))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::untrusted::GREATEST_TICK;
    use uuid::Uuid;

    #[test]
    fn what_goes_along_claims_what_it_knows() {
        let mut source = Knowledge::new(ReplicaId::from_uuid(Uuid::from_u128(1)));
        source.set_local_tick(10);
        let other = source.find_or_add_replica(&ReplicaId::from_uuid(Uuid::from_u128(2)));
        source.raise(other, 5);
        let destination = Knowledge::new(ReplicaId::from_uuid(Uuid::from_u128(3)));
        let selection = Selection::new(&source, &destination.to_bytes(), Vec::new()).unwrap();
        let check = |key, tick, expected| {
            let version = Version::new(ReplicaKey(key), tick);
            assert_eq!(selection.claims(b"row", version), expected, "{version:?}");
        };
        check(0, 10, true);
        check(0, 11, false);
        check(1, 5, true);
        check(1, 6, false);
        // A replica that joined after the knowledge was read.
        check(2, 1, false);
    }

    #[test]
    fn ticks_without_room_to_go_up_are_refused() {
        let check = |tick, accepted| {
            let mut knowledge = Knowledge::new(ReplicaId::from_uuid(Uuid::from_u128(1)));
            let other = ReplicaId::from_uuid(Uuid::from_u128(2));
            let key = knowledge.find_or_add_replica(&other);
            knowledge.raise(key, tick);
            let source = Knowledge::new(other);
            let selection = Selection::new(&source, &knowledge.to_bytes(), Vec::new());
            assert_eq!(selection.is_ok(), accepted, "{tick}");
        };
        check(GREATEST_TICK, true);
        check(GREATEST_TICK + 1, false);
        check(u64::MAX, false);
    }
}

//! Laws of the decision functions, on random knowledge and versions.

use std::cmp::Ordering;

use proptest::prelude::*;
use sync_decision::{
    Contender, Decision, Judge, LearnedDelta, RowFacts, Rules, Sameness, Selection,
    SettlementClock, check_not_outdated, is_alone, is_settlement, learn, settlement_order,
    settlement_replica, winner, worth_storing,
};
use sync_knowledge::{ItemId, Knowledge, ReplicaId, ReplicaKey, Tick, Version};
use sync_metadata::table_id_range;
use sync_provider::{ConflictPolicy, Position, ProviderError, Winner};
use uuid::Uuid;

/// Three replicas, the owner of the key map first, and their settlement replicas.
const REPLICAS: u32 = 6;
const HIGHEST: Tick = 5;
/// Rows of the table `t`, and one of the table `u`, in the order of their ids.
const ITEMS: [&str; 4] = ["t-1", "t-2", "t-3", "u-1"];

fn replica(key: u32) -> ReplicaId {
    let own = ReplicaId::from_uuid(Uuid::from_u128(u128::from(key % 3) + 1));
    if key < 3 {
        own
    } else {
        settlement_replica(&own)
    }
}

fn item(index: usize) -> ItemId {
    ItemId::from_text(ITEMS[index])
}

/// All keys in their order, so that any two knowledges made here have equal key maps.
fn empty() -> Knowledge {
    let mut knowledge = Knowledge::new(replica(0));
    for key in 1..REPLICAS {
        knowledge.find_or_add_replica(&replica(key));
    }
    knowledge
}

fn versions() -> impl Strategy<Value = Version> {
    (0..REPLICAS, 1..=HIGHEST).prop_map(|(key, tick)| Version::new(ReplicaKey(key), tick))
}

fn every_version() -> impl Iterator<Item = Version> {
    (0..REPLICAS).flat_map(|key| (1..=HIGHEST).map(move |tick| Version::new(ReplicaKey(key), tick)))
}

fn every_claim(knowledge: &Knowledge) -> Vec<(usize, Version)> {
    let pairs =
        (0..ITEMS.len()).flat_map(|index| every_version().map(move |version| (index, version)));
    pairs
        .filter(|(index, version)| knowledge.contains(item(*index).as_bytes(), *version))
        .collect()
}

/// Knowledge with exceptions: rows and ranges of rows that failed, rows that came alone.
fn knowledges() -> impl Strategy<Value = Knowledge> {
    let ticks = prop::collection::vec(0..=HIGHEST, REPLICAS as usize);
    let exceptions = prop::collection::vec((0..ITEMS.len(), 1..=ITEMS.len(), any::<bool>()), 0..3);
    let alone = prop::collection::vec((0..ITEMS.len(), versions()), 0..3);
    (ticks, exceptions, alone).prop_map(|(ticks, exceptions, alone)| {
        let mut knowledge = empty();
        for (key, tick) in ticks.into_iter().enumerate() {
            knowledge.raise(ReplicaKey(key as u32), tick);
        }
        for (from, to, whole) in exceptions {
            if whole {
                let upper = (to < ITEMS.len()).then(|| item(to));
                knowledge.exclude_range(&item(from), upper.as_ref());
            } else {
                knowledge.exclude_item(&item(from));
            }
        }
        for (index, version) in alone {
            knowledge.learn_item(&item(index), version);
        }
        knowledge
    })
}

fn facts() -> impl Strategy<Value = RowFacts> {
    let of = |(create, update, tombstone)| RowFacts {
        create,
        update,
        tombstone,
    };
    (versions(), versions(), any::<bool>()).prop_map(of)
}

/// Two rows and how their contents relate.
fn meetings() -> impl Strategy<Value = (RowFacts, RowFacts, Sameness)> {
    let live = prop_oneof![
        Just(Sameness::Identical),
        Just(Sameness::Equal),
        Just(Sameness::Different)
    ];
    (facts(), facts(), live).prop_map(|(a, b, live)| {
        let same = match (a.tombstone, b.tombstone) {
            (true, true) => Sameness::Identical,
            (false, false) => live,
            _ => Sameness::Different,
        };
        (a, b, same)
    })
}

fn judge<'a>(known: &'a Knowledge, made_with: &'a Knowledge, pristine: bool) -> Judge<'a> {
    Judge {
        known,
        made_with,
        forgotten: None,
        pristine,
        rules: Rules::SOUND,
    }
}

proptest! {
    #[test]
    fn a_row_is_not_needed_where_its_version_is_known_and_nowhere_else(
        known in knowledges(), made_with in knowledges(), (local, remote, same) in meetings(),
        here in any::<bool>(), pristine in any::<bool>(), index in 0..ITEMS.len(),
    ) {
        let id = item(index);
        let present = here.then_some(local);
        let decision = judge(&known, &made_with, pristine).decide(id.as_bytes(), present, remote, || same);
        let needless = known.contains(id.as_bytes(), remote.update) || present.is_some_and(|row| row.update == remote.update);
        prop_assert_eq!(decision == Decision::NotNeeded, needless);
        if !here && !needless {
            prop_assert_eq!(decision, Decision::Apply { content: true });
        }
    }

    #[test]
    fn what_the_source_had_seen_is_no_conflict(
        known in knowledges(), mut made_with in knowledges(), (local, remote, same) in meetings(), index in 0..ITEMS.len(),
    ) {
        let id = item(index);
        made_with.learn_item(&id, local.update);
        let decision = judge(&known, &made_with, false).decide(id.as_bytes(), Some(local), remote, || same);
        let fitting = match decision {
            Decision::NotNeeded => true,
            Decision::Keep => local.update.replica == remote.update.replica && local.update.tick > remote.update.tick,
            Decision::Apply { content } => content == (same != Sameness::Identical),
            _ => false,
        };
        prop_assert!(fitting, "{:?}", decision);
    }

    /// Two replicas decide about each other's rows, neither of which knows the other's.
    #[test]
    fn two_sides_see_a_conflict_alike(
        a in knowledges(), b in knowledges(), (row_a, row_b, same) in meetings(), index in 0..ITEMS.len(),
    ) {
        let id = item(index);
        let id = id.as_bytes();
        prop_assume!(!a.contains(id, row_b.update) && !b.contains(id, row_a.update) && row_a.update != row_b.update);
        let at_a = judge(&a, &b, false).decide(id, Some(row_a), row_b, || same);
        let at_b = judge(&b, &a, false).decide(id, Some(row_b), row_a, || same);
        let alike = match (at_a, at_b) {
            (Decision::Settle, Decision::Settle) => same != Sameness::Different,
            (Decision::Conflict(_), Decision::Conflict(_)) => same == Sameness::Different,
            (Decision::Outrank(_, at_a), Decision::Outrank(_, at_b)) => same == Sameness::Different && at_a != at_b,
            (Decision::Keep, Decision::Apply { .. }) | (Decision::Apply { .. }, Decision::Keep) => true,
            _ => false,
        };
        prop_assert!(alike, "{:?} {:?}", at_a, at_b);
    }

    #[test]
    fn at_most_one_of_two_sides_that_descend_from_each_other_needs_nothing(
        a in knowledges(), b in knowledges(), (row_a, row_b, same) in meetings(), index in 0..ITEMS.len(),
    ) {
        let id = item(index);
        let id = id.as_bytes();
        // A replica that knows a version holds a row that descends from it; two rows do not descend from each other.
        prop_assume!(!(a.contains(id, row_b.update) && b.contains(id, row_a.update)));
        prop_assume!(row_a.update.replica != row_b.update.replica);
        let at_a = judge(&a, &b, false).decide(id, Some(row_a), row_b, || same);
        let at_b = judge(&b, &a, false).decide(id, Some(row_b), row_a, || same);
        prop_assert!(at_a != Decision::NotNeeded || at_b != Decision::NotNeeded);
        if at_a == Decision::NotNeeded {
            prop_assert_eq!(at_b, Decision::Apply { content: same != Sameness::Identical });
        }
    }

    /// Neither side knows the other's row.
    #[test]
    fn concurrent_rows_are_adopted_settled_ranked_or_in_conflict(
        known in knowledges(), made_with in knowledges(), (local, remote, same) in meetings(), pristine in any::<bool>(),
        index in 0..ITEMS.len(),
    ) {
        let id = item(index);
        prop_assume!(!known.contains(id.as_bytes(), remote.update) && !made_with.contains(id.as_bytes(), local.update));
        prop_assume!(local.update.replica != remote.update.replica);
        let decision = judge(&known, &made_with, pristine).decide(id.as_bytes(), Some(local), remote, || same);
        let settled = [local, remote].map(|row| is_settlement(&replica(row.update.replica.0)));
        let later = match settlement_order(&known, local.update, remote.update) {
            Ordering::Greater => Winner::Local,
            _ => Winner::Remote,
        };
        let expected = match (same != Sameness::Different, settled == [true; 2]) {
            (true, _) if pristine => decision == Decision::Apply { content: same == Sameness::Equal },
            (true, true) if later == Winner::Remote => decision == Decision::Apply { content: same == Sameness::Equal },
            (true, true) => decision == Decision::Keep,
            (true, false) => decision == Decision::Settle,
            (false, true) => matches!(decision, Decision::Outrank(_, winner) if winner == later),
            (false, false) => matches!(decision, Decision::Conflict(_)),
        };
        prop_assert!(expected, "{:?}", decision);
    }

    #[test]
    fn a_deletion_that_was_cleaned_up_does_not_come_back_by_itself(
        known in knowledges(), made_with in knowledges(), forgotten in knowledges(), remote in facts(), index in 0..ITEMS.len(),
    ) {
        let id = item(index);
        let judge = Judge { forgotten: Some(&forgotten), ..judge(&known, &made_with, false) };
        let decision = judge.decide(id.as_bytes(), None, remote, || Sameness::Different);
        let seen = known.contains(id.as_bytes(), remote.create) && !made_with.contains_knowledge(&forgotten);
        let conflict = matches!(decision, Decision::Conflict(_));
        prop_assert_eq!(conflict, seen && !remote.tombstone && decision != Decision::NotNeeded);
    }

    #[test]
    fn settlements_are_totally_ordered(a in versions(), b in versions(), c in versions()) {
        let map = empty();
        let order = |a, b| settlement_order(&map, a, b);
        prop_assert_eq!(order(a, b), order(b, a).reverse());
        prop_assert_eq!(order(a, b) == Ordering::Equal, a == b);
        prop_assert!(order(a, b).is_gt() || order(b, c).is_gt() || order(a, c).is_le());
    }

    #[test]
    fn a_stamp_is_above_every_settlement_that_either_side_knows(known in knowledges(), made_with in knowledges(), winner in versions()) {
        let own = known.key_map().key(&settlement_replica(known.key_map().own())).unwrap();
        let mut clock = SettlementClock::new(Rules::SOUND, own, &known, &made_with);
        let stamps: Vec<Version> = (0..3).map(|_| clock.stamp(winner, || winner)).collect();
        for (index, version) in every_claim(&known).into_iter().chain(every_claim(&made_with)) {
            if known.key_map().id(version.replica).is_some_and(is_settlement) {
                prop_assert!(settlement_order(&known, stamps[0], version).is_gt(), "{} {:?}", index, version);
            }
        }
        prop_assert!(stamps.iter().all(|stamp| stamp.replica == own));
        prop_assert!(stamps.windows(2).all(|pair| pair[0].tick < pair[1].tick));
    }

    /// The session's two directions, or two sessions at two places, settle on the same content.
    #[test]
    fn both_sides_pick_the_same_winner(times in any::<[Option<bool>; 2]>(), writers in any::<[Option<bool>; 2]>(), order in -1..=1i8) {
        let side = |index: usize| Contender {
            time: times[index].map(i64::from),
            writer: writers[index].map(|second| replica(u32::from(second))),
        };
        let content = order.cmp(&0);
        let listed = ConflictPolicy::Priority(vec![replica(1), replica(0)]);
        for policy in [ConflictPolicy::LastWriterWins, listed, ConflictPolicy::LocalWins, ConflictPolicy::RemoteWins] {
            let at_a = winner(&policy, Position::Local, &side(0), &side(1), || content);
            let at_b = winner(&policy, Position::Remote, &side(1), &side(0), || content.reverse());
            let is_a = [at_a == Some(Winner::Local), at_b == Some(Winner::Remote)];
            prop_assert!(content.is_eq() && policy.needs_attributes() || is_a[0] == is_a[1], "{:?} {:?} {:?}", policy, at_a, at_b);
            prop_assert!(at_a.is_some() && at_b.is_some());
            match policy {
                ConflictPolicy::LocalWins => prop_assert!(is_a[0]),
                ConflictPolicy::RemoteWins => prop_assert!(!is_a[0]),
                _ => {}
            }
        }
    }

    #[test]
    fn exactly_what_was_taught_and_not_rejected_is_learned(known in knowledges(), made_with in knowledges(), delta in lessons()) {
        let learned = learn(&known, &made_with, &delta);
        for (index, version) in (0..ITEMS.len()).flat_map(|index| every_version().map(move |version| (index, version))) {
            let id = item(index);
            let rejected_alone = delta.rejected.contains(&id);
            let rejected = rejected_alone
                || delta.rejected_ranges.iter().any(|(from, to)| *from <= id && to.as_ref().is_none_or(|to| id < *to));
            let of = |stored: &Version| stored.replica == version.replica && stored.tick >= version.tick;
            let expected = known.contains(id.as_bytes(), version)
                || !rejected && made_with.contains(id.as_bytes(), version)
                || !rejected_alone && delta.beyond.get(&id).is_some_and(of)
                || delta.settlement.as_ref().is_some_and(of);
            prop_assert_eq!(learned.contains(id.as_bytes(), version), expected, "{} {:?}", ITEMS[index], version);
        }
    }

    #[test]
    fn learning_is_monotone_and_repeating_a_lesson_teaches_nothing(
        less in knowledges(), more in knowledges(), made_with in knowledges(), delta in lessons(),
    ) {
        let more = less.combined(&more);
        let learned = learn(&less, &made_with, &delta);
        prop_assert!(learned.contains_knowledge(&less));
        prop_assert!(learn(&more, &made_with, &delta).contains_knowledge(&learned));
        prop_assert_eq!(&learn(&learned, &made_with, &delta), &learned);
        let healed = learn(&learned, &made_with, &LearnedDelta::default());
        prop_assert!(healed.contains_knowledge(&made_with));
    }

    #[test]
    fn the_greatest_settlement_that_was_stored_is_learned(stored in prop::collection::vec(versions(), 0..5), key in 3..REPLICAS) {
        let mut delta = LearnedDelta::default();
        stored.iter().for_each(|version| delta.stored(ReplicaKey(key), *version));
        let own = stored.iter().filter(|version| version.replica == ReplicaKey(key));
        prop_assert_eq!(delta.settlement, own.max_by_key(|version| version.tick).copied());
    }

    #[test]
    fn what_is_not_stored_is_at_most_a_tick_of_the_source(known in knowledges(), more in knowledges(), examined in 0..2u64, key in 1..3u32) {
        let learned = known.combined(&more);
        if !worth_storing(&known, &learned, ReplicaKey(key), 0, examined) {
            let mut raised = known.clone();
            if examined == 0 {
                raised.raise(ReplicaKey(key), HIGHEST);
            }
            prop_assert!(raised.contains_knowledge(&learned));
        }
        prop_assert!(worth_storing(&known, &learned, ReplicaKey(key), 1, examined));
        prop_assert!(!worth_storing(&known, &known, ReplicaKey(key), 0, examined));
    }

    #[test]
    fn no_row_that_is_needed_lies_at_or_below_the_floor(
        destination in knowledges(), remembered in prop::collection::vec(0..ITEMS.len(), 0..3), own in 0..3u32,
    ) {
        // The source has another key map than the destination.
        let mut source = Knowledge::new(replica(own));
        for key in (0..REPLICAS).rev() {
            source.find_or_add_replica(&replica(key));
        }
        let ids = remembered.iter().map(|index| item(*index).as_bytes().to_vec()).collect();
        let selection = Selection::new(&source, &destination.to_bytes(), ids).unwrap();
        for table in ["t", "u"] {
            let floor = selection.floor(table);
            let (from, to) = table_id_range(table);
            for index in (0..ITEMS.len()).filter(|index| (&from..&to).contains(&&item(*index))) {
                for tick in 1..=HIGHEST {
                    let needed = selection.needs(item(index).as_bytes(), Version::new(ReplicaKey::LOCAL, tick));
                    let known = destination.contains(item(index).as_bytes(), Version::new(ReplicaKey(own), tick));
                    prop_assert_eq!(needed, !known);
                    let skipped = tick <= floor && !remembered.contains(&index);
                    prop_assert!(!(needed && skipped), "{} at {} is below the floor {}", ITEMS[index], tick, floor);
                }
            }
        }
    }

    #[test]
    fn who_has_not_seen_what_was_cleaned_up_is_outdated_unless_it_is_new(
        destination in knowledges(), mut forgotten in knowledges(), own_only in any::<bool>(), unheard_of in any::<bool>(),
    ) {
        if unheard_of {
            forgotten.set_local_tick(0);
        }
        let destination = if own_only {
            let mut fresh = empty();
            fresh.set_local_tick(destination.local_tick());
            fresh
        } else {
            destination
        };
        let source = Knowledge::new(replica(1));
        let selection = Selection::new(&source, &destination.to_bytes(), Vec::new()).unwrap();
        let served = check_not_outdated("scope", &selection, Some(&forgotten));
        // Its own rows may have been deleted where it was heard of.
        let heard_of = forgotten.ranges().any(|range| range.vector.tick(ReplicaKey(0)) > 0);
        let may = destination.contains_knowledge(&forgotten) || is_alone(&destination) && !heard_of;
        prop_assert_eq!(served.is_ok(), may);
        if let Err(error) = served {
            let outdated = matches!(error, ProviderError::Outdated { .. });
            prop_assert!(outdated);
        }
    }
}

fn lessons() -> impl Strategy<Value = LearnedDelta> {
    let rejected = prop::collection::vec(0..ITEMS.len(), 0..3);
    let ranges = prop::collection::vec((0..ITEMS.len(), 1..=ITEMS.len()), 0..2);
    let beyond = prop::collection::btree_map((0..ITEMS.len()).prop_map(item), versions(), 0..3);
    let settlement =
        prop::option::of((1..=HIGHEST).prop_map(|tick| Version::new(ReplicaKey(3), tick)));
    (rejected, ranges, beyond, settlement).prop_map(|(rejected, ranges, beyond, settlement)| {
        LearnedDelta {
            rejected: rejected.into_iter().map(item).collect(),
            rejected_ranges: ranges
                .into_iter()
                .map(|(from, to)| (item(from), (to < ITEMS.len()).then(|| item(to))))
                .collect(),
            beyond,
            settlement,
        }
    })
}

//! What must become of every row, by the rules of `docs/convergence.md`, and by nothing of the code under test.
//!
//! A version is an event here, and what a replica knows is the set of the events that it has heard of: no ticks, no vectors, no key maps. Nothing
//! but the order of two settlements has to be looked up, since ticks and ids decide it.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::cell::{Policy, Run, Side};

/// Who writes.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Party {
    /// A replica of the cell.
    Of(Side),
    /// Somebody else whom that side has met.
    FriendOf(Side),
}

/// A change of a row: who made it, be it as a writer or by settling a conflict, and its number among those.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Event {
    /// The row.
    pub key: i64,
    /// Who made it.
    pub party: Party,
    /// Whether it settled a conflict.
    pub settles: bool,
    /// Its number.
    pub number: u32,
}

/// What a replica holds under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    /// The last change.
    pub update: Event,
    /// The creation.
    pub create: Event,
    /// The content; `None` for a tombstone.
    pub text: Option<String>,
    /// When it was written, and by whom.
    pub written: (i64, Party),
}

/// A replica.
#[derive(Clone, Debug)]
pub(super) struct Member {
    /// Who it is.
    pub party: Party,
    /// Rows and tombstones.
    pub held: BTreeMap<i64, Held>,
    /// What it has heard of.
    pub known: BTreeSet<Event>,
    /// What it had heard of when it cleaned up, if it ever did.
    pub forgotten: BTreeSet<Event>,
    /// Rows that wait for another session.
    pub waiting: BTreeSet<i64>,
    /// It remembers whether it was ever a source, and which rows wait.
    pub remembers: bool,
    was_source: bool,
}

/// The conflict types that two rows can come to. Two deletions are settled without a word; what cannot be written is a matter of the database.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Both sides have a row.
    UpdateUpdate,
    /// The destination has a row, the source a deletion.
    UpdateDelete,
    /// The destination has a deletion, the source a row.
    DeleteUpdate,
    /// Both sides have a row, and neither has heard of the other's creation.
    InsertInsert,
    /// Both sides deleted it.
    DeleteDelete,
    /// The destination deleted it and has forgotten that.
    CleanedDeleteUpdate,
}

/// Which of two rows stays, seen from the destination.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Winner {
    /// The destination's.
    Here,
    /// The incoming one.
    Incoming,
}

/// What becomes of a row in one direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The destination knows it; it does not move.
    Known,
    /// Taken over, with its version.
    TakenOver,
    /// The destination's is the later one.
    Kept,
    /// The same on both sides; settled without a word. What kind of conflict it would have been.
    SettledSilently(Kind),
    /// Two settlements: the later one stays.
    Outranked(Kind, Winner),
    /// A conflict that the policy settled.
    Settled(Kind, Winner),
    /// A conflict that waits; whether it waited before.
    Deferred(Kind, bool),
}

/// A row that met a direction, as both sides had it before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Meeting {
    /// Its key.
    pub key: i64,
    /// What the destination had.
    pub here: Option<Held>,
    /// What the source had.
    pub incoming: Held,
    /// What became of it.
    pub fate: Fate,
}

/// How a direction ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The destination has not heard of deletions that the source has forgotten.
    Outdated,
    /// All rows that the source held met the destination.
    Done(Vec<Meeting>),
}

/// What decides between two rows beside the policy.
pub(super) struct Surroundings<'a> {
    /// The session.
    pub run: Run,
    /// Orders settlements by tick and replica.
    pub order: &'a dyn Fn(Event, Event) -> Ordering,
}

impl Member {
    /// A replica that holds nothing.
    pub(super) fn new(party: Party, remembers: bool) -> Self {
        Member {
            party,
            held: BTreeMap::new(),
            known: BTreeSet::new(),
            forgotten: BTreeSet::new(),
            waiting: BTreeSet::new(),
            remembers,
            was_source: false,
        }
    }

    fn event(&mut self, key: i64, settles: bool) -> Event {
        let party = self.party;
        let own = |event: &&Event| (event.key, event.party, event.settles) == (key, party, settles);
        let number = self.known.iter().filter(own).count() as u32;
        let event = Event {
            key,
            party,
            settles,
            number,
        };
        self.known.insert(event);
        event
    }

    /// An application inserts or updates a row.
    pub(super) fn write(&mut self, key: i64, text: &str, time: i64) {
        let update = self.event(key, false);
        let create = self.held.get(&key).map_or(update, |held| held.create);
        let held = Held {
            update,
            create,
            text: Some(text.to_owned()),
            written: (time, self.party),
        };
        self.held.insert(key, held);
    }

    /// An application deletes a row.
    pub(super) fn delete(&mut self, key: i64, time: i64) {
        let update = self.event(key, false);
        let written = (time, self.party);
        let held = self.held.get_mut(&key).expect("there is a row");
        *held = Held {
            update,
            text: None,
            written,
            ..held.clone()
        };
    }

    /// Tombstones are cleaned up.
    pub(super) fn clean_up(&mut self) {
        self.held.retain(|_, held| held.text.is_some());
        self.forgotten.clone_from(&self.known);
    }

    /// It has heard of nobody else.
    fn is_alone(&self) -> bool {
        let own = |event: &Event| event.party == self.party && !event.settles;
        self.known.iter().all(own)
    }

    /// It has heard of nobody else, and nobody had heard of it when that was forgotten: no deletion of its rows can be among it.
    fn is_new_to(&self, forgotten: &BTreeSet<Event>) -> bool {
        self.is_alone() && forgotten.iter().all(|event| event.party != self.party)
    }

    /// As the destination of this source.
    fn is_outdated(&self, source: &Member) -> bool {
        !self.known.is_superset(&source.forgotten) && !self.is_new_to(&source.forgotten)
    }

    fn is_pristine(&self) -> bool {
        self.remembers && !self.was_source && self.is_alone()
    }
}

/// Both directions of a session, or one; none where a destination is outdated.
pub(super) fn session(members: [&mut Member; 2], around: &Surroundings<'_>) -> Vec<(Side, Ended)> {
    let [a, b] = members;
    let sources = || around.run.sources().into_iter();
    let is_outdated = |source| match source {
        Side::A => b.is_outdated(a),
        Side::B => a.is_outdated(b),
    };
    if sources().any(is_outdated) {
        return sources().map(|source| (source, Ended::Outdated)).collect();
    }
    let run = |source: Side| match source {
        Side::A => (source, direction(a, b, source.other(), around)),
        Side::B => (source, direction(b, a, source.other(), around)),
    };
    sources().map(run).collect()
}

fn direction(
    source: &mut Member,
    destination: &mut Member,
    place: Side,
    around: &Surroundings<'_>,
) -> Ended {
    source.was_source = true;
    let pristine = destination.is_pristine();
    let mut taught = source.known.clone();
    let mut meetings = Vec::new();
    for (key, incoming) in &source.held {
        let here = destination.held.get(key).cloned();
        let fate = decide(source, destination, pristine, place, incoming, around);
        if let Fate::Deferred(..) = fate {
            taught.retain(|event| event.key != *key);
            destination.waiting.insert(*key);
        } else {
            destination.waiting.remove(key);
        }
        store(destination, here.as_ref(), incoming, &fate);
        meetings.push(Meeting {
            key: *key,
            here,
            incoming: incoming.clone(),
            fate,
        });
    }
    destination.known.append(&mut taught);
    Ended::Done(meetings)
}

/// The table of `docs/convergence.md`, line by line.
fn decide(
    source: &Member,
    destination: &Member,
    pristine: bool,
    place: Side,
    incoming: &Held,
    around: &Surroundings<'_>,
) -> Fate {
    let key = incoming.update.key;
    let knows = |event: Event| destination.known.contains(&event);
    let Some(here) = destination.held.get(&key) else {
        let was_cleaned_up = incoming.text.is_some()
            && knows(incoming.create)
            && !source.known.is_superset(&destination.forgotten);
        return match (knows(incoming.update), was_cleaned_up) {
            (true, _) => Fate::Known,
            (false, false) => Fate::TakenOver,
            (false, true) => fight(
                Kind::CleanedDeleteUpdate,
                destination,
                place,
                None,
                incoming,
                around,
            ),
        };
    };
    let maker = |held: &Held| (held.update.party, held.update.settles);
    let equal = here.text == incoming.text;
    if knows(incoming.update) || here.update == incoming.update {
        return Fate::Known;
    }
    if maker(here) == maker(incoming) {
        return match incoming.update.number > here.update.number {
            true => Fate::TakenOver,
            false => Fate::Kept,
        };
    }
    if source.known.contains(&here.update) || equal && pristine {
        return Fate::TakenOver;
    }
    let kind = match (&here.text, &incoming.text) {
        (None, None) => Kind::DeleteDelete,
        (None, Some(_)) => Kind::DeleteUpdate,
        (Some(_), None) => Kind::UpdateDelete,
        _ if knows(incoming.create) || source.known.contains(&here.create) => Kind::UpdateUpdate,
        _ => Kind::InsertInsert,
    };
    if here.update.settles && incoming.update.settles {
        let later = (around.order)(incoming.update, here.update).is_gt();
        return match (equal, later) {
            (true, true) => Fate::TakenOver,
            (true, false) => Fate::Kept,
            (false, true) => Fate::Outranked(kind, Winner::Incoming),
            (false, false) => Fate::Outranked(kind, Winner::Here),
        };
    }
    if equal {
        return Fate::SettledSilently(kind);
    }
    fight(kind, destination, place, Some(here), incoming, around)
}

/// The policies of `docs/cli.md`, one by one.
fn fight(
    kind: Kind,
    destination: &Member,
    place: Side,
    here: Option<&Held>,
    incoming: &Held,
    around: &Surroundings<'_>,
) -> Fate {
    let at = |side: Side| match place == side {
        true => Winner::Here,
        false => Winner::Incoming,
    };
    // A deletion counts least.
    let text = |held: Option<&Held>| held.and_then(|held| held.text.clone());
    let greater = match text(here) > text(Some(incoming)) {
        true => Winner::Here,
        false => Winner::Incoming,
    };
    let earlier_in = |list: &[Side]| {
        let rank = |held: Option<&Held>| {
            let writer = held.map(|held| held.written.1);
            let listed = list
                .iter()
                .position(|side| writer == Some(Party::Of(*side)));
            listed.unwrap_or(list.len())
        };
        match rank(here).cmp(&rank(Some(incoming))) {
            Ordering::Less => Winner::Here,
            Ordering::Greater => Winner::Incoming,
            Ordering::Equal => greater,
        }
    };
    let winner = match around.run.policy {
        Policy::Destination => Winner::Here,
        Policy::Source => Winner::Incoming,
        Policy::Local => at(around.run.initiator),
        Policy::Remote => at(around.run.initiator.other()),
        Policy::LastWriter => {
            // What is not there has no time, and counts as oldest.
            let time = here.map(|held| held.written.0);
            match time.cmp(&Some(incoming.written.0)) {
                Ordering::Greater => Winner::Here,
                Ordering::Less => Winner::Incoming,
                Ordering::Equal => greater,
            }
        }
        Policy::PriorityAB => earlier_in(&[Side::A, Side::B]),
        Policy::PriorityB => earlier_in(&[Side::B]),
        Policy::PriorityOfOthers => greater,
        Policy::Defer => {
            return Fate::Deferred(kind, destination.waiting.contains(&incoming.update.key));
        }
    };
    Fate::Settled(kind, winner)
}

/// What the destination holds afterwards.
fn store(destination: &mut Member, here: Option<&Held>, incoming: &Held, fate: &Fate) {
    let key = incoming.update.key;
    let winner = match fate {
        Fate::Known | Fate::Kept | Fate::Deferred(..) | Fate::Outranked(_, Winner::Here) => return,
        Fate::TakenOver | Fate::Outranked(_, Winner::Incoming) => {
            destination.held.insert(key, incoming.clone());
            return;
        }
        Fate::SettledSilently(_) | Fate::Settled(_, Winner::Here) => here,
        Fate::Settled(_, Winner::Incoming) => Some(incoming),
    };
    let mut outcome = match winner {
        Some(winner) => winner.clone(),
        // The deletion that was cleaned up is a tombstone again.
        None => Held {
            text: None,
            ..incoming.clone()
        },
    };
    outcome.update = destination.event(key, true);
    destination.held.insert(key, outcome);
}

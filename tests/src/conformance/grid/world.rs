//! Two replicas brought to where the session of a cell begins, and the model beside them.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use sync_knowledge::{ReplicaId, Tick};
use sync_orchestrator::SyncDirectionOrder;
use sync_provider::ConflictPolicy;

use super::super::engine::{Ability, Engine, Layout, TestReplica};
use super::super::memory::Memory;
use super::super::neutral::{ITEM, id, item};
use super::super::state::State;
use super::cell::{Cell, Edit, Later, Policy, Run, Side, World};
use super::model::{self, Event, Member, Party, Surroundings};
use crate::support::session::Session;

/// Keys that a cell takes: its row's, and the one that a changed key becomes.
const KEYS: i64 = 2;

/// A version as replicas see it.
pub(super) type Version = (ReplicaId, Tick);

/// The replicas of some cells of one world, before a session or after one.
pub(super) struct Arena {
    pub(super) cells: Vec<Cell>,
    pub(super) replicas: [Box<dyn TestReplica>; 2],
    pub(super) members: [Member; 2],
    pub(super) bound: Bindings,
}

/// Which version stands for which event, as the databases tell.
#[derive(Clone, Debug, Default)]
pub(super) struct Bindings {
    versions: BTreeMap<Event, Version>,
    /// The same of creations: a server stamps a row's creation and its first change by two clocks.
    creations: BTreeMap<Event, Version>,
    /// Who a party is, as a writer and as one that settles.
    ids: BTreeMap<(Party, bool), ReplicaId>,
}

impl Arena {
    /// Makes the rows of these cells, all of one world, edits and all.
    pub(super) fn prepare(world: World, cells: Vec<Cell>, engines: [&dyn Engine; 2]) -> Self {
        let replicas = engines.map(|engine| engine.make(Layout::Neutral));
        let remembers = engines.map(|engine| engine.can(Ability::Remember));
        let member = |side: Side| Member::new(Party::Of(side), remembers[side as usize]);
        let mut arena = Arena {
            cells,
            members: Side::BOTH.map(member),
            replicas,
            bound: Bindings::default(),
        };
        for side in Side::BOTH {
            let id = arena.replicas[side as usize].id();
            arena.bound.ids.insert((Party::Of(side), false), id);
        }
        arena.before(world);
        arena.edit();
        for side in Side::BOTH {
            let state = arena.replicas[side as usize].state();
            arena
                .bind(side, &state, 0)
                .unwrap_or_else(|(_, fault)| panic!("{world}, before the session: {fault}"));
        }
        arena
    }

    /// The same once more, where replicas can be copied.
    pub(super) fn copy(&self) -> Option<Self> {
        let [a, b] = self.replicas.each_ref().map(|replica| replica.copy());
        Some(Arena {
            cells: self.cells.clone(),
            replicas: [a?, b?],
            members: self.members.clone(),
            bound: self.bound.clone(),
        })
    }

    /// The cell that a key belongs to, if it belongs to one.
    pub(super) fn cell(&self, key: i64) -> Option<&Cell> {
        self.cells.get(usize::try_from(key / KEYS).ok()?)
    }

    /// The session of a run between the replicas.
    pub(super) fn session(&self, run: Run) -> Session {
        let provider = |side: Side| self.replicas[side as usize].provider();
        Session::new(provider(run.initiator), provider(run.initiator.other()))
            .direction(run.direction)
            .policy(self.policy(run.policy))
    }

    pub(super) fn policy(&self, policy: Policy) -> ConflictPolicy {
        let [a, b] = self.replicas.each_ref().map(|replica| replica.id());
        match policy {
            Policy::Destination => ConflictPolicy::DestinationWins,
            Policy::Source => ConflictPolicy::SourceWins,
            Policy::Local => ConflictPolicy::LocalWins,
            Policy::Remote => ConflictPolicy::RemoteWins,
            Policy::LastWriter => ConflictPolicy::LastWriterWins,
            Policy::PriorityAB => ConflictPolicy::Priority(vec![a, b]),
            Policy::PriorityB => ConflictPolicy::Priority(vec![b]),
            Policy::PriorityOfOthers => ConflictPolicy::Priority(Vec::new()),
            Policy::Defer => ConflictPolicy::Defer,
        }
    }

    /// What the model says of a session; the model has been through it then.
    pub(super) fn expect(&mut self, run: Run) -> Vec<(Side, model::Ended)> {
        let bound = &self.bound;
        let order = |a: Event, b: Event| bound.order(a, b);
        let around = Surroundings { run, order: &order };
        let [a, b] = &mut self.members;
        model::session([a, b], &around)
    }

    fn before(&mut self, world: World) {
        let shared: Vec<i64> = self.keys(Cell::is_shared);
        for &key in &shared {
            self.write(Side::A, key, "before", 1);
        }
        if world.have_met() {
            self.meet();
        }
        match world {
            World::CleanedLater => {
                for &key in &shared {
                    self.delete(Side::A, key, 2);
                }
                self.meet();
                self.clean_up(Side::A);
            }
            World::Strangers { established: true } => {
                // A row of somebody else, under a key of no cell.
                let mut friend = Friend::of(Side::A);
                friend.write(-1, "a friend's");
                self.visit(Side::A, &mut friend);
            }
            World::Settled => Side::BOTH
                .map(|side| self.settle(side))
                .into_iter()
                .collect(),
            _ => {}
        }
    }

    fn keys(&self, of: impl Fn(&Cell) -> bool) -> Vec<i64> {
        let keys = (0..).step_by(KEYS as usize).zip(&self.cells);
        keys.filter(|(_, cell)| of(cell))
            .map(|(key, _)| key)
            .collect()
    }

    /// Settles conflicts with a friend; twice, and so under a higher tick, where the side is to have the later settlement.
    fn settle(&mut self, side: Side) {
        let mut friend = Friend::of(side);
        let own = match side {
            Side::A => Later::A,
            Side::B => Later::B,
        };
        let settles = |cell: &Cell| cell.edits[side as usize] == Edit::Settle;
        for key in self.keys(settles) {
            let (text, time) = self
                .cell(key)
                .map(|cell| (cell.text(side), cell.time(side)))
                .expect("the key is a cell's");
            self.write(side, key, text, time);
            friend.write(key, "a friend's");
        }
        self.visit(side, &mut friend);
        for key in self.keys(|cell| settles(cell) && cell.later == own) {
            friend.write(key, "a friend's, once more");
        }
        self.visit(side, &mut friend);
    }

    fn edit(&mut self) {
        for side in Side::BOTH {
            let cells: Vec<(i64, Cell)> = (0..)
                .step_by(KEYS as usize)
                .zip(self.cells.iter().copied())
                .collect();
            for (key, cell) in &cells {
                let edit = cell.edits[side as usize];
                if edit.needs_a_row() && !cell.is_shared() {
                    self.write(side, *key, "before, its own", 2);
                }
                if edit.is_cleaned() {
                    self.delete(side, *key, 3);
                }
            }
            if cells
                .iter()
                .any(|(_, cell)| cell.edits[side as usize].is_cleaned())
            {
                self.clean_up(side);
            }
            for (key, cell) in &cells {
                self.edit_row(side, *key, cell);
            }
        }
    }

    fn edit_row(&mut self, side: Side, key: i64, cell: &Cell) {
        let (text, time) = (cell.text(side), cell.time(side));
        match cell.edits[side as usize] {
            Edit::Nothing | Edit::CleanedDelete | Edit::Settle => {}
            Edit::Insert | Edit::Update | Edit::CleanedReinsert => {
                self.write(side, key, text, time);
            }
            Edit::Delete => self.delete(side, key, time),
            // Under the agreed clean-up the row is deleted already.
            Edit::Reinsert if cell.world == World::CleanedLater => {
                self.write(side, key, text, time);
            }
            Edit::Reinsert => {
                self.delete(side, key, time - 1);
                self.write(side, key, text, time);
            }
            Edit::ChangeKey => {
                let row = item(key + 1, text);
                self.replicas[side as usize].rekey(ITEM, &id(key), &row, time);
                let member = &mut self.members[side as usize];
                member.delete(key, time);
                member.write(key + 1, text, time);
            }
        }
    }

    fn write(&mut self, side: Side, key: i64, text: &str, time: i64) {
        self.replicas[side as usize].write(ITEM, &item(key, text), time);
        self.members[side as usize].write(key, text, time);
    }

    fn delete(&mut self, side: Side, key: i64, time: i64) {
        self.replicas[side as usize].delete(ITEM, &id(key), time);
        self.members[side as usize].delete(key, time);
    }

    fn clean_up(&mut self, side: Side) {
        assert!(
            self.replicas[side as usize].clean_up(),
            "every engine of the grid can"
        );
        self.members[side as usize].clean_up();
    }

    /// A session in which nothing is at odds.
    fn meet(&mut self) {
        let run = Run {
            policy: Policy::Destination,
            initiator: Side::A,
            direction: SyncDirectionOrder::UploadAndDownload,
        };
        self.session(run).run();
        self.expect(run);
    }

    /// Takes over what a friend has; conflicts are settled as the side has it.
    fn visit(&mut self, side: Side, friend: &mut Friend) {
        let index = side as usize;
        let run = Run {
            policy: Policy::Destination,
            initiator: Side::A,
            direction: SyncDirectionOrder::Download,
        };
        Session::new(self.replicas[index].provider(), friend.replica.provider())
            .direction(run.direction)
            .run();
        let state = self.replicas[index].state();
        let order = |_: Event, _: Event| Ordering::Equal;
        let around = Surroundings { run, order: &order };
        model::session([&mut self.members[index], &mut friend.member], &around);
        let id = friend.replica.id();
        self.bound.ids.insert((Party::FriendOf(side), false), id);
        self.bind(side, &state, 0)
            .unwrap_or_else(|(_, fault)| panic!("with a friend: {fault}"));
    }

    /// Holds a replica against the model: the same rows under the same versions. Versions that are new are taken note of; a settlement must be above
    /// `floor`.
    pub(super) fn bind(
        &mut self,
        side: Side,
        state: &State,
        floor: Tick,
    ) -> Result<(), (i64, String)> {
        let mut entries = state.entries.clone();
        for (key, held) in &self.members[side as usize].held {
            let fault = |what: String| (*key, format!("at {side:?}: {what}"));
            let entry = entries.remove(&super::super::state::entry_key(ITEM, &id(*key)));
            let Some(entry) = entry else {
                return Err(fault(format!("there is nothing, instead of {held:?}")));
            };
            let row = held.text.as_ref().map(|text| item(*key, text));
            if entry.row != row {
                return Err(fault(format!("{:?}, instead of {row:?}", entry.row)));
            }
            self.bound
                .bind_creation(held.create, entry.create, floor)
                .map_err(fault)?;
            self.bound
                .bind(held.update, entry.update, floor)
                .map_err(fault)?;
        }
        match entries.pop_first() {
            Some(((_, key), entry)) => Err((
                key.trim_matches(|c: char| !c.is_ascii_digit())
                    .parse()
                    .unwrap_or(-1),
                format!("at {side:?}: {entry:?}, which should not be there"),
            )),
            None => Ok(()),
        }
    }
}

impl Bindings {
    /// The version that stands for an event.
    pub(super) fn version(&self, event: Event) -> Option<&Version> {
        self.versions.get(&event)
    }

    /// The greatest tick of a settlement so far.
    pub(super) fn greatest_settlement(&self) -> Tick {
        let settlements = self.versions.iter().filter(|(event, _)| event.settles);
        settlements.map(|(_, (_, tick))| *tick).max().unwrap_or(0)
    }

    fn order(&self, a: Event, b: Event) -> Ordering {
        let rank = |event: Event| self.version(event).map(|(id, tick)| (*tick, id.clone()));
        rank(a).cmp(&rank(b))
    }

    fn bind_creation(&mut self, event: Event, version: Version, floor: Tick) -> Result<(), String> {
        if event.settles {
            return self.bind(event, version, floor);
        }
        let known = self.creations.get(&event);
        if known.is_some_and(|known| *known != version) {
            return Err(format!(
                "created as {version:?} instead of {known:?}, {event:?}"
            ));
        }
        let maker = self.ids.get(&(event.party, false));
        if maker.is_some_and(|maker| *maker != version.0) {
            return Err(format!("{version:?} is not one of {event:?}'s maker"));
        }
        self.creations.insert(event, version);
        Ok(())
    }

    fn bind(&mut self, event: Event, version: Version, floor: Tick) -> Result<(), String> {
        if let Some(bound) = self.versions.get(&event) {
            return match *bound == version {
                true => Ok(()),
                false => Err(format!(
                    "version {version:?} instead of {bound:?}, {event:?}"
                )),
            };
        }
        let (id, tick) = &version;
        let maker = (event.party, event.settles);
        let strangers = self.ids.iter().filter(|(other, _)| **other != maker);
        if { strangers }.any(|(_, other)| other == id) {
            return Err(format!("{version:?} is not one of {event:?}'s maker"));
        }
        if self.ids.entry(maker).or_insert_with(|| id.clone()) != id {
            return Err(format!("{version:?} is not one of {event:?}'s maker"));
        }
        if event.settles {
            let is_recognisable = id.as_uuid().is_some_and(|id| id.get_version_num() == 8);
            if !is_recognisable || *tick <= floor {
                return Err(format!("{version:?} is no settlement above {floor}"));
            }
        }
        // No two rows are settled under one version.
        let another = |other: &Event| other.key == event.key || event.settles;
        let taken = self.versions.iter().find(|(_, bound)| **bound == version);
        if let Some((other, _)) = taken.filter(|(other, _)| another(other)) {
            return Err(format!("{version:?} is {other:?}'s and {event:?}'s"));
        }
        self.versions.insert(event, version);
        Ok(())
    }
}

/// Somebody whom one of the sides has met.
struct Friend {
    replica: Box<dyn TestReplica>,
    member: Member,
}

impl Friend {
    fn of(side: Side) -> Self {
        Friend {
            replica: Memory.make(Layout::Neutral),
            member: Member::new(Party::FriendOf(side), true),
        }
    }

    fn write(&mut self, key: i64, text: &str) {
        self.replica.write(ITEM, &item(key, text), 1);
        self.member.write(key, text, 1);
    }
}

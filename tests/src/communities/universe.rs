//! Every state of every replica that was met, and what leads from one to another.
//!
//! A state is kept once, and a step between the same states is taken once: communities are tuples of
//! small numbers, and nearly every step of an exploration is a look into a table.

use super::hashing::FastMap;
use super::laws::{Transfer, Violation, check_community, quiet};
use super::member::Member;
use super::setting::Setting;
use super::state::State;
use super::step::Step;

/// The most replicas that a community may have.
const MOST: usize = 6;

/// The states of all replicas, as numbers given by a [`Universe`].
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub struct Community([u32; MOST]);

/// All states met so far.
pub struct Universe<M> {
    /// Who takes part.
    pub setting: Setting,
    states: Vec<State>,
    members: Vec<M>,
    numbers: FastMap<State, u32>,
    sent: FastMap<(u32, u32, u8), (u32, u32)>,
    wrote: FastMap<(u32, Step), u32>,
    start: Community,
    carried_out: usize,
}

impl<M: Member + Clone> Universe<M> {
    /// A universe in which nothing happened yet. `make` makes the replica of an index.
    ///
    /// # Errors
    /// [`Violation::Refused`] when a replica shows something from outside the community.
    pub fn new(setting: Setting, make: impl Fn(usize) -> M) -> Result<Self, Violation> {
        let mut universe = Universe {
            setting,
            states: Vec::new(),
            members: Vec::new(),
            numbers: FastMap::default(),
            sent: FastMap::default(),
            wrote: FastMap::default(),
            start: Community([0; MOST]),
            carried_out: 0,
        };
        for index in 0..universe.setting.replicas() {
            let member = make(index);
            let state = universe.look(index as u8, &member)?;
            universe.start.0[index] = universe.number(state, member);
        }
        Ok(universe)
    }

    /// The community before anything happened.
    pub fn start(&self) -> Community {
        self.start
    }

    /// The state of one replica.
    pub fn state(&self, community: Community, replica: usize) -> &State {
        &self.states[community.0[replica] as usize]
    }

    /// How many states of single replicas were met.
    pub fn states(&self) -> usize {
        self.states.len()
    }

    /// How many different transfers were carried out.
    pub fn transfers(&self) -> usize {
        self.carried_out
    }

    /// The community after a step. A step that does nothing gives the same community.
    ///
    /// # Errors
    /// The law that the step broke.
    pub fn step(&mut self, community: Community, step: Step) -> Result<Community, Violation> {
        let mut next = community;
        match step {
            Step::Send { source, destination, way } => {
                let (from, to) = self.send(community.0[source], community.0[destination], way)?;
                (next.0[source], next.0[destination]) = (from, to);
            }
            Step::Write { replica, .. }
            | Step::Delete { replica, .. }
            | Step::Fail { replica, .. }
            | Step::Heal { replica, .. } => {
                next.0[replica] = self.act(community.0[replica], step)?;
            }
        }
        Ok(next)
    }

    /// Checks the laws that hold between the members.
    ///
    /// # Errors
    /// The law that is broken.
    pub fn check(&self, community: Community) -> Result<(), Violation> {
        check_community(&self.all(community))
    }

    /// Whether the community is quiet.
    ///
    /// # Errors
    /// What is missing.
    pub fn quiet(&self, community: Community) -> Result<(), Violation> {
        quiet(&self.all(community))
    }

    /// The states of all replicas.
    pub fn all(&self, community: Community) -> Vec<&State> {
        (0..self.setting.replicas()).map(|replica| self.state(community, replica)).collect()
    }

    fn send(&mut self, source: u32, destination: u32, way: usize) -> Result<(u32, u32), Violation> {
        if let Some(&known) = self.sent.get(&(source, destination, way as u8)) {
            return Ok(known);
        }
        let (mut from, mut to) = (self.members[source as usize].clone(), self.members[destination as usize].clone());
        let direction = &self.setting.ways[way];
        let records = M::transfer(&mut from, &mut to, direction).map_err(Violation::Refused)?;
        let (before_source, before) = (&self.states[source as usize], &self.states[destination as usize]);
        let after_source = self.look_again(before_source, &from)?;
        if (&after_source.rows, &after_source.known) != (&before_source.rows, &before_source.known) {
            return Err(Violation::Invented("a transfer changed its source".into()));
        }
        let mut after = self.look_again(before, &to)?;
        let deferring = direction.policy == sync_provider::ConflictPolicy::Defer;
        let seen = Transfer { names: &self.setting.names, source: before_source, before, after: &after, records: &records, deferring };
        after.accounted = seen.check()?;
        let result = (self.number(after_source, from), self.number(after, to));
        let ways = if records.is_empty() { 0..self.setting.ways.len() } else { way..way + 1 };
        for way in ways {
            // Without a conflict no policy was asked.
            self.sent.insert((source, destination, way as u8), result);
        }
        self.carried_out += 1;
        Ok(result)
    }

    fn act(&mut self, replica: u32, step: Step) -> Result<u32, Violation> {
        if let Some(&known) = self.wrote.get(&(replica, step)) {
            return Ok(known);
        }
        let mut member = self.members[replica as usize].clone();
        let before = &self.states[replica as usize];
        let mut failing = before.failing.clone();
        match step {
            Step::Write { item, content, time, .. } => member.write(item, content, time),
            Step::Delete { item, time, .. } => member.delete(item, time),
            Step::Fail { item, .. } => {
                member.reject(item, true);
                failing.push(item);
                failing.sort_unstable();
                failing.dedup();
            }
            Step::Heal { item, .. } => {
                member.reject(item, false);
                failing.retain(|failing| *failing != item);
            }
            Step::Send { .. } => {}
        }
        let mut after = self.look_again(before, &member)?;
        after.failing = failing;
        for (item, row) in after.rows.iter().enumerate() {
            let Some(row) = row.as_ref().filter(|row| Some(*row) != before.rows[item].as_ref()) else { continue };
            if before.accounted[item].contains(&row.update) || row.update.who != after.own {
                return Err(Violation::Invented(format!("a local write of item {item} made {row:?}")));
            }
            after.accounted[item].push(row.update);
            after.accounted[item].sort_unstable();
        }
        let number = self.number(after, member);
        self.wrote.insert((replica, step), number);
        Ok(number)
    }

    fn look(&self, own: u8, member: &M) -> Result<State, Violation> {
        State::of(&self.setting.names, own, &member.view()).map_err(Violation::Refused)
    }

    /// The state of a replica that was in state `before`, with what the watcher keeps carried on.
    fn look_again(&self, before: &State, member: &M) -> Result<State, Violation> {
        let (failing, accounted) = (before.failing.clone(), before.accounted.clone());
        Ok(State { failing, accounted, ..self.look(before.own, member)? })
    }

    fn number(&mut self, state: State, member: M) -> u32 {
        if let Some(&number) = self.numbers.get(&state) {
            return number;
        }
        let number = self.states.len() as u32;
        self.states.push(state.clone());
        self.members.push(member);
        self.numbers.insert(state, number);
        number
    }
}

//! Every state of every replica that was met, and what leads from one to another.
//!
//! A state is kept once, and a step between the same states is taken once: communities are tuples of
//! small numbers, and nearly every step of an exploration is a look into a table.

use super::hashing::FastMap;
use super::laws::{Violation, check_community, quiet};
use super::member::Member;
use super::setting::Setting;
use super::state::State;
use super::step::Step;
use super::watch;

/// The most replicas that a community may have.
const MOST: usize = 6;

/// The states of all replicas, as numbers given by a [`Universe`].
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub struct Community([u32; MOST]);

/// All states met so far.
#[derive(Debug)]
pub struct Universe<M> {
    /// Who takes part.
    pub setting: Setting,
    states: Vec<State>,
    members: Vec<M>,
    numbers: FastMap<State, u32>,
    sent: FastMap<(u32, u32, u8), (u32, u32)>,
    acted: FastMap<(u32, Step), u32>,
    start: Community,
    transfers: usize,
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
            acted: FastMap::default(),
            start: Community([0; MOST]),
            transfers: 0,
        };
        for index in 0..universe.setting.replicas() {
            let member = make(index);
            let state = watch::first(&universe.setting, index, &member)?;
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
        self.transfers
    }

    /// The community after a step. A step that does nothing gives the same community.
    ///
    /// # Errors
    /// The law that the step broke.
    pub fn step(&mut self, community: Community, step: Step) -> Result<Community, Violation> {
        let mut next = community;
        match step {
            Step::Send {
                source,
                destination,
                way,
            } => {
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
        match self.setting.watched {
            true => check_community(&self.all(community)),
            false => Ok(()),
        }
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
        (0..self.setting.replicas())
            .map(|replica| self.state(community, replica))
            .collect()
    }

    fn send(&mut self, source: u32, destination: u32, way: usize) -> Result<(u32, u32), Violation> {
        if let Some(&known) = self.sent.get(&(source, destination, way as u8)) {
            return Ok(known);
        }
        let member = |number: u32| self.members[number as usize].clone();
        let (mut from, mut to) = (member(source), member(destination));
        let before = (
            &self.states[source as usize],
            &self.states[destination as usize],
        );
        let sent = watch::send(&self.setting, (&mut from, &mut to), before, way)?;
        let result = (
            self.number(sent.source, from),
            self.number(sent.destination, to),
        );
        // Without a conflict no policy was asked, and every way leads to the same.
        let ways = if sent.conflict {
            way..way + 1
        } else {
            0..self.setting.ways.len()
        };
        self.sent
            .extend(ways.map(|way| ((source, destination, way as u8), result)));
        self.transfers += 1;
        Ok(result)
    }

    fn act(&mut self, replica: u32, step: Step) -> Result<u32, Violation> {
        if let Some(&known) = self.acted.get(&(replica, step)) {
            return Ok(known);
        }
        let mut member = self.members[replica as usize].clone();
        let after = watch::act(
            &self.setting,
            &mut member,
            &self.states[replica as usize],
            step,
        )?;
        let number = self.number(after, member);
        self.acted.insert((replica, step), number);
        Ok(number)
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

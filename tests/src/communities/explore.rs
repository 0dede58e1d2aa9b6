//! Every schedule at once: all states that a community can come into, in whatever order things happen.

use std::fmt;
use std::ops::Range;

use sync_provider_memory::Direction;

use super::hashing::FastMap;
use super::laws::Violation;
use super::member::Member;
use super::setting::Setting;
use super::state::State;
use super::step::Step;
use super::universe::{Community, Universe};

/// What may happen in an exploration besides sessions, which may happen in any number.
#[derive(Clone, Debug)]
pub struct Extent {
    /// How many local changes there may be in all, at whatever moment and replica.
    pub writes: u32,
    /// The contents that are told apart. A write takes any that is held somewhere or the first that
    /// is not: what nobody holds any more is as good as new.
    pub contents: Range<u8>,
    /// Whether a write may take any content at once, which matters where a policy compares contents.
    pub ordered: bool,
    /// Whether rows are deleted, too.
    pub deletes: bool,
    /// What the clocks may say.
    pub times: Vec<i64>,
    /// What happened before.
    pub start: Vec<Step>,
    /// How many (replica, row) pairs may begin to fail at the same time; each may heal at any moment.
    pub failing: usize,
    /// The pairs of replicas that have sessions.
    pub edges: Vec<(usize, usize)>,
    /// More states than this are a failure: the exploration does not come to an end.
    pub limit: usize,
}

impl Extent {
    /// Every pair of replicas has sessions; up to `writes` changes of three contents and deletions,
    /// a clock that stands still, nothing fails.
    pub fn of(setting: &Setting, writes: u32) -> Self {
        Extent {
            writes,
            contents: 0..3,
            ordered: false,
            deletes: true,
            times: vec![0],
            start: Vec::new(),
            failing: 0,
            edges: setting.pairs(),
            limit: 3_000_000,
        }
    }
}

/// What an exploration went through.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Different states of the whole community.
    pub communities: usize,
    /// Steps that led from one to another.
    pub steps: usize,
    /// Communities at rest over a connected graph, each found quiet.
    pub at_rest: usize,
    /// Different states of single replicas.
    pub states: usize,
    /// Different transfers carried out.
    pub transfers: usize,
}

impl fmt::Display for Census {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} communities, {} steps between them, {} at rest and quiet; {} replica states, {} transfers",
            self.communities, self.steps, self.at_rest, self.states, self.transfers
        )
    }
}

/// A law that was broken, and the history that broke it.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The law.
    pub violation: Violation,
    /// What happened, to be replayed with [`replay_trace`](super::replay_trace).
    pub trace: Vec<Step>,
    /// What the numbers of ways stand for, and the replicas at the end.
    pub notes: Vec<String>,
}

impl Failure {
    pub(super) fn new(
        setting: &Setting,
        members: &[&State],
        trace: Vec<Step>,
        violation: Violation,
    ) -> Self {
        let way = |(number, way): (usize, &Direction)| {
            format!(
                "way {number}: {}, the destination is {:?}",
                way.policy.name(),
                way.position
            )
        };
        let mut notes: Vec<String> = setting.ways.iter().enumerate().map(way).collect();
        notes.extend(members.iter().map(|state| state.to_string()));
        Failure {
            violation,
            trace,
            notes,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.violation)?;
        self.trace
            .iter()
            .try_for_each(|step| writeln!(f, "  {step}"))?;
        self.notes
            .iter()
            .try_for_each(|note| writeln!(f, "  # {note}"))
    }
}

impl std::error::Error for Failure {}

/// Visits every community that can be reached and checks all laws in each.
///
/// Where the sessions over some edges do nothing any more in either direction and way, and these
/// edges connect everybody, the community has to be quiet.
///
/// # Errors
/// The first law that is broken, with a shortest history that breaks it.
pub fn explore<M: Member + Clone>(
    universe: &mut Universe<M>,
    extent: &Extent,
) -> Result<Census, Failure> {
    let mut visit = Visit {
        found: vec![(universe.start(), 0, None)],
        index: FastMap::default(),
    };
    let mut census = Census::default();
    for (at, &step) in extent.start.iter().enumerate() {
        visit.take(universe, at, step, &mut census)?;
    }
    let mut next = visit.found.len() - 1;
    visit.index.insert(visit.found[next].0, next as u32);
    while next < visit.found.len() {
        if visit.found.len() > extent.limit {
            let endless = Violation::Oscillates(format!("more than {} communities", extent.limit));
            return Err(visit.failure(universe, next, None, endless));
        }
        let rests = visit.expand(universe, extent, next, &mut census)?;
        census.at_rest += usize::from(rests);
        next += 1;
    }
    census.communities = visit.found.len();
    (census.states, census.transfers) = (universe.states(), universe.transfers());
    Ok(census)
}

struct Visit {
    /// Each community with the one it was first reached from, and by what step.
    found: Vec<(Community, u32, Option<Step>)>,
    index: FastMap<Community, u32>,
}

impl Visit {
    /// Checks a community and adds those that follow. Says whether it is at rest.
    fn expand<M: Member + Clone>(
        &mut self,
        universe: &mut Universe<M>,
        extent: &Extent,
        at: usize,
        census: &mut Census,
    ) -> Result<bool, Failure> {
        let community = self.found[at].0;
        universe
            .check(community)
            .map_err(|broken| self.failure(universe, at, None, broken))?;
        let mut still = Vec::new();
        for &(a, b) in &extent.edges {
            let mut moved = false;
            for (source, destination) in [(a, b), (b, a)] {
                for way in 0..universe.setting.ways.len() {
                    let step = Step::Send {
                        source,
                        destination,
                        way,
                    };
                    moved |= self.take(universe, at, step, census)?;
                }
            }
            if !moved {
                still.push((a, b));
            }
        }
        for step in other_steps(universe, extent, community) {
            self.take(universe, at, step, census)?;
        }
        let members = universe.all(community);
        let rests = members.iter().all(|state| state.failing.is_empty())
            && connected(members.len(), &still);
        if rests {
            universe
                .quiet(community)
                .map_err(|broken| self.failure(universe, at, None, broken))?;
        }
        Ok(rests)
    }

    /// Takes a step; says whether it changed anything.
    fn take<M: Member + Clone>(
        &mut self,
        universe: &mut Universe<M>,
        at: usize,
        step: Step,
        census: &mut Census,
    ) -> Result<bool, Failure> {
        let community = self.found[at].0;
        let next = universe
            .step(community, step)
            .map_err(|broken| self.failure(universe, at, Some(step), broken))?;
        if next == community {
            return Ok(false);
        }
        census.steps += 1;
        let number = self.found.len() as u32;
        if *self.index.entry(next).or_insert(number) == number {
            self.found.push((next, at as u32, Some(step)));
        }
        Ok(true)
    }

    fn failure<M: Member + Clone>(
        &self,
        universe: &Universe<M>,
        at: usize,
        last: Option<Step>,
        violation: Violation,
    ) -> Failure {
        let mut trace: Vec<Step> = last.into_iter().collect();
        let mut from = at;
        while let (_, before, Some(step)) = self.found[from] {
            trace.push(step);
            from = before as usize;
        }
        trace.reverse();
        Failure::new(
            &universe.setting,
            &universe.all(self.found[at].0),
            trace,
            violation,
        )
    }
}

/// Local writes and faults that the extent allows now.
fn other_steps<M: Member + Clone>(
    universe: &Universe<M>,
    extent: &Extent,
    community: Community,
) -> Vec<Step> {
    let members = universe.all(community);
    let items = universe.setting.items;
    let mut steps = Vec::new();
    let places =
        || (0..members.len()).flat_map(|replica| (0..items).map(move |item| (replica, item)));
    if members.iter().map(|state| state.writes()).sum::<u32>() < extent.writes {
        let held = |content: &u8| {
            let rows = members.iter().flat_map(|state| state.rows.iter().flatten());
            rows.into_iter().any(|row| row.content == Some(*content))
        };
        let fresh = extent.contents.clone().find(|content| !held(content));
        for (replica, item) in places() {
            for &time in &extent.times {
                let contents = extent
                    .contents
                    .clone()
                    .filter(|content| extent.ordered || held(content) || fresh == Some(*content));
                steps.extend(contents.map(|content| Step::Write {
                    replica,
                    item,
                    content,
                    time,
                }));
                if extent.deletes {
                    steps.push(Step::Delete {
                        replica,
                        item,
                        time,
                    });
                }
            }
        }
    }
    let failing: usize = members.iter().map(|state| state.failing.len()).sum();
    for (replica, item) in places() {
        if members[replica].failing.contains(&item) {
            steps.push(Step::Heal { replica, item });
        } else if failing < extent.failing {
            steps.push(Step::Fail { replica, item });
        }
    }
    steps
}

/// Whether the edges tie `count` nodes together.
pub(super) fn connected(count: usize, edges: &[(usize, usize)]) -> bool {
    let mut group: Vec<usize> = (0..count).collect();
    for &(a, b) in edges {
        let (from, to) = (group[a], group[b]);
        group
            .iter_mut()
            .filter(|member| **member == from)
            .for_each(|member| *member = to);
    }
    group.iter().all(|member| *member == group[0])
}

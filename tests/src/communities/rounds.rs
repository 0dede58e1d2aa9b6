//! The same sessions in the same order, round after round: the adversary whose favourite is the
//! community that goes in circles.

use std::collections::HashSet;
use std::fmt;

use super::explore::Failure;
use super::hashing::FastMap;
use super::laws::Violation;
use super::member::Member;
use super::state::{Stamped, State};
use super::step::Step;
use super::universe::{Community, Universe};

/// More rounds than this are never needed, whatever the order.
const PATIENCE: u32 = 60;
/// After so many rounds the shapes of communities are compared.
const SUSPICIOUS: u32 = 2;

/// A round of two-way sessions, uploads first: (local, remote) of each.
pub type Plan = Vec<(usize, usize)>;

/// What a number of runs went through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoundCensus {
    /// Runs from a start through one plan to quiet.
    pub runs: u64,
    /// Two-way sessions that were taken.
    pub sessions: u64,
    /// Different states of the whole community.
    pub communities: usize,
    /// How many runs needed 0, 1, 2 … rounds.
    pub rounds: Vec<u64>,
}

impl fmt::Display for RoundCensus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RoundCensus {
            runs,
            sessions,
            communities,
            rounds,
        } = self;
        write!(
            f,
            "{runs} runs, {sessions} sessions, {communities} communities; runs by rounds needed: {rounds:?}"
        )
    }
}

impl RoundCensus {
    /// Adds up two counts.
    pub fn add(&mut self, other: &RoundCensus) {
        self.runs += other.runs;
        self.sessions += other.sessions;
        self.communities += other.communities;
        self.rounds
            .resize(self.rounds.len().max(other.rounds.len()), 0);
        self.rounds
            .iter_mut()
            .zip(&other.rounds)
            .for_each(|(sum, count)| *sum += count);
    }
}

/// Runs every plan from every start until the community is quiet. The universe's ways have to be
/// those of an upload and of a download ([`Setting::under`](super::Setting::under)).
///
/// # Errors
/// The first law that is broken, among them that a run never becomes quiet.
pub fn run_rounds<M: Member + Clone>(
    universe: &mut Universe<M>,
    starts: &[Vec<Step>],
    plans: &[Plan],
) -> Result<RoundCensus, Failure> {
    let mut census = RoundCensus::default();
    let mut seen = FastMap::default();
    for start in starts {
        let mut community = universe.start();
        for (done, &step) in start.iter().enumerate() {
            let next = universe.step(community, step);
            community =
                next.map_err(|broken| failure(universe, community, &start[..=done], broken))?;
        }
        let mut first = FirstRound {
            plan: &[],
            after: vec![community],
        };
        for plan in plans {
            let mut run = Run {
                plan,
                start,
                community,
                taken: 0,
                history: Vec::new(),
            };
            let rounds = run.until_quiet(universe, &mut seen, &mut first)?;
            census.runs += 1;
            census.sessions += run.taken;
            census
                .rounds
                .resize(census.rounds.len().max(rounds as usize + 1), 0);
            census.rounds[rounds as usize] += 1;
        }
    }
    census.communities = seen.len();
    Ok(census)
}

/// Every order of the edges, each with every choice of who is the local side of its session. Orders
/// that differ only in which of two neighbouring sessions without a common replica comes first lead to
/// the same and count once.
pub fn orders(edges: &[(usize, usize)]) -> Vec<Plan> {
    let mut plans = vec![Plan::new()];
    let number = |(a, b)| {
        edges
            .iter()
            .position(|edge| *edge == (a, b) || *edge == (b, a))
    };
    let commute = |one: (usize, usize), other: (usize, usize)| {
        one.0 != other.0 && one.0 != other.1 && one.1 != other.0 && one.1 != other.1
    };
    // Of the orders that lead to the same, this finds the one that is least in the numbers of edges.
    let least = |plan: &[(usize, usize)], next| {
        let passed = plan
            .iter()
            .rev()
            .take_while(|before| commute(**before, next));
        passed
            .into_iter()
            .all(|before| number(*before) < number(next))
    };
    for _ in edges {
        let longer = plans.iter().flat_map(|plan| {
            let open = edges
                .iter()
                .filter(|(a, b)| !plan.contains(&(*a, *b)) && !plan.contains(&(*b, *a)));
            let next = open
                .filter(|next| least(plan, **next))
                .flat_map(|&(a, b)| [(a, b), (b, a)]);
            next.map(|session| [plan.as_slice(), &[session]].concat())
        });
        plans = longer.collect();
    }
    plans
}

/// The edges of a ring.
pub fn ring(count: usize) -> Vec<(usize, usize)> {
    (0..count).map(|a| (a, (a + 1) % count)).collect()
}

/// The edges of a complete graph.
pub fn complete(count: usize) -> Vec<(usize, usize)> {
    (0..count)
        .flat_map(|a| (a + 1..count).map(move |b| (a, b)))
        .collect()
}

/// Ways to begin: `writers` of `count` replicas change one row, each in every way that differs in
/// more than the names of contents, by clocks that go by `time` of the writer's number.
///
/// With `seeded` everybody holds the row before, and a change may delete it; without it the changes
/// are inserts.
pub fn starts(
    count: usize,
    writers: usize,
    seeded: bool,
    time: impl Fn(usize) -> i64,
) -> Vec<Vec<Step>> {
    let seed = |steps: &mut Vec<Step>| {
        steps.push(Step::Write {
            replica: 0,
            item: 0,
            content: 0,
            time: 0,
        });
        steps.extend((1..count).map(|destination| Step::Send {
            source: 0,
            destination,
            way: 0,
        }));
    };
    let mut found = Vec::new();
    for chosen in (0..1u32 << count).filter(|chosen| chosen.count_ones() as usize == writers) {
        for changes in changes(writers, seeded) {
            let mut steps = Vec::new();
            if seeded {
                seed(&mut steps);
            }
            let places = (0..count).filter(|replica| chosen >> replica & 1 == 1);
            steps.extend(
                places
                    .zip(&changes)
                    .enumerate()
                    .map(|(number, (replica, change))| match *change {
                        Some(content) => Step::Write {
                            replica,
                            item: 0,
                            content,
                            time: time(number),
                        },
                        None => Step::Delete {
                            replica,
                            item: 0,
                            time: time(number),
                        },
                    }),
            );
            found.push(steps);
        }
    }
    found
}

/// What `writers` may write, up to the names of contents: each takes a content that one before took, or
/// the next, or deletes. The seed is content 0.
fn changes(writers: usize, seeded: bool) -> Vec<Vec<Option<u8>>> {
    let first = u8::from(seeded);
    let mut all = vec![Vec::new()];
    for _ in 0..writers {
        let longer = all.iter().flat_map(|taken: &Vec<Option<u8>>| {
            let next = taken.iter().flatten().max().map_or(first, |most| most + 1);
            let contents = (first..=next).map(Some);
            contents
                .chain(seeded.then_some(None))
                .map(|change| [taken.as_slice(), &[change]].concat())
        });
        all = longer.collect();
    }
    all
}

/// The first round of the plan before, whose beginning the next plan shares: what followed the start
/// and each of its sessions.
struct FirstRound<'a> {
    plan: &'a [(usize, usize)],
    after: Vec<Community>,
}

struct Run<'a> {
    plan: &'a Plan,
    start: &'a [Step],
    community: Community,
    taken: u64,
    /// The community after each round, from the start.
    history: Vec<Community>,
}

impl<'a> Run<'a> {
    /// Says how many rounds it took.
    fn until_quiet<M: Member + Clone>(
        &mut self,
        universe: &mut Universe<M>,
        seen: &mut FastMap<Community, bool>,
        first: &mut FirstRound<'a>,
    ) -> Result<u32, Failure> {
        let mut shapes = HashSet::new();
        for rounds in 0..PATIENCE {
            if self.look(universe, seen)? {
                return Ok(rounds);
            }
            if self.history.last() == Some(&self.community) {
                let stuck = universe.quiet(self.community);
                return stuck
                    .map(|()| rounds)
                    .map_err(|broken| self.failure(universe, broken));
            }
            let again =
                rounds >= SUSPICIOUS && !shapes.insert(shape(&universe.all(self.community)));
            if again || self.history.contains(&self.community) {
                let circle = Violation::Oscillates(format!(
                    "after {rounds} rounds the community looks as before"
                ));
                return Err(self.failure(universe, circle));
            }
            self.history.push(self.community);
            if rounds == 0 {
                self.first_round(universe, seen, first)?;
                continue;
            }
            for &session in self.plan {
                self.take(universe, seen, session)?;
            }
        }
        let endless = Violation::Oscillates(format!("not quiet after {PATIENCE} rounds"));
        Err(self.failure(universe, endless))
    }

    fn first_round<M: Member + Clone>(
        &mut self,
        universe: &mut Universe<M>,
        seen: &mut FastMap<Community, bool>,
        first: &mut FirstRound<'a>,
    ) -> Result<(), Failure> {
        let shared = first
            .plan
            .iter()
            .zip(self.plan)
            .take_while(|(a, b)| a == b)
            .count();
        first.after.truncate(shared + 1);
        first.plan = self.plan;
        self.community = first.after[shared];
        for &session in &self.plan[shared..] {
            self.take(universe, seen, session)?;
            first.after.push(self.community);
        }
        Ok(())
    }

    fn take<M: Member + Clone>(
        &mut self,
        universe: &mut Universe<M>,
        seen: &mut FastMap<Community, bool>,
        (local, remote): (usize, usize),
    ) -> Result<(), Failure> {
        for step in session(local, remote) {
            let next = universe.step(self.community, step);
            self.community = next.map_err(|broken| self.failure(universe, broken))?;
        }
        self.taken += 1;
        self.look(universe, seen)?;
        Ok(())
    }

    /// Checks the laws of a community that is new; says whether it is quiet.
    fn look<M: Member + Clone>(
        &self,
        universe: &Universe<M>,
        seen: &mut FastMap<Community, bool>,
    ) -> Result<bool, Failure> {
        if let Some(&quiet) = seen.get(&self.community) {
            return Ok(quiet);
        }
        universe
            .check(self.community)
            .map_err(|broken| self.failure(universe, broken))?;
        let quiet = universe.quiet(self.community).is_ok();
        seen.insert(self.community, quiet);
        Ok(quiet)
    }

    fn failure<M: Member + Clone>(&self, universe: &Universe<M>, violation: Violation) -> Failure {
        let rounds = self
            .plan
            .iter()
            .cycle()
            .take(self.plan.len() * self.history.len());
        let sent = rounds.flat_map(|&(local, remote)| session(local, remote));
        let trace: Vec<Step> = self.start.iter().copied().chain(sent).collect();
        failure(universe, self.community, &trace, violation)
    }
}

fn session(local: usize, remote: usize) -> [Step; 2] {
    [
        Step::Send {
            source: local,
            destination: remote,
            way: 0,
        },
        Step::Send {
            source: remote,
            destination: local,
            way: 1,
        },
    ]
}

fn failure<M: Member + Clone>(
    universe: &Universe<M>,
    community: Community,
    trace: &[Step],
    violation: Violation,
) -> Failure {
    Failure::new(
        &universe.setting,
        &universe.all(community),
        trace.to_vec(),
        violation,
    )
}

/// A community up to the size of its ticks: where two communities differ in nothing but how high the ticks
/// of a replica are, in the same order, the same sessions do the same to both. Ticks of settlement
/// replicas are compared with each other and keep their order as a whole.
fn shape(members: &[&State]) -> Vec<State> {
    let replicas = members.len();
    let class = |who: usize| if who < replicas { who } else { replicas };
    let mut ticks: Vec<Vec<u32>> = vec![vec![0]; replicas + 1];
    for state in members {
        for (index, &tick) in state.known.iter().enumerate() {
            ticks[class(index % (2 * replicas))].push(tick);
        }
        for version in state
            .rows
            .iter()
            .flatten()
            .flat_map(|row| [row.create, row.update])
        {
            ticks[class(version.who.index(replicas))].push(version.tick);
        }
    }
    for ticks in &mut ticks {
        ticks.sort_unstable();
        ticks.dedup();
    }
    let rank =
        |who: usize, tick: u32| ticks[class(who)].partition_point(|other| *other < tick) as u32;
    let version = |version: Stamped| Stamped {
        tick: rank(version.who.index(replicas), version.tick),
        ..version
    };
    let ranked = members.iter().map(|state| {
        let mut state = State::clone(state);
        state.accounted.clear();
        for (index, tick) in state.known.iter_mut().enumerate() {
            *tick = rank(index % (2 * replicas), *tick);
        }
        for row in state.rows.iter_mut().flatten() {
            (row.create, row.update) = (version(row.create), version(row.update));
        }
        state
    });
    ranked.collect()
}

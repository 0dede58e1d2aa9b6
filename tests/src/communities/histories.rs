//! Histories replayed from their beginning, for replicas that cannot be copied.

use std::fmt;

use super::explore::Failure;
use super::laws::{Violation, check_community, quiet};
use super::member::Member;
use super::setting::{Setting, both_ways, every_policy};
use super::state::State;
use super::step::Step;
use super::watch;

/// Sessions over all edges are repeated no more often than this.
const PATIENCE: u32 = 12;

/// What a sample of histories went through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryCensus {
    /// Histories that were replayed, each until quiet.
    pub histories: u64,
    /// Steps taken in all.
    pub steps: u64,
    /// How many histories needed 0, 1, 2 … rounds of sessions to become quiet once writes had stopped.
    pub rounds: Vec<u64>,
}

impl fmt::Display for HistoryCensus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HistoryCensus {
            histories,
            steps,
            rounds,
        } = self;
        write!(
            f,
            "{histories} histories, {steps} steps; histories by rounds needed: {rounds:?}"
        )
    }
}

/// Replays histories `numbers` of the sample, each from its beginning with replicas fresh from `make`
/// (which gets a replica's index in [`Names::replicas`](super::Names::replicas) of a community of
/// three with two items), and goes on until the community is quiet.
///
/// A history is a function of its number alone: up to three writes and three sessions, interleaved,
/// under one of the policies, one-way sessions and clocks that go back among them, then rounds of
/// sessions over all edges of a path or a triangle, always in the same order. With `faults` writes of
/// a row fail at some replica until the rounds begin. The laws are those of
/// [`explore`](super::explore()).
///
/// # Errors
/// The first law that is broken, with the history that broke it; its ways are those of the policy of
/// the history's number, [`history_setting`].
pub fn replay_histories<R: Member>(
    make: impl Fn(usize) -> R,
    numbers: std::ops::Range<u64>,
    faults: bool,
) -> Result<HistoryCensus, Failure> {
    let mut census = HistoryCensus::default();
    for number in numbers {
        let mut dice = Dice::new(number);
        let setting = history_setting(number);
        let mut live = Live::new(&setting, &make)?;
        for step in history(&mut dice, faults) {
            live.take(step)?;
        }
        let rounds = live.until_quiet(&round(&mut dice))?;
        census.histories += 1;
        census.steps += live.trace.len() as u64;
        census
            .rounds
            .resize(census.rounds.len().max(rounds as usize + 1), 0);
        census.rounds[rounds as usize] += 1;
    }
    Ok(census)
}

/// The community of a history of [`replay_histories`].
///
/// # Panics
/// Never; the names of communities are valid.
pub fn history_setting(number: u64) -> Setting {
    let setting = Setting::new(3, 2, Vec::new()).expect("the names of a community are valid");
    let policies = every_policy(&setting.names);
    let policy = policies[number as usize % policies.len()].clone();
    Setting {
        ways: both_ways(policy),
        ..setting
    }
}

/// Replays one history, written as a [`Failure`] prints it, and gives the states of the replicas after it.
///
/// # Errors
/// The law that is broken on the way, or a line that is no step.
pub fn replay_trace<R: Member>(
    setting: &Setting,
    make: impl Fn(usize) -> R,
    trace: &str,
) -> Result<Vec<State>, Failure> {
    let mut live = Live::new(setting, &make)?;
    let lines = trace.lines().map(str::trim);
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let step = line
            .parse()
            .map_err(|error| live.failure(Violation::Refused(error)))?;
        live.take(step)?;
    }
    Ok(live.states)
}

/// Replicas on their way through a history.
struct Live<'a, R> {
    setting: &'a Setting,
    members: Vec<R>,
    states: Vec<State>,
    trace: Vec<Step>,
}

impl<'a, R: Member> Live<'a, R> {
    fn new(setting: &'a Setting, make: &impl Fn(usize) -> R) -> Result<Self, Failure> {
        let members: Vec<R> = (0..setting.replicas()).map(make).collect();
        let mut live = Live {
            setting,
            members,
            states: Vec::new(),
            trace: Vec::new(),
        };
        for own in 0..live.members.len() {
            let state = watch::first(setting, own, &live.members[own]);
            live.states
                .push(state.map_err(|broken| live.failure(broken))?);
        }
        Ok(live)
    }

    fn take(&mut self, step: Step) -> Result<(), Failure> {
        self.trace.push(step);
        self.try_take(step).map_err(|broken| self.failure(broken))
    }

    fn try_take(&mut self, step: Step) -> Result<(), Violation> {
        match step {
            Step::Send {
                source,
                destination,
                way,
            } => {
                let pair = two(&mut self.members, source, destination);
                let (from, to) =
                    pair.ok_or_else(|| Violation::Refused(format!("no such replicas: {step}")))?;
                let before = (&self.states[source], &self.states[destination]);
                let sent = watch::send(self.setting, (from, to), before, way)?;
                (self.states[source], self.states[destination]) = (sent.source, sent.destination);
            }
            Step::Write { replica, .. }
            | Step::Delete { replica, .. }
            | Step::Fail { replica, .. }
            | Step::Heal { replica, .. } => {
                let member = self.members.get_mut(replica);
                let member =
                    member.ok_or_else(|| Violation::Refused(format!("no such replica: {step}")))?;
                self.states[replica] =
                    watch::act(self.setting, member, &self.states[replica], step)?;
            }
        }
        match self.setting.watched {
            true => check_community(&self.states.iter().collect::<Vec<_>>()),
            false => Ok(()),
        }
    }

    /// Repeats a round until the community is quiet; says how often.
    fn until_quiet(&mut self, round: &[Step]) -> Result<u32, Failure> {
        for rounds in 0..PATIENCE {
            if quiet(&self.states.iter().collect::<Vec<_>>()).is_ok() {
                return Ok(rounds);
            }
            round.iter().try_for_each(|step| self.take(*step))?;
        }
        Err(self.failure(Violation::Oscillates(format!(
            "not quiet after {PATIENCE} rounds"
        ))))
    }

    fn failure(&self, violation: Violation) -> Failure {
        Failure::new(
            self.setting,
            &self.states.iter().collect::<Vec<_>>(),
            self.trace.clone(),
            violation,
        )
    }
}

/// The eventful part of a history. Where a step does nothing (a delete without a row) the replica says so.
fn history(dice: &mut Dice, faults: bool) -> Vec<Step> {
    let mut steps = Vec::new();
    let failing = faults.then(|| (dice.below(3), dice.below(2)));
    steps.extend(failing.map(|(replica, item)| Step::Fail { replica, item }));
    let (mut writes, mut sessions) = (1 + dice.below(3), dice.below(4));
    while writes + sessions > 0 {
        if dice.below(writes + sessions) < writes {
            writes -= 1;
            let (replica, item, time) = (dice.below(3), dice.below(5) / 4, dice.below(3) as i64);
            steps.push(match dice.below(4) {
                3 => Step::Delete {
                    replica,
                    item,
                    time,
                },
                content => Step::Write {
                    replica,
                    item,
                    content: content as u8,
                    time,
                },
            });
        } else {
            sessions -= 1;
            let (local, other) = (dice.below(3), dice.below(2));
            let remote = (local + 1 + other) % 3;
            let upload = Step::Send {
                source: local,
                destination: remote,
                way: 0,
            };
            let download = Step::Send {
                source: remote,
                destination: local,
                way: 1,
            };
            match dice.below(4) {
                0 => steps.push(upload),
                1 => steps.push(download),
                2 => steps.extend([upload, download]),
                _ => steps.extend([download, upload]),
            }
        }
    }
    steps.extend(failing.map(|(replica, item)| Step::Heal { replica, item }));
    steps
}

/// One round of two-way sessions over a path or a triangle.
fn round(dice: &mut Dice) -> Vec<Step> {
    let mut edges = vec![(0, 1), (1, 2), (2, 0)];
    edges.rotate_left(dice.below(3));
    if dice.below(2) == 0 {
        edges.swap(0, 1);
    }
    edges.truncate(2 + dice.below(2));
    let session = |(a, b): (usize, usize)| {
        let (local, remote) = if dice.below(2) == 0 { (a, b) } else { (b, a) };
        let upload = Step::Send {
            source: local,
            destination: remote,
            way: 0,
        };
        let download = Step::Send {
            source: remote,
            destination: local,
            way: 1,
        };
        if dice.below(2) == 0 {
            [upload, download]
        } else {
            [download, upload]
        }
    };
    edges.into_iter().flat_map(session).collect()
}

/// Numbers that look random and are the same on every machine.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Dice(seed.wrapping_mul(0xd134_2543_de82_ef95))
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 31).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((mixed >> 33) % bound as u64) as usize
    }
}

fn two<R>(members: &mut [R], a: usize, b: usize) -> Option<(&mut R, &mut R)> {
    let [a, b] = members.get_disjoint_mut([a, b]).ok()?;
    Some((a, b))
}

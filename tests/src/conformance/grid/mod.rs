//! The conflict grid: everything that can have happened to a row on two sides, under each policy, whoever initiates, in each direction.
//!
//! A [`Cell`] is what happened to one row, a [`Run`] the session that follows; both are data. The rows of all cells of one [`World`] go
//! through a run together, and each is held against a model of the rules (`model.rs`) that calls nothing of the code under test: rows, versions, knowledge,
//! conflict records, statistics, and a second session that must have nothing to do.

mod cell;
mod check;
mod model;
mod world;

use std::collections::BTreeSet;

use super::engine::{Ability, Engine};
use super::scenarios::Verdict;
pub(super) use cell::DIRECTIONS;
pub use cell::{Cell, Content, Edit, Later, Policy, Run, Side, World};
pub use model::Kind;
use world::Arena;

/// Names what is to be run alone: `CELL`, or `CELL | RUN`, as a failure prints them.
pub const ONLY: &str = "SYNC_TEST_GRID";

/// How much of the grid is run.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Every cell in every run.
    Every,
    /// Every cell, every run, every pair of a world and a policy; not each with each. For engines that are slow to make.
    Some,
}

/// What a grid went through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Sessions of which every row was held against the model, further ones not counted.
    pub runs: usize,
    /// Rows of cells in them.
    pub cells: usize,
    /// The kinds of conflict that were met, and whether anything was told of them.
    pub kinds: BTreeSet<(Kind, bool)>,
}

/// What was asked for by [`ONLY`].
#[derive(Clone, Debug, Default)]
struct Only {
    cell: Option<String>,
    run: Option<String>,
}

impl Only {
    fn from_environment() -> Self {
        let Ok(text) = std::env::var(ONLY) else {
            return Only::default();
        };
        let (cell, run) = text.split_once('|').unwrap_or((&text, ""));
        let part = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        Only {
            cell: part(cell),
            run: part(run),
        }
    }

    fn allows(only: &Option<String>, text: &str) -> bool {
        only.as_ref().is_none_or(|only| only == text)
    }
}

/// Runs the grid over a pair of engines, A's first.
///
/// # Panics
/// Where a cell fails, with its coordinates and how to run it alone.
pub fn run(engines: [&dyn Engine; 2], effort: Effort) -> Tally {
    let only = Only::from_environment();
    let mut tally = Tally::default();
    let mut faults = Vec::new();
    for (number, world) in World::ALL.into_iter().enumerate() {
        let mut cells = world.cells();
        cells.retain(|cell| Only::allows(&only.cell, &cell.to_string()));
        cells.retain(|cell| engines.iter().all(|engine| can(*engine, cell)));
        if cells.is_empty() {
            continue;
        }
        let prepared = Arena::prepare(world, cells.clone(), engines);
        for run in runs(engines, effort, number) {
            if !Only::allows(&only.run, &run.to_string()) {
                continue;
            }
            let mut arena = match prepared.copy() {
                Some(copy) => copy,
                None => Arena::prepare(world, cells.clone(), engines),
            };
            tally.runs += 1;
            tally.cells += cells.len();
            match check::check(&mut arena, run) {
                Ok(kinds) => tally.kinds.extend(kinds),
                Err((key, fault)) => {
                    let cell = key.and_then(|key| arena.cell(key));
                    let cell = cell.map_or_else(|| world.to_string(), Cell::to_string);
                    faults.push(format!("{ONLY}='{cell} | {run}'\n    {fault}"));
                }
            }
        }
    }
    let names = engines.map(Engine::name);
    assert!(
        faults.is_empty(),
        "{names:?}: {} of {} runs fail; each alone with the variable before it\n{}",
        faults.len(),
        tally.runs,
        faults[..faults.len().min(8)].join("\n")
    );
    tally
}

/// The grid as a scenario of the conformance suite.
pub(super) fn every_conflict(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    run([local, remote], Effort::Some);
    Verdict::Passed
}

/// Whether an engine can come to what a cell begins with.
fn can(engine: &dyn Engine, cell: &Cell) -> bool {
    engine.can(Ability::FollowKeys) || !cell.edits.contains(&Edit::ChangeKey)
}

/// The runs of the world of this number.
fn runs(engines: [&dyn Engine; 2], effort: Effort, world: usize) -> Vec<Run> {
    let all = engines
        .iter()
        .all(|engine| engine.can(Ability::KnowWriters));
    let mut policies = Policy::ALL.to_vec();
    policies.retain(|policy| all || !policy.needs_columns_of_ours());
    if effort == Effort::Every {
        let mut runs = Run::all();
        runs.retain(|run| policies.contains(&run.policy));
        return runs;
    }
    // Over the eight worlds, each policy has each direction from either side once.
    let turns = policies.into_iter().enumerate();
    turns
        .map(|(number, policy)| Run {
            policy,
            initiator: Side::BOTH[(world + number) / DIRECTIONS.len() % 2],
            direction: DIRECTIONS[(world + number) % DIRECTIONS.len()],
        })
        .collect()
}

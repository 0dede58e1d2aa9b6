//! The conformance suite: every scenario over each ordered pair of providers.
//!
//! Prints one JSON object per line and result, `{"pair": "…", "scenario": "…", "outcome": "passed" | "failed" | "skipped",
//! "reason": "…"}`, and nothing else on its standard output. Every scenario is named for every pair; what does not apply to
//! a pair is skipped with the reason. `--filter TEXT` leaves out the results whose pair or scenario lacks the text, `--part K/N` all but
//! every N-th of them, from the K-th on, counted from 0.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use serde_json::json;
use sync_tests::conformance::{self, Available, Finding, Problem, SCENARIOS, Scenario};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (mut filter, mut part) = ("", Some((0, 1)));
    for option in arguments.chunks(2) {
        match option {
            [name, text] if name == "--filter" => filter = text,
            [name, text] if name == "--part" => part = part_of(text),
            _ => part = None,
        }
    }
    let Some(part) = part else {
        let usage = "error: usage: conformance [--filter TEXT] [--part K/N]";
        let _ = writeln!(io::stderr(), "{usage}");
        return ExitCode::from(2);
    };
    match run(filter, part) {
        Ok(0) => ExitCode::SUCCESS,
        // The reader has gone, and with it whoever would look at the exit code.
        Ok(_) | Err(_) => ExitCode::FAILURE,
    }
}

/// Runs what the filter leaves, several scenarios at a time, and says how much of it failed. Results come in the order of pairs and scenarios.
fn run(filter: &str, (first, parts): (usize, usize)) -> io::Result<usize> {
    let tasks: Vec<Task> = tasks(filter)
        .into_iter()
        .skip(first)
        .step_by(parts)
        .collect();
    let next = AtomicUsize::new(0);
    let (tell, told) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..at_once().min(tasks.len()) {
            let (tell, tasks, next) = (tell.clone(), &tasks, &next);
            scope.spawn(move || {
                // Each thread has engines of its own, so that they need not be shared.
                let engines = conformance::engines();
                while let Some((number, task)) = turn(tasks, next) {
                    if tell.send((number, task.run(&engines))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(tell);
        print(told)
    })
}

/// `K/N`.
fn part_of(text: &str) -> Option<(usize, usize)> {
    let (first, parts) = text.split_once('/')?;
    let part = (first.parse().ok()?, parts.parse().ok()?);
    (part.0 < part.1).then_some(part)
}

/// A scenario for a pair of engines.
struct Task {
    pair: [usize; 2],
    scenario: &'static Scenario,
}

fn tasks(filter: &str) -> Vec<Task> {
    let engines = conformance::engines();
    let mut tasks = Vec::new();
    for pair @ [local, remote] in conformance::pairs(&engines) {
        let name = conformance::pair_name(engines[local].0, engines[remote].0);
        let scenarios = SCENARIOS.iter();
        let wanted = scenarios.filter(|one| name.contains(filter) || one.name.contains(filter));
        tasks.extend(wanted.map(|scenario| Task { pair, scenario }));
    }
    tasks
}

impl Task {
    fn run(&self, engines: &[(&'static str, Available)]) -> Finding {
        let [(local_name, local), (remote_name, remote)] = self.pair.map(|engine| &engines[engine]);
        match (local, remote) {
            (Ok(local), Ok(remote)) => conformance::run(&**local, &**remote, self.scenario),
            (Err(reason), _) | (_, Err(reason)) => Finding {
                pair: conformance::pair_name(local_name, remote_name),
                scenario: self.scenario.name,
                problem: Some(Problem::Skipped(reason.clone())),
            },
        }
    }
}

/// As many threads as the test harness would have.
fn at_once() -> usize {
    let wanted = std::env::var("RUST_TEST_THREADS").ok();
    let wanted = wanted.and_then(|threads| threads.parse().ok());
    let available = || thread::available_parallelism().map_or(1, NonZeroUsize::get);
    wanted.unwrap_or_else(available).max(1)
}

fn turn<'a>(tasks: &'a [Task], next: &AtomicUsize) -> Option<(usize, &'a Task)> {
    let number = next.fetch_add(1, Ordering::Relaxed);
    tasks.get(number).map(|task| (number, task))
}

/// Prints results as soon as those before them are printed.
fn print(told: mpsc::Receiver<(usize, Finding)>) -> io::Result<usize> {
    let mut early = BTreeMap::new();
    let (mut printed, mut failed) = (0, 0);
    for (number, finding) in told {
        early.insert(number, finding);
        while let Some(finding) = early.remove(&printed) {
            failed += usize::from(matches!(finding.problem, Some(Problem::Failed(_))));
            writeln!(io::stdout(), "{}", line(&finding))?;
            printed += 1;
        }
    }
    Ok(failed)
}

fn line(finding: &Finding) -> serde_json::Value {
    let (outcome, reason) = match &finding.problem {
        None => ("passed", None),
        Some(Problem::Failed(reason)) => ("failed", Some(reason)),
        Some(Problem::Skipped(reason)) => ("skipped", Some(reason)),
    };
    json!({ "pair": finding.pair, "scenario": finding.scenario, "outcome": outcome, "reason": reason })
}

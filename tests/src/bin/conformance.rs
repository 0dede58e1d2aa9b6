//! The conformance suite: every scenario over each ordered pair of providers.
//!
//! Prints one JSON object per line and result, `{"pair": "…", "scenario": "…", "outcome": "passed" | "failed" | "skipped",
//! "reason": "…"}`, and nothing else on its standard output. Every scenario is named for every pair; what does not apply to
//! a pair is skipped with the reason. `--filter TEXT` leaves out the results whose pair or scenario lacks the text.

use std::io::{self, Write};
use std::process::ExitCode;

use serde_json::json;
use sync_tests::conformance::{self, Finding, Problem, SCENARIOS};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let filter = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => "",
        ["--filter", text] => text,
        _ => {
            let _ = writeln!(io::stderr(), "error: usage: conformance [--filter TEXT]");
            return ExitCode::from(2);
        }
    };
    match run(filter) {
        Ok(0) => ExitCode::SUCCESS,
        // The reader has gone, and with it whoever would look at the exit code.
        Ok(_) | Err(_) => ExitCode::FAILURE,
    }
}

/// Runs what the filter leaves and says how much of it failed.
fn run(filter: &str) -> io::Result<usize> {
    let engines = conformance::engines();
    let mut failed = 0;
    for [local, remote] in conformance::pairs(&engines) {
        let ((local_name, local), (remote_name, remote)) = (&engines[local], &engines[remote]);
        let pair = conformance::pair_name(local_name, remote_name);
        for scenario in SCENARIOS {
            if !pair.contains(filter) && !scenario.name.contains(filter) {
                continue;
            }
            let finding = match (local, remote) {
                (Ok(local), Ok(remote)) => {
                    conformance::run(local.as_ref(), remote.as_ref(), scenario)
                }
                (Err(reason), _) | (_, Err(reason)) => Finding {
                    pair: pair.clone(),
                    scenario: scenario.name,
                    problem: Some(Problem::Skipped(reason.clone())),
                },
            };
            failed += usize::from(matches!(finding.problem, Some(Problem::Failed(_))));
            writeln!(io::stdout(), "{}", line(&finding))?;
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

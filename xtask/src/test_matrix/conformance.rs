//! The conformance suite: the binary `conformance` of package `sync-tests`.
//!
//! It prints one JSON object per line and result, `{"pair": "sqlite → sqlite", "scenario": "…", "outcome": "passed" | "failed" |
//! "skipped", "reason": "…"}`, nothing else on its standard output, and names every scenario for every pair: what does not
//! apply to a pair is skipped with the reason. Given `--filter TEXT` it may leave out what does not contain the text, given `--part K/N`
//! it runs every N-th of the rest from the K-th on.

use std::io::{BufRead, BufReader};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;

use serde::Deserialize;

use super::SERVERS;
use super::tally::Tally;
use crate::cargo;
use crate::error::Error;

/// Where cargo finds the suite.
const SUITE: [&str; 4] = ["--package", "sync-tests", "--bin", "conformance"];

/// One scenario over one ordered pair of providers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Finding {
    pub(super) pair: String,
    pub(super) scenario: String,
    pub(super) outcome: Outcome,
    #[serde(default)]
    pub(super) reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Outcome {
    Passed,
    Failed,
    Skipped,
}

/// Runs the suite and counts what it finds: a process for each of the `servers`, each with its part, or one where there is no server.
///
/// # Errors
/// If cargo cannot be run or its output cannot be read. A suite that fails is no error here: it is counted.
pub(super) fn run(
    servers: &[String],
    filter: Option<&str>,
    tally: &mut Tally,
) -> Result<Vec<Finding>, Error> {
    cargo::run(cargo::command().args(["build", "--quiet"]).args(SUITE))?;
    let parts = servers.len().max(1);
    let parts: Vec<Result<Part, Error>> = thread::scope(|scope| {
        let start = |number: usize| {
            let mut command = cargo::command();
            command.args(["run", "--quiet"]).args(SUITE);
            command.args(["--", "--part", &format!("{number}/{parts}")]);
            command.args(filter.iter().flat_map(|text| ["--filter", text]));
            if let Some(server) = servers.get(number) {
                // Some engines number the versions of all their databases together, and a scenario would wait for another one's writers.
                command.env(SERVERS, server).env("RUST_TEST_THREADS", "1");
            }
            scope.spawn(move || listen(command))
        };
        let running: Vec<_> = (0..parts).map(start).collect();
        let ended = running.into_iter().map(|part| part.join());
        ended.filter_map(Result::ok).collect()
    });
    let mut findings = Vec::new();
    for part in parts {
        let part = part?;
        let told = part.findings.into_iter();
        let told: Vec<Finding> = told
            .filter(|finding| filter.is_none_or(|text| matches(finding, text)))
            .collect();
        told.iter().for_each(|finding| count(finding, tally));
        part.faults.into_iter().for_each(|fault| tally.fail(fault));
        let failed = told.iter().any(|one| one.outcome == Outcome::Failed);
        if !part.status.success() && !failed {
            tally.fail(format!(
                "conformance ended with {} without naming a failure",
                part.status
            ));
        }
        findings.extend(told);
    }
    if findings.is_empty() && filter.is_none() {
        tally.fail("conformance named no pair of providers".to_owned());
    }
    tell_skipped(&findings, tally);
    for hole in holes(&findings) {
        tally.fail(hole);
    }
    Ok(findings)
}

/// What a process found.
struct Part {
    findings: Vec<Finding>,
    /// Lines that are no results.
    faults: Vec<String>,
    status: ExitStatus,
}

fn listen(mut command: Command) -> Result<Part, Error> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .map_err(cargo::start_error(&command))?;
    let (mut findings, mut faults) = (Vec::new(), Vec::new());
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line.map_err(cargo::start_error(&command))?;
            match serde_json::from_str(&line) {
                Ok(finding) => findings.push(finding),
                Err(error) => {
                    faults.push(format!("conformance printed no result ({error}): {line}"));
                }
            }
        }
    }
    let status = child.wait().map_err(cargo::start_error(&command))?;
    Ok(Part {
        findings,
        faults,
        status,
    })
}

fn matches(finding: &Finding, text: &str) -> bool {
    finding.pair.contains(text) || finding.scenario.contains(text)
}

fn count(finding: &Finding, tally: &mut Tally) {
    let Finding {
        pair,
        scenario,
        outcome,
        reason,
    } = finding;
    let reason = reason.as_deref().unwrap_or("no reason given");
    match outcome {
        Outcome::Passed => tally.passed += 1,
        Outcome::Failed => tally.fail(format!("{pair}: {scenario}: {reason}")),
        Outcome::Skipped => tally.skipped += 1,
    }
}

/// Why scenarios were skipped: a line for each pair and reason.
fn tell_skipped(findings: &[Finding], tally: &mut Tally) {
    let mut told: Vec<(&str, &str, Vec<&str>)> = Vec::new();
    let skipped = findings.iter();
    for finding in skipped.filter(|finding| finding.outcome == Outcome::Skipped) {
        let reason = finding.reason.as_deref().unwrap_or("no reason given");
        let known = told
            .iter_mut()
            .find(|(pair, why, _)| *pair == finding.pair && *why == reason);
        match known {
            Some((_, _, scenarios)) => scenarios.push(&finding.scenario),
            None => told.push((&finding.pair, reason, vec![&finding.scenario])),
        }
    }
    for (pair, reason, scenarios) in told {
        let what = match scenarios[..] {
            [one] => one.to_owned(),
            _ => format!("{} scenarios", scenarios.len()),
        };
        tally.explain_skip(format!("{pair}: {what}: {reason}"));
    }
}

/// A scenario that is silently missing for one pair, or told twice, is a fault of the suite: nobody would see that it does
/// not run.
fn holes(findings: &[Finding]) -> Vec<String> {
    let mut holes = Vec::new();
    for pair in distinct(findings, |finding| finding.pair.as_str()) {
        for scenario in distinct(findings, |finding| finding.scenario.as_str()) {
            let told = findings
                .iter()
                .filter(|finding| finding.pair == pair && finding.scenario == scenario)
                .count();
            if told != 1 {
                holes.push(format!(
                    "{pair}: {scenario}: told {told} times instead of once"
                ));
            }
        }
    }
    holes
}

/// The distinct values of a field, in the order of their first appearance.
pub(super) fn distinct(findings: &[Finding], field: impl Fn(&Finding) -> &str) -> Vec<&str> {
    let mut values: Vec<&str> = Vec::new();
    for value in findings.iter().map(field) {
        // Tens of scenarios and a handful of pairs: a search is fine.
        if !values.contains(&value) {
            values.push(value);
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(line: &str) -> Finding {
        serde_json::from_str(line).unwrap()
    }

    #[test]
    fn a_line_is_read() {
        assert_eq!(
            finding(
                r#"{"pair": "a → b", "scenario": "deletes", "outcome": "skipped", "reason": "later"}"#
            ),
            Finding {
                pair: "a → b".to_owned(),
                scenario: "deletes".to_owned(),
                outcome: Outcome::Skipped,
                reason: Some("later".to_owned()),
            }
        );
        assert!(
            serde_json::from_str::<Finding>(r#"{"pair": "a", "scenario": "b", "outcome": "odd"}"#)
                .is_err()
        );
    }

    #[test]
    fn a_missing_and_a_repeated_result_are_found() {
        let findings = [
            finding(r#"{"pair": "a → b", "scenario": "x", "outcome": "passed"}"#),
            finding(r#"{"pair": "a → b", "scenario": "y", "outcome": "passed"}"#),
            finding(r#"{"pair": "b → a", "scenario": "x", "outcome": "passed"}"#),
            finding(r#"{"pair": "b → a", "scenario": "x", "outcome": "failed"}"#),
        ];
        assert_eq!(
            holes(&findings),
            [
                "b → a: x: told 2 times instead of once",
                "b → a: y: told 0 times instead of once"
            ]
        );
        assert_eq!(holes(&findings[..2]), [""; 0]);
    }

    #[test]
    fn outcomes_are_counted() {
        let mut tally = Tally::default();
        let findings = [
            r#"{"pair": "a → b", "scenario": "x", "outcome": "passed", "reason": ""}"#,
            r#"{"pair": "a → b", "scenario": "y", "outcome": "skipped", "reason": "no server"}"#,
            r#"{"pair": "a → b", "scenario": "z", "outcome": "failed", "reason": null}"#,
            r#"{"pair": "b → b", "scenario": "x", "outcome": "skipped", "reason": "no server"}"#,
            r#"{"pair": "b → b", "scenario": "y", "outcome": "skipped", "reason": "no server"}"#,
        ]
        .map(finding);
        for finding in &findings {
            count(finding, &mut tally);
        }
        tell_skipped(&findings, &mut tally);
        assert_eq!(tally.line(), "1 passed, 1 failed, 3 skipped");
        assert_eq!(
            tally.reasons(),
            "skipped: a → b: y: no server\nskipped: b → b: 2 scenarios: no server\nfailed: a → b: z: no reason given\n"
        );
    }
}

//! The ordinary tests: `cargo test` over the workspace, doc tests included.
//!
//! A test that cannot run here (data that is not shipped, a server that is not there) says so and returns; the test harness
//! calls that passed. Such a test appends `NAME: REASON` to the file that `SYNC_TEST_SKIPS` names, and counts as skipped here.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;

use super::SERVERS;
use super::tally::Tally;
use crate::cargo;
use crate::error::Error;
use crate::workspace::Workspace;

/// Runs the tests, passes their output on, and adds them up.
///
/// # Errors
/// If cargo cannot be run or its output cannot be read. Failing tests are no error here: they are counted.
pub(super) fn run(
    workspace: &Workspace,
    server: Option<&String>,
    filter: Option<&str>,
    tally: &mut Tally,
) -> Result<(), Error> {
    let skips = workspace.target.join("test-skips.txt");
    fs::create_dir_all(&workspace.target).map_err(Error::file(&workspace.target))?;
    fs::write(&skips, "").map_err(Error::file(&skips))?;

    let mut command = cargo::command();
    command.args(["test", "--workspace", "--all-features", "--no-fail-fast"]);
    command.args(filter);
    // The matrix runs the pairs of providers itself.
    command.args(["--", "--skip", "conformance_pairs::"]);
    command.env("SYNC_TEST_SKIPS", &skips);
    if let Some(server) = server {
        command.env(SERVERS, server);
    }
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .map_err(cargo::start_error(&command))?;
    if let Some(stdout) = child.stdout.take() {
        read_along(BufReader::new(stdout), tally).map_err(cargo::start_error(&command))?;
    }
    let status = child.wait().map_err(cargo::start_error(&command))?;

    if !status.success() && tally.failed == 0 {
        tally.fail(format!(
            "`cargo test` ended with {status} before it could count: see its output above"
        ));
    }
    take_skips(&skips, tally)
}

fn read_along(mut output: impl BufRead, tally: &mut Tally) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    let mut line = Vec::new();
    while output.read_until(b'\n', &mut line)? > 0 {
        stdout.write_all(&line)?;
        count_line(String::from_utf8_lossy(&line).trim_end(), tally);
        line.clear();
    }
    stdout.flush()
}

/// Counts what a line of the test harness says; other lines count for nothing.
fn count_line(line: &str, tally: &mut Tally) {
    if let Some((_, totals)) = line.split_once("test result: ") {
        tally.passed += number_before(" passed", totals);
        tally.failed += number_before(" failed", totals);
        tally.skipped += number_before(" ignored", totals);
    } else if let Some(test) = line.strip_prefix("test ") {
        if let Some((name, reason)) = test.split_once(" ... ignored") {
            let reason = reason.strip_prefix(", ").unwrap_or("ignored by default");
            tally.explain_skip(format!("{name}: {reason}"));
        } else if let Some(name) = test.strip_suffix(" ... FAILED") {
            tally.explain_failure(format!("{name}: see its output above"));
        }
    }
}

fn number_before(word: &str, totals: &str) -> usize {
    let before = totals.split_once(word).map_or("", |(before, _)| before);
    let digits = before.rsplit(|c: char| !c.is_ascii_digit()).next();
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// Moves the tests that said they could not run from passed to skipped.
fn take_skips(file: &Path, tally: &mut Tally) -> Result<(), Error> {
    let text = fs::read_to_string(file).map_err(Error::file(file))?;
    let skips: BTreeSet<&str> = text
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .collect();
    for skip in skips {
        tally.passed = tally.passed.saturating_sub(1);
        tally.skip(skip.to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &str, closing: &str, reasons: &str) {
        let mut tally = Tally::default();
        for line in lines.lines() {
            count_line(line, &mut tally);
        }
        assert_eq!(tally.line(), closing);
        assert_eq!(tally.reasons(), reasons);
    }

    #[test]
    fn totals_add_up() {
        check(
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.01s\n\
             test a::b ... ok\n\
             test a::c - should panic ... ok\n\
             test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out\n\
             test result: \u{1b}[32mok\u{1b}[m. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out",
            "20 passed, 2 failed, 1 skipped",
            "",
        );
    }

    #[test]
    fn reasons_are_kept() {
        check(
            "test slow ... ignored, takes an hour\n\
             test other ... ignored\n\
             test broken ... FAILED\n\
             anything else that a test prints: 3 passed",
            "0 passed, 0 failed, 0 skipped",
            "skipped: slow: takes an hour\n\
             skipped: other: ignored by default\n\
             failed: broken: see its output above\n",
        );
    }

    #[test]
    fn a_test_that_could_not_run_is_skipped_not_passed() {
        let file = std::env::temp_dir().join(format!("xtask-skips-{}", std::process::id()));
        fs::write(
            &file,
            "chinook::whole: no such folder\n\nchinook::whole: no such folder\n",
        )
        .unwrap();
        let mut tally = Tally::default();
        tally.passed = 4;
        take_skips(&file, &mut tally).unwrap();
        fs::remove_file(&file).unwrap();
        assert_eq!(tally.line(), "3 passed, 0 failed, 1 skipped");
        assert_eq!(tally.reasons(), "skipped: chinook::whole: no such folder\n");
    }
}

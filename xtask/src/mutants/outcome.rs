//! What cargo-mutants can break, and what became of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Stdio;

use serde::Deserialize;

use crate::cargo;
use crate::error::Error;

/// The crate whose laws are put to the test.
const PACKAGE: &str = "sync-knowledge";
/// The tests that hold the laws, beside those within the crate, which alone see how key maps are matched; the others take longer and
/// say less.
const TESTS: [&str; 4] = ["laws", "parts", "formats", "decode"];
/// A mutant that takes longer goes round in circles, in seconds.
const MOST_SECONDS: &str = "180";
/// Cases of each law. A law that notices does so early, and whoever survives these is looked at by a person.
const CASES: &str = "500";

/// How thoroughly mutants are tried.
#[derive(Debug, Clone, Copy)]
pub(super) struct Effort {
    /// How many at a time.
    pub(super) jobs: usize,
    /// Whether every test runs that could notice one, or only those up to the first program of tests that does.
    pub(super) every_law: bool,
}

/// One change of the code.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mutant {
    /// File, line and column.
    pub(super) place: String,
    /// What is changed, in the words of cargo-mutants.
    pub(super) what: String,
    pub(super) function: String,
    genre: String,
}

/// What became of a mutant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// These tests failed.
    Noticed(Vec<String>),
    /// The tests did not end, which is noticed as well.
    Circles,
    Survived,
    /// The compiler refused it, so it shows nothing.
    NotBuilt,
    /// cargo-mutants tells nothing of it.
    NotRun,
}

impl Mutant {
    pub(super) fn new(place: &str, genre: &str, what: &str, function: &str) -> Self {
        Mutant {
            place: place.to_owned(),
            what: what.to_owned(),
            function: function.to_owned(),
            genre: genre.to_owned(),
        }
    }

    /// The name that cargo-mutants gives it.
    fn name(&self) -> String {
        format!("{}: {}", self.place, self.what)
    }

    fn file(&self) -> &str {
        self.place.split(':').next().unwrap_or_default()
    }

    /// Whether a comparison or a condition is changed.
    pub(super) fn is_comparison(&self) -> bool {
        const CONDITIONS: [&str; 8] = ["<", ">", "<=", ">=", "==", "!=", "&&", "||"];
        let replaced = self.words();
        self.genre == "UnaryOperator" && self.what.starts_with("delete !")
            || self.genre == "BinaryOperator"
                && replaced.is_some_and(|(from, _)| CONDITIONS.contains(&from))
    }

    /// Whether a comparison becomes its opposite or the other way round: what nobody could call a matter of taste.
    pub(super) fn turns_a_comparison(&self) -> bool {
        const TURNED: [(&str, &str); 6] = [
            ("<", ">"),
            (">", "<"),
            ("<=", ">"),
            (">=", "<"),
            ("==", "!="),
            ("!=", "=="),
        ];
        self.is_comparison() && self.words().is_some_and(|words| TURNED.contains(&words))
    }

    fn words(&self) -> Option<(&str, &str)> {
        let mut words = self.what.strip_prefix("replace ")?.split(' ');
        let from = words.next()?;
        (words.next()? == "with").then_some(())?;
        Some((from, words.next()?))
    }
}

/// Everything that can be broken.
///
/// # Errors
/// If cargo-mutants cannot be run or speaks otherwise than we know.
pub(super) fn possible(root: &Path) -> Result<Vec<Mutant>, Error> {
    let mut command = cargo::command();
    command.args(["mutants", "--list", "--json", "--package", PACKAGE]);
    command.current_dir(root).stderr(Stdio::inherit());
    let output = command.output().map_err(cargo::start_error(&command))?;
    cargo::ensure_success(&command, output.status)?;
    let listed: Vec<Listed> =
        serde_json::from_slice(&output.stdout).map_err(Error::MutantsOutput)?;
    Ok(listed.into_iter().map(Listed::mutant).collect())
}

/// Breaks each of them in turn, in a copy of the sources, and runs the laws. Gives the fate of all that cargo-mutants has broken, which
/// can be more: what it does to the fields of structs no expression leaves out.
///
/// # Errors
/// If cargo-mutants cannot be run, or the laws fail without its help.
pub(super) fn of(
    root: &Path,
    folder: &Path,
    mutants: &[&Mutant],
    effort: Effort,
) -> Result<BTreeMap<Mutant, Fate>, Error> {
    let mut command = cargo::command();
    command.args([
        "mutants",
        "--package",
        PACKAGE,
        "--no-shuffle",
        "--colors=never",
    ]);
    command.args([
        "--timeout",
        MOST_SECONDS,
        "--minimum-test-timeout",
        MOST_SECONDS,
    ]);
    command
        .arg(format!("--jobs={}", effort.jobs))
        .arg("--output")
        .arg(folder);
    let files: BTreeSet<&str> = mutants.iter().map(|mutant| mutant.file()).collect();
    for file in files {
        command.arg("--file").arg(file);
    }
    for mutant in mutants {
        command
            .arg("--re")
            .arg(format!("^{}$", escaped(&mutant.name())));
    }
    // Building is what takes the time.
    for setting in ["package.sync-knowledge.opt-level=1", "debug=false"] {
        command.arg(format!("--cargo-arg=--config=profile.dev.{setting}"));
    }
    command.arg("--cargo-arg=--lib");
    for test in TESTS {
        command.arg(format!("--cargo-arg=--test={test}"));
    }
    if effort.every_law {
        command.arg("--cargo-test-arg=--no-fail-fast");
    }
    command.current_dir(root);
    command.env("PROPTEST_CASES", CASES);
    // A case that fails is enough; nobody reads the smallest one.
    command.env("PROPTEST_MAX_SHRINK_ITERS", "0");
    // Failures of mutants are no regressions, and say nothing by where they are.
    command.env("PROPTEST_FAILURE_PERSISTENCE", "off");
    command.env("RUST_BACKTRACE", "0");
    command.env_remove("CARGO_TARGET_DIR");
    let status = command.status().map_err(cargo::start_error(&command))?;

    // 0: all caught, 2: some missed, 3: some took too long.
    let told = matches!(status.code(), Some(0 | 2 | 3));
    if !told {
        return cargo::ensure_success(&command, status).map(|()| BTreeMap::new());
    }
    let output = folder.join("mutants.out");
    let file = output.join("outcomes.json");
    let text = fs::read(&file).map_err(Error::file(&file))?;
    let report: Report = serde_json::from_slice(&text).map_err(Error::MutantsOutput)?;
    let mut fates = BTreeMap::new();
    for outcome in report.outcomes {
        let Scenario::Mutant(listed) = outcome.scenario else {
            continue;
        };
        let mutant = listed.mutant();
        let fate = match outcome.summary.as_str() {
            "CaughtMutant" => {
                let log = output.join(&outcome.log_path);
                let log = fs::read(&log).map_err(Error::file(&log))?;
                Fate::Noticed(noticed_by(&String::from_utf8_lossy(&log)))
            }
            "Timeout" => Fate::Circles,
            "Unviable" => Fate::NotBuilt,
            "MissedMutant" => Fate::Survived,
            _ => Fate::NotRun,
        };
        fates.insert(mutant, fate);
    }
    Ok(fates)
}

/// The tests that failed, as `file::test`, in the words of the test harness; of a process that ended, the signal.
fn noticed_by(log: &str) -> Vec<String> {
    let mut file = "";
    let mut found = BTreeSet::new();
    for line in log.lines().map(str::trim) {
        if let Some(program) = line.strip_prefix("Running `") {
            // Compilers run, too.
            file = test_file(program).unwrap_or(file);
        } else if let Some(test) = line
            .strip_prefix("test ")
            .and_then(|test| test.strip_suffix(" ... FAILED"))
        {
            found.insert(format!("{file}::{test}"));
        } else if let Some((_, signal)) = line.split_once("` (signal: ") {
            found.insert(format!("{file} ends ({}", signal));
        }
    }
    found.into_iter().collect()
}

/// `laws` of `.../deps/laws-0e5c6744d13a6b69`.
fn test_file(program: &str) -> Option<&str> {
    let (_, name) = program.strip_suffix('`')?.rsplit_once("/deps/")?;
    let (name, hash) = name.rsplit_once('-')?;
    hash.chars().all(|c| c.is_ascii_hexdigit()).then_some(name)
}

/// As a regular expression that matches this text alone.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        if !c.is_alphanumeric()
            && !matches!(
                c,
                ' ' | '_' | '/' | ':' | '<' | '>' | '\'' | '=' | '!' | '&' | '-' | ','
            )
        {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[derive(Debug, Deserialize)]
struct Listed {
    name: String,
    genre: String,
    function: Option<Function>,
}

#[derive(Debug, Deserialize)]
struct Function {
    function_name: String,
}

#[derive(Debug, Deserialize)]
struct Report {
    outcomes: Vec<Outcome>,
}

#[derive(Debug, Deserialize)]
struct Outcome {
    scenario: Scenario,
    summary: String,
    log_path: String,
}

#[derive(Debug, Deserialize)]
enum Scenario {
    Baseline,
    Mutant(Listed),
}

impl Listed {
    /// Of one outside any function the function's name is empty. None is left out: it could be the one that survived.
    fn mutant(self) -> Mutant {
        let (place, what) = self.name.split_once(": ").unwrap_or(("", &self.name));
        let function = self.function.map(|function| function.function_name);
        Mutant::new(place, &self.genre, what, &function.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_laws_are_named_by_the_harness() {
        let log = "\
            *** run cargo test\n\
            \x20    Running `/bin/rustc --crate-name laws tests/laws.rs -C extra=-0e5c`\n\
            \x20    Running `/x/target/debug/deps/laws-0e5c6744d13a6b69`\n\
            test ticks ... ok\n\
            test containment ... FAILED\n\
            test sequences ... FAILED\n\
            \x20    Running `/x/target/debug/deps/parts-124c0c0beccbb7a1`\n\
            test key_maps ... FAILED\n\
            test result: FAILED. 3 passed; 2 failed\n\
            \x20 process didn't exit successfully: `parts-1` (signal: 6, SIGABRT: process abort signal)\n";
        assert_eq!(
            noticed_by(log),
            [
                "laws::containment",
                "laws::sequences",
                "parts ends (6, SIGABRT: process abort signal)",
                "parts::key_maps"
            ]
        );
    }

    #[test]
    fn names_match_themselves_alone() {
        assert_eq!(
            escaped("a.rs:1:2: replace || with && in Reader<'a>::f"),
            "a\\.rs:1:2: replace \\|\\| with && in Reader<'a>::f"
        );
        assert_eq!(escaped("f(x) + [1]*"), "f\\(x\\) \\+ \\[1\\]\\*");
    }
}

//! `cargo xtask mutants --decisions`: each rule of the decisions is broken in a copy of the sources, and some test has to notice.
//!
//! What is a rule, and what breaks it, is for a person to say, so both stand in a list ([`rules`]) instead of being made by a tool.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::rules::{self, Rule};
use crate::cargo;
use crate::error::Error;
use crate::workspace;

/// A program of tests: what cargo is told, and which of the tests are run.
struct Suite {
    name: &'static str,
    package: &'static str,
    cargo: &'static [&'static str],
    tests: &'static [&'static str],
}

/// From fast to slow.
const SUITES: &[Suite] = &[
    Suite {
        name: "sync-provider",
        package: "sync-provider",
        cargo: &["--lib"],
        tests: &[],
    },
    Suite {
        name: "sync-relational",
        package: "sync-relational",
        cargo: &["--lib"],
        tests: &["place"],
    },
    Suite {
        name: "sync-decision",
        package: "sync-decision",
        cargo: &["--lib", "--test=verdicts"],
        tests: &[],
    },
    Suite {
        name: "laws",
        package: "sync-provider-memory",
        cargo: &["--test=laws", "--test=pristine replica"],
        tests: &[],
    },
    Suite {
        name: "grid",
        package: "sync-tests",
        cargo: &["--test=grid"],
        tests: &["memory_with_memory"],
    },
    Suite {
        name: "communities",
        package: "sync-tests",
        cargo: &["--test=communities"],
        tests: &[
            "two_rows",
            "clocks_that_go_back",
            "rows_that_fail",
            "deferred",
        ],
    },
    Suite {
        name: "conformance",
        package: "sync-tests",
        cargo: &["--test=conformance"],
        tests: &["memory_with_memory"],
    },
];

/// What became of a broken rule.
enum Fate {
    /// These tests failed, of the suites up to the first that did.
    Noticed(Vec<String>),
    Survived,
    NotBuilt,
}

/// Breaks the rules whose names or files contain one of `filter`, one after the other, and prints a table.
///
/// # Errors
/// If the tests fail without any change, or a change is not noticed or cannot be built.
pub(super) fn run(filter: &[String], all_suites: bool, markdown: bool) -> Result<(), Error> {
    let workspace = workspace::load()?;
    let folder = workspace.target.join("mutants").join("decisions");
    let copy = Copy::of(&workspace.root, &folder)?;
    let asked = |rule: &Rule| {
        let named = |text: &String| rule.name.contains(text) || rule.file.contains(text);
        filter.is_empty() || filter.iter().any(named)
    };
    let rules: Vec<Rule> = rules::all().into_iter().filter(asked).collect();
    if rules.is_empty() {
        return Err(Error::NoMutants);
    }
    if !matches!(copy.fate(true)?, Fate::Survived) {
        return Err(Error::TestsFail);
    }
    println!("mutants: {} rules to break", rules.len());
    if markdown {
        println!("| rule | in | broken | noticed by |\n|---|---|---|---|");
    }
    let (mut survived, mut not_built) = (0, 0);
    for rule in rules {
        let fate = copy.with(&rule, || copy.fate(all_suites))?;
        let told = match &fate {
            Fate::Noticed(tests) => shortened(tests),
            Fate::Survived => "SURVIVED".to_owned(),
            Fate::NotBuilt => "NOT BUILT".to_owned(),
        };
        survived += usize::from(matches!(fate, Fate::Survived));
        not_built += usize::from(matches!(fate, Fate::NotBuilt));
        let broken = match rule.to {
            "" => format!("`{}` → nothing", one_line(rule.from)),
            to => format!("`{}` → `{}`", one_line(rule.from), one_line(to)),
        };
        if markdown {
            let broken = broken.replace('|', "\\|");
            println!("| {} | `{}` | {broken} | {told} |", rule.name, rule.file);
        } else {
            println!("{} ({})\n    {broken}\n    {told}", rule.name, rule.file);
        }
    }
    match survived + not_built {
        0 => Ok(()),
        _ => Err(Error::RulesSurvive {
            survived,
            not_built,
        }),
    }
}

/// The sources, once more.
struct Copy {
    root: PathBuf,
    target: PathBuf,
}

impl Copy {
    /// What git knows of, as it is now. What is the same already stays untouched, and need not be built again.
    fn of(root: &Path, folder: &Path) -> Result<Self, Error> {
        let copy = Copy {
            root: folder.join("tree"),
            target: folder.join("target"),
        };
        let mut list = Command::new("git");
        list.args(["ls-files", "--cached", "--others", "--exclude-standard"]);
        list.current_dir(root);
        let output = list.output().map_err(cargo::start_error(&list))?;
        cargo::ensure_success(&list, output.status)?;
        let files = String::from_utf8_lossy(&output.stdout).into_owned();
        for file in files.lines().filter(|file| root.join(file).is_file()) {
            let (from, to) = (root.join(file), copy.root.join(file));
            let now = fs::read(&from).map_err(Error::file(&from))?;
            if fs::read(&to).is_ok_and(|before| before == now) {
                continue;
            }
            let parent = to.parent().unwrap_or(&copy.root);
            fs::create_dir_all(parent).map_err(Error::file(parent))?;
            fs::write(&to, now).map_err(Error::file(&to))?;
        }
        Ok(copy)
    }

    /// Does something while a rule is broken.
    fn with<T>(&self, rule: &Rule, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        let file = self.root.join("crates").join(rule.file);
        let sound = fs::read_to_string(&file).map_err(Error::file(&file))?;
        let broken = sound.replacen(rule.from, rule.to, 1);
        fs::write(&file, broken).map_err(Error::file(&file))?;
        let done = work();
        fs::write(&file, sound).map_err(Error::file(&file))?;
        done
    }

    fn fate(&self, all_suites: bool) -> Result<Fate, Error> {
        let mut noticed = Vec::new();
        for suite in SUITES {
            if !noticed.is_empty() && !all_suites {
                break;
            }
            let mut command = cargo::command();
            command.args(["test", "--no-fail-fast", "--package", suite.package]);
            command.arg("--config=profile.dev.package.sync-decision.opt-level=1");
            command.args(suite.cargo).arg("--").args(suite.tests);
            self.settings(&mut command);
            let output = command.output().map_err(cargo::start_error(&command))?;
            if String::from_utf8_lossy(&output.stderr).contains("error: could not compile") {
                return Ok(Fate::NotBuilt);
            }
            let failed = failed_tests(suite.name, &String::from_utf8_lossy(&output.stdout));
            if failed.is_empty() && !output.status.success() {
                noticed.push(format!("{}, which ends", suite.name));
            }
            noticed.extend(failed);
        }
        Ok(match noticed.is_empty() {
            true => Fate::Survived,
            false => Fate::Noticed(noticed),
        })
    }

    fn settings(&self, command: &mut Command) {
        command.current_dir(&self.root);
        command.env("CARGO_TARGET_DIR", &self.target);
        command.env("PROPTEST_MAX_SHRINK_ITERS", "0");
        command.env("PROPTEST_FAILURE_PERSISTENCE", "off");
        command.env("RUST_BACKTRACE", "0");
        // Building is what takes the time.
        command.env("CARGO_PROFILE_DEV_DEBUG", "0");
        command.env("CARGO_INCREMENTAL", "1");
    }
}

/// The tests that failed, in the words of the test harness; a unit test has the name of its module already.
fn failed_tests(suite: &str, output: &str) -> BTreeSet<String> {
    let lines = output.lines().map(str::trim);
    let failed = lines.filter_map(|line| {
        let test = line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?;
        Some(match test.contains("::") {
            true => test.to_owned(),
            false => format!("{suite}::{test}"),
        })
    });
    failed.collect()
}

/// Of many tests that fail the first ones say enough.
fn shortened(tests: &[String]) -> String {
    const MOST: usize = 4;
    let mut text = tests[..tests.len().min(MOST)].join(", ");
    if tests.len() > MOST {
        text.push_str(&format!(" and {} more", tests.len() - MOST));
    }
    text
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_tests_are_read_from_what_the_harness_says() {
        let output = "test a ... ok\ntest b ... FAILED\ntest m::tests::c ... FAILED\n\nfailures:\n";
        let found = failed_tests("laws", output);
        assert_eq!(
            found.into_iter().collect::<Vec<_>>(),
            ["laws::b", "m::tests::c"]
        );
    }
}

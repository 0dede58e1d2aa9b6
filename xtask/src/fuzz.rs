//! `cargo xtask fuzz`: bytes from outside that nobody thought of.
//!
//! The targets are functions in the crate `sync-fuzz`. libFuzzer looks for inputs that reach new code, on stable Rust, but is C++: where
//! it cannot be built, the program of that crate mutates the corpus blindly, and this command says what was missing.

mod driver;
mod report;

use std::fs;
use std::path::Path;
use std::process::Stdio;

use clap::{Args, ValueEnum};

use crate::cargo;
use crate::error::Error;
use crate::workspace;
use driver::{Driver, Outcome, Run};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// For how long, all targets together; a second for each target at least.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Only this target.
    #[arg(long)]
    target: Option<String>,
    /// What makes the inputs; by default libFuzzer where it can be built.
    #[arg(long)]
    with: Option<Choice>,
    /// Where the built-in driver's sequence of inputs begins; by default somewhere else every time.
    #[arg(long)]
    seed: Option<u64>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Choice {
    /// Guided by coverage; needs a C++ compiler.
    #[value(name = "libfuzzer")]
    LibFuzzer,
    /// Blind; needs nothing.
    BuiltIn,
}

/// Runs every target for its share of the time. All of them run, also after one failed.
///
/// # Errors
/// If an input makes a target fail, or nothing can be built.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    let workspace = workspace::load()?;
    let folder = workspace.target.join("fuzz");
    let targets = targets(options.target.as_deref())?;
    let driver = match options.with {
        Some(Choice::LibFuzzer) => Driver::lib_fuzzer(&folder)?,
        Some(Choice::BuiltIn) => Driver::BuiltIn,
        None => Driver::lib_fuzzer(&folder).unwrap_or_else(|missing| {
            println!("fuzz: {missing}; going on with the built-in driver, which mutates blindly");
            Driver::BuiltIn
        }),
    };
    let artifacts = folder.join("artifacts");
    fs::create_dir_all(&artifacts).map_err(Error::file(&artifacts))?;

    let seed = options.seed.unwrap_or_else(driver::any_seed);
    println!(
        "fuzz: {} targets, {} s in all, with {}",
        targets.len(),
        shares(options.seconds, targets.len()).sum::<u64>(),
        driver.name(seed)
    );
    let (mut inputs, mut failed) = (0, 0);
    for (target, seconds) in targets.iter().zip(shares(options.seconds, targets.len())) {
        let run = Run {
            target,
            seconds,
            seed,
            corpus: &workspace.root.join("tests/fuzz/corpus").join(target),
            folder: &folder,
        };
        match driver.run(&run)? {
            Outcome::Held { tried } => {
                inputs += tried;
                println!("  {target:<20}{:>14} inputs", report::grouped(tried));
            }
            Outcome::Failed { input } => {
                failed += 1;
                println!("  {target:<20}        FAILED");
                print!("{}", report::failure(&run, input.as_deref()));
            }
        }
    }
    if failed > 0 {
        return Err(Error::Fuzz { failed });
    }
    println!(
        "fuzz: {} inputs, and every promise was kept",
        report::grouped(inputs)
    );
    Ok(())
}

/// Whole seconds for each target, all that were asked for in sum. Never none, so that every target is tried however short the time is.
fn shares(seconds: u64, targets: usize) -> impl Iterator<Item = u64> {
    let targets = targets as u64;
    let (each, longer) = (seconds / targets.max(1), seconds % targets.max(1));
    (0..targets).map(move |at| (each + u64::from(at < longer)).max(1))
}

/// The names of the targets, as the crate gives them.
fn targets(wanted: Option<&str>) -> Result<Vec<String>, Error> {
    let mut command = cargo::command();
    command.args(["run", "--quiet", "--package", "sync-fuzz", "--", "list"]);
    command.stderr(Stdio::inherit());
    let output = command.output().map_err(cargo::start_error(&command))?;
    cargo::ensure_success(&command, output.status)?;
    let listed = String::from_utf8_lossy(&output.stdout);
    let names = listed.lines().filter_map(|line| line.split(' ').next());
    let names: Vec<String> = names
        .filter(|name| wanted.is_none_or(|wanted| wanted == *name))
        .map(str::to_owned)
        .collect();
    match wanted {
        Some(wanted) if names.is_empty() => Err(Error::NoFuzzTarget(wanted.to_owned())),
        _ => Ok(names),
    }
}

/// Removes what earlier runs left of a target, so that what is there afterwards is of this one.
fn forget_artifacts(folder: &Path, target: &str) -> Result<(), Error> {
    for path in report::artifacts(folder, target)? {
        fs::remove_file(&path).map_err(Error::file(&path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_that_was_asked_for_is_spent() {
        let check = |seconds, targets, spent| {
            let shares: Vec<u64> = shares(seconds, targets).collect();
            assert_eq!(shares.len(), targets);
            assert_eq!(shares.iter().sum::<u64>(), spent, "{shares:?}");
            let (least, most) = (shares.iter().min(), shares.iter().max());
            assert!(most.unwrap_or(&0) - least.unwrap_or(&0) <= 1, "{shares:?}");
        };
        check(20, 11, 20);
        check(60, 11, 60);
        check(22, 11, 22);
        check(7, 1, 7);
        check(3, 11, 11);
        check(0, 2, 2);
        check(5, 0, 0);
    }
}

//! `cargo xtask bench instructions`: wall time on a shared machine is noise, instructions are not.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use clap::Args;

use super::counts::{Counts, TOLERANCE};
use crate::cargo;
use crate::error::Error;
use crate::workspace::Workspace;

/// What to do with the counts.
#[derive(Debug, Default, Args)]
pub(crate) struct Options {
    /// Write the counts down as those to compare with.
    #[arg(long)]
    update: bool,
}

/// # Errors
/// If the work cannot be built or run, or takes more instructions than committed.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<(), Error> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("instructions: NOT CHECKED, there is no valgrind here");
        return Ok(());
    }
    let file = workspace.root.join("benches/knowledge/instructions.tsv");
    let compiler = compiler()?;
    if options.update {
        let counted = count_all(workspace, compiler)?;
        fs::write(&file, counted.to_text()).map_err(Error::file(&file))?;
        println!("instructions: {} counts written", counted.by_work.len());
        return Ok(());
    }
    let text = fs::read_to_string(&file).map_err(Error::file(&file))?;
    let committed = Counts::parse(&text).map_err(|line| Error::Counts { path: file, line })?;
    if committed.compiler != compiler {
        println!(
            "instructions: NOT CHECKED, the committed counts are of `{}`, this is `{compiler}`",
            committed.compiler
        );
        return Ok(());
    }
    let judged = committed.judge(&count_all(workspace, compiler)?);
    for (_, line) in &judged {
        println!("{line}");
    }
    match judged.iter().filter(|(fails, _)| *fails).count() {
        0 => {
            println!(
                "instructions: {} pieces of work within {TOLERANCE} % of what is committed",
                committed.by_work.len()
            );
            Ok(())
        }
        found => Err(Error::Instructions { found }),
    }
}

fn compiler() -> Result<String, Error> {
    let mut command = cargo::command();
    command.arg("-vV");
    let output = command.output().map_err(cargo::start_error(&command))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let field = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap_or("unknown")
            .trim()
            .to_owned()
    };
    Ok(format!("{} {}", field("release:"), field("host:")))
}

fn count_all(workspace: &Workspace, compiler: String) -> Result<Counts, Error> {
    let mut build = cargo::command();
    build.current_dir(&workspace.root);
    build.args([
        "build",
        "--quiet",
        "--release",
        "--package",
        "sync-knowledge-benches",
        "--bin",
        "knowledge-work",
    ]);
    build.arg("--target-dir").arg(&workspace.target);
    cargo::run(&mut build)?;
    let program = workspace.target.join("release/knowledge-work");
    let names = output(&mut Command::new(&program))?;
    let mut by_work = BTreeMap::new();
    for name in String::from_utf8_lossy(&names.stdout).lines() {
        // The difference is the work alone: neither its preparation nor the start of the program.
        let (once, twice) = (count(&program, name, "2")?, count(&program, name, "3")?);
        by_work.insert(name.to_owned(), twice.saturating_sub(once));
    }
    Ok(Counts { compiler, by_work })
}

/// The instructions of a whole run.
fn count(program: &Path, name: &str, times: &str) -> Result<u64, Error> {
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args([name, times]);
    let output = output(&mut command)?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let collected = said.lines().find_map(|line| line.split_once("Collected :"));
    let count = collected.and_then(|(_, count)| count.trim().parse().ok());
    count.ok_or(Error::NoCount(said))
}

fn output(command: &mut Command) -> Result<Output, Error> {
    let output = command.output().map_err(cargo::start_error(command))?;
    cargo::ensure_success(command, output.status)?;
    Ok(output)
}

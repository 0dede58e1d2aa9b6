//! `cargo xtask package`: what would be published stands on its own.

use clap::Args;

use crate::cargo;
use crate::consumers;
use crate::error::Error;
use crate::workspace;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Only write the packages; build neither them nor the consumers.
    #[arg(long)]
    no_verify: bool,
}

/// Packages all published crates in one call: cargo then lets them find each other in a registry of the moment, although
/// none is on crates.io, and builds each from its package alone. The consumers come after.
///
/// # Errors
/// If a crate cannot be packaged or built, or a consumer fails.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    let workspace = workspace::load()?;
    let published: Vec<&str> = workspace
        .members
        .iter()
        .filter(|member| member.published)
        .map(|member| member.name.as_str())
        .collect();

    let mut command = cargo::command();
    // Whoever works on a change wants to know before the commit.
    command.args(["package", "--quiet", "--allow-dirty"]);
    for name in &published {
        command.args(["--package", name]);
    }
    if options.no_verify {
        command.arg("--no-verify");
    }
    cargo::run(&mut command)?;
    println!("package: {}", published.join(", "));

    if options.no_verify {
        return Ok(());
    }
    consumers::build_and_run_all(&workspace)
}

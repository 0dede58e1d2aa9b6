//! `cargo xtask package`: what would be published stands on its own.

use std::path::PathBuf;

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

    forget_earlier_registries(&published);
    let mut command = cargo::command();
    // Whoever works on a change wants to know before the commit.
    command.args(["package", "--quiet", "--allow-dirty"]);
    // A package has not the workspace's profiles, and nobody looks at what is built of it.
    command.env("CARGO_PROFILE_DEV_DEBUG", "0");
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

/// Removes what cargo keeps of the registries of the moment of earlier runs: it takes what it has once unpacked under a name and version
/// for what is in the package today.
fn forget_earlier_registries(published: &[&str]) {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let Some(registry) = home.map(|home| home.join("registry")) else {
        return;
    };
    let Ok(unpacked) = registry.join("src").read_dir() else {
        return;
    };
    for folder in unpacked.flatten() {
        let name = folder.file_name();
        // A registry without a host is one of the moment; it is ours if it holds one of our crates.
        let ours = name.to_string_lossy().starts_with('-')
            && folder.path().read_dir().is_ok_and(|crates| {
                crates.flatten().any(|found| {
                    let found = found.file_name().to_string_lossy().into_owned();
                    published
                        .iter()
                        .any(|ours| found.starts_with(&format!("{ours}-")))
                })
            });
        if ours {
            for kept in ["src", "cache", "index"] {
                // What cannot be removed shows when the packages are built.
                let _ = std::fs::remove_dir_all(registry.join(kept).join(&name));
            }
        }
    }
}

//! What makes the inputs.

use std::env;
use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{forget_artifacts, report};
use crate::cargo;
use crate::error::Error;

/// What `rustc` is told so that libFuzzer sees which code an input reaches and what it compares. All of it is stable.
const COVERAGE: &str = "--cfg fuzzing -Cdebug-assertions -Ccodegen-units=1 \
    -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Inputs do not grow beyond this, in bytes.
const LONGEST: u32 = 4096;

/// What makes the inputs.
#[derive(Debug)]
pub(super) enum Driver {
    LibFuzzer { program: PathBuf },
    BuiltIn,
}

/// One target's turn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run<'a> {
    pub(super) target: &'a str,
    pub(super) seconds: u64,
    pub(super) seed: u64,
    /// The committed inputs.
    pub(super) corpus: &'a Path,
    /// Where everything else goes.
    pub(super) folder: &'a Path,
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Outcome {
    Held {
        tried: u64,
    },
    /// With the file that holds the input, if it could be caught.
    Failed {
        input: Option<PathBuf>,
    },
}

impl Driver {
    /// Builds the targets with libFuzzer, apart from every other build.
    ///
    /// # Errors
    /// Says what it needs that is not here.
    pub(super) fn lib_fuzzer(folder: &Path) -> Result<Self, Error> {
        let compiler = env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
        let mut version = Command::new(&compiler);
        version.arg("--version").stdout(Stdio::null());
        if !version.status().is_ok_and(|status| status.success()) {
            return Err(Error::NoLibFuzzer(format!(
                "it is C++, and there is no compiler `{compiler}` (set CXX to one)"
            )));
        }
        let host = host()?;
        let mut build = cargo::command();
        build.args(["build", "--quiet", "--release", "--package", "sync-fuzz"]);
        build
            .args(["--bin", "libfuzzer", "--target-dir"])
            .arg(folder);
        // With a target named, the flags are not those of build scripts and macros, which run here.
        build.args(["--target", &host]);
        build.env("RUSTFLAGS", COVERAGE);
        build.env_remove("CARGO_ENCODED_RUSTFLAGS");
        cargo::run(&mut build).map_err(|error| {
            Error::NoLibFuzzer(format!("it could not be built, see above: {error}"))
        })?;
        let program = format!("libfuzzer{}", env::consts::EXE_SUFFIX);
        Ok(Driver::LibFuzzer {
            program: folder.join(host).join("release").join(program),
        })
    }

    pub(super) fn name(&self, seed: u64) -> String {
        match self {
            Driver::LibFuzzer { .. } => "libFuzzer".to_owned(),
            Driver::BuiltIn => format!("the built-in driver, seed {seed}"),
        }
    }

    /// Runs one target. Both drivers end by themselves, a few seconds late at most where an input hangs.
    ///
    /// # Errors
    /// If the driver cannot be run.
    pub(super) fn run(&self, run: &Run<'_>) -> Result<Outcome, Error> {
        let artifacts = run.folder.join("artifacts");
        forget_artifacts(&artifacts, run.target)?;
        if logged(&mut self.command(run, false)?, run)? {
            let log = report::log(run);
            return Ok(Outcome::Held {
                tried: report::tried(&log),
            });
        }
        let kept = || Ok::<_, Error>(report::artifacts(&artifacts, run.target)?.pop());
        if kept()?.is_none() {
            // The process ended before it could keep the input, as it does where a stack overflows: once more, each input kept before it
            // is tried. That takes its time, and ends where it ended before.
            let slowly = Run {
                seconds: 10 * run.seconds + 300,
                ..*run
            };
            if logged(&mut self.command(&slowly, true)?, run)? {
                forget_artifacts(&artifacts, run.target)?;
            }
        }
        Ok(Outcome::Failed { input: kept()? })
    }
}

impl Driver {
    fn command(&self, run: &Run<'_>, record: bool) -> Result<Command, Error> {
        let mut command = match self {
            Driver::LibFuzzer { program } => lib_fuzzer(program, run)?,
            Driver::BuiltIn => built_in(run),
        };
        match self {
            Driver::LibFuzzer { .. } if record => {
                let file = format!("{}-last", run.target);
                command.env("SYNC_FUZZ_RECORD", run.folder.join("artifacts").join(file));
            }
            Driver::BuiltIn if record => drop(command.arg("--record")),
            _ => {}
        }
        Ok(command)
    }
}

/// A seed that nobody chose.
pub(super) fn any_seed() -> u64 {
    RandomState::new().build_hasher().finish() >> 32
}

fn lib_fuzzer(program: &Path, run: &Run<'_>) -> Result<Command, Error> {
    // New inputs are kept here, and the next run goes on from them.
    let found = run.folder.join("corpus").join(run.target);
    fs::create_dir_all(&found).map_err(Error::file(&found))?;
    let mut prefix = run
        .folder
        .join("artifacts")
        .join(run.target)
        .into_os_string();
    prefix.push("-");
    let mut artifact_prefix = std::ffi::OsString::from("-artifact_prefix=");
    artifact_prefix.push(prefix);
    let mut command = Command::new(program);
    command.env("SYNC_FUZZ_TARGET", run.target);
    command.arg(format!("-max_total_time={}", run.seconds));
    command.arg(format!("-max_len={LONGEST}"));
    command.arg(format!("-seed={}", run.seed));
    command.args(["-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"]);
    command.arg(artifact_prefix).arg(found).arg(run.corpus);
    Ok(command)
}

fn built_in(run: &Run<'_>) -> Command {
    let mut command = cargo::command();
    command.args(["run", "--quiet", "--package", "sync-fuzz", "--", "run"]);
    command.arg(run.target);
    command.arg(format!("--seconds={}", run.seconds));
    command.arg(format!("--seed={}", run.seed));
    command.arg("--artifacts").arg(run.folder.join("artifacts"));
    command
}

/// Runs with the output in the target's log; says whether it succeeded.
fn logged(command: &mut Command, run: &Run<'_>) -> Result<bool, Error> {
    let path = report::log_file(run);
    let log = File::create(&path).map_err(Error::file(&path))?;
    let same = log.try_clone().map_err(Error::file(&path))?;
    command.stdout(log).stderr(same);
    // The message and the input say enough.
    command.env("RUST_BACKTRACE", "0");
    let status = command.status().map_err(cargo::start_error(command))?;
    Ok(status.success())
}

/// The platform that this is compiled on.
fn host() -> Result<String, Error> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut command = Command::new(rustc);
    command.arg("-vV");
    let output = command.output().map_err(cargo::start_error(&command))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .ok_or_else(|| Error::NoLibFuzzer("`rustc -vV` names no host".to_owned()))
}

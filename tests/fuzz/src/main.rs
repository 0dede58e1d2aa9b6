//! The targets on stable Rust alone: inputs are mutated blindly, but reproducibly. `cargo xtask fuzz` runs it where libFuzzer cannot be
//! built.

mod watch;

use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use fastrand::Rng;
use sync_fuzz::{TARGETS, Target, Verdict, corpus, mutate};
use watch::{Deadline, Watch};

/// Inputs do not grow beyond this, in bytes.
const LONGEST: usize = 4096;
/// How many inputs are mutated in turn, besides the committed ones.
const MOST_KEPT: usize = 1000;

/// Tries mutated inputs on what is read from outside.
#[derive(Debug, Parser)]
enum Command {
    /// Name the targets.
    List,
    /// Try mutations of the corpus.
    Run {
        /// The target.
        target: String,
        /// For how long.
        #[arg(long, default_value_t = 10)]
        seconds: u64,
        /// Where the sequence of inputs begins; the same seed makes the same sequence.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Where an input that fails is kept.
        #[arg(long, default_value = ".")]
        artifacts: PathBuf,
        /// Keep each input before it is tried: slow, and the way to find the one that ends the process.
        #[arg(long)]
        record: bool,
    },
    /// Try one input.
    Reproduce {
        /// The target.
        target: String,
        /// The input.
        file: PathBuf,
    },
}

fn main() -> ExitCode {
    match run(&Command::parse()) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> Result<ExitCode, String> {
    let mut out = std::io::stdout();
    let unwritten = |error: std::io::Error| format!("standard output: {error}");
    match command {
        Command::List => {
            for target in TARGETS {
                writeln!(out, "{:<20}{}", target.name, target.about).map_err(unwritten)?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Run {
            target,
            seconds,
            seed,
            artifacts,
            record,
        } => {
            let file = artifacts.join(format!("{target}-{seed}"));
            let watch = Watch::begin(file.clone());
            let search = Search {
                target: named(target)?,
                seed: *seed,
                deadline: Deadline::after(Duration::from_secs(*seconds)),
                file: &file,
                record: *record,
            };
            search.run(&watch, &mut out)
        }
        Command::Reproduce { target, file } => {
            let target = named(target)?;
            let input = std::fs::read(file).map_err(|e| format!("`{}`: {e}", file.display()))?;
            let verdict = target.check(&input);
            writeln!(out, "{verdict:?}").map_err(unwritten)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn named(name: &str) -> Result<&'static Target, String> {
    Target::named(name)
        .ok_or_else(|| format!("no target is called `{name}`; `sync-fuzz list` names them"))
}

struct Search<'a> {
    target: &'static Target,
    seed: u64,
    deadline: Deadline,
    file: &'a Path,
    record: bool,
}

impl Search<'_> {
    fn run(&self, watch: &Watch, out: &mut impl std::io::Write) -> Result<ExitCode, String> {
        let seeds = corpus::inputs(self.target.name)
            .map_err(|error| format!("the corpus of {}: {error}", self.target.name))?;
        let mut pool: Vec<Vec<u8>> = seeds.into_iter().map(|(_, input)| input).collect();
        pool.push(Vec::new());
        let committed = pool.len();
        let mut rng = Rng::with_seed(self.seed);
        let (mut runs, mut read) = (0u64, 0u64);
        while !self.deadline.is_over() {
            // Inputs that are read easily are kept most often; they must not crowd out the others.
            let among = if rng.bool() { committed } else { pool.len() };
            let mut input = pool[rng.usize(0..among)].clone();
            mutate::mutate(&mut input, &pool, LONGEST, &mut rng);
            if self.record {
                self.keep(&input)?;
            }
            watch.trying(&input);
            // What is unwound holds nothing that is used again.
            let Ok(verdict) = catch_unwind(AssertUnwindSafe(|| self.target.check(&input))) else {
                self.keep(&input)?;
                return Ok(ExitCode::FAILURE);
            };
            runs += 1;
            if verdict == Verdict::Read {
                read += 1;
                // What is read leads on to more that is.
                if pool.len() < committed + MOST_KEPT {
                    pool.push(input);
                } else {
                    let at = rng.usize(committed..pool.len());
                    pool[at] = input;
                }
            }
        }
        watch.end();
        writeln!(
            out,
            "stat::number_of_executed_units: {runs}\nstat::inputs_read: {read}"
        )
        .map_err(|error| format!("standard output: {error}"))?;
        Ok(ExitCode::SUCCESS)
    }

    fn keep(&self, input: &[u8]) -> Result<(), String> {
        std::fs::write(self.file, input)
            .map_err(|error| format!("`{}`: {error}", self.file.display()))
    }
}

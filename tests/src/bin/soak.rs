//! Random communities over real databases until the time is over: `soak [--seconds N] [--seed S] [--count N]`.
//!
//! Where `SYNC_TEST_MSSQL` names a server, some of the databases are on it. Nobody else may use it meanwhile: where all databases of a server share a
//! clock, whoever writes in another one holds changes back, and a seed does not go the same way twice. Ends with a line that says what was done; a seed that fails ends
//! the run with what is needed to keep it.
#![allow(
    clippy::disallowed_methods,
    reason = "it runs for a time that was asked for"
)]

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use sync_tests::soak::{self, Tally};

struct Options {
    time: Duration,
    first: u64,
    count: u64,
}

fn main() -> ExitCode {
    let Some(options) = options() else {
        let _ = writeln!(
            io::stderr(),
            "error: usage: soak [--seconds N] [--seed S] [--count N]"
        );
        return ExitCode::from(2);
    };
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) | Err(_) => ExitCode::FAILURE,
    }
}

fn run(options: &Options) -> io::Result<bool> {
    let server = std::env::var("SYNC_TEST_MSSQL").is_ok();
    let (begun, mut shown) = (Instant::now(), Instant::now());
    let mut tally = Tally::default();
    let mut out = io::stdout();
    for seed in (0..options.count).map(|number| options.first.wrapping_add(number)) {
        if tally.seeds > 0 && begun.elapsed() >= options.time {
            break;
        }
        match soak::check(seed, server) {
            Ok(done) => tally += &done,
            Err(failure) => {
                let kept = if server { "soak-server" } else { "soak" };
                writeln!(out, "{failure}")?;
                writeln!(
                    out,
                    "soak: FAILED after {tally}; run it again with --seed {seed} --count 1, and add the seed to tests/seeds/{kept}.txt"
                )?;
                return Ok(false);
            }
        }
        if shown.elapsed() >= Duration::from_secs(10) {
            shown = Instant::now();
            writeln!(out, "  {} s: {tally}", begun.elapsed().as_secs())?;
        }
    }
    writeln!(
        out,
        "soak: {} s, from seed {}: {tally}",
        begun.elapsed().as_secs(),
        options.first
    )?;
    Ok(true)
}

fn options() -> Option<Options> {
    let nanoseconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let mut options = Options {
        time: Duration::from_secs(60),
        first: nanoseconds.map_or(0, |now| now.as_micros() as u64),
        count: u64::MAX,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next()?.parse().ok()?;
        match name.as_str() {
            "--seconds" => options.time = Duration::from_secs(value),
            "--seed" => options.first = value,
            "--count" => options.count = value,
            _ => return None,
        }
    }
    Some(options)
}

//! Rows a second into and out of SQL Server beside the plain driver, in turns: `sql-server-table [ROWS] [TURNS]`.
//!
//! The server is the one that `SYNC_TEST_MSSQL` names; without it this says so and succeeds.
#![forbid(unsafe_code)]

mod floor;
mod sample;
mod setup;
// The file alone: a benchmark need not build the conformance suite.
#[path = "../../../tests/src/support/sql_server.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "written for tests, which panic where they cannot go on and use all of it"
)]
mod sql_server;

use std::cell::RefCell;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use sync_benches::Result;
use sync_benches::stopwatch::{Contestant, race};
use tokio::runtime::Runtime;

use crate::sample::Keys;
use crate::setup::Setup;
use crate::sql_server::ServerDatabase;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let rows: u32 = arguments.next().map_or(Ok(20_000), |text| text.parse())?;
    let turns: usize = arguments.next().map_or(Ok(3), |text| text.parse())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    for keys in [Keys::Integer, Keys::Text] {
        let Some(setup) = runtime.block_on(Setup::new(keys, rows))? else {
            return Ok(());
        };
        into(&runtime, &setup, turns)?;
        out_of(&runtime, &setup, turns)?;
        settle(&runtime);
    }
    Ok(())
}

/// From SQLite to the server.
fn into(runtime: &Runtime, setup: &Setup, turns: usize) -> Result<()> {
    let database = RefCell::new(None);
    let prepare = |provisioned: bool| -> Result<()> {
        settle(runtime);
        drop(database.take());
        database.replace(Some(runtime.block_on(setup.empty(provisioned))?));
        Ok(())
    };
    let bulk = || {
        with(&database, |database| {
            runtime.block_on(floor::bulk_insert(database, &setup.rows))
        })
    };
    let source = RefCell::new(PathBuf::new());
    let mut contestants = [
        Contestant::new("bulk insert, nothing tracked", || prepare(false), bulk),
        Contestant::new(
            "bulk insert, tracked by the triggers",
            || prepare(true),
            bulk,
        ),
        Contestant::new(
            "session",
            || {
                source.replace(setup.sqlite(true)?);
                prepare(true)
            },
            || {
                with(&database, |database| {
                    let done = runtime.block_on(setup::session(&source.borrow(), database))?;
                    all(setup, done.upload.map(|upload| upload.changes_applied))
                })
            },
        ),
    ];
    table("into SQL Server", setup, &mut contestants, turns)
}

/// From the server to SQLite.
fn out_of(runtime: &Runtime, setup: &Setup, turns: usize) -> Result<()> {
    let destination = RefCell::new(PathBuf::new());
    let mut contestants = [
        Contestant::new(
            "SELECT, joined with the tracking rows",
            || Ok(()),
            || {
                let count = runtime.block_on(floor::select(&setup.filled))?;
                all(setup, Some(count as u64))
            },
        ),
        Contestant::new(
            "session",
            || {
                destination.replace(setup.sqlite(false)?);
                Ok(())
            },
            || {
                let done =
                    runtime.block_on(setup::session(&destination.borrow(), &setup.filled))?;
                all(
                    setup,
                    done.download.map(|download| download.changes_applied),
                )
            },
        ),
    ];
    table("out of SQL Server", setup, &mut contestants, turns)
}

fn table(
    title: &str,
    setup: &Setup,
    contestants: &mut [Contestant<'_>],
    turns: usize,
) -> Result<()> {
    let race = race(contestants, turns)?;
    let mut out = std::io::stdout();
    let rows = setup.rows.len();
    writeln!(
        out,
        "\n{rows} rows {title}, {}, {turns} turns\n",
        setup.keys.name()
    )?;
    let floors = contestants.len() - 1;
    let ratios: String = contestants[..floors]
        .iter()
        .map(|floor| format!(" ÷ {} |", floor.name))
        .collect();
    writeln!(out, "| | rows/s | ms | our processor ms |{ratios}")?;
    writeln!(out, "|---|--:|--:|--:|{}", "--:|".repeat(floors))?;
    for (index, contestant) in contestants.iter().enumerate() {
        let wall = race.wall(index);
        let ratios: String = (0..floors)
            .map(|floor| format!(" {:.2} |", race.ratio(index, floor)))
            .collect();
        writeln!(
            out,
            "| {} | {:.0} | {:.0} | {} |{ratios}",
            contestant.name,
            rows as f64 / wall.as_secs_f64(),
            wall.as_secs_f64() * 1e3,
            race.processor(index).as_millis(),
        )?;
    }
    Ok(())
}

fn with(
    database: &RefCell<Option<ServerDatabase>>,
    work: impl FnOnce(&ServerDatabase) -> Result<()>,
) -> Result<()> {
    work(database.borrow().as_ref().ok_or("nothing was prepared")?)
}

fn all(setup: &Setup, moved: Option<u64>) -> Result<()> {
    if moved == Some(setup.rows.len() as u64) {
        Ok(())
    } else {
        Err(format!("{moved:?} rows came").into())
    }
}

/// Lets the connections of a session go, which close a turn after it: a database in use is not dropped.
fn settle(runtime: &Runtime) {
    runtime.block_on(async { tokio::time::sleep(Duration::from_millis(50)).await });
}

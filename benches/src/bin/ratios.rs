//! Measures what `docs/benchmarks.md` reports, each thing against its floor in turns, and prints the tables.
//!
//! `ratios [first|quiet|changes|conflicts|tracking|all] [ROWS] [TURNS]`

use std::io::Write as _;
use std::time::Duration;

use sync_benches::Result;
use sync_benches::floor::{self, Input};
use sync_benches::pair::Pair;
use sync_benches::sample::Keys;
use sync_benches::stopwatch::{Contestant, race};
use sync_benches::tracking::{Application, Tracked, Write};
use sync_provider::ConflictPolicy;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_else(|| "all".into());
    let rows: u64 = arguments.next().map_or(Ok(100_000), |text| text.parse())?;
    let turns: usize = arguments.next().map_or(Ok(9), |text| text.parse())?;
    let all = what == "all";
    for keys in [Keys::Integer, Keys::Guid] {
        if all || what == "first" {
            first(keys, rows, turns)?;
        }
        if all || what == "quiet" {
            quiet(keys, rows, turns.max(21))?;
        }
        if all || what == "tracking" {
            for write in [Write::Insert, Write::Update] {
                tracking(keys, rows, write, turns)?;
            }
        }
    }
    if all || what == "changes" {
        changes(rows, turns.max(21))?;
    }
    if all || what == "conflicts" {
        conflicts(rows / 10, turns)?;
    }
    Ok(())
}

/// A first synchronisation against the same work by hand.
fn first(keys: Keys, rows: u64, turns: usize) -> Result<()> {
    let pair = Pair::new(keys, rows)?;
    let (source, destination) = (pair.source(), pair.destination());
    let input = floor::read_all(&source)?;
    let check = |moved: Option<u64>| {
        if moved == Some(rows) {
            Ok(())
        } else {
            Err("rows are missing")
        }
    };
    let session = |one_way: bool| -> Result<()> {
        let statistics = pair.synchronize(one_way)?;
        Ok(check(
            statistics.upload.map(|upload| upload.changes_applied),
        )?)
    };
    let mut contestants = [
        Contestant::new(
            "by hand, rows in memory",
            || pair.bare_destination(),
            || floor::copy_by_hand(Input::Memory(&input), &destination),
        ),
        Contestant::new(
            "by hand, rows read",
            || pair.bare_destination(),
            || floor::copy_by_hand(Input::Database(&source), &destination),
        ),
        Contestant::new(
            "by hand, rows read in key order",
            || pair.bare_destination(),
            || floor::copy_by_hand(Input::InKeyOrder(&source), &destination),
        ),
        Contestant::new(
            "session, one way",
            || pair.empty_destination(),
            || session(true),
        ),
        Contestant::new(
            "session, both ways",
            || pair.empty_destination(),
            || session(false),
        ),
    ];
    let race = race(&mut contestants, turns)?;
    let mut out = std::io::stdout();
    writeln!(
        out,
        "\nfirst synchronisation of {rows} rows, {}, {turns} turns\n",
        keys.name()
    )?;
    writeln!(
        out,
        "| | ms | processor ms | ÷ in memory | ÷ read | ÷ read in key order |\n|---|--:|--:|--:|--:|--:|"
    )?;
    for (index, contestant) in contestants.iter().enumerate() {
        let times = [race.wall(index), race.processor(index)].map(milliseconds);
        let [memory, read, ordered] = [0, 1, 2].map(|floor| race.ratio(index, floor));
        writeln!(
            out,
            "| {} | {} | {} | {memory:.2} | {read:.2} | {ordered:.2} |",
            contestant.name, times[0], times[1]
        )?;
    }
    Ok(())
}

/// A session in which nothing has changed.
fn quiet(keys: Keys, rows: u64, turns: usize) -> Result<()> {
    let pair = Pair::new(keys, rows)?;
    pair.empty_destination()?;
    pair.synchronize(false)?;
    let run = || pair.synchronize(false).map(drop);
    let race = race(&mut [Contestant::new("session", || Ok(()), run)], turns)?;
    let mut out = std::io::stdout();
    writeln!(
        out,
        "\nno change among {rows} rows, {}: {} ms",
        keys.name(),
        milliseconds(race.wall(0))
    )?;
    Ok(())
}

/// The same number of changes in a small and in a large table.
fn changes(rows: u64, turns: usize) -> Result<()> {
    const CHANGED: u64 = 100;
    let sizes = [rows / 10, rows, rows * 10];
    let pairs = sizes.map(|rows| Pair::new(Keys::Integer, rows));
    let mut contestants = Vec::new();
    for (pair, rows) in pairs.iter().zip(sizes) {
        let pair = pair.as_ref().map_err(ToString::to_string)?;
        pair.empty_destination()?;
        pair.synchronize(false)?;
        let mut round = 0;
        let prepare = move || {
            round += 1;
            pair.change(CHANGED, rows, round)
        };
        let run = move || match pair.synchronize(false)?.upload {
            Some(upload) if upload.changes_applied == CHANGED => Ok(()),
            other => Err(format!("not what was changed: {other:?}").into()),
        };
        contestants.push(Contestant::new(
            format!("{CHANGED} of {rows}"),
            prepare,
            run,
        ));
    }
    let race = race(&mut contestants, turns)?;
    let mut out = std::io::stdout();
    writeln!(
        out,
        "\nchanged rows, {turns} turns\n\n| | ms | ratio |\n|---|--:|--:|"
    )?;
    for (index, contestant) in contestants.iter().enumerate() {
        writeln!(
            out,
            "| {} | {} | {:.2} |",
            contestant.name,
            milliseconds(race.wall(index)),
            race.ratio(index, 0)
        )?;
    }
    Ok(())
}

/// A session in which all rows were changed on one side, and one in which they were changed on both.
fn conflicts(rows: u64, turns: usize) -> Result<()> {
    let sessions = [
        ("changed on one side", None),
        (
            "on both, destination wins",
            Some(ConflictPolicy::DestinationWins),
        ),
        ("on both, source wins", Some(ConflictPolicy::SourceWins)),
        (
            "on both, last writer wins",
            Some(ConflictPolicy::LastWriterWins),
        ),
        ("on both, deferred", Some(ConflictPolicy::Defer)),
    ];
    let pairs = sessions.each_ref().map(|_| Pair::new(Keys::Integer, rows));
    let mut contestants = Vec::new();
    for (pair, (name, policy)) in pairs.iter().zip(sessions) {
        let pair = pair.as_ref().map_err(ToString::to_string)?;
        let mut round = 0;
        let in_conflict = policy.is_some();
        let prepare = move || {
            round += 2;
            pair.renew()?;
            pair.synchronize(false)?;
            if in_conflict {
                pair.change_in(&pair.destination(), rows, rows, round)?;
            }
            pair.change(rows, rows, round + 1)
        };
        let run = move || {
            let policy = policy.clone().unwrap_or_default();
            let done = pair.synchronize_under(policy)?.upload;
            let met = done.map(|upload| upload.conflicts);
            match met == Some(if in_conflict { rows } else { 0 }) {
                true => Ok(()),
                false => Err(format!("{name}: {done:?}").into()),
            }
        };
        contestants.push(Contestant::new(name, prepare, run));
    }
    let race = race(&mut contestants, turns)?;
    let mut out = std::io::stdout();
    writeln!(
        out,
        "\n{rows} rows that were changed, both ways, {turns} turns\n\n| | ms | processor ms | ratio |\n|---|--:|--:|--:|"
    )?;
    for (index, contestant) in contestants.iter().enumerate() {
        let times = [race.wall(index), race.processor(index)].map(milliseconds);
        writeln!(
            out,
            "| {} | {} | {} | {:.2} |",
            contestant.name,
            times[0],
            times[1],
            race.ratio(index, 0)
        )?;
    }
    Ok(())
}

/// An application's own writes.
fn tracking(keys: Keys, rows: u64, write: Write, turns: usize) -> Result<()> {
    let count = rows / 5;
    let mut applications = Vec::new();
    for tracked in [Tracked::ByHand, Tracked::ByTriggers, Tracked::Not] {
        applications.push((
            tracked,
            std::cell::RefCell::new(Application::new(tracked, keys, rows)?),
        ));
    }
    let mut round = 0;
    let mut contestants: Vec<Contestant<'_>> = applications
        .iter()
        .map(|(tracked, application)| {
            let run = move || {
                round += 1;
                application.borrow_mut().write(write, count, round)
            };
            Contestant::new(
                format!("{tracked:?}"),
                move || application.borrow().undo(),
                run,
            )
        })
        .collect();
    let race = race(&mut contestants, turns)?;
    let mut out = std::io::stdout();
    writeln!(
        out,
        "\n{write:?} of {count} rows, {}, {turns} turns\n\n| | µs a row | of by hand |\n|---|--:|--:|",
        keys.name()
    )?;
    for (index, contestant) in contestants.iter().enumerate() {
        let each = race.wall(index).as_secs_f64() * 1e6 / count as f64;
        writeln!(
            out,
            "| {} | {each:.2} | {:.2} |",
            contestant.name,
            race.ratio(index, 0)
        )?;
    }
    Ok(())
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1e3)
}

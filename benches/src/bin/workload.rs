//! One piece of work with a fixed small input, to be run under callgrind, whose instruction counts hardly differ from run to run:
//! `valgrind --tool=callgrind workload first-sync 2000`. With `--setup-only` it ends where the work would begin, so that the difference of
//! two counts is the work alone, on all its threads.
//!
//! `workload (first-sync|first-sync-guid|floor|floor-guid|quiet|changes|insert|insert-by-hand|update|update-by-hand) [ROWS] [--setup-only]`

use sync_benches::Result;
use sync_benches::floor::{self, Input};
use sync_benches::pair::Pair;
use sync_benches::sample::Keys;
use sync_benches::tracking::{Application, Tracked, Write};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "first-sync".into());
    let rows: u64 = arguments.next().map_or(Ok(2000), |text| text.parse())?;
    let measure = match arguments.next().as_deref() {
        None => true,
        Some("--setup-only") => false,
        Some(other) => return Err(format!("{other} is not understood").into()),
    };
    let mut work = set_up(&name, rows)?;
    if measure { work() } else { Ok(()) }
}

/// Makes everything ready and gives the work.
fn set_up(name: &str, rows: u64) -> Result<Work> {
    let keys = if name.ends_with("-guid") {
        Keys::Guid
    } else {
        Keys::Integer
    };
    Ok(match name {
        "first-sync" | "first-sync-guid" => {
            let pair = Pair::new(keys, rows)?;
            pair.empty_destination()?;
            session(pair)
        }
        "floor" | "floor-guid" => {
            let pair = Pair::new(keys, rows)?;
            pair.bare_destination()?;
            Box::new(move || {
                floor::copy_by_hand(Input::Database(&pair.source()), &pair.destination())
            })
        }
        "quiet" | "changes" => {
            let pair = Pair::new(keys, rows)?;
            pair.empty_destination()?;
            pair.synchronize(false)?;
            if name == "changes" {
                pair.change(rows.min(100), rows, 1)?;
            }
            session(pair)
        }
        "insert" => write(Tracked::ByTriggers, Write::Insert, rows)?,
        "insert-by-hand" => write(Tracked::ByHand, Write::Insert, rows)?,
        "update" => write(Tracked::ByTriggers, Write::Update, rows)?,
        "update-by-hand" => write(Tracked::ByHand, Write::Update, rows)?,
        other => return Err(format!("there is no workload {other}").into()),
    })
}

type Work = Box<dyn FnMut() -> Result<()>>;

fn session(pair: Pair) -> Work {
    Box::new(move || pair.synchronize(false).map(drop))
}

fn write(tracked: Tracked, write: Write, rows: u64) -> Result<Work> {
    let mut application = Application::new(tracked, Keys::Integer, rows)?;
    Ok(Box::new(move || application.write(write, rows, 1)))
}

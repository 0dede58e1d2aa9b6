//! One piece of work with a fixed small input and nothing around it, to be run under callgrind, whose instruction counts are the
//! same in every run: `valgrind --tool=callgrind --toggle-collect='*measured*' workload first-sync 2000`.
//!
//! `workload (first-sync|first-sync-guid|floor|quiet|changes|insert|insert-by-hand|update|update-by-hand) [ROWS]`

use sync_benches::Result;
use sync_benches::floor::{self, Input};
use sync_benches::pair::Pair;
use sync_benches::sample::Keys;
use sync_benches::tracking::{Application, Tracked, Write};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "first-sync".into());
    let rows: u64 = arguments.next().map_or(Ok(2000), |text| text.parse())?;
    match name.as_str() {
        "first-sync" => first_sync(Keys::Integer, rows),
        "first-sync-guid" => first_sync(Keys::Guid, rows),
        "floor" => {
            let pair = Pair::new(Keys::Integer, rows)?;
            pair.bare_destination()?;
            measured(|| floor::copy_by_hand(Input::Database(&pair.source()), &pair.destination()))
        }
        "quiet" => {
            let pair = Pair::new(Keys::Integer, rows)?;
            pair.empty_destination()?;
            pair.synchronize(false)?;
            measured(|| pair.synchronize(false).map(drop))
        }
        "changes" => {
            let pair = Pair::new(Keys::Integer, rows)?;
            pair.empty_destination()?;
            pair.synchronize(false)?;
            pair.change(100, rows, 1)?;
            measured(|| pair.synchronize(false).map(drop))
        }
        "insert" => write(Tracked::ByTriggers, Write::Insert, rows),
        "insert-by-hand" => write(Tracked::ByHand, Write::Insert, rows),
        "update" => write(Tracked::ByTriggers, Write::Update, rows),
        "update-by-hand" => write(Tracked::ByHand, Write::Update, rows),
        other => Err(format!("there is no workload {other}").into()),
    }
}

fn first_sync(keys: Keys, rows: u64) -> Result<()> {
    let pair = Pair::new(keys, rows)?;
    pair.empty_destination()?;
    measured(|| pair.synchronize(false).map(drop))
}

fn write(tracked: Tracked, write: Write, rows: u64) -> Result<()> {
    let mut application = Application::new(tracked, Keys::Integer, rows)?;
    measured(|| application.write(write, rows, 1))
}

/// The frame that callgrind is told to count below.
#[inline(never)]
fn measured(work: impl FnOnce() -> Result<()>) -> Result<()> {
    std::hint::black_box(work())
}

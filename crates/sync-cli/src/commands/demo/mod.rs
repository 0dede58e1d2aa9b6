//! `syncdb demo`: the main job on generated data, told step by step.

mod data;
mod edits;
mod folder;
mod teller;

use std::path::{Path, PathBuf};

use serde::Serialize;
use sync_orchestrator::SyncOperationStatistics;
use sync_provider::{ConflictRecord, ConflictSide, Winner};
use sync_relational::{TableChoice, Tables};

use super::verify;
use crate::args::DemoArgs;
use crate::context::Context;
use crate::database::{Database as _, Order, SqliteDatabase};
use crate::exit::{Code, Failure};
use crate::output::{Align, Output, Table, count, duration, line, paint, plural};
use crate::plain::plain;
use crate::progress::Progress;
use crate::session::{ConflictDocument, Heard, Session, took};
use crate::stopwatch::Stopwatch;
use edits::Edit;
use folder::Folder;
use teller::{Step, Teller};

const SCOPE: &str = "sales";
const SPOKES: [&str; 2] = ["north", "south"];

#[derive(Debug, Serialize)]
struct DemoDocument<'a> {
    /// Where the databases are, if they were kept.
    folder: Option<&'a Path>,
    scope: &'static str,
    equal: bool,
    /// Rows that each database holds at the end.
    rows: u64,
    steps: &'a [Step],
    conflicts: Vec<ConflictDocument<'a>>,
}

/// What the story came to.
struct Ending {
    equal: bool,
    rows: u64,
    conflicts: Vec<ConflictRecord>,
}

pub(crate) fn run(args: &DemoArgs, context: &Context) -> Result<Code, Failure> {
    let folder = Folder::open(args.dir.as_deref(), &context.temporary)?;
    let clock = Stopwatch::start();
    let mut teller = Teller::new(!context.json);
    let story = Story {
        folder: folder.path(),
        context,
    };
    let ending = story.tell(args.rows, &mut teller)?;
    let (steps, mut out) = teller.end();
    let kept = folder.close(args.keep);
    if context.json {
        let conflicts = ending.conflicts.iter();
        out.json(&DemoDocument {
            folder: kept.as_deref(),
            scope: SCOPE,
            equal: ending.equal,
            rows: ending.rows,
            steps: &steps,
            conflicts: conflicts
                .map(|record| ConflictDocument::new(record, true))
                .collect(),
        });
    } else {
        last_words(&mut out, &ending, kept.as_deref(), clock);
    }
    out.finish()?;
    Ok(if ending.equal { Code::Done } else { Code::Left })
}

struct Story<'a> {
    folder: &'a Path,
    context: &'a Context,
}

impl Story<'_> {
    fn tell(&self, rows: u64, teller: &mut Teller) -> Result<Ending, Failure> {
        teller.title(
            "A sales team and three databases",
            "hub.db in the office, north.db and south.db on the road; all of them are written to, and kept in step",
        );
        let made = self.prepare(rows, teller)?;

        teller.chapter("The first synchronisation");
        for spoke in SPOKES {
            self.session(spoke, teller)?;
        }

        teller.chapter("Everyone goes on working, apart from the others");
        self.edit("north", teller, |path| edits::in_the_north(path, made))?;
        self.edit("south", teller, |path| edits::in_the_south(path, made))?;
        self.edit("hub", teller, edits::at_the_hub)?;

        teller.chapter("They meet again");
        let mut conflicts = Vec::new();
        for spoke in SPOKES {
            let (_, met) = self.session(spoke, teller)?;
            met.iter()
                .for_each(|record| teller.aside(|out| show_conflict(out, record, spoke)));
            conflicts.extend(met);
        }
        let first = SPOKES[0];
        self.session(first, teller)?;

        teller.chapter("Are they equal now?");
        let mut ending = Ending {
            equal: true,
            rows: 0,
            conflicts,
        };
        for spoke in SPOKES {
            self.compare(spoke, teller, &mut ending)?;
        }
        let (last, _) = self.session(first, teller)?;
        let moved = [last.upload, last.download]
            .iter()
            .flatten()
            .map(|done| done.changes_total)
            .sum::<u64>();
        ending.equal &= moved == 0;
        Ok(ending)
    }

    fn prepare(&self, rows: u64, teller: &mut Teller) -> Result<data::Made, Failure> {
        teller.chapter("A database full of data, prepared for synchronisation");
        let hub = self.path("hub");
        let made = self.timed(teller, "hub", "making rows", || {
            let made = data::make(&hub, rows).map_err(|error| failed(&hub, &error))?;
            let what = format!(
                "has {}, {} and {}",
                plural(made.customers, "customer"),
                plural(made.orders, "order"),
                plural(made.lines, "order line")
            );
            Ok((what, made))
        })?;
        self.timed(teller, "hub", "provisioning", || {
            let choices = data::SHARED_NAMES.map(|name| TableChoice {
                table: name.to_owned(),
                global_name: None,
                columns: None,
            });
            let tables = Tables::Listed(choices.to_vec());
            SqliteDatabase::new(&hub).provision(&Order::new(SCOPE, tables))?;
            let what = format!(
                "provisioned for scope {SCOPE}: from now on triggers keep track of its rows"
            );
            Ok((what, ()))
        })?;
        for spoke in SPOKES {
            self.timed(teller, spoke, "provisioning", || {
                let model = SqliteDatabase::new(&hub).describe(Some(SCOPE))?;
                self.database(spoke).provision(&Order::like(model))?;
                Ok(("created like the hub, without rows".to_owned(), ()))
            })?;
        }
        Ok(made)
    }

    /// Synchronises a spoke with the hub; gives the conflicts that were met.
    fn session(
        &self,
        spoke: &str,
        teller: &mut Teller,
    ) -> Result<(SyncOperationStatistics, Vec<ConflictRecord>), Failure> {
        let (here, hub) = (self.database(spoke), self.database("hub"));
        let heard = Heard::new(Vec::new());
        let result = Session::between([&here, &hub], SCOPE, self.context)
            .synchronize(format!("synchronising {spoke} with the hub"), &heard);
        let statistics = result.map_err(|failure| Failure::from(failure.error))?;
        let moved = |direction: Option<sync_orchestrator::DirectionStatistics>| {
            direction.map_or(0, |done| done.changes_total)
        };
        let (up, down) = (moved(statistics.upload), moved(statistics.download));
        let met = std::mem::take(&mut *heard.lock());
        let conflicts = match met.len() as u64 {
            0 => String::new(),
            number => format!(", {}", plural(number, "conflict")),
        };
        let what = format!(
            "{} up, {} down{conflicts}",
            plural(up, "row"),
            plural(down, "row")
        );
        teller.step(&format!("{spoke} ⇄ hub"), what, Some(took(&statistics)));
        Ok((statistics, met))
    }

    fn edit(
        &self,
        who: &str,
        teller: &mut Teller,
        edit: impl FnOnce(&Path) -> rusqlite::Result<Vec<Edit>>,
    ) -> Result<(), Failure> {
        self.check_cancelled()?;
        let path = self.path(who);
        for Edit { what, rows } in edit(&path).map_err(|error| failed(&path, &error))? {
            teller.step(who, format!("{what} ({})", plural(rows, "row")), None);
        }
        Ok(())
    }

    fn compare(
        &self,
        spoke: &str,
        teller: &mut Teller,
        ending: &mut Ending,
    ) -> Result<(), Failure> {
        self.timed(teller, &format!("{spoke} = hub?"), "comparing", || {
            let (spoke, hub) = (self.database(spoke), self.database("hub"));
            let found = verify::compare(&spoke, &hub, SCOPE, self.context)?;
            let rows: u64 = found.tables.iter().map(|table| table.rows_b).sum();
            let differences: usize = found
                .tables
                .iter()
                .map(|table| table.differences.len())
                .sum();
            ending.rows = rows;
            ending.equal &= found.is_equal();
            let verdict = match differences {
                0 => "no difference".to_owned(),
                some => plural(some as u64, "difference"),
            };
            Ok((format!("{} compared, {verdict}", plural(rows, "row")), ()))
        })
    }

    /// Does a step, shows a sign of life if it takes long, and tells of it.
    fn timed<T>(
        &self,
        teller: &mut Teller,
        who: &str,
        meanwhile: &str,
        work: impl FnOnce() -> Result<(String, T), Failure>,
    ) -> Result<T, Failure> {
        self.check_cancelled()?;
        let clock = Stopwatch::start();
        let working = Progress::start(meanwhile);
        let (what, result) = work()?;
        drop(working);
        teller.step(who, what, Some(clock.elapsed()));
        Ok(result)
    }

    fn check_cancelled(&self) -> Result<(), Failure> {
        if self.context.cancellation.is_cancelled() {
            return Err(Failure::new(
                Code::Cancelled,
                "demo",
                "cancelled",
                "run it again",
            ));
        }
        Ok(())
    }

    fn database(&self, who: &str) -> SqliteDatabase {
        SqliteDatabase::new(self.path(who))
    }

    fn path(&self, who: &str) -> PathBuf {
        self.folder.join(format!("{who}.db"))
    }
}

fn failed(path: &Path, error: &rusqlite::Error) -> Failure {
    Failure::new(
        Code::Failed,
        path.display().to_string(),
        error.to_string(),
        "check the folder and the room on the disk",
    )
}

/// Both rows of a conflict, one below the other, and which of them stayed.
fn show_conflict(out: &mut Output, record: &ConflictRecord, spoke: &'static str) {
    let wanted = ["CustomerName", "SalesPerson", "CustomerType"];
    let headings = ["", wanted[0], wanted[1], wanted[2], ""];
    let mut table = Table::new(&headings.map(|heading| (heading, Align::Left)));
    let cells = |side: &ConflictSide| {
        wanted.map(|name| {
            let at = record.columns.iter().position(|column| column == name);
            let cell = at.and_then(|at| side.row.as_ref()?.get(at).cloned());
            cell.map_or_else(|| "–".to_owned(), |cell| crate::output::key(&[cell]))
        })
    };
    let stays = |winner| {
        if record.winner == Some(winner) {
            format!("← stays ({})", record.reason)
        } else {
            String::new()
        }
    };
    let sides = [
        ("hub", record.local.as_ref(), Winner::Local),
        (spoke, Some(&record.remote), Winner::Remote),
    ];
    for (who, side, winner) in sides {
        let Some(side) = side else { continue };
        let mut row = vec![who.to_owned()];
        row.extend(cells(side));
        row.push(stays(winner));
        table.row(row);
    }
    line!(out, "    both changed this row of {}:", record.table);
    table.write(out, 6);
}

fn last_words(out: &mut Output, ending: &Ending, kept: Option<&Path>, clock: Stopwatch) {
    line!(out);
    let time = duration(clock.elapsed());
    if ending.equal {
        let rows = count(ending.rows);
        line!(
            out,
            "{} three equal databases of {rows} rows, and nothing left to send; all of it took {time}",
            paint::good("✓")
        );
    } else {
        line!(
            out,
            "{} the databases differ; this should not happen",
            paint::odd("✗")
        );
    }
    if let Some(folder) = kept {
        let folder = folder.display().to_string();
        line!(
            out,
            "  the databases are in {}",
            paint::name(plain(&folder))
        );
    }
}

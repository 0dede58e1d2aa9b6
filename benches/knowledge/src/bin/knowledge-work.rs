//! One piece of work with a fixed input, to be run under callgrind, whose instruction counts hardly differ from run to run:
//! `knowledge-work NAME [TIMES]`. The difference of the counts of two runs that do it so many times and once more is the work alone.
//! Without a name it prints all names.

use std::hint::black_box;
use std::io::Write as _;

use sync_knowledge_benches::work;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let Some(name) = arguments.next() else {
        let mut out = std::io::stdout().lock();
        return Ok(work::ALL
            .iter()
            .try_for_each(|(name, _)| writeln!(out, "{name}"))?);
    };
    let times: u32 = arguments.next().map_or(Ok(1), |text| text.parse())?;
    let mut work = work::ready(&name)
        .ok_or_else(|| format!("there is no work `{name}`; without a name all are listed"))?;
    for _ in 0..times {
        black_box(work());
    }
    Ok(())
}

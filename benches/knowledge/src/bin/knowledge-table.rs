//! What knowledge with exceptions costs, and how fast it is written and read: `knowledge-table [--short]` prints the tables.

use std::hint::black_box;
use std::io::Write as _;
use std::time::Duration;

use sync_knowledge::{Knowledge, ReplicaKey, Version};
use sync_knowledge_benches::stopwatch::{Contestant, Effort, race, warm_allocator};
use sync_knowledge_benches::{sample, work};

const EXCEPTIONS: [usize; 3] = [0, 100, 10_000];

fn main() -> std::io::Result<()> {
    let short = std::env::args().any(|argument| argument == "--short");
    let effort = Effort {
        turn: Duration::from_micros(400),
        turns: if short { 8 } else { 40 },
    };
    warm_allocator();
    exceptions(effort)?;
    bytes(effort)
}

fn exceptions(effort: Effort) -> std::io::Result<()> {
    let items = work::items();
    let (mut combine, mut contains) = (Vec::new(), Vec::new());
    let mut ranges = Vec::new();
    for exceptions in EXCEPTIONS {
        let (mine, theirs) = (
            sample::with_exceptions(exceptions, 1),
            sample::with_exceptions(exceptions, 2),
        );
        ranges.push(mine.combined(&theirs).ranges().count());
        let asked = (mine.clone(), items.clone());
        combine.push(Contestant::new("combine", move || {
            black_box(&mine).combined(black_box(&theirs))
        }));
        contains.push(Contestant::new("contains", move || {
            let (knowledge, items) = black_box(&asked);
            let version = Version::new(ReplicaKey(3), 5);
            items
                .iter()
                .filter(|item| knowledge.contains(item.as_bytes(), version))
                .count()
        }));
    }
    let (combined, contained) = (race(&mut combine, effort), race(&mut contains, effort));
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "| exceptions a side | combine, ns | ranges of the result | ns a range | contains, ns |"
    )?;
    writeln!(out, "|--:|--:|--:|--:|--:|")?;
    for (at, exceptions) in EXCEPTIONS.iter().enumerate() {
        let (time, ranges) = (combined.nanoseconds(at), ranges[at]);
        let question = contained.nanoseconds(at) / items.len() as f64;
        let each = time / ranges as f64;
        writeln!(
            out,
            "| {exceptions} | {time:.0} | {ranges} | {each:.0} | {question:.1} |"
        )?;
    }
    Ok(())
}

fn bytes(effort: Effort) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "\n| knowledge | bytes | encode, MB/s | decode, MB/s |\n|---|--:|--:|--:|"
    )?;
    let samples = [
        ("1024 replicas", work::wide()),
        ("8 replicas, 10 000 exceptions", work::deep()),
    ];
    for (name, knowledge) in samples {
        let bytes = knowledge.to_bytes();
        let length = bytes.len();
        let mut both = [
            Contestant::new("encode", || black_box(&knowledge).to_bytes()),
            Contestant::new("decode", || {
                Knowledge::from_bytes(black_box(&bytes)).is_ok()
            }),
        ];
        let race = race(&mut both, effort);
        let speed = |at| length as f64 * 1000.0 / race.nanoseconds(at);
        writeln!(
            out,
            "| {name} | {length} | {:.0} | {:.0} |",
            speed(0),
            speed(1)
        )?;
    }
    Ok(())
}

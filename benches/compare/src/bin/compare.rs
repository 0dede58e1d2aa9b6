//! Lets ours, the bound and all rivals take turns, and prints the table with the ratios: `compare [--short] [WORD ...]`, where only
//! contests whose name has all the words take place.

use std::io::Write as _;
use std::time::Duration;

use sync_knowledge_benches::sample::{Case, SIZES};
use sync_knowledge_benches::stopwatch::{Effort, race, warm_allocator};
use sync_knowledge_compare::contest::{BOUND, OURS, Operation, REUSED, RIVALS, contestants};

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (options, words): (Vec<_>, Vec<_>) =
        arguments.iter().partition(|word| word.starts_with("--"));
    let short = options.iter().any(|option| *option == "--short");
    let effort = Effort {
        turn: Duration::from_micros(400),
        turns: if short { 8 } else { 40 },
    };
    let mut out = std::io::stdout().lock();
    let mut details = String::new();
    writeln!(
        out,
        "| | n | ours, ns | mapping reused, ns | bound, ns | best of GUIDs | its ns | best of all | its ns | ours ÷ bound | ours ÷ best of GUIDs | ours ÷ best of all | reused ÷ best of GUIDs | reused ÷ best of all | reused ÷ bound | best hash map ÷ reused |"
    )?;
    writeln!(
        out,
        "|---|--:|--:|--:|--:|---|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|"
    )?;
    warm_allocator();
    for operation in Operation::ALL {
        for case in Case::ALL {
            for n in SIZES {
                let name = format!("{}, {}", operation.name(), case.name());
                let all = format!("{name} {n}");
                if !words.iter().all(|word| all.contains(word.as_str())) {
                    continue;
                }
                let mut contestants = contestants(operation, case, n);
                let race = race(&mut contestants, effort);
                let time = |at: usize| race.nanoseconds(at);
                let best = |wanted: &dyn Fn(&str) -> bool| {
                    (RIVALS..contestants.len())
                        .filter(|at| wanted(contestants[*at].name))
                        .min_by(|a, b| time(*a).total_cmp(&time(*b)))
                        .unwrap_or(RIVALS)
                };
                // With a shorter name comes a table of GUIDs that somebody else has to keep: two verdicts.
                let has_guids = |name: &str| !name.ends_with(')');
                let of_guids = best(&has_guids);
                let of_all = best(&|_| true);
                let hash_map = best(&|name| {
                    ["loro", "yrs", "vclock"]
                        .iter()
                        .any(|library| name.starts_with(library))
                });
                writeln!(
                    out,
                    "| {name} | {n} | {} | {} | {} | {} | {} | {} | {} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.1} |",
                    shown(time(OURS)),
                    shown(time(REUSED)),
                    shown(time(BOUND)),
                    contestants[of_guids].name,
                    shown(time(of_guids)),
                    contestants[of_all].name,
                    shown(time(of_all)),
                    race.ratio(OURS, BOUND),
                    race.ratio(OURS, of_guids),
                    race.ratio(OURS, of_all),
                    race.ratio(REUSED, of_guids),
                    race.ratio(REUSED, of_all),
                    race.ratio(REUSED, BOUND),
                    race.ratio(hash_map, REUSED),
                )?;
                if details.is_empty() {
                    let names: Vec<_> = contestants[RIVALS..]
                        .iter()
                        .map(|rival| rival.name)
                        .collect();
                    details = format!(
                        "| | n | {} |\n|---|--:{}|\n",
                        names.join(" | "),
                        "|--:".repeat(names.len())
                    );
                }
                let times: Vec<_> = (RIVALS..contestants.len())
                    .map(|at| shown(time(at)))
                    .collect();
                details += &format!("| {name} | {n} | {} |\n", times.join(" | "));
            }
        }
    }
    writeln!(out, "\nAll rivals, ns:\n\n{details}")
}

fn shown(nanoseconds: f64) -> String {
    if nanoseconds < 100.0 {
        format!("{nanoseconds:.1}")
    } else {
        format!("{nanoseconds:.0}")
    }
}

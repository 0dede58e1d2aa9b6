//! Operations, what was broken of each, and who noticed.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::operations::Pick;
use super::outcome::{Fate, Mutant};

/// Of many laws that fail the first ones say enough.
const MOST_LAWS: usize = 4;

/// One line.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pick: &'a Pick,
    fate: Fate,
}

impl Row<'_> {
    /// One that was not built shows nothing, so it counts as if nobody had noticed.
    pub(super) fn survived(&self) -> bool {
        matches!(self.fate, Fate::Survived | Fate::NotBuilt)
    }

    /// What is broken, without the function that stands beside it.
    fn what(&self) -> &str {
        let what = &self.pick.mutant.what;
        what.split_once(" in ").map_or(what, |(what, _)| what)
    }

    fn noticed_by(&self) -> String {
        match &self.fate {
            Fate::Noticed(laws) => {
                let mut text = laws[..laws.len().min(MOST_LAWS)].join(", ");
                if laws.len() > MOST_LAWS {
                    let _ = write!(text, " and {} more", laws.len() - MOST_LAWS);
                }
                text
            }
            Fate::Circles => "the tests go round in circles".to_owned(),
            Fate::Survived => "SURVIVED".to_owned(),
            Fate::NotBuilt => "NOT BUILT".to_owned(),
        }
    }
}

/// A mutant of which nothing is told was not run, and has survived.
pub(super) fn rows<'a>(picks: &'a [Pick], fates: &BTreeMap<Mutant, Fate>) -> Vec<Row<'a>> {
    let fate = |pick: &Pick| fates.get(&pick.mutant).cloned().unwrap_or(Fate::Survived);
    picks
        .iter()
        .map(|pick| Row {
            pick,
            fate: fate(pick),
        })
        .collect()
}

pub(super) fn plain(rows: &[Row<'_>]) -> String {
    let mut text = String::new();
    for row in rows {
        let Pick { operation, mutant } = row.pick;
        let _ = writeln!(text, "{operation}");
        let _ = writeln!(
            text,
            "    {} ({}, {})",
            row.what(),
            mutant.function,
            mutant.place
        );
        let _ = writeln!(text, "    {}", row.noticed_by());
    }
    text
}

pub(super) fn markdown(rows: &[Row<'_>]) -> String {
    let mut text = String::from("| operation | broken | in | noticed by |\n|---|---|---|---|\n");
    for row in rows {
        let what = row.what().replace('|', "\\|");
        let _ = writeln!(
            text,
            "| {} | {what} | `{}` | {} |",
            row.pick.operation,
            row.pick.mutant.function,
            row.noticed_by()
        );
    }
    text
}

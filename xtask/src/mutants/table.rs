//! Operations, what was broken of each, and who noticed.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use super::operations::Pick;
use super::outcome::{Fate, Mutant};
use crate::error::Error;

/// Of many laws that fail the first ones say enough.
const MOST_LAWS: usize = 4;

/// What an operation is called that nobody asked for and cargo-mutants has broken all the same.
const UNASKED: &str = "(unasked)";

/// One line.
#[derive(Debug)]
pub(super) struct Row<'a> {
    operation: &'a str,
    mutant: &'a Mutant,
    fate: Fate,
}

/// How many mutants came to which end; one that is broken for two operations counts twice, as it has two rows.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) noticed: usize,
    pub(super) circles: usize,
    pub(super) survived: usize,
    pub(super) not_built: usize,
    pub(super) not_run: usize,
}

impl Tally {
    pub(super) fn of(rows: &[Row<'_>]) -> Self {
        let mut tally = Tally::default();
        for row in rows {
            *match row.fate {
                Fate::Noticed(_) => &mut tally.noticed,
                Fate::Circles => &mut tally.circles,
                Fate::Survived => &mut tally.survived,
                Fate::NotBuilt => &mut tally.not_built,
                Fate::NotRun => &mut tally.not_run,
            } += 1;
        }
        tally
    }

    /// # Errors
    /// If not every one was noticed. A mutant that was not built or not run shows nothing, so it does not pass.
    pub(super) fn judge(self) -> Result<(), Error> {
        let Tally {
            survived,
            not_built,
            not_run,
            ..
        } = self;
        if survived + not_built + not_run == 0 {
            return Ok(());
        }
        Err(Error::Survivors {
            survived,
            not_built,
            not_run,
        })
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} noticed, {} timed out, {} survived, {} not built, {} not run",
            self.noticed, self.circles, self.survived, self.not_built, self.not_run
        )
    }
}

impl Row<'_> {
    /// What is broken, without the function that stands beside it.
    fn what(&self) -> &str {
        let what = &self.mutant.what;
        what.split_once(" in ").map_or(what, |(what, _)| what)
    }

    fn noticed_by(&self) -> String {
        match &self.fate {
            Fate::Noticed(laws) if laws.is_empty() => "tests that name no law".to_owned(),
            Fate::Noticed(laws) => {
                let mut text = laws[..laws.len().min(MOST_LAWS)].join(", ");
                if laws.len() > MOST_LAWS {
                    let _ = write!(text, " and {} more", laws.len() - MOST_LAWS);
                }
                text
            }
            Fate::Circles => "TIMED OUT: the tests go round in circles".to_owned(),
            Fate::Survived => "SURVIVED".to_owned(),
            Fate::NotBuilt => "NOT BUILT".to_owned(),
            Fate::NotRun => "NOT RUN".to_owned(),
        }
    }
}

/// What was asked for, in its order, then whatever else cargo-mutants has broken. What nobody asked for and the compiler refuses says
/// nothing, and is left out.
pub(super) fn rows<'a>(picks: &'a [Pick], fates: &'a BTreeMap<Mutant, Fate>) -> Vec<Row<'a>> {
    let asked = picks.iter().map(|pick| Row {
        operation: &pick.operation,
        mutant: &pick.mutant,
        fate: fates.get(&pick.mutant).cloned().unwrap_or(Fate::NotRun),
    });
    let unasked = fates
        .iter()
        .filter(|(_, fate)| **fate != Fate::NotBuilt)
        .filter(|(mutant, _)| picks.iter().all(|pick| pick.mutant != **mutant))
        .map(|(mutant, fate)| Row {
            operation: UNASKED,
            mutant,
            fate: fate.clone(),
        });
    asked.chain(unasked).collect()
}

pub(super) fn plain(rows: &[Row<'_>]) -> String {
    let mut text = String::new();
    for row in rows {
        let mutant = row.mutant;
        let _ = writeln!(text, "{}", row.operation);
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
            row.operation,
            row.mutant.function,
            row.noticed_by()
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mutant(function: &str) -> Mutant {
        Mutant::new("a.rs:1:2", "BinaryOperator", "replace < with >", function)
    }

    /// What is asked for and what is not, and what becomes of each.
    #[track_caller]
    fn check(asked: &[&str], fates: &[(&str, Fate)], passes: bool, told: &str) {
        let picks: Vec<Pick> = asked
            .iter()
            .map(|name| Pick {
                operation: (*name).to_owned(),
                mutant: mutant(name),
            })
            .collect();
        let fates = fates
            .iter()
            .map(|(name, fate)| (mutant(name), fate.clone()))
            .collect();
        let rows = rows(&picks, &fates);
        let tally = Tally::of(&rows);
        assert_eq!(tally.judge().is_ok(), passes, "{tally}");
        assert!(plain(&rows).contains(told), "{}", plain(&rows));
        assert!(markdown(&rows).contains(told), "{}", markdown(&rows));
    }

    #[test]
    fn nobody_survives_unseen() {
        let noticed = || Fate::Noticed(vec!["laws::f".to_owned()]);
        check(&["f"], &[("f", noticed())], true, "laws::f");
        check(&["f"], &[("f", Fate::Circles)], true, "TIMED OUT");
        check(&["f"], &[("f", Fate::Survived)], false, "SURVIVED");
        check(&["f"], &[("f", Fate::NotBuilt)], false, "NOT BUILT");
        check(&["f"], &[("f", Fate::NotRun)], false, "NOT RUN");
        check(&["f"], &[], false, "NOT RUN");
        let with = |other| [("f", noticed()), ("g", other)];
        check(&["f"], &with(Fate::Survived), false, "SURVIVED");
        check(&["f"], &with(noticed()), true, "(unasked)");
        check(&["f"], &with(Fate::NotBuilt), true, "laws::f");
    }
}

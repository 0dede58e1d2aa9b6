//! Rows that may undo the transaction that they are written in: the others are committed first, then these are tried in transactions of their own.
//!
//! Each of them is written by itself, so a row that undoes the transaction is named. Those that came before it are written once more and committed, those
//! behind it have a transaction of their own. So each such row costs what is in its own transaction, and nobody else waits. Those that
//! undid theirs are tried once more when others have got through in the meantime, which they may have waited for. In the end they come a last time,
//! not to be written, but to be told of and to be put to the handler.

use std::collections::{BTreeMap, BTreeSet};

use crate::aside::Failed;
use crate::caution::Row;

/// Rows that are tried in one transaction.
const TOGETHER: usize = 1_000;

/// The suspects of a direction whose other rows are committed.
#[derive(Debug)]
pub(super) struct Trials {
    /// Those of the open transaction, or of the next one.
    now: BTreeMap<Row, Failed>,
    /// Of them, those that came and were written or refused.
    came: BTreeSet<Row>,
    later: BTreeMap<Row, Failed>,
    /// Rows that undid their transaction.
    culprits: BTreeMap<Row, Failed>,
    /// Another row got through since those were tried.
    progress: bool,
    /// A row got through.
    wrote: bool,
    telling: bool,
}

impl Trials {
    /// `None` where there is nobody to try.
    pub(super) fn of(suspects: impl Iterator<Item = (Row, Failed)>) -> Option<Self> {
        let mut trials = Trials {
            now: BTreeMap::new(),
            came: BTreeSet::new(),
            later: suspects.collect(),
            culprits: BTreeMap::new(),
            progress: false,
            wrote: false,
            telling: false,
        };
        trials.turn().then_some(trials)
    }

    /// Whether the rows that undid their transactions come for the last time.
    pub(super) fn is_telling(&self) -> bool {
        self.telling
    }

    /// The rows of the transaction.
    pub(super) fn now(&self) -> &BTreeMap<Row, Failed> {
        &self.now
    }

    /// A row was written, or refused without harm.
    pub(super) fn came(&mut self, row: Row) {
        self.came.insert(row);
    }

    /// The transaction is committed; whether rows are left for another one.
    pub(super) fn committed(&mut self, wrote: bool) -> bool {
        self.progress |= wrote;
        self.wrote |= wrote;
        self.turn()
    }

    /// Whether any row got through.
    pub(super) fn wrote(&self) -> bool {
        self.wrote
    }

    /// The transaction is undone, by one of these rows or, where nobody knows, by any of them.
    pub(super) fn undone(&mut self, by: &[Row], reason: &str) {
        let came = std::mem::take(&mut self.came);
        if self.telling {
            return;
        }
        // Whoever it was: each time there are fewer rows to try.
        let known = by.iter().any(|row| self.now.contains_key(row));
        let is_culprit = |row: &Row| match known {
            true => by.contains(row),
            false => came.is_empty() || came.contains(row),
        };
        for (row, mut failed) in std::mem::take(&mut self.now) {
            if is_culprit(&row) {
                reason.clone_into(&mut failed.reason);
                self.culprits.insert(row, failed);
            } else if came.contains(&row) {
                self.now.insert(row, failed);
            } else {
                self.later.insert(row, failed);
            }
        }
        if self.now.is_empty() {
            self.turn();
        }
    }

    /// All rows that are left.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&Row, &Failed)> {
        self.now.iter().chain(&self.later).chain(&self.culprits)
    }

    /// Chooses the rows of the next transaction; whether there are any.
    fn turn(&mut self) -> bool {
        self.came.clear();
        self.now.clear();
        if self.telling {
            return false;
        }
        if self.later.is_empty() {
            self.telling = !self.progress;
            self.progress = false;
            self.later = std::mem::take(&mut self.culprits);
        }
        let rest = match self.telling {
            true => None,
            false => self.later.keys().nth(TOGETHER).cloned(),
        };
        let rest = rest.map(|row| self.later.split_off(&row));
        self.now = std::mem::replace(&mut self.later, rest.unwrap_or_default());
        !self.now.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row_key::number;

    fn row(key: i64) -> Row {
        (0, number(key))
    }

    /// Tries rows of which some undo the transaction each time and others until a row has got through. Gives the rows that got through, those that are told
    /// of in the end, and how often a row was written.
    fn check(
        rows: i64,
        bad: impl Fn(i64) -> bool,
        waits_for: impl Fn(i64) -> Option<i64>,
    ) -> (Vec<i64>, Vec<i64>, usize) {
        let failed = || Failed {
            reason: "to be tried".into(),
            enumerated: None,
        };
        let Some(mut trials) = Trials::of((0..rows).map(|key| (row(key), failed()))) else {
            return (Vec::new(), Vec::new(), 0);
        };
        let numbers: BTreeMap<Row, i64> = (0..rows).map(|key| (row(key), key)).collect();
        let (mut through, mut told, mut cost) = (BTreeSet::new(), Vec::new(), 0);
        loop {
            let now: Vec<i64> = trials.now().keys().map(|row| numbers[row]).collect();
            assert!(!now.is_empty());
            if trials.is_telling() {
                now.iter().for_each(|key| trials.came(row(*key)));
                told = now;
                told.sort_unstable();
                assert!(!trials.committed(false));
                return (through.into_iter().collect(), told, cost);
            }
            let mut written = Vec::new();
            let culprit = now.into_iter().find(|key| {
                cost += 1;
                trials.came(row(*key));
                let is_bad = bad(*key)
                    || waits_for(*key).is_some_and(|other| {
                        !through.contains(&other) && !written.contains(&other)
                    });
                written.push(*key);
                is_bad
            });
            match culprit {
                Some(key) => {
                    trials.undone(&[row(key)], "no");
                }
                None => {
                    through.extend(&written);
                    if !trials.committed(!written.is_empty()) {
                        return (through.into_iter().collect(), told, cost);
                    }
                }
            }
        }
    }

    #[test]
    fn those_that_can_get_through_do_at_a_cost_that_follows_their_number() {
        for rows in [0, 1, 2, 7, 1_000, 1_500] {
            for every in [1, 2, 3, 10, 5_000] {
                let bad = |key: i64| key % every == every / 2;
                let (through, told, cost) = check(rows, bad, |_| None);
                let (good, culprits): (Vec<i64>, Vec<i64>) = (0..rows).partition(|key| !bad(*key));
                assert_eq!((&through, &told), (&good, &culprits), "{every} of {rows}");
                assert!(
                    cost <= 2 * good.len() + 2 * culprits.len(),
                    "{every} of {rows}: {cost}"
                );
            }
        }
    }

    #[test]
    fn those_that_wait_for_each_other_get_through() {
        let (through, told, _) = check(
            40,
            |key| key == 20,
            |key| Some(key + 1).filter(|parent| *parent < 40),
        );
        assert_eq!(through, (21..40).collect::<Vec<_>>());
        assert_eq!(told, (0..=20).collect::<Vec<_>>());
        let (through, told, _) = check(
            40,
            |_| false,
            |key| Some(key + 1).filter(|parent| *parent < 40),
        );
        assert_eq!((through.len(), told.len()), (40, 0));
    }

    #[test]
    fn an_unknown_culprit_ends_the_trial_of_all_that_came() {
        let failed = Failed {
            reason: String::new(),
            enumerated: None,
        };
        let mut trials =
            Trials::of((0..4).map(|key| (row(key), failed.clone()))).expect("rows to try");
        trials.came(row(0));
        trials.came(row(1));
        trials.undone(&[], "no");
        let told = trials.rows().filter(|(_, failed)| failed.reason == "no");
        assert_eq!(told.count(), 2);
        assert_eq!(
            trials.now().keys().cloned().collect::<Vec<_>>(),
            [row(2), row(3)]
        );
        trials.undone(&[row(9)], "no");
        assert!(trials.is_telling() && trials.now().len() == 4);
        trials.undone(&[row(1)], "the handler wanted it");
        assert_eq!(trials.now().len(), 4);
        assert!(!trials.committed(false));
    }
}

//! Rows of a direction that are not applied: those to try again at its end, and those that wait for a later one.

use std::collections::{BTreeMap, BTreeSet};

use sync_knowledge::Version;

use crate::row_key::RowKey;

/// Rows of one table that are remembered by key; beyond that the whole table stays unlearned instead.
const MOST_REMEMBERED: usize = 10_000;

/// The rows left aside, table by table.
#[derive(Debug, Default)]
pub(crate) struct Aside {
    tables: BTreeMap<usize, OfTable>,
    /// Failed rows that were asked for by key and have not come yet.
    expected: BTreeMap<(usize, RowKey), Failed>,
    /// Rows that nobody can name, for their keys cannot be read: how many of a table, and why.
    nameless: BTreeMap<usize, (u64, String)>,
}

/// A row that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failed {
    /// Why.
    pub(crate) reason: String,
    /// The version that it was enumerated with; `None` where it was asked for by key alone.
    pub(crate) enumerated: Option<Version>,
}

#[derive(Debug)]
enum OfTable {
    /// By key: rows that failed and why, and rows whose conflict is deferred.
    Remembered {
        failed: BTreeMap<RowKey, Failed>,
        deferred: BTreeSet<RowKey>,
    },
    /// Too many: the table stays unlearned, and only the failures are counted.
    Unlearned { failed: u64 },
}

impl Default for OfTable {
    fn default() -> Self {
        OfTable::Remembered {
            failed: BTreeMap::new(),
            deferred: BTreeSet::new(),
        }
    }
}

impl Aside {
    /// Sets a row aside that failed. `key` is made only where the row is remembered.
    pub(crate) fn fail(&mut self, table: usize, key: impl FnOnce() -> RowKey, row: Failed) {
        let of_table = self.tables.entry(table).or_default();
        match of_table {
            OfTable::Remembered { failed, .. } => {
                failed.insert(key(), row);
            }
            OfTable::Unlearned { failed } => *failed += 1,
        }
        of_table.limit();
    }

    /// Sets a row aside whose conflict is deferred, and says whether that is news.
    pub(crate) fn defer(&mut self, table: usize, key: impl FnOnce() -> RowKey) -> bool {
        let of_table = self.tables.entry(table).or_default();
        let new = match of_table {
            OfTable::Remembered { deferred, .. } => deferred.insert(key()),
            OfTable::Unlearned { .. } => true,
        };
        of_table.limit();
        new
    }

    /// Takes note of rows whose keys cannot be read: the table stays unlearned.
    pub(crate) fn fail_nameless(&mut self, table: usize, rows: u32, reason: &str) {
        let first = || (0, reason.to_owned());
        let (count, _) = self.nameless.entry(table).or_insert_with(first);
        *count += u64::from(rows);
    }

    /// The tables with such rows, and why, as it was first heard.
    pub(crate) fn nameless(&self) -> impl Iterator<Item = (usize, &str)> {
        let tables = self.nameless.iter();
        tables.map(|(table, (_, reason))| (*table, reason.as_str()))
    }

    /// Takes the failed rows that are remembered out, for they are asked for by key now, and gives their tables and keys.
    pub(crate) fn expect_failed(&mut self) -> impl Iterator<Item = (usize, &RowKey)> {
        for (table, of_table) in &mut self.tables {
            if let OfTable::Remembered { failed, .. } = of_table {
                let rows = std::mem::take(failed).into_iter();
                self.expected
                    .extend(rows.map(|(key, row)| ((*table, key), row)));
            }
        }
        self.expected.keys().map(|(table, key)| (*table, key))
    }

    /// A row has come that may have been asked for; says what it was enumerated with, if it failed then.
    pub(crate) fn came(&mut self, table: usize, key: RowKey) -> Option<Version> {
        self.expected.remove(&(table, key))?.enumerated
    }

    /// All that was asked for has come: a failed row that did not come has not got through.
    pub(crate) fn all_came(&mut self) {
        for ((table, key), row) in std::mem::take(&mut self.expected) {
            self.fail(table, || key, row);
        }
    }

    /// The failed rows that are remembered: table, key and reason.
    pub(crate) fn failed(&self) -> impl Iterator<Item = (usize, &RowKey, &str)> {
        self.tables.iter().flat_map(|(table, of_table)| {
            let failed = match of_table {
                OfTable::Remembered { failed, .. } => Some(failed),
                OfTable::Unlearned { .. } => None,
            };
            let rows = failed.into_iter().flatten();
            rows.map(|(key, row)| (*table, key, row.reason.as_str()))
        })
    }

    /// The deferred rows that are remembered: table and key.
    pub(crate) fn deferred(&self) -> impl Iterator<Item = (usize, &RowKey)> {
        self.tables.iter().flat_map(|(table, of_table)| {
            let deferred = match of_table {
                OfTable::Remembered { deferred, .. } => Some(deferred),
                OfTable::Unlearned { .. } => None,
            };
            deferred.into_iter().flatten().map(|key| (*table, key))
        })
    }

    /// How many rows failed, remembered or not.
    pub(crate) fn failures(&self) -> u64 {
        let named: u64 = self.tables.values().map(OfTable::failures).sum();
        let nameless = self.nameless.values().map(|(rows, _)| rows);
        named + nameless.sum::<u64>()
    }

    /// The tables that stay unlearned as a whole.
    pub(crate) fn unlearned(&self) -> impl Iterator<Item = usize> {
        self.tables
            .iter()
            .filter(|(_, of_table)| matches!(of_table, OfTable::Unlearned { .. }))
            .map(|(table, _)| *table)
            .chain(self.nameless.keys().copied())
    }
}

impl OfTable {
    fn failures(&self) -> u64 {
        match self {
            OfTable::Remembered { failed, .. } => failed.len() as u64,
            OfTable::Unlearned { failed } => *failed,
        }
    }

    fn limit(&mut self) {
        if let OfTable::Remembered { failed, deferred } = self
            && failed.len() + deferred.len() > MOST_REMEMBERED
        {
            self.unlearn();
        }
    }

    fn unlearn(&mut self) {
        *self = OfTable::Unlearned {
            failed: self.failures(),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row_key::number;

    const KEYS: u32 = MOST_REMEMBERED as u32;

    fn key(number: u32) -> impl FnOnce() -> RowKey {
        move || self::number(number.into())
    }

    fn no() -> Failed {
        Failed {
            reason: "no".into(),
            enumerated: None,
        }
    }

    #[test]
    fn failed_and_deferred_rows_share_a_limit_per_table() {
        let mut aside = Aside::default();
        for number in 0..KEYS / 2 {
            aside.fail(0, key(number), no());
            assert!(aside.defer(0, key(KEYS + number)));
            assert!(!aside.defer(0, key(KEYS + number)), "it is known already");
        }
        aside.fail(1, key(1), no());
        assert_eq!(aside.unlearned().count(), 0);
        assert!(aside.defer(0, key(u32::MAX)));
        assert_eq!(aside.unlearned().collect::<Vec<_>>(), [0]);
        assert_eq!((aside.failed().count(), aside.deferred().count()), (1, 0));
        aside.fail(0, key(0), no());
        assert_eq!(aside.failures(), u64::from(KEYS) / 2 + 2);
    }

    #[test]
    fn rows_that_come_again_make_room() {
        let mut aside = Aside::default();
        for _ in 0..2 {
            (0..KEYS).for_each(|number| aside.fail(0, key(number), no()));
            assert_eq!(aside.failures(), u64::from(KEYS));
            assert_eq!(aside.expect_failed().count(), MOST_REMEMBERED);
            assert_eq!(aside.failures(), 0);
            (0..KEYS).for_each(|number| assert_eq!(aside.came(0, key(number)()), None));
            aside.all_came();
            assert_eq!(aside.failures(), 0);
        }
        assert_eq!(aside.unlearned().count(), 0);
    }

    #[test]
    fn rows_without_a_name_leave_the_table_unlearned_and_the_others_remembered() {
        let mut aside = Aside::default();
        aside.fail(0, key(1), no());
        aside.fail_nameless(0, 2, "unreadable");
        aside.fail_nameless(0, 1, "unreadable as well");
        assert_eq!(aside.failures(), 4);
        assert_eq!(aside.unlearned().collect::<Vec<_>>(), [0]);
        assert_eq!(aside.nameless().collect::<Vec<_>>(), [(0, "unreadable")]);
        assert_eq!(aside.expect_failed().count(), 1);
    }

    #[test]
    fn rows_that_do_not_come_again_still_fail() {
        let mut aside = Aside::default();
        let version = Version::new(sync_knowledge::ReplicaKey::LOCAL, 7);
        let row = |reason: &str| Failed {
            reason: reason.into(),
            enumerated: Some(version),
        };
        (0..3).for_each(|number| aside.fail(0, key(number), row("at first")));
        assert_eq!(aside.expect_failed().count(), 3);
        assert_eq!(aside.came(0, key(0)()), Some(version));
        assert_eq!(aside.came(0, key(1)()), Some(version));
        assert_eq!(aside.came(0, key(9)()), None, "it was not asked for");
        aside.fail(0, key(1), row("again"));
        aside.all_came();
        let left: Vec<_> = aside.failed().map(|(_, _, reason)| reason).collect();
        assert_eq!(left, ["again", "at first"]);
    }
}

//! Rows of a direction that are not applied: those to try again at its end, and those that wait for a later one.

use std::collections::{BTreeMap, BTreeSet};

use sync_knowledge::Version;

use crate::row_key::RowKey;

/// Rows of one table that are set aside by key; beyond that the whole table stays unlearned, and the others are only counted.
const MOST_SET_ASIDE: usize = 10_000;

/// The rows left aside, table by table.
#[derive(Debug, Default)]
pub(crate) struct Aside {
    tables: BTreeMap<usize, OfTable>,
    /// Failed rows that were asked for by key and have not come yet.
    expected: BTreeMap<(usize, RowKey), Failed>,
    /// Rows that nobody can name, for their keys cannot be read: how many of a table, and why.
    undecodable: BTreeMap<usize, (u64, String)>,
}

/// A row that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failed {
    /// Why.
    pub(crate) reason: String,
    /// The version that it was enumerated with; `None` where it was asked for by key alone.
    pub(crate) enumerated: Option<Version>,
}

/// What is set aside of a table.
#[derive(Debug, Default)]
struct OfTable {
    /// Rows that failed and why.
    failed: BTreeMap<RowKey, Failed>,
    /// Rows whose conflict is deferred.
    deferred: BTreeSet<RowKey>,
    /// How many failed beyond those.
    more: u64,
    /// There were too many: the table stays unlearned.
    unlearned: bool,
}

impl Aside {
    /// Sets a row aside that failed. `key` is made only where there is room for it.
    pub(crate) fn fail(&mut self, table: usize, key: impl FnOnce() -> RowKey, row: Failed) {
        let of_table = self.tables.entry(table).or_default();
        match of_table.has_room() {
            true => drop(of_table.failed.insert(key(), row)),
            false => {
                of_table.more += 1;
                of_table.unlearned = true;
            }
        }
    }

    /// Sets a row aside once more that was asked for by key.
    pub(crate) fn put_back(&mut self, table: usize, key: RowKey, row: Failed) {
        self.tables
            .entry(table)
            .or_default()
            .failed
            .insert(key, row);
    }

    /// Sets a row aside whose conflict is deferred, and says whether that is news.
    pub(crate) fn defer(&mut self, table: usize, key: impl FnOnce() -> RowKey) -> bool {
        let of_table = self.tables.entry(table).or_default();
        let key = key();
        if of_table.deferred.contains(&key) {
            return false;
        }
        match of_table.has_room() {
            true => drop(of_table.deferred.insert(key)),
            false => of_table.unlearned = true,
        }
        true
    }

    /// Takes note of rows whose keys cannot be read: the table stays unlearned.
    pub(crate) fn fail_undecodable(&mut self, table: usize, rows: u32, reason: &str) {
        let first = || (0, reason.to_owned());
        let (count, _) = self.undecodable.entry(table).or_insert_with(first);
        *count += u64::from(rows);
    }

    /// The tables with such rows, and why, as it was first heard.
    pub(crate) fn undecodable(&self) -> impl Iterator<Item = (usize, &str)> {
        let tables = self.undecodable.iter();
        tables.map(|(table, (_, reason))| (*table, reason.as_str()))
    }

    /// Takes failed rows out whose keys are known, for they are asked for by key now, and gives all that are asked for.
    pub(crate) fn expect_failed(
        &mut self,
        wanted: impl Fn(&(usize, RowKey)) -> bool,
    ) -> impl Iterator<Item = (usize, &RowKey)> {
        for (table, of_table) in &mut self.tables {
            for (key, row) in std::mem::take(&mut of_table.failed) {
                let key = (*table, key);
                match wanted(&key) {
                    true => drop(self.expected.insert(key, row)),
                    false => drop(of_table.failed.insert(key.1, row)),
                }
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
            self.put_back(table, key, row);
        }
    }

    /// The failed rows whose keys are known: table, key and what is known of them.
    pub(crate) fn failed(&self) -> impl Iterator<Item = (usize, &RowKey, &Failed)> {
        self.tables.iter().flat_map(|(table, of_table)| {
            let failed = of_table.failed.iter();
            failed.map(|(key, row)| (*table, key, row))
        })
    }

    /// The deferred rows whose keys are known: table and key.
    pub(crate) fn deferred(&self) -> impl Iterator<Item = (usize, &RowKey)> {
        self.tables
            .iter()
            .flat_map(|(table, of_table)| of_table.deferred.iter().map(|key| (*table, key)))
    }

    /// How many rows failed, remembered or not.
    pub(crate) fn failures(&self) -> u64 {
        let named = self.tables.values();
        let named = named.map(|of_table| of_table.failed.len() as u64 + of_table.more);
        let undecodable = self.undecodable.values().map(|(rows, _)| rows);
        named.sum::<u64>() + undecodable.sum::<u64>()
    }

    /// Whether more rows of a table were set aside than are remembered.
    pub(crate) fn is_beyond(&self, table: usize) -> bool {
        let of_table = self.tables.get(&table);
        of_table.is_some_and(|of_table| of_table.unlearned)
    }

    /// The tables of which more rows were set aside than are remembered.
    pub(crate) fn beyond(&self) -> impl Iterator<Item = usize> {
        let tables = self.tables.iter();
        let beyond = tables.filter(|(_, of_table)| of_table.unlearned);
        beyond.map(|(table, _)| *table)
    }

    /// The tables that stay unlearned as a whole.
    pub(crate) fn unlearned(&self) -> impl Iterator<Item = usize> {
        self.beyond().chain(self.undecodable.keys().copied())
    }
}

impl OfTable {
    fn has_room(&self) -> bool {
        self.failed.len() + self.deferred.len() < MOST_SET_ASIDE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row_key::number;

    const KEYS: u32 = MOST_SET_ASIDE as u32;

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
        assert!(!aside.defer(0, key(KEYS)), "it is known still");
        assert_eq!(aside.unlearned().collect::<Vec<_>>(), [0]);
        let half = MOST_SET_ASIDE / 2;
        assert_eq!(
            (aside.failed().count(), aside.deferred().count()),
            (half + 1, half)
        );
        aside.fail(0, key(0), no());
        assert_eq!(aside.failures(), u64::from(KEYS) / 2 + 2);
        assert!(aside.is_beyond(0) && !aside.is_beyond(1));
    }

    #[test]
    fn rows_that_come_again_make_room() {
        let mut aside = Aside::default();
        for _ in 0..2 {
            (0..KEYS).for_each(|number| aside.fail(0, key(number), no()));
            assert_eq!(aside.failures(), u64::from(KEYS));
            assert_eq!(aside.expect_failed(|_| true).count(), MOST_SET_ASIDE);
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
        aside.fail_undecodable(0, 2, "unreadable");
        aside.fail_undecodable(0, 1, "unreadable as well");
        assert_eq!(aside.failures(), 4);
        assert_eq!(aside.unlearned().collect::<Vec<_>>(), [0]);
        assert_eq!(aside.undecodable().collect::<Vec<_>>(), [(0, "unreadable")]);
        assert_eq!(aside.expect_failed(|_| true).count(), 1);
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
        assert_eq!(aside.expect_failed(|_| true).count(), 3);
        assert_eq!(
            aside.expect_failed(|_| false).count(),
            3,
            "they are expected still"
        );
        assert_eq!(aside.came(0, key(0)()), Some(version));
        assert_eq!(aside.came(0, key(1)()), Some(version));
        assert_eq!(aside.came(0, key(9)()), None, "it was not asked for");
        aside.fail(0, key(1), row("again"));
        aside.all_came();
        let left: Vec<_> = aside
            .failed()
            .map(|(_, _, row)| row.reason.as_str())
            .collect();
        assert_eq!(left, ["again", "at first"]);
    }
}

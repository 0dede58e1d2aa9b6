//! What a direction does more carefully because an attempt before it was undone, at its commit or by a row that the database does not let
//! anybody go on after.

use std::collections::{BTreeMap, BTreeSet};

use sync_provider::TableShape;

use crate::row_key::RowKey;
use crate::store::Breach;

/// Kept from one attempt of a direction to the next.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caution {
    /// Rows that have to wait until the end: (table, key) and why.
    withheld: BTreeMap<(usize, RowKey), String>,
    /// What the user's triggers do is checked row by row.
    guarded: bool,
    /// Rows that were written together when the transaction was undone, by one of them.
    suspects: BTreeSet<(usize, RowKey)>,
    /// Rows that undid the transaction: they are not tried again in this direction, unless the handler wants them written all the same.
    banned: BTreeMap<(usize, RowKey), Ban>,
    /// How often rows of a table undid the transaction.
    undone: BTreeMap<usize, u32>,
    /// Tables whose rows did too often: none of them is written in this direction.
    closed: BTreeMap<usize, Ban>,
}

/// Why a row is not to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ban {
    /// The reason.
    pub(crate) reason: String,
    /// Nobody is asked about it any more.
    pub(crate) is_final: bool,
}

/// How often a table's rows may undo a direction before all of them wait for a later one. Each time costs what was written up to then.
const MOST_UNDONE: u32 = 1_000;

impl Caution {
    /// Whether no row is held back, so that a caller need not give its key.
    pub(crate) fn withholds_none(&self) -> bool {
        self.withheld.is_empty()
    }

    /// Whether no row may undo the transaction as far as is known, so that a caller need not give its key.
    pub(crate) fn bans_none(&self) -> bool {
        self.banned.is_empty() && self.closed.is_empty()
    }

    /// Why a row is not to be written at all, if it is not.
    pub(crate) fn bans(&self, table: usize, key: RowKey) -> Option<&Ban> {
        let closed = self.closed.get(&table);
        closed.or_else(|| self.banned.get(&(table, key)))
    }

    /// Whether no row has to be written by itself, so that a caller need not give its key.
    pub(crate) fn suspects_none(&self) -> bool {
        self.suspects.is_empty()
    }

    /// Whether a row has to be written by itself.
    pub(crate) fn suspects(&self, table: usize, key: RowKey) -> bool {
        self.suspects.contains(&(table, key))
    }

    /// What to do more carefully next time, now that a row undid the transaction: this one, or one of those that were written together.
    ///
    /// Each answer writes fewer rows of the table than the one before, or the same ones apart; so there is an end.
    pub(crate) fn after_undone(
        mut self,
        table: usize,
        culprit: Option<RowKey>,
        together: impl Iterator<Item = RowKey>,
        reason: &str,
    ) -> Caution {
        let times = self.undone.entry(table).or_default();
        *times += 1;
        let reason = format!("writing it undoes the whole transaction: {reason}");
        if *times > MOST_UNDONE {
            let reason = format!("one of the table's rows: {reason}");
            let is_final = true;
            self.closed.insert(table, Ban { reason, is_final });
            return self;
        }
        match culprit {
            Some(key) => self.ban((table, key), &reason),
            None => {
                let (again, first): (Vec<_>, Vec<_>) = together
                    .map(|key| (table, key))
                    .partition(|row| self.suspects.contains(row));
                // Written apart, and still nobody can tell which.
                if first.is_empty() {
                    again.into_iter().for_each(|row| self.ban(row, &reason));
                }
                self.suspects.extend(first);
            }
        }
        self
    }

    fn ban(&mut self, row: (usize, RowKey), reason: &str) {
        let is_final = self.banned.contains_key(&row);
        let reason = reason.to_owned();
        self.banned.insert(row, Ban { reason, is_final });
    }

    /// Why a row has to wait until the end, if it has to.
    pub(crate) fn withholds(&self, table: usize, key: RowKey) -> Option<&str> {
        self.withheld.get(&(table, key)).map(String::as_str)
    }

    /// Whether what the user's triggers do is checked.
    pub(crate) fn guarded(&self) -> bool {
        self.guarded
    }

    /// What to do more carefully next time, now that a commit failed; `None` where nothing more can be done.
    ///
    /// Rows of the session that break a constraint themselves are held back. Where there are none but those known already, triggers of the
    /// user's own may have done it.
    pub(crate) fn after(mut self, breach: Breach, shapes: &[TableShape]) -> Option<Caution> {
        let before = self.withheld.len();
        let offenders = breach.offenders.into_iter();
        self.withheld.extend(
            offenders.map(|(table, key, reason)| {
                ((table, RowKey::of_packed(&shapes[table], key)), reason)
            }),
        );
        if self.withheld.len() > before {
            return Some(self);
        }
        if breach.triggers && !self.guarded {
            self.guarded = true;
            return Some(self);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row_key::{number, tests::shape};

    fn breach(keys: &[i64], triggers: bool) -> Breach {
        Breach {
            offenders: keys
                .iter()
                .map(|key| (0, number(*key).spelled().to_vec(), "no".into()))
                .collect(),
            triggers,
            findings: String::new(),
        }
    }

    #[test]
    fn each_attempt_is_more_careful_than_the_last_or_there_is_none() {
        for triggers in [false, true] {
            let first = Caution::default().after(breach(&[1], triggers), &[shape()]);
            let first = first.expect("a row to hold back");
            assert_eq!(first.withholds(0, number(1)), Some("no"));
            assert_eq!(
                (first.withholds(0, number(2)), first.guarded()),
                (None, false)
            );
            let second = first.after(breach(&[1, 2], triggers), &[shape()]);
            let second = second.expect("another row to hold back");
            let third = second.clone().after(breach(&[1, 2], triggers), &[shape()]);
            assert_eq!(third.is_some(), triggers);
            let Some(third) = third else { continue };
            assert!(third.guarded() && third.withholds(0, number(2)).is_some());
            let fourth = third.clone().after(breach(&[3], true), &[shape()]);
            assert!(fourth.is_some(), "another row still helps");
            assert!(third.after(breach(&[], true), &[shape()]).is_none());
        }
        assert!(
            Caution::default()
                .after(breach(&[], false), &[shape()])
                .is_none()
        );
    }

    #[test]
    fn a_row_that_undoes_the_transaction_is_found_and_left_out() {
        let caution = Caution::default().after_undone(0, None, (1..4).map(number), "no");
        assert!(caution.suspects(0, number(2)) && !caution.suspects(0, number(4)));
        assert!(!caution.suspects(1, number(2)) && caution.bans_none());
        let caution = caution.after_undone(0, Some(number(2)), (1..4).map(number), "no");
        let why = caution.bans(0, number(2)).expect("it is banned");
        assert_eq!(why.reason, "writing it undoes the whole transaction: no");
        assert!(!why.is_final);
        assert_eq!(caution.bans(0, number(1)), None);
        let caution = caution.after_undone(0, None, [1, 3].map(number).into_iter(), "no");
        let banned = |caution: &Caution| {
            (1..6)
                .filter(|key| caution.bans(0, number(*key)).is_some())
                .count()
        };
        assert_eq!(banned(&caution), 3, "nobody can tell which");
        let caution = caution.after_undone(0, Some(number(2)), [].into_iter(), "no");
        let why = caution.bans(0, number(2)).expect("it is banned");
        assert!(why.is_final, "somebody wanted it written all the same");
        let mut caution = caution;
        for key in 10..=i64::from(MOST_UNDONE) + 5 {
            assert_eq!(banned(&caution), 3);
            caution = caution.after_undone(0, Some(number(key)), [].into_iter(), "no");
        }
        caution = caution.after_undone(0, Some(number(9_999)), [].into_iter(), "no");
        assert_eq!(banned(&caution), 5, "the table is closed");
        assert_eq!(caution.bans(1, number(1)), None);
    }
}

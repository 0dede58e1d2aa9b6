//! What a direction does more carefully because an attempt before it was undone, at its commit or by a row that the database does not let
//! anybody go on after.

use std::collections::{BTreeMap, BTreeSet};

use sync_decision::TableShape;

use crate::row_key::RowKey;
use crate::store::Breach;

/// A row: its table and its key.
pub(crate) type Row = (usize, RowKey);

/// Kept from one attempt of a direction to the next.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caution {
    /// Rows that have to wait until the end, and why.
    withheld: BTreeMap<Row, String>,
    /// What the user's triggers do is checked row by row.
    guarded: bool,
    /// How often the transaction was undone by rows that were not suspects yet.
    undone: u32,
    /// Rows one of which undid the transaction.
    suspects: BTreeSet<Row>,
    /// Tables whose rows are all suspects.
    closed: BTreeSet<usize>,
    /// Rows that undid a transaction in which they were written by themselves.
    banned: BTreeMap<Row, Ban>,
    /// Tables of which no other row is tried.
    given_up: BTreeMap<usize, Ban>,
}

/// Why a row is not to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ban {
    /// The reason.
    pub(crate) reason: String,
    /// Nobody is asked about it any more.
    pub(crate) is_final: bool,
    /// It was told of, and is not tried any more.
    pub(crate) told: bool,
}

/// How often a direction starts again for suspects, before every row is one of a table that goes on like this. Each time costs what was written up
/// to then.
const MOST_UNDONE: u32 = 8;

impl Caution {
    /// Whether no row is held back.
    pub(crate) fn withholds_none(&self) -> bool {
        self.withheld.is_empty()
    }

    /// Whether no row may undo the transaction as far as is known.
    pub(crate) fn suspects_none(&self) -> bool {
        self.suspects.is_empty() && self.closed.is_empty()
    }

    /// Whether some rows are not written like all others, so that a caller has to give their keys.
    pub(crate) fn is_needed(&self) -> bool {
        !(self.withholds_none() && self.suspects_none())
    }

    /// Whether a row may undo the transaction.
    pub(crate) fn suspects(&self, row: &Row) -> bool {
        self.closed.contains(&row.0) || self.suspects.contains(row)
    }

    /// Why a row that undid a transaction by itself is not to be written, if it did.
    pub(crate) fn bans(&self, row: &Row) -> Option<&Ban> {
        let given_up = self.given_up.get(&row.0);
        self.banned.get(row).or(given_up)
    }

    /// How many rows did.
    pub(crate) fn banned(&self) -> usize {
        self.banned.len()
    }

    /// Takes note of rows of a table, one of which undid the transaction.
    ///
    /// Each time there are more suspects, and those are not written together with others; so there is an end.
    pub(crate) fn suspect(&mut self, table: usize, rows: Vec<RowKey>) {
        self.undone += 1;
        if self.undone > MOST_UNDONE {
            self.closed.insert(table);
        }
        self.suspects
            .extend(rows.into_iter().map(|key| (table, key)));
    }

    /// Takes note of a row that undid the transaction by itself. `is_final` where the handler wanted it written in spite of that.
    pub(crate) fn ban(&mut self, row: Row, reason: &str, is_final: bool) {
        let reason = undoing(reason);
        self.suspects.insert(row.clone());
        let told = false;
        self.banned.insert(
            row,
            Ban {
                reason,
                is_final,
                told,
            },
        );
    }

    /// Takes note of a row that was told of, if it undid the transaction by itself.
    pub(crate) fn tell(&mut self, row: &Row) {
        if let Some(ban) = self.banned.get_mut(row) {
            ban.told = true;
        }
    }

    /// Bans all suspects of a table, for the reason that the last of its rows gave.
    pub(crate) fn give_up(&mut self, table: usize, reason: &str) {
        let reason = format!("one of the table's rows: {}", undoing(reason));
        let ban = Ban {
            reason,
            is_final: true,
            told: false,
        };
        self.closed.insert(table);
        self.given_up.insert(table, ban);
    }

    /// Why a row has to wait until the end, if it has to.
    pub(crate) fn withholds(&self, row: &Row) -> Option<&str> {
        self.withheld.get(row).map(String::as_str)
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

/// What is said of a row whose writing undid the transaction, in the database's words.
pub(crate) fn undoing(reason: &str) -> String {
    format!("writing it undoes the whole transaction: {reason}")
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
            assert_eq!(first.withholds(&(0, number(1))), Some("no"));
            assert_eq!(
                (first.withholds(&(0, number(2))), first.guarded()),
                (None, false)
            );
            let second = first.after(breach(&[1, 2], triggers), &[shape()]);
            let second = second.expect("another row to hold back");
            let third = second.clone().after(breach(&[1, 2], triggers), &[shape()]);
            assert_eq!(third.is_some(), triggers);
            let Some(third) = third else { continue };
            assert!(third.guarded() && third.withholds(&(0, number(2))).is_some());
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
    fn a_table_that_undoes_too_often_is_suspected_as_a_whole() {
        let mut caution = Caution::default();
        assert!(caution.suspects_none());
        caution.suspect(1, vec![number(1)]);
        caution.suspect(0, vec![number(1), number(2)]);
        assert!(caution.suspects(&(0, number(2))) && !caution.suspects(&(0, number(3))));
        assert!(!caution.suspects(&(1, number(2))));
        for time in 3..=MOST_UNDONE + 1 {
            assert!(!caution.suspects(&(0, number(99))), "{time}");
            caution.suspect(0, vec![number(i64::from(time))]);
        }
        assert!(caution.suspects(&(0, number(99))));
        assert!(!caution.suspects(&(1, number(99))), "the others are not");
    }

    #[test]
    fn a_row_that_undoes_the_transaction_by_itself_says_why_and_whether_anybody_is_asked() {
        let mut caution = Caution::default();
        let row = (0, number(7));
        assert_eq!(caution.bans(&row), None);
        for is_final in [false, true] {
            caution.ban(row.clone(), "no", is_final);
            let reason = "writing it undoes the whole transaction: no".to_owned();
            let told = false;
            let ban = Ban {
                reason,
                is_final,
                told,
            };
            assert_eq!(caution.bans(&row), Some(&ban));
        }
        caution.tell(&row);
        caution.tell(&(0, number(8)));
        assert!(caution.bans(&row).is_some_and(|ban| ban.told));
        assert!(caution.suspects(&row) && caution.banned() == 1);
        caution.give_up(0, "no");
        let why = |key| {
            caution
                .bans(&(0, number(key)))
                .map(|ban| ban.reason.as_str())
        };
        assert_eq!(why(7), Some("writing it undoes the whole transaction: no"));
        assert_eq!(
            why(8),
            Some("one of the table's rows: writing it undoes the whole transaction: no")
        );
        assert_eq!(caution.bans(&(1, number(8))), None);
    }
}

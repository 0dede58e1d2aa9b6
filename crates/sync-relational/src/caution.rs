//! What a direction does more carefully because an attempt before it failed at its commit.

use std::collections::BTreeMap;

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
}

impl Caution {
    /// Whether no row is held back, so that a caller need not give its key.
    pub(crate) fn withholds_none(&self) -> bool {
        self.withheld.is_empty()
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
}

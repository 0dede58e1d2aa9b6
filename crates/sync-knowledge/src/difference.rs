//! Exactly which versions one knowledge contains and another does not.

use alloc::vec::Vec;

use crate::{ChangeUnitId, ItemId, Knowledge, ReplicaKey, Tick};

/// Versions of one replica that one knowledge contains and another does not, for the items of a
/// range and some change units.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Gap {
    /// The change units, ascending; empty for those that neither knowledge names. The other one is
    /// taken in the formats of this one, where it may name fewer.
    pub change_units: Vec<ChangeUnitId>,
    /// The first item.
    pub lower_bound: ItemId,
    /// The first id behind the last item, `None` if there is none.
    pub upper_bound: Option<ItemId>,
    /// The replica whose changes they are.
    pub replica: ReplicaKey,
    /// The last tick that both contain.
    pub after: Tick,
    /// The last tick that the one contains.
    pub up_to: Tick,
}

impl Knowledge {
    /// The versions that are contained here and not in `other`: together with what both contain
    /// they are all that is contained here.
    ///
    /// Ordered by set of change units (those that neither side names first), then range, then
    /// replica; keys are those of this key map.
    pub fn difference(&self, other: &Knowledge) -> Vec<Gap> {
        let (theirs, mapping) = (self.fitted(other), self.mapping_to(other));
        let mut gaps: Vec<Gap> = Vec::new();
        for (units, a, b) in self.fragments.pairs(&theirs) {
            let begin = gaps.len();
            let mut open = begin;
            a.walk(b, |lower, x, y| {
                let lower = lower.unwrap_or(&self.lowest);
                close(&mut gaps[open..], lower);
                open = gaps.len();
                let theirs = theirs.table.vector(y);
                let rekeyed = mapping.as_ref().map(|mapping| theirs.rekeyed(mapping));
                let theirs = rekeyed.as_ref().unwrap_or(theirs);
                for (replica, up_to) in self.fragments.table.vector(x).iter() {
                    let after = theirs.tick(replica);
                    if after < up_to {
                        gaps.push(Gap {
                            change_units: units.clone(),
                            lower_bound: lower.clone(),
                            upper_bound: None,
                            replica,
                            after,
                            up_to,
                        });
                    }
                }
                true
            });
        }
        gaps
    }
}

fn close(gaps: &mut [Gap], upper: &ItemId) {
    for gap in gaps {
        gap.upper_bound = Some(upper.clone());
    }
}

//! The decision: what happens to an incoming row. One pure function, used by every provider.

use sync_knowledge::{Knowledge, ReplicaKey, Tick, Version};

use crate::settlement::{greatest_settlement_tick, is_settlement, settlement_order};
use sync_provider::{ConflictType, Winner};

/// What the decision needs to know of a row: its versions, and whether it is a deletion. Versions are in the destination's key map.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct RowFacts {
    /// Version of the row's creation.
    pub create: Version,
    /// Version of its last change.
    pub update: Version,
    /// Whether the last change is a deletion.
    pub tombstone: bool,
}

impl RowFacts {
    /// Of a row whose versions cannot be told, for a record of it: tick 0 of `replica`, at which nobody writes.
    pub fn untold(replica: ReplicaKey, tombstone: bool) -> Self {
        let version = Version::new(replica, 0);
        RowFacts {
            create: version,
            update: version,
            tombstone,
        }
    }
}

/// How the content of the local row relates to that of the incoming one.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Sameness {
    /// The stored cells are the same to the bit, or both are deletions: nothing to write in the base table.
    Identical,
    /// Equal in value, though written differently (1 and 1.0).
    Equal,
    /// Different content, or one of them is a deletion.
    Different,
}

/// What to do with an incoming row.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The destination knows the version already.
    NotNeeded,
    /// The local row is newer by a rule that needs no new version; nothing is written.
    Keep,
    /// Take over the row and its version; without `content` only the tracking row is written, because the cells are there already.
    Apply {
        /// Whether the base row has to be written.
        content: bool,
    },
    /// Both sides hold the same content under versions that do not know each other: the local row gets a settlement version.
    Settle,
    /// Two outcomes of earlier conflicts differ: the later settlement stays under its own version, whatever the policy says. The
    /// other one is overwritten by a row that does not know it, and so it is recorded like the loser of a conflict.
    Outrank(ConflictType, Winner),
    /// A conflict: the policy picks the content and the outcome gets a settlement version.
    Conflict(ConflictType),
}

/// The rules that proofs switch off one by one to show that they would notice. Ordinary code uses [`Rules::SOUND`].
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// What version the outcome of a conflict gets.
    pub stamp: Stamp,
    /// Whether content that is equal is stored under its (new) version, rather than only learned.
    pub store_equal: bool,
}

/// What version the outcome of a conflict gets.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Stamp {
    /// A version of the destination's settlement replica: the rule that converges.
    Settlement,
    /// The winner keeps its own version.
    WinnersOwn,
    /// A plain new local version of the destination.
    LocalChange,
}

impl Rules {
    /// The rules that hold.
    pub const SOUND: Rules = Rules {
        stamp: Stamp::Settlement,
        store_equal: true,
    };
}

/// What a decision looks at besides the two rows. All knowledge is over the destination's key map.
#[derive(Copy, Clone, Debug)]
pub struct Judge<'a> {
    /// What the destination knows, as read in the apply transaction.
    pub known: &'a Knowledge,
    /// The batch's made-with knowledge, re-keyed.
    pub made_with: &'a Knowledge,
    /// What the destination has forgotten, where anything was cleaned up.
    pub forgotten: Option<&'a Knowledge>,
    /// The destination knows no replica but itself and was never a source.
    pub pristine: bool,
    /// Which rules apply.
    pub rules: Rules,
}

impl Judge<'_> {
    /// Whether row ids are without influence, so that a caller need not build them.
    pub fn ignores_ids(&self) -> bool {
        self.known.is_uniform() && self.made_with.is_uniform()
    }

    /// Whether a row that came by key is the one that the enumeration was about. `enumerated` is the version that it was enumerated with, if
    /// it was.
    ///
    /// A source answers keys as it stands by then. A version that came to it after the made-with knowledge was read may descend from others
    /// that this knowledge does not tell of: stored now, the row would seem to be in conflict with its own ancestors later. So it has to
    /// wait for a session that knows them.
    pub fn is_as_enumerated(
        &self,
        item: &[u8],
        update: Version,
        enumerated: Option<Version>,
    ) -> bool {
        enumerated == Some(update) || self.made_with.contains(item, update)
    }

    /// Whether the destination knows a version of a row, so that there is nothing to decide.
    pub fn knows(&self, item: &[u8], version: Version) -> bool {
        self.known.contains(item, version)
    }

    /// Decides about `remote`, where `local` is what the destination has under the same key (a row or a tombstone).
    ///
    /// `item` is the row id, read only unless [`Judge::ignores_ids`]. `sameness` compares the contents and is called only where the
    /// outcome depends on it. The order of the rules matters and is that of the table in `docs/convergence.md`.
    pub fn decide(
        &self,
        item: &[u8],
        local: Option<RowFacts>,
        remote: RowFacts,
        sameness: impl FnOnce() -> Sameness,
    ) -> Decision {
        if self.knows(item, remote.update)
            || local.is_some_and(|local| local.update == remote.update)
        {
            return Decision::NotNeeded;
        }
        let Some(local) = local else {
            return if self.was_cleaned_up(item, remote) {
                Decision::Conflict(ConflictType::LocalCleanedupDeleteRemoteUpdate)
            } else {
                Decision::Apply { content: true }
            };
        };
        if local.update.replica == remote.update.replica {
            return if remote.update.tick > local.update.tick {
                take_over(sameness())
            } else {
                Decision::Keep
            };
        }
        if self.made_with.contains(item, local.update) {
            return match sameness() {
                same if same == Sameness::Different || self.rules.store_equal => take_over(same),
                _ => Decision::NotNeeded,
            };
        }
        let same = sameness();
        let equal = same != Sameness::Different;
        if equal && self.pristine {
            return take_over(same);
        }
        if self.both_settlements(local.update, remote.update) {
            let later = settlement_order(self.known, remote.update, local.update).is_gt();
            return match (equal, later) {
                (true, true) => take_over(same),
                (true, false) => Decision::Keep,
                (false, later) => {
                    let winner = if later { Winner::Remote } else { Winner::Local };
                    Decision::Outrank(self.conflict_type(item, local, remote), winner)
                }
            };
        }
        match (equal, self.rules.store_equal) {
            (true, true) => Decision::Settle,
            (true, false) => Decision::NotNeeded,
            _ => Decision::Conflict(self.conflict_type(item, local, remote)),
        }
    }

    fn was_cleaned_up(&self, item: &[u8], remote: RowFacts) -> bool {
        let Some(forgotten) = self.forgotten else {
            return false;
        };
        !remote.tombstone
            && self.known.contains(item, remote.create)
            && !self.made_with.contains_knowledge(forgotten)
    }

    fn both_settlements(&self, a: Version, b: Version) -> bool {
        let settled = |version: Version| {
            self.known
                .key_map()
                .id(version.replica)
                .is_some_and(is_settlement)
        };
        settled(a) && settled(b)
    }

    fn conflict_type(&self, item: &[u8], local: RowFacts, remote: RowFacts) -> ConflictType {
        match (local.tombstone, remote.tombstone) {
            (true, true) => ConflictType::LocalDeleteRemoteDelete,
            (true, false) => ConflictType::LocalDeleteRemoteUpdate,
            (false, true) => ConflictType::LocalUpdateRemoteDelete,
            (false, false) => {
                let seen = local.create == remote.create
                    || self.known.contains(item, remote.create)
                    || self.made_with.contains(item, local.create);
                if seen {
                    ConflictType::LocalUpdateRemoteUpdate
                } else {
                    ConflictType::LocalInsertRemoteInsert
                }
            }
        }
    }
}

/// Hands out the versions of a destination's conflict outcomes within one apply transaction.
#[derive(Copy, Clone, Debug)]
pub struct SettlementClock {
    rules: Rules,
    replica: ReplicaKey,
    last: Tick,
}

impl SettlementClock {
    /// Starts above every settlement tick that either side knows. `replica` is the key of the destination's settlement replica.
    pub fn new(
        rules: Rules,
        replica: ReplicaKey,
        known: &Knowledge,
        made_with: &Knowledge,
    ) -> Self {
        let last = greatest_settlement_tick(known).max(greatest_settlement_tick(made_with));
        SettlementClock {
            rules,
            replica,
            last,
        }
    }

    /// The key of the settlement replica.
    pub fn replica(&self) -> ReplicaKey {
        self.replica
    }

    /// A settlement version, for a row that nobody has seen before.
    pub fn settlement(&mut self) -> Version {
        // Knowledge comes from outside; a tick at the very end must not stop the session.
        self.last = self.last.saturating_add(1);
        Version::new(self.replica, self.last)
    }

    /// The version of an outcome. `winner` is the version of the row that stays; `local_change` makes a plain local version and is called
    /// only under [`Stamp::LocalChange`].
    pub fn stamp(&mut self, winner: Version, local_change: impl FnOnce() -> Version) -> Version {
        match self.rules.stamp {
            Stamp::Settlement => self.settlement(),
            Stamp::WinnersOwn => winner,
            Stamp::LocalChange => local_change(),
        }
    }
}

fn take_over(same: Sameness) -> Decision {
    Decision::Apply {
        content: same != Sameness::Identical,
    }
}

//! The coordinates of the grid, as data.

use std::fmt;

use sync_orchestrator::SyncDirectionOrder;

/// One of the two replicas of a cell. Who of them is the local side of the session is a coordinate of its own.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The one that made the rows which both have had.
    A,
    /// The other one.
    B,
}

impl Side {
    /// Both.
    pub const BOTH: [Side; 2] = [Side::A, Side::B];

    /// The other one.
    pub fn other(self) -> Side {
        match self {
            Side::A => Side::B,
            Side::B => Side::A,
        }
    }
}

/// What both replicas have been through before the edits.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum World {
    /// They met, and both had the rows that A made.
    Met,
    /// The same; the named sides clean deletions up that the other one has not heard of.
    Cleaned {
        /// A does.
        a: bool,
        /// B does.
        b: bool,
    },
    /// The same, and A deleted the rows; B heard of it, and only then did A clean up.
    CleanedLater,
    /// They never met.
    Strangers {
        /// A has met somebody else, so it is no pristine replica.
        established: bool,
    },
    /// They never met, and both have settled conflicts with others.
    Settled,
}

impl World {
    /// All of them.
    pub const ALL: [World; 8] = [
        World::Met,
        World::Cleaned { a: true, b: false },
        World::Cleaned { a: false, b: true },
        World::Cleaned { a: true, b: true },
        World::CleanedLater,
        World::Strangers { established: false },
        World::Strangers { established: true },
        World::Settled,
    ];

    /// Whether the replicas have met before the edits.
    pub fn have_met(self) -> bool {
        !matches!(self, World::Strangers { .. } | World::Settled)
    }

    /// The cells that make sense in it.
    pub fn cells(self) -> Vec<Cell> {
        let mut cells = Vec::new();
        let [of_a, of_b] = self.edits();
        let pairs = of_a.iter().flat_map(|a| of_b.iter().map(|b| [*a, *b]));
        for edits in pairs.filter(|edits| self.allows(*edits)) {
            let contents: &[Content] = match Edit::meet_alive(edits) {
                true => &[Content::Equal, Content::Different],
                false => &[Content::Different],
            };
            let laters: &[Later] = match edits.contains(&Edit::Nothing) {
                true => &[Later::Neither],
                false => &[Later::A, Later::B, Later::Neither],
            };
            for &content in contents {
                for &later in laters {
                    cells.push(Cell {
                        world: self,
                        edits,
                        content,
                        later,
                    });
                }
            }
        }
        cells
    }

    fn edits(self) -> [&'static [Edit]; 2] {
        use Edit::{
            ChangeKey, CleanedDelete, CleanedReinsert, Delete, Insert, Nothing, Reinsert, Settle,
            Update,
        };
        const PLAIN: &[Edit] = &[Nothing, Insert, Update, Delete, Reinsert, ChangeKey];
        const CLEANED: &[Edit] = &[CleanedDelete, CleanedReinsert];
        match self {
            World::Met => [PLAIN, PLAIN],
            World::Cleaned { a, b } => [a, b].map(|cleaned| if cleaned { CLEANED } else { PLAIN }),
            World::CleanedLater => [&[Nothing, Insert], &[Nothing, Reinsert]],
            World::Strangers { .. } => [&[Nothing, Insert, Update, Delete]; 2],
            World::Settled => [&[Nothing, Insert, Delete, Settle]; 2],
        }
    }

    fn allows(self, edits: [Edit; 2]) -> bool {
        // What else meets there is a cell of strangers.
        self != World::Settled || edits.contains(&Edit::Settle)
    }
}

/// What a side did to the row.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Nothing.
    Nothing,
    /// Inserted it: neither side had it from the other.
    Insert,
    /// Updated it.
    Update,
    /// Deleted it.
    Delete,
    /// Deleted it, and cleaned up.
    CleanedDelete,
    /// Deleted it and inserted it again.
    Reinsert,
    /// Deleted it, cleaned up, and inserted it again.
    CleanedReinsert,
    /// Gave it another key, the same one at both sides.
    ChangeKey,
    /// Inserted it as somebody else did, and settled that conflict.
    Settle,
}

impl Edit {
    /// Whether both sides hold a row under one key afterwards.
    fn meet_alive(edits: [Edit; 2]) -> bool {
        use Edit::{CleanedReinsert, Insert, Reinsert, Settle, Update};
        let alive =
            |edit: &Edit| matches!(edit, Insert | Update | Reinsert | CleanedReinsert | Settle);
        edits.iter().all(alive) || edits == [Edit::ChangeKey; 2]
    }

    /// Whether there must be a row first.
    pub fn needs_a_row(self) -> bool {
        !matches!(self, Edit::Nothing | Edit::Insert | Edit::Settle)
    }

    /// Whether the tombstone of its deletion is cleaned up.
    pub fn is_cleaned(self) -> bool {
        matches!(self, Edit::CleanedDelete | Edit::CleanedReinsert)
    }
}

/// How the rows that both sides wrote relate.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// They hold the same.
    Equal,
    /// That of B holds the greater text.
    Different,
}

/// Whose write was later; among settlements, whose tick is higher.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Later {
    /// That of A.
    A,
    /// That of B.
    B,
    /// Neither.
    Neither,
}

/// A row of the grid: what happened to one row on both sides.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// What the replicas went through before.
    pub world: World,
    /// What A and what B did.
    pub edits: [Edit; 2],
    /// How what they wrote relates.
    pub content: Content,
    /// Who wrote later.
    pub later: Later,
}

impl Cell {
    /// Whether both sides had the row from A.
    pub fn is_shared(&self) -> bool {
        let inserted = |edit: &Edit| matches!(edit, Edit::Insert | Edit::Settle);
        match self.world {
            World::CleanedLater => true,
            world => world.have_met() && !self.edits.iter().any(inserted),
        }
    }

    /// What a side writes.
    pub fn text(&self, side: Side) -> &'static str {
        match (self.content, side) {
            (Content::Equal, _) => "same",
            (Content::Different, Side::A) => "a",
            (Content::Different, Side::B) => "b",
        }
    }

    /// When a side writes.
    pub fn time(&self, side: Side) -> i64 {
        match (self.later, side) {
            (Later::A, Side::A) | (Later::B, Side::B) => 20,
            _ => 10,
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b] = self.edits;
        let Cell { content, later, .. } = self;
        write!(
            f,
            "{}, {a:?} x {b:?}, {content:?}, later {later:?}",
            self.world
        )
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            World::Met => "met",
            World::Cleaned { a: true, b: true } => "cleaned up at both",
            World::Cleaned { a: true, .. } => "cleaned up at A",
            World::Cleaned { .. } => "cleaned up at B",
            World::CleanedLater => "cleaned up when both knew",
            World::Strangers { established: false } => "two pristine replicas",
            World::Strangers { established: true } => "a pristine replica",
            World::Settled => "settled with others",
        })
    }
}

/// The policies. Those by priority name the sides that they list.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Policy {
    /// `destination-wins`.
    Destination,
    /// `source-wins`.
    Source,
    /// `local-wins`.
    Local,
    /// `remote-wins`.
    Remote,
    /// `last-writer-wins`.
    LastWriter,
    /// `priority` with A, then B.
    PriorityAB,
    /// `priority` with B alone.
    PriorityB,
    /// `priority` with neither of them.
    PriorityOfOthers,
    /// `defer`.
    Defer,
}

impl Policy {
    /// All of them.
    pub const ALL: [Policy; 9] = [
        Policy::Destination,
        Policy::Source,
        Policy::Local,
        Policy::Remote,
        Policy::LastWriter,
        Policy::PriorityAB,
        Policy::PriorityB,
        Policy::PriorityOfOthers,
        Policy::Defer,
    ];

    /// Whether rows must have a time and a writer, or must be remembered.
    pub fn needs_columns_of_ours(self) -> bool {
        !matches!(
            self,
            Policy::Destination | Policy::Source | Policy::Local | Policy::Remote
        )
    }
}

/// The session of a cell.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// How conflicts are settled.
    pub policy: Policy,
    /// Who is its local side.
    pub initiator: Side,
    /// Which way rows go.
    pub direction: SyncDirectionOrder,
}

impl Run {
    /// All of them.
    pub fn all() -> Vec<Run> {
        let mut runs = Vec::new();
        for policy in Policy::ALL {
            for initiator in Side::BOTH {
                for direction in DIRECTIONS {
                    runs.push(Run {
                        policy,
                        initiator,
                        direction,
                    });
                }
            }
        }
        runs
    }

    /// The directions, as the sides that rows come from.
    pub fn sources(&self) -> Vec<Side> {
        let (local, remote) = (self.initiator, self.initiator.other());
        match self.direction {
            SyncDirectionOrder::UploadAndDownload => vec![local, remote],
            SyncDirectionOrder::DownloadAndUpload => vec![remote, local],
            SyncDirectionOrder::Upload => vec![local],
            SyncDirectionOrder::Download => vec![remote],
        }
    }
}

/// The directions.
pub(crate) const DIRECTIONS: [SyncDirectionOrder; 4] = [
    SyncDirectionOrder::UploadAndDownload,
    SyncDirectionOrder::DownloadAndUpload,
    SyncDirectionOrder::Upload,
    SyncDirectionOrder::Download,
];

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Run {
            policy,
            initiator,
            direction,
        } = self;
        write!(
            f,
            "{policy:?}, {initiator:?} initiates, {}",
            direction.name()
        )
    }
}

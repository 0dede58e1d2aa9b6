//! Who runs in which operation.

use crdts::VClock as Crdts;
use loro::VersionVector;
use sync_knowledge_benches::sample::{self, Case};
use sync_knowledge_benches::stopwatch::Contestant;
use vclock::VClock;
use yrs::StateVector;

use crate::plain::{Sorted, Tree};
use crate::{bound, ours, rival};

/// What is measured.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// The least that contains both, as a new value.
    Merge,
    /// What a merge makes with the side that it has learned, once more: the steady state of a session.
    MergeAgain,
    /// How a merge stands to one of its sides: nobody can stop early.
    Compare,
    /// Whether a merge contains one of its sides.
    Contains,
    /// Whether it contains one version of each replica of that side, asked one by one in no order.
    Versions,
    /// A merge and the first question about its result: what was put off is paid here.
    MergeAndAsk,
}

impl Operation {
    /// All of them.
    pub const ALL: [Operation; 6] = [
        Operation::Merge,
        Operation::MergeAgain,
        Operation::MergeAndAsk,
        Operation::Compare,
        Operation::Contains,
        Operation::Versions,
    ];

    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Operation::Merge => "merge",
            Operation::MergeAgain => "merge of the merge",
            Operation::MergeAndAsk => "merge, then one question by GUID",
            Operation::Compare => "compare",
            Operation::Contains => "contains all",
            Operation::Versions => "contains, n versions",
        }
    }
}

/// The places of ours, the bound, and the rivals among the contestants.
pub const OURS: usize = 0;
/// Ours with the mapping computed before.
pub const REUSED: usize = 1;
/// The bound.
pub const BOUND: usize = 2;
/// Where the rivals begin.
pub const RIVALS: usize = 3;

/// All contestants of one operation on the sides of one case.
pub fn contestants(operation: Operation, case: Case, n: usize) -> Vec<Contestant<'static>> {
    let (mine, theirs) = sample::sides(case, n);
    vec![
        ours::mapped_each_time(operation, case, &theirs),
        ours::mapped_once(operation, case, &theirs),
        bound::contestant(operation, &mine, &theirs),
        rival::contestant::<Sorted<[u8; 16]>>(operation, &mine, &theirs),
        rival::contestant::<Sorted<u64>>(operation, &mine, &theirs),
        rival::contestant::<Tree<[u8; 16]>>(operation, &mine, &theirs),
        rival::contestant::<Tree<u64>>(operation, &mine, &theirs),
        rival::contestant::<VersionVector>(operation, &mine, &theirs),
        rival::contestant::<StateVector>(operation, &mine, &theirs),
        rival::contestant::<VClock<[u8; 16], u64>>(operation, &mine, &theirs),
        rival::contestant::<Crdts<[u8; 16]>>(operation, &mine, &theirs),
    ]
}

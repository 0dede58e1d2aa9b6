//! What the suite asks of a provider's tests: replicas that can be written to and looked at without the code under test.

use std::sync::Arc;

use sync_knowledge::ReplicaId;
use sync_metadata::Value;
use sync_provider::{ApplyHandler, SyncProvider};

use super::state::State;

/// A kind of provider.
pub trait Engine: Send + Sync {
    /// Its name, as the matrix shows it.
    fn name(&self) -> &'static str;

    /// A fresh replica of the neutral schema.
    fn make(&self, layout: Layout) -> Box<dyn TestReplica>;

    /// What it cannot do.
    fn lacks(&self) -> &'static [Ability] {
        &[]
    }

    /// Whether it can do something.
    fn can(&self, ability: Ability) -> bool {
        !self.lacks().contains(&ability)
    }

    /// Whether a column of the neutral schema can hold a value of its kind.
    fn holds(&self, value: &Value) -> bool {
        let _ = value;
        true
    }
}

/// What not every kind of provider can do.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Ability {
    /// Keep the time and the writer of a row, which two policies need.
    KnowWriters,
    /// Remember by key which rows wait, and whether it was ever a source. Where it does not, rows that wait are exceptions in its
    /// knowledge and nothing else, and it never counts as a pristine replica.
    Remember,
    /// Take a changed key for a deletion and an insertion.
    FollowKeys,
    /// As a source, look at the rows above the destination's tick alone.
    LookFromTick,
    /// Rehearse a session.
    Rehearse,
    /// Tell text keys apart by the blanks at their ends.
    MindBlanks,
}

/// What a replica panics with where its server cannot do what a scenario needs; the scenario counts as skipped then.
#[derive(Clone, Debug)]
pub struct Lacking(pub String);

/// How a replica lays its tables out.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// Columns in the order of the neutral schema.
    #[default]
    Neutral,
    /// Columns beside the key first and in the opposite order; the key columns keep their order, which both sides must share.
    OthersFirst,
}

/// A replica of the neutral schema. Tables are named by their index, rows are in the neutral order of columns.
pub trait TestReplica: Send + Sync {
    /// The provider under test.
    fn provider(&self) -> Arc<dyn SyncProvider>;

    /// The same, with a handler for rows that meet a conflict or cannot be written.
    fn provider_with(&self, handler: Arc<dyn ApplyHandler>) -> Arc<dyn SyncProvider>;

    /// The replica's id.
    fn id(&self) -> ReplicaId;

    /// Inserts or updates a row as an application would, in a transaction of its own, at a time in microseconds.
    fn write(&self, table: usize, row: &[Value], time: i64);

    /// Deletes a row as an application would.
    fn delete(&self, table: usize, key: &[Value], time: i64);

    /// Gives a row another key, and other cells, as an application would in one statement.
    fn rekey(&self, table: usize, key: &[Value], row: &[Value], time: i64);

    /// Makes every write of a row by a session fail, as a constraint would, or lets it succeed again.
    fn reject(&self, table: usize, key: &[Value], rejected: bool);

    /// Everything there is, read back past the code under test.
    fn state(&self) -> State;

    /// Everything there is, to the byte.
    fn fingerprint(&self) -> Vec<u8>;

    /// Removes all tombstones and notes that they are forgotten, as a clean-up does. Says whether the replica can.
    fn clean_up(&self) -> bool {
        false
    }

    /// Another database that is the same to the byte, and the same replica therefore, where that is cheap to have. Only one of the two may meet the
    /// others.
    fn copy(&self) -> Option<Box<dyn TestReplica>> {
        None
    }
}

//! What a replica must be able to do to take part, and what it shows of itself.

use sync_knowledge::{Knowledge, ReplicaId, Tick};
use sync_provider::ConflictRecord;
use sync_provider_memory::Direction;

/// A replica under test: any implementation of the provider contract can be put behind it.
///
/// It holds the table `t (id int primary key, v nvarchar(10))` with the global name `[t]`, see
/// [`Names::scope`](super::Names::scope); items are the values of `id`, contents those of `v`
/// (see [`Names::content`](super::Names::content)).
pub trait Member: Sized {
    /// Inserts the row or updates it, as an application would, at `time`.
    fn write(&mut self, item: usize, content: u8, time: i64);

    /// Deletes the row if it is there.
    fn delete(&mut self, item: usize, time: i64);

    /// Lets every write of this row by a session fail from now on, or succeed again. Answers whether
    /// the implementation can do so.
    fn reject(&mut self, item: usize, rejected: bool) -> bool;

    /// One direction of a session: the destination receives what the source has and it does not know.
    ///
    /// With [`Position::Remote`](sync_provider::Position::Remote) as the destination's position this
    /// is an upload by the source, otherwise a download.
    ///
    /// # Errors
    /// Whatever the replicas could not do; the text goes into the report.
    fn transfer(
        source: &mut Self,
        destination: &mut Self,
        direction: &Direction,
    ) -> Result<Vec<ConflictRecord>, String>;

    /// What can be seen of the replica.
    fn view(&self) -> View;
}

/// What can be seen of a replica: rows, versions and knowledge, read back from where they are stored.
#[derive(Clone, Debug)]
pub struct View {
    /// Rows and tombstones by item.
    pub rows: Vec<(usize, Row)>,
    /// What it knows, with its own tick as it would claim it now.
    pub knowledge: Knowledge,
    /// Items that it will ask for by key, in ascending order.
    pub waiting: Vec<usize>,
    /// Whether it would still adopt equal rows of others under their versions.
    pub pristine: bool,
}

/// A row or a tombstone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// `None` for a tombstone.
    pub content: Option<u8>,
    /// Version of its creation.
    pub create: (ReplicaId, Tick),
    /// Version of its last change.
    pub update: (ReplicaId, Tick),
    /// Time of the last change, where that is kept.
    pub time: Option<i64>,
    /// Who made the last change, where that is kept.
    pub writer: Option<ReplicaId>,
}

//! The records of rows that could not be written, within a bound of memory.

use sync_provider::ConflictRecord;

/// What is held of whole rows, in bytes. Rows that fail are remembered by key up to a limit, and are still at their source: beyond this
/// their records name them and say why, no more.
const MOST_BYTES: usize = 8 << 20;

#[derive(Debug, Default)]
pub(crate) struct Failures {
    records: Vec<ConflictRecord>,
    bytes: usize,
}

impl Failures {
    pub(crate) fn push(&mut self, mut record: ConflictRecord) {
        if self.bytes + record.bytes() > MOST_BYTES {
            record.remote.row = None;
            record.local.iter_mut().for_each(|local| local.row = None);
        }
        self.bytes += record.bytes();
        self.records.push(record);
    }

    pub(crate) fn append(&mut self, records: Vec<ConflictRecord>) {
        records.into_iter().for_each(|record| self.push(record));
    }

    /// Gives all of them away.
    pub(crate) fn take(&mut self) -> Vec<ConflictRecord> {
        std::mem::take(self).records
    }
}

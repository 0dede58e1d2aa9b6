//! What is done for a row: which commands, in which order, and what follows where one of them wrote nothing.

use super::adapter::{CreationVersion, Writing};
use super::connection::{CallFailure, Program, Step};
use sync_relational::{LocalEntry, Write};

/// Where the versions of rows are kept.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum ChangeTrackingModel {
    /// In the table itself. Where updating a row's metadata touches nothing, there is none to be inserted: that is an error.
    #[default]
    Coupled,
    /// In a table beside it. Metadata that is not there to be updated is inserted.
    Decoupled,
}

/// What becomes of a row: of the table's row, and of its metadata.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Work {
    pub(super) base: Base,
    pub(super) metadata: Metadata,
}

/// What becomes of the table's row.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Base {
    /// It stays.
    Keep,
    Delete,
    Update,
    /// Its key was never seen.
    Insert,
    /// Its key has metadata: that of a deletion, or of a row that is gone.
    Reinsert,
}

/// What becomes of its metadata.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Metadata {
    /// What the table's own triggers write: the change counts as one made here.
    Own,
    /// It gets the update version.
    Version,
    /// It gets both versions.
    Anew,
    /// There is none yet, and no row either: a deletion is recorded.
    Record,
}

impl Work {
    const BASES: [Base; 5] = [
        Base::Keep,
        Base::Delete,
        Base::Update,
        Base::Insert,
        Base::Reinsert,
    ];
    const METADATA: [Metadata; 4] = [
        Metadata::Own,
        Metadata::Version,
        Metadata::Anew,
        Metadata::Record,
    ];

    /// All there are, each at its [number](Self::number).
    pub(super) fn all() -> impl Iterator<Item = Work> {
        Self::BASES
            .into_iter()
            .flat_map(|base| Self::METADATA.map(|metadata| Work { base, metadata }))
    }

    pub(super) fn number(self) -> usize {
        self.base as usize * Self::METADATA.len() + self.metadata as usize
    }

    /// What a decision asks for. What was `rounded` to fit is a change made here, so that the others get what is stored.
    pub(super) fn of(
        write: &Write,
        entry: Option<&LocalEntry>,
        deleted: bool,
        rounded: bool,
    ) -> Self {
        let live = entry.is_some_and(|entry| entry.cells.is_some());
        let base = match (write.outcome.base, deleted, live) {
            (true, true, true) => Base::Delete,
            (true, false, true) => Base::Update,
            (true, false, false) if entry.is_none() => Base::Insert,
            (true, false, false) => Base::Reinsert,
            _ => Base::Keep,
        };
        let metadata = match (entry, base) {
            (_, Base::Update | Base::Insert | Base::Reinsert) if rounded => Metadata::Own,
            (None, Base::Keep) => Metadata::Record,
            (Some(entry), _) if entry.facts.create == write.outcome.create => Metadata::Version,
            _ => Metadata::Anew,
        };
        // The metadata that was there goes before the row comes.
        match (base, metadata) {
            (Base::Reinsert, Metadata::Version) => Work {
                base,
                metadata: Metadata::Anew,
            },
            _ => Work { base, metadata },
        }
    }

    /// One row's commands. Sync Framework's fall-back: metadata is updated, and inserted where there was none to update and it has a table of its own.
    pub(super) fn program(self, own: &Writing, model: ChangeTrackingModel) -> Program<'_> {
        let only = |command| Step {
            command,
            otherwise: None,
        };
        let insert = Some(&own.insert_metadata);
        let updated = Step {
            command: &own.update_metadata,
            otherwise: insert.filter(|_| model == ChangeTrackingModel::Decoupled),
        };
        let base: &[_] = match self.base {
            Base::Keep => &[],
            Base::Delete => &[&own.delete],
            Base::Update => &[&own.update],
            Base::Insert => &[&own.insert],
            Base::Reinsert => &[&own.delete_metadata, &own.insert],
        };
        let mut steps: Vec<Step<'_>> = base.iter().map(|command| only(*command)).collect();
        match self.metadata {
            Metadata::Own => {}
            Metadata::Record => steps.push(only(&own.insert_metadata)),
            Metadata::Anew if own.creation == CreationVersion::ByInsertMetadata => {
                steps.push(only(&own.insert_metadata));
            }
            Metadata::Anew | Metadata::Version => steps.push(updated),
        }
        Program { steps }
    }

    /// How many steps come before that of the metadata.
    fn steps_of_base(self) -> usize {
        match self.base {
            Base::Keep => 0,
            Base::Delete | Base::Update | Base::Insert => 1,
            Base::Reinsert => 2,
        }
    }

    /// Whether it was the metadata that failed, the row being written: `ApplyMetadataFailed`.
    pub(super) fn failed_at_metadata(self, failure: &CallFailure) -> bool {
        match self.base {
            // Without an error somebody else was first.
            Base::Keep => failure.reason.is_some(),
            _ => failure.step >= self.steps_of_base(),
        }
    }

    /// What is tried for a row whose command wrote nothing, although what is there is what was decided upon: the row is gone and its metadata is
    /// not. An update becomes an insert, after the metadata that is in its way; a deletion has only to be recorded.
    pub(super) fn instead(self) -> Option<Self> {
        let metadata = match self.metadata {
            Metadata::Version => Metadata::Anew,
            other => other,
        };
        match self.base {
            Base::Update => Some(Work {
                base: Base::Reinsert,
                metadata,
            }),
            Base::Delete => Some(Work {
                base: Base::Keep,
                metadata: self.metadata,
            }),
            Base::Keep | Base::Insert | Base::Reinsert => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_work_has_its_number() {
        for (number, work) in Work::all().enumerate() {
            assert_eq!(work.number(), number, "{work:?}");
        }
    }
}

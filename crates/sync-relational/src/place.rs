//! Where a destination stands in what its source gives: which batch is to come, so that none is left out.

use sync_provider::{BatchKind, ChangeBatch, Next, ProviderError};

/// Where a destination stands in what its source gives.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The last batch: its series, and which one of that it was.
    series: u32,
    sequence: u32,
    /// What is to come behind it.
    pub(crate) next: Coming,
}

/// What is to come.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Coming {
    /// The first changes of a direction.
    FirstChanges,
    /// The next batch of the series.
    NextBatch,
    /// The first of the rows that were asked for by key.
    FirstRows,
}

impl Place {
    /// Before the first batch of a session.
    pub(crate) const START: Place = Place {
        series: 0,
        sequence: 0,
        next: Coming::FirstChanges,
    };

    /// Whether a batch is the one that is to come. One that says that the source has nothing to give now always is: nothing is learned of it.
    pub(crate) fn is_followed_by(self, batch: &ChangeBatch) -> bool {
        let starts = batch.sequence == 0 && batch.series > self.series;
        match self.next {
            _ if batch.kind == BatchKind::Busy => true,
            Coming::FirstChanges => starts && !batch.kind.is_repeated(),
            Coming::FirstRows => starts && batch.kind.is_repeated(),
            Coming::NextBatch => {
                batch.series == self.series && self.sequence.checked_add(1) == Some(batch.sequence)
            }
        }
    }

    /// After a batch, and what it was answered with; `None` where that was an error.
    pub(crate) fn after(self, batch: &ChangeBatch, answer: Option<&Next>) -> Self {
        let next = match answer {
            Some(Next::Changes) => Coming::NextBatch,
            Some(Next::Rows(_) | Next::CommittedSoFar(_) | Next::UndoneSince(_)) => {
                Coming::FirstRows
            }
            _ => Coming::FirstChanges,
        };
        Place {
            series: batch.series.max(self.series),
            sequence: batch.sequence,
            next,
        }
    }

    /// Why a batch that is not the one is refused.
    pub(crate) fn refusal(self, batch: &ChangeBatch) -> ProviderError {
        let ChangeBatch {
            series,
            sequence,
            kind,
            ..
        } = batch;
        ProviderError::malformed(
            "session",
            format!(
                "batch {sequence} of series {series} ({kind:?}) is out of place after {self:?}"
            ),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(series: u32, sequence: u32, kind: BatchKind) -> ChangeBatch {
        let mut batch = ChangeBatch::new(kind);
        (batch.series, batch.sequence) = (series, sequence);
        batch
    }

    /// Of all batches that a destination could be given, only one kind of place follows what it has and has answered.
    #[test]
    fn a_batch_is_taken_in_its_place_alone() {
        use BatchKind::{Busy, Changes, LastChanges, LastRepeats, Repeats};
        let all = || {
            let places = (0..5).flat_map(|series| (0..4).map(move |sequence| (series, sequence)));
            places.flat_map(|(series, sequence)| {
                [Changes, LastChanges, Repeats, LastRepeats]
                    .map(|kind| batch(series, sequence, kind))
            })
        };
        let check = |kind, answer: Option<Next>, follows: &dyn Fn(&ChangeBatch) -> bool| {
            let place = Place::START.after(&batch(2, 1, kind), answer.as_ref());
            for batch in all() {
                assert_eq!(
                    place.is_followed_by(&batch),
                    follows(&batch),
                    "{answer:?}: {batch:?}"
                );
            }
            assert!(place.is_followed_by(&batch(0, 0, Busy)));
        };
        let next = |batch: &ChangeBatch| (batch.series, batch.sequence) == (2, 2);
        let starts = |batch: &ChangeBatch| batch.series > 2 && batch.sequence == 0;
        let starts_again = move |batch: &ChangeBatch| starts(batch) && !batch.kind.is_repeated();
        let rows = move |batch: &ChangeBatch| starts(batch) && batch.kind.is_repeated();
        check(Changes, Some(Next::Changes), &next);
        check(LastChanges, Some(Next::Rows(Vec::new())), &rows);
        check(LastRepeats, Some(Next::CommittedSoFar(Vec::new())), &rows);
        check(Repeats, Some(Next::UndoneSince(Vec::new())), &rows);
        check(LastChanges, Some(Next::Restart), &starts_again);
        check(LastRepeats, Some(Next::Committed), &starts_again);
        check(LastRepeats, None, &starts_again);
    }
}

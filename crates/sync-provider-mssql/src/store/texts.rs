//! Texts that are no UTF-16: half of a surrogate pair, which a column of SQL Server holds and nobody else can.
//!
//! The driver puts U+FFFD in its place, which is also a character like any other. So once one has come, the statement is run again, and
//! the server says with each text how many there really are.

use sync_decision::TableShape;
use sync_metadata::Value;
use tiberius::ColumnData;

use crate::read;
use crate::store::enumeration::integer;

/// The check of one answer.
#[derive(Debug)]
pub(super) struct Texts {
    /// Columns that the server counts for, in the order of the answer; empty where it was not asked to.
    counted: Vec<usize>,
    /// The counts of the row at hand.
    counts: Vec<usize>,
    /// A text that came without a count has to be looked at again.
    suspect: bool,
}

impl Texts {
    pub(super) fn new(counted: Vec<usize>) -> Self {
        Texts {
            counted,
            counts: Vec::new(),
            suspect: false,
        }
    }

    /// Takes the counts of a row.
    pub(super) fn read(&mut self, cells: &mut impl Iterator<Item = ColumnData<'static>>) {
        self.counts.clear();
        let counts = cells.take(self.counted.len()).map(|cell| {
            let count = integer(Some(cell)).unwrap_or(0);
            usize::try_from(count).unwrap_or(0)
        });
        self.counts.extend(counts);
    }

    /// Why one of these values is not what the database holds.
    pub(super) fn check<'v>(
        &mut self,
        shape: &TableShape,
        values: impl IntoIterator<Item = (usize, &'v Value)>,
    ) -> Result<(), String> {
        for (column, value) in values {
            let here = read::replaced(value.as_ref());
            if here == 0 || !read::holds_halves(&shape.types[column]) {
                continue;
            }
            match self.counted.iter().position(|counted| *counted == column) {
                Some(at) if self.counts.get(at).is_some_and(|there| *there < here) => {
                    return Err(format!(
                        "column {}: its text holds half of a surrogate pair, which is no character; mend the text",
                        shape.columns[column]
                    ));
                }
                Some(_) => {}
                None => self.suspect = true,
            }
        }
        Ok(())
    }

    /// Whether the statement has to be run again, with counts.
    pub(super) fn is_suspect(&self) -> bool {
        self.suspect
    }
}

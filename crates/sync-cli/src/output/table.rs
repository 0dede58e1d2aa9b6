//! Tables of text.

use super::{Output, line, paint};
use crate::plain::plain;

/// On which side of its column a cell stands.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// A table: a row of headings, then rows of as many cells.
#[derive(Debug)]
pub(crate) struct Table {
    headings: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(headings: &[(&str, Align)]) -> Self {
        let headings = headings.iter();
        Table {
            headings: headings
                .map(|(heading, align)| ((*heading).to_owned(), *align))
                .collect(),
            rows: Vec::new(),
        }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells = cells.into_iter().map(|cell| plain(&cell).into_owned());
        self.rows.push(cells.collect());
    }

    /// Writes the table, behind some blanks.
    pub(crate) fn write(&self, out: &mut Output, indent: usize) {
        let indent = " ".repeat(indent);
        let widths: Vec<usize> = (self.headings.iter().enumerate())
            .map(|(column, (heading, _))| {
                let cells = self.rows.iter().filter_map(|row| row.get(column));
                let widest = cells.map(|cell| cell.chars().count()).max().unwrap_or(0);
                widest.max(heading.chars().count())
            })
            .collect();
        let headings = self.headings.iter().map(|(heading, _)| heading.as_str());
        let headings = self.laid_out(headings, &widths);
        line!(out, "{indent}{}", paint::quiet(headings));
        for row in &self.rows {
            let row = self.laid_out(row.iter().map(String::as_str), &widths);
            line!(out, "{indent}{row}");
        }
    }

    fn laid_out<'c>(&self, cells: impl Iterator<Item = &'c str>, widths: &[usize]) -> String {
        let mut text = String::new();
        for ((cell, width), (_, align)) in cells.zip(widths).zip(&self.headings) {
            let blanks = " ".repeat(width.saturating_sub(cell.chars().count()));
            let (before, after) = match align {
                Align::Left => ("", blanks.as_str()),
                Align::Right => (blanks.as_str(), ""),
            };
            if !text.is_empty() {
                text.push_str("   ");
            }
            text.extend([before, cell, after]);
        }
        text.truncate(text.trim_end().len());
        text
    }
}

//! Tables that refer to each other in a circle, so that no order of them puts every parent before its children; and rows that do.
//!
//! Rows that come again by key are refused while a parent is missing. In a circle each then waits for the other. [`Circles`] takes note of such
//! rows and says which of them want nobody but each other: these are written, and the commit checks them.

use std::collections::{BTreeMap, BTreeSet};

use sync_decision::TableShape;
use sync_metadata::{KeyEquality, ValueRef};
use sync_provider::RowSet;

/// Whether each reference, from a child table to its parent, is part of a circle: whether the parent refers back to the child, by whatever way.
/// A table that refers to itself is one.
pub fn in_circles(references: &[(usize, usize)]) -> Vec<bool> {
    let reaches = |from: usize, to: usize| {
        let (mut seen, mut next) = (BTreeSet::from([from]), vec![from]);
        while let Some(table) = next.pop() {
            if table == to {
                return true;
            }
            let parents = references.iter().filter(|(child, _)| *child == table);
            next.extend(
                parents
                    .map(|(_, parent)| *parent)
                    .filter(|parent| seen.insert(*parent)),
            );
        }
        false
    };
    let references = references.iter();
    references
        .map(|&(child, parent)| reaches(parent, child))
        .collect()
}

/// A foreign key between tables of a scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The table that refers.
    pub child: usize,
    /// Which of its foreign keys it is, as the engine counts them.
    pub number: usize,
    /// The table that is referred to.
    pub parent: usize,
    /// Positions of the referring columns in a row of the child.
    pub from: Vec<usize>,
    /// Positions of the columns referred to in a row of the parent.
    pub to: Vec<usize>,
}

/// A row by its table and packed key.
pub type RowName = (usize, Vec<u8>);

/// Which link, and what its columns hold.
type Place = (usize, Vec<u8>);

/// The links of a scope's circles, and the rows of a transaction that were refused because their parents by them are missing.
#[derive(Clone, Debug, Default)]
pub struct Circles {
    links: Vec<Link>,
    refused: BTreeMap<RowName, Refused>,
}

#[derive(Clone, Debug, Default)]
struct Refused {
    /// The places where a parent is missing.
    missing: BTreeSet<Place>,
    /// Those that the row would fill as a parent.
    fills: BTreeSet<Place>,
}

impl Circles {
    /// Of all links of a scope.
    pub fn of(links: Vec<Link>) -> Self {
        let edges: Vec<(usize, usize)> =
            links.iter().map(|link| (link.child, link.parent)).collect();
        let circular = links.into_iter().zip(in_circles(&edges));
        Circles {
            links: circular
                .filter(|(_, is)| *is)
                .map(|(link, _)| link)
                .collect(),
            refused: BTreeMap::new(),
        }
    }

    /// Whether a table is part of a circle.
    pub fn have(&self, table: usize) -> bool {
        self.links.iter().any(|link| link.child == table)
    }

    /// Forgets all rows: another transaction begins.
    pub fn begin(&mut self) {
        self.refused.clear();
    }

    /// Takes note of a row that was refused, with the foreign keys of its table by which the parent is missing. Where there are none, something
    /// else is wrong with it.
    pub fn refuse(
        &mut self,
        shapes: &[TableShape],
        row: RowName,
        cells: &[ValueRef<'_>],
        missing: &[usize],
    ) {
        if missing.is_empty() {
            self.refused.remove(&row);
            return;
        }
        let table = row.0;
        let mut refused = Refused::default();
        for (index, link) in self.links.iter().enumerate() {
            if link.child == table && missing.contains(&link.number) {
                let place = (index, link.place(shapes, cells, &link.from));
                refused.missing.insert(place);
            }
            if link.parent == table {
                let place = (index, link.place(shapes, cells, &link.to));
                refused.fills.insert(place);
            }
        }
        // A parent that is missing by another foreign key is nobody's of the circle.
        let known = |number: &usize| {
            let mut links = self.links.iter();
            links.any(|link| link.child == table && link.number == *number)
        };
        match missing.iter().all(known) {
            true => self.refused.insert(row, refused),
            false => self.refused.remove(&row),
        };
    }

    /// A row that was written.
    pub fn forget(&mut self, row: &RowName) {
        self.refused.remove(row);
    }

    /// The rows that want nobody but each other: were all of them written, none of them would miss a parent.
    pub fn closed(&self) -> BTreeSet<RowName> {
        let mut closed: Vec<(&RowName, &Refused)> = self.refused.iter().collect();
        loop {
            let filled: BTreeSet<&Place> = closed.iter().flat_map(|(_, row)| &row.fills).collect();
            let is_filled = |row: &Refused| row.missing.iter().all(|place| filled.contains(place));
            let before = closed.len();
            closed.retain(|(_, row)| is_filled(row));
            if closed.len() == before {
                return closed.into_iter().map(|(name, _)| name.clone()).collect();
            }
        }
    }
}

impl Link {
    /// What the columns `at` of a row hold, as the parent's key compares it.
    fn place(&self, shapes: &[TableShape], cells: &[ValueRef<'_>], at: &[usize]) -> Vec<u8> {
        let parent = &shapes[self.parent];
        let equality = |to: &usize| {
            let place = parent.key.iter().position(|key| key == to);
            place.map_or(KeyEquality::Exact, |place| parent.key_equality[place])
        };
        let mut packed = RowSet::new(at.len());
        let mut row = packed.start_row();
        for (&column, to) in at.iter().zip(&self.to) {
            match cells[column] {
                ValueRef::Text(text) => row.cell(ValueRef::Text(&equality(to).fold(text))),
                other => row.cell(other),
            }
        }
        drop(row);
        packed.row(0).as_bytes().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row_key::tests::shape;

    #[test]
    fn references_that_lead_back_are_in_circles() {
        let check = |references: &[(usize, usize)], expected: &[usize]| {
            let found = in_circles(references).into_iter().enumerate();
            let found: Vec<usize> = found
                .filter(|(_, is)| *is)
                .map(|(index, _)| index)
                .collect();
            assert_eq!(found, expected, "{references:?}");
        };
        check(&[], &[]);
        check(&[(0, 0)], &[0]);
        check(&[(0, 1), (1, 2), (0, 2)], &[]);
        check(&[(0, 1), (1, 0)], &[0, 1]);
        check(
            &[(0, 1), (1, 2), (2, 0), (3, 0), (2, 4), (4, 4)],
            &[0, 1, 2, 5],
        );
    }

    #[test]
    fn rows_that_want_nobody_but_each_other() {
        // A table that refers to its own key in its first column, and by a foreign key that is in no circle in the same one.
        let link = Link {
            child: 0,
            number: 0,
            parent: 0,
            from: vec![1],
            to: vec![0],
        };
        let shapes = [shape()];
        let name = |id: i64| {
            let mut key = RowSet::new(1);
            key.push([ValueRef::Integer(id)]);
            (0, key.row(0).as_bytes().to_vec())
        };
        let check = |rows: &[(i64, i64, &[usize])], expected: &[i64]| {
            let mut circles = Circles::of(vec![link.clone()]);
            for &(id, parent, missing) in rows {
                let cells = [ValueRef::Integer(id), ValueRef::Integer(parent)];
                circles.refuse(&shapes, name(id), &cells, missing);
            }
            let expected = expected.iter().map(|id| name(*id)).collect();
            assert_eq!(circles.closed(), expected, "{rows:?}");
        };
        check(&[], &[]);
        check(&[(1, 2, &[0])], &[]);
        check(&[(1, 2, &[0]), (2, 1, &[0])], &[1, 2]);
        // Who hangs on a circle goes with it, and who hangs on somebody missing does not.
        check(
            &[
                (1, 2, &[0]),
                (2, 1, &[0]),
                (3, 1, &[0]),
                (4, 3, &[0]),
                (5, 9, &[0]),
                (6, 5, &[0]),
            ],
            &[1, 2, 3, 4],
        );
        // Nor does a circle of which a row is refused for something else, or misses a parent elsewhere.
        check(&[(1, 2, &[0]), (2, 1, &[])], &[]);
        check(&[(1, 2, &[0]), (2, 1, &[0, 1])], &[]);
    }
}

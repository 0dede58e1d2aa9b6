//! Packed rows, and what is made of their cells.

use std::cmp::Ordering;

use sync_metadata::{
    SqlType, ValueRef, content_cmp, content_eq, identical, row_id, table_id_range, write_key_text,
};
use sync_provider::RowSet;

use crate::Verdict;

/// Types of every family, with sizes and without.
const TYPES: [&str; 20] = [
    "int",
    "bigint",
    "bit",
    "decimal(10,2)",
    "money",
    "float",
    "real",
    "nvarchar(20)",
    "char(5)",
    "ntext",
    "uniqueidentifier",
    "date",
    "time",
    "datetime",
    "datetime2",
    "datetimeoffset",
    "smalldatetime",
    "binary(4)",
    "varbinary(8)",
    "xml",
];

/// A byte for the width, one for the first column's type, then a packed row.
pub(super) fn packed(bytes: &[u8]) -> Verdict {
    let [width, first_type, row @ ..] = bytes else {
        return Verdict::Refused;
    };
    let width = usize::from(*width % 8);
    let mut rows = RowSet::new(width);
    if !rows.push_encoded(row) {
        assert!(rows.is_empty());
        return Verdict::Refused;
    }
    assert_eq!(rows.row(0).as_bytes(), row);
    let cells: Vec<ValueRef<'_>> = rows.row(0).values().collect();
    assert_eq!(cells.len(), width);

    let mut again = RowSet::new(width);
    again.push(cells.iter().copied());
    let mut once_more = RowSet::new(width);
    assert!(once_more.push_encoded(again.row(0).as_bytes()));
    assert_eq!(once_more, again);
    for (before, after) in cells.iter().zip(again.row(0).values()) {
        assert!(identical(*before, after), "{before:?} {after:?}");
    }

    let types: Vec<SqlType> = (0..width)
        .map(|column| {
            TYPES[(usize::from(*first_type) + column) % TYPES.len()]
                .parse()
                .unwrap()
        })
        .collect();
    for sql_type in types.iter().take(2) {
        compared(sql_type, &cells);
    }
    let (lower, upper) = table_id_range("[fuzzed]");
    if let Ok(id) = row_id("[fuzzed]", types.iter().zip(cells.iter().copied())) {
        assert!(width == 0 || (lower <= id && id < upper));
    }
    Verdict::Read
}

/// Comparing is a total order, and equal values have equal texts.
fn compared(sql_type: &SqlType, cells: &[ValueRef<'_>]) {
    let texts: Vec<String> = cells
        .iter()
        .map(|cell| {
            let mut text = String::new();
            write_key_text(sql_type, *cell, &mut text);
            text
        })
        .collect();
    let order = |a: usize, b: usize| content_cmp(sql_type, cells[a], cells[b]);
    for a in 0..cells.len() {
        assert_eq!(order(a, a), Ordering::Equal, "{:?}", cells[a]);
        for b in 0..cells.len() {
            assert_eq!(order(a, b), order(b, a).reverse());
            let equal = content_eq(sql_type, cells[a], cells[b]);
            assert_eq!(equal, content_eq(sql_type, cells[b], cells[a]));
            if equal {
                assert_eq!(texts[a], texts[b], "{:?} {:?}", cells[a], cells[b]);
            }
            for c in 0..cells.len() {
                if order(a, b).is_le() && order(b, c).is_le() {
                    assert!(
                        order(a, c).is_le(),
                        "{:?} {:?} {:?}",
                        cells[a],
                        cells[b],
                        cells[c]
                    );
                }
            }
        }
    }
}

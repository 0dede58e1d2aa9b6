//! How many rows are asked for at once.

use sync_decision::TableShape;
use sync_metadata::{Size, SqlKind, SqlType};

/// Rows that the first call asks for where a column may hold any number of bytes.
const FIRST_LARGE: usize = 16;

/// How many rows a call asks for, so that not many more bytes come than there is room for: what comes beyond is read and thrown away.
#[derive(Copy, Clone, Debug)]
pub struct FetchSizer {
    rows: usize,
    bytes: usize,
}

impl FetchSizer {
    /// Rows that a call asks for at most.
    pub const MOST_ROWS: usize = 5_000;

    /// Before anything came of a table.
    pub fn new(shape: &TableShape) -> Self {
        let large = |sql_type: &SqlType| {
            matches!(sql_type.size, Some(Size::Max))
                || matches!(
                    sql_type.kind,
                    SqlKind::Text | SqlKind::NText | SqlKind::Image | SqlKind::Xml
                )
        };
        let rows = match shape.types.iter().any(large) {
            true => FIRST_LARGE,
            false => Self::MOST_ROWS,
        };
        FetchSizer { rows, bytes: 0 }
    }

    /// Rows to ask for where there is room for so many bytes.
    pub fn rows(&self, room: usize, most: usize) -> usize {
        match self.bytes {
            0 => self.rows.min(most),
            average => (room / average).saturating_add(1).clamp(1, most),
        }
    }

    /// Takes note of what came.
    pub fn came(&mut self, rows: usize, bytes: usize) {
        // Where nothing was needed nothing is known of sizes, but the next call may ask for more.
        self.rows = self.rows.saturating_mul(4).min(Self::MOST_ROWS);
        if rows > 0 && bytes > 0 {
            self.bytes = bytes.div_ceil(rows);
        }
    }
}

#[cfg(test)]
mod tests {
    use sync_metadata::KeyEquality;

    use super::*;

    fn shape(sql_type: &str) -> TableShape {
        TableShape {
            global_name: "[t]".into(),
            columns: vec!["id".into(), "v".into()],
            types: vec!["int".parse().unwrap(), sql_type.parse().unwrap()],
            key: vec![0],
            key_equality: vec![KeyEquality::Exact],
        }
    }

    #[test]
    fn it_follows_the_size_of_what_came() {
        let check = |sql_type: &str, first: usize| {
            assert_eq!(
                FetchSizer::new(&shape(sql_type)).rows(1 << 20, FetchSizer::MOST_ROWS),
                first,
                "{sql_type}"
            );
        };
        check("int", FetchSizer::MOST_ROWS);
        check("nvarchar(4000)", FetchSizer::MOST_ROWS);
        for large in [
            "nvarchar(max)",
            "varbinary(max)",
            "text",
            "ntext",
            "image",
            "xml",
        ] {
            check(large, FIRST_LARGE);
        }
        let mut fetch_sizer = FetchSizer::new(&shape("varbinary(max)"));
        // Nothing was needed: more may be looked at.
        fetch_sizer.came(0, 0);
        assert_eq!(fetch_sizer.rows(1 << 20, 5_000), 4 * FIRST_LARGE);
        fetch_sizer.came(4, 4 << 20);
        assert_eq!(fetch_sizer.rows(10 << 20, 5_000), 11);
        assert_eq!(fetch_sizer.rows(0, 5_000), 1, "one at least");
        assert_eq!(fetch_sizer.rows(usize::MAX, 1_000), 1_000);
    }
}

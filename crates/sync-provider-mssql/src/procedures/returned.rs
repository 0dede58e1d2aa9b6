//! What commands return: the order of their columns is asked for when a scope is opened, since `INSERT … EXEC` goes by position.

use sync_metadata::{Size, SqlKind, SqlType};
use sync_provider_commands::{Command, Parameter};
use tiberius::ColumnType;

use crate::procedures::staged::held;
use crate::read;
use crate::sql::join;

/// A command that selects rows, with the columns that it returns.
#[derive(Debug)]
pub(super) struct Selects {
    pub(super) command: Command,
    /// What runs in its place: the same, or the procedure that was made of its statement.
    pub(super) runs: Command,
    /// In its order.
    pub(super) columns: Vec<Column>,
}

/// A column that a command returns.
#[derive(Clone, Debug)]
pub(super) struct Column {
    name: String,
    /// The type of a variable's column that takes anything of it in.
    held: String,
}

impl Column {
    /// As the server describes it; nobody may have asked for it.
    pub(super) fn described(name: String, wire: ColumnType) -> Self {
        use ColumnType as T;
        let held = match wire {
            T::Text | T::NText | T::BigVarChar | T::BigChar | T::NVarchar | T::NChar => {
                "nvarchar(max)"
            }
            T::Image | T::BigVarBin | T::BigBinary | T::Udt => "varbinary(max)",
            T::Xml => "xml",
            _ => "sql_variant",
        };
        Column {
            name,
            held: held.to_owned(),
        }
    }
}

/// The columns of what a command returns, in its order, and which of them are read as what.
#[derive(Debug)]
pub(super) struct Returned {
    order: Vec<Column>,
    wanted: Vec<Parameter>,
}

impl Returned {
    /// Without an order of its own a command returns what is wanted.
    pub(super) fn new(order: Option<&[Column]>, wanted: Vec<Parameter>) -> Self {
        let own = |column: &Parameter| Column {
            name: column.name.clone(),
            held: String::new(),
        };
        let order = order.map_or_else(|| wanted.iter().map(own).collect(), <[Column]>::to_vec);
        Returned { order, wanted }
    }

    /// What is read of each row.
    pub(super) fn wanted(&self) -> &[Parameter] {
        &self.wanted
    }

    /// The wanted column that is not returned, if there is one.
    pub(super) fn missing(&self) -> Option<&str> {
        let mut wanted = self.wanted.iter();
        wanted
            .find(|column| self.place(&column.name).is_none())
            .map(|column| column.name.as_str())
    }

    fn place(&self, name: &str) -> Option<usize> {
        let exact = self.order.iter().position(|column| column.name == name);
        exact.or_else(|| {
            self.order
                .iter()
                .position(|column| column.name.eq_ignore_ascii_case(name))
        })
    }

    /// The columns of a table that takes the rows in.
    pub(super) fn columns(&self) -> String {
        join(self.order.iter().enumerate(), ", ", |(at, column)| {
            let mut wanted = self.wanted.iter();
            let wanted = wanted.find(|column| self.place(&column.name) == Some(at));
            let sql_type =
                wanted.map_or_else(|| column.held.clone(), |column| taken_in(&column.sql_type));
            format!("r{at} {sql_type} NULL")
        })
    }

    /// Their names.
    pub(super) fn names(&self) -> String {
        join(0..self.order.len(), ", ", |at| format!("r{at}"))
    }

    /// The wanted columns, as they are read.
    pub(super) fn selected(&self) -> String {
        let texts = self
            .wanted
            .iter()
            .filter(|column| read::holds_halves(&column.sql_type));
        let counts = join(texts, " + ", |column| {
            format!(
                "COALESCE({}, 0)",
                read::replacements(&self.column(&column.name))
            )
        });
        let counts = match counts.is_empty() {
            true => counts,
            false => format!(", CONVERT(bigint, {counts})"),
        };
        let cells = join(&self.wanted, "", |column| {
            let name = self.column(&column.name);
            match column.sql_type.kind {
                SqlKind::Timestamp => format!(", CONVERT(bigint, {name})"),
                _ => format!(", {}", read::select(&name, &column.sql_type)),
            }
        });
        cells + &counts
    }

    /// The column that holds a name's values.
    pub(super) fn column(&self, name: &str) -> String {
        format!("r{}", self.place(name).unwrap_or(0))
    }
}

/// Whether rows of these columns end with the count of U+FFFD in their texts.
pub(super) fn counts_replacements(wanted: &[Parameter]) -> bool {
    wanted
        .iter()
        .any(|column| read::holds_halves(&column.sql_type))
}

/// The type of a column that takes in what a command returns. Text of a code page becomes Unicode on the way.
fn taken_in(sql_type: &SqlType) -> String {
    match (&sql_type.kind, sql_type.size) {
        (SqlKind::Timestamp, _) => "binary(8)".to_owned(),
        (SqlKind::Xml, _) => "xml".to_owned(),
        (
            SqlKind::Char | SqlKind::VarChar | SqlKind::NChar | SqlKind::NVarChar,
            Some(Size::Length(length)),
        ) if length <= 4_000 => {
            format!("nvarchar({length})")
        }
        _ => held(sql_type),
    }
}

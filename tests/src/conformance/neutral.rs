//! The schema that every provider's replicas hold.

use std::sync::LazyLock;

use sync_metadata::{ColumnDescription, ScopeDescription, TableDescription, TableName, Value};

/// The scope's name.
pub(super) const SCOPE: &str = "conformance";

/// A table of the neutral schema.
#[derive(Debug)]
pub struct TableSpec {
    /// Its name, here and everywhere.
    pub name: &'static str,
    /// Its columns; the key columns among them have the flag.
    pub columns: &'static [Column],
    /// Stored in the order of its key, where the engine knows such a thing.
    pub clustered: bool,
}

/// A column: its name, SQLite's declaration, the type that stands for it, and whether it belongs to the key.
pub(super) type Column = (&'static str, &'static str, &'static str, bool);

/// Integer key, and a cell of every kind.
pub(super) const ITEM: usize = 0;
/// Text key.
pub(super) const WORD: usize = 1;
/// GUID key.
pub(super) const GUID: usize = 2;
/// Composite key.
pub(super) const PAIR: usize = 3;
/// Composite key in a clustered table.
pub(super) const CLUSTERED: usize = 4;

/// The tables.
pub const TABLES: &[TableSpec] = &[
    TableSpec {
        name: "Item",
        columns: &[
            ("id", "INTEGER", "bigint", true),
            ("name", "TEXT", "nvarchar(max)", false),
            ("amount", "REAL", "float", false),
            ("data", "BLOB", "varbinary(max)", false),
            ("number", "BIGINT", "bigint", false),
        ],
        clustered: false,
    },
    TableSpec {
        name: "Word",
        columns: &[
            ("word", "TEXT", "nvarchar(max)", true),
            ("note", "TEXT", "nvarchar(max)", false),
        ],
        clustered: false,
    },
    TableSpec {
        name: "Thing",
        columns: &[
            ("id", "UNIQUEIDENTIFIER", "uniqueidentifier", true),
            ("note", "TEXT", "nvarchar(max)", false),
        ],
        clustered: false,
    },
    TableSpec {
        name: "Pair",
        columns: &[
            ("a", "BIGINT", "bigint", true),
            ("note", "TEXT", "nvarchar(max)", false),
            ("b", "TEXT", "nvarchar(max)", true),
        ],
        clustered: false,
    },
    TableSpec {
        name: "Clustered",
        columns: &[
            ("a", "TEXT", "nvarchar(max)", true),
            ("b", "BIGINT", "bigint", true),
            ("note", "TEXT", "nvarchar(max)", false),
        ],
        clustered: true,
    },
];

impl TableSpec {
    /// Positions of the key columns.
    pub fn key(&self) -> impl Iterator<Item = usize> {
        (0..self.columns.len()).filter(|&column| self.columns[column].3)
    }

    /// The key cells of a row.
    pub fn key_of(&self, row: &[Value]) -> Vec<Value> {
        self.key().map(|column| row[column].clone()).collect()
    }
}

/// The scope that a provider without tables of its own is told.
pub(super) fn description() -> &'static ScopeDescription {
    static DESCRIPTION: LazyLock<ScopeDescription> = LazyLock::new(describe);
    &DESCRIPTION
}

fn describe() -> ScopeDescription {
    let tables = TABLES.iter().map(|spec| {
        let columns = spec.columns.iter().map(|(name, _, sql_type, key)| {
            let sql_type = sql_type.parse().expect("the type is right");
            match key {
                true => ColumnDescription::key(*name, sql_type),
                false => ColumnDescription::new(*name, sql_type),
            }
        });
        let name = TableName::parse(spec.name).expect("the name is right");
        TableDescription::new(name, format!("[{}]", spec.name), columns.collect())
            .expect("the table is right")
    });
    ScopeDescription::new(SCOPE, tables.collect()).expect("the scope is right")
}

/// A row of [`ITEM`].
pub(super) fn item(id: i64, name: &str) -> Vec<Value> {
    vec![
        Value::Integer(id),
        text(name),
        Value::Real(id as f64 / 2.0),
        Value::Null,
        Value::Integer(id.wrapping_neg()),
    ]
}

/// Text.
pub(super) fn text(text: &str) -> Value {
    Value::Text(text.into())
}

/// The key of an [`ITEM`].
pub(super) fn id(id: i64) -> [Value; 1] {
    [Value::Integer(id)]
}

//! A table of purchases, twelve columns of mixed types and about 300 bytes a row, the same in every run.

use tiberius::numeric::Numeric;
use tiberius::time::{Date, DateTime2, Time};
use tiberius::{ColumnData, Uuid};

/// What the primary key of the table is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    /// `int`, in ascending order.
    Integer,
    /// `nvarchar(40)` in the database's collation, which may take two spellings for one.
    Text,
}

impl Keys {
    /// The name in tables of results.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Keys::Integer => "integer keys",
            Keys::Text => "text keys",
        }
    }

    /// Creates the table.
    pub(crate) fn create(self) -> String {
        let key = match self {
            Keys::Integer => "int",
            Keys::Text => "nvarchar(40)",
        };
        format!(
            "CREATE TABLE Purchase (Id {key} NOT NULL PRIMARY KEY, Buyer nvarchar(60) NOT NULL, Mail nvarchar(80) NOT NULL, \
             City nvarchar(40) NOT NULL, Note nvarchar(200) NOT NULL, Amount decimal(18,4) NOT NULL, Weight float NOT NULL, Quantity bigint NOT NULL, \
             Paid bit NOT NULL, Made datetime2(6) NOT NULL, Reference uniqueidentifier NOT NULL, Seal varbinary(64) NOT NULL)"
        )
    }

    fn key(self, number: u32) -> ColumnData<'static> {
        match self {
            Keys::Integer => ColumnData::I32(Some(number.cast_signed())),
            Keys::Text => ColumnData::String(Some(format!("Purchase {number:08}").into())),
        }
    }
}

/// A row as the driver takes it.
pub(crate) type Row = Vec<ColumnData<'static>>;

/// Row `number`, in the order of the columns.
pub(crate) fn row(keys: Keys, number: u32) -> Row {
    let random = mixed(number.into());
    let text = |text: String| ColumnData::String(Some(text.into()));
    let microsecond = u64::from(number) * 1_234_567 % 86_400_000_000;
    let made = DateTime2::new(
        Date::new(738_000 + number % 1_000),
        Time::new(microsecond, 6),
    );
    let reference = Uuid::from_u64_pair(random, mixed(random));
    let seal: Vec<u8> = (0..8)
        .flat_map(|step| mixed(random ^ step).to_le_bytes())
        .collect();
    vec![
        keys.key(number),
        text(format!("Firstname{} Lastname{number}", random % 977)),
        text(format!("person.{number}@example.org")),
        text(format!("Köln-{}", random % 83)),
        text(format!(
            "\"Left\" at the door of house {}; ring twice, €{} deposit",
            random % 300,
            random % 50
        )),
        ColumnData::Numeric(Some(Numeric::new_with_scale(
            i128::from(random % 100_000_000),
            4,
        ))),
        ColumnData::F64(Some((random % 1_000_000) as f64 / 7.0)),
        ColumnData::I64(Some((random >> 8).cast_signed())),
        ColumnData::Bit(Some(random.is_multiple_of(2))),
        ColumnData::DateTime2(Some(made)),
        ColumnData::Guid(Some(reference)),
        ColumnData::Binary(Some(seal.into())),
    ]
}

/// SplitMix64.
fn mixed(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

//! A table of customers, about 110 bytes a row, the same in every run.

use std::path::Path;

use rusqlite::{Connection, params};
use uuid::Uuid;

use crate::Result;

/// What the primary key of the sample table is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Keys {
    /// `INTEGER PRIMARY KEY`, in ascending order.
    Integer,
    /// `TEXT PRIMARY KEY`, a random GUID of 36 characters, in no order.
    Guid,
}

impl Keys {
    /// The name in tables of results.
    pub fn name(self) -> &'static str {
        match self {
            Keys::Integer => "integer keys",
            Keys::Guid => "GUID text keys",
        }
    }

    fn declaration(self) -> &'static str {
        match self {
            Keys::Integer => "id INTEGER PRIMARY KEY",
            Keys::Guid => "id TEXT NOT NULL PRIMARY KEY",
        }
    }
}

/// The columns of the sample table, key first.
pub const COLUMNS: &str = "id, name, mail, city, balance, changed";

/// Creates the table `Customer` without rows.
///
/// # Errors
/// The database refuses.
pub fn create(db: &Connection, keys: Keys) -> Result<()> {
    let key = keys.declaration();
    db.execute_batch(&format!(
        "CREATE TABLE Customer ({key}, name TEXT NOT NULL, mail TEXT, city TEXT, balance INTEGER, changed TEXT)"
    ))?;
    Ok(())
}

/// Creates a database at `path` whose `Customer` holds rows `0..rows`.
///
/// # Errors
/// The file cannot be written.
pub fn create_filled(path: &Path, keys: Keys, rows: u64) -> Result<()> {
    let mut db = Connection::open(path)?;
    create(&db, keys)?;
    let transaction = db.transaction()?;
    {
        let mut insert =
            transaction.prepare("INSERT INTO Customer VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
        for number in 0..rows {
            let row = Customer::of(number);
            let rest = params![row.name, row.mail, row.city, row.balance, row.changed];
            bind_key(&mut insert, keys, number)?;
            for (at, value) in rest.iter().enumerate() {
                insert.raw_bind_parameter(at + 2, value)?;
            }
            insert.raw_execute()?;
        }
    }
    transaction.commit()?;
    Ok(())
}

/// Binds the key of row `number` as the first parameter.
///
/// # Errors
/// The statement has no parameter.
pub fn bind_key(
    statement: &mut rusqlite::Statement<'_>,
    keys: Keys,
    number: u64,
) -> rusqlite::Result<()> {
    match keys {
        Keys::Integer => statement.raw_bind_parameter(1, number.cast_signed() + 1),
        Keys::Guid => statement.raw_bind_parameter(1, guid(number)),
    }
}

/// What row `number` holds beside its key.
#[derive(Clone, Debug)]
pub struct Customer {
    /// A name.
    pub name: String,
    /// An address for mail.
    pub mail: String,
    /// A town.
    pub city: &'static str,
    /// Cents.
    pub balance: i64,
    /// A date and time as text.
    pub changed: String,
}

const CITIES: [&str; 5] = [
    "Zürich",
    "San Francisco",
    "Kraków",
    "Buenos Aires",
    "København",
];

impl Customer {
    /// The row with this number.
    pub fn of(number: u64) -> Self {
        let random = mix(number);
        Customer {
            name: format!("Customer number {number:08}"),
            mail: format!("customer.{random:016x}@example.com"),
            city: CITIES[(random % CITIES.len() as u64) as usize],
            balance: (random % 10_000_000).cast_signed(),
            changed: format!(
                "2026-{:02}-{:02} 12:00:00",
                1 + random % 12,
                1 + random / 12 % 28
            ),
        }
    }
}

fn guid(number: u64) -> String {
    let id = u128::from(mix(number)) << 64 | u128::from(mix(!number));
    Uuid::from_u128(id).hyphenated().to_string()
}

/// Scatters numbers (the finaliser of the SplitMix64 generator).
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

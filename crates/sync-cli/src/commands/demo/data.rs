//! The sales data of the demonstration: customers, their orders and the lines of these, all with GUID keys. The same on every machine.

use std::path::Path;

use rusqlite::{Connection, params};
use sync_metadata::Date;
use uuid::Uuid;

/// The tables, as an application would have made them. SQLite has no schemas: `[Sales].[Customer]` is `Sales_Customer`.
const TABLES: &str = "
    CREATE TABLE Sales_Customer (
        CustomerId UNIQUEIDENTIFIER TEXT NOT NULL PRIMARY KEY,
        CustomerName NVARCHAR(100) NOT NULL,
        SalesPerson NVARCHAR(100) NOT NULL,
        CustomerType NVARCHAR(100) NOT NULL
    );
    CREATE TABLE Sales_Order (
        OrderId UNIQUEIDENTIFIER TEXT NOT NULL PRIMARY KEY,
        CustomerId UNIQUEIDENTIFIER TEXT NOT NULL REFERENCES Sales_Customer (CustomerId),
        OrderDate DATE NOT NULL,
        Freight DECIMAL(10,2) NOT NULL
    );
    CREATE INDEX Sales_Order_Customer ON Sales_Order (CustomerId);
    CREATE TABLE Sales_OrderLine (
        OrderId UNIQUEIDENTIFIER TEXT NOT NULL REFERENCES Sales_Order (OrderId),
        LineNumber INT NOT NULL,
        Product NVARCHAR(100) NOT NULL,
        Quantity INT NOT NULL,
        UnitPrice DECIMAL(10,2) NOT NULL,
        ShippedAt DATETIME,
        PRIMARY KEY (OrderId, LineNumber)
    );";

/// The tables by the names that all replicas share.
pub(super) const SHARED_NAMES: [&str; 3] = [
    "[Sales].[Customer]",
    "[Sales].[Order]",
    "[Sales].[OrderLine]",
];

const PLACES: [&str; 10] = [
    "Aurora",
    "Boréal",
    "Cedar",
    "Dover",
    "Eiger",
    "Fjord",
    "Göteborg",
    "Harbour",
    "Isar",
    "Jura",
];
const TRADES: [&str; 8] = [
    "Bikes",
    "Outfitters",
    "Sports",
    "Cycles",
    "Wheels",
    "Mountain Shop",
    "Rentals",
    "Tours",
];
const SALES_PEOPLE: [&str; 6] = [
    "James Bailey",
    "Brenda Diaz",
    "Mary Saucedo",
    "Linda Meisner",
    "Zoë Müller",
    "Karl Åberg",
];
const TYPES: [&str; 3] = ["Retail", "Wholesale", "Online"];
const PRODUCTS: [(&str, u64); 8] = [
    ("Helmet", 3499),
    ("Bottle cage", 899),
    ("Chain", 2024),
    ("Patch kit", 229),
    ("Pedals", 6299),
    ("Saddle", 3924),
    ("Touring frame", 100_391),
    ("Tyre", 2195),
];

/// How many rows each table got.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Made {
    pub(super) customers: u64,
    pub(super) orders: u64,
    pub(super) lines: u64,
}

impl Made {
    /// A tenth customers, three tenths orders, the rest their lines; at least one customer.
    fn of(rows: u64) -> Self {
        let customers = (rows / 10).max(1);
        let orders = (rows - customers) / 3;
        Made {
            customers,
            orders,
            lines: if orders == 0 {
                0
            } else {
                rows - customers - orders
            },
        }
    }

    pub(super) fn rows(self) -> u64 {
        self.customers + self.orders + self.lines
    }
}

/// Makes the database.
pub(super) fn make(path: &Path, rows: u64) -> rusqlite::Result<Made> {
    let mut db = Connection::open(path)?;
    let transaction = db.transaction()?;
    transaction.execute_batch(TABLES)?;
    let made = fill(&transaction, Made::of(rows))?;
    transaction.commit()?;
    Ok(made)
}

fn fill(db: &Connection, made: Made) -> rusqlite::Result<Made> {
    let mut random = Random(made.rows());
    let mut customer = db.prepare("INSERT INTO Sales_Customer VALUES (?1, ?2, ?3, ?4)")?;
    let mut order = db.prepare("INSERT INTO Sales_Order VALUES (?1, ?2, ?3, ?4)")?;
    let mut line = db.prepare("INSERT INTO Sales_OrderLine VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    for number in 0..made.customers {
        let name = format!(
            "{} {} {}",
            random.one_of(&PLACES),
            random.one_of(&TRADES),
            number + 1
        );
        let (sales_person, kind) = (random.one_of(&SALES_PEOPLE), random.one_of(&TYPES));
        customer.execute(params![
            customer_id(number).to_string(),
            name,
            sales_person,
            kind
        ])?;
    }
    for number in 0..made.orders {
        let of = customer_id(random.below(made.customers)).to_string();
        let freight = cents(random.below(9_000) + 500);
        order.execute(params![
            order_id(number).to_string(),
            of,
            day(&mut random),
            freight
        ])?;
        // Lines are dealt out evenly, the first orders taking what is left over.
        let lines = made.lines / made.orders + u64::from(number < made.lines % made.orders);
        for line_number in 1..=lines {
            let (product, price) = *random.one_of(&PRODUCTS);
            let shipped = (random.below(4) > 0)
                .then(|| format!("{} 08:{:02}:00", day(&mut random), random.below(60)));
            let quantity = i64::try_from(random.below(9) + 1).unwrap_or(1);
            let line_number = i64::try_from(line_number).unwrap_or(i64::MAX);
            line.execute(params![
                order_id(number).to_string(),
                line_number,
                product,
                quantity,
                cents(price),
                shipped
            ])?;
        }
    }
    Ok(made)
}

/// The id of the customer with this number.
pub(super) fn customer_id(number: u64) -> Uuid {
    guid(1, number)
}

/// The id of the order with this number.
pub(super) fn order_id(number: u64) -> Uuid {
    guid(2, number)
}

/// A GUID of version 8 that looks as random as any, and is not.
fn guid(table: u64, number: u64) -> Uuid {
    let mut random = Random(table << 56 ^ number);
    let bits = u128::from(random.next()) << 64 | u128::from(random.next());
    uuid::Builder::from_custom_bytes(bits.to_be_bytes()).into_uuid()
}

fn day(random: &mut Random) -> String {
    const FIRST_OF_2025: i32 = 739_251;
    let days = FIRST_OF_2025 + i32::try_from(random.below(700)).unwrap_or(0);
    Date::from_days(days).map_or_else(|_| "2025-01-01".to_owned(), |date| date.to_string())
}

fn cents(amount: u64) -> String {
    format!("{}.{:02}", amount / 100, amount % 100)
}

/// SplitMix64: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    fn one_of<'t, T>(&mut self, things: &'t [T]) -> &'t T {
        let at = self.below(things.len() as u64);
        &things[usize::try_from(at).unwrap_or(0)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_rows_as_were_asked_for() {
        for (rows, expected) in [
            (1, 1),
            (2, 1),
            (3, 1),
            (4, 4),
            (10, 10),
            (11, 11),
            (999, 999),
            (1000, 1000),
        ] {
            assert_eq!(Made::of(rows).rows(), expected, "{rows}");
        }
    }

    #[test]
    fn the_data_fits_its_tables() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.db");
        assert_eq!(
            make(&path, 1000).unwrap(),
            Made {
                customers: 100,
                orders: 300,
                lines: 600
            }
        );
        let db = Connection::open(&path).unwrap();
        let (orders, dates): (i64, i64) = db
            .query_row("SELECT count(*), sum(OrderDate BETWEEN '2025-01-01' AND '2026-12-31') FROM Sales_Order", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        assert_eq!((orders, dates), (300, 300));
        let broken: i64 = db
            .query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(broken, 0);
    }
}

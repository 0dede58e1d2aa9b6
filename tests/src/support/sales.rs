//! Generated sales data: customers, their orders and the lines of these, with keys of several kinds.

use std::path::Path;

use crate::support::dump::open;

/// The tables. GUID keys, a composite key, a reference to the same table, decimals, dates, NULLs, text that is not ASCII, bytes.
pub const SCHEMA: &str = "
    CREATE TABLE Sales_Employee (EmployeeId INTEGER PRIMARY KEY, Name NVARCHAR(60) NOT NULL, ReportsTo INTEGER REFERENCES Sales_Employee);
    CREATE TABLE Sales_Customer (CustomerId UNIQUEIDENTIFIER NOT NULL PRIMARY KEY, Name NVARCHAR(100) NOT NULL, City NVARCHAR(60),
        Credit NUMERIC(10,2), Since DATETIME, SupportRepId INTEGER REFERENCES Sales_Employee, Photo BLOB);
    CREATE TABLE Sales_Order (OrderId UNIQUEIDENTIFIER NOT NULL PRIMARY KEY, CustomerId UNIQUEIDENTIFIER NOT NULL REFERENCES Sales_Customer,
        Number INTEGER NOT NULL UNIQUE, Placed DATETIME NOT NULL, Note NVARCHAR(200));
    CREATE TABLE Sales_OrderLine (OrderId UNIQUEIDENTIFIER NOT NULL REFERENCES Sales_Order, LineNumber INTEGER NOT NULL,
        Product NVARCHAR(60) NOT NULL, Price NUMERIC(10,2) NOT NULL, Quantity REAL NOT NULL, PRIMARY KEY (OrderId, LineNumber)) WITHOUT ROWID;";

/// Makes the tables and fills them: `customers` customers, an order each, three lines per order.
pub fn create(path: &Path, customers: u32) {
    let db = open(path);
    db.execute_batch(SCHEMA).expect("the schema is right");
    db.execute_batch(
        "INSERT INTO Sales_Employee VALUES (1, 'Åsa Ek', 3), (2, 'Bo', 1), (3, 'Zoë', NULL)",
    )
    .unwrap();
    let statements = [
        "INSERT INTO Sales_Customer WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
            SELECT printf('%08x-0000-4000-8000-%012x', i * 2654435761 % 4294967296, i), 'Kunde ' || i || ' Ü',
            CASE WHEN i % 3 = 0 THEN NULL ELSE 'São Paulo' END, i * 1.25, printf('2024-%02d-01 00:00:00', i % 12 + 1),
            i % 3 + 1, CASE i % 4 WHEN 0 THEN x'00ff' WHEN 1 THEN x'' END FROM n",
        "INSERT INTO Sales_Order SELECT 'a' || substr(CustomerId, 2), CustomerId, rowid * 10, '2025-01-01 10:00:00', '' FROM Sales_Customer WHERE ?1 > 0",
        "INSERT INTO Sales_OrderLine SELECT OrderId, line.value, 'Hütte ' || line.value, 9.99 * line.value, 0.1 * line.value
            FROM Sales_Order, (SELECT 1 AS value UNION SELECT 2 UNION SELECT 3) line WHERE ?1 > 0",
    ];
    for statement in statements {
        db.execute(statement, [customers]).expect(statement);
    }
}

//! What the three databases' users do while they are apart.

use std::path::Path;

use rusqlite::{Connection, params};
use uuid::Uuid;

use super::data::{Made, customer_id, order_id};

/// Something a user did, and how many rows it touched.
#[derive(Debug)]
pub(super) struct Edit {
    pub(super) what: String,
    pub(super) rows: u64,
}

/// A new customer with an order, another sales person for a customer that the south changes too, and an order that is cancelled.
pub(super) fn in_the_north(path: &Path, made: Made) -> rusqlite::Result<Vec<Edit>> {
    in_transaction(path, |db| {
        let mut edits = vec![reassign(db, "Maria Lindqvist")?];
        let (customer, order) = (new_id(), new_id());
        let mut rows = db.execute(
            "INSERT INTO Sales_Customer VALUES (?1, 'Northern Lights Cycling', 'Maria Lindqvist', 'Retail')",
            [&customer],
        )?;
        rows += db.execute(
            "INSERT INTO Sales_Order VALUES (?1, ?2, '2026-11-02', '12.50')",
            [&order, &customer],
        )?;
        for (line, product, price) in [(1, "Helmet", "34.99"), (2, "Tyre", "21.95")] {
            rows += db.execute(
                "INSERT INTO Sales_OrderLine VALUES (?1, ?2, ?3, 2, ?4, NULL)",
                params![order, line, product, price],
            )?;
        }
        edits.push(edit(
            "enters a new customer with an order of two lines",
            rows,
        ));
        if made.orders > 0 {
            let order = cancelled(made);
            let mut rows =
                db.execute("DELETE FROM Sales_OrderLine WHERE OrderId = ?1", [&order])?;
            rows += db.execute("DELETE FROM Sales_Order WHERE OrderId = ?1", [&order])?;
            edits.push(edit("cancels an order and deletes its lines", rows));
        }
        Ok(edits)
    })
}

/// Another sales person for the same customer, and new prices.
pub(super) fn in_the_south(path: &Path, made: Made) -> rusqlite::Result<Vec<Edit>> {
    in_transaction(path, |db| {
        let mut edits = vec![reassign(db, "Jonas Weber")?];
        if made.lines > 0 {
            let rows = db.execute(
                "UPDATE Sales_OrderLine SET UnitPrice = '36.49' WHERE Product = 'Helmet' AND OrderId <> ?1",
                [cancelled(made)],
            )?;
            edits.push(edit("raises the price of helmets in all orders", rows));
        }
        Ok(edits)
    })
}

/// A customer that the others hear of.
pub(super) fn at_the_hub(path: &Path) -> rusqlite::Result<Vec<Edit>> {
    in_transaction(path, |db| {
        let rows = db.execute(
            "INSERT INTO Sales_Customer VALUES (?1, 'Hub & Spoke Repairs', 'Brenda Diaz', 'Online')",
            [new_id()],
        )?;
        Ok(vec![edit("enters a customer", rows)])
    })
}

fn reassign(db: &Connection, sales_person: &str) -> rusqlite::Result<Edit> {
    let id = customer_id(0).to_string();
    let name: String = db.query_row(
        "SELECT CustomerName FROM Sales_Customer WHERE CustomerId = ?1",
        [&id],
        |row| row.get(0),
    )?;
    let rows = db.execute(
        "UPDATE Sales_Customer SET SalesPerson = ?2 WHERE CustomerId = ?1",
        [id.as_str(), sales_person],
    )?;
    Ok(edit(format!("gives {name} to {sales_person}"), rows))
}

fn cancelled(made: Made) -> String {
    order_id(made.orders - 1).to_string()
}

fn new_id() -> String {
    Uuid::new_v4().to_string()
}

fn edit(what: impl Into<String>, rows: usize) -> Edit {
    Edit {
        what: what.into(),
        rows: rows as u64,
    }
}

fn in_transaction<T>(
    path: &Path,
    work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let mut db = Connection::open(path)?;
    let transaction = db.transaction()?;
    let result = work(&transaction)?;
    transaction.commit()?;
    Ok(result)
}

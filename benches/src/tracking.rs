//! What tracking costs an application that writes: our triggers, against writing both rows by hand.

use rusqlite::Connection;
use tempfile::TempDir;

use sync_provider_sqlite::{Provisioning, TableChoice, Tables};

use crate::sample::{self, Customer, Keys};
use crate::{Result, floor};

/// Who keeps the tracking rows.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Tracked {
    /// Nobody: the table as it was before it was provisioned.
    Not,
    /// The triggers.
    ByTriggers,
    /// The application, with a second statement per row, into the same tracking table with the same indexes.
    ByHand,
}

/// How a row is written.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// New rows behind the others.
    Insert,
    /// One column of rows that exist, spread over the table.
    Update,
}

/// A database whose application writes.
#[derive(Debug)]
pub struct Application {
    db: Connection,
    tracked: Tracked,
    keys: Keys,
    rows: u64,
    // Deleted with the value.
    _folder: TempDir,
}

impl Application {
    /// A database with `rows` rows.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn new(tracked: Tracked, keys: Keys, rows: u64) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("application.db");
        sample::create_filled(&path, keys, rows)?;
        if tracked != Tracked::Not {
            let choice = TableChoice {
                table: "Customer".into(),
                global_name: None,
                columns: None,
            };
            Provisioning::new("bench", Tables::Listed(vec![choice])).apply(&path)?;
        }
        let db = Connection::open(&path)?;
        // Waiting for the disk is the same for all and would only hide the difference.
        db.pragma_update(None, "synchronous", "OFF")?;
        if tracked == Tracked::ByHand {
            floor::drop_triggers(&db)?;
        }
        Ok(Application {
            db,
            tracked,
            keys,
            rows,
            _folder: folder,
        })
    }

    /// Writes `count` rows in one transaction, which is undone at once by [`undo`](Self::undo).
    ///
    /// # Errors
    /// The database refuses.
    pub fn write(&mut self, write: Write, count: u64, round: u64) -> Result<()> {
        self.db.execute_batch("BEGIN")?;
        let by_hand = self.tracked == Tracked::ByHand;
        match write {
            Write::Insert => {
                let mut base = self
                    .db
                    .prepare("INSERT INTO Customer VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
                let mut tracking = by_hand
                    .then(|| self.db.prepare(INSERT_BY_HAND))
                    .transpose()?;
                let sample = Customer::of(round);
                for number in self.rows..self.rows + count {
                    sample::bind_key(&mut base, self.keys, number)?;
                    base.raw_bind_parameter(2, &sample.name)?;
                    base.raw_bind_parameter(3, &sample.mail)?;
                    base.raw_bind_parameter(4, sample.city)?;
                    base.raw_bind_parameter(5, sample.balance)?;
                    base.raw_bind_parameter(6, &sample.changed)?;
                    base.raw_execute()?;
                    if let Some(tracking) = &mut tracking {
                        sample::bind_key(tracking, self.keys, number)?;
                        tracking.raw_execute()?;
                    }
                }
            }
            Write::Update => {
                let mut base = self
                    .db
                    .prepare("UPDATE Customer SET balance = ?2 WHERE id = ?1")?;
                let mut tracking = by_hand
                    .then(|| self.db.prepare(UPDATE_BY_HAND))
                    .transpose()?;
                for number in 0..count {
                    let number = number * (self.rows / count);
                    sample::bind_key(&mut base, self.keys, number)?;
                    base.raw_bind_parameter(2, 10_000_000 + round.cast_signed())?;
                    base.raw_execute()?;
                    if let Some(tracking) = &mut tracking {
                        sample::bind_key(tracking, self.keys, number)?;
                        tracking.raw_execute()?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Undoes what was written.
    ///
    /// # Errors
    /// The database refuses.
    pub fn undo(&self) -> Result<()> {
        if !self.db.is_autocommit() {
            self.db.execute_batch("ROLLBACK")?;
        }
        Ok(())
    }
}

const INSERT_BY_HAND: &str = "INSERT INTO Customer_tracking (id, local_update_peer_key, local_update_peer_timestamp, \
     local_create_peer_key, local_create_peer_timestamp, sync_row_is_tombstone, last_change_datetime) \
     VALUES (?1, 0, 2, 0, 2, 0, 1795000000000000)";

const UPDATE_BY_HAND: &str = "UPDATE Customer_tracking SET update_scope_local_id = NULL, local_update_peer_key = 0, \
     local_update_peer_timestamp = 2, restore_timestamp = NULL, last_change_datetime = 1795000000000000 WHERE id = ?1";

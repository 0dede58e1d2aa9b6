//! Reading tracking rows.

use rusqlite::Row;
use sync_metadata::TrackingRow;
use sync_relational::Attributes;

/// The tracking row in the columns from `at` on.
pub(super) fn tracking_row(
    row: &Row<'_>,
    at: usize,
) -> rusqlite::Result<(TrackingRow, Attributes)> {
    let mut tracking = update_columns(row, at)?;
    let attributes = other_columns(&mut tracking, row, at)?;
    Ok((tracking, attributes))
}

/// The columns that the version of the last update is made of.
pub(super) fn update_columns(row: &Row<'_>, at: usize) -> rusqlite::Result<TrackingRow> {
    Ok(TrackingRow {
        update_scope_local_id: row.get(at)?,
        scope_update_peer_key: row.get(at + 1)?,
        scope_update_peer_timestamp: row.get(at + 2)?,
        local_update_peer_key: row.get(at + 3)?,
        local_update_peer_timestamp: row.get(at + 4)?,
        restore_timestamp: row.get(at + 11)?,
        ..TrackingRow::default()
    })
}

/// The rest of a tracking row.
pub(super) fn other_columns(
    tracking: &mut TrackingRow,
    row: &Row<'_>,
    at: usize,
) -> rusqlite::Result<Attributes> {
    tracking.create_scope_local_id = row.get(at + 5)?;
    tracking.scope_create_peer_key = row.get(at + 6)?;
    tracking.scope_create_peer_timestamp = row.get(at + 7)?;
    tracking.local_create_peer_key = row.get(at + 8)?;
    tracking.local_create_peer_timestamp = row.get(at + 9)?;
    tracking.tombstone = row.get(at + 10)?;
    tracking.last_change = row.get(at + 12)?;
    Ok(Attributes {
        write_time: row.get(at + 13)?,
        writer: row.get(at + 14)?,
    })
}

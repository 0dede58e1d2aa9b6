//! A session with nothing to do reads no user row: it succeeds although every page of the user's table is out of reach.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use rusqlite::Connection;
use sync_benches::pair::Pair;
use sync_benches::sample::Keys;

#[test]
fn a_session_without_changes_reads_no_user_row() {
    let pair = Pair::new(Keys::Integer, 2000).unwrap();
    pair.empty_destination().unwrap();
    pair.synchronize(false).unwrap();
    pair.synchronize(false).unwrap();
    for path in [pair.source(), pair.destination()] {
        bury_root_page(&path, "Customer");
        assert!(count(&path).is_err(), "no row can be read any more");
    }

    let statistics = pair.synchronize(false).unwrap();
    assert_eq!(statistics.upload.unwrap().changes_total, 0);
    assert_eq!(statistics.download.unwrap().changes_total, 0);

    // The trap works: with one row to send, the session has to read it.
    let db = Connection::open(pair.source()).unwrap();
    let touched = "UPDATE Customer_tracking SET local_update_peer_timestamp = (SELECT tick FROM sync_tick) WHERE id = 7";
    db.execute(touched, []).unwrap();
    assert!(pair.synchronize(false).is_err());
}

fn count(path: &Path) -> rusqlite::Result<i64> {
    let sql = "SELECT count(name) FROM Customer";
    Connection::open(path)?.query_row(sql, [], |row| row.get(0))
}

/// Overwrites the page through which all rows of a table are found.
fn bury_root_page(path: &Path, table: &str) {
    let (page, size): (u64, u64) = {
        let db = Connection::open(path).unwrap();
        let root = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
        let root: i64 = db.query_row(root, [table], |row| row.get(0)).unwrap();
        let size: i64 = db
            .pragma_query_value(None, "page_size", |row| row.get(0))
            .unwrap();
        (root.cast_unsigned(), size.cast_unsigned())
    };
    let mut file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start((page - 1) * size)).unwrap();
    file.write_all(&vec![0xff; usize::try_from(size).unwrap()])
        .unwrap();
}

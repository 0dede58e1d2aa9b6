//! As source: pages of tracking rows above a tick, and rows by key.

use sync_metadata::{TrackingRow, Value};
use sync_provider::{ProviderError, RowSet};
use sync_relational::{Attributes, Cursor, Fetch, Fetched, Needed, Page, Scan};
use tiberius::{ColumnData, ToSql};

use crate::read;
use crate::staging::Packed;
use crate::store::MssqlStore;
use crate::store::texts::Texts;

/// Columns of a tracking row and ours, as `TableNames::tracking` selects them.
pub(super) const TRACKING_WIDTH: usize = 15;
/// Rows that a page asks for at most.
const MOST_ROWS: i32 = 5_000;

impl MssqlStore {
    /// The columns that the server is to count in.
    pub(super) fn counted(&self, table: usize, keys_alone: bool) -> Vec<usize> {
        if self.counts {
            self.tables[table].counted(keys_alone)
        } else {
            Vec::new()
        }
    }

    pub(super) async fn scan_page(&mut self, scan: Scan<'_>) -> Result<Page, ProviderError> {
        loop {
            match self.scan_once(&scan).await? {
                Some(page) => return Ok(page),
                None => self.counts = true,
            }
        }
    }

    /// `None` where the server has to count.
    async fn scan_once(&mut self, scan: &Scan<'_>) -> Result<Option<Page>, ProviderError> {
        let counted = self.counted(scan.table, scan.deleted);
        let mut texts = Texts::new(counted.clone());
        let shape = &self.shapes[scan.table];
        let keys = shape.key.len();
        let width = if scan.deleted {
            keys
        } else {
            shape.columns.len()
        };
        let sql = self.tables[scan.table].scan(scan.deleted, scan.after.is_some(), &counted);
        let floor = match &scan.after {
            Some(cursor) => cursor.tick,
            None => i64::try_from(scan.floor).unwrap_or(i64::MAX),
        };
        let mut parameters: Vec<Parameter> = vec![
            Parameter(ColumnData::I32(Some(MOST_ROWS))),
            Parameter(ColumnData::I64(Some(floor))),
        ];
        if let Some(cursor) = &scan.after {
            parameters.extend(key_parameters(&cursor.key));
        }
        let parameters: Vec<&dyn ToSql> =
            parameters.iter().map(|value| value as &dyn ToSql).collect();
        let mut page = Page::new(width);
        let mut needed = Needed::new(scan.selection, shape);
        let lens = self.lens;
        let mut seen = 0;
        let mut full = false;
        let mut last: Option<Cursor> = None;
        self.connection
            .call_each::<ProviderError>(&sql, &parameters, |_, row| {
                seen += 1;
                if full {
                    return Ok(());
                }
                let mut cells = row.into_iter();
                let (tracking, attributes) = tracking(&mut cells)?;
                let present = integer(cells.next()) == Some(1);
                texts.read(&mut cells);
                let key = values(&mut cells, keys).and_then(|key| {
                    texts
                        .check(shape, shape.key.iter().copied().zip(&key))
                        .map(|()| key)
                });
                page.examined += 1;
                let facts = lens.facts(&tracking);
                let key = match key {
                    Ok(key) => key,
                    Err(reason) => {
                        if needed.is_nameless(facts) {
                            page.push_nameless(shape, facts, || reason);
                        }
                        return Ok(());
                    }
                };
                let mut packed = RowSet::new(keys);
                packed.push(key.iter().map(Value::as_ref));
                if needed.is(facts, packed.row(0).values()) {
                    if scan.deleted {
                        page.rows.push_row(packed.row(0));
                        page.push_head(facts, lens.written(&tracking, attributes));
                    } else if !present {
                        page.orphans += 1;
                    } else {
                        let row = values(&mut cells, width);
                        match row.and_then(|row| {
                            texts.check(shape, row.iter().enumerate()).map(|()| row)
                        }) {
                            Ok(cells) => {
                                page.rows.push(cells.iter().map(Value::as_ref));
                                page.push_head(facts, lens.written(&tracking, attributes));
                            }
                            Err(reason) => page.push_unsent(shape, packed.clone(), facts, reason),
                        }
                    }
                }
                last = Some(Cursor {
                    tick: tracking.local_update_peer_timestamp,
                    key: packed,
                });
                full = page.bytes() >= scan.budget;
                Ok(())
            })
            .await?;
        if full || seen >= MOST_ROWS {
            page.next = last;
        }
        Ok((!texts.is_suspect()).then_some(page))
    }

    pub(super) async fn fetch_rows(&mut self, fetch: Fetch<'_>) -> Result<Fetched, ProviderError> {
        loop {
            match self.fetch_once(&fetch).await? {
                Some(fetched) => return Ok(fetched),
                None => self.counts = true,
            }
        }
    }

    /// `None` where the server has to count.
    async fn fetch_once(&mut self, fetch: &Fetch<'_>) -> Result<Option<Fetched>, ProviderError> {
        let counted = self.counted(fetch.table, false);
        let mut texts = Texts::new(counted.clone());
        let shape = &self.shapes[fetch.table];
        let table = &self.tables[fetch.table];
        let mut packed = Packed::default();
        let mut end = fetch.first;
        while end < fetch.keys.len() && end - fetch.first < 1_000 {
            packed.start_row(end - fetch.first);
            for (value, &column) in fetch.keys.row(end).values().zip(&shape.key) {
                match sync_metadata::fit(&shape.types[column], value) {
                    Ok(fitted) => packed.cell(&shape.types[column], fitted.value),
                    Err(_) => packed.cell(&shape.types[column], sync_metadata::ValueRef::Null),
                }
            }
            end += 1;
        }
        let (text, bytes) = packed.finish();
        let sql = table.fetch(&counted);
        let mut fetched = Fetched {
            deleted: Page::new(shape.key.len()),
            live: Page::new(shape.columns.len()),
            end,
        };
        let mut needed = Needed::new(fetch.selection, shape);
        let lens = self.lens;
        let (keys, width) = (shape.key.len(), shape.columns.len());
        let mut full: Option<usize> = None;
        self.connection
            .call_each::<ProviderError>(&sql, &[&text, &bytes], |_, row| {
                let mut cells = row.into_iter();
                let number = integer(cells.next()).unwrap_or(0);
                if full.is_some() {
                    return Ok(());
                }
                let (tracking, attributes) = tracking(&mut cells)?;
                let present = integer(cells.next()) == Some(1);
                let facts = lens.facts(&tracking);
                texts.read(&mut cells);
                let key = values(&mut cells, keys);
                let Ok(key) = key.and_then(|key| {
                    texts
                        .check(shape, shape.key.iter().copied().zip(&key))
                        .map(|()| key)
                }) else {
                    return Ok(());
                };
                let mut spelled = RowSet::new(keys);
                spelled.push(key.iter().map(Value::as_ref));
                if !needed.is(facts, spelled.row(0).values()) {
                    return Ok(());
                }
                let page = if tracking.tombstone {
                    &mut fetched.deleted
                } else {
                    &mut fetched.live
                };
                if tracking.tombstone {
                    page.rows.push_row(spelled.row(0));
                } else if !present {
                    page.orphans += 1;
                    return Ok(());
                } else {
                    let row = values(&mut cells, width);
                    match row
                        .and_then(|row| texts.check(shape, row.iter().enumerate()).map(|()| row))
                    {
                        Ok(cells) => page.rows.push(cells.iter().map(Value::as_ref)),
                        Err(reason) => {
                            page.push_unsent(shape, spelled, facts, reason);
                            return Ok(());
                        }
                    }
                }
                page.push_head(facts, lens.written(&tracking, attributes));
                if fetched.deleted.bytes() + fetched.live.bytes() >= fetch.budget {
                    full = usize::try_from(number).ok();
                }
                Ok(())
            })
            .await?;
        if let Some(number) = full {
            fetched.end = fetch.first + number + 1;
        }
        Ok((!texts.is_suspect()).then_some(fetched))
    }
}

/// A cell as a parameter.
pub(super) struct Parameter(pub(super) ColumnData<'static>);

impl ToSql for Parameter {
    fn to_sql(&self) -> ColumnData<'_> {
        self.0.clone()
    }
}

/// Reads the columns of a tracking row.
pub(super) fn tracking(
    cells: &mut impl Iterator<Item = ColumnData<'static>>,
) -> Result<(TrackingRow, Attributes), ProviderError> {
    let mut numbers = [None; TRACKING_WIDTH];
    let mut last_change = None;
    for (index, number) in numbers.iter_mut().enumerate() {
        let cell = cells.next();
        if index == 12 {
            last_change = cell.and_then(microseconds);
        } else {
            *number = integer(cell);
        }
    }
    let small = |index: usize| numbers[index].and_then(|number: i64| i32::try_from(number).ok());
    let row = TrackingRow {
        update_scope_local_id: small(0),
        scope_update_peer_key: small(1),
        scope_update_peer_timestamp: numbers[2],
        local_update_peer_key: small(3).unwrap_or(0),
        local_update_peer_timestamp: numbers[4].unwrap_or(0),
        create_scope_local_id: small(5),
        scope_create_peer_key: small(6),
        scope_create_peer_timestamp: numbers[7],
        local_create_peer_key: small(8).unwrap_or(0),
        local_create_peer_timestamp: numbers[9].unwrap_or(0),
        tombstone: numbers[10] == Some(1),
        restore_timestamp: numbers[11],
        // Ours is exact and in UTC; Microsoft's is the server's local time.
        last_change: numbers[13].or(last_change),
    };
    let attributes = Attributes {
        write_time: numbers[13],
        writer: small(14),
    };
    Ok((row, attributes))
}

/// Reads cells, or says which of them cannot be read.
pub(super) fn values(
    cells: &mut impl Iterator<Item = ColumnData<'static>>,
    count: usize,
) -> Result<Vec<Value>, String> {
    cells.take(count).map(read::value).collect()
}

pub(super) fn integer(cell: Option<ColumnData<'static>>) -> Option<i64> {
    match cell? {
        ColumnData::U8(number) => number.map(i64::from),
        ColumnData::I16(number) => number.map(i64::from),
        ColumnData::I32(number) => number.map(i64::from),
        ColumnData::I64(number) => number,
        ColumnData::Bit(bit) => bit.map(i64::from),
        _ => None,
    }
}

/// A moment as microseconds since 1970.
fn microseconds(cell: ColumnData<'static>) -> Option<i64> {
    const DAYS_TO_1970: i64 = 719_162;
    match read::value(cell).ok()? {
        Value::DateTime(moment) => {
            let days = i64::from(moment.date.days()) - DAYS_TO_1970;
            Some(days * 86_400_000_000 + (moment.time.units() / 10).cast_signed())
        }
        _ => None,
    }
}

fn key_parameters(key: &RowSet) -> Vec<Parameter> {
    let cells = key.row(0).values();
    cells
        .map(|value| Parameter(read::parameter(value)))
        .collect()
}

//! As source: pages of tracking rows above a tick, and rows by key.

use sync_metadata::{TrackingRow, Value, ValueRef};
use sync_provider::{ProviderError, RowSet};
use sync_relational::{Attributes, Cursor, Fetch, FetchSizer, Fetched, Needed, Page, Scan};
use tiberius::{ColumnData, ToSql};

use crate::read;
use crate::staging::Packed;
use crate::store::MssqlStore;
use crate::store::sql::{MOST_KNOWN, Reach};
use crate::store::texts::Texts;

/// Columns of a tracking row and ours, as `TableNames::tracking` selects them.
pub(super) const TRACKING_WIDTH: usize = 15;
/// Keys that a call looks up at most.
const MOST_KEYS: usize = 1_000;

impl MssqlStore {
    /// What the enumeration under way sends.
    pub(super) fn reach(&self) -> Reach {
        Reach {
            mark: self.limit,
            scope: self.view.scope_local_id,
        }
    }

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
        let shape = &self.shapes[scan.table];
        let width = if scan.deleted {
            shape.key.len()
        } else {
            shape.columns.len()
        };
        let mut page = Page::new(width);
        // The table has changed, or it would not be scanned: what the server leaves out was looked at, too.
        let others = u64::from(scan.after.is_none() && !scan.deleted);
        page.examined = others;
        let mut fetch_sizer = FetchSizer::new(shape);
        let mut after = scan.after.clone();
        let mut nameless = 0;
        loop {
            let (before, room) = (page.rows.len(), scan.budget.saturating_sub(page.bytes()));
            let (asked, bytes) = (
                fetch_sizer.rows(room, FetchSizer::MOST_ROWS) + nameless,
                page.bytes(),
            );
            let seen = self.scan_some(scan, after.take(), asked, &mut page).await?;
            let Some(seen) = seen else {
                return Ok(None);
            };
            fetch_sizer.came(page.rows.len() - before, page.bytes() - bytes);
            let full = page.bytes() >= scan.budget;
            if seen.rows < asked && !full {
                return Ok(Some(page));
            }
            match seen.last {
                Some(last) if full => {
                    page.next = Some(last);
                    return Ok(Some(page));
                }
                Some(last) => after = Some(last),
                // Rows whose keys cannot be read name no place to go on at: they are asked for together with the next.
                None if seen.rows < asked => return Ok(Some(page)),
                None => {
                    page = Page::new(width);
                    page.examined = others;
                    after = scan.after.clone();
                    nameless += seen.rows;
                }
            }
        }
    }

    /// Some rows of a page, in the order of ticks.
    async fn scan_some(
        &mut self,
        scan: &Scan<'_>,
        after: Option<Cursor>,
        most: usize,
        page: &mut Page,
    ) -> Result<Option<Seen>, ProviderError> {
        let counted = self.counted(scan.table, scan.deleted);
        let mut texts = Texts::new(counted.clone());
        let shape = &self.shapes[scan.table];
        let (keys, width) = (shape.key.len(), shape.columns.len());
        let known: Vec<(i32, i64)> = (scan.selection.known())
            .filter_map(|(key, tick)| Some((key.0.try_into().ok()?, tick.try_into().ok()?)))
            .take(MOST_KNOWN)
            .collect();
        let (reach, resumed) = (self.reach(), after.is_some());
        let sql = self.tables[scan.table].scan(scan.deleted, resumed, reach, &known, &counted);
        let floor = match &after {
            Some(cursor) => cursor.tick,
            None => i64::try_from(scan.floor).unwrap_or(i64::MAX),
        };
        let most = i32::try_from(most).unwrap_or(i32::MAX);
        let mut parameters: Vec<Parameter> = vec![
            Parameter(ColumnData::I32(Some(most))),
            Parameter(ColumnData::I64(Some(floor))),
        ];
        if let Some(cursor) = &after {
            parameters.extend(key_parameters(&cursor.key));
        }
        let parameters: Vec<&dyn ToSql> =
            parameters.iter().map(|value| value as &dyn ToSql).collect();
        let mut needed = Needed::new(scan.selection, shape);
        let (view, mark) = (self.view, self.limit);
        let mut seen = Seen::default();
        let mut full = false;
        self.connection
            .call_each::<ProviderError>(&sql, &parameters, |_, row| {
                seen.rows += 1;
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
                let facts = view.facts(&tracking);
                let key = match key {
                    Ok(key) => key,
                    Err(reason) => {
                        if needed.is_undecodable(facts) {
                            page.push_undecodable(shape, facts, || reason);
                        }
                        return Ok(());
                    }
                };
                let mut packed = RowSet::new(keys);
                packed.push(key.iter().map(Value::as_ref));
                let spelled = || packed.row(0).values();
                let can_go = tracking.local_update_peer_timestamp <= mark
                    || needed.is_claimed(facts, spelled());
                if can_go && needed.is(facts, spelled()) {
                    if scan.deleted {
                        page.rows.push_row(packed.row(0));
                        page.push_head(facts, view.written(&tracking, attributes));
                    } else if !present {
                        page.orphans += 1;
                    } else {
                        let row = values(&mut cells, width);
                        match row.and_then(|row| {
                            texts.check(shape, row.iter().enumerate()).map(|()| row)
                        }) {
                            Ok(cells) => {
                                page.rows.push(cells.iter().map(Value::as_ref));
                                page.push_head(facts, view.written(&tracking, attributes));
                            }
                            Err(reason) => page.push_unsent(shape, packed.clone(), facts, reason),
                        }
                    }
                }
                seen.last = Some(Cursor {
                    tick: tracking.local_update_peer_timestamp,
                    key: packed,
                });
                full = page.bytes() >= scan.budget;
                Ok(())
            })
            .await?;
        Ok((!texts.is_suspect()).then_some(seen))
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
        let shape = &self.shapes[fetch.table];
        let mut found = Fetched {
            deleted: Page::new(shape.key.len()),
            live: Page::new(shape.columns.len()),
            end: fetch.first,
        };
        let mut fetch_sizer = FetchSizer::new(shape);
        while found.end < fetch.keys.len() {
            let (rows, bytes) = (
                found.live.rows.len(),
                found.deleted.bytes() + found.live.bytes(),
            );
            let room = fetch.budget.saturating_sub(bytes);
            let end = found
                .end
                .saturating_add(fetch_sizer.rows(room, MOST_KEYS))
                .min(fetch.keys.len());
            match self.fetch_some(fetch, end, &mut found).await? {
                Some(true) => break,
                Some(false) => {}
                None => return Ok(None),
            }
            let now = found.deleted.bytes() + found.live.bytes();
            fetch_sizer.came(found.live.rows.len() - rows, now - bytes);
        }
        Ok(Some(found))
    }

    /// Looks the next keys up, before the one at `end`; says whether the budget is spent; `None` where the server has to count.
    async fn fetch_some(
        &mut self,
        fetch: &Fetch<'_>,
        end: usize,
        found: &mut Fetched,
    ) -> Result<Option<bool>, ProviderError> {
        let counted = self.counted(fetch.table, false);
        let mut texts = Texts::new(counted.clone());
        let shape = &self.shapes[fetch.table];
        let first = found.end;
        let mut packed = Packed::default();
        for number in first..end {
            packed.start_row(number - first);
            for (value, &column) in fetch.keys.row(number).values().zip(&shape.key) {
                // A value that the column cannot hold has no row here: nothing equals NULL.
                let fitted = sync_metadata::fit(&shape.types[column], value);
                packed.cell(
                    &shape.types[column],
                    fitted.map_or(ValueRef::Null, |fitted| fitted.value),
                );
            }
        }
        let (text, bytes) = packed.finish();
        let sql = self.tables[fetch.table].fetch(&counted);
        found.end = end;
        let mut needed = Needed::new(fetch.selection, shape);
        let view = self.view;
        let (keys, width) = (shape.key.len(), shape.columns.len());
        let mut full = false;
        self.connection
            .call_each::<ProviderError>(&sql, &[&text, &bytes], |_, row| {
                let mut cells = row.into_iter();
                let number = integer(cells.next())
                    .and_then(|number| usize::try_from(number).ok())
                    .unwrap_or(0);
                if full {
                    return Ok(());
                }
                let (tracking, attributes) = tracking(&mut cells)?;
                let present = integer(cells.next()) == Some(1);
                let facts = view.facts(&tracking);
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
                let before = found.deleted.bytes() + found.live.bytes();
                let page = if tracking.tombstone {
                    &mut found.deleted
                } else {
                    &mut found.live
                };
                let mut is_row = true;
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
                            is_row = false;
                        }
                    }
                }
                if is_row {
                    page.push_head(facts, view.written(&tracking, attributes));
                }
                let bytes = found.deleted.bytes() + found.live.bytes();
                full = bytes >= fetch.budget;
                if full {
                    let too_many = is_row && bytes > fetch.budget && before > 0;
                    if too_many {
                        // The next batch begins with this row.
                        match tracking.tombstone {
                            true => found.deleted.pop(),
                            false => found.live.pop(),
                        }
                    }
                    found.end = first + number + usize::from(!too_many);
                }
                Ok(())
            })
            .await?;
        Ok((!texts.is_suspect()).then_some(full))
    }
}

/// What a call of a scan met.
#[derive(Debug, Default)]
struct Seen {
    rows: usize,
    /// The last row that was taken in and that can be named.
    last: Option<Cursor>,
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

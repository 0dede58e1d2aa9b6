//! Rows packed into one buffer: what a change batch carries and what a slice is compared with.
//!
//! A row is the concatenation of its cells; a cell is a tag byte and a payload (see the table in `docs/formats.md`).
//! One buffer serves any number of rows, so moving a batch costs no allocation per row or cell.

use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};
use sync_metadata::{Date, DateTime, DateTimeOffset, Decimal, Time, ValueRef};
use uuid::Uuid;

/// Any number of rows of the same width, packed.
///
/// ```
/// use sync_metadata::ValueRef;
/// use sync_provider::RowSet;
///
/// let mut rows = RowSet::new(2);
/// rows.push([ValueRef::Integer(7), ValueRef::Text("seven")]);
/// assert_eq!(rows.len(), 1);
/// assert_eq!(rows.row(0).values().nth(1), Some(ValueRef::Text("seven")));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Packed")]
pub struct RowSet {
    width: usize,
    data: Vec<u8>,
    ends: Vec<usize>,
}

impl RowSet {
    /// An empty set of rows with `width` cells each.
    pub fn new(width: usize) -> Self {
        RowSet {
            width,
            data: Vec::new(),
            ends: Vec::new(),
        }
    }

    /// Cells per row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes that the rows take.
    pub fn bytes(&self) -> usize {
        self.data.len()
    }

    /// Forgets all rows and keeps the memory.
    pub fn clear(&mut self) {
        self.data.clear();
        self.ends.clear();
    }

    /// Adds a row. Cells that are missing become NULL, cells too many are left out.
    pub fn push<'v>(&mut self, cells: impl IntoIterator<Item = ValueRef<'v>>) {
        let mut row = self.start_row();
        for cell in cells {
            row.cell(cell);
        }
    }

    /// Starts a row that is filled cell by cell; it is complete when the writer is dropped.
    pub fn start_row(&mut self) -> RowWriter<'_> {
        RowWriter {
            missing: self.width,
            rows: self,
        }
    }

    /// Adds a row that already is in packed form, from a set of the same width.
    pub fn push_row(&mut self, row: RowRef<'_>) {
        self.data.extend_from_slice(row.data);
        self.ends.push(self.data.len());
    }

    /// Adds a row from its packed form as [`RowRef::as_bytes`] gave it, after checking it. Says whether it fitted.
    pub fn push_encoded(&mut self, row: &[u8]) -> bool {
        let mut rest = row;
        for _ in 0..self.width {
            let Some((_, after)) = read_cell(rest) else {
                return false;
            };
            rest = after;
        }
        if !rest.is_empty() {
            return false;
        }
        self.push_row(RowRef { data: row });
        true
    }

    /// Takes the last row away again.
    pub fn pop(&mut self) {
        self.ends.pop();
        self.data.truncate(self.ends.last().copied().unwrap_or(0));
    }

    /// The row at `index`; an index beyond the end gives a row without cells.
    pub fn row(&self, index: usize) -> RowRef<'_> {
        let start = if index == 0 {
            0
        } else {
            self.ends.get(index - 1).copied().unwrap_or(0)
        };
        let end = self.ends.get(index).copied().unwrap_or(start);
        RowRef {
            data: &self.data[start..end],
        }
    }

    /// All rows in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = RowRef<'_>> {
        (0..self.len()).map(|index| self.row(index))
    }
}

/// Fills one row of a [`RowSet`].
#[derive(Debug)]
pub struct RowWriter<'a> {
    rows: &'a mut RowSet,
    missing: usize,
}

impl RowWriter<'_> {
    /// Adds the next cell; beyond the width of the set it is left out.
    pub fn cell(&mut self, value: ValueRef<'_>) {
        if self.missing == 0 {
            return;
        }
        self.missing -= 1;
        write_cell(&mut self.rows.data, value);
    }
}

impl Drop for RowWriter<'_> {
    fn drop(&mut self) {
        self.rows
            .data
            .extend(std::iter::repeat_n(TAG_NULL, self.missing));
        self.rows.ends.push(self.rows.data.len());
    }
}

/// One packed row.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct RowRef<'a> {
    data: &'a [u8],
}

impl<'a> RowRef<'a> {
    /// The row's packed cells: equal bytes are identical cells.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.data
    }

    /// The cells in order.
    pub fn values(&self) -> Cells<'a> {
        Cells { rest: self.data }
    }
}

/// Iterates over the cells of a packed row.
#[derive(Clone, Debug)]
pub struct Cells<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Cells<'a> {
    type Item = ValueRef<'a>;

    fn next(&mut self) -> Option<ValueRef<'a>> {
        // A set is checked when it comes from outside, so a cell that does not parse cannot be met here.
        let (value, rest) = read_cell(self.rest)?;
        self.rest = rest;
        Some(value)
    }
}

const TAG_NULL: u8 = 0;
const TAG_INTEGER: u8 = 1;
const TAG_REAL: u8 = 2;
const TAG_TEXT: u8 = 3;
const TAG_BLOB: u8 = 4;
const TAG_GUID: u8 = 5;
const TAG_DECIMAL: u8 = 6;
const TAG_DATE: u8 = 7;
const TAG_TIME: u8 = 8;
const TAG_DATE_TIME: u8 = 9;
const TAG_DATE_TIME_OFFSET: u8 = 10;

fn write_cell(out: &mut Vec<u8>, value: ValueRef<'_>) {
    match value {
        ValueRef::Null => out.push(TAG_NULL),
        ValueRef::Integer(value) => {
            out.push(TAG_INTEGER);
            write_varint(out, ((value << 1) ^ (value >> 63)) as u64);
        }
        ValueRef::Real(value) => {
            out.push(TAG_REAL);
            out.extend_from_slice(&value.to_bits().to_le_bytes());
        }
        ValueRef::Text(text) => {
            out.push(TAG_TEXT);
            write_varint(out, text.len() as u64);
            out.extend_from_slice(text.as_bytes());
        }
        ValueRef::Blob(bytes) => {
            out.push(TAG_BLOB);
            write_varint(out, bytes.len() as u64);
            out.extend_from_slice(bytes);
        }
        ValueRef::Guid(guid) => {
            out.push(TAG_GUID);
            out.extend_from_slice(guid.as_bytes());
        }
        ValueRef::Decimal(decimal) => {
            out.push(TAG_DECIMAL);
            out.push(decimal.scale());
            out.extend_from_slice(&decimal.mantissa().to_le_bytes());
        }
        ValueRef::Date(date) => {
            out.push(TAG_DATE);
            write_date(out, date);
        }
        ValueRef::Time(time) => {
            out.push(TAG_TIME);
            write_time(out, time);
        }
        ValueRef::DateTime(at) => {
            out.push(TAG_DATE_TIME);
            write_date(out, at.date);
            write_time(out, at.time);
        }
        ValueRef::DateTimeOffset(at) => {
            out.push(TAG_DATE_TIME_OFFSET);
            write_date(out, at.local().date);
            write_time(out, at.local().time);
            out.extend_from_slice(&at.offset_minutes().to_le_bytes());
        }
    }
}

fn read_cell(data: &[u8]) -> Option<(ValueRef<'_>, &[u8])> {
    let (&tag, rest) = data.split_first()?;
    Some(match tag {
        TAG_NULL => (ValueRef::Null, rest),
        TAG_INTEGER => {
            let (value, rest) = read_varint(rest)?;
            (
                ValueRef::Integer(((value >> 1) as i64) ^ -((value & 1) as i64)),
                rest,
            )
        }
        TAG_REAL => {
            let (bits, rest) = rest.split_first_chunk()?;
            (
                ValueRef::Real(f64::from_bits(u64::from_le_bytes(*bits))),
                rest,
            )
        }
        TAG_TEXT => {
            let (bytes, rest) = read_bytes(rest)?;
            (ValueRef::Text(std::str::from_utf8(bytes).ok()?), rest)
        }
        TAG_BLOB => {
            let (bytes, rest) = read_bytes(rest)?;
            (ValueRef::Blob(bytes), rest)
        }
        TAG_GUID => {
            let (bytes, rest) = rest.split_first_chunk()?;
            (ValueRef::Guid(Uuid::from_bytes(*bytes)), rest)
        }
        TAG_DECIMAL => {
            let (&scale, rest) = rest.split_first()?;
            let (mantissa, rest) = rest.split_first_chunk()?;
            (
                ValueRef::Decimal(Decimal::new(i128::from_le_bytes(*mantissa), scale).ok()?),
                rest,
            )
        }
        TAG_DATE => {
            let (date, rest) = read_date(rest)?;
            (ValueRef::Date(date), rest)
        }
        TAG_TIME => {
            let (time, rest) = read_time(rest)?;
            (ValueRef::Time(time), rest)
        }
        TAG_DATE_TIME => {
            let (at, rest) = read_date_time(rest)?;
            (ValueRef::DateTime(at), rest)
        }
        TAG_DATE_TIME_OFFSET => {
            let (at, rest) = read_date_time(rest)?;
            let (offset, rest) = rest.split_first_chunk()?;
            (
                ValueRef::DateTimeOffset(
                    DateTimeOffset::new(at, i16::from_le_bytes(*offset)).ok()?,
                ),
                rest,
            )
        }
        _ => return None,
    })
}

fn write_date(out: &mut Vec<u8>, date: Date) {
    out.extend_from_slice(&date.days().to_le_bytes());
}

fn read_date(data: &[u8]) -> Option<(Date, &[u8])> {
    let (days, rest) = data.split_first_chunk()?;
    Some((Date::from_days(i32::from_le_bytes(*days)).ok()?, rest))
}

fn write_time(out: &mut Vec<u8>, time: Time) {
    out.extend_from_slice(&time.units().to_le_bytes());
}

fn read_time(data: &[u8]) -> Option<(Time, &[u8])> {
    let (ticks, rest) = data.split_first_chunk()?;
    Some((Time::from_units(u64::from_le_bytes(*ticks)).ok()?, rest))
}

fn read_date_time(data: &[u8]) -> Option<(DateTime, &[u8])> {
    let (date, rest) = read_date(data)?;
    let (time, rest) = read_time(rest)?;
    Some((DateTime::new(date, time), rest))
}

fn write_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn read_varint(data: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    for (index, &byte) in data.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f).checked_shl(7 * index as u32)?;
        if byte < 0x80 {
            return Some((value, &data[index + 1..]));
        }
    }
    None
}

fn read_bytes(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = read_varint(data)?;
    rest.split_at_checked(usize::try_from(len).ok()?)
}

/// The serialised form, checked on the way in.
#[derive(Deserialize)]
struct Packed {
    width: u32,
    rows: u64,
    #[serde(with = "serde_bytes")]
    data: Vec<u8>,
}

impl Serialize for RowSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut packed = serializer.serialize_struct("Packed", 3)?;
        packed.serialize_field("width", &(self.width as u32))?;
        packed.serialize_field("rows", &(self.ends.len() as u64))?;
        packed.serialize_field("data", serde_bytes::Bytes::new(&self.data))?;
        packed.end()
    }
}

impl TryFrom<Packed> for RowSet {
    type Error = String;

    fn try_from(packed: Packed) -> Result<Self, String> {
        let width = packed.width as usize;
        if width == 0 && packed.rows > 0 {
            return Err("a packed row set holds rows without cells".into());
        }
        let mut rest = packed.data.as_slice();
        let mut ends = Vec::new();
        for row in 0..packed.rows {
            for cell in 0..width {
                let (_, after) = read_cell(rest).ok_or_else(|| {
                    format!("row {row}, cell {cell} of a packed row set does not parse")
                })?;
                rest = after;
            }
            ends.push(packed.data.len() - rest.len());
        }
        if !rest.is_empty() {
            return Err(format!(
                "{} bytes follow the last row of a packed row set",
                rest.len()
            ));
        }
        Ok(RowSet {
            width,
            data: packed.data,
            ends,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> RowSet {
        let mut rows = RowSet::new(3);
        rows.push([
            ValueRef::Integer(i64::MIN),
            ValueRef::Text("é"),
            ValueRef::Null,
        ]);
        rows.push([ValueRef::Real(-0.0), ValueRef::Blob(&[0, 255])]);
        rows.push([
            ValueRef::Guid(Uuid::from_u128(7)),
            ValueRef::Integer(i64::MAX),
            ValueRef::Integer(-1),
            ValueRef::Null,
        ]);
        rows
    }

    #[test]
    fn rows_come_back_as_they_went_in() {
        let rows = sample();
        let cells: Vec<Vec<_>> = rows.iter().map(|row| row.values().collect()).collect();
        assert_eq!(
            cells[0],
            [
                ValueRef::Integer(i64::MIN),
                ValueRef::Text("é"),
                ValueRef::Null
            ]
        );
        assert_eq!(cells[1].len(), 3, "missing cells are NULL");
        assert_eq!(
            cells[2],
            [
                ValueRef::Guid(Uuid::from_u128(7)),
                ValueRef::Integer(i64::MAX),
                ValueRef::Integer(-1)
            ]
        );
        assert_eq!(rows.row(3).values().count(), 0);
    }

    #[test]
    fn the_last_row_can_be_taken_away() {
        let (mut rows, whole) = (sample(), sample());
        for left in (0..whole.len()).rev() {
            rows.pop();
            assert!(rows.iter().eq(whole.iter().take(left)));
        }
        rows.pop();
        assert_eq!(rows, RowSet::new(3));
    }

    #[test]
    fn what_comes_from_outside_is_checked() {
        let config = bincode::config::standard();
        let bytes = bincode::serde::encode_to_vec(sample(), config).unwrap();
        let (back, _): (RowSet, usize) = bincode::serde::decode_from_slice(&bytes, config).unwrap();
        assert_eq!(back, sample());
        for cut in 0..bytes.len() {
            assert!(bincode::serde::decode_from_slice::<RowSet, _>(&bytes[..cut], config).is_err());
            let mut changed = bytes.clone();
            changed[cut] ^= 0x55;
            if let Ok((rows, _)) = bincode::serde::decode_from_slice::<RowSet, _>(&changed, config)
            {
                assert!(rows.iter().all(|row| row.values().count() == rows.width()));
            }
        }
    }
}

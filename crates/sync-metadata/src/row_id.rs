//! Item ids of rows: the table's name and the key as text, in UTF-16.

use std::fmt;

use sync_knowledge::{IdFormatGroup, ItemId};

use crate::canonical::format_key_text;
use crate::{MetadataError, SqlType, ValueRef};

/// The item id of a row: its table's global name in lower case, then for each key column a hyphen and the value's
/// canonical text ([`write_key_text`](crate::write_key_text)), as big-endian UTF-16.
///
/// That is the id which Sync Framework's database providers use. Ids of composite keys can coincide: (`a-b`, `c`) and (`a`, `b-c`) are
/// one item to the knowledge. Whoever records something about an item has to treat all rows that share its id alike.
///
/// # Errors
/// [`MetadataError::RowIdTooLong`] when the id would be longer than the 10 240 bytes that Sync Framework's item ids may have.
///
/// ```
/// use sync_knowledge::ItemId;
/// use sync_metadata::{SqlType, ValueRef, row_id};
///
/// let int: SqlType = "int".parse()?;
/// let id = row_id("[Sales].[Order]", [(&int, ValueRef::Integer(7)), (&int, ValueRef::Integer(2))].into_iter())?;
/// assert_eq!(id, ItemId::from_text("[sales].[order]-7-2"));
/// # Ok::<(), sync_metadata::MetadataError>(())
/// ```
pub fn row_id<'a>(
    global_name: &str,
    key: impl Iterator<Item = (&'a SqlType, ValueRef<'a>)>,
) -> Result<ItemId, MetadataError> {
    let mut bytes = Vec::with_capacity(64);
    write_row_id(&mut bytes, global_name, key)?;
    Ok(ItemId::from_bytes(&bytes))
}

/// Writes a row's item id into `id`, replacing what it held; see [`row_id`].
///
/// # Errors
/// As [`row_id`]; `id` is empty then.
pub fn write_row_id<'a>(
    id: &mut Vec<u8>,
    global_name: &str,
    key: impl Iterator<Item = (&'a SqlType, ValueRef<'a>)>,
) -> Result<(), MetadataError> {
    id.clear();
    let mut sink = Utf16 {
        bytes: id,
        excess: 0,
    };
    // This sink never fails: what is beyond the limit is only counted.
    let _ = write_lower(&mut sink, global_name);
    for (sql_type, value) in key {
        let _ = fmt::Write::write_char(&mut sink, '-');
        let _ = format_key_text(sql_type, value, &mut sink);
    }
    let length = sink.bytes.len() + sink.excess;
    if length > LIMIT {
        id.clear();
        return Err(MetadataError::RowIdTooLong {
            table: global_name.to_owned(),
            length,
            limit: LIMIT,
        });
    }
    Ok(())
}

/// The range of item ids that holds every row of a table: closed lower and open upper bound.
///
/// Global names as the configuration stores them are in brackets, so that the ranges of two tables never overlap.
///
/// ```
/// use sync_metadata::{SqlType, ValueRef, row_id, table_id_range};
///
/// let (lower, upper) = table_id_range("[Orders]");
/// let id = row_id("[Orders]", [(&"int".parse::<SqlType>()?, ValueRef::Integer(-5))].into_iter())?;
/// assert!(lower <= id && id < upper);
/// # Ok::<(), sync_metadata::MetadataError>(())
/// ```
#[must_use]
pub fn table_id_range(global_name: &str) -> (ItemId, ItemId) {
    let mut bytes = Vec::with_capacity(64);
    let mut sink = Utf16 {
        bytes: &mut bytes,
        excess: 0,
    };
    let _ = write_lower(&mut sink, global_name);
    // '.' follows '-', and no id of the table has anything but '-' in this place.
    bytes.truncate(LIMIT - 2);
    let (mut lower, mut upper) = (bytes.clone(), bytes);
    lower.extend([0, b'-']);
    upper.extend([0, b'.']);
    (ItemId::from_bytes(&lower), ItemId::from_bytes(&upper))
}

/// The longest item id, in bytes.
const LIMIT: usize = IdFormatGroup::DATABASE.item.length as usize;

/// Writes UTF-16, most significant byte first, up to the limit.
struct Utf16<'a> {
    bytes: &'a mut Vec<u8>,
    /// How many bytes did not fit.
    excess: usize,
}

impl fmt::Write for Utf16<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.bytes.len() + 2 * text.len() > LIMIT {
            return self.write_checked(text);
        }
        if text.is_ascii() {
            self.bytes.extend(text.bytes().flat_map(|byte| [0, byte]));
        } else {
            self.bytes
                .extend(text.encode_utf16().flat_map(u16::to_be_bytes));
        }
        Ok(())
    }
}

impl Utf16<'_> {
    fn write_checked(&mut self, text: &str) -> fmt::Result {
        for unit in text.encode_utf16() {
            if self.bytes.len() + 2 > LIMIT {
                self.excess += 2;
            } else {
                self.bytes.extend(unit.to_be_bytes());
            }
        }
        Ok(())
    }
}

/// Lower case as .NET's invariant culture has it: character by character, without the mappings that change the length.
fn write_lower(sink: &mut impl fmt::Write, text: &str) -> fmt::Result {
    for c in text.chars() {
        let mut lower = c.to_lowercase();
        match (lower.next(), lower.next()) {
            (Some(single), None) => sink.write_char(single)?,
            _ => sink.write_char(c)?,
        }
    }
    Ok(())
}

//! The name of an item, and the order of names.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};

use crate::IdFormat;

/// What the lowest ids of all formats are cut from, so that they need no allocation.
static ZEROS: [u8; u16::MAX as usize] = [0; u16::MAX as usize];

/// The name of an item: bytes, ordered bytewise, a prefix before what continues it. Cheap to clone.
///
/// Ids of the database providers are text (table name and key values) in UTF-16 with the high byte
/// first, see [`ItemId::from_text`].
///
/// ```
/// use sync_knowledge::{IdFormatGroup, ItemId};
///
/// let a = ItemId::from_text("[t]-1");
/// assert_eq!(a.as_bytes()[..4], [0, b'[', 0, b't']);
///
/// // Nothing lies between an id and its successor.
/// let next = a.successor(&IdFormatGroup::DATABASE.item).unwrap();
/// assert_eq!(next.as_bytes(), [a.as_bytes(), &[0]].concat());
/// ```
#[derive(Clone)]
pub struct ItemId(Repr);

#[derive(Clone)]
enum Repr {
    Zeros(u16),
    Shared(Arc<[u8]>),
}

impl ItemId {
    /// The lowest id of any variable format: the single byte 0.
    pub const fn zero() -> Self {
        ItemId(Repr::Zeros(1))
    }

    /// The lowest id of `format`: the single byte 0, or as many as a fixed format asks for.
    pub const fn lowest(format: &IdFormat) -> Self {
        if format.variable {
            ItemId::zero()
        } else {
            ItemId(Repr::Zeros(format.length))
        }
    }

    /// The id whose bytes are `text` in UTF-16, high byte first, as Sync Framework makes ids from
    /// strings.
    pub fn from_text(text: &str) -> Self {
        let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        ItemId(Repr::Shared(bytes.into()))
    }

    /// The id of these bytes.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        ItemId(Repr::Shared(bytes.into()))
    }

    /// The bytes of the id, without any length.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Zeros(length) => &ZEROS[..usize::from(*length)],
            Repr::Shared(bytes) => bytes,
        }
    }

    /// The least id of `format` that is greater than this one, or `None` after the greatest.
    ///
    /// Below the maximum length of a variable format that is the id with a 0 appended; otherwise
    /// the bytes counted up by one, where a variable format drops the trailing bytes that would
    /// carry.
    pub fn successor(&self, format: &IdFormat) -> Option<ItemId> {
        let bytes = self.as_bytes();
        if format.variable && bytes.len() < usize::from(format.length) {
            return Some(ItemId::from_bytes(&[bytes, &[0]].concat()));
        }
        let last = bytes.iter().rposition(|byte| *byte != 0xff)?;
        let mut next = bytes[..=last].to_vec();
        next[last] += 1;
        if !format.variable {
            next.resize(bytes.len(), 0);
        }
        Some(ItemId(Repr::Shared(next.into())))
    }

    /// The least id of `format` that is not less than this one: itself where the format admits it.
    /// `None` if there is none.
    ///
    /// Bounds of ranges go through here, so that whatever bytes a caller names as a bound, the
    /// ranges of a knowledge start at ids.
    pub(crate) fn round_up(&self, format: &IdFormat) -> Option<ItemId> {
        let bytes = self.as_bytes();
        if format.admits(bytes.len()) {
            return Some(self.clone());
        }
        let length = usize::from(format.length);
        if bytes.is_empty() {
            Some(ItemId::lowest(format))
        } else if bytes.len() < length {
            let mut padded = bytes.to_vec();
            padded.resize(length, 0);
            Some(ItemId(Repr::Shared(padded.into())))
        } else {
            ItemId::from_bytes(&bytes[..length]).successor(format)
        }
    }
}

impl PartialEq for ItemId {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for ItemId {}

impl PartialOrd for ItemId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ItemId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for ItemId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

/// The bytes in hex.
impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes()
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ItemId({self})")
    }
}

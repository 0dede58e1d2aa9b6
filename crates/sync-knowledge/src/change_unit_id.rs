//! The name of a part of an item.

use alloc::sync::Arc;
use core::fmt;

/// The name of a change unit: a part of every item whose changes are told apart from those of the
/// other parts (in a database, a column). Bytes, ordered bytewise. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChangeUnitId(Arc<[u8]>);

impl ChangeUnitId {
    /// The change unit named by these bytes.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        ChangeUnitId(bytes.into())
    }

    /// The bytes of the id.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The change unit of a format of one byte, as the database providers have it.
impl From<u8> for ChangeUnitId {
    fn from(byte: u8) -> Self {
        ChangeUnitId::from_bytes(&[byte])
    }
}

/// The bytes in hex.
impl fmt::Display for ChangeUnitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes()
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ChangeUnitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChangeUnitId({self})")
    }
}

//! The name of a replica, the same everywhere.

use alloc::boxed::Box;
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};

use uuid::Uuid;

/// The name of a replica, the same for everyone who knows it.
///
/// The database providers use 16 bytes, a GUID in RFC 4122 byte order; other stores use ids of any
/// length. Ids are ordered bytewise. An id of 16 bytes is held in place, without an allocation.
///
/// ```
/// use sync_knowledge::ReplicaId;
///
/// let id: ReplicaId = ReplicaId::from_uuid("f5d67568-36c4-41ba-8b43-349c4bb7767f".parse().unwrap());
/// assert_eq!(id.as_bytes()[..2], [0xf5, 0xd6]);
/// assert_eq!(id.to_string(), "f5d67568-36c4-41ba-8b43-349c4bb7767f");
/// assert_eq!(ReplicaId::from_bytes(&[0x0a, 0xff]).to_string(), "0aff");
/// ```
pub struct ReplicaId {
    guid: [u8; 16],
    /// The bytes of an id that is not 16 bytes long; `guid` has no meaning then.
    other: Option<Box<Other>>,
}

/// Behind one pointer instead of two words: nearly every id is a GUID and pays for the room only.
#[derive(Clone)]
struct Other(Box<[u8]>);

impl ReplicaId {
    /// How many bytes the longest id has: what the binary form can hold behind a 16-bit length that
    /// counts its own two bytes. Fixed formats could hold two more, but no id of such a length could
    /// ever stand beside one of another.
    pub const MAX_LENGTH: usize = u16::MAX as usize - 2;

    /// The replica named by a GUID.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        ReplicaId {
            guid: uuid.into_bytes(),
            other: None,
        }
    }

    /// The GUID, for an id of 16 bytes.
    pub fn as_uuid(&self) -> Option<Uuid> {
        self.other.is_none().then(|| Uuid::from_bytes(self.guid))
    }

    /// The replica named by these bytes. Those beyond [`Self::MAX_LENGTH`] are cut off; whoever reads
    /// ids from outside asks first, as all decoders of this crate do.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        if let Ok(guid) = bytes.try_into() {
            return ReplicaId { guid, other: None };
        }
        let other = Other(bytes[..bytes.len().min(Self::MAX_LENGTH)].into());
        ReplicaId {
            guid: [0; 16],
            other: Some(Box::new(other)),
        }
    }

    /// The bytes of the id, as they are written.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        self.other.as_ref().map_or(&self.guid, |other| &other.0)
    }

    /// A number that differs for most ids that differ; 0 for all that are not 16 bytes long.
    #[inline]
    pub(crate) fn fingerprint(&self) -> u64 {
        let guid = u128::from_ne_bytes(self.guid);
        // Ids that were made one after the other differ in few bits.
        (guid as u64 ^ (guid >> 64) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    /// Whether the id is 16 bytes long.
    #[inline]
    pub(crate) fn is_guid(&self) -> bool {
        self.other.is_none()
    }
}

impl From<Uuid> for ReplicaId {
    fn from(uuid: Uuid) -> Self {
        ReplicaId::from_uuid(uuid)
    }
}

impl Clone for ReplicaId {
    #[inline]
    fn clone(&self) -> Self {
        ReplicaId {
            guid: self.guid,
            other: self.other.clone(),
        }
    }
}

impl PartialEq for ReplicaId {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        // Most ids that differ are GUIDs that differ.
        self.guid == other.guid
            && match (&self.other, &other.other) {
                (None, None) => true,
                (Some(mine), Some(theirs)) => mine.0 == theirs.0,
                _ => false,
            }
    }
}

impl Eq for ReplicaId {}

impl PartialOrd for ReplicaId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ReplicaId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for ReplicaId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Display for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_uuid() {
            Some(uuid) => uuid.fmt(f),
            None => self
                .as_bytes()
                .iter()
                .try_for_each(|byte| write!(f, "{byte:02x}")),
        }
    }
}

impl fmt::Debug for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReplicaId({self})")
    }
}

//! How long the ids of a community are.

/// How long ids of one kind are: always the same, or anything up to a maximum.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct IdFormat {
    /// Whether ids differ in length.
    pub variable: bool,
    /// The length in bytes of every id, or of the longest where they differ. The binary forms store
    /// two more for ids that differ in length, since those carry a 16-bit length of their own.
    pub length: u16,
}

impl IdFormat {
    /// A GUID: always 16 bytes.
    pub const GUID: IdFormat = IdFormat::fixed(16);

    /// Ids that are always `length` bytes long (at least 1).
    pub const fn fixed(length: u16) -> Self {
        IdFormat {
            variable: false,
            length,
        }
        .admissible()
    }

    /// Ids from 1 to `maximum` bytes long (at most 65 533, what the binary form can hold).
    pub const fn variable(maximum: u16) -> Self {
        IdFormat {
            variable: true,
            length: maximum,
        }
        .admissible()
    }

    /// Whether an id of `length` bytes has this format.
    #[inline]
    pub const fn admits(self, length: usize) -> bool {
        if self.variable {
            length >= 1 && length <= self.length as usize
        } else {
            length == self.length as usize
        }
    }

    /// The nearest format that can be written.
    pub(crate) const fn admissible(self) -> Self {
        let length = match (self.variable, self.length) {
            (_, 0) => 1,
            (true, 65_534..) => 65_533,
            (_, length) => length,
        };
        IdFormat {
            variable: self.variable,
            length,
        }
    }

    /// The number that the binary forms store.
    pub(crate) const fn stored_length(self) -> u16 {
        if self.variable {
            self.length.saturating_add(2)
        } else {
            self.length
        }
    }
}

/// The id formats of a community. All members of a community must agree on them.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct IdFormatGroup {
    /// The names of replicas.
    pub replica: IdFormat,
    /// The names of items: what is synchronised, in a database its rows.
    pub item: IdFormat,
    /// The names of change units: the parts of an item whose changes are told apart, in a database
    /// its columns.
    pub change_unit: IdFormat,
}

impl IdFormatGroup {
    /// What Microsoft's database providers use: GUIDs for replicas, up to 10 240 bytes for items,
    /// one byte for change units.
    pub const DATABASE: IdFormatGroup = IdFormatGroup {
        replica: IdFormat::GUID,
        item: IdFormat::variable(10 * 1024),
        change_unit: IdFormat::fixed(1),
    };

    pub(crate) const fn admissible(self) -> Self {
        IdFormatGroup {
            replica: self.replica.admissible(),
            item: self.item.admissible(),
            change_unit: self.change_unit.admissible(),
        }
    }
}

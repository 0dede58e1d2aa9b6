//! How two knowledges, or two clock vectors, stand to each other.

/// How one knowledge stands to another.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Relation {
    /// Both contain the same.
    Equal,
    /// This one contains the other, and more.
    Contains,
    /// The other contains this one, and more.
    Contained,
    /// Each contains something that the other does not.
    Concurrent,
}

impl Relation {
    /// The relation of two sets of which it is known whether each contains the other.
    pub const fn from_containment(this_contains_other: bool, other_contains_this: bool) -> Self {
        match (this_contains_other, other_contains_this) {
            (true, true) => Relation::Equal,
            (true, false) => Relation::Contains,
            (false, true) => Relation::Contained,
            (false, false) => Relation::Concurrent,
        }
    }

    /// The relation seen from the other side.
    pub const fn reversed(self) -> Self {
        match self {
            Relation::Contains => Relation::Contained,
            Relation::Contained => Relation::Contains,
            same => same,
        }
    }
}

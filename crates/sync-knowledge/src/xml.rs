//! The XML form.

use std::string::String;
use std::vec::Vec;

use thiserror::Error;

use crate::{BuildError, Knowledge};

mod base64;
mod read;
mod tree;
mod write;

/// The namespace of Sync Framework 1.0 and of \[MS-XSSK\].
const SYNC: &str = "http://schemas.microsoft.com/2008/03/sync/";
/// The namespace of Sync Framework 2.0.
const SYNC_2: &str = "http://schemas.microsoft.com/2009/04/sync/";
/// The namespace of what is not Sync Framework's.
const OURS: &str = "urn:syncdb:knowledge:1";

/// Why a text is no knowledge in XML.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum XmlError {
    /// The text is not well-formed, or nested deeper than knowledge is.
    #[error("knowledge is no well-formed xml: {reason}")]
    Malformed {
        /// What is wrong.
        reason: String,
    },
    /// An element is where none of its name is understood.
    #[error("element {element} within {parent} is not understood")]
    UnknownElement {
        /// Its name.
        element: String,
        /// The element around it.
        parent: &'static str,
    },
    /// An element is missing.
    #[error("element {parent} lacks {element}")]
    MissingElement {
        /// The name of the missing one.
        element: &'static str,
        /// The element that should hold it.
        parent: &'static str,
    },
    /// An attribute is missing or has a value that makes no sense there.
    #[error("attribute {attribute} of {element} is {value:?}: expected {expected}")]
    Attribute {
        /// The element.
        element: &'static str,
        /// The attribute.
        attribute: &'static str,
        /// Its value, empty if it is missing.
        value: String,
        /// What would make sense.
        expected: &'static str,
    },
    /// The parts contradict each other.
    #[error("knowledge in xml: {0}")]
    Parts(#[from] BuildError),
}

impl Knowledge {
    /// The XML form, after \[MS-XSSK\] and the classes of Sync Framework as far as their names are
    /// known: `syncKnowledge` with `idFormatGroup`, `replicaKeyMap` and `clockVector`. Ids are in
    /// base64.
    ///
    /// The names of exceptions are not known. Where there are any, `clockVector` holds what is
    /// known of every item and change unit, and elements of a namespace of ours,
    /// `urn:syncdb:knowledge:1`, give all ranges: whoever passes over them gets less, never more.
    ///
    /// ```
    /// use sync_knowledge::{Knowledge, ReplicaId};
    ///
    /// let mut knowledge = Knowledge::new(ReplicaId::from_bytes(b"replica here ..."));
    /// knowledge.set_local_tick(7);
    /// let xml = knowledge.to_xml();
    /// assert!(xml.contains(r#"<clockVectorElement sync:replicaKey="0" sync:tickCount="7"/>"#));
    /// assert_eq!(Knowledge::from_xml(&xml)?, knowledge);
    /// # Ok::<(), sync_knowledge::XmlError>(())
    /// ```
    pub fn to_xml(&self) -> String {
        write::knowledge(self)
    }

    /// Reads the XML form. Time and memory are bounded by the length of the text.
    ///
    /// # Errors
    ///
    /// If the text is not well-formed XML, holds elements that are not understood, of whatever
    /// namespace (they might be exceptions), or contradicts itself.
    pub fn from_xml(xml: &str) -> Result<Knowledge, XmlError> {
        read::knowledge(xml)
    }
}

/// What is known of everything: the greatest vector that all ranges contain.
fn known_of_all(knowledge: &Knowledge) -> crate::ClockVector {
    let mut vectors: Vec<&crate::ClockVector> = knowledge.fragments.vectors().collect();
    let last = vectors.pop().cloned().unwrap_or_default();
    vectors.into_iter().fold(last, |mut known, vector| {
        known.meet(vector);
        known
    })
}

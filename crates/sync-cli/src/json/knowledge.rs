//! Knowledge as JSON.

use serde::Serialize;
use sync_knowledge::{IdFormat, KnowledgeBlob, ReplicaId};

use super::hex;

/// Knowledge as its bytes have it, ticks of zero and unused replicas included.
#[derive(Debug, Serialize)]
pub(crate) struct KnowledgeDocument {
    version: u32,
    replica_key_map: Vec<String>,
    id_formats: Formats,
    ranges: Vec<Range>,
}

#[derive(Debug, Serialize)]
struct Formats {
    replica: Format,
    item: Format,
    change_unit: Format,
}

#[derive(Debug, Serialize)]
struct Format {
    variable: bool,
    /// As stored: ids that differ in length are counted with the two bytes of their own length.
    length: u32,
}

#[derive(Debug, Serialize)]
struct Range {
    lower_bound: String,
    clock_vector: Vec<(u32, u64)>,
}

impl KnowledgeDocument {
    /// What is shown of a replica that has no knowledge yet: its own id, and no range of which anything is known.
    pub(crate) fn nothing(own: ReplicaId) -> Self {
        let knowledge = sync_knowledge::Knowledge::new(own);
        KnowledgeDocument {
            ranges: Vec::new(),
            ..KnowledgeDocument::from(&KnowledgeBlob::from(&knowledge))
        }
    }
}

impl From<&KnowledgeBlob> for KnowledgeDocument {
    fn from(blob: &KnowledgeBlob) -> Self {
        let formats = blob.id_formats();
        let ranges = blob.ranges().iter().map(|range| Range {
            lower_bound: hex(range.lower_bound.as_bytes()),
            clock_vector: (blob.vector(range.vector).iter())
                .map(|(key, tick)| (key.0, *tick))
                .collect(),
        });
        KnowledgeDocument {
            version: blob.version(),
            replica_key_map: blob
                .key_map()
                .iter()
                .map(|(_, id)| replica_text(formats.replica, id))
                .collect(),
            id_formats: Formats {
                replica: formats.replica.into(),
                item: formats.item.into(),
                change_unit: formats.change_unit.into(),
            },
            ranges: ranges.collect(),
        }
    }
}

/// A replica id of 16 fixed bytes as a GUID, any other as hex: sixteen bytes of variable length need not be one.
pub(crate) fn replica_text(format: IdFormat, id: &ReplicaId) -> String {
    if format.variable {
        hex(id.as_bytes())
    } else {
        id.to_string()
    }
}

impl From<IdFormat> for Format {
    fn from(format: IdFormat) -> Self {
        let prefix = if format.variable { 2 } else { 0 };
        Format {
            variable: format.variable,
            length: u32::from(format.length) + prefix,
        }
    }
}

//! The targets.

mod algebra;
mod knowledge;
mod metadata;
mod pairs;
mod rows;
mod serial;

use std::fmt::Debug;

use serde::{Serialize, de::DeserializeOwned};

use crate::{Memory, Target, Verdict};

/// Enough for what does not depend on the length of the input: the text of an error, some ids of a format with 65 535 bytes.
const LITTLE: u64 = 1 << 20;
/// Serde sets up to a mebibyte aside for a list before it has seen its elements, within each other for lists in lists.
const SERDE: u64 = 8 << 20;

/// All targets.
pub const TARGETS: &[Target] = &[
    Target {
        name: "knowledge_blob",
        about: "versions 5 and 3 of the binary form: what is read goes back byte for byte",
        run: knowledge::blob,
        memory: Memory {
            base: LITTLE,
            per_byte: 400,
        },
    },
    Target {
        name: "knowledge_envelope",
        about: "the envelope, with whatever stands behind a right checksum",
        run: knowledge::envelope,
        memory: Memory {
            base: SERDE,
            per_byte: 400,
        },
    },
    Target {
        name: "knowledge_xml",
        about: "the XML form",
        run: knowledge::xml,
        memory: Memory {
            base: LITTLE,
            per_byte: 400,
        },
    },
    Target {
        name: "knowledge_serde",
        about: "knowledge, cookies and their parts, as bincode and as JSON",
        run: serial::knowledge,
        memory: Memory {
            base: SERDE,
            per_byte: 400,
        },
    },
    Target {
        name: "knowledge_algebra",
        about: "sequences of operations against the set of changes that knowledge stands for",
        run: algebra::sequence,
        memory: Memory {
            base: 4 << 20,
            per_byte: 0,
        },
    },
    Target {
        name: "knowledge_pairs",
        about: "the laws of the lattice for any two blobs",
        run: pairs::laws,
        memory: Memory {
            base: 256 << 20,
            per_byte: 0,
        },
    },
    Target {
        name: "scope_config",
        about: "configuration documents, as databases keep them",
        run: metadata::config,
        memory: Memory {
            base: LITTLE,
            per_byte: 400,
        },
    },
    Target {
        name: "names",
        about: "names of tables and types, and those made from them",
        run: metadata::names,
        memory: Memory {
            base: LITTLE,
            per_byte: 400,
        },
    },
    Target {
        name: "values",
        about: "numbers, dates and times as text",
        run: metadata::values,
        memory: Memory {
            base: LITTLE,
            per_byte: 100,
        },
    },
    Target {
        name: "rows",
        about: "packed rows, their cells compared, and their ids",
        run: rows::packed,
        memory: Memory {
            base: LITTLE,
            per_byte: 400,
        },
    },
    Target {
        name: "batches",
        about: "change batches and answers, as a peer sends them",
        run: serial::batches,
        memory: Memory {
            base: SERDE,
            per_byte: 400,
        },
    },
];

/// Reads a value of bincode, and whatever was read once more. Values are compared as bytes: numbers need not equal
/// themselves. Without a limit bincode sets aside what a length claims before it looks at what is there; whoever reads from
/// outside gives one.
fn through_bincode<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let config = bincode::config::standard().with_limit::<{ 1 << 20 }>();
    let (value, _): (T, usize) = bincode::serde::decode_from_slice(bytes, config).ok()?;
    let written = bincode::serde::encode_to_vec(&value, config).unwrap();
    let (again, read): (T, usize) = bincode::serde::decode_from_slice(&written, config).unwrap();
    assert_eq!(read, written.len());
    assert_eq!(
        bincode::serde::encode_to_vec(&again, config).unwrap(),
        written
    );
    Some(value)
}

/// The same for JSON.
fn through_json<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let value: T = serde_json::from_slice(bytes).ok()?;
    let written = serde_json::to_string(&value).unwrap();
    let again: T = serde_json::from_str(&written).unwrap();
    assert_eq!(serde_json::to_string(&again).unwrap(), written);
    Some(value)
}

/// Reads text, and reads what it writes once more.
fn through_text<T>(text: &str) -> Option<T>
where
    T: std::str::FromStr<Err: Debug> + ToString + PartialEq + Debug,
{
    let value: T = text.parse().ok()?;
    let written = value.to_string();
    assert_eq!(written.parse::<T>().unwrap(), value, "{written}");
    Some(value)
}

fn verdict(read: bool) -> Verdict {
    if read {
        Verdict::Read
    } else {
        Verdict::Refused
    }
}

//! Putting bytes together. All numbers have their high byte first.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use super::{KnowledgeBlob, VERSION_3, VERSION_5};
use crate::fragments::Fragments;
use crate::numbering::Numbering;
use crate::range_set::RangeSet;
use crate::{ClockVector, IdFormat, IdFormatGroup, Knowledge, ReplicaKey, ReplicaKeyMap, Tick};

/// Writes a blob in its own version.
pub(super) fn blob(blob: &KnowledgeBlob) -> Vec<u8> {
    let vectors = blob.vectors().map(|elements| elements.iter().copied());
    if blob.version == VERSION_3 {
        return version_3(blob.formats, &blob.replicas, vectors);
    }
    let ranges = blob
        .ranges
        .iter()
        .map(|range| (range.lower_bound.as_bytes(), range.vector));
    version_5(blob.formats, &blob.replicas, vectors, ranges)
}

/// Writes knowledge in version 5.
pub(super) fn knowledge(knowledge: &Knowledge) -> Vec<u8> {
    let folded = folded(knowledge);
    ranges_alone(knowledge, &mut Numbering::of(&folded.table), &folded.scope)
}

/// Writes the knowledge of one set of ranges in version 5, as if there were no other.
pub(crate) fn ranges_alone(
    knowledge: &Knowledge,
    numbering: &mut Numbering<'_>,
    ranges: &RangeSet,
) -> Vec<u8> {
    let (vectors, ranges) = numbering.of_ranges(ranges);
    let ranges =
        ranges.map(|(lower, number)| (lower.unwrap_or(&knowledge.lowest).as_bytes(), number));
    let vectors = vectors.into_iter().map(ClockVector::iter);
    version_5(knowledge.formats, &knowledge.key_map, vectors, ranges)
}

/// The fragments without column sets: of every item what is known of all of its change units.
pub(super) fn folded(knowledge: &Knowledge) -> Cow<'_, Fragments> {
    knowledge.fragments.folded(|mine, theirs| {
        let mut both = mine.clone();
        both.meet(theirs);
        both
    })
}

fn version_5<'a>(
    formats: IdFormatGroup,
    replicas: &ReplicaKeyMap,
    vectors: impl ExactSizeIterator<Item = impl Iterator<Item = (ReplicaKey, Tick)>>,
    ranges: impl ExactSizeIterator<Item = (&'a [u8], u32)>,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(128 + replicas.len() * 28 + ranges.len() * 32);
    [VERSION_5, 0, 1, 0]
        .iter()
        .for_each(|field| number(&mut out, *field));
    key_map(&mut out, formats.replica, replicas);
    number(&mut out, 24);
    format(&mut out, formats.replica);
    format(&mut out, formats.item);
    format(&mut out, formats.change_unit);
    number(&mut out, 21);
    number(&mut out, vectors.len() as u32);
    vectors.for_each(|elements| vector(&mut out, elements));
    [23, 1, 22, ranges.len() as u32]
        .iter()
        .for_each(|field| number(&mut out, *field));
    for (lower, place) in ranges {
        id(&mut out, formats.item, lower);
        number(&mut out, place);
    }
    [0, 25].iter().for_each(|field| number(&mut out, *field));
    out.push(1);
    number(&mut out, 0);
    out
}

fn version_3(
    formats: IdFormatGroup,
    replicas: &ReplicaKeyMap,
    vectors: impl Iterator<Item = impl Iterator<Item = (ReplicaKey, Tick)>>,
) -> Vec<u8> {
    let mut out = Vec::new();
    [VERSION_3, 0]
        .iter()
        .for_each(|field| number(&mut out, *field));
    key_map(&mut out, formats.replica, replicas);
    format(&mut out, formats.item);
    format(&mut out, formats.change_unit);
    vectors.for_each(|elements| vector(&mut out, elements));
    [3, 0, 6, 4, 0, 0]
        .iter()
        .for_each(|field| number(&mut out, *field));
    out
}

fn number(out: &mut Vec<u8>, number: u32) {
    out.extend_from_slice(&number.to_be_bytes());
}

fn format(out: &mut Vec<u8>, format: IdFormat) {
    out.push(format.variable.into());
    out.extend_from_slice(&format.stored_length().to_be_bytes());
}

fn key_map(out: &mut Vec<u8>, format_of_ids: IdFormat, replicas: &ReplicaKeyMap) {
    number(out, 5);
    format(out, format_of_ids);
    number(out, replicas.len() as u32);
    for (_, replica) in replicas.iter() {
        id(out, format_of_ids, replica.as_bytes());
    }
}

/// The id has a length that the format admits: knowledge holds no other.
fn id(out: &mut Vec<u8>, format: IdFormat, bytes: &[u8]) {
    if format.variable {
        out.extend_from_slice(&(bytes.len() as u16 + 2).to_be_bytes());
    }
    out.extend_from_slice(bytes);
}

fn vector(out: &mut Vec<u8>, elements: impl Iterator<Item = (ReplicaKey, Tick)>) {
    number(out, 1);
    let at = out.len();
    number(out, 0);
    let mut count: u32 = 0;
    for (key, tick) in elements {
        let mut element = [0; 12];
        element[..4].copy_from_slice(&key.0.to_be_bytes());
        element[4..].copy_from_slice(&tick.to_be_bytes());
        out.extend_from_slice(&element);
        count += 1;
    }
    out[at..at + 4].copy_from_slice(&count.to_be_bytes());
}

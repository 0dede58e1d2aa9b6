//! A blob as an argument: hex digits, or `@FILE` for raw bytes.

use std::fs::File;
use std::io::Read as _;

use sync_knowledge::{Knowledge, KnowledgeBlob};

use crate::exit::Failure;

/// The most bytes that are read of a file. Knowledge of a million exceptions takes a tenth of it.
const MOST_BYTES: u64 = 256 << 20;

/// Takes a blob apart without loss.
pub(super) fn parse(argument: &str) -> Result<KnowledgeBlob, Failure> {
    let bytes = bytes(argument)?;
    KnowledgeBlob::parse(&bytes).map_err(|error| malformed(argument, error.to_string()))
}

/// What a blob says.
pub(super) fn knowledge(argument: &str) -> Result<Knowledge, Failure> {
    let blob = parse(argument)?;
    blob.knowledge()
        .map_err(|error| malformed(argument, error.to_string()))
}

fn bytes(argument: &str) -> Result<Vec<u8>, Failure> {
    let Some(path) = argument.strip_prefix('@') else {
        return from_hex(argument);
    };
    let read = || -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(path)?
            .take(MOST_BYTES + 1)
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|error| Failure::file(format!("blob {argument}"), &error))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(malformed(
            argument,
            format!("it has more than {MOST_BYTES} bytes"),
        ));
    }
    Ok(bytes)
}

fn from_hex(argument: &str) -> Result<Vec<u8>, Failure> {
    let digits = argument
        .strip_prefix("0x")
        .or_else(|| argument.strip_prefix("0X"))
        .unwrap_or(argument);
    let digits: Option<Vec<u8>> = digits
        .chars()
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let digits =
        digits.ok_or_else(|| malformed(argument, "it holds something else than hex digits"))?;
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(malformed(argument, "it has an odd number of hex digits"));
    }
    Ok(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

fn malformed(argument: &str, reason: impl Into<String>) -> Failure {
    const MOST_SHOWN: usize = 24;
    let mut shown: String = argument.chars().take(MOST_SHOWN).collect();
    if argument.chars().nth(MOST_SHOWN).is_some() {
        shown.push('…');
    }
    Failure::usage(
        format!("blob {shown}"),
        reason,
        "give hex digits, or @FILE with the bytes of a knowledge column",
    )
}

//! Serde and the envelope.

#![cfg(feature = "serde")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod model;
mod strategies;

use model::Sample;
use proptest::prelude::*;
use serde::{Serialize, de::DeserializeOwned};
use strategies::samples;
use sync_knowledge::{
    ChangeUnitId, ClockVector, EnvelopeError, ForgottenKnowledge, Knowledge, KnowledgeBlob,
    ReplicaId, ReplicaKey, ReplicaKeyMap, Version, decode_envelope, encode_envelope,
};

/// There and back through a format with bytes and one without.
#[track_caller]
fn check<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) {
    let config = bincode::config::standard();
    let bytes = bincode::serde::encode_to_vec(value, config).unwrap();
    let (back, read): (T, usize) = bincode::serde::decode_from_slice(&bytes, config).unwrap();
    assert_eq!((&back, read), (value, bytes.len()));
    let json = serde_json::to_string(value).unwrap();
    assert_eq!(serde_json::from_str::<T>(&json).unwrap(), *value);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn there_and_back([Sample { knowledge, .. }] in samples()) {
        check(&knowledge);
        check(&knowledge.cookie());
        check(knowledge.key_map());
        check(&ForgottenKnowledge::from(knowledge.clone()));
        check(&KnowledgeBlob::from(&knowledge));
        check(&knowledge.formats());
        for range in knowledge.ranges() {
            check(range.lower_bound);
            check(range.vector);
        }
        let bytes = encode_envelope(&knowledge).unwrap();
        prop_assert_eq!(decode_envelope(&bytes).unwrap(), knowledge);
    }

    #[test]
    fn changed_envelopes(
        [Sample { knowledge, .. }] in samples(),
        at in any::<prop::sample::Index>(),
        change in 1..=255u8,
    ) {
        let mut bytes = encode_envelope(&knowledge).unwrap();
        let at = at.index(bytes.len());
        prop_assert!(decode_envelope(&bytes[..at]).is_err());
        bytes[at] ^= change;
        prop_assert!(decode_envelope(&bytes).is_err());
    }

    /// Behind a right checksum anything can stand; whatever is read is knowledge.
    #[test]
    fn forged_envelopes(
        [Sample { knowledge, .. }] in samples(),
        at in any::<prop::sample::Index>(),
        change in 1..=255u8,
    ) {
        let mut bytes = encode_envelope(&knowledge).unwrap();
        bytes.truncate(bytes.len() - 4);
        let at = at.index(bytes.len());
        bytes[at] ^= change;
        bytes.extend(crc_32(&bytes).to_be_bytes());
        if let Ok(read) = decode_envelope(&bytes) {
            let again = encode_envelope(&read).unwrap();
            prop_assert_eq!(decode_envelope(&again).unwrap(), read);
        }
    }
}

/// A change unit that the format of the knowledge does not admit.
#[test]
fn column_sets_of_another_format() {
    let mut knowledge = Knowledge::new(ReplicaId::from_bytes(&[1; 16]));
    knowledge.set_local_tick(7);
    let item = sync_knowledge::ItemId::from_text("a");
    knowledge.exclude_change_unit(&item, &ChangeUnitId::from(3));
    let mut json = serde_json::to_value(&knowledge).unwrap();
    json["columns"][0][0][0] = serde_json::json!([3, 4]);
    let error = serde_json::from_value::<Knowledge>(json).unwrap_err();
    let reason = "column set 0 of the knowledge names a change unit that its format does not admit";
    assert_eq!(error.to_string(), reason);
}

fn crc_32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 * (crc & 1))
        })
    })
}

/// The first version, as it will be read for ever.
const GOLDEN: &str = "53594e4b0001\
    80\
    00000005000000000000000100000000000000050000100000000101010101010101010101010101\
    01010100000018000010012802000001000000150000000200000001000000000000000100000001\
    00000000000000000000000700000017000000010000001600000001000300000000010000000000\
    0000190100000000\
    01010103\
    91\
    00000005000000000000000100000000000000050000100000000101010101010101010101010101\
    01010100000018000010012802000001000000150000000200000001000000000000000100000001\
    00000000000000000000000700000017000000010000001600000003000300000000010004006100\
    00000000050061000000000100000000000000190100000000\
    2e6ac91c";

#[test]
fn golden_envelope() {
    let mut knowledge = Knowledge::new(ReplicaId::from_bytes(&[1; 16]));
    knowledge.set_local_tick(7);
    knowledge.exclude_change_unit(
        &sync_knowledge::ItemId::from_text("a"),
        &ChangeUnitId::from(3),
    );
    let bytes = encode_envelope(&knowledge).unwrap();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, GOLDEN);
    assert_eq!(decode_envelope(&bytes).unwrap(), knowledge);
}

#[test]
fn what_is_no_envelope() {
    let knowledge = Knowledge::new(ReplicaId::from_bytes(&[1; 16]));
    let whole = encode_envelope(&knowledge).unwrap();
    assert_eq!(decode_envelope(b"").unwrap_err(), EnvelopeError::NoEnvelope);
    assert_eq!(
        decode_envelope(&knowledge.to_bytes()).unwrap_err(),
        EnvelopeError::NoEnvelope
    );
    let mut newer = whole.clone();
    newer[5] = 2;
    let error = EnvelopeError::UnsupportedVersion { version: 2 };
    assert_eq!(decode_envelope(&newer).unwrap_err(), error);

    // A length of 2^60 in a few bytes.
    let mut forged = whole[..6].to_vec();
    forged.push(253);
    forged.extend((1u64 << 60).to_le_bytes());
    forged.extend(crc_32(&forged).to_be_bytes());
    assert!(matches!(
        decode_envelope(&forged),
        Err(EnvelopeError::Content { .. })
    ));
}

/// What an envelope claims of its lengths is believed only as far as there are bytes.
#[test]
fn claims_cost_nothing() {
    let mut knowledge = Knowledge::new(ReplicaId::from_bytes(&[1; 16]));
    knowledge.set_local_tick(7);
    let item = sync_knowledge::ItemId::from_text("a");
    knowledge.exclude_change_unit(&item, &ChangeUnitId::from(3));
    let whole = encode_envelope(&knowledge).unwrap();
    let mut most = 0;
    for at in 6..whole.len() - 4 {
        for claim in [1u64 << 31, 1 << 60, u64::MAX] {
            // A number of eight bytes, as bincode writes it.
            let mut claiming = whole[..at].to_vec();
            claiming.push(253);
            claiming.extend(claim.to_le_bytes());
            claiming.extend(&whole[at + 1..whole.len() - 4]);
            claiming.extend(crc_32(&claiming).to_be_bytes());
            let used = allocation_counter::measure(|| {
                let _ = decode_envelope(&claiming);
            });
            most = most.max(used.bytes_max);
        }
    }
    // Serde itself sets aside a mebibyte at most for a list whose length is claimed.
    assert!(most <= 2 << 20, "{most} bytes of memory");
}

#[test]
fn parts_that_contradict_themselves() {
    let json = |text: &str| {
        serde_json::from_str::<ReplicaKeyMap>(text)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(json("[]"), "a replica key map without replicas");
    assert_eq!(json("[[1],[2],[1]]"), "replica key 2 repeats an earlier id");
    let id = |length| serde_json::from_str::<ReplicaId>(&format!("{:?}", vec![7; length]));
    assert_eq!(id(65_533).unwrap().as_bytes().len(), 65_533);
    for length in [65_534, 65_535, 70_000] {
        let error = id(length).unwrap_err().to_string();
        let reason = format!("a replica id of {length} bytes: the longest has 65533");
        assert!(error.starts_with(&reason), "{error}");
    }
    let error = serde_json::from_str::<ClockVector>("[[1,5],[1,6]]").unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("the replica keys of a clock vector do not ascend")
    );
    check(&Version::new(ReplicaKey(1), u64::MAX));
}

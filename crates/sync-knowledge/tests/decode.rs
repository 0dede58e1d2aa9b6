//! The binary forms: real blobs, their meaning, and everything that can be wrong with one.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::cell::Cell;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestRunner;
use sync_knowledge::{
    ConvertError, DecodeError, IdFormat, IdFormatGroup, Knowledge, KnowledgeBlob, ReplicaKey, Tick,
};

/// A database that was synchronised by Sync Framework 2.1: what it knows.
const K1: &str = "000000050000000000000001000000000000000500001000000002\
    f5d6756836c441ba8b43349c4bb7767fff7c22f8db0d4713bfe52229a2fb46ac\
    00000018000010012802000001\
    000000150000000200000001000000000000000100000002\
    00000000000000000000027a0000000100000000000007e7\
    0000001700000001000000160000000100030000000001\
    00000000000000190100000000";

/// The same database: what it forgot.
const F1: &str = "000000050000000000000001000000000000000500001000000002\
    f5d6756836c441ba8b43349c4bb7767fff7c22f8db0d4713bfe52229a2fb46ac\
    00000018000010012802000001\
    00000015000000010000000100000000\
    0000001700000001000000160000000100030000000000\
    00000000000000190100000000";

/// Another scope of it.
const K2: &str = "000000050000000000000001000000000000000500001000000002\
    2d4984605fe941c39ddcb4eee3aa7c8e68d47e584f3f400ab6113b82d6064dbb\
    00000018000010012802000001\
    000000150000000200000001000000000000000100000002\
    0000000000000000000002810000000100000000000007e8\
    0000001700000001000000160000000100030000000001\
    00000000000000190100000000";

/// The file provider, whose items have ids of 24 bytes.
const K7: &str = "000000050000000000000001000000000000000500001000000002\
    01b4122488a8bf4aa93ea2c7e05658618c41755fbc8a1446ae6d44beb0da6271\
    00000018000010000018000004\
    000000150000000200000001000000000000000100000002\
    000000000000000000000012000000010000000000000014\
    00000017000000010000001600000001\
    00000000000000000000000000000000000000000000000000000001\
    00000000000000190100000000";

/// A metadata store of Sync Framework 1.0.
const A: &str = "0000000300000000000000050101f600000002\
    0012005200650070006c0069006300610041\
    0012005200650070006c00690063006100420101f6000001\
    0000000100000002000000000000000000000002000000010000000000000009\
    0000000300000000\
    00000006000000040000000000000000";

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    digits
        .map(|two| u8::from_str_radix(str::from_utf8(two).unwrap(), 16).unwrap())
        .collect()
}

fn samples() -> [Vec<u8>; 5] {
    [bytes(K1), bytes(F1), bytes(K2), bytes(K7), bytes(A)]
}

/// Decodes a blob of one range, and writes it again.
#[track_caller]
fn check(bytes: &[u8], replicas: [&str; 2], formats: IdFormatGroup, ticks: &[(u32, Tick)]) {
    let blob = KnowledgeBlob::parse(bytes).unwrap();
    assert_eq!(blob.to_bytes(), bytes);
    assert_eq!(blob.convert(blob.version()), Ok(blob.clone()));
    assert_eq!(blob.id_formats(), formats);

    let knowledge = blob.knowledge().unwrap();
    let ids: Vec<String> = knowledge
        .key_map()
        .iter()
        .map(|(_, id)| id.to_string())
        .collect();
    assert_eq!(ids, replicas);
    assert_eq!(knowledge.formats(), formats);
    let ranges: Vec<_> = knowledge.ranges().collect();
    assert_eq!(ranges.len(), 1);
    let found: Vec<_> = ranges[0]
        .vector
        .iter()
        .map(|(key, tick)| (key.0, tick))
        .collect();
    assert_eq!(found, ticks);

    // Every version leads to the same bytes of version 5.
    let version_5 = blob.convert(5).unwrap();
    assert_eq!(knowledge.to_bytes(), version_5.to_bytes());
    assert_eq!(KnowledgeBlob::from(&knowledge), version_5);
    assert_eq!(Knowledge::from_bytes(&version_5.to_bytes()), Ok(knowledge));
}

#[test]
fn real_blobs() {
    let k1 = [
        "f5d67568-36c4-41ba-8b43-349c4bb7767f",
        "ff7c22f8-db0d-4713-bfe5-2229a2fb46ac",
    ];
    check(
        &bytes(K1),
        k1,
        IdFormatGroup::DATABASE,
        &[(0, 634), (1, 2023)],
    );
    check(&bytes(F1), k1, IdFormatGroup::DATABASE, &[]);
    let k2 = [
        "2d498460-5fe9-41c3-9ddc-b4eee3aa7c8e",
        "68d47e58-4f3f-400a-b611-3b82d6064dbb",
    ];
    check(
        &bytes(K2),
        k2,
        IdFormatGroup::DATABASE,
        &[(0, 641), (1, 2024)],
    );
    let k7 = [
        "01b41224-88a8-bf4a-a93e-a2c7e0565861",
        "8c41755f-bc8a-1446-ae6d-44beb0da6271",
    ];
    let files = IdFormatGroup {
        replica: IdFormat::GUID,
        item: IdFormat::fixed(24),
        change_unit: IdFormat::fixed(4),
    };
    check(&bytes(K7), k7, files, &[(0, 18), (1, 20)]);
}

#[test]
fn version_3_of_sync_framework_1() {
    // "ReplicaA" is 16 bytes of UTF-16, the length of a GUID: the key map's format tells them apart.
    let a = [
        "00520065-0070-006c-0069-006300610041",
        "00520065-0070-006c-0069-006300610042",
    ];
    let stores = IdFormatGroup {
        replica: IdFormat::variable(500),
        item: IdFormat::variable(500),
        change_unit: IdFormat::fixed(1),
    };
    check(&bytes(A), a, stores, &[(0, 2), (1, 9)]);
    let blob = KnowledgeBlob::parse(&bytes(K1)).unwrap();
    assert_eq!(
        blob.convert(3),
        Err(ConvertError::UnsupportedTarget { from: 5, to: 3 })
    );
    assert_eq!(
        blob.convert(4),
        Err(ConvertError::UnsupportedTarget { from: 5, to: 4 })
    );
}

#[test]
fn every_prefix_is_an_error() {
    for sample in samples() {
        for length in 0..sample.len() {
            let error = KnowledgeBlob::parse(&sample[..length]).unwrap_err();
            let short = matches!(
                error,
                DecodeError::CutOff { .. } | DecodeError::TooMany { .. }
            );
            assert!(short, "{length}: {error}");
        }
        let longer = [&sample[..], &[0]].concat();
        let error = DecodeError::TrailingBytes {
            offset: sample.len(),
            count: 1,
        };
        assert_eq!(KnowledgeBlob::parse(&longer), Err(error));
    }
}

/// Whatever a changed byte makes of a blob, it is refused or goes back byte for byte.
#[test]
fn every_changed_byte() {
    let (mut read, mut refused) = (0, 0);
    for sample in samples() {
        for at in 0..sample.len() {
            for change in 1..=255 {
                let mut changed = sample.clone();
                changed[at] ^= change;
                let Ok(blob) = KnowledgeBlob::parse(&changed) else {
                    refused += 1;
                    continue;
                };
                read += 1;
                assert_eq!(blob.to_bytes(), changed);
                if let Ok(knowledge) = blob.knowledge() {
                    assert_eq!(Knowledge::from_bytes(&knowledge.to_bytes()), Ok(knowledge));
                }
            }
        }
    }
    assert!(
        read > 10_000 && refused > 10_000,
        "{read} read, {refused} refused"
    );
}

/// Every number of a blob that claims more than there is, at every place, in blobs of 40 bytes and whole: refused or read, and
/// never paid for in advance.
#[test]
fn claims_cost_nothing() {
    let blobs = samples().into_iter().chain([PARTS.bytes()]);
    let (mut refused, mut most) = (0, 0);
    for blob in blobs {
        for claim in [0x8000_0000, 0x7fff_ffff, 0xffff_ffff_u32, 0x00ff_ffff] {
            for at in 0..blob.len() - 4 {
                for length in [40.max(at + 4), blob.len()] {
                    let mut claiming = blob[..length].to_vec();
                    claiming[at..at + 4].copy_from_slice(&claim.to_be_bytes());
                    let mut read = false;
                    let used = allocation_counter::measure(|| {
                        read = Knowledge::from_bytes(&claiming).is_ok();
                    });
                    refused += usize::from(!read);
                    most = most.max(used.bytes_max / claiming.len() as u64);
                }
            }
        }
    }
    assert!(most <= 32, "{most} bytes of memory for a byte");
    assert!(refused > 3000, "{refused} refused");
}

/// Bytes put in, taken out and changed at several places of a blob with several ranges. Nearly all damage is refused, and of what is refused
/// nothing can be claimed: a part of the cases changes bytes in place, and those that are read are counted.
#[test]
fn damaged_blobs() {
    let byte = || prop_oneof![any::<u8>(), 0..4u8];
    let in_place = (any::<Index>(), byte()).prop_map(|(at, byte)| (at, 1, vec![byte]));
    let anyhow = (any::<Index>(), 0..4usize, vec(byte(), 0..5));
    let damage = prop_oneof![vec(in_place, 1..4), vec(anyhow, 1..4)];
    let mut runner = TestRunner::new(ProptestConfig::with_cases(3000));
    let (read, meant) = (Cell::new(0), Cell::new(0));
    let outcome = runner.run(&(0..6usize, damage), |(which, damage)| {
        let original = samples()
            .into_iter()
            .nth(which)
            .unwrap_or_else(|| PARTS.bytes());
        let mut bytes = original.clone();
        for (at, taken, put) in damage {
            let at = at.index(bytes.len());
            let end = (at + taken).min(bytes.len());
            bytes.splice(at..end, put);
        }
        let Ok(blob) = KnowledgeBlob::parse(&bytes) else {
            return Ok(());
        };
        read.set(read.get() + usize::from(bytes != original));
        prop_assert_eq!(blob.to_bytes(), bytes.clone());
        if let Ok(knowledge) = blob.knowledge() {
            meant.set(meant.get() + usize::from(bytes != original));
            prop_assert_eq!(Knowledge::from_bytes(&knowledge.to_bytes()), Ok(knowledge));
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}\n{runner}"));
    let (read, meant) = (read.get(), meant.get());
    assert!(
        read > 150 && meant > 150,
        "{read} read, {meant} with a meaning"
    );
}

/// A blob of version 5 from its parts, each of which a test can replace.
#[derive(Clone)]
struct Parts {
    head: &'static str,
    replicas: &'static str,
    formats: &'static str,
    vectors: &'static str,
    ranges: &'static str,
    tail: &'static str,
}

const PARTS: Parts = Parts {
    head: "00000005000000000000000100000000",
    replicas: "00000005 000002 00000003 0a0a 0b0b 0c0c",
    formats: "00000018 000002 010006 000001",
    vectors: "00000015 00000002 00000001 00000000 \
              00000001 00000002 00000000 0000000000000007 00000002 0000000000000009",
    ranges: "00000017 00000001 00000016 00000003 \
             000300 00000001 00040102 00000000 00050102ff 00000001",
    tail: "00000000 00000019 01 00000000",
};

impl Parts {
    fn bytes(&self) -> Vec<u8> {
        let parts = [
            self.head,
            self.replicas,
            self.formats,
            self.vectors,
            self.ranges,
            self.tail,
        ];
        bytes(&parts.concat().replace(' ', ""))
    }
}

#[test]
fn several_ranges() {
    let bytes = PARTS.bytes();
    let blob = KnowledgeBlob::parse(&bytes).unwrap();
    assert_eq!(blob.to_bytes(), bytes);
    let knowledge = blob.knowledge().unwrap();
    let key = ReplicaKey(2);
    let ticks = [
        &[0][..],
        &[1, 1],
        &[1, 2],
        &[1, 2, 0xfe],
        &[1, 2, 0xff],
        &[0xff],
    ]
    .map(|item| knowledge.tick_at(item, key));
    assert_eq!(ticks, [9, 9, 0, 0, 9, 9]);
    // It was canonical already.
    assert_eq!(knowledge.to_bytes(), bytes);
}

#[test]
fn what_is_not_canonical_is_kept_by_the_blob_alone() {
    // An unused vector, one that comes twice, a tick of 0, and neighbours that are alike.
    let parts = Parts {
        vectors: "00000015 00000004 00000001 00000000 \
                  00000001 00000001 00000001 0000000000000005 \
                  00000001 00000002 00000000 0000000000000007 00000001 0000000000000000 \
                  00000001 00000001 00000000 0000000000000007",
        ranges: "00000017 00000001 00000016 00000003 \
                 000300 00000002 00040102 00000003 00050102ff 00000000",
        ..PARTS
    };
    let blob = KnowledgeBlob::parse(&parts.bytes()).unwrap();
    assert_eq!(blob.to_bytes(), parts.bytes());
    assert_eq!(blob.vectors().len(), 4);
    assert_eq!(blob.vector(2), [(ReplicaKey(0), 7), (ReplicaKey(1), 0)]);
    assert_eq!(blob.vector(4), []);
    let canonical = Parts {
        vectors: "00000015 00000002 00000001 00000000 \
                  00000001 00000001 00000000 0000000000000007",
        ranges: "00000017 00000001 00000016 00000002 \
                 000300 00000001 00050102ff 00000000",
        ..PARTS
    };
    assert_eq!(blob.knowledge().unwrap().to_bytes(), canonical.bytes());
}

/// Replaces one part and expects it to be refused, for the reason that the error's text gives.
#[track_caller]
fn refused(parts: Parts, reason: &str) {
    let error = Knowledge::from_bytes(&parts.bytes()).unwrap_err();
    assert_eq!(error.to_string(), reason);
}

#[test]
fn what_is_wrong_is_named() {
    let head = |head| Parts { head, ..PARTS };
    for version in [
        "00000000", "00000001", "00000002", "00000004", "00000006", "ffffffff",
    ] {
        let number = u32::from_str_radix(version, 16).unwrap();
        let reason =
            format!("knowledge of version {number} cannot be read: expected version 5 or 3");
        refused(
            Parts {
                head: version,
                ..PARTS
            },
            &reason,
        );
    }
    refused(
        head("00000005000000010000000100000000"),
        "first reserved field at byte 4 is 1, of which only 0 is understood",
    );
    refused(
        head("00000005000000000000000000000000"),
        "second reserved field at byte 8 is 0, of which only 1 is understood",
    );
    refused(
        head("00000005000000000000000100000009"),
        "third reserved field at byte 12 is 9, of which only 0 is understood",
    );

    let replicas = |replicas| Parts { replicas, ..PARTS };
    refused(
        replicas("00000006 000002 00000001 0a0a"),
        "section of the replica key map at byte 16 is 6, of which only 5 is understood",
    );
    refused(
        replicas("00000005 000000 00000000"),
        "replica id format of the key map at byte 20 is no id format: flag 0, length 0",
    );
    refused(
        replicas("00000005 020002 00000000"),
        "replica id format of the key map at byte 20 is no id format: flag 2, length 2",
    );
    refused(
        replicas("00000005 000002 00000000"),
        "replica key map at byte 27 holds no replica, not even the owner",
    );
    refused(
        replicas("00000005 000002 80000000"),
        "number of replicas at byte 23 is 2147483648, but no more than 57 fit into what follows",
    );
    refused(
        replicas("00000005 000002 00000004 0a0a 0b0b 0c0c 0b0b"),
        "replica key 3 at byte 33 repeats the id of an earlier one",
    );
    refused(
        replicas("00000005 010004 00000003 00040a0a 00030b 00050c0c0c"),
        "replica id at byte 34 has length 5, which its format does not admit",
    );
    refused(
        replicas("00000005 010004 00000001 0001"),
        "replica id at byte 27 has length 1, which its format does not admit",
    );

    let formats = |formats| Parts { formats, ..PARTS };
    refused(
        formats("00000018 000003 010006 000001"),
        "replica id format at byte 37 is not that of the key map",
    );
    refused(
        formats("00000018 000002 010002 000001"),
        "item id format at byte 40 is no id format: flag 1, length 2",
    );
    refused(
        formats("00000018 000002 010006 000000"),
        "change unit id format at byte 43 is no id format: flag 0, length 0",
    );

    let vectors = |vectors| Parts { vectors, ..PARTS };
    refused(
        vectors("00000015 80000000"),
        "number of clock vectors at byte 50 is 2147483648, but no more than 6 fit into what follows",
    );
    refused(
        vectors("00000015 00000002 00000001 00000000 00000002 00000000"),
        "section of a clock vector at byte 62 is 2, of which only 1 is understood",
    );
    refused(
        vectors("00000015 00000002 00000001 00000000 00000001 7fffffff"),
        "number of clock vector elements at byte 66 is 2147483647, but no more than 4 fit into what follows",
    );
    refused(
        vectors("00000015 00000002 00000001 00000000 00000001 00000001 00000003 0000000000000007"),
        "replica key 3 at byte 70 is not in the key map of 3 replicas",
    );
    refused(
        vectors(
            "00000015 00000002 00000001 00000000 \
                 00000001 00000002 00000001 0000000000000007 00000001 0000000000000008",
        ),
        "replica key 1 at byte 82 does not follow the one before it",
    );
    refused(
        vectors(
            "00000015 00000002 \
                 00000001 00000001 00000000 0000000000000007 00000001 00000000",
        ),
        "clock vector 0 has elements: it is expected to be the empty one",
    );

    let ranges = |ranges| Parts { ranges, ..PARTS };
    refused(
        ranges("00000017 00000002 00000016 00000001 000300 00000001"),
        "number of range sets at byte 98 is 2, of which only 1 is understood",
    );
    refused(
        ranges("00000017 00000001 00000016 80000000 000300 00000001"),
        "number of ranges at byte 106 is 2147483648, but no more than 2 fit into what follows",
    );
    refused(
        ranges("00000017 00000001 00000016 00000000"),
        "no range begins with the lowest item id, so nothing is said of the first items",
    );
    refused(
        ranges("00000017 00000001 00000016 00000001 000301 00000001"),
        "no range begins with the lowest item id, so nothing is said of the first items",
    );
    refused(
        ranges("00000017 00000001 00000016 00000002 000300 00000001 000300 00000001"),
        "lower bound at byte 117 does not follow that of the range before it",
    );
    refused(
        ranges("00000017 00000001 00000016 00000001 0002 00000001"),
        "lower bound of a range at byte 110 has length 2, which its format does not admit",
    );
    refused(
        ranges("00000017 00000001 00000016 00000001 00070000000000 00000001"),
        "lower bound of a range at byte 110 has length 7, which its format does not admit",
    );
    refused(
        ranges("00000017 00000001 00000016 00000001 000300 00000002"),
        "clock vector 2 at byte 113 does not exist: there are 2",
    );

    let tail = |tail| Parts { tail, ..PARTS };
    refused(
        tail("00000001 00000019 01 00000000"),
        "number of column sets at byte 134 is 1, of which only 0 is understood",
    );
    refused(
        tail("00000000 0000001a 01 00000000"),
        "section of the trailer at byte 138 is 26, of which only 25 is understood",
    );
    refused(
        tail("00000000 00000019 00 00000000"),
        "flag of the trailer at byte 142 is 0, of which only 1 is understood",
    );
    refused(
        tail("00000000 00000019 01 00000001"),
        "end of the trailer at byte 143 is 1, of which only 0 is understood",
    );
    refused(
        tail("00000000 00000019 01 00000000 0000"),
        "2 bytes follow the end of the knowledge at byte 147",
    );
    refused(
        tail("00000000"),
        "knowledge is cut off in section of the trailer at byte 138: 4 bytes needed, 0 left",
    );
}

#[test]
fn exceptions_of_version_3_are_refused() {
    let whole = bytes(A);
    for (from_end, field) in [
        (24, "section of the first exception table"),
        (20, "number of exceptions in the first table"),
        (16, "section of the second exception table"),
        (12, "section of the third exception table"),
        (8, "number of exceptions in the second table"),
        (4, "number of exceptions in the third table"),
    ] {
        let at = whole.len() - from_end;
        let mut changed = whole.clone();
        changed[at + 3] ^= 0x10;
        match KnowledgeBlob::parse(&changed) {
            Err(DecodeError::UnexpectedValue {
                field: found,
                offset,
                ..
            }) => {
                assert_eq!((found, offset), (field, at));
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Ids as long as a format can have them come back as they were, or the format is refused: what a blob holds is never cut.
#[test]
fn replica_ids_of_every_length() {
    for version in [3u32, 5] {
        for length in [1usize, 15, 16, 17, 65_532, 65_533, 65_534, 65_535] {
            let mut bytes = version.to_be_bytes().to_vec();
            let head = if version == 5 {
                "000000000000000100000000"
            } else {
                "00000000"
            };
            bytes.extend(self::bytes(head));
            let format = |bytes: &mut Vec<u8>| {
                bytes.push(0);
                bytes.extend((length as u16).to_be_bytes());
            };
            bytes.extend(5u32.to_be_bytes());
            let at = bytes.len();
            format(&mut bytes);
            bytes.extend(2u32.to_be_bytes());
            for last in [1, 2] {
                // They differ at their end only.
                bytes.extend(vec![7; length - 1]);
                bytes.push(last);
            }
            if version == 5 {
                bytes.extend(24u32.to_be_bytes());
                format(&mut bytes);
            }
            bytes.extend(self::bytes("010006000001"));
            bytes.extend(self::bytes(if version == 5 {
                "0000001500000001000000010000000000000017000000010000001600000001\
                 0003000000000000000000000000190100000000"
            } else {
                "0000000100000000000000030000000000000006000000040000000000000000"
            }));
            match KnowledgeBlob::parse(&bytes) {
                Ok(blob) => {
                    assert!(length <= 65_533);
                    assert_eq!(blob.to_bytes(), bytes);
                    assert!(
                        blob.key_map()
                            .iter()
                            .all(|(_, id)| id.as_bytes().len() == length)
                    );
                    let knowledge = blob.knowledge().unwrap();
                    assert_eq!(Knowledge::from_bytes(&knowledge.to_bytes()), Ok(knowledge));
                }
                Err(error) => {
                    assert!(length > 65_533, "{length}: {error}");
                    let reason = format!(
                        "replica id format of the key map at byte {at} is for ids of {length} bytes: replica ids have at most 65533"
                    );
                    assert_eq!(error.to_string(), reason);
                }
            }
        }
    }
}

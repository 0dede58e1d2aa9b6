//! `knowledge show | combine | compare | convert`

use serde_json::json;

use super::support::{Place, check_failure};

/// Knowledge of two replicas as a database provider of Microsoft Sync Framework 2.1 stored it.
const K1: &str = "000000050000000000000001000000000000000500001000000002f5d6756836c441ba8b43349c4bb7767fff7c22f8db0d4713bfe52229a2fb46ac0000001800001001280200000100000015000000020000000100000000000000010000000200000000000000000000027a0000000100000000000007e7000000170000000100000016000000010003000000000100000000000000190100000000";
/// What the same replica had forgotten: nothing.
const F1: &str = "000000050000000000000001000000000000000500001000000002f5d6756836c441ba8b43349c4bb7767fff7c22f8db0d4713bfe52229a2fb46ac0000001800001001280200000100000015000000010000000100000000000000170000000100000016000000010003000000000000000000000000190100000000";
/// Another community's.
const K2: &str = "0000000500000000000000010000000000000005000010000000022d4984605fe941c39ddcb4eee3aa7c8e68d47e584f3f400ab6113b82d6064dbb000000180000100128020000010000001500000002000000010000000000000001000000020000000000000000000002810000000100000000000007e8000000170000000100000016000000010003000000000100000000000000190100000000";
/// A file provider's, with item ids of a fixed length.
const K7: &str = "00000005000000000000000100000000000000050000100000000201b4122488a8bf4aa93ea2c7e05658618c41755fbc8a1446ae6d44beb0da627100000018000010000018000004000000150000000200000001000000000000000100000002000000000000000000000012000000010000000000000014000000170000000100000016000000010000000000000000000000000000000000000000000000000000000100000000000000190100000000";
/// Version 3, of a metadata store of Sync Framework 1.0.
const V3: &str = "0000000300000000000000050101f6000000020012005200650070006c00690063006100410012005200650070006c00690063006100420101f60000010000000100000002000000000000000000000002000000010000000000000009000000030000000000000006000000040000000000000000";

#[test]
fn show() {
    let place = Place::new();
    let document = place.json(&["knowledge", "show", K1], 0);
    assert_eq!(
        document,
        json!({
            "version": 5,
            "replica_key_map": ["f5d67568-36c4-41ba-8b43-349c4bb7767f", "ff7c22f8-db0d-4713-bfe5-2229a2fb46ac"],
            "id_formats": {
                "replica": { "variable": false, "length": 16 },
                "item": { "variable": true, "length": 10242 },
                "change_unit": { "variable": false, "length": 1 },
            },
            "ranges": [{ "lower_bound": "00", "clock_vector": [[0, 634], [1, 2023]] }],
        })
    );
    assert_eq!(
        place.json(
            &["knowledge", "show", &format!("0x{}", K1.to_uppercase())],
            0
        ),
        document
    );
    std::fs::write(place.path("k1"), bytes(K1)).unwrap();
    assert_eq!(place.json(&["knowledge", "show", "@k1"], 0), document);

    let document = place.json(&["knowledge", "show", F1], 0);
    assert_eq!(
        document["ranges"],
        json!([{ "lower_bound": "00", "clock_vector": [] }])
    );

    let document = place.json(&["knowledge", "show", K7], 0);
    assert_eq!(
        document["id_formats"]["item"],
        json!({ "variable": false, "length": 24 })
    );
    assert_eq!(
        document["ranges"],
        json!([{ "lower_bound": "00".repeat(24), "clock_vector": [[0, 18], [1, 20]] }])
    );

    let document = place.json(&["knowledge", "show", V3], 0);
    assert_eq!(
        (&document["version"], &document["replica_key_map"]),
        (
            &json!(3),
            &json!([
                "005200650070006c0069006300610041",
                "005200650070006c0069006300610042"
            ])
        )
    );
    assert_eq!(
        document["id_formats"]["item"],
        json!({ "variable": true, "length": 502 })
    );
    assert_eq!(
        document["ranges"][0]["clock_vector"],
        json!([[0, 2], [1, 9]])
    );

    let told = place.ok(&["knowledge", "show", K1]);
    assert!(
        told.contains("f5d67568-36c4-41ba-8b43-349c4bb7767f  (the owner)")
            && told.contains("up to 2,023"),
        "{told}"
    );
}

/// Ids of varying length for replicas, one of them without bytes; ids of four bytes for items; ranges with the same vector, ticks of 0 and a
/// replica of which nothing is known.
const OTHER: &str = "00000005000000000000000100000000000000050101f6000000050004004100080042006f00620014005200650070006c00690063006100200043000400440002000000180101f600000400000100000015000000030000000100000000000000010000000300000000000000000000000500000001000000000000000000000003000001000000000000000001000000010000000100000000000000070000001700000001000000160000000400000000000000010000000a000000020000000b00000001ff0000000000000000000000000000190100000000";
/// A database provider's, with twelve replicas and an exception for one row.
const EXCEPTION: &str = "00000005000000000000000100000000000000050000100000000c0101010101010101010101010101010102020202020202020202020202020202030303030303030303030303030303030404040404040404040404040404040405050505050505050505050505050505060606060606060606060606060606060707070707070707070707070707070708080808080808080808080808080808090909090909090909090909090909090a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0000001800001001280200000100000015000000030000000100000000000000010000000c0000000000000000000000000000000100000000000000640000000200000000000000c800000003000000000000012c0000000400000000000001900000000500000000000001f40000000600000000000002580000000700000000000002bc0000000800000000000003200000000900000000000003840000000a00000000000003e80000000b000000000000044c00000001000000010000000000000000000000030000001700000001000000160000000300030000000001001a005b0063007500730074006f006d00650072005d002d003700000002001b005b0063007500730074006f006d00650072005d002d0037000000000100000000000000190100000000";

#[test]
fn other_shapes() {
    let place = Place::new();
    let show = |blob: &str| place.ok(&["knowledge", "show", blob]);
    for blob in [OTHER, EXCEPTION] {
        assert_eq!(
            place
                .ok(&["knowledge", "convert", blob, "--to", "5"])
                .trim(),
            blob,
            "byte for byte"
        );
        assert_eq!(
            place.json(&["knowledge", "compare", blob, blob], 0)["relation"],
            "equal"
        );
    }
    let told = show(OTHER);
    for part in [
        "ids: replicas up to 500 bytes, items 4 bytes, change units 1 byte",
        "  1  0042006f0062  \"Bob\"\n",
        "  4  an id without bytes\n",
        "  from 0000000a\n    1  up to 7\n",
        "    1  up to 0\n",
        "  from ff000000\n       nothing is known\n",
    ] {
        assert!(told.contains(part), "{part:?} is not in\n{told}");
    }
    let told = show(EXCEPTION);
    for part in [
        "ids: replicas 16 bytes, items up to 10,240 bytes, change units 1 byte",
        "  from 00\n",
        "72005d002d0037  \"[customer]-7\"\n    0  up to 3\n",
        "72005d002d003700  right after \"[customer]-7\"\n",
    ] {
        assert!(told.contains(part), "{part:?} is not in\n{told}");
    }
    // Combining says what both say, in the one form that there is: ticks of 0 go, replicas stay.
    let combined = place.ok(&["knowledge", "combine", EXCEPTION, K1]);
    let document = place.json(&["knowledge", "show", combined.trim()], 0);
    assert_eq!(
        document["replica_key_map"].as_array().map(Vec::len),
        Some(14)
    );
    assert_eq!(
        document["ranges"][1]["clock_vector"],
        json!([[0, 3], [12, 634], [13, 2023]])
    );
    assert_eq!(document["ranges"][0]["clock_vector"][0], json!([1, 100]));
}

#[test]
fn compare() {
    let place = Place::new();
    let check = |a, b, expected| {
        assert_eq!(
            place.json(&["knowledge", "compare", a, b], 0),
            json!({ "relation": expected })
        );
        assert!(
            place
                .ok(&["knowledge", "compare", a, b])
                .starts_with(expected)
        );
    };
    check(K1, K1, "equal");
    check(K1, F1, "contains");
    check(F1, K1, "contained");
    check(K1, K2, "concurrent");
}

#[test]
fn combine() {
    let place = Place::new();
    let combined = place.ok(&["knowledge", "combine", K1, K2]);
    let combined = combined.trim();
    for part in [K1, K2, combined] {
        let relation = if part == combined {
            "equal"
        } else {
            "contains"
        };
        assert_eq!(
            place.json(&["knowledge", "compare", combined, part], 0)["relation"],
            relation
        );
    }
    assert_eq!(place.ok(&["knowledge", "combine", K1, F1]).trim(), K1);
    assert_eq!(
        place.json(&["knowledge", "combine", K1, K1], 0),
        json!({ "hex": K1 })
    );
    check_failure(
        &place,
        &["knowledge", "combine", K1, K7],
        3,
        "their item ids have different formats",
    );
    check_failure(
        &place,
        &["knowledge", "compare", K1, K7],
        3,
        "their item ids have different formats",
    );
}

#[test]
fn convert() {
    let place = Place::new();
    for blob in [K1, F1, K2, K7] {
        assert_eq!(
            place
                .ok(&["knowledge", "convert", blob, "--to", "5"])
                .trim(),
            blob,
            "byte for byte"
        );
    }
    assert_eq!(
        place.ok(&["knowledge", "convert", V3, "--to", "3"]).trim(),
        V3
    );
    let converted = place.json(&["knowledge", "convert", V3, "--to", "5"], 0);
    let converted = converted["hex"].as_str().unwrap();
    let (old, new) = (
        place.json(&["knowledge", "show", V3], 0),
        place.json(&["knowledge", "show", converted], 0),
    );
    assert_eq!(new["version"], 5);
    for key in ["replica_key_map", "id_formats", "ranges"] {
        assert_eq!(old[key], new[key], "{key}");
    }
    check_failure(
        &place,
        &["knowledge", "convert", K1, "--to", "4"],
        2,
        "only version 5 is written",
    );
    check_failure(
        &place,
        &["knowledge", "convert", K1, "--to", "3"],
        2,
        "only version 5 is written",
    );
}

#[test]
fn files_that_cannot_be_read() {
    for blob in ["@missing", "@."] {
        let place = Place::new();
        check_failure(
            &place,
            &["knowledge", "show", blob],
            4,
            &format!("blob {blob}"),
        );
    }
}

#[test]
fn blobs_that_are_none() {
    let place = Place::new();
    std::fs::write(place.path("empty"), []).unwrap();
    let claims_much = format!("{}ffffffff", &K1[..46]);
    for (blob, part) in [
        ("", "blob"),
        ("xyz", "something else than hex digits"),
        ("123", "odd number of hex digits"),
        ("00", "cut off"),
        ("@empty", "cut off"),
        (&K1[..100], "no more than"),
        (&format!("{K1}00"), "follow the end"),
        (
            &K1.replacen("00000005", "00000004", 1),
            "version 4 cannot be read",
        ),
        (&claims_much, "no more than"),
    ] {
        check_failure(&place, &["knowledge", "show", blob], 2, part);
        check_failure(&place, &["knowledge", "combine", K1, blob], 2, part);
        check_failure(&place, &["knowledge", "compare", blob, K1], 2, part);
        check_failure(
            &place,
            &["knowledge", "convert", blob, "--to", "5"],
            2,
            part,
        );
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

//! What an operation may cost: in proportion to what it is given, whatever that looks like.
//!
//! Where allocations say it they are counted; otherwise two sizes, or two kinds of input of one size, are timed against each
//! other, with so much room that only another order of growth is noticed.

#![cfg(feature = "serde")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]
use std::time::Duration;

use cpu_time::ThreadTime;
use sync_knowledge::{
    ChangeUnitId, ClockVector, IdFormatGroup, ItemId, Knowledge, KnowledgeBuilder, ReplicaId,
    ReplicaKey, ReplicaKeyMap, Tick, Version, decode_envelope, encode_envelope,
};

fn item(number: u32) -> ItemId {
    ItemId::from_text(&format!("[t]-{number:08}"))
}

/// The shortest of three times, as the processor worked on it: what else runs does not count.
fn time(mut what: impl FnMut()) -> Duration {
    let mut once = || {
        let begin = ThreadTime::now();
        what();
        begin.elapsed()
    };
    let first = once();
    first.min(once()).min(once())
}

/// Column sets whose ranges all begin elsewhere and all have vectors of their own.
fn columns(sets: u32, ranges: u32) -> Knowledge {
    let own = ReplicaKeyMap::new(ReplicaId::from_bytes(&[1; 16]));
    let tick = |tick: u32| -> ClockVector {
        [(ReplicaKey::LOCAL, Tick::from(tick) + 1)]
            .into_iter()
            .collect()
    };
    let mut builder = KnowledgeBuilder::new(IdFormatGroup::DATABASE, own);
    for set in 0..sets {
        builder = builder.column_set([ChangeUnitId::from(set as u8)]).unwrap();
        for range in 0..ranges {
            let number = range * sets + set;
            builder = builder.range(item(number), tick(number)).unwrap();
        }
    }
    builder.build()
}

/// Every way of writing column sets asks for memory, and so takes time, in proportion to what is written.
#[test]
fn column_sets_are_written_once_each() {
    let bytes_of = |what: &dyn Fn()| allocation_counter::measure(what).bytes_total;
    let knowledge = columns(255, 400);
    let envelope = encode_envelope(&knowledge).unwrap();
    assert_eq!(decode_envelope(&envelope).unwrap(), knowledge);
    let decoding = bytes_of(&|| drop(decode_envelope(&envelope).unwrap()));
    for (name, writing) in [
        (
            "envelope",
            bytes_of(&|| drop(encode_envelope(&knowledge).unwrap())),
        ),
        (
            "serde",
            bytes_of(&|| {
                let config = bincode::config::standard();
                drop(bincode::serde::encode_to_vec(&knowledge, config).unwrap());
            }),
        ),
    ] {
        assert!(
            writing < 2 * decoding,
            "{name}: {writing} bytes, decoding {decoding}"
        );
    }
    // Of each item what all change units have in common: every set is walked along a few times.
    let small = columns(31, 400);
    let [one, eight] =
        [&small, &knowledge].map(|knowledge| bytes_of(&|| drop(knowledge.to_bytes())));
    assert!(
        eight < 8 * 3 * one,
        "{eight} bytes, for an eighth of the sets {one}"
    );
}

/// Learning a change of one item finds the vector that the item gets without looking at all others.
#[test]
fn items_are_learned_one_by_one() {
    let learn = |items: u32| {
        move || {
            let mut knowledge = Knowledge::new(ReplicaId::from_bytes(&[1; 16]));
            let other = knowledge.find_or_add_replica(&ReplicaId::from_bytes(&[2; 16]));
            for number in 0..items {
                let version = Version::new(other, Tick::from(number) + 1);
                knowledge.learn_item(&item(2 * number), version);
            }
            assert_eq!(knowledge.ranges().count(), 2 * items as usize + 1);
        }
    };
    let (few, many) = (time(learn(2_500)), time(learn(40_000)));
    assert!(
        many < 16 * 6 * few,
        "{many:?}, for a sixteenth of the items {few:?}"
    );
}

/// Many items are forgotten and learned in one pass, however they are ordered and however many column sets there are.
#[test]
fn many_items_are_changed_at_once() {
    for sets in [0, 3] {
        let change = |items: u32| {
            // An odd factor brings them into another order and leaves none out.
            let scattered =
                move |number: u32| number.wrapping_mul(0x9e37_79b1) % items.next_power_of_two();
            let items: Vec<ItemId> = (0..items.next_power_of_two())
                .map(|number| item(scattered(number)))
                .collect();
            let knowledge = columns(sets, 5);
            move || {
                let mut less = knowledge.clone();
                less.exclude_items(items.iter().step_by(2));
                let mut more = knowledge.clone();
                let versions = (1..).map(|tick| Version::new(ReplicaKey::LOCAL, tick));
                more.learn_items(items.iter().zip(versions));
                let mut less_of_one = knowledge.clone();
                let unit = ChangeUnitId::from(0);
                less_of_one.exclude_change_units(items.iter().map(|item| (item, &unit)));
            }
        };
        let (few, many) = (time(change(2_048)), time(change(32_768)));
        assert!(
            many < 16 * 6 * few,
            "{sets} column sets: {many:?}, for a sixteenth of the items {few:?}"
        );
    }
}

/// A replica is found as fast among ids that begin alike, or have other lengths, as among random ones.
#[test]
fn replicas_are_found_whatever_their_ids() {
    type Id = fn(u64) -> Vec<u8>;
    let kinds: [(&str, Id); 4] = [
        ("random", |number| {
            let head = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            [head.to_be_bytes(), number.to_be_bytes()].concat()
        }),
        ("8 bytes alike", |number| {
            [[7; 8], number.to_be_bytes()].concat()
        }),
        ("16 bytes alike", |number| {
            [&[7; 16][..], &number.to_be_bytes()].concat()
        }),
        ("UTF-16", |number| {
            format!("Replica{number}")
                .encode_utf16()
                .flat_map(u16::to_be_bytes)
                .collect()
        }),
    ];
    let times = kinds.map(|(name, id)| {
        let ids: Vec<ReplicaId> = (0..20_000)
            .map(|number| ReplicaId::from_bytes(&id(number)))
            .collect();
        let map = ReplicaKeyMap::with_replicas(ids[0].clone(), ids[1..].iter().cloned());
        let find = || {
            for (id, key) in ids.iter().zip(0..) {
                assert_eq!(map.key(id), Some(ReplicaKey(key)));
            }
        };
        (name, time(find))
    });
    for (name, taken) in &times[1..] {
        assert!(
            *taken < times[0].1 * 20,
            "{name}: {taken:?}, random ones {:?}",
            times[0].1
        );
    }
}

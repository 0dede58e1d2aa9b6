//! What is asked for, and what of it goes out.

use sync_decision::Selection;
use sync_knowledge::Knowledge;

use super::*;
use sync_relational::FetchSizer;
use sync_relational::{Fetch, Scan};

/// A row as the commands that select give it.
pub(super) fn changed(id: i64, name: Value, tick: i64, update: Version) -> Vec<Value> {
    let number = |number: u64| Value::Integer(number.try_into().unwrap());
    let [key, at] = [number(update.replica.0.into()), number(update.tick)];
    vec![
        Value::Integer(id),
        name,
        Value::Integer(0),
        Value::Integer(tick),
        at.clone(),
        key.clone(),
        at,
        key,
    ]
}

fn text(length: usize) -> Value {
    Value::Text("x".repeat(length))
}

/// What goes to a destination that knows nothing. The source knows one other replica up to tick 5.
fn selection() -> Selection {
    let mut source = Knowledge::new(ReplicaId::from_uuid(Uuid::from_u128(1)));
    source.set_local_tick(MARK as u64);
    let other = source.find_or_add_replica(&ReplicaId::from_uuid(Uuid::from_u128(2)));
    source.raise(other, 5);
    let destination = Knowledge::new(ReplicaId::from_uuid(Uuid::from_u128(3)));
    Selection::new(&source, &destination.to_bytes(), Vec::new()).unwrap()
}

/// The pages of a scan, as the first cells of their rows, and what was asked for.
fn scan(mut store: CommandStore<Fake>, budget: usize) -> (Vec<Vec<i64>>, Vec<usize>) {
    let selection = selection();
    now(store.begin_enumeration(&[0])).unwrap();
    let (mut pages, mut after) = (Vec::new(), None);
    loop {
        let page = now(store.scan(Scan {
            table: 0,
            deleted: false,
            floor: 0,
            after,
            selection: &selection,
            budget,
        }));
        let page = page.unwrap();
        assert_eq!(page.heads.len(), page.rows.len());
        pages.push(page.rows.iter().map(first).collect());
        after = page.next;
        if after.is_none() {
            return (pages, store.connection.asked);
        }
    }
}

#[test]
fn above_the_mark_only_what_is_known_goes_out() {
    let version = |key, tick| Version::new(ReplicaKey(key), tick);
    let rows = [
        (1, MARK, version(0, 100)),
        (2, MARK + 1, version(0, 101)),
        (3, MARK + 1, version(1, 5)),
        // What others bring while the enumeration runs, the last of them of a replica that nobody here has heard of.
        (4, MARK + 1, version(1, 6)),
        (5, MARK + 1, version(2, 1)),
        // Below the mark it is damage, which is not passed over in silence.
        (6, MARK, version(2, 1)),
    ];
    let kept = rows.map(|(id, tick, update)| changed(id, text(1), tick, update));
    let fake = Fake {
        kept: kept.to_vec(),
        ..Fake::default()
    };
    assert_eq!(scan(store(false, fake), 1 << 20).0, [[1, 3, 6]]);
}

#[test]
fn no_more_is_asked_for_than_there_is_room_for() {
    const SIZE: usize = 100_000;
    let rows = (1..=40).map(|id| changed(id, text(SIZE), MARK, Version::new(ReplicaKey(1), 5)));
    let large = |fake: Fake| {
        let mut store = store(false, fake);
        store.shapes[0].types[1] = "nvarchar(max)".parse().unwrap();
        store
    };
    let fake = || Fake {
        kept: rows.clone().collect(),
        ..Fake::default()
    };
    let (pages, asked) = scan(large(fake()), 3 * SIZE);
    assert_eq!(pages.concat(), (1..=40).collect::<Vec<i64>>());
    assert!(asked.iter().all(|asked| *asked <= 16), "{asked:?}");

    // The same of rows by key.
    let (mut store, selection) = (large(fake()), selection());
    let mut keys = RowSet::new(1);
    (1..=40).for_each(|key| keys.push([ValueRef::Integer(key)]));
    let (mut came, mut end) = (Vec::new(), 0);
    while end < keys.len() {
        let fetched = now(store.fetch(Fetch {
            table: 0,
            keys: &keys,
            first: end,
            selection: &selection,
            budget: 3 * SIZE,
        }));
        let Ok(Attempt::Done(fetched)) = fetched else {
            panic!("nobody is in the way")
        };
        assert!(fetched.end > end, "at least one is looked up");
        assert!(fetched.live.bytes() <= 4 * SIZE);
        end = fetched.end;
        came.extend(fetched.live.rows.iter().map(first));
    }
    assert_eq!(came, (1..=40).collect::<Vec<i64>>());
    let asked = store.connection.asked;
    assert!(asked.iter().all(|asked| *asked <= 16), "{asked:?}");
}

#[test]
fn rows_that_may_be_gone_are_looked_for_some_at_a_time() {
    let rows = (1..=2_500).map(|id| changed(id, Value::Null, MARK, Version::new(ReplicaKey(1), 5)));
    let fake = Fake {
        kept: rows.collect(),
        ..Fake::default()
    };
    let (pages, asked) = scan(store(false, fake), 1 << 20);
    let even: Vec<i64> = (1..=1_250).map(|half| 2 * half).collect();
    assert_eq!(pages.concat(), even);
    assert_eq!(asked, [FetchSizer::MOST_ROWS, 1_000, 1_000, 500]);
}

#[test]
fn a_source_without_a_command_for_single_rows_finds_them_among_its_changes() {
    let rows = (1..=9).map(|id| changed(id, text(1), MARK, Version::new(ReplicaKey(1), 5)));
    let fake = Fake {
        kept: rows.collect(),
        ..Fake::default()
    };
    let adapter = adapter_of(&CommandRole::SOURCE, None);
    let mut store = store_of(fake, adapter, ChangeTrackingModel::Decoupled);
    let mut keys = RowSet::new(1);
    for id in [7, 99, 3] {
        keys.push([ValueRef::Integer(id)]);
    }
    let selection = selection();
    let fetched = now(store.fetch(Fetch {
        table: 0,
        keys: &keys,
        first: 0,
        selection: &selection,
        budget: 1 << 20,
    }));
    let Ok(Attempt::Done(fetched)) = fetched else {
        panic!("nobody is in the way")
    };
    assert_eq!(fetched.end, 3);
    let came: Vec<i64> = fetched.live.rows.iter().map(first).collect();
    assert_eq!(came, [7, 3]);
}

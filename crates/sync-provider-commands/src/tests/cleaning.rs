//! Metadata that are cleaned up.

use sync_knowledge::{ForgottenKnowledge, ReplicaKey};

use super::*;

fn old(id: i64, tick: i64, update: Version) -> Vec<Value> {
    let number = |number: u64| Value::Integer(number.try_into().unwrap());
    let (at, key) = (number(update.tick), number(update.replica.0.into()));
    vec![
        Value::Integer(id),
        Value::Integer(tick),
        at.clone(),
        key.clone(),
        at,
        key,
    ]
}

#[test]
fn what_is_forgotten_is_noted() {
    let mut fake = Fake {
        old: vec![
            old(1, 10, Version::new(ReplicaKey(0), 10)),
            old(2, 40, Version::new(ReplicaKey(0), 40)),
        ],
        ..Fake::default()
    };
    // One that nobody here knows the version of.
    fake.old.push(old(3, 50, Version::new(ReplicaKey(7), 5)));
    let mut store = store_of(fake, adapter(), ChangeTrackingModel::Decoupled);
    let done = now(store.cleanup_metadata(-1)).unwrap();
    assert_eq!(
        done,
        MetadataCleanup {
            removed: 2,
            left: 1
        }
    );
    assert_eq!(store.connection.ran, ["deletemeta", "deletemeta"]);
    let Some(Value::Blob(bytes)) = &store.connection.forgotten else {
        panic!("{:?}", store.connection.forgotten);
    };
    let forgotten = ForgottenKnowledge::from_bytes(bytes).unwrap();
    let forgotten = forgotten.knowledge();
    assert!(forgotten.contains(b"x", Version::new(ReplicaKey(0), 40)));
    assert!(!forgotten.contains(b"x", Version::new(ReplicaKey(0), 41)));
}

#[test]
fn nothing_is_written_where_nothing_is_old() {
    let mut store = store_of(Fake::default(), adapter(), ChangeTrackingModel::Decoupled);
    let done = now(store.cleanup_metadata(30)).unwrap();
    assert_eq!(done, MetadataCleanup::default());
    assert_eq!(store.connection.forgotten, None);
}

#[test]
fn without_a_command_it_is_refused() {
    let adapter = adapter_of(&CommandRole::DESTINATION, None);
    let mut store = store_of(Fake::default(), adapter, ChangeTrackingModel::Decoupled);
    let error = now(store.cleanup_metadata(30)).unwrap_err().to_string();
    assert!(
        error.contains("scope s") && error.contains("SelectMetadataForCleanupCommand"),
        "{error}"
    );
}

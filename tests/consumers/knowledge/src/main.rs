//! `sync-knowledge` as a version-vector library: what two replicas know, merged and sent as bytes.

use sync_knowledge::{ItemId, Knowledge, Relation, ReplicaId, ReplicaKey, Version};
use uuid::Uuid;

fn main() {
    let (laptop, server) = (replica(1), replica(2));
    let row = ItemId::from_text("[customer]-1");

    let mut here = Knowledge::new(laptop.clone());
    here.set_local_tick(5);
    let mut there = Knowledge::new(server);
    there.set_local_tick(9);
    assert_eq!(here.compare(&there), Relation::Concurrent);

    there.combine(&here);
    let written_here = Version::new(there.find_or_add_replica(&laptop), 5);
    assert!(there.contains(row.as_bytes(), written_here));

    there.exclude_item(&row);
    assert!(!there.contains(row.as_bytes(), Version::new(ReplicaKey::LOCAL, 9)));

    let received = Knowledge::from_bytes(&there.to_bytes()).expect("our own bytes are readable");
    assert_eq!(received, there);
    assert!(Knowledge::from_bytes(b"not knowledge").is_err());
    println!("knowledge: {} replicas", received.key_map().len());
}

fn replica(number: u128) -> ReplicaId {
    ReplicaId::from_uuid(Uuid::from_u128(number))
}

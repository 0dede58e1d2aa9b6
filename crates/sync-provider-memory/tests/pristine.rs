//! What a replica that is new to a community adopts.
#![allow(clippy::expect_used, reason = "a test that cannot go on panics")]

use sync_decision::is_settlement;
use sync_knowledge::ReplicaId;
use sync_metadata::{ColumnDescription, ScopeDescription, TableDescription, TableName, Value};
use sync_provider::{ConflictPolicy, Position};
use sync_provider_memory::{Direction, MemoryReplica, transfer};
use uuid::Uuid;

fn replica(number: u128) -> ReplicaId {
    ReplicaId::from_uuid(Uuid::from_u128(number))
}

fn described() -> TableDescription {
    let columns = vec![
        ColumnDescription::key("id", "bigint".parse().expect("the type is right")),
        ColumnDescription::new("name", "nvarchar(max)".parse().expect("the type is right")),
    ];
    let name = TableName::parse("T").expect("the name is right");
    TableDescription::new(name, "[T]", columns).expect("the table is right")
}

fn row(name: &str) -> Vec<Value> {
    vec![Value::Integer(1), Value::Text(name.into())]
}

/// Whoever handed its rows to somebody does not adopt equal ones: its version is known elsewhere.
#[test]
fn one_that_was_a_source_is_not_pristine() {
    let scope = ScopeDescription::new("s", vec![described()]).expect("the scope is right");
    let fresh = |number| MemoryReplica::new(replica(number), scope.clone());
    let direction = Direction {
        policy: ConflictPolicy::DestinationWins,
        position: Position::Remote,
    };
    let check = |handed_out: bool| {
        let (mut here, mut there, mut third) = (fresh(1), fresh(2), fresh(3));
        here.write(0, &row("a"), 1);
        there.write(0, &row("a"), 2);
        if handed_out {
            transfer(&mut here, &mut third, &direction).expect("it is served");
        }
        assert_eq!(here.is_pristine(), !handed_out);
        transfer(&mut there, &mut here, &direction).expect("it is served");
        let (_, stored) = here.rows().next().expect("there is a row");
        let author = here.knowledge().key_map().id(stored.facts.update.replica);
        let author = author.expect("the key is in the map");
        assert_eq!(is_settlement(author), handed_out, "{author}");
        assert!(handed_out || *author == replica(2));
    };
    check(true);
    check(false);
}

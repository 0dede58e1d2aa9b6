//! The envelope: each form that was ever written is read, and nothing else is.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on panics"
)]

use std::fmt::Debug;
use std::path::Path;

use proptest::prelude::*;
use sync_knowledge::{ReplicaId, ReplicaKey, Version};
use sync_metadata::{
    ColumnDescription, Decimal, ScopeDescription, TableDescription, TableName, Value, ValueRef,
};
use sync_provider::{
    BatchKind, BatchOutcome, BeginSession, Capability, ChangeBatch, ChangeBatchRequest,
    ConflictPolicy, ConflictRecord, ConflictSide, ConflictType, Effect, EnvelopeError, Message,
    Next, Position, ProviderError, ReplicaInfo, RowEffect, RowHead, RowSet, SessionId,
    SyncBatchParameters, TableChanges, TableKeys, Unsent, UnsentRows, Winner, decode, encode,
};
use uuid::Uuid;

fn replica(number: u128) -> ReplicaId {
    ReplicaId::from_uuid(Uuid::from_u128(number))
}

fn begin() -> BeginSession {
    let mut begin = BeginSession::new(SessionId(Uuid::from_u128(7)), Position::Remote);
    begin.scope = Some("sales".into());
    begin.policy = ConflictPolicy::Priority(vec![replica(1), replica(2)]);
    begin.lease = Some(std::time::Duration::from_secs(600));
    begin
}

fn info() -> ReplicaInfo {
    let columns = vec![
        ColumnDescription::key("id", "bigint".parse().unwrap()),
        ColumnDescription::new("price", "decimal(9,2)".parse().unwrap()),
    ];
    let table = TableDescription::new(TableName::parse("t").unwrap(), "[t]", columns).unwrap();
    let description = ScopeDescription::new("sales", vec![table]).unwrap();
    let mut info = ReplicaInfo::new(replica(1), description, vec![1, 2, 3]);
    info.capabilities = [Capability::Rehearsal].into();
    info
}

fn rows() -> RowSet {
    let mut rows = RowSet::new(2);
    rows.push([
        ValueRef::Integer(-1),
        ValueRef::Decimal(Decimal::new(150, 2).unwrap()),
    ]);
    rows.push([ValueRef::Text("é"), ValueRef::Null]);
    rows
}

fn keys() -> Vec<TableKeys> {
    vec![TableKeys {
        table: "[t]".into(),
        columns: vec!["id".into(), "part".into()],
        keys: rows(),
    }]
}

fn batch() -> ChangeBatch {
    let version = |key, tick| Version::new(ReplicaKey(key), tick);
    let head = RowHead {
        create: version(0, 3),
        update: version(1, 1 << 40),
        time: Some(-5),
        writer: Some(ReplicaKey(1)),
    };
    let mut batch = ChangeBatch::new(BatchKind::Repeats);
    (batch.series, batch.sequence) = (2, 1);
    batch.made_with = vec![5, 5];
    batch.tables = vec![TableChanges {
        table: "[t]".into(),
        columns: vec!["id".into(), "price".into()],
        deleted: false,
        heads: vec![head, head],
        rows: rows(),
    }];
    batch.orphans = vec![("[t]".into(), 2)];
    batch.unsent = vec![Unsent {
        table: "[t]".into(),
        rows: UnsentRows::UndecodableKeys(3),
        version: version(0, 9),
        reason: "unreadable".into(),
    }];
    batch
}

fn conflict() -> ConflictRecord {
    ConflictRecord {
        table: "[t]".into(),
        columns: vec!["id".into()],
        key: vec![Value::Integer(1)],
        conflict: ConflictType::LocalUpdateRemoteUpdate,
        local: None,
        remote: ConflictSide {
            replica: replica(2),
            tick: 4,
            deleted: false,
            row: Some(vec![Value::Blob(vec![0, 255])]),
        },
        winner: Some(Winner::Remote),
        reason: "source-wins".into(),
    }
}

fn outcome() -> BatchOutcome {
    BatchOutcome {
        offered: 3,
        applied: 2,
        records: vec![conflict()],
        rows: vec![RowEffect {
            table: "[t]".into(),
            key: vec![Value::Null],
            effect: Effect::Insert,
        }],
        next: Next::CommittedSoFar(keys()),
        ..BatchOutcome::default()
    }
}

fn error() -> ProviderError {
    ProviderError::transient("scope sales", "the line is gone", "wait")
}

/// The bytes that were written once are written still, and read.
fn check<M: Message + PartialEq + Debug>(name: &str, message: &M) {
    let file = format!("{name}.{}.bin", M::VERSION);
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(&file);
    let written = encode(message).unwrap();
    if !path.exists() {
        std::fs::write(&path, &written).unwrap();
        panic!("{file} is new: look at it and keep it");
    }
    let golden = std::fs::read(&path).unwrap();
    assert_eq!(decode::<M>(&golden).as_ref(), Ok(message), "{file} is read");
    assert_eq!(
        written, golden,
        "{file} is written; another form has another version"
    );
    for end in 0..golden.len() {
        assert!(decode::<M>(&golden[..end]).is_err(), "{file} cut at {end}");
    }
    for bit in 0..golden.len() * 8 {
        let mut damaged = golden.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(
            decode::<M>(&damaged).is_err(),
            "{file} with bit {bit} turned"
        );
    }
    let later = sealed(M::KIND, M::VERSION + 1, &golden[7..golden.len() - 4]);
    assert_eq!(
        decode::<M>(&later),
        Err(EnvelopeError::UnsupportedVersion {
            name: M::NAME,
            version: M::VERSION + 1,
            known: M::VERSION
        }),
        "what is newer is refused, not guessed at"
    );
    let other = sealed(0, M::VERSION, &golden[7..golden.len() - 4]);
    let name = M::NAME;
    assert_eq!(
        decode::<M>(&other),
        Err(EnvelopeError::OtherKind { name, kind: 0 })
    );
    let mut more = golden[7..golden.len() - 4].to_vec();
    more.push(0);
    let more = decode::<M>(&sealed(M::KIND, M::VERSION, &more));
    assert!(
        matches!(more, Err(EnvelopeError::Content { .. })),
        "{more:?}"
    );
}

/// An envelope around anything.
fn sealed(kind: u8, version: u16, inside: &[u8]) -> Vec<u8> {
    let mut bytes = b"SYNM".to_vec();
    bytes.push(kind);
    bytes.extend_from_slice(&version.to_be_bytes());
    bytes.extend_from_slice(inside);
    let checksum = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&checksum.to_be_bytes());
    bytes
}

#[test]
fn each_message_has_one_form() {
    check("begin-session", &begin());
    check("replica-info", &info());
    check(
        "batch-parameters",
        &SyncBatchParameters {
            knowledge: vec![9; 5],
            remembered: vec![vec![1], Vec::new()],
        },
    );
    check("batch-request", &ChangeBatchRequest::Rows(keys()));
    check("change-batch", &batch());
    check("batch-outcome", &outcome());
    check("provider-error", &error());
    check("conflict-record", &conflict());
}

/// A length that is claimed is not believed: four bytes must not take gigabytes.
#[test]
fn what_is_claimed_is_not_allocated() {
    for claimed in [u64::from(u32::MAX), u64::MAX >> 1] {
        let mut inside = Vec::new();
        let mut left = claimed;
        while left > 0x7f {
            inside.push((left & 0x7f) as u8 | 0x80);
            left >>= 7;
        }
        inside.push(left as u8);
        let kind = SyncBatchParameters::KIND;
        let bytes = sealed(kind, SyncBatchParameters::VERSION, &inside);
        assert!(decode::<SyncBatchParameters>(&bytes).is_err());
    }
}

proptest! {
    /// Whatever stands in an intact envelope is read or refused.
    #[test]
    fn anything_inside_is_read_or_refused(inside in proptest::collection::vec(any::<u8>(), 0..200)) {
        let read = |kind| sealed(kind, 1, &inside);
        let _ = decode::<ChangeBatch>(&read(ChangeBatch::KIND));
        let _ = decode::<BatchOutcome>(&read(BatchOutcome::KIND));
        let _ = decode::<ReplicaInfo>(&read(ReplicaInfo::KIND));
        let _ = decode::<ChangeBatchRequest>(&read(ChangeBatchRequest::KIND));
        if let Ok(begin) = decode::<BeginSession>(&read(BeginSession::KIND)) {
            prop_assert_eq!(decode::<BeginSession>(&encode(&begin).unwrap()).unwrap(), begin);
        }
    }
}

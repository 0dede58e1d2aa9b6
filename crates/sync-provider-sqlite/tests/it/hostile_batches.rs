//! Batches as no honest source makes them: refused as a whole, or row by row, and never half applied.

use std::sync::Arc;

use sync_knowledge::{ReplicaKey, Version};
use sync_metadata::ValueRef;
use sync_provider::{
    BatchOutcome, BeginSession, Call, ChangeBatch, ChangeBatchRequest, Ending, Next, Position,
    ProviderError, RowSet, SessionId, SyncProvider, TableChanges, Unsent, UnsentRows,
};
use sync_provider_sqlite::SqliteProvider;

use crate::support::{Db, SCOPE, settle};

const SCHEMA: &str = "CREATE TABLE t (id TEXT NOT NULL COLLATE NOCASE PRIMARY KEY, v)";

/// Sends the rows `one` and `two` after `spoil` had its way with their batch, and then whatever is asked for.
async fn send(
    a: &Db,
    b: &Db,
    spoil: impl Fn(&mut ChangeBatch),
) -> Result<BatchOutcome, ProviderError> {
    let (source, destination) = (
        SqliteProvider::new(a.path(), SCOPE),
        SqliteProvider::new(b.path(), SCOPE),
    );
    let session = SessionId(uuid::Uuid::from_u128(1));
    for (provider, position) in [(&source, Position::Local), (&destination, Position::Remote)] {
        provider
            .begin_session(BeginSession::new(session, position))
            .await?;
    }
    let call = |number| Call { session, number };
    let parameters = destination.get_sync_batch_parameters(call(1)).await?;
    let first = ChangeBatchRequest::First(parameters);
    let mut batch = source.get_change_batch(call(1), first).await?;
    spoil(Arc::make_mut(&mut batch));
    let mut outcome = destination.process_change_batch(call(2), batch).await;
    let mut number = 2;
    while let Ok(BatchOutcome {
        next: Next::Rows(keys),
        ..
    }) = outcome
    {
        let rows = ChangeBatchRequest::Rows(keys);
        let rows = source.get_change_batch(call(number), rows).await?;
        number += 1;
        outcome = destination.process_change_batch(call(number), rows).await;
    }
    source.end_session(session, Ending::Completed).await?;
    destination.end_session(session, Ending::Completed).await?;
    outcome
}

/// `rows` are those at the destination afterwards; `None` where the batch is refused.
#[track_caller]
fn check(what: &str, spoil: impl Fn(&mut ChangeBatch), rows: Option<&[&str]>) {
    let (a, b) = (Db::new(SCHEMA), Db::new(SCHEMA));
    a.execute("INSERT INTO t VALUES ('one', 1), ('two', 2)");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let outcome = runtime.block_on(send(&a, &b, spoil));
    assert_eq!(outcome.is_ok(), rows.is_some(), "{what}: {outcome:?}");
    if let Err(error) = outcome {
        assert!(
            matches!(error, ProviderError::Malformed { .. }),
            "{what}: {error}"
        );
    }
    let found = b.query("SELECT id FROM t ORDER BY id");
    assert_eq!(found, rows.unwrap_or_default(), "{what}");
    let untracked = "SELECT count(*) FROM t WHERE id NOT IN (SELECT id FROM t_tracking WHERE NOT sync_row_is_tombstone)";
    assert_eq!(b.number(untracked), 0, "{what}");
    b.assert_sound();
    // A deletion that was made up stays one.
    if rows.is_none_or(|rows| rows.len() == 2) {
        settle(&a, &b);
    }
}

/// A deletion of this key, under the version of the first row.
fn deletion(batch: &ChangeBatch, key: &str) -> TableChanges {
    let live = &batch.tables[0];
    let mut rows = RowSet::new(1);
    rows.push([ValueRef::Text(key)]);
    TableChanges {
        table: live.table.clone(),
        columns: vec!["id".into()],
        deleted: true,
        heads: vec![live.heads[0]],
        rows,
    }
}

#[test]
fn batches() {
    let both: Option<&[&str]> = Some(&["one", "two"]);
    check("nothing", |_| {}, both);
    for tick in [1 << 62, (1 << 63) + 1, u64::MAX] {
        check(
            "an update's tick",
            |batch| batch.tables[0].heads[1].update.tick = tick,
            None,
        );
        check(
            "a creation's tick",
            |batch| batch.tables[0].heads[1].create.tick = tick,
            None,
        );
    }
    check(
        "a replica that nobody knows",
        |batch| batch.tables[0].heads[1].update = Version::new(ReplicaKey(9), 1),
        None,
    );
    check(
        "a deletion and a row of one key",
        |batch| batch.tables.insert(0, deletion(batch, "ONE")),
        Some(&["two"]),
    );
    check(
        "a key twice",
        |batch| {
            let changes = batch.tables[0].clone();
            batch.tables.push(changes);
        },
        both,
    );
    let unsent = |rows: UnsentRows, table: &str| {
        let table = table.to_owned();
        move |batch: &mut ChangeBatch| {
            batch.unsent.push(Unsent {
                table: table.clone(),
                rows: rows.clone(),
                version: batch.tables[0].heads[0].update,
                reason: "no".into(),
            });
        }
    };
    check(
        "unsent elsewhere",
        unsent(UnsentRows::UndecodableKeys(1), "[u]"),
        None,
    );
    check(
        "no key",
        unsent(UnsentRows::One(RowSet::new(1)), "[t]"),
        None,
    );
    check("examined", |batch| batch.examined = u64::MAX, both);
    check(
        "so many",
        unsent(UnsentRows::UndecodableKeys(u32::MAX), "[t]"),
        both,
    );
    check(
        "unsent under a tick that cannot be",
        |batch| {
            unsent(UnsentRows::UndecodableKeys(1), "[t]")(batch);
            batch.unsent[0].version.tick = u64::MAX;
        },
        None,
    );
}

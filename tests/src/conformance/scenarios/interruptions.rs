//! Sessions that are cut, and writes that come in between.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use sync_orchestrator::Cancellation;
use sync_orchestrator::SyncDirectionOrder::{Download, Upload};
use sync_provider::{
    BeginSession, Call, ChangeBatchRequest, ConflictPolicy, ConflictType, Ending, Position,
    ProviderError, SessionId, SyncProvider,
};

use super::super::engine::{Engine, TestReplica};
use super::super::hooked::{Hooked, Seen};
use super::super::neutral::{ITEM, id, item};
use super::super::state::assert_converged;
use super::{Pair, Verdict, shared};
use crate::support::session::Session;

/// Rows that each side brings into a session that is cut: enough for several batches.
const ROWS: i64 = 16;

fn prepared(local: &dyn Engine, remote: &dyn Engine) -> Pair {
    let pair = Pair::new(local, remote);
    for n in 0..ROWS {
        pair.local.write(ITEM, &item(n, "local"), 1);
        pair.remote.write(ITEM, &item(100 + n, "remote"), 1);
    }
    pair.session().run();
    for n in 0..ROWS {
        pair.local.write(ITEM, &item(n, "changed"), 2);
        pair.remote
            .write(ITEM, &item(ROWS / 2 + n, "conflicting"), 2);
    }
    pair
}

/// Rows, versions and knowledge; what a source notes of itself when its changes leave it is no trace of a session.
fn held(replica: &dyn TestReplica) -> impl PartialEq + use<> {
    let state = replica.state();
    (state.entries, state.waiting)
}

pub(super) fn cancellation(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    let mut cuts = 0;
    for cut in 1..200 {
        let pair = prepared(local, remote);
        let before = (held(pair.local.as_ref()), held(pair.remote.as_ref()));
        let cancellation = Cancellation::new();
        let calls = Arc::new(AtomicU32::new(0));
        let hook = |calls: &Arc<AtomicU32>| {
            let (calls, cancellation) = (Arc::clone(calls), cancellation.clone());
            move |_: Seen<'_>| {
                if calls.fetch_add(1, Ordering::SeqCst) + 1 == cut {
                    cancellation.cancel();
                }
                Ok(())
            }
        };
        let (from, to) = (
            Hooked::wrap(shared(pair.local.as_ref()), hook(&calls)),
            Hooked::wrap(shared(pair.remote.as_ref()), hook(&calls)),
        );
        let session = Session::new(from, to)
            .direction(Upload)
            .batch_bytes(250)
            .cancellation(&cancellation);
        let result = session.try_run();
        if calls.load(Ordering::SeqCst) < cut {
            result.expect("nobody cancelled it");
            break;
        }
        // A commit under way may be through before the cancellation is seen; then the session says so.
        if let Err(failure) = result {
            assert_eq!(failure.error, ProviderError::Cancelled);
            let after = (held(pair.local.as_ref()), held(pair.remote.as_ref()));
            let told = failure.completed.upload.is_some();
            assert_eq!(
                told,
                before != after,
                "cut at call {cut}: what the session says it completed is not what is there"
            );
            cuts += u32::from(!told);
        }
        pair.settle();
    }
    assert!(cuts >= 5, "{cuts} sessions were cut");
    Verdict::Passed
}

pub(super) fn failures(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    for cut in 1..200 {
        let pair = prepared(local, remote);
        let before = (held(pair.local.as_ref()), held(pair.remote.as_ref()));
        let calls = Arc::new(AtomicU32::new(0));
        let hook = |calls: &Arc<AtomicU32>| {
            let calls = Arc::clone(calls);
            move |_: Seen<'_>| match calls.fetch_add(1, Ordering::SeqCst) + 1 == cut {
                true => Err(ProviderError::database(
                    "proxy",
                    "the connection was cut",
                    "run it again",
                )),
                false => Ok(()),
            }
        };
        let (from, to) = (
            Hooked::wrap(shared(pair.local.as_ref()), hook(&calls)),
            Hooked::wrap(shared(pair.remote.as_ref()), hook(&calls)),
        );
        let result = Session::new(from, to)
            .direction(Upload)
            .batch_bytes(250)
            .try_run();
        if calls.load(Ordering::SeqCst) < cut {
            result.expect("no call failed");
            assert!(cut > 5, "the session had {cut} calls");
            return Verdict::Passed;
        }
        let failure = result.expect_err("a call failed");
        assert!(
            matches!(failure.error, ProviderError::Database { .. }),
            "{failure:?}"
        );
        assert!(
            before == (held(pair.local.as_ref()), held(pair.remote.as_ref())),
            "a failed session left something, cut at call {cut}"
        );
        pair.settle();
    }
    panic!("the session does not come to its end");
}

pub(super) fn upload_stays(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    let pair = prepared(local, remote);
    let before = held(pair.local.as_ref());
    let hook = |call: Seen<'_>| match call {
        Seen::Process(_) => Err(ProviderError::database(
            "proxy",
            "the connection was cut",
            "run it again",
        )),
        _ => Ok(()),
    };
    let failure = Session::new(
        Hooked::wrap(shared(pair.local.as_ref()), hook),
        pair.remote.provider(),
    )
    .policy(ConflictPolicy::SourceWins)
    .try_run()
    .expect_err("the download failed");
    assert_eq!(
        failure
            .completed
            .upload
            .expect("the upload was completed")
            .changes_applied,
        ROWS as u64
    );
    assert_eq!(failure.completed.download, None);
    assert_eq!(
        pair.remote.state().row(ITEM, &id(ROWS - 1)),
        Some(&item(ROWS - 1, "changed"))
    );
    assert!(before == held(pair.local.as_ref()));
    pair.settle();
    Verdict::Passed
}

pub(super) fn late_write_at_destination(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    let pair = Pair::new(local, remote);
    pair.local.write(ITEM, &item(1, "before"), 1);
    pair.session().run();
    pair.local.write(ITEM, &item(1, "incoming"), 2);
    pair.local.write(ITEM, &item(2, "incoming"), 2);
    let remote: Arc<dyn TestReplica> = Arc::from(pair.remote);
    let writer = Arc::clone(&remote);
    // The batch is on its way, made with what the destination knew before.
    let destination = Hooked::wrap(remote.provider(), move |call| {
        if let Seen::Process(batch) = call
            && batch.sequence == 0
        {
            writer.write(ITEM, &item(1, "written meanwhile"), 3);
            writer.write(ITEM, &item(2, "written meanwhile"), 3);
            writer.write(ITEM, &item(3, "written meanwhile"), 3);
        }
        Ok(())
    });
    let report = Session::new(pair.local.provider(), destination)
        .direction(Upload)
        .run();
    let kinds: Vec<ConflictType> = report
        .records
        .iter()
        .map(|record| record.conflict)
        .collect();
    assert_eq!(
        kinds,
        [
            ConflictType::LocalUpdateRemoteUpdate,
            ConflictType::LocalInsertRemoteInsert
        ]
    );
    for record in &report.records {
        let row = record
            .local
            .as_ref()
            .and_then(|side| side.row.clone())
            .expect("the row is in the record");
        assert_eq!(row[1], super::super::neutral::text("written meanwhile"));
    }
    for n in 1..4 {
        assert_eq!(
            remote.state().row(ITEM, &id(n)),
            Some(&item(n, "written meanwhile"))
        );
    }
    let session = Session::new(pair.local.provider(), remote.provider()).direction(Download);
    assert_eq!(session.run().moved(), 3);
    assert_converged(&[pair.local.state(), remote.state()]);
    Verdict::Passed
}

pub(super) fn late_write_at_source(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    let pair = Pair::new(local, remote);
    for n in 0..10 {
        pair.local.write(ITEM, &item(n, "before"), 1);
    }
    let local: Arc<dyn TestReplica> = Arc::from(pair.local);
    let writer = Arc::clone(&local);
    let changes = AtomicU32::new(0);
    // Committed after the destination told what it knows and before the enumeration begins; and again before the next session's.
    let source = Hooked::wrap(local.provider(), move |call| {
        if matches!(
            call,
            Seen::Changes(ChangeBatchRequest::First(_) | ChangeBatchRequest::Next)
        ) && changes.fetch_add(1, Ordering::SeqCst) == 0
        {
            writer.write(ITEM, &item(0, "late"), 2);
            writer.write(ITEM, &item(10, "late"), 2);
        }
        Ok(())
    });
    let report = Session::new(source, pair.remote.provider())
        .direction(Upload)
        .run();
    assert_eq!(report.upload().changes_applied, 11);
    assert_eq!(
        pair.remote.state().row(ITEM, &id(0)),
        Some(&item(0, "late"))
    );
    local.write(ITEM, &item(0, "later"), 3);
    let report = Session::new(local.provider(), pair.remote.provider()).run();
    assert_eq!((report.moved(), report.records.len()), (1, 0));
    assert_converged(&[local.state(), pair.remote.state()]);
    Verdict::Passed
}

pub(super) fn contract(local: &dyn Engine, _: &dyn Engine) -> Verdict {
    let replica = local.make(super::Layout::Neutral);
    replica.write(ITEM, &item(1, "row"), 1);
    let before = held(replica.as_ref());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(misuse(replica.provider()));
    assert!(before == held(replica.as_ref()));
    Verdict::Passed
}

async fn misuse(provider: Arc<dyn SyncProvider>) {
    let session = SessionId(uuid::Uuid::new_v4());
    let begin = {
        let mut begin = BeginSession::new(session, Position::Local);
        begin.batch_bytes = 1;
        begin
    };
    let calls = std::cell::Cell::new(0);
    let call = || {
        calls.set(calls.get() + 1);
        Call {
            session,
            number: calls.get(),
        }
    };
    let malformed = |error: ProviderError| {
        assert!(
            matches!(error, ProviderError::Malformed { .. }),
            "{error:?}"
        )
    };
    malformed(
        provider
            .get_sync_batch_parameters(Call { session, number: 1 })
            .await
            .expect_err("no session was begun"),
    );
    provider.begin_session(begin).await.unwrap();
    malformed(
        provider
            .get_change_batch(call(), ChangeBatchRequest::Next)
            .await
            .expect_err("no enumeration was begun"),
    );
    malformed(
        provider
            .get_change_batch(call(), ChangeBatchRequest::Rows(Vec::new()))
            .await
            .expect_err("no enumeration was begun"),
    );
    let mut parameters = provider.get_sync_batch_parameters(call()).await.unwrap();
    parameters.knowledge.truncate(7);
    malformed(
        provider
            .get_change_batch(call(), ChangeBatchRequest::First(parameters))
            .await
            .expect_err("the knowledge is cut"),
    );
    let parameters = provider.get_sync_batch_parameters(call()).await.unwrap();
    let mut batch = provider
        .get_change_batch(call(), ChangeBatchRequest::First(parameters))
        .await
        .unwrap();
    Arc::make_mut(&mut batch).made_with = vec![1, 2, 3];
    malformed(
        provider
            .process_change_batch(call(), batch)
            .await
            .expect_err("the knowledge is none"),
    );
    provider
        .end_session(session, Ending::Aborted)
        .await
        .unwrap();
    provider
        .end_session(session, Ending::Aborted)
        .await
        .unwrap();
    malformed(
        provider
            .get_sync_batch_parameters(call())
            .await
            .expect_err("the session has ended"),
    );
}

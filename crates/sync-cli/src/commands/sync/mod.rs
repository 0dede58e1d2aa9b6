//! `syncdb sync`

pub(crate) mod conflicts;
mod missing;
pub(crate) mod priority;
pub(crate) mod report;

use std::sync::Arc;

use indicatif::ProgressBar;
use sync_knowledge::ReplicaId;
use sync_orchestrator::{SessionProgress, SyncOrchestrator};
use sync_provider::{ConflictPolicy, ErrorPolicy};

use crate::args::{Conflict, Errors, SessionArgs, SyncArgs};
use crate::commands::provision::warn;
use crate::context::Context;
use crate::database::{self, Database};
use crate::exit::{Code, Failure};
use crate::output::{Output, bytes, count, plain};
use crate::progress::Progress;
use conflicts::{ConflictFile, Met, Parties};
use report::SyncDocument;

pub(crate) fn run(args: SyncArgs, context: &Context) -> Result<Code, Failure> {
    let SyncArgs {
        session: wanted, ..
    } = &args;
    let policy = policy(wanted.conflict, &wanted.priority)?;
    let [local, remote] = database::open_two(&wanted.local, &wanted.remote, context)?;
    let side = missing::find(&local, &remote, wanted.scope.as_deref(), args.provision)?;
    // Before anything changes it must be certain that the conflicts can be written down.
    let conflicts = args
        .conflicts
        .as_deref()
        .map(|path| ConflictFile::open(path, [local.file(), remote.file()]))
        .transpose()?;
    let scope = side.scope().to_owned();
    let mut provisioned = side.provision()?;
    priority::warn_of_strangers(&wanted.priority, [&*local, &*remote], &scope)?;

    let met = Arc::new(Met::new(Parties::of([&*local, &*remote])));
    let working = Progress::start("synchronising");
    let (bar, sink) = (working.bar(), conflicts.clone());
    let session = configured(wanted, policy, [&*local, &*remote], &scope, context)
        .on_progress({
            let (sink, met) = (sink.clone(), Arc::clone(&met));
            move |progress| {
                show_progress(&bar, progress);
                met.direction(progress.uploading);
                sink.iter()
                    .for_each(|file| file.direction(progress.uploading));
            }
        })
        .on_conflict({
            let met = Arc::clone(&met);
            move |record| {
                met.add(record);
                sink.iter().for_each(|file| file.write(record));
            }
        });
    let result = context.runtime.block_on(session.synchronize());
    drop(working);

    let direction = wanted.direction.into();
    let statistics = match result {
        Ok(statistics) => statistics,
        Err(failure) => {
            // What was committed before has conflicts, too.
            let unwritten = conflicts.and_then(|file| file.flush().err());
            warn(unwritten.map(|unwritten| unwritten.line()).as_slice());
            let nothing =
                failure.completed.upload.is_none() && failure.completed.download.is_none();
            if let Some(made) = provisioned.take_if(|_| nothing) {
                made.undo();
            }
            let document =
                SyncDocument::new(&scope, direction, &failure.completed, provisioned.as_ref());
            let completed = serde_json::to_value(document).ok();
            return Err(Failure {
                completed,
                ..failure.error.into()
            });
        }
    };
    let document = SyncDocument::new(&scope, direction, &statistics, provisioned.as_ref());
    if let Some(Err(failure)) = conflicts.map(|file| file.finish()) {
        return Err(Failure {
            completed: serde_json::to_value(document).ok(),
            ..failure
        });
    }
    let mut out = Output::stdout();
    if context.json {
        out.json(&document);
    } else {
        report::show(&mut out, &document, &statistics, &met);
    }
    out.finish()?;
    Ok(if statistics.is_incomplete() {
        Code::Left
    } else {
        Code::Done
    })
}

/// A session between two databases in a scope, with the defaults for everything else.
pub(crate) fn orchestrator(
    local: &dyn Database,
    remote: &dyn Database,
    scope: &str,
) -> SyncOrchestrator {
    SyncOrchestrator::new(local.provider(scope), remote.provider(scope))
}

/// The same as the arguments want it.
pub(crate) fn configured(
    wanted: &SessionArgs,
    policy: ConflictPolicy,
    [local, remote]: [&dyn Database; 2],
    scope: &str,
    context: &Context,
) -> SyncOrchestrator {
    let session = orchestrator(local, remote, scope)
        .direction(wanted.direction.into())
        .policy(policy)
        .errors(match wanted.errors {
            Errors::Defer => ErrorPolicy::Defer,
            Errors::Abort => ErrorPolicy::Abort,
        })
        .cancellation(&context.cancellation);
    match wanted.batch_size {
        Some(size) => session.batch_bytes(size.saturating_mul(1024)),
        None => session,
    }
}

/// The policy that the arguments name.
pub(crate) fn policy(
    conflict: Conflict,
    priority: &[uuid::Uuid],
) -> Result<ConflictPolicy, Failure> {
    if conflict != Conflict::Priority && !priority.is_empty() {
        return Err(Failure::usage(
            "--priority",
            "it is a list for another policy",
            "add --conflict priority, or leave it out",
        ));
    }
    Ok(match conflict {
        Conflict::DestinationWins => ConflictPolicy::DestinationWins,
        Conflict::SourceWins => ConflictPolicy::SourceWins,
        Conflict::LocalWins => ConflictPolicy::LocalWins,
        Conflict::RemoteWins => ConflictPolicy::RemoteWins,
        Conflict::LastWriterWins => ConflictPolicy::LastWriterWins,
        Conflict::Defer => ConflictPolicy::Defer,
        Conflict::Priority => {
            ConflictPolicy::Priority(priority.iter().copied().map(ReplicaId::from_uuid).collect())
        }
    })
}

/// Shows on the bar what a session is at.
pub(crate) fn show_progress(bar: &ProgressBar, progress: &SessionProgress) {
    let direction = if progress.uploading {
        "uploading"
    } else {
        "downloading"
    };
    let moved = &progress.statistics;
    let table = progress
        .tables
        .last()
        .map(|table| format!(" · {}", plain(table)));
    bar.set_message(format!(
        "{direction} · {} changes, {}{}",
        count(moved.changes_total),
        bytes(moved.bytes),
        table.unwrap_or_default()
    ));
}

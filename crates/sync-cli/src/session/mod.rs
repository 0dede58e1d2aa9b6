//! A session between two databases: `sync` runs one, `explain` rehearses one, `demo` runs several.

mod conflict;
mod listener;
mod missing;
mod priority;
mod report;

use std::sync::Arc;

use indicatif::ProgressBar;
use sync_knowledge::ReplicaId;
use sync_orchestrator::{SessionProgress, SyncFailure, SyncOperationStatistics, SyncOrchestrator};
use sync_provider::{ConflictPolicy, ErrorPolicy};
use tokio::runtime::Handle;

use crate::args::{Conflict, Errors, SessionArgs};
use crate::context::Context;
use crate::database::{self, Database};
use crate::exit::Failure;
use crate::output::{bytes, count};
use crate::plain::plain;
use crate::progress::Progress;
pub(crate) use conflict::{ConflictDocument, Parties, one_line};
pub(crate) use listener::{Heard, Listener};
pub(crate) use missing::{Made, Preparation};
pub(crate) use report::{Counts, Head, direction, table, took};

/// Both sides of a session, and how it is wanted.
#[derive(Debug)]
pub(crate) struct Pair<'a> {
    wanted: &'a SessionArgs,
    policy: ConflictPolicy,
    local: Arc<dyn Database>,
    remote: Arc<dyn Database>,
    context: &'a Context,
}

impl<'a> Pair<'a> {
    /// The databases that the arguments name.
    pub(crate) fn open(wanted: &'a SessionArgs, context: &'a Context) -> Result<Self, Failure> {
        let policy = policy(wanted.conflict, &wanted.priority)?;
        let [local, remote] = database::open_two(&wanted.local, &wanted.remote, context)?;
        Ok(Pair {
            wanted,
            policy,
            local,
            remote,
            context,
        })
    }

    pub(crate) fn databases(&self) -> [&dyn Database; 2] {
        [&*self.local, &*self.remote]
    }

    /// The scope, and which side lacks it. Without `provision` that is left for the session to refuse.
    pub(crate) fn prepare(&self, provision: bool) -> Result<Preparation, Failure> {
        let scope = self.wanted.scope.as_deref();
        missing::find(&self.local, &self.remote, scope, provision)
    }

    /// What stands above the report of a session in a scope.
    pub(crate) fn head<'s>(&self, scope: &'s str) -> Head<'s> {
        Head::new(scope, self.wanted.direction.into())
    }

    /// The policy's name on the command line.
    pub(crate) fn policy_name(&self) -> &'static str {
        self.policy.name()
    }

    /// A session as the arguments want it. Says on standard error what is odd about them.
    pub(crate) fn session(&self, scope: &str) -> Result<Session, Failure> {
        let Pair {
            wanted, context, ..
        } = self;
        priority::warn_of_strangers(&wanted.priority, self.databases(), scope)?;
        let Session {
            orchestrator,
            runtime,
            ..
        } = Session::between(self.databases(), scope, context);
        let orchestrator = orchestrator
            .direction(wanted.direction.into())
            .policy(self.policy.clone())
            .errors(match wanted.errors {
                Errors::Defer => ErrorPolicy::Defer,
                Errors::Abort => ErrorPolicy::Abort,
            });
        let orchestrator = match wanted.batch_size {
            Some(size) => orchestrator.batch_bytes(size.saturating_mul(1024)),
            None => orchestrator,
        };
        Ok(Session {
            orchestrator,
            runtime,
            tells: true,
        })
    }
}

/// A session that is ready to go.
pub(crate) struct Session {
    orchestrator: SyncOrchestrator,
    runtime: Handle,
    /// Whether the sign of life tells what the session is at.
    tells: bool,
}

impl Session {
    /// A session with the defaults for everything, told by its listener alone.
    pub(crate) fn between(
        [local, remote]: [&dyn Database; 2],
        scope: &str,
        context: &Context,
    ) -> Self {
        let orchestrator = SyncOrchestrator::new(local.provider(scope), remote.provider(scope))
            .cancellation(&context.cancellation);
        Session {
            orchestrator,
            runtime: context.runtime.clone(),
            tells: false,
        }
    }

    /// Runs it; `what` is shown if it takes long.
    pub(crate) fn synchronize<L: Listener>(
        self,
        what: impl Into<String>,
        heard: &Heard<L>,
    ) -> Result<SyncOperationStatistics, Box<SyncFailure>> {
        let working = Progress::start(what);
        let (runtime, session) = self.told_to(heard, &working);
        let result = runtime.block_on(session.synchronize());
        result.map_err(Box::new)
    }

    /// The same, but nothing of it is left.
    pub(crate) fn rehearse<L: Listener>(
        self,
        what: impl Into<String>,
        heard: &Heard<L>,
    ) -> Result<SyncOperationStatistics, Box<SyncFailure>> {
        let working = Progress::start(what);
        let (runtime, session) = self.told_to(heard, &working);
        let heard = heard.clone();
        let session = session.on_row(move |row| heard.lock().row(row));
        let result = runtime.block_on(session.rehearse());
        result.map_err(Box::new)
    }

    fn told_to<L: Listener>(
        self,
        heard: &Heard<L>,
        working: &Progress,
    ) -> (Handle, SyncOrchestrator) {
        let bar = self.tells.then(|| working.bar());
        let (of_progress, of_conflicts) = (heard.clone(), heard.clone());
        let session = self
            .orchestrator
            .on_progress(move |progress| {
                bar.iter().for_each(|bar| show_progress(bar, progress));
                of_progress.lock().progress(progress);
            })
            .on_conflict(move |record| of_conflicts.lock().conflict(record));
        (self.runtime, session)
    }
}

/// The policy that the arguments name.
fn policy(conflict: Conflict, priority: &[uuid::Uuid]) -> Result<ConflictPolicy, Failure> {
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
fn show_progress(bar: &ProgressBar, progress: &SessionProgress) {
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

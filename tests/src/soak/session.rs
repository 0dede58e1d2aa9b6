//! A session in which things go wrong at chosen calls.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sync_orchestrator::{SyncFailure, SyncOperationStatistics, SyncOrchestrator};
use sync_provider::{ConflictPolicy, ErrorPolicy, ProviderError, SyncProvider};
use tokio::sync::Notify;

use super::database::{Written, scope_name, write};
use super::model::{Model, Rules, Told};
use super::plan::{Fault, Meeting};
use crate::support::engines::{Database, Engine};
use crate::support::faulty::{Countdown, FaultyProvider, StoreCall, Watcher, When};

/// How long connections may take to close.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a session did.
#[derive(Debug)]
pub(super) struct Ended {
    /// `None` if it was cut.
    pub(super) result: Option<Result<SyncOperationStatistics, SyncFailure>>,
    pub(super) told: Told,
    /// What writers did meanwhile, by side.
    pub(super) meanwhile: [Vec<(usize, Written)>; 2],
    /// Whether the fault came.
    pub(super) failed: bool,
    /// A commit was carried out and its answer lost for good.
    pub(super) unanswered: bool,
}

/// What both sides of a session share.
#[derive(Debug)]
struct Stage {
    meeting: Meeting,
    rules: Rules,
    databases: Arc<Vec<Database>>,
    model: Arc<Mutex<Model>>,
    told: Told,
    /// A commit has no answer, and never will have one.
    unanswered: AtomicBool,
    /// A commit has no answer: its records are told once it is found, or given up.
    sought: AtomicBool,
    /// The first law that was broken.
    broken: Mutex<Option<String>>,
    cut: Notify,
    was_cut: AtomicBool,
    dropped: (Mutex<bool>, Condvar),
}

/// A side, which watches its database.
#[derive(Debug)]
struct Side {
    stage: Arc<Stage>,
    side: usize,
    database: usize,
    countdown: Countdown,
    calls: AtomicUsize,
    open: AtomicI64,
    written: Mutex<Vec<(usize, Written)>>,
}

/// Runs a session to its end, whatever that is.
pub(super) fn run(
    meeting: &Meeting,
    policy: ConflictPolicy,
    databases: &Arc<Vec<Database>>,
    model: &Arc<Mutex<Model>>,
) -> Result<Ended, String> {
    let stage = Arc::new(Stage {
        meeting: meeting.clone(),
        rules: Rules {
            sides: meeting.sides,
            may_defer: policy == ConflictPolicy::Defer || !meeting.meanwhile.is_empty(),
        },
        databases: Arc::clone(databases),
        model: Arc::clone(model),
        told: Told::default(),
        unanswered: AtomicBool::new(false),
        sought: AtomicBool::new(false),
        broken: Mutex::default(),
        cut: Notify::new(),
        was_cut: AtomicBool::new(false),
        dropped: (Mutex::new(false), Condvar::new()),
    });
    let seats = meeting.sides.map(|seat| lock(model).seat(seat));
    let sides = [0, 1].map(|side| {
        Arc::new(Side {
            stage: Arc::clone(&stage),
            side,
            database: seats[side].database,
            countdown: countdown(meeting.fault, side),
            calls: AtomicUsize::new(0),
            open: AtomicI64::new(0),
            written: Mutex::default(),
        })
    });
    let provider = |side: usize| -> Arc<dyn SyncProvider> {
        let database = &databases[seats[side].database];
        database.settle(&["t"]);
        let opens = database.opens(&scope_name(seats[side].scope));
        let watcher = Arc::clone(&sides[side]);
        Arc::new(FaultyProvider::new(opens, &sides[side].countdown).watched(watcher))
    };
    let heard = Arc::clone(&stage.told);
    let mut orchestrator = SyncOrchestrator::new(provider(0), provider(1))
        .direction(meeting.order)
        .policy(policy)
        .on_conflict(move |record| lock(&heard).push(record.clone()));
    if meeting.strict {
        orchestrator = orchestrator.errors(ErrorPolicy::Abort);
    }
    if meeting.small_batches {
        orchestrator = orchestrator.batch_bytes(1);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let result = runtime.block_on(async {
        let result = tokio::select! {
            biased;
            () = stage.cut.notified() => None,
            result = orchestrator.synchronize() => Some(result),
        };
        *lock(&stage.dropped.0) = true;
        stage.dropped.1.notify_all();
        let closed = async {
            while sides
                .iter()
                .any(|side| side.open.load(Ordering::SeqCst) > 0)
            {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let closed = tokio::time::timeout(PATIENCE, closed).await;
        closed
            .map(|()| result)
            .map_err(|_| "a connection is left open".to_owned())
    })?;
    if let Some(broken) = lock(&stage.broken).take() {
        return Err(broken);
    }
    let meanwhile = sides.each_ref().map(|side| lock(&side.written).clone());
    let failed = sides.iter().any(|side| side.countdown.has_failed())
        || stage.was_cut.load(Ordering::SeqCst);
    Ok(Ended {
        result,
        told: Arc::clone(&stage.told),
        meanwhile,
        failed,
        unanswered: stage.unanswered.load(Ordering::SeqCst),
    })
}

fn countdown(fault: Fault, here: usize) -> Countdown {
    let when = |after: bool| match after {
        true => When::After,
        false => When::Before,
    };
    match fault {
        Fault::Fails { side, call, after } if side == here => {
            Countdown::new(call as u64, when(after))
        }
        // The first call opens the database: that one is the provider's to try again.
        Fault::Lost { side, call, after } if side == here => {
            Countdown::new(call as u64 + 1, when(after)).passing()
        }
        _ => Countdown::never(),
    }
}

impl Side {
    fn note(&self, checked: Result<(), String>) {
        if let Err(what) = checked {
            lock(&self.stage.broken).get_or_insert(what);
        }
    }

    /// The records of a commit are told before anybody asks a database again, if they ever are.
    fn account(&self, model: &mut Model) -> Result<(), String> {
        model.account(&self.stage.told, true)
    }

    fn act(&self, call: usize) {
        // A commit that is still sought is accounted for first.
        if self.stage.sought.load(Ordering::SeqCst) {
            return;
        }
        let edits = self.stage.meeting.meanwhile.iter();
        for one in edits.filter(|one| one.side == self.side && one.call == call) {
            let mut model = lock(&self.stage.model);
            let accounted = self.account(&mut model);
            let written = write(&self.stage.databases[self.database], one.edit);
            lock(&self.written).push((call, written));
            self.note(accounted.and_then(|()| match written {
                Written::Done => model.written(self.database),
                Written::Idle | Written::Refused => Ok(()),
            }));
        }
    }

    fn cut(&self) -> ProviderError {
        let stage = &self.stage;
        stage.was_cut.store(true, Ordering::SeqCst);
        stage.cut.notify_one();
        // A server's connection is driven by the very thread that drops the session.
        if stage.databases[self.database].engine() == Engine::Sqlite {
            let (dropped, changed) = &stage.dropped;
            let waited = changed.wait_timeout_while(lock(dropped), PATIENCE, |dropped| !*dropped);
            drop(waited);
        }
        ProviderError::database("database", "the session was cut", "none: it is a test")
    }
}

impl Watcher for Side {
    fn before(&self, _call: StoreCall) -> Result<(), ProviderError> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        self.act(call);
        match self.stage.meeting.fault {
            Fault::Cut { side, call: at } if side == self.side && at == call => Err(self.cut()),
            _ => Ok(()),
        }
    }

    fn after(&self, call: StoreCall) {
        let mut model = lock(&self.stage.model);
        let seat = self.stage.rules.sides[self.side];
        match call {
            StoreCall::BeginEnumeration => {
                self.stage.sought.store(false, Ordering::SeqCst);
                let accounted = self.account(&mut model);
                self.note(accounted.and_then(|()| model.enumerating(self.side, seat)));
            }
            StoreCall::Commit => {
                // A lost connection is made anew, and the commit then found.
                let is_last = matches!(self.stage.meeting.fault, Fault::Fails { .. });
                let stage = &self.stage;
                if self.countdown.is_failing() || is_last && self.countdown.has_failed() {
                    stage.sought.store(true, Ordering::SeqCst);
                    stage.unanswered.fetch_or(is_last, Ordering::SeqCst);
                }
                self.note(model.committed(self.side, self.stage.rules));
            }
            _ => {}
        }
    }

    fn opened(&self) {
        self.open.fetch_add(1, Ordering::SeqCst);
    }

    fn closed(&self) {
        self.open.fetch_sub(1, Ordering::SeqCst);
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! A provider whose database fails at a chosen call, or refuses chosen rows.

use std::collections::BTreeSet;
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sync_decision::TableShape;
use sync_knowledge::Tick;
use sync_provider::{
    BatchOutcome, BeginSession, Call, ChangeBatch, ChangeBatchRequest, Ending, ProviderError,
    ReplicaInfo, SessionId, SyncBatchParameters, SyncProvider,
};
use sync_provider_mssql::MssqlProvider;
use sync_provider_sqlite::SqliteProvider;
use sync_relational::{
    Attempt, Begun, Commit, Fetch, Fetched, Learned, LocalSlice, Owner, Page, Patience, RowFailure,
    Scan, Scope, ScopeState, Sessions, Slice, Store, Waiting, Write, Written,
};

/// Counts the calls to databases and says at which one the fault comes. Clones share the count.
#[derive(Clone, Debug)]
pub struct Countdown {
    calls: Arc<AtomicU64>,
    fails_at: u64,
    when: When,
    passing: bool,
}

/// Whether the call that fails is carried out.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// It is not.
    Before,
    /// It is, and its answer is lost.
    After,
}

impl Countdown {
    /// The `fails_at`-th call from now fails, counted from 1.
    pub fn new(fails_at: u64, when: When) -> Self {
        Countdown {
            calls: Arc::default(),
            fails_at,
            when,
            passing: false,
        }
    }

    /// The fault is a lost connection: everything fails until there is a fresh one.
    pub fn passing(mut self) -> Self {
        self.passing = true;
        self
    }

    /// Whether the fault has come.
    pub fn has_failed(&self) -> bool {
        self.calls.load(Ordering::SeqCst) >= self.fails_at
    }

    /// Whether the call under way is the one that fails.
    pub fn is_failing(&self) -> bool {
        self.calls.load(Ordering::SeqCst) == self.fails_at
    }

    /// No call fails.
    pub fn never() -> Self {
        Countdown::new(u64::MAX, When::Before)
    }

    fn tick(&self) -> Fault {
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        Fault {
            when: (call == self.fails_at).then_some(self.when),
            passing: self.passing,
        }
    }
}

struct Fault {
    when: Option<When>,
    passing: bool,
}

impl Fault {
    fn before(&self) -> Result<(), ProviderError> {
        self.at(When::Before)
    }

    fn after(&self) -> Result<(), ProviderError> {
        self.at(When::After)
    }

    fn at(&self, when: When) -> Result<(), ProviderError> {
        if self.when != Some(when) {
            return Ok(());
        }
        Err(match self.passing {
            true => lost(),
            false => ProviderError::database("database", "injected fault", "none: it is a test"),
        })
    }
}

fn lost() -> ProviderError {
    ProviderError::transient("database", "injected loss", "none: it is a test")
}

/// Rows, by table and packed key, of which a session can store nothing. Clones share them.
///
/// That is more than a constraint of a table does: a version is refused, too, that is stored without a change of the row.
pub type Refused = Arc<Mutex<BTreeSet<(usize, Vec<u8>)>>>;

/// Where the connections of sessions come from: a provider of an engine, beneath which faults are put.
#[async_trait]
pub trait Opens: fmt::Debug + Send + Sync {
    /// Opens the connection of a session.
    ///
    /// # Errors
    /// As the provider's own sessions.
    async fn open(&self) -> Result<Box<dyn Store>, ProviderError>;

    /// Who serves a session's calls.
    fn owner(&self) -> &'static dyn Owner;
}

#[async_trait]
impl Opens for SqliteProvider {
    async fn open(&self) -> Result<Box<dyn Store>, ProviderError> {
        self.open_store()
    }

    fn owner(&self) -> &'static dyn Owner {
        &Thread
    }
}

#[async_trait]
impl Opens for MssqlProvider {
    async fn open(&self) -> Result<Box<dyn Store>, ProviderError> {
        self.open_store().await
    }

    /// A connection is served by the runtime in which it was made.
    fn owner(&self) -> &'static dyn Owner {
        &Task
    }
}

/// What a session asks of its database.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "named after the calls of a store")]
pub enum StoreCall {
    State,
    BeginEnumeration,
    Scan,
    Fetch,
    EndEnumeration,
    BeginApply,
    LocalRows,
    Write,
    Commit,
    Rollback,
    Reconnect,
}

/// Looks on at what a session asks of its database, on the session's own thread.
pub trait Watcher: fmt::Debug + Send + Sync {
    /// Before a call.
    ///
    /// # Errors
    /// Whatever the call is to fail with.
    fn before(&self, _call: StoreCall) -> Result<(), ProviderError> {
        Ok(())
    }

    /// After a call that was carried out; a commit only if it took place.
    fn after(&self, _call: StoreCall) {}

    /// A connection was opened.
    fn opened(&self) {}

    /// A connection is closed.
    fn closed(&self) {}
}

#[derive(Debug)]
struct Nobody;

impl Watcher for Nobody {}

/// How many rows and bytes the slices had that were written. Clones share them.
pub type Slices = Arc<Mutex<Vec<(usize, usize)>>>;

/// A database whose store fails once, or refuses rows.
#[derive(Debug)]
pub struct FaultyProvider {
    database: Arc<dyn Opens>,
    countdown: Countdown,
    refused: Refused,
    slices: Slices,
    watcher: Arc<dyn Watcher>,
    sessions: Sessions,
}

impl FaultyProvider {
    /// A database in a scope.
    pub fn new(database: Arc<dyn Opens>, countdown: &Countdown) -> Self {
        FaultyProvider {
            database,
            countdown: countdown.clone(),
            refused: Refused::default(),
            slices: Slices::default(),
            watcher: Arc::new(Nobody),
            sessions: Sessions::new(),
        }
    }

    /// Lets it refuse rows.
    pub fn refusing(mut self, refused: &Refused) -> Self {
        self.refused = Arc::clone(refused);
        self
    }

    /// Lets somebody look on.
    pub fn watched(mut self, watcher: Arc<dyn Watcher>) -> Self {
        self.watcher = watcher;
        self
    }

    /// Takes note of the slices that are written.
    pub fn measuring(mut self, slices: &Slices) -> Self {
        self.slices = Arc::clone(slices);
        self
    }
}

/// A thread per session: the engine blocks.
struct Thread;

impl Owner for Thread {
    fn spawn(&self, work: Pin<Box<dyn Future<Output = ()> + Send>>) -> Result<(), ProviderError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime can be made");
        std::thread::spawn(move || runtime.block_on(work));
        Ok(())
    }
}

/// A task per session: the connection waits on a socket.
struct Task;

impl Owner for Task {
    fn spawn(&self, work: Pin<Box<dyn Future<Output = ()> + Send>>) -> Result<(), ProviderError> {
        tokio::spawn(work);
        Ok(())
    }
}

#[async_trait]
impl SyncProvider for FaultyProvider {
    async fn begin_session(&self, request: BeginSession) -> Result<ReplicaInfo, ProviderError> {
        let open = async {
            let fault = self.countdown.tick();
            fault.before()?;
            let store = self.database.open().await?;
            fault.after()?;
            let store: Box<dyn Store> = Box::new(FaultyStore {
                database: Arc::clone(&self.database),
                store,
                lost: false,
                countdown: self.countdown.clone(),
                refused: Arc::clone(&self.refused),
                slices: Arc::clone(&self.slices),
                watcher: Arc::clone(&self.watcher),
                _closing: Closing(Arc::clone(&self.watcher)),
            });
            self.watcher.opened();
            Ok(store)
        };
        self.sessions
            .begin(self.database.owner(), request, &[], open)
            .await
    }

    async fn get_sync_batch_parameters(
        &self,
        call: Call,
    ) -> Result<SyncBatchParameters, ProviderError> {
        self.sessions.get_sync_batch_parameters(call).await
    }

    async fn get_change_batch(
        &self,
        call: Call,
        request: ChangeBatchRequest,
    ) -> Result<Arc<ChangeBatch>, ProviderError> {
        self.sessions.get_change_batch(call, request).await
    }

    async fn end_enumeration(&self, call: Call) -> Result<(), ProviderError> {
        self.sessions.end_enumeration(call).await
    }

    async fn process_change_batch(
        &self,
        call: Call,
        batch: Arc<ChangeBatch>,
    ) -> Result<BatchOutcome, ProviderError> {
        self.sessions.process_change_batch(call, batch).await
    }

    async fn end_session(&self, session: SessionId, ending: Ending) -> Result<(), ProviderError> {
        self.sessions.end_session(session, ending).await
    }

    fn abandon(&self, session: SessionId) {
        self.sessions.abandon(session);
    }
}

struct FaultyStore {
    database: Arc<dyn Opens>,
    store: Box<dyn Store>,
    /// The connection answers nothing any more.
    lost: bool,
    countdown: Countdown,
    refused: Refused,
    slices: Slices,
    watcher: Arc<dyn Watcher>,
    _closing: Closing,
}

/// Tells the watcher, after the connection was closed: fields are dropped in their order.
struct Closing(Arc<dyn Watcher>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.closed();
    }
}

impl FaultyStore {
    fn call(&mut self, call: StoreCall) -> Result<Fault, ProviderError> {
        self.watcher.before(call)?;
        if self.lost {
            return Err(lost());
        }
        let fault = self.countdown.tick();
        self.lost = fault.when.is_some() && fault.passing;
        fault.before()?;
        Ok(fault)
    }

    fn measure(&self, slice: Slice<'_>) {
        let mut slices = self.slices.lock().expect("no test panicked with it");
        slices.push((slice.rows.len(), slice.rows.bytes()));
    }

    fn refuses(&self, slice: Slice<'_>, write: &Write) -> bool {
        let cells = slice.rows.row(write.row);
        let key = match slice.deleted {
            true => cells.as_bytes().to_vec(),
            false => self.shapes()[slice.table]
                .key_of(cells)
                .row(0)
                .as_bytes()
                .to_vec(),
        };
        let refused = self.refused.lock().expect("no test panicked with it");
        refused.contains(&(slice.table, key))
    }
}

#[async_trait]
impl Store for FaultyStore {
    fn scope(&self) -> &Scope {
        self.store.scope()
    }

    fn shapes(&self) -> &[TableShape] {
        self.store.shapes()
    }

    async fn state(&mut self) -> Result<(ScopeState, Vec<Waiting>), ProviderError> {
        let fault = self.call(StoreCall::State)?;
        let answer = self.store.state().await?;
        self.watcher.after(StoreCall::State);
        fault.after()?;
        Ok(answer)
    }

    async fn begin_enumeration(&mut self, floors: &[Tick]) -> Result<Begun, ProviderError> {
        let fault = self.call(StoreCall::BeginEnumeration)?;
        let answer = self.store.begin_enumeration(floors).await?;
        self.watcher.after(StoreCall::BeginEnumeration);
        fault.after()?;
        Ok(answer)
    }

    async fn scan(&mut self, scan: Scan<'_>) -> Result<Page, ProviderError> {
        let fault = self.call(StoreCall::Scan)?;
        let answer = self.store.scan(scan).await?;
        self.watcher.after(StoreCall::Scan);
        fault.after()?;
        Ok(answer)
    }

    async fn fetch(&mut self, fetch: Fetch<'_>) -> Result<Attempt<Fetched>, ProviderError> {
        let fault = self.call(StoreCall::Fetch)?;
        let answer = self.store.fetch(fetch).await?;
        self.watcher.after(StoreCall::Fetch);
        fault.after()?;
        Ok(answer)
    }

    async fn end_enumeration(&mut self) -> Result<(), ProviderError> {
        let fault = self.call(StoreCall::EndEnumeration)?;
        self.store.end_enumeration().await?;
        self.watcher.after(StoreCall::EndEnumeration);
        fault.after()
    }

    async fn begin_apply(
        &mut self,
        patience: Patience,
    ) -> Result<Attempt<ScopeState>, ProviderError> {
        let fault = self.call(StoreCall::BeginApply)?;
        let answer = self.store.begin_apply(patience).await?;
        self.watcher.after(StoreCall::BeginApply);
        fault.after()?;
        Ok(answer)
    }

    async fn local_rows(&mut self, slice: Slice<'_>) -> Result<LocalSlice, ProviderError> {
        let fault = self.call(StoreCall::LocalRows)?;
        let answer = self.store.local_rows(slice).await?;
        self.watcher.after(StoreCall::LocalRows);
        fault.after()?;
        Ok(answer)
    }

    async fn write(
        &mut self,
        slice: Slice<'_>,
        local: &LocalSlice,
        writes: &[Write],
    ) -> Result<Written, ProviderError> {
        let fault = self.call(StoreCall::Write)?;
        self.measure(slice);
        let (refused, writes): (Vec<Write>, Vec<Write>) =
            writes.iter().partition(|write| self.refuses(slice, write));
        let mut answer = self.store.write(slice, local, &writes).await?;
        let Written::AllBut(failures) = &mut answer else {
            return Ok(answer);
        };
        failures.extend(refused.iter().map(|write| RowFailure {
            row: write.row,
            reason: "the test refuses it".to_owned(),
            metadata: false,
        }));
        self.watcher.after(StoreCall::Write);
        fault.after()?;
        Ok(answer)
    }

    fn takes_another_round(&mut self) -> bool {
        self.store.takes_another_round()
    }

    async fn commit(&mut self, learned: &Learned) -> Result<Commit, ProviderError> {
        let fault = self.call(StoreCall::Commit)?;
        let answer = self.store.commit(learned).await?;
        if matches!(answer, Commit::Done) {
            self.watcher.after(StoreCall::Commit);
        }
        fault.after()?;
        Ok(answer)
    }

    async fn rollback(&mut self) -> Result<(), ProviderError> {
        // A roll-back that the database refuses still ends the transaction when the connection closes.
        let fault = self.call(StoreCall::Rollback)?;
        self.store.rollback().await?;
        self.watcher.after(StoreCall::Rollback);
        fault.after()
    }

    async fn reconnect(&mut self) -> Result<(), ProviderError> {
        self.watcher.before(StoreCall::Reconnect)?;
        let fault = self.countdown.tick();
        fault.before()?;
        // What the old connection had open goes with it.
        self.store.rollback().await?;
        self.store = self.database.open().await?;
        self.lost = false;
        fault.after()
    }
}

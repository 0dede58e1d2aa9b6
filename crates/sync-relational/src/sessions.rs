//! The sessions that a provider takes part in, and the hand-over of calls to the owner of each connection.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sync_provider::{
    ApplyHandler, BatchOutcome, BeginSession, Call, Capability, ChangeBatch, ChangeBatchRequest,
    Ending, ProviderError, ReplicaInfo, SessionId, SyncBatchParameters,
};
use tokio::sync::{mpsc, oneshot};

use crate::session::{Answer, Asked, Request, StopFlag, Verb, serve};
use crate::store::Store;

/// Where the calls of a session run.
pub trait Owner: Send + Sync {
    /// Runs `work` to its end, off the caller's thread if the engine blocks.
    fn spawn(
        &self,
        work: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>,
    ) -> Result<(), ProviderError>;
}

/// How many ended sessions are remembered, so that a late request to begin one of them opens nothing.
const ENDED: usize = 256;

/// The sessions of one provider. A relational provider opens a [`Store`] and leaves the rest of the contract to this.
#[derive(Debug, Default)]
pub struct Sessions {
    table: Mutex<Table>,
    handler: Option<Arc<dyn ApplyHandler>>,
}

#[derive(Debug, Default)]
struct Table {
    open: HashMap<SessionId, Handle>,
    ended: VecDeque<SessionId>,
}

#[derive(Clone, Debug)]
struct Handle {
    /// As it was begun with; the same once more is answered with `info`.
    begun: BeginSession,
    info: ReplicaInfo,
    requests: mpsc::Sender<Request>,
    stop: StopFlag,
}

impl Table {
    /// The session that a request would begin, if it is begun already.
    fn begun(&self, begin: &BeginSession) -> Result<Option<ReplicaInfo>, ProviderError> {
        if self.ended.contains(&begin.session) {
            return Err(ProviderError::malformed(
                "session",
                "a session that is ended was begun once more",
            ));
        }
        match self.open.get(&begin.session) {
            None => Ok(None),
            Some(handle) if handle.begun == *begin => Ok(Some(handle.info.clone())),
            Some(_) => Err(ProviderError::malformed(
                "session",
                "a session was begun twice, and not alike",
            )),
        }
    }

    fn end(&mut self, session: SessionId) -> Option<Handle> {
        // One that is still being opened is not to begin any more.
        if !self.ended.contains(&session) {
            self.ended.truncate(ENDED - 1);
            self.ended.push_front(session);
        }
        self.open.remove(&session)
    }
}

impl Sessions {
    /// No session yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// With a handler that decides about rows that meet a conflict or cannot be written.
    #[must_use]
    pub fn with_handler(self, handler: Arc<dyn ApplyHandler>) -> Self {
        let handler = Some(handler);
        Sessions { handler, ..self }
    }

    /// Begins a session over the store that `open` gives, served by `owner`. The same request once more is answered alike and opens nothing.
    /// `capabilities` are those of the provider, whatever the scope.
    ///
    /// # Errors
    /// The caller speaks a later version of the contract or means another scope, the store cannot be opened, or the owner cannot run it.
    pub async fn begin(
        &self,
        owner: &dyn Owner,
        begin: BeginSession,
        capabilities: &'static [Capability],
        open: impl Future<Output = Result<Box<dyn Store>, ProviderError>> + Send,
    ) -> Result<ReplicaInfo, ProviderError> {
        if let Some(info) = self.table().begun(&begin)? {
            return Ok(info);
        }
        let store = open.await?;
        begin.check(&store.scope().description.name)?;
        let (requests, receiver) = mpsc::channel(1);
        let stop = StopFlag::default();
        let (handler, stopped) = (self.handler.clone(), stop.clone());
        let served = serve(
            store,
            begin.clone(),
            capabilities,
            handler,
            stopped,
            receiver,
        );
        owner.spawn(Box::pin(served))?;
        let info = match ask(&requests, Asked::Begin).await? {
            Answer::Info(info) => *info,
            _ => return Err(wrong_answer()),
        };
        let mut table = self.table();
        // Another request of the same session may have been faster; its store serves then, and this one is let go of.
        if let Some(info) = table.begun(&begin)? {
            return Ok(info);
        }
        // Sessions whose lease is over have let go of their stores by themselves.
        table.open.retain(|_, handle| !handle.requests.is_closed());
        let handle = Handle {
            begun: begin.clone(),
            info: info.clone(),
            requests,
            stop,
        };
        table.open.insert(begin.session, handle);
        Ok(info)
    }

    /// See [`SyncProvider::get_sync_batch_parameters`](sync_provider::SyncProvider::get_sync_batch_parameters).
    ///
    /// # Errors
    /// The session is unknown, or the store fails.
    pub async fn get_sync_batch_parameters(
        &self,
        call: Call,
    ) -> Result<SyncBatchParameters, ProviderError> {
        match self.call(call, Verb::Parameters).await? {
            Answer::Parameters(parameters) => Ok(parameters),
            _ => Err(wrong_answer()),
        }
    }

    /// See [`SyncProvider::get_change_batch`](sync_provider::SyncProvider::get_change_batch).
    ///
    /// # Errors
    /// The session is unknown, or the store fails.
    pub async fn get_change_batch(
        &self,
        call: Call,
        request: ChangeBatchRequest,
    ) -> Result<Arc<ChangeBatch>, ProviderError> {
        match self.call(call, Verb::Changes(request)).await? {
            Answer::Batch(batch) => Ok(batch),
            _ => Err(wrong_answer()),
        }
    }

    /// See [`SyncProvider::end_enumeration`](sync_provider::SyncProvider::end_enumeration).
    ///
    /// # Errors
    /// The session is unknown, or the store fails.
    pub async fn end_enumeration(&self, call: Call) -> Result<(), ProviderError> {
        self.call(call, Verb::EndEnumeration).await.map(drop)
    }

    /// See [`SyncProvider::process_change_batch`](sync_provider::SyncProvider::process_change_batch).
    ///
    /// # Errors
    /// The session is unknown, or the store fails.
    pub async fn process_change_batch(
        &self,
        call: Call,
        batch: Arc<ChangeBatch>,
    ) -> Result<BatchOutcome, ProviderError> {
        match self.call(call, Verb::Process(batch)).await? {
            Answer::Outcome(outcome) => Ok(outcome),
            _ => Err(wrong_answer()),
        }
    }

    /// See [`SyncProvider::end_session`](sync_provider::SyncProvider::end_session). A session that was never begun is ended already.
    ///
    /// # Errors
    /// The store fails while it is let go.
    pub async fn end_session(
        &self,
        session: SessionId,
        ending: Ending,
    ) -> Result<(), ProviderError> {
        let Some(handle) = self.table().end(session) else {
            return Ok(());
        };
        if ending == Ending::Aborted {
            handle.stop.stop();
        }
        ask(&handle.requests, Asked::End).await.map(drop)
    }

    /// See [`SyncProvider::abandon`](sync_provider::SyncProvider::abandon): the owner finds its caller gone and undoes what is open.
    pub fn abandon(&self, session: SessionId) {
        if let Some(handle) = self.table().end(session) {
            handle.stop.stop();
        }
    }

    async fn call(&self, call: Call, verb: Verb) -> Result<Answer, ProviderError> {
        let requests = self
            .table()
            .open
            .get(&call.session)
            .map(|handle| handle.requests.clone());
        let requests = requests.ok_or_else(|| {
            ProviderError::malformed("session", "a call names a session that was not begun")
        })?;
        ask(&requests, Asked::Call(call.number, verb)).await
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn ask(requests: &mpsc::Sender<Request>, asked: Asked) -> Result<Answer, ProviderError> {
    let gone = || {
        ProviderError::database(
            "session",
            "the connection of the session is gone",
            "run it again",
        )
    };
    let (answer, waiting) = oneshot::channel();
    let request = Request { asked, answer };
    requests.send(request).await.map_err(|_| gone())?;
    waiting.await.map_err(|_| gone())?
}

/// A number that was given to two calls.
fn wrong_answer() -> ProviderError {
    ProviderError::malformed("session", "a call came under the number of another one")
}

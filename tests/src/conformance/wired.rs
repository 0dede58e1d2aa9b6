//! A provider behind a bad line: whatever is called or answered crosses as bytes, requests and answers get lost, are repeated, and come late.
//!
//! What goes wrong with a call follows from its number, so a run is the same each time.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sync_knowledge::ReplicaId;
use sync_metadata::Value;
use sync_provider::{
    ApplyHandler, BatchOutcome, BeginSession, Call, ChangeBatch, ChangeBatchRequest, Ending,
    Message, ProviderError, ReplicaInfo, SessionId, SyncBatchParameters, SyncProvider, decode,
    encode,
};

use super::engine::{Ability, Engine, Layout, TestReplica};
use super::state::State;

/// Makes the replicas of another engine, whose providers are behind such a line.
#[derive(Debug)]
pub struct Wired<E>(pub E);

impl<E: Engine> Engine for Wired<E> {
    fn name(&self) -> &'static str {
        "wired"
    }

    fn make(&self, layout: Layout) -> Box<dyn TestReplica> {
        Box::new(Remote(self.0.make(layout)))
    }

    fn lacks(&self) -> &'static [Ability] {
        self.0.lacks()
    }

    fn holds(&self, value: &Value) -> bool {
        self.0.holds(value)
    }
}

struct Remote(Box<dyn TestReplica>);

impl TestReplica for Remote {
    fn provider(&self) -> Arc<dyn SyncProvider> {
        Arc::new(Line::to(self.0.provider()))
    }

    fn provider_with(&self, handler: Arc<dyn ApplyHandler>) -> Arc<dyn SyncProvider> {
        Arc::new(Line::to(self.0.provider_with(handler)))
    }

    fn id(&self) -> ReplicaId {
        self.0.id()
    }

    fn write(&self, table: usize, row: &[Value], time: i64) {
        self.0.write(table, row, time);
    }

    fn delete(&self, table: usize, key: &[Value], time: i64) {
        self.0.delete(table, key, time);
    }

    fn rekey(&self, table: usize, key: &[Value], row: &[Value], time: i64) {
        self.0.rekey(table, key, row, time);
    }

    fn reject(&self, table: usize, key: &[Value], rejected: bool) {
        self.0.reject(table, key, rejected);
    }

    fn state(&self) -> State {
        self.0.state()
    }

    fn fingerprint(&self) -> Vec<u8> {
        self.0.fingerprint()
    }

    fn clean_up(&self) -> bool {
        self.0.clean_up()
    }

    fn copy(&self) -> Option<Box<dyn TestReplica>> {
        Some(Box::new(Remote(self.0.copy()?)))
    }
}

/// The line to a provider.
pub struct Line {
    provider: Arc<dyn SyncProvider>,
    /// The last call that was carried out, which comes once more, late.
    last: Mutex<Option<(Call, Request)>>,
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line").finish_non_exhaustive()
    }
}

/// A numbered call, as it crosses.
#[derive(Clone)]
enum Request {
    Parameters,
    Changes(Vec<u8>),
    EndEnumeration,
    Process(Vec<u8>),
}

/// What happens on the way to a call and back.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Mishap {
    /// Nothing.
    None,
    /// Its answer is lost, and the caller asks again.
    AnswerLost,
    /// The call before it comes once more, late: before it.
    EarlierComesLate,
    /// It comes three times.
    Thrice,
}

impl Mishap {
    fn of(call: Call) -> Self {
        match call.number % 4 {
            1 => Mishap::AnswerLost,
            2 => Mishap::EarlierComesLate,
            3 => Mishap::Thrice,
            _ => Mishap::None,
        }
    }
}

impl Line {
    /// To this provider.
    pub fn to(provider: Arc<dyn SyncProvider>) -> Self {
        Line {
            provider,
            last: Mutex::default(),
        }
    }

    /// Makes a call over the line, whatever befalls it; gives the encoded answer.
    async fn call(&self, call: Call, request: Request) -> Result<Vec<u8>, ProviderError> {
        let last = self.last.lock().expect("nobody panicked").clone();
        let mishap = Mishap::of(call);
        let late = last.filter(|(earlier, _)| earlier.session == call.session);
        if let (Mishap::EarlierComesLate, Some((earlier, late))) = (mishap, &late) {
            // What comes of it reaches no one.
            drop(self.deliver(*earlier, late).await);
        }
        let answer = self.deliver(call, &request).await;
        let more = match mishap {
            Mishap::AnswerLost => 1,
            Mishap::Thrice => 2,
            Mishap::None | Mishap::EarlierComesLate => 0,
        };
        for _ in 0..more {
            tokio::task::yield_now().await;
            let again = self.deliver(call, &request).await;
            assert!(
                again == answer || is_unknown(&again),
                "a call that comes once more is answered as the first time: {answer:?}, then {again:?}"
            );
        }
        if let (Mishap::Thrice, Some((earlier, late))) = (mishap, &late) {
            let answer = self.deliver(*earlier, late).await;
            assert!(
                answer.is_err(),
                "a call from before the last one is refused"
            );
        }
        *self.last.lock().expect("nobody panicked") = Some((call, request));
        answer.map_err(crossed)
    }

    /// Carries bytes to the provider, and bytes back.
    async fn deliver(&self, call: Call, request: &Request) -> Result<Vec<u8>, ProviderError> {
        match request {
            Request::Parameters => {
                let answer = self.provider.get_sync_batch_parameters(call).await;
                answer.and_then(|answer| sent(&answer))
            }
            Request::Changes(bytes) => {
                let answer = self.provider.get_change_batch(call, received(bytes)?).await;
                answer.and_then(|answer| sent(&*answer))
            }
            Request::EndEnumeration => {
                let answer = self.provider.end_enumeration(call).await;
                answer.map(|()| Vec::new())
            }
            Request::Process(bytes) => {
                let batch: ChangeBatch = received(bytes)?;
                let answer = self
                    .provider
                    .process_change_batch(call, Arc::new(batch))
                    .await;
                answer.and_then(|answer| sent(&answer))
            }
        }
    }
}

/// Another session was begun or this one was ended while an answer was on its way.
fn is_unknown(answer: &Result<Vec<u8>, ProviderError>) -> bool {
    matches!(answer, Err(ProviderError::Malformed { reason, .. }) if reason.contains("was not begun"))
}

fn sent<M: Message>(message: &M) -> Result<Vec<u8>, ProviderError> {
    encode(message).map_err(|error| ProviderError::malformed("line", error.to_string()))
}

fn received<M: Message>(bytes: &[u8]) -> Result<M, ProviderError> {
    decode(bytes).map_err(|error| ProviderError::malformed("line", error.to_string()))
}

/// An error crosses as well.
fn crossed(error: ProviderError) -> ProviderError {
    sent(&error)
        .and_then(|bytes| received(&bytes))
        .unwrap_or_else(|error| error)
}

#[async_trait]
impl SyncProvider for Line {
    async fn begin_session(&self, request: BeginSession) -> Result<ReplicaInfo, ProviderError> {
        let request = sent(&request)?;
        // The answer to the first one is lost.
        let first = self.provider.begin_session(received(&request)?).await;
        let again = self.provider.begin_session(received(&request)?).await;
        assert_eq!(first.is_ok(), again.is_ok(), "{first:?}, then {again:?}");
        received(&sent(&again.map_err(crossed)?)?)
    }

    async fn get_sync_batch_parameters(
        &self,
        call: Call,
    ) -> Result<SyncBatchParameters, ProviderError> {
        received(&self.call(call, Request::Parameters).await?)
    }

    async fn get_change_batch(
        &self,
        call: Call,
        request: ChangeBatchRequest,
    ) -> Result<Arc<ChangeBatch>, ProviderError> {
        let request = Request::Changes(sent(&request)?);
        Ok(Arc::new(received(&self.call(call, request).await?)?))
    }

    async fn end_enumeration(&self, call: Call) -> Result<(), ProviderError> {
        self.call(call, Request::EndEnumeration).await.map(drop)
    }

    async fn process_change_batch(
        &self,
        call: Call,
        batch: Arc<ChangeBatch>,
    ) -> Result<BatchOutcome, ProviderError> {
        let request = Request::Process(sent(&*batch)?);
        received(&self.call(call, request).await?)
    }

    async fn end_session(&self, session: SessionId, ending: Ending) -> Result<(), ProviderError> {
        let first = self.provider.end_session(session, ending).await;
        // The second time it is ended already.
        first.and(self.provider.end_session(session, ending).await)
    }

    fn abandon(&self, session: SessionId) {
        self.provider.abandon(session);
    }
}

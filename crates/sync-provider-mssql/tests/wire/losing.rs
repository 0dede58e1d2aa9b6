//! Connections that break, fall silent, or are let go of while they are in use.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use sync_provider::{BeginSession, Position, ProviderError, SessionId, SyncProvider as _};
use sync_provider_mssql::{
    ConnectionFactory, DirectConnections, MssqlError, MssqlProvider, Settings, TdsClient, describe,
};
use uuid::Uuid;

use crate::server::{Act, Offer, Request, Seen, Server};
use crate::settings;
use crate::tokens::{Cell, done, error, rows};

/// Counts the connections that it makes.
#[derive(Debug)]
struct Counting {
    inner: DirectConnections,
    made: AtomicUsize,
}

#[async_trait]
impl ConnectionFactory for Counting {
    fn server(&self) -> String {
        self.inner.server()
    }

    async fn connect(&self) -> Result<TdsClient, MssqlError> {
        self.made.fetch_add(1, Ordering::SeqCst);
        self.inner.connect().await
    }
}

fn begin() -> BeginSession {
    BeginSession::new(SessionId(Uuid::from_u128(1)), Position::Local)
}

/// The answer to the first statement of each connection whose number `bad` holds for.
fn first_answers(
    acts: Vec<Act>,
    bad: impl Fn(usize) -> bool + Send + Sync + 'static,
) -> impl Fn(usize, &Request) -> Vec<Act> + Send + Sync {
    move |number, request| match request {
        Request::Statement(_) if bad(number) => acts.clone(),
        _ => Vec::new(),
    }
}

fn half_an_answer() -> Vec<u8> {
    let whole = rows(
        &["kind", "name"],
        &[Cell::Text("scope"), Cell::Long("half of a long text")],
        3,
    );
    whole[..whole.len() - 20].to_vec()
}

async fn described(server: &Server) -> MssqlError {
    let connections = DirectConnections::new(settings(server));
    describe(&connections, Some("s"))
        .await
        .map(drop)
        .expect_err("there is no scope")
}

#[tokio::test]
async fn a_connection_that_breaks() {
    let cases = [
        vec![Act::Close],
        vec![Act::Part(half_an_answer()), Act::Close],
        vec![Act::Answer(half_an_answer()), Act::Close],
        vec![Act::Raw(vec![4, 1, 0]), Act::Close],
    ];
    for acts in cases {
        let case = format!("{acts:?}");
        let server = Server::start(Offer::SelfSigned, first_answers(acts, |_| true));
        let error = described(&server).await;
        assert!(
            matches!(error, MssqlError::Lost { .. }),
            "{case}: {error:?}"
        );
        assert!(error.is_transient());
    }
}

#[tokio::test]
async fn a_server_that_falls_silent() {
    for acts in [
        vec![Act::Silence],
        vec![Act::Part(half_an_answer()), Act::Silence],
    ] {
        let server = Server::start(Offer::SelfSigned, first_answers(acts, |_| true));
        let connections = DirectConnections::new(Settings {
            command_timeout: Duration::from_millis(300),
            ..settings(&server)
        });
        let error = describe(&connections, Some("s"))
            .await
            .map(drop)
            .unwrap_err();
        assert!(matches!(error, MssqlError::Silent { .. }), "{error:?}");
        assert!(
            !error.is_transient(),
            "what takes too long once does so again"
        );
        server.expect(&Seen::Closed(0));
    }
}

/// Whoever drops the future closes the connection, so that the server undoes what was open.
#[tokio::test]
async fn a_future_that_is_dropped() {
    for acts in [
        vec![Act::Silence],
        vec![Act::Part(half_an_answer()), Act::Silence],
    ] {
        let server = Server::start(Offer::SelfSigned, first_answers(acts, |_| true));
        let connections = DirectConnections::new(settings(&server));
        let waiting = describe(&connections, Some("s"));
        tokio::time::timeout(Duration::from_millis(300), waiting)
            .await
            .expect_err("it is silent");
        server.expect(&Seen::Closed(0));
    }
}

/// What passes is tried again, each time over a fresh connection.
#[tokio::test]
async fn what_passes_is_tried_again() {
    let victim =
        "Transaction (Process ID 51) was deadlocked on lock resources with another process.";
    let cases = [
        vec![Act::Close],
        vec![Act::Part(half_an_answer()), Act::Close],
        vec![Act::Answer([error(1205, 13, victim), done(false)].concat())],
        vec![Act::Answer(
            [
                error(1222, 16, "Lock request time out period exceeded."),
                done(false),
            ]
            .concat(),
        )],
        vec![
            Act::Answer(
                [
                    error(40197, 20, "The service has encountered an error."),
                    done(false),
                ]
                .concat(),
            ),
            Act::Close,
        ],
    ];
    for acts in cases {
        let case = format!("{acts:?}");
        let server = Server::start(Offer::SelfSigned, first_answers(acts, |number| number < 2));
        let connections = Arc::new(Counting {
            inner: DirectConnections::new(settings(&server)),
            made: AtomicUsize::new(0),
        });
        let provider =
            MssqlProvider::with_connections(Arc::clone(&connections) as Arc<_>, Some("s"));
        let error = provider
            .begin_session(begin())
            .await
            .expect_err("there is no scope");
        assert!(
            matches!(error, ProviderError::Refused { .. }),
            "{case}: {error:?}"
        );
        assert_eq!(connections.made.load(Ordering::SeqCst), 3, "{case}");
    }
}

/// What does not pass is not.
#[tokio::test]
async fn what_stays_is_not_tried_again() {
    for number in [229, 208, 547, 2628, 3952] {
        let acts = vec![Act::Answer([error(number, 16, "no"), done(false)].concat())];
        let server = Server::start(Offer::SelfSigned, first_answers(acts, |_| true));
        let provider = MssqlProvider::new(settings(&server), Some("s"));
        let error = provider.begin_session(begin()).await.expect_err("it fails");
        assert!(error.reason().contains(&number.to_string()), "{error}");
        assert_eq!(server.connections(), 1, "{error}");
    }
}

/// An error that ends connections leaves none that is used again.
#[tokio::test]
async fn a_fatal_error() {
    let acts = vec![Act::Answer(
        [
            error(
                824,
                24,
                "SQL Server detected a logical consistency-based I/O error.",
            ),
            done(false),
        ]
        .concat(),
    )];
    let server = Server::start(Offer::SelfSigned, first_answers(acts, |_| true));
    let error = described(&server).await;
    assert!(
        matches!(error, MssqlError::Database { number: 824, .. }),
        "{error:?}"
    );
    server.expect(&Seen::Closed(0));
}

//! Connections that come up, and those that do not: one clear error each.

use std::net::TcpListener;
use std::time::Duration;

use sync_provider_mssql::{
    ConnectionFactory as _, DirectConnections, Encryption, MssqlError, Settings,
};

use crate::server::{Act, Offer, Request, Seen, Server};
use crate::settings;
use crate::tokens::{done, error, login_ack, routing, utf16};

const NOT_SUPPORTED: u8 = 2;
const REQUIRED: u8 = 3;

fn nothing(_: usize, _: &Request) -> Vec<Act> {
    Vec::new()
}

async fn refusal(settings: Settings) -> MssqlError {
    let connections = DirectConnections::new(settings);
    let answer = connections.connect().await;
    answer.map(drop).expect_err("no connection comes up")
}

fn logins(server: &Server) -> Vec<Vec<u8>> {
    let seen = server.seen().into_iter();
    seen.filter_map(|seen| match seen {
        Seen::Request(_, Request::Login(login)) => Some(login),
        _ => None,
    })
    .collect()
}

#[tokio::test]
async fn an_encrypted_login() {
    for encryption in [Encryption::On, Encryption::Strict] {
        let server = Server::start(Offer::SelfSigned, nothing);
        let connections = DirectConnections::new(Settings {
            encryption,
            ..settings(&server)
        });
        connections.connect().await.unwrap();
        let login = logins(&server).remove(0);
        for part in ["app", "Sales", "syncdb"] {
            let part = utf16(part);
            assert!(login.windows(part.len()).any(|window| window == part));
        }
    }
}

#[tokio::test]
async fn an_untrusted_certificate() {
    for encryption in [Encryption::On, Encryption::Strict] {
        let server = Server::start(Offer::SelfSigned, nothing);
        let error = refusal(Settings {
            trust_server_certificate: false,
            encryption,
            ..settings(&server)
        })
        .await;
        assert!(matches!(error, MssqlError::Certificate { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("certificate was rejected"), "{text}");
        assert!(!text.contains("Config::"), "{text}");
        assert!(logins(&server).is_empty());
    }
}

/// A server, or somebody on the way, that says it cannot encrypt gets no login.
#[tokio::test]
async fn no_encryption_on_offer() {
    let server = Server::start(Offer::Nothing, nothing);
    let error = refusal(settings(&server)).await;
    assert!(matches!(error, MssqlError::Unencrypted { .. }), "{error:?}");
    assert!(
        error.to_string().contains("offers no encryption"),
        "{error}"
    );
    assert_eq!(
        server.seen()[0],
        Seen::Request(0, Request::Prelogin(REQUIRED))
    );
    assert!(logins(&server).is_empty());
}

#[tokio::test]
async fn plain_text_only_where_it_is_asked_for() {
    let server = Server::start(Offer::Nothing, nothing);
    let connections = DirectConnections::new(Settings {
        encryption: Encryption::Off,
        ..settings(&server)
    });
    connections.connect().await.unwrap();
    assert_eq!(
        server.seen()[0],
        Seen::Request(0, Request::Prelogin(NOT_SUPPORTED))
    );
    assert_eq!(logins(&server).len(), 1);
}

#[tokio::test]
async fn refused_logins() {
    let cases = [
        (
            18456,
            "Login failed for user 'app'.",
            "check user, password",
        ),
        (
            4060,
            "Cannot open database \"Sales\" requested by the login.",
            "and database",
        ),
        (
            40613,
            "Database 'Sales' is not currently available.",
            "run it again in a while",
        ),
        (
            916,
            "The server principal \"app\" is not able to access the database \"Sales\".",
            "grant it",
        ),
    ];
    for (number, message, way_out) in cases {
        let server = Server::start(Offer::SelfSigned, move |_, request| match request {
            Request::Login(_) => {
                let errors = [
                    error(number, 14, message),
                    error(18456, 14, "Login failed."),
                ];
                vec![
                    Act::Answer([errors.concat(), done(false)].concat()),
                    Act::Close,
                ]
            }
            _ => Vec::new(),
        });
        let error = refusal(settings(&server)).await;
        let text = error.to_string();
        for part in ["localhost", "/Sales", message, &number.to_string(), way_out] {
            assert!(text.contains(part), "{text}: {part}");
        }
        assert_eq!(error.is_transient(), number == 40613, "{text}");
    }
}

#[tokio::test]
async fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let server = Server::start(Offer::Nothing, nothing);
    let error = refusal(Settings {
        port: Some(port),
        ..settings(&server)
    })
    .await;
    assert!(matches!(error, MssqlError::Unreachable { .. }), "{error:?}");
    let error = refusal(Settings {
        host: "no-such-host.invalid".into(),
        ..settings(&server)
    })
    .await;
    assert!(matches!(error, MssqlError::Unreachable { .. }), "{error:?}");
}

/// Silence at any step of connecting ends with the connect time-out.
#[tokio::test]
async fn silence_while_connecting() {
    for stage in 0..2 {
        let server = Server::start(Offer::SelfSigned, move |_, request| {
            match (stage, request) {
                (0, Request::Prelogin(_)) | (1, Request::Login(_)) => vec![Act::Silence],
                _ => Vec::new(),
            }
        });
        let error = refusal(Settings {
            connect_timeout: Duration::from_millis(500),
            ..settings(&server)
        })
        .await;
        assert!(matches!(error, MssqlError::Unreachable { .. }), "{error:?}");
        assert!(
            error.to_string().contains("no connection within 500ms"),
            "{error}"
        );
        server.expect(&Seen::Closed(0));
    }
}

#[tokio::test]
async fn connections_that_end_while_they_come_up() {
    for stage in 0..2 {
        let server = Server::start(Offer::SelfSigned, move |_, request| {
            match (stage, request) {
                (0, Request::Prelogin(_)) | (1, Request::Login(_)) => vec![Act::Close],
                _ => Vec::new(),
            }
        });
        let error = refusal(settings(&server)).await;
        assert!(!matches!(error, MssqlError::Login { .. }), "{error:?}");
        let text = error.to_string();
        assert!(!text.contains("http") && !text.contains("Geheim"), "{text}");
    }
}

/// Azure's gateway sends clients on, once; one that is sent in a circle says so.
#[tokio::test]
async fn routed_once() {
    let sends_to = |port: u16| {
        move |_: usize, request: &Request| match request {
            Request::Login(_) => {
                vec![Act::Answer(
                    [login_ack(), routing("localhost", port), done(false)].concat(),
                )]
            }
            _ => Vec::new(),
        }
    };
    let end = Server::start(Offer::SelfSigned, nothing);
    let gateway = Server::start(Offer::SelfSigned, sends_to(end.address.port()));
    let connections = DirectConnections::new(settings(&gateway));
    connections.connect().await.unwrap();
    assert_eq!((gateway.connections(), end.connections()), (1, 1));

    let second = Server::start(Offer::SelfSigned, sends_to(end.address.port()));
    let first = Server::start(Offer::SelfSigned, sends_to(second.address.port()));
    let error = refusal(settings(&first)).await;
    assert!(matches!(error, MssqlError::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains("sent on again"), "{error}");
    assert_eq!((first.connections(), second.connections()), (1, 1));
    assert_eq!(end.connections(), 1, "nobody follows a second time");
}

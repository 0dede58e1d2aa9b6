//! Passwords are nowhere to be read. In a process of its own, since all that is logged is listened to.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    dead_code,
    reason = "a test that cannot go on panics, and the server can do more than is asked of it here"
)]

#[path = "../wire/server.rs"]
mod server;
#[path = "../wire/tokens.rs"]
mod tokens;

use std::io::Write;
use std::sync::{Arc, Mutex};

use sync_provider_mssql::{
    ConnectionFactory as _, DirectConnections, Encryption, MssqlProvider, Password, Settings,
    describe,
};

use crate::server::{Act, Offer, Request, Server};
use crate::tokens::{done, error};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn passwords_are_not_shown() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut shown = Vec::new();
    tracing::subscriber::with_default(subscriber, || {
        runtime.block_on(async {
            for (offer, encryption) in [
                (Offer::SelfSigned, Encryption::On),
                (Offer::Nothing, Encryption::Off),
            ] {
                // The second login is refused.
                let server = Server::start(offer, |number, request| match request {
                    Request::Login(_) if number == 1 => {
                        let refused = error(18456, 14, "Login failed for user 'app'.");
                        vec![Act::Answer([refused, done(false)].concat())]
                    }
                    _ => Vec::new(),
                });
                let mut settings =
                    Settings::new("localhost", "Sales", "app", Password::new("Geheim-12"));
                settings.port = Some(server.address.port());
                settings.trust_server_certificate = true;
                settings.encryption = encryption;
                shown.push(format!("{settings} {settings:?} {:#?}", settings.password));
                let connections = DirectConnections::new(settings.clone());
                shown.push(format!("{connections:?} {}", connections.server()));
                shown.push(format!("{:?}", MssqlProvider::new(settings, None)));
                let error = describe(&connections, Some("s"))
                    .await
                    .map(drop)
                    .unwrap_err();
                shown.push(format!("{error} {error:?}"));
                let error = connections.connect().await.map(drop).unwrap_err();
                shown.push(format!("{error} {error:?}"));
            }
        });
    });
    let log = log.0.lock().unwrap().clone();
    let text = String::from_utf8_lossy(&log).into_owned();
    assert!(text.contains("login"), "something was logged: {text}");
    shown.push(text);
    // As it is, in the UTF-16 of the wire as a dump shows it, and as a login packet hides it.
    let wire: Vec<u8> = "Geheim-12"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let hidden: Vec<u8> = wire.iter().map(|byte| byte.rotate_left(4) ^ 0xa5).collect();
    let dump = |bytes: &[u8]| {
        let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        [
            pairs.join(" "),
            pairs.join(""),
            format!("{bytes:?}").trim_matches(['[', ']']).to_owned(),
        ]
    };
    let mut secrets = vec!["Geheim".to_owned(), "G.e.h.e.i.m".to_owned()];
    secrets.extend(dump(&wire));
    secrets.extend(dump(&hidden));
    for text in shown {
        for secret in &secrets {
            assert!(!text.contains(secret), "{secret} is in {text}");
        }
    }
}

//! A server that sends anything: no panic, no waiting without end, no memory that only its word asks for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sync_provider_mssql::{
    ConnectionFactory as _, DirectConnections, Encryption, MssqlError, Settings, describe,
};

use crate::server::{Act, Offer, Request, Server};
use crate::settings;
use crate::tokens::{Cell, done, error, login_ack, rows};

/// What one answer may make the client keep.
const MOST_BYTES: u64 = 16 << 20;

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Stage {
    Prelogin,
    Login,
    Statement,
}

fn stage_of(request: &Request) -> Option<Stage> {
    match request {
        Request::Prelogin(_) => Some(Stage::Prelogin),
        Request::Login(_) => Some(Stage::Login),
        Request::Statement(_) => Some(Stage::Statement),
        Request::Attention => None,
    }
}

/// Sends each of `answers` to a connection of its own, at `stage`, and looks what it leads to.
fn check(stage: Stage, answers: Vec<Vec<Act>>) {
    let answers = Arc::new(answers);
    let next = Arc::new(AtomicUsize::new(0));
    let (scripted, current) = (Arc::clone(&answers), Arc::clone(&next));
    let server = Server::start(Offer::Nothing, move |_, request| {
        match stage_of(request) == Some(stage) {
            true => scripted[current.load(Ordering::SeqCst)].clone(),
            false => Vec::new(),
        }
    });
    let connections = DirectConnections::new(Settings {
        encryption: Encryption::Off,
        connect_timeout: Duration::from_secs(5),
        command_timeout: Duration::from_secs(5),
        ..settings(&server)
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for (number, acts) in answers.iter().enumerate() {
        next.store(number, Ordering::SeqCst);
        let mut outcome = None;
        let used = allocation_counter::measure(|| {
            outcome = Some(runtime.block_on(async {
                let asked = async {
                    match stage {
                        Stage::Statement => describe(&connections, Some("s")).await.map(drop),
                        _ => connections.connect().await.map(drop),
                    }
                };
                tokio::time::timeout(Duration::from_secs(20), asked).await
            }));
        });
        let outcome = outcome.unwrap();
        let outcome =
            outcome.unwrap_or_else(|_| panic!("{stage:?}: {acts:?} is waited for without end"));
        if let Err(error) = &outcome {
            let text = error.to_string();
            assert!(
                text.chars().count() < 1500 && !text.chars().any(char::is_control),
                "{text}"
            );
            assert!(!matches!(error, MssqlError::Permission { .. }), "{text}");
        }
        assert!(
            used.bytes_max < MOST_BYTES,
            "{stage:?}: {} bytes for {acts:?}",
            used.bytes_max
        );
    }
}

/// A message in one packet.
fn packet(payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 8).unwrap().to_be_bytes();
    [&[4, 1, length[0], length[1], 0, 0, 1, 0], payload].concat()
}

/// The message, cut after each of its bytes and with each of them changed; then the connection ends.
fn damaged(payload: &[u8]) -> Vec<Vec<Act>> {
    let whole = packet(payload);
    let mut answers = Vec::new();
    for at in 0..whole.len() {
        answers.push(vec![Act::Raw(whole[..at].to_vec()), Act::Close]);
        for value in [0, 1, 0x7f, 0x80, 0xff, whole[at] ^ 0x10] {
            let mut bytes = whole.clone();
            bytes[at] = value;
            answers.push(vec![Act::Raw(bytes), Act::Close]);
        }
    }
    answers
}

fn an_answer() -> Vec<u8> {
    let cells = [
        Cell::Text("scope"),
        Cell::Int(1),
        Cell::Long("long"),
        Cell::Bytes(&[1, 2, 3]),
        Cell::Guid([7; 16]),
        Cell::Decimal(12345),
    ];
    let names = ["kind", "nr", "l", "b", "g", "d"];
    [rows(&names, &cells, 2), error(50000, 10, "no"), done(false)].concat()
}

#[test]
fn damaged_answers() {
    check(Stage::Statement, damaged(&an_answer()));
}

#[test]
fn damaged_logins() {
    check(Stage::Login, damaged(&[login_ack(), done(false)].concat()));
}

#[test]
fn damaged_prelogins() {
    check(
        Stage::Prelogin,
        damaged(&[0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xff, 13, 0, 0, 0, 0, 0, 2]),
    );
}

/// Lengths that promise more than comes.
#[test]
fn lengths_that_lie() {
    let column = |kind: &[u8]| {
        let mut tokens = vec![0x81, 1, 0, 0, 0, 0, 0, 9, 0];
        tokens.extend(kind);
        tokens.extend([1, b'a', 0, 0xd1]);
        tokens
    };
    let nvarchar_max = column(&[0xe7, 0xff, 0xff, 0x09, 0x04, 0xd0, 0x00, 0x34]);
    let varbinary_max = column(&[0xa5, 0xff, 0xff]);
    let image = column(&[0x22, 0xff, 0xff, 0xff, 0x7f, 1, 1, 0, b't', 0]);
    let sql_variant = column(&[0x62, 0xff, 0xff, 0xff, 0x7f]);
    let huge: &[u8] = &[
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 0x7f,
    ];
    let tokens = [
        [nvarchar_max.as_slice(), huge].concat(),
        [varbinary_max.as_slice(), huge].concat(),
        [image.as_slice(), &[16], &[0; 24], &[0xff, 0xff, 0xff, 0x7f]].concat(),
        [sql_variant.as_slice(), &[0xff, 0xff, 0xff, 0x7f, 0xe7, 7]].concat(),
        vec![0x81, 0xfe, 0xff],
        vec![0xaa, 0xff, 0xff, 1, 0, 0, 0, 1, 16, 0xff, 0xff],
        vec![0xab, 0xff, 0xff, 1, 0, 0, 0, 1, 16, 0xff, 0xff],
        vec![0xe3, 0xff, 0xff, 4, 0xff],
        vec![0xe3, 0xff, 0xff, 20, 0xff, 0xff, 0],
        vec![0xac, 0xff, 0xff, 0xff],
        vec![0xae, 0xff, 0xff, 0xff, 0xff, 0xff],
        vec![
            0xe4, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 1, 1, 0xff, 0xff, 0xff, 0xff, 0xff,
        ],
        vec![0xee, 0xff, 0xff, 0xff, 0xff, 0xff],
        vec![0xed, 0xff, 0xff],
        vec![0xa9, 0xff, 0xff],
        vec![0xa4, 0xff, 0xff],
        vec![0xa5, 0xff, 0xff],
        vec![0xd1; 100],
        vec![0xd2; 100],
        vec![0x00; 100],
        vec![0xff; 100],
    ];
    let mut answers = Vec::new();
    for tokens in tokens {
        answers.push(vec![Act::Answer(tokens.clone()), Act::Close]);
        answers.push(vec![Act::Part(tokens), Act::Close]);
    }
    // Packets that are shorter than their own header.
    for length in [0, 1, 7, 8] {
        answers.push(vec![
            Act::Raw(vec![4, 1, 0, length, 0, 0, 1, 0, 1, 2, 3]),
            Act::Close,
        ]);
    }
    answers.push(vec![
        Act::Raw(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
        Act::Close,
    ]);
    answers.push(vec![
        Act::Raw(b"SSH-2.0-OpenSSH_9.9\r\n".to_vec()),
        Act::Close,
    ]);
    for stage in [Stage::Prelogin, Stage::Login, Stage::Statement] {
        check(stage, answers.clone());
    }
}

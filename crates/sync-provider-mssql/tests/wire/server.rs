//! A TDS server that answers what its script says, on a port of its own.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::tokens::{done, login_ack};

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// Prelogin, with the encryption that the client wants.
    Prelogin(u8),
    /// Login: everything after the header.
    Login(Vec<u8>),
    /// A batch, or a call: the text somewhere in it.
    Statement(String),
    /// The client gives up.
    Attention,
}

/// What the server does then.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Tokens as one whole message.
    Answer(Vec<u8>),
    /// Tokens of a message that goes on.
    Part(Vec<u8>),
    /// Bytes as they are.
    Raw(Vec<u8>),
    /// Nothing more, for as long as the client stays.
    Silence,
    /// The end of the connection.
    Close,
}

/// What the server saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// A request over the connection of this number.
    Request(usize, Request),
    /// The client closed its connection.
    Closed(usize),
}

/// How the server encrypts.
#[derive(Clone, Debug)]
pub(crate) enum Offer {
    /// It cannot.
    Nothing,
    /// TLS within prelogin packets, by a certificate that nobody vouches for. Also before everything, where the client starts so.
    SelfSigned,
}

type Script = dyn Fn(usize, &Request) -> Vec<Act> + Send + Sync;

/// The server; it goes with the test's process.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    seen: Receiver<Seen>,
    past: Mutex<Vec<Seen>>,
}

impl Server {
    /// Answers each request as `script` says; where that says nothing, logins go through, and everything else is answered by nothing.
    pub(crate) fn start(
        offer: Offer,
        script: impl Fn(usize, &Request) -> Vec<Act> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, seen) = channel();
        let script: Arc<Script> = Arc::new(script);
        let tls = matches!(offer, Offer::SelfSigned).then(|| Arc::new(self_signed()));
        std::thread::spawn(move || {
            for (number, tcp) in listener.incoming().enumerate() {
                let (Ok(tcp), script) = (tcp, Arc::clone(&script)) else {
                    continue;
                };
                let (tls, seen) = (tls.clone(), sender.clone());
                std::thread::spawn(move || {
                    let connection = Connection {
                        number,
                        script,
                        seen: seen.clone(),
                        stream: Stream::Plain(tcp),
                    };
                    // Whatever breaks is what the client does, or what the script wants.
                    let _ = connection.serve(tls);
                    let _ = seen.send(Seen::Closed(number));
                });
            }
        });
        Server {
            address,
            seen,
            past: Mutex::default(),
        }
    }

    /// What was seen up to now.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        let mut past = self.past.lock().unwrap();
        past.extend(self.seen.try_iter());
        past.clone()
    }

    /// Waits until this is seen.
    pub(crate) fn expect(&self, wanted: &Seen) {
        let mut past = self.past.lock().unwrap();
        while !past.contains(wanted) {
            let more = self.seen.recv_timeout(Duration::from_secs(20)).ok();
            let Some(more) = more else {
                panic!("{wanted:?} is not among {past:?}");
            };
            past.push(more);
        }
    }

    /// How many connections got as far as asking for something.
    pub(crate) fn connections(&self) -> usize {
        let seen = self.seen();
        let numbers = seen.iter().filter_map(|seen| match seen {
            Seen::Request(number, Request::Prelogin(_)) => Some(number),
            _ => None,
        });
        numbers.count()
    }
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        match self {
            Stream::Plain(tcp) => tcp.read_exact(buffer),
            Stream::Tls(tls) => tls.read_exact(buffer),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Stream::Plain(tcp) => tcp.write_all(bytes),
            Stream::Tls(tls) => tls.write_all(bytes).and_then(|()| tls.flush()),
        }
    }
}

struct Connection {
    number: usize,
    script: Arc<Script>,
    seen: Sender<Seen>,
    stream: Stream,
}

const PRELOGIN: u8 = 0x12;
const TABULAR: u8 = 0x04;
const NOT_SUPPORTED: u8 = 2;

impl Connection {
    fn serve(mut self, tls: Option<Arc<ServerConfig>>) -> io::Result<()> {
        if let (Stream::Plain(tcp), Some(config)) = (&self.stream, &tls) {
            let mut first = [0];
            tcp.peek(&mut first)?;
            // A TLS hand-shake record: TDS 8.
            if first == [0x16] {
                let session = ServerConnection::new(Arc::clone(config)).unwrap();
                let tcp = tcp.try_clone()?;
                self.stream = Stream::Tls(Box::new(StreamOwned::new(session, tcp)));
            }
        }
        loop {
            let (kind, payload) = self.message()?;
            let request = match kind {
                PRELOGIN => Request::Prelogin(wanted_encryption(&payload)),
                0x10 => Request::Login(payload),
                0x06 => Request::Attention,
                _ => Request::Statement(text_of(&payload)),
            };
            let _ = self.seen.send(Seen::Request(self.number, request.clone()));
            let acts = (self.script)(self.number, &request);
            let scripted = !acts.is_empty();
            for act in acts {
                self.act(act)?;
            }
            if scripted {
                continue;
            }
            match &request {
                Request::Prelogin(wanted) => {
                    let is_plain = *wanted == NOT_SUPPORTED || tls.is_none();
                    let answer = if is_plain { NOT_SUPPORTED } else { 1 };
                    self.send(TABULAR, &prelogin(answer), true)?;
                    if let (false, Some(config), Stream::Plain(_)) = (is_plain, &tls, &self.stream)
                    {
                        self.hand_shake(Arc::clone(config))?;
                    }
                }
                Request::Login(_) => self.act(Act::Answer([login_ack(), done(false)].concat()))?,
                _ => self.act(Act::Answer(done(false)))?,
            }
        }
    }

    fn act(&mut self, act: Act) -> io::Result<()> {
        match act {
            Act::Answer(tokens) => self.send(TABULAR, &tokens, true),
            Act::Part(tokens) => self.send(TABULAR, &tokens, false),
            Act::Raw(bytes) => self.stream.write(&bytes),
            Act::Silence => {
                while self.stream.read(&mut [0]).is_ok() {}
                Err(io::ErrorKind::ConnectionAborted.into())
            }
            Act::Close => Err(io::ErrorKind::ConnectionAborted.into()),
        }
    }

    fn message(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let mut whole = Vec::new();
        loop {
            let mut header = [0; 8];
            self.stream.read(&mut header)?;
            let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
            let mut payload = vec![0; length.saturating_sub(8)];
            self.stream.read(&mut payload)?;
            whole.extend(payload);
            if header[1] & 1 == 1 {
                return Ok((header[0], whole));
            }
        }
    }

    fn send(&mut self, kind: u8, payload: &[u8], whole: bool) -> io::Result<()> {
        let count = payload.chunks(4000).count().max(1);
        let mut chunks = payload.chunks(4000);
        for number in 1..=count {
            let chunk = chunks.next().unwrap_or_default();
            let last = u8::from(whole && number == count);
            let length = u16::try_from(chunk.len() + 8).unwrap().to_be_bytes();
            let packet = [kind, last, length[0], length[1], 0, 0, 1, 0];
            self.stream.write(&[&packet, chunk].concat())?;
        }
        Ok(())
    }

    /// TLS whose records travel in prelogin packets until it stands.
    fn hand_shake(&mut self, config: Arc<ServerConfig>) -> io::Result<()> {
        let mut session = ServerConnection::new(config).unwrap();
        while session.is_handshaking() {
            let (_, payload) = self.message()?;
            let mut records = payload.as_slice();
            while !records.is_empty() {
                session.read_tls(&mut records)?;
                session.process_new_packets().map_err(io::Error::other)?;
            }
            let mut answer = Vec::new();
            while session.wants_write() {
                session.write_tls(&mut answer)?;
            }
            if !answer.is_empty() {
                self.send(PRELOGIN, &answer, true)?;
            }
        }
        let Stream::Plain(tcp) = &self.stream else {
            unreachable!("there is one hand-shake");
        };
        let tcp = tcp.try_clone()?;
        self.stream = Stream::Tls(Box::new(StreamOwned::new(session, tcp)));
        Ok(())
    }
}

/// A certificate for a test's server, made for this process.
fn self_signed() -> ServerConfig {
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    // As SQL Server does within prelogin packets.
    let mut config = ServerConfig::builder_with_protocol_versions(&[&rustls::version::TLS12])
        .with_no_client_auth()
        .with_single_cert(
            vec![certified.cert.der().clone()],
            PrivateKeyDer::Pkcs8(key),
        )
        .unwrap();
    config.alpn_protocols.push(b"tds/8.0".to_vec());
    config
}

/// Version and encryption.
fn prelogin(encryption: u8) -> Vec<u8> {
    let mut payload = vec![0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xff];
    payload.extend([13, 0, 0, 0, 0, 0, encryption]);
    payload
}

/// The encryption option of a client's prelogin.
fn wanted_encryption(payload: &[u8]) -> u8 {
    let options = payload.chunks_exact(5);
    let mut options = options.take_while(|option| option[0] != 0xff);
    let option = options.find(|option| option[0] == 1).unwrap();
    payload[usize::from(u16::from_be_bytes([option[1], option[2]]))]
}

/// The text of a batch or a call, at whichever byte it begins.
fn text_of(payload: &[u8]) -> String {
    let at = |start: usize| {
        let bytes = payload.get(start..).unwrap_or_default();
        let units: Vec<u16> = bytes
            .chunks_exact(2)
            .map(|unit| u16::from_le_bytes([unit[0], unit[1]]))
            .collect();
        String::from_utf16_lossy(&units)
    };
    at(0) + &at(1)
}

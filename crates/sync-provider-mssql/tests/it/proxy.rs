//! A proxy in front of the server that cuts connections at a chosen request.

use std::io;
use std::sync::{Arc, Mutex};

use sync_provider_mssql::{Encryption, Settings};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Where a request is cut.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The server does not get it.
    Before,
    /// The client gets the first half of the answer's first packet.
    Within,
    /// The server carries it out, and the client gets no answer.
    After,
}

/// Counts requests over all connections, those of logins left out, and cuts at the `at`-th, then at the `at`-th after that, as long as there
/// are cuts to make. Clones share the count.
#[derive(Clone, Debug)]
pub(crate) struct Cutter(Arc<Mutex<Counting>>);

#[derive(Debug)]
struct Counting {
    at: u32,
    requests: u32,
    connections: u32,
    left: Vec<Cut>,
}

impl Cutter {
    /// Cuts in these ways, one after the other.
    pub(crate) fn new(at: u32, cuts: &[Cut]) -> Self {
        Cutter(Arc::new(Mutex::new(Counting {
            at,
            requests: 0,
            connections: 0,
            left: cuts.iter().rev().copied().collect(),
        })))
    }

    /// How many cuts were not made.
    pub(crate) fn left(&self) -> usize {
        self.0.lock().unwrap().left.len()
    }

    /// How many connections were made.
    pub(crate) fn connections(&self) -> u32 {
        self.0.lock().unwrap().connections
    }

    fn count(&self) -> Option<Cut> {
        let mut counting = self.0.lock().unwrap();
        counting.requests += 1;
        if counting.requests < counting.at {
            return None;
        }
        counting.requests = 0;
        counting.left.pop()
    }
}

/// Puts a proxy before the server, and gives the way through it, in plain text.
pub(crate) async fn through(settings: &Settings, cutter: &Cutter) -> Settings {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = (settings.host.clone(), settings.port.unwrap_or(1433));
    let cutter = cutter.clone();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (server, cutter) = (server.clone(), cutter.clone());
            cutter.0.lock().unwrap().connections += 1;
            tokio::spawn(async move {
                let server = TcpStream::connect(server).await?;
                pass_on(client, server, &cutter).await
            });
        }
    });
    Settings {
        host: "127.0.0.1".into(),
        port: Some(port),
        encryption: Encryption::Off,
        ..settings.clone()
    }
}

const BATCH: u8 = 1;
const CALL: u8 = 3;

/// Requests and answers take turns.
async fn pass_on(mut client: TcpStream, mut server: TcpStream, cutter: &Cutter) -> io::Result<()> {
    loop {
        let mut request = packet(&mut client).await?;
        let is_counted = matches!(request[0], BATCH | CALL);
        let cut = is_counted.then(|| cutter.count()).flatten();
        if cut == Some(Cut::Before) {
            return Ok(());
        }
        loop {
            server.write_all(&request).await?;
            if is_last(&request) {
                break;
            }
            request = packet(&mut client).await?;
        }
        loop {
            let answer = packet(&mut server).await?;
            match cut {
                None => client.write_all(&answer).await?,
                Some(Cut::Within) => {
                    let half = answer.len() / 2;
                    return client.write_all(&answer[..half]).await;
                }
                Some(_) if is_last(&answer) => return Ok(()),
                Some(_) => {}
            }
            if is_last(&answer) {
                break;
            }
        }
    }
}

async fn packet(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut packet = vec![0; 8];
    stream.read_exact(&mut packet).await?;
    let length = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
    packet.resize(length.max(8), 0);
    stream.read_exact(&mut packet[8..]).await?;
    Ok(packet)
}

fn is_last(packet: &[u8]) -> bool {
    packet[1] & 1 == 1
}

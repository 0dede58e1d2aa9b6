//! A database of a test's own on the server that `SYNC_TEST_MSSQL` names.

use std::fs;
use std::io::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use percent_encoding::percent_decode_str;
use sync_provider_mssql::{
    ConnectionFactory as _, DirectConnections, Encryption, MssqlProvider, Password, Settings,
    TdsClient,
};

/// A database that is dropped at the end of the test.
#[derive(Debug)]
pub struct ServerDatabase {
    /// Connections to it.
    pub connections: DirectConnections,
    maintenance: DirectConnections,
    name: String,
}

impl ServerDatabase {
    /// An empty database; `None` where there is no server, after saying so.
    pub async fn new(test: &str) -> Option<Self> {
        Self::with_name(test, "").await
    }

    /// An empty database whose name ends so.
    pub async fn with_name(test: &str, end: &str) -> Option<Self> {
        let Ok(locator) = std::env::var("SYNC_TEST_MSSQL") else {
            skip(test, "SYNC_TEST_MSSQL names no server");
            return None;
        };
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("sync_tests_{}_{number}{end}", std::process::id());
        let settings = settings(&locator);
        let database = ServerDatabase {
            connections: DirectConnections::new(Settings {
                database: name.clone(),
                ..settings.clone()
            }),
            maintenance: DirectConnections::new(settings),
            name,
        };
        for _ in 0..50 {
            // Several at once get into each other's way on some servers.
            if try_run(
                &database.maintenance,
                &format!("CREATE DATABASE {}", database.quoted()),
            )
            .await
            .is_ok()
            {
                return Some(database);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{} cannot be created", database.name);
    }

    fn quoted(&self) -> String {
        sync_metadata::quote(&self.name)
    }

    /// A provider for a scope of it.
    pub fn provider(&self, scope: &str) -> MssqlProvider {
        MssqlProvider::with_connections(std::sync::Arc::new(self.connections.clone()), Some(scope))
    }

    /// A connection to it.
    pub async fn client(&self) -> TdsClient {
        self.connections.connect().await.unwrap()
    }

    /// Runs a batch that must succeed.
    pub async fn execute(&self, sql: &str) {
        self.try_execute(sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// Runs a batch, or says what the server says.
    ///
    /// # Errors
    /// The server's message.
    pub async fn try_execute(&self, sql: &str) -> Result<(), String> {
        try_run(&self.connections, sql).await
    }

    /// The rows of a query, each cell as the driver shows it.
    pub async fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        let mut client = self.client().await;
        let sets = async { client.simple_query(sql).await?.into_results().await }.await;
        let sets = sets.unwrap_or_else(|error| panic!("{sql}: {error}"));
        let row = |row: tiberius::Row| row.into_iter().map(|cell| format!("{cell:?}")).collect();
        sets.into_iter().flatten().map(row).collect()
    }
}

async fn try_run(connections: &DirectConnections, sql: &str) -> Result<(), String> {
    let mut client = connections
        .connect()
        .await
        .map_err(|error| error.to_string())?;
    let answer = async { client.simple_query(sql).await?.into_results().await };
    answer.await.map(drop).map_err(|error| error.to_string())
}

/// Another client of the database may not be gone yet when it is dropped.
impl Drop for ServerDatabase {
    fn drop(&mut self) {
        let (maintenance, sql) = (
            self.maintenance.clone(),
            format!("DROP DATABASE {}", self.quoted()),
        );
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let Ok(runtime) = runtime else { return };
            runtime.block_on(async {
                for _ in 0..50 {
                    if try_run(&maintenance, &sql).await.is_ok() {
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            });
        });
        let _ = dropping.join();
    }
}

/// Says that a test, or a part of one, cannot run, also to the file that the test matrix reads.
pub fn skip(test: &str, reason: &str) {
    let reason = format!("mssql {test}: {reason}");
    eprintln!("skipped: {reason}");
    if let Ok(file) = std::env::var("SYNC_TEST_SKIPS") {
        let file = fs::OpenOptions::new().append(true).create(true).open(file);
        writeln!(file.unwrap(), "{reason}").unwrap();
    }
}

/// `mssql://USER:PASSWORD@HOST[:PORT]/DATABASE[?trust_server_certificate=true][&encrypt=off]`
fn settings(locator: &str) -> Settings {
    let rest = locator.strip_prefix("mssql://").expect("mssql://…");
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (login, address) = rest.rsplit_once('@').expect("a login");
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let (server, database) = address.split_once('/').expect("a database");
    let (host, port) = match server.split_once(':') {
        Some((host, port)) => (host, Some(port.parse().expect("a port"))),
        None => (server, None),
    };
    let plain = |text: &str| percent_decode_str(text).decode_utf8().unwrap().into_owned();
    let mut settings = Settings::new(
        host,
        plain(database),
        plain(user),
        Password::new(plain(password)),
    );
    settings.port = port;
    settings.trust_server_certificate = query.contains("trust_server_certificate=true");
    if query.contains("encrypt=off") {
        settings.encryption = Encryption::Off;
    }
    settings
}

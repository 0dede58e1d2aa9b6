//! A database of a test's own on the server that the environment names.

use std::fs;
use std::io::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use percent_encoding::percent_decode_str;
use sync_provider_mssql::{
    ConnectionFactory as _, DirectConnections, Encryption, Password, Provisioned, Provisioning,
    Settings, TableChoice, Tables, TdsClient,
};
use tiberius::{ColumnData, Row};

/// A database that is dropped at the end of the test.
pub(crate) struct Database {
    pub(crate) connections: DirectConnections,
    /// How they are made.
    pub(crate) settings: Settings,
    maintenance: DirectConnections,
    name: String,
}

impl Database {
    /// An empty database; `None` where there is no server, after saying so.
    pub(crate) async fn new(test: &str) -> Option<Database> {
        let Ok(locator) = std::env::var("SYNC_TEST_MSSQL") else {
            skip(test, "SYNC_TEST_MSSQL names no server");
            return None;
        };
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("sync_test_{}_{number}", std::process::id());
        let settings = settings(&locator);
        let maintenance = DirectConnections::new(settings.clone());
        let settings = Settings {
            database: name.clone(),
            ..settings
        };
        let database = Database {
            connections: DirectConnections::new(settings.clone()),
            settings,
            maintenance,
            name,
        };
        database.create().await;
        Some(database)
    }

    /// Several at once get into each other's way on some servers.
    async fn create(&self) {
        let create = format!("CREATE DATABASE {}", self.name);
        for _ in 0..50 {
            let mut client = self.maintenance.connect().await.unwrap();
            let answer = async {
                client
                    .simple_query(create.as_str())
                    .await?
                    .into_results()
                    .await
            };
            match answer.await {
                Ok(_) => return,
                Err(error) => println!("{create}: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{create} does not work");
    }

    pub(crate) async fn client(&self) -> TdsClient {
        self.connections.connect().await.unwrap()
    }

    /// Runs batches that must succeed.
    pub(crate) async fn execute(&self, batches: &[&str]) {
        let mut client = self.client().await;
        for batch in batches {
            run(&mut client, batch).await;
        }
    }

    /// The rows of a query over a connection of its own, each as its cells' text joined by blanks.
    pub(crate) async fn rows(&self, sql: &str) -> Vec<String> {
        rows(&mut self.client().await, sql).await
    }

    /// Waits until no change of these tables is above the mark any more: a transaction of anybody else's holds it back, on some engines one
    /// in any database.
    pub(crate) async fn marks_pass(&self, tables: &[&str]) {
        let mut client = self.client().await;
        for table in tables {
            let above = format!(
                "SELECT COUNT(*) FROM {table}_tracking WHERE local_update_peer_timestamp >= MIN_ACTIVE_ROWVERSION()"
            );
            while rows(&mut client, &above).await != ["0"] {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// Provisions a scope of these tables, all their columns.
    pub(crate) async fn provision(&self, scope: &str, tables: &[&str]) -> Provisioned {
        listed(scope, tables)
            .apply(&self.connections)
            .await
            .unwrap()
    }

    /// What is in the database besides rows: (schema, name, kind), in lower case, for comparing before and after.
    pub(crate) async fn objects(&self) -> Vec<String> {
        let objects = "SELECT SCHEMA_NAME(schema_id), LOWER(name), CONVERT(nvarchar(2), type) FROM sys.objects \
                       WHERE type IN ('U', 'P', 'TR', 'V', 'F')";
        let types = "SELECT LOWER(name) FROM sys.types WHERE is_table_type = 1";
        let mut found = self.rows(objects).await;
        found.extend(self.rows(types).await);
        found.sort();
        found
    }
}

/// A scope of these tables, all their columns.
pub(crate) fn listed(scope: &str, tables: &[&str]) -> Provisioning {
    let choice = |table: &&str| TableChoice {
        table: (*table).to_owned(),
        global_name: None,
        columns: None,
    };
    Provisioning::new(scope, Tables::Listed(tables.iter().map(choice).collect()))
}

pub(crate) async fn run(client: &mut TdsClient, batch: &str) {
    let answer = client.simple_query(batch).await;
    let done = async { answer?.into_results().await }.await;
    done.unwrap_or_else(|error| panic!("{batch}: {error}"));
}

pub(crate) async fn rows(client: &mut TdsClient, sql: &str) -> Vec<String> {
    let answer = client.simple_query(sql).await;
    let sets = async { answer?.into_results().await }.await;
    let sets = sets.unwrap_or_else(|error| panic!("{sql}: {error}"));
    sets.into_iter().flatten().map(line).collect()
}

fn line(row: Row) -> String {
    let cells: Vec<String> = row.into_iter().map(text).collect();
    cells.join(" ")
}

fn text(cell: ColumnData<'static>) -> String {
    let text = match cell {
        ColumnData::U8(number) => number.map(|number| number.to_string()),
        ColumnData::I16(number) => number.map(|number| number.to_string()),
        ColumnData::I32(number) => number.map(|number| number.to_string()),
        ColumnData::I64(number) => number.map(|number| number.to_string()),
        ColumnData::Bit(bit) => bit.map(|bit| u8::from(bit).to_string()),
        ColumnData::F64(number) => number.map(|number| number.to_string()),
        ColumnData::String(text) => text.map(|text| text.into_owned()),
        ColumnData::Guid(guid) => guid.map(|guid| guid.to_string()),
        ColumnData::Numeric(number) => number.map(|number| number.to_string()),
        ColumnData::Binary(bytes) => bytes.map(|bytes| format!("{bytes:02x?}")),
        other => Some(format!("{other:?}")),
    };
    text.unwrap_or_else(|| "NULL".into())
}

/// Another client of the database may not be gone yet when it is dropped.
impl Drop for Database {
    fn drop(&mut self) {
        let (maintenance, sql) = (
            self.maintenance.clone(),
            format!("DROP DATABASE {}", self.name),
        );
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let Ok(runtime) = runtime else { return };
            runtime.block_on(async {
                for _ in 0..50 {
                    if let Ok(mut client) = maintenance.connect().await
                        && let Ok(answer) = client.simple_query(sql.as_str()).await
                        && answer.into_results().await.is_ok()
                    {
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            });
        });
        let _ = dropping.join();
    }
}

/// `mssql://USER:PASSWORD@HOST[:PORT]/DATABASE[?encrypt=…][&trust_server_certificate=true]`
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
    for option in query.split('&').filter(|option| !option.is_empty()) {
        match option {
            "trust_server_certificate=true" => settings.trust_server_certificate = true,
            "encrypt=off" => settings.encryption = Encryption::Off,
            "encrypt=strict" => settings.encryption = Encryption::Strict,
            "encrypt=on" => settings.encryption = Encryption::On,
            other => panic!("unknown option {other}"),
        }
    }
    settings
}

/// Says that a test cannot run, also to the file that the test matrix reads.
pub(crate) fn skip(test: &str, reason: &str) {
    let reason = format!("mssql {test}: {reason}");
    println!("{reason}");
    if let Ok(file) = std::env::var("SYNC_TEST_SKIPS") {
        let file = fs::OpenOptions::new().append(true).create(true).open(file);
        writeln!(file.unwrap(), "{reason}").unwrap();
    }
}

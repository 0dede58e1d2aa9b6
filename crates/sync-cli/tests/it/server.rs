//! A database of a test's own on the SQL Server that the environment names.

use std::cell::RefCell;
use std::io::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use percent_encoding::percent_decode_str;
use sync_provider_mssql::{
    ConnectionFactory as _, DirectConnections, Password, Settings, TdsClient,
};
use tokio::runtime::Runtime;

use super::support::{Place, Run};

/// A database that is dropped at the end of the test, and a folder in which the binary runs.
pub(crate) struct Server {
    pub(crate) place: Place,
    pub(crate) url: String,
    /// The same as a connection string.
    pub(crate) string: String,
    pub(crate) password: String,
    address: Address,
    name: String,
    /// Made by the test, and dropped after the database.
    logins: RefCell<Vec<String>>,
    runtime: Runtime,
}

/// The parts of a locator.
#[derive(Clone)]
struct Address {
    login: String,
    server: String,
    maintenance: String,
    query: String,
}

impl Server {
    /// An empty database; `None` where there is no server, after saying so.
    pub(crate) fn new(test: &str) -> Option<Server> {
        let Ok(locator) = std::env::var("SYNC_TEST_MSSQL") else {
            skip(test, "SYNC_TEST_MSSQL names no server");
            return None;
        };
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("sync_cli_{}_{number}", std::process::id());
        let address = Address::of(&locator);
        let (user, password) = address.user_and_password();
        let server = Server {
            place: Place::new(),
            url: address.url(&address.login, &name),
            string: format!(
                "Server={};Database={name};User Id={user};Password='{}';{}",
                address.server.replace(':', ","),
                password.replace('\'', "''"),
                address.options(),
            ),
            password,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
            address,
            name,
            logins: RefCell::default(),
        };
        server.maintain(&format!("CREATE DATABASE {}", server.name));
        Some(server)
    }

    /// The locator with another login, `USER:PASSWORD`.
    pub(crate) fn url_as(&self, login: &str) -> String {
        self.address.url(login, &self.name)
    }

    /// The locator of another database.
    pub(crate) fn url_of(&self, database: &str) -> String {
        self.address.url(&self.address.login, database)
    }

    /// The locator without its options.
    pub(crate) fn url_without_options(&self) -> String {
        self.url.split('?').next().unwrap().to_owned()
    }

    /// How its locator is shown.
    pub(crate) fn shown(&self) -> String {
        let (user, _) = self.address.user_and_password();
        self.address.url(&user, &self.name)
    }

    /// Makes a login that may do nothing yet in the database; gives its name and its locator.
    pub(crate) fn login(&self) -> (String, String) {
        let (name, password) = (format!("{}_login", self.name), "Only-4-This-Test");
        self.maintain(&format!("CREATE LOGIN {name} WITH PASSWORD = '{password}'"));
        self.logins.borrow_mut().push(name.clone());
        self.execute(&[&format!("CREATE USER {name} FOR LOGIN {name}")]);
        let url = self.address.url(&format!("{name}:{password}"), &self.name);
        (name, url)
    }

    /// Runs batches that must succeed.
    pub(crate) fn execute(&self, batches: &[&str]) {
        self.runtime.block_on(async {
            let mut client = self.client(&self.name).await;
            for batch in batches {
                let done = run(&mut client, batch).await;
                done.unwrap_or_else(|error| panic!("{batch}: {error}"));
            }
        });
    }

    /// Runs a batch on the maintenance database; it may take several tries, since others create databases at the same time.
    fn maintain(&self, batch: &str) {
        self.runtime
            .block_on(maintain(&self.address, batch))
            .unwrap_or_else(|error| panic!("{batch}: {error}"));
    }

    /// The rows of a query whose only column is text.
    pub(crate) fn rows(&self, sql: &str) -> Vec<String> {
        self.runtime.block_on(async {
            let mut client = self.client(&self.name).await;
            let sets = run(&mut client, sql).await;
            let sets = sets.unwrap_or_else(|error| panic!("{sql}: {error}"));
            let text = |row: &tiberius::Row| row.get::<&str, _>(0).unwrap_or("NULL").to_owned();
            sets.iter().flatten().map(text).collect()
        })
    }

    /// The bytes that a query finds.
    pub(crate) fn bytes(&self, sql: &str) -> Vec<u8> {
        self.runtime.block_on(async {
            let sets = run(&mut self.client(&self.name).await, sql).await.unwrap();
            sets[0][0].get::<&[u8], _>(0).unwrap_or_default().to_vec()
        })
    }

    /// What is in the database: its objects, and how many rows each table has.
    pub(crate) fn state(&self) -> Vec<String> {
        let mut found = self.rows(
            "SELECT LOWER(CONCAT(CONVERT(nvarchar(128), SCHEMA_NAME(schema_id)), N'.', CONVERT(nvarchar(128), name), N' ', CONVERT(nvarchar(2), type))) \
             FROM sys.objects WHERE type IN ('U', 'P', 'TR', 'V', 'F')",
        );
        let tables = self.rows(
            "SELECT CONCAT(N'[', TABLE_SCHEMA, N'].[', TABLE_NAME, N']') FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_TYPE = 'BASE TABLE'",
        );
        let counts = tables.iter().map(|table| {
            format!("SELECT CONCAT(N'{table} ', CONVERT(nvarchar(20), COUNT(*))) FROM {table}")
        });
        let counts: Vec<String> = counts.collect();
        if !counts.is_empty() {
            found.extend(self.rows(&counts.join(" UNION ALL ")));
        }
        found.sort();
        found
    }

    /// Runs the binary, tracing everything, and looks for the password in what it says.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        let mut command = self.place.command(arguments);
        let mut run = Run::from(command.env("RUST_LOG", "trace").output().unwrap());
        let said = format!("{}{}", run.stdout, run.stderr);
        assert!(!said.contains(&self.password), "{arguments:?}: {said}");
        assert!(!said.contains("panicked"), "{arguments:?}: {said}");
        // What is traced is of no use from here on.
        let lines = run.stderr.lines();
        let lines = lines.filter(|line| !line.contains(" TRACE ") && !line.contains(" DEBUG "));
        run.stderr = lines.map(|line| format!("{line}\n")).collect();
        run
    }

    /// Runs a command that must end with this code, and gives its standard output.
    pub(crate) fn ends(&self, arguments: &[&str], code: i32) -> String {
        let run = self.run(arguments);
        assert_eq!(run.code, code, "{arguments:?}: {run:?}");
        run.stdout
    }

    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        self.ends(arguments, 0)
    }

    /// The document of a command that must end with this code.
    pub(crate) fn json(&self, arguments: &[&str], code: i32) -> serde_json::Value {
        let said = self.ends(&[arguments, &["--json"]].concat(), code);
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
    }

    /// Runs a command that must fail with `code`, in one line that holds `parts`, and change nothing; then the same with `--json`.
    pub(crate) fn fails(&self, arguments: &[&str], code: i32, parts: &[&str]) {
        let (state, files) = (self.state(), self.place.bytes());
        let run = self.run(arguments);
        assert_eq!(run.code, code, "{arguments:?}: {run:?}");
        let line = run.error_line();
        for part in parts {
            assert!(line.contains(part), "{arguments:?}: {line}: {part}");
        }
        let document = self.json(arguments, code);
        assert_eq!(document["error"]["code"], code, "{arguments:?}");
        assert_eq!(self.state(), state, "{arguments:?}");
        assert!(self.place.bytes() == files, "{arguments:?}");
    }

    async fn client(&self, database: &str) -> TdsClient {
        let connections = DirectConnections::new(self.address.settings(database));
        connections.connect().await.unwrap()
    }
}

/// Another client of the database may not be gone yet when it is dropped.
impl Drop for Server {
    fn drop(&mut self) {
        let logins = self.logins.borrow();
        let logins = logins.iter().map(|login| format!("DROP LOGIN {login}"));
        for drop in std::iter::once(format!("DROP DATABASE {}", self.name)).chain(logins) {
            let _ = self.runtime.block_on(maintain(&self.address, &drop));
        }
    }
}

impl Address {
    fn of(locator: &str) -> Self {
        let rest = locator.strip_prefix("mssql://").expect("mssql://…");
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (login, rest) = rest.rsplit_once('@').expect("a login");
        let (server, maintenance) = rest.split_once('/').expect("a database");
        Address {
            login: login.to_owned(),
            server: server.to_owned(),
            maintenance: maintenance.to_owned(),
            query: query.to_owned(),
        }
    }

    fn url(&self, login: &str, database: &str) -> String {
        let query = if self.query.is_empty() { "" } else { "?" };
        format!(
            "mssql://{login}@{}/{database}{query}{}",
            self.server, self.query
        )
    }

    /// The options as a connection string has them.
    fn options(&self) -> String {
        let options = self.query.split('&').filter(|option| !option.is_empty());
        let options = options.map(|option| match option {
            "trust_server_certificate=true" => "TrustServerCertificate=true".to_owned(),
            "encrypt=off" => "Encrypt=false".to_owned(),
            other => other.to_owned(),
        });
        options.collect::<Vec<_>>().join(";")
    }

    fn user_and_password(&self) -> (String, String) {
        let plain = |text: &str| percent_decode_str(text).decode_utf8().unwrap().into_owned();
        let (user, password) = self.login.split_once(':').expect("a password");
        (plain(user), plain(password))
    }

    fn settings(&self, database: &str) -> Settings {
        let (user, password) = self.user_and_password();
        let (host, port) = match self.server.split_once(':') {
            Some((host, port)) => (host, Some(port.parse().unwrap())),
            None => (self.server.as_str(), None),
        };
        let mut settings = Settings::new(host, database, user, Password::new(password));
        settings.port = port;
        settings.trust_server_certificate = self.query.contains("trust_server_certificate=true");
        if self.query.contains("encrypt=off") {
            settings.encryption = sync_provider_mssql::Encryption::Off;
        }
        settings
    }
}

async fn maintain(address: &Address, batch: &str) -> Result<(), String> {
    let connections = DirectConnections::new(address.settings(&address.maintenance));
    let mut last = String::new();
    for _ in 0..50 {
        match connections.connect().await {
            Ok(mut client) => match run(&mut client, batch).await {
                Ok(_) => return Ok(()),
                Err(error) => last = error,
            },
            Err(error) => last = error.to_string(),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Err(last)
}

async fn run(client: &mut TdsClient, batch: &str) -> Result<Vec<Vec<tiberius::Row>>, String> {
    let answer = client.simple_query(batch).await;
    let answer = async { answer?.into_results().await }.await;
    answer.map_err(|error| error.to_string())
}

/// Says that a test cannot run, also to the file that the test matrix reads.
pub(crate) fn skip(test: &str, reason: &str) {
    let reason = format!("cli {test}: {reason}");
    println!("{reason}");
    if let Ok(file) = std::env::var("SYNC_TEST_SKIPS") {
        let file = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(file);
        writeln!(file.unwrap(), "{reason}").unwrap();
    }
}

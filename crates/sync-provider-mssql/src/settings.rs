//! Where a SQL Server database is and how to get in.

use std::fmt;
use std::time::Duration;

/// How long a connection may take to come up: TCP, TLS and login together.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long the server may be silent while it answers.
pub const DEFAULT_COMMAND_TIMEOUT: Duration = Duration::from_secs(300);
/// How long a session waits for the locks of others.
pub const DEFAULT_LOCK_TIMEOUT: Duration = Duration::from_secs(30);

/// A text that is never printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Keeps a password.
    pub fn new(text: impl Into<String>) -> Self {
        Password(text.into())
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

/// Prints `…` whatever it holds.
impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// How a connection is encrypted.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Encryption {
    /// TLS for everything, negotiated within TDS.
    #[default]
    On,
    /// TLS before anything else (TDS 8.0).
    Strict,
    /// No TLS, not even for the password: only on a network that nobody else is on.
    Off,
}

/// A database on a server, with the login to use. Printing it shows no password.
///
/// ```
/// use sync_provider_mssql::{Password, Settings};
///
/// let settings = Settings::new("db.example.org", "Sales", "app", Password::new("secret"));
/// assert_eq!(settings.to_string(), "db.example.org/Sales");
/// assert!(!format!("{settings:?}").contains("secret"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Name or address of the server.
    pub host: String,
    /// The TCP port; by default 1433, or the one that the server's browser names for the instance.
    pub port: Option<u16>,
    /// A named instance.
    pub instance: Option<String>,
    /// The database.
    pub database: String,
    /// The login.
    pub user: String,
    /// Its password.
    pub password: Password,
    /// How the connection is encrypted.
    pub encryption: Encryption,
    /// Takes any certificate: the connection is then safe from listeners, not from impostors.
    pub trust_server_certificate: bool,
    /// How long a connection may take to come up.
    pub connect_timeout: Duration,
    /// How long the server may be silent while it answers.
    pub command_timeout: Duration,
}

impl Settings {
    /// A database on the default port, with TLS and a checked certificate.
    pub fn new(
        host: impl Into<String>,
        database: impl Into<String>,
        user: impl Into<String>,
        password: Password,
    ) -> Self {
        Settings {
            host: host.into(),
            port: None,
            instance: None,
            database: database.into(),
            user: user.into(),
            password,
            encryption: Encryption::On,
            trust_server_certificate: false,
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
            command_timeout: DEFAULT_COMMAND_TIMEOUT,
        }
    }
}

/// `host[\instance][:port]/database`
impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        if let Some(instance) = &self.instance {
            write!(f, "\\{instance}")?;
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "/{}", self.database)
    }
}

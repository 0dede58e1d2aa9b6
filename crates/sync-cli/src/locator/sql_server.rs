//! A SQL Server database as a locator names it.

use std::fmt;

use sync_provider_mssql::Password;

use crate::exit::Failure;

/// The variable that a password comes from where the locator has none.
const PASSWORD: &str = "SYNCDB_PASSWORD";

/// A SQL Server database. Printing it in either way shows no password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SqlServer {
    pub(crate) user: String,
    /// The one that is written in the locator.
    pub(super) password: Option<Password>,
    /// Without the brackets of an IPv6 address.
    pub(crate) host: String,
    pub(crate) instance: Option<String>,
    pub(crate) port: Option<u16>,
    pub(crate) database: String,
    pub(crate) encrypt: Option<Encrypt>,
    pub(crate) trust_server_certificate: bool,
}

/// How the connection is encrypted.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Encrypt {
    Off,
    On,
    Strict,
}

impl SqlServer {
    /// The password of the locator, or else of the environment.
    pub(crate) fn password(&self) -> Result<Password, Failure> {
        let written = self.password.clone();
        let found = written.or_else(|| std::env::var(PASSWORD).ok().map(Password::new));
        found.ok_or_else(|| {
            Failure::usage(
                self.to_string(),
                "there is no password for its user",
                format!("set {PASSWORD}, or write the password into the locator"),
            )
        })
    }

    /// Whether both name one database, as far as names can tell.
    pub(super) fn is_same_as(&self, other: &SqlServer) -> bool {
        let place = |server: &SqlServer| {
            let port = server
                .port
                .or_else(|| server.instance.is_none().then_some(1433));
            let instance = server.instance.as_ref().filter(|_| server.port.is_none());
            (
                server.host.to_lowercase(),
                instance.map(|name| name.to_lowercase()),
                port,
            )
        };
        place(self) == place(other) && self.database == other.database
    }
}

impl Encrypt {
    fn name(self) -> &'static str {
        match self {
            Encrypt::Off => "off",
            Encrypt::On => "on",
            Encrypt::Strict => "strict",
        }
    }
}

/// The URL form, without a password.
impl fmt::Display for SqlServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoded = super::url::encode;
        write!(f, "mssql://{}@", encoded(&self.user))?;
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?;
        } else {
            write!(f, "{}", encoded(&self.host))?;
        }
        if let Some(instance) = &self.instance {
            write!(f, "\\{}", encoded(instance))?;
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "/{}", encoded(&self.database))?;
        let mut separator = '?';
        if let Some(encrypt) = self.encrypt {
            write!(f, "{separator}encrypt={}", encrypt.name())?;
            separator = '&';
        }
        if self.trust_server_certificate {
            write!(f, "{separator}trust_server_certificate=true")?;
        }
        Ok(())
    }
}

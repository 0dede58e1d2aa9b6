//! A SQL Server database as a locator names it.

use std::fmt;

/// A SQL Server database. The password is not kept: it may also come from `SYNCDB_PASSWORD`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SqlServer {
    pub(crate) user: String,
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

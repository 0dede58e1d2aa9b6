//! What can go wrong with a SQL Server database, as the layers above see it.

use sync_metadata::{MetadataError, SchemaVersion};
use sync_provider::ProviderError;

/// Why connecting, provisioning, deprovisioning or inspecting did not work. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MssqlError {
    /// The server cannot be reached.
    #[error(
        "{server}: {message}; check the host, the port, and that the server accepts TCP connections"
    )]
    Unreachable {
        /// The server.
        server: String,
        /// What the network said.
        message: String,
    },
    /// No secure connection could be made.
    #[error(
        "{server}: {message}; install the server's certificate authority, or trust its certificate where nobody can come between"
    )]
    Certificate {
        /// The server.
        server: String,
        /// What TLS said.
        message: String,
    },
    /// The server refuses the login, or the login may not use the database.
    #[error("{server}: {message} (SQL Server error {number}); check user, password and database")]
    Login {
        /// The server and database.
        server: String,
        /// SQL Server's message.
        message: String,
        /// SQL Server's error number.
        number: u32,
    },
    /// The login lacks a permission.
    #[error("{server}: {message} (SQL Server error {number}); grant it, or use another login")]
    Permission {
        /// The server and database.
        server: String,
        /// SQL Server's message, which names the permission and the object.
        message: String,
        /// SQL Server's error number.
        number: u32,
    },
    /// The connection broke, or the server was silent for too long. Trying again may help.
    #[error("{server}: {message}; the connection was closed, run it again")]
    Lost {
        /// The server and database.
        server: String,
        /// What happened.
        message: String,
    },
    /// The server ended this transaction in favour of another one. Trying again may help.
    #[error("{server}: {message} (SQL Server error {number}); run it again")]
    Deadlock {
        /// The server and database.
        server: String,
        /// SQL Server's message.
        message: String,
        /// SQL Server's error number.
        number: u32,
    },
    /// Any other error that the server reports.
    #[error("{server}: {message} (SQL Server error {number}); check the database")]
    Database {
        /// The server and database.
        server: String,
        /// SQL Server's message.
        message: String,
        /// SQL Server's error number.
        number: u32,
    },
    /// An answer of the server is not what was asked for.
    #[error(
        "{server}: the server's answer cannot be read: {message}; check that the metadata tables are unchanged"
    )]
    Answer {
        /// The server and database.
        server: String,
        /// What does not fit.
        message: String,
    },
    /// The metadata has a version that this operation does not support (`DbVersionException`).
    #[error("{object}: its metadata has version {version}; upgrade the metadata to 2.1 first")]
    Version {
        /// The database and store.
        object: String,
        /// The version met.
        version: SchemaVersion,
    },
    /// The request does not fit the database as it is.
    #[error("{object}: {reason}; {remedy}")]
    Refused {
        /// The scope, table or column.
        object: String,
        /// What is wrong.
        reason: String,
        /// What can be done.
        remedy: String,
    },
    /// The stored metadata cannot be read.
    #[error(
        "{server}: {source}; restore the metadata tables, or deprovision the scope and provision it again"
    )]
    Metadata {
        /// The server and database.
        server: String,
        /// What is wrong with it.
        source: MetadataError,
    },
}

impl MssqlError {
    pub(crate) fn refused(
        object: impl Into<String>,
        reason: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        MssqlError::Refused {
            object: object.into(),
            reason: reason.into(),
            remedy: remedy.into(),
        }
    }

    /// What an error of the driver means at a server.
    pub(crate) fn at(server: &str, error: &tiberius::error::Error) -> Self {
        use tiberius::error::Error;
        let server = server.to_owned();
        let Error::Server(token) = error else {
            return match error {
                Error::Tls(message) => MssqlError::Certificate {
                    server,
                    message: message.clone(),
                },
                other => MssqlError::Lost {
                    server,
                    message: other.to_string(),
                },
            };
        };
        let (message, number) = (token.message().to_owned(), token.code());
        match number {
            LOGIN_FAILED | CANNOT_OPEN_DATABASE | NO_ACCESS_TO_DATABASE => MssqlError::Login {
                server,
                message,
                number,
            },
            PERMISSION_DENIED | 230 | 262 | 297 | 300 | 15247 => MssqlError::Permission {
                server,
                message,
                number,
            },
            DEADLOCK | SNAPSHOT_CONFLICT => MssqlError::Deadlock {
                server,
                message,
                number,
            },
            _ => MssqlError::Database {
                server,
                message,
                number,
            },
        }
    }

    /// Whether the same request may go through when it is made again over a new connection.
    pub fn is_transient(&self) -> bool {
        matches!(self, MssqlError::Lost { .. } | MssqlError::Deadlock { .. })
    }
}

/// `Login failed for user '…'.`
const LOGIN_FAILED: u32 = 18456;
/// `Cannot open database "…" requested by the login.`
const CANNOT_OPEN_DATABASE: u32 = 4060;
/// `The server principal "…" is not able to access the database "…" under the current security context.`
const NO_ACCESS_TO_DATABASE: u32 = 916;
/// `The … permission was denied on the object '…'.`
const PERMISSION_DENIED: u32 = 229;
/// `Transaction was deadlocked on resources and has been chosen as the deadlock victim.`
const DEADLOCK: u32 = 1205;
/// `Snapshot isolation transaction aborted due to update conflict.`
const SNAPSHOT_CONFLICT: u32 = 3960;

impl From<MssqlError> for ProviderError {
    fn from(error: MssqlError) -> Self {
        match error {
            MssqlError::Refused {
                object,
                reason,
                remedy,
            } => ProviderError::refused(object, reason, remedy),
            MssqlError::Version { object, version } => ProviderError::Version {
                object,
                reason: format!("its metadata has version {version}"),
                remedy: "upgrade the metadata to 2.1 first".into(),
            },
            MssqlError::Metadata { server, source } => match source {
                MetadataError::UnknownVersion { .. } | MetadataError::NoVersion => {
                    ProviderError::Version {
                        object: server,
                        reason: source.to_string(),
                        remedy: "use a version of syncdb that knows this format".into(),
                    }
                }
                source => ProviderError::refused(
                    server,
                    source.to_string(),
                    "restore the metadata tables, or deprovision the scope and provision it again",
                ),
            },
            other => {
                let text = other.to_string();
                let (head, remedy) = text.rsplit_once("; ").unwrap_or((&text, "try again"));
                let (object, reason) = head.split_once(": ").unwrap_or(("SQL Server", head));
                ProviderError::database(object, reason, remedy)
            }
        }
    }
}

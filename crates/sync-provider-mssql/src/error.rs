//! What can go wrong with a SQL Server database, as the layers above see it.

use sync_metadata::{MetadataError, SchemaVersion};
use sync_provider::ProviderError;

use crate::server_error::{Kind, kind_of, one_line, undone_by};

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
        "{server}: {message}; install the server's certificate authority, or trust its certificate (trust_server_certificate=true) where nobody can come between"
    )]
    Certificate {
        /// The server.
        server: String,
        /// What TLS said.
        message: String,
    },
    /// The server offers no encryption, and plain text was not asked for. Nothing was sent to it, the password least of all.
    #[error(
        "{server}: the server offers no encryption; give it a certificate, or ask for plain text (encrypt=off) on a network that nobody else is on"
    )]
    Unencrypted {
        /// The server.
        server: String,
    },
    /// What answers does not speak TDS as SQL Server does.
    #[error(
        "{server}: {message}; check that this is a SQL Server, and that nothing on the way changes what it sends"
    )]
    Protocol {
        /// The server and database.
        server: String,
        /// What does not fit.
        message: String,
    },
    /// The server did not answer a command in time.
    #[error("{server}: {message}; find out what it waits for, or allow commands more time")]
    Silent {
        /// The server and database.
        server: String,
        /// How long it was waited for.
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
        /// SQL Server's message, which names the permission and the object; where it does not, the statement is added.
        message: String,
        /// SQL Server's error number.
        number: u32,
    },
    /// The connection broke. Trying again may help.
    #[error("{server}: {message}; the connection was closed, run it again")]
    Lost {
        /// The server and database.
        server: String,
        /// What happened.
        message: String,
    },
    /// Somebody else went first: a deadlock, a lock time-out, a changed snapshot. Trying again may help.
    #[error("{server}: {message} (SQL Server error {number}); run it again")]
    Deadlock {
        /// The server and database.
        server: String,
        /// SQL Server's message.
        message: String,
        /// SQL Server's error number.
        number: u32,
    },
    /// The server or the database is starting, moving, or too busy. Trying again may help.
    #[error("{server}: {message} (SQL Server error {number}); run it again in a while")]
    Unavailable {
        /// The server and database.
        server: String,
        /// SQL Server's message.
        message: String,
        /// SQL Server's error number.
        number: u32,
    },
    /// The database does not allow snapshots.
    #[error(
        "{server}: {message} (SQL Server error {number}); switch them on (ALTER DATABASE … SET ALLOW_SNAPSHOT_ISOLATION ON)"
    )]
    Snapshot {
        /// The server and database.
        server: String,
        /// SQL Server's message.
        message: String,
        /// SQL Server's error number.
        number: u32,
    },
    /// A constraint is broken.
    #[error("{server}: {message} (SQL Server error {number}); correct the row or the constraint")]
    Constraint {
        /// The server and database.
        server: String,
        /// SQL Server's message.
        message: String,
        /// SQL Server's error number.
        number: u32,
    },
    /// A value does not fit its column.
    #[error(
        "{server}: {message} (SQL Server error {number}); correct the value, or declare the column wider"
    )]
    Value {
        /// The server and database.
        server: String,
        /// SQL Server's message.
        message: String,
        /// SQL Server's error number.
        number: u32,
    },
    /// A trigger, or an error that ends transactions, undid the transaction.
    #[error(
        "{server}: {message} (SQL Server error {number}); look at what the triggers of the table do"
    )]
    Undone {
        /// The server and database.
        server: String,
        /// SQL Server's message.
        message: String,
        /// SQL Server's error number.
        number: u32,
        /// Index of the row among those that were written, where the batch could tell. Without one, a trigger may have ended the batch, too.
        row: Option<usize>,
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
        use tiberius::error::{Error, IoErrorKind};
        let server = server.to_owned();
        match error {
            Error::Server(token) => MssqlError::reported(server, token.message(), token.code()),
            Error::Tls(message) => MssqlError::Certificate {
                server,
                message: one_line(without_advice(message)),
            },
            // The driver's own time-out, not that of a network that lost the peer.
            Error::Io { kind, message }
                if *kind == IoErrorKind::TimedOut && message.contains("command_timeout") =>
            {
                MssqlError::Silent {
                    server,
                    message: "no answer within the command time-out".to_owned(),
                }
            }
            // What the network said; TLS says the second where what it reads is no TLS.
            Error::Io { kind, message } if *kind != IoErrorKind::InvalidData => MssqlError::Lost {
                server,
                message: one_line(without_advice(message)),
            },
            other => MssqlError::Protocol {
                server,
                message: one_line(&other.to_string()),
            },
        }
    }

    /// The same while a connection is made: what is lost then was never there.
    pub(crate) fn while_connecting(server: &str, error: &tiberius::error::Error) -> Self {
        use tiberius::error::Error;
        match error {
            Error::Protocol(message) if message.contains("encryption level") => {
                MssqlError::Unencrypted {
                    server: server.to_owned(),
                }
            }
            Error::Io { message, .. } => MssqlError::Unreachable {
                server: server.to_owned(),
                message: one_line(without_advice(message)),
            },
            Error::Routing { host, port } => MssqlError::Unreachable {
                server: server.to_owned(),
                message: one_line(&format!(
                    "sent on once, it is sent on again, to {host}:{port}"
                )),
            },
            other => MssqlError::at(server, other),
        }
    }

    fn reported(server: String, message: &str, number: u32) -> Self {
        let message = one_line(message);
        if let Some((row, reason)) = undone_by(&message) {
            return MssqlError::Undone {
                server,
                message: reason.to_owned(),
                number,
                row,
            };
        }
        match kind_of(number) {
            Kind::Login => MssqlError::Login {
                server,
                message,
                number,
            },
            Kind::Permission => MssqlError::Permission {
                server,
                message,
                number,
            },
            Kind::Deadlock => MssqlError::Deadlock {
                server,
                message,
                number,
            },
            Kind::Unavailable => MssqlError::Unavailable {
                server,
                message,
                number,
            },
            Kind::Snapshot => MssqlError::Snapshot {
                server,
                message,
                number,
            },
            Kind::Constraint => MssqlError::Constraint {
                server,
                message,
                number,
            },
            Kind::Value => MssqlError::Value {
                server,
                message,
                number,
            },
            Kind::Undone => MssqlError::Undone {
                server,
                message,
                number,
                row: None,
            },
            Kind::Call | Kind::Other => MssqlError::Database {
                server,
                message,
                number,
            },
        }
    }

    /// Adds the statement to a missing permission that the message may not name.
    pub(crate) fn during(mut self, statement: &str) -> Self {
        const SHOWN: usize = 120;
        if let MssqlError::Permission { message, .. } = &mut self {
            let line = statement.lines().next().unwrap_or_default();
            let shown: String = one_line(line).chars().take(SHOWN).collect();
            message.push_str(&format!(" (in: {shown})"));
        }
        self
    }

    /// A connection that could be made a moment ago.
    pub(crate) fn of_known_server(self) -> Self {
        match self {
            MssqlError::Unreachable { server, message } => MssqlError::Lost { server, message },
            other => other,
        }
    }

    /// That a row undid the transaction: which one, where the batch could tell, and the error. Not where somebody else was in the way.
    pub(crate) fn undone(&self) -> Option<(Option<usize>, String)> {
        match self {
            MssqlError::Undone { message, row, .. } => Some((*row, message.clone())),
            _ => None,
        }
    }

    /// Whether the same request may go through when it is made again over a new connection.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            MssqlError::Lost { .. } | MssqlError::Deadlock { .. } | MssqlError::Unavailable { .. }
        )
    }
}

/// What the driver and its TLS library say, without their advice to programmers.
fn without_advice(message: &str) -> &str {
    let advice = ["To connect anyway", ": https://"];
    let starts = advice.iter().filter_map(|start| message.find(start));
    let end = starts.min().unwrap_or(message.len());
    let told = message.get(..end).unwrap_or(message);
    let wrapping = "An error occurred during the attempt of performing I/O: ";
    let told = told.strip_prefix(wrapping).unwrap_or(told);
    told.trim_end().trim_end_matches('.')
}

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
            MssqlError::Answer { server, message } => ProviderError::refused(
                server,
                format!("the server's answer cannot be read: {message}"),
                "check that the metadata tables are unchanged",
            ),
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
                match other.is_transient() {
                    true => ProviderError::transient(object, reason, remedy),
                    false => ProviderError::database(object, reason, remedy),
                }
            }
        }
    }
}

//! What can go wrong with a SQLite database, as the layers above see it.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;
use sync_metadata::MetadataError;
use sync_provider::ProviderError;

/// Why provisioning, deprovisioning or inspecting a SQLite database did not work. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SqliteError {
    /// The file does not exist.
    #[error("{}: there is no such file; check the path, or provision it like another database", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file exists but is no SQLite database.
    #[error("{}: this file is no SQLite database; name another file", path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The path is that of a folder.
    #[error("{}: this is a folder; name the database file in it", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// Somebody else holds a lock for longer than the time-out.
    #[error("{}: the database is locked by someone else; end the other transaction or try again later", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// Any other failure of SQLite.
    #[error("{}: {message} (SQLite error {code}); check the database and the file's permissions", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// SQLite's message.
        message: String,
        /// SQLite's extended result code.
        code: i32,
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
    #[error("{}: {source}; {}", path.display(), start_anew(path))]
    Metadata {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: MetadataError,
    },
}

impl SqliteError {
    pub(crate) fn refused(
        object: impl Into<String>,
        reason: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        SqliteError::Refused {
            object: object.into(),
            reason: reason.into(),
            remedy: remedy.into(),
        }
    }

    /// What the metadata's own rules say against an object that is named here anyway.
    pub(crate) fn unsuitable(
        object: impl Into<String>,
        error: MetadataError,
        remedy: impl Into<String>,
    ) -> Self {
        let reason = match error {
            MetadataError::Table { reason, .. } | MetadataError::Scope { reason, .. } => reason,
            other => other.to_string(),
        };
        SqliteError::refused(object, reason, remedy)
    }

    /// A failure of SQLite at a file.
    pub(crate) fn at(path: &Path, error: &rusqlite::Error) -> Self {
        let path = path.to_path_buf();
        let failure = match error {
            rusqlite::Error::SqlInputError { error, .. } => error,
            rusqlite::Error::SqliteFailure(error, _) => error,
            error => {
                return SqliteError::Database {
                    path,
                    message: error.to_string(),
                    code: 0,
                };
            }
        };
        match failure.code {
            ErrorCode::NotADatabase => SqliteError::NotADatabase { path },
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => SqliteError::Locked { path },
            _ => SqliteError::Database {
                path,
                message: message(error),
                code: failure.extended_code,
            },
        }
    }
}

/// What SQLite says of an error, without the statement that it happened in.
pub(crate) fn message(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        error => error.to_string(),
    }
}

/// The way out where the metadata of a scope is damaged, or does not fit its tables any more.
pub(crate) fn provision_anew(path: &Path, scope: &str) -> String {
    let path = argument(&path.display().to_string());
    let scope = argument(scope);
    format!(
        "take the scope off (syncdb deprovision {path} --scope {scope}), then provision it again"
    )
}

/// The way out where the metadata cannot even tell what belongs to it.
pub(crate) fn start_anew(path: &Path) -> String {
    let path = argument(&path.display().to_string());
    format!(
        "restore the metadata tables, or take all of them off (syncdb deprovision {path} --store), then provision again"
    )
}

/// A word as it is written on a command line.
fn argument(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-./\\:".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("\"{word}\"")
    }
}

impl From<SqliteError> for ProviderError {
    fn from(error: SqliteError) -> Self {
        match error {
            SqliteError::Refused {
                object,
                reason,
                remedy,
            } => ProviderError::refused(object, reason, remedy),
            SqliteError::Metadata { path, source } => match source {
                MetadataError::UnknownVersion { .. } | MetadataError::NoVersion => {
                    ProviderError::Version {
                        object: path.display().to_string(),
                        reason: source.to_string(),
                        remedy: "use a version of syncdb that knows this format".into(),
                    }
                }
                source => ProviderError::refused(
                    path.display().to_string(),
                    source.to_string(),
                    start_anew(&path),
                ),
            },
            SqliteError::Missing { path } => ProviderError::database(
                path.display().to_string(),
                "there is no such file",
                "check the path, or provision it like another database",
            ),
            SqliteError::NotADatabase { path } => ProviderError::database(
                path.display().to_string(),
                "this file is no SQLite database",
                "name another file",
            ),
            SqliteError::Folder { path } => ProviderError::database(
                path.display().to_string(),
                "this is a folder",
                "name the database file in it",
            ),
            SqliteError::Locked { path } => ProviderError::database(
                path.display().to_string(),
                "the database is locked by someone else",
                "end the other transaction or try again later",
            ),
            SqliteError::Database {
                path,
                message,
                code,
            } => ProviderError::database(
                path.display().to_string(),
                format!("{message} (SQLite error {code})"),
                "check the database and the file's permissions",
            ),
        }
    }
}

/// Attaches the file to errors of SQLite and of the metadata.
pub(crate) trait At<T> {
    fn at(self, path: &Path) -> Result<T, SqliteError>;
}

impl<T> At<T> for rusqlite::Result<T> {
    fn at(self, path: &Path) -> Result<T, SqliteError> {
        self.map_err(|error| SqliteError::at(path, &error))
    }
}

impl<T> At<T> for Result<T, MetadataError> {
    fn at(self, path: &Path) -> Result<T, SqliteError> {
        self.map_err(|source| SqliteError::Metadata {
            path: path.to_path_buf(),
            source,
        })
    }
}

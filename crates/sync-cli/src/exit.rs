//! How a run ends: exit codes, and the one line and the document of a failure.

use serde::Serialize;
use sync_provider::ProviderError;
use sync_provider_mssql::MssqlError;
use sync_provider_sqlite::SqliteError;

use crate::plain::plain;

/// The exit codes, which scripts rely on.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Code {
    /// Done; conflicts that a policy settled included.
    Done = 0,
    /// Done, but something is left: differences that were found, rows that failed or wait.
    Left = 1,
    /// Wrong usage; a locator or blob that does not parse.
    Usage = 2,
    /// Refused, for what the databases hold or what they are.
    Refused = 3,
    /// A database, a connection or a file failed.
    Failed = 4,
    /// Cancelled.
    Cancelled = 130,
}

/// Why a run did not get to its end.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    pub(crate) object: String,
    pub(crate) reason: String,
    pub(crate) remedy: String,
    /// The document of what was completed before, shown beside the error with `--json`.
    pub(crate) completed: Option<serde_json::Value>,
}

impl Failure {
    pub(crate) fn new(
        code: Code,
        object: impl Into<String>,
        reason: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Failure {
            code,
            object: object.into(),
            reason: reason.into(),
            remedy: remedy.into(),
            completed: None,
        }
    }

    pub(crate) fn usage(
        object: impl Into<String>,
        reason: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Failure::new(Code::Usage, object, reason, remedy)
    }

    pub(crate) fn refused(
        object: impl Into<String>,
        reason: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Failure::new(Code::Refused, object, reason, remedy)
    }

    /// A file could not be read or written.
    pub(crate) fn file(object: impl Into<String>, error: &std::io::Error) -> Self {
        let remedy = "check the path, the permissions and the room on the disk";
        Failure::new(Code::Failed, object, error.to_string(), remedy)
    }

    /// The same, with what was completed before.
    pub(crate) fn beside(self, document: &impl Serialize) -> Self {
        Failure {
            completed: serde_json::to_value(document).ok(),
            ..self
        }
    }

    /// What stands behind `error: `, in one line.
    pub(crate) fn line(&self) -> String {
        let line = format!("{}: {}; {}", self.object, self.reason, self.remedy);
        plain(&line).into_owned()
    }

    /// The document that `--json` puts on standard output instead of the command's own.
    pub(crate) fn document(&self) -> ErrorDocument<'_> {
        let error = ErrorBody {
            code: self.code as u8,
            object: &self.object,
            message: &self.reason,
            remedy: &self.remedy,
        };
        ErrorDocument {
            error,
            completed: self.completed.as_ref(),
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct ErrorDocument<'a> {
    error: ErrorBody<'a>,
    #[serde(flatten)]
    completed: Option<&'a serde_json::Value>,
}

#[derive(Debug, Serialize)]
struct ErrorBody<'a> {
    code: u8,
    object: &'a str,
    message: &'a str,
    remedy: &'a str,
}

impl From<ProviderError> for Failure {
    fn from(error: ProviderError) -> Self {
        let code = match error {
            ProviderError::Cancelled => Code::Cancelled,
            ProviderError::Database { .. } | ProviderError::Transient { .. } => Code::Failed,
            // Versions, outdated peers, and metadata that makes no sense: all of them what a database is.
            _ => Code::Refused,
        };
        Failure::new(code, error.object(), error.reason(), error.remedy())
    }
}

impl From<SqliteError> for Failure {
    fn from(error: SqliteError) -> Self {
        ProviderError::from(error).into()
    }
}

impl From<MssqlError> for Failure {
    fn from(error: MssqlError) -> Self {
        ProviderError::from(error).into()
    }
}

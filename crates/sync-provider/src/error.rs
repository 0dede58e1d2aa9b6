//! Why a provider could not do what a session asked of it.

use serde::{Deserialize, Serialize};

/// An error of a provider, as a session sees it.
///
/// The split is Microsoft Sync Framework's (`DbSyncException`, `DbVersionException`, `DbOutdatedSyncException`, connection
/// failures); every variant names the object and the way out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ProviderError {
    /// The request cannot be carried out on this database as it is (`DbSyncException`).
    #[error("{object}: {reason}; {remedy}")]
    Refused {
        /// The scope, table or column that is meant.
        object: String,
        /// What is wrong with it.
        reason: String,
        /// What the user can do.
        remedy: String,
    },
    /// The metadata has a version that this operation does not support (`DbVersionException`).
    #[error("{object}: {reason}; {remedy}")]
    Version {
        /// The database or scope.
        object: String,
        /// Which version was met.
        reason: String,
        /// What the user can do.
        remedy: String,
    },
    /// The destination needs changes whose tombstones the source has cleaned up (`DbOutdatedSyncException`).
    #[error("{object}: {reason}; {remedy}")]
    Outdated {
        /// The scope.
        object: String,
        /// What is missing.
        reason: String,
        /// What the user can do.
        remedy: String,
    },
    /// The database or the connection to it failed.
    #[error("{object}: {reason}; {remedy}")]
    Database {
        /// The database.
        object: String,
        /// The engine's message and number.
        reason: String,
        /// What the user can do.
        remedy: String,
    },
    /// The connection was lost, or the database let somebody else go first: nothing of the transaction under way is left, and the same may
    /// go through over a fresh connection. A session tries that by itself before it gives up.
    #[error("{object}: {reason}; {remedy}")]
    Transient {
        /// The database.
        object: String,
        /// The engine's message and number.
        reason: String,
        /// What the user can do.
        remedy: String,
    },
    /// A message of the other side does not make sense here: knowledge or a batch does not decode, or a call is out of turn.
    #[error("{object}: {reason}; {remedy}")]
    Malformed {
        /// The scope or call.
        object: String,
        /// What does not fit.
        reason: String,
        /// What the user can do.
        remedy: String,
    },
    /// The session was cancelled; nothing is visible of the current direction since its last [`Next::CommittedSoFar`](crate::Next::CommittedSoFar).
    #[error("the session was cancelled; nothing of the direction under way was applied")]
    Cancelled,
}

impl ProviderError {
    /// A [`ProviderError::Refused`].
    pub fn refused(
        object: impl Into<String>,
        reason: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        ProviderError::Refused {
            object: object.into(),
            reason: reason.into(),
            remedy: remedy.into(),
        }
    }

    /// A [`ProviderError::Database`].
    pub fn database(
        object: impl Into<String>,
        reason: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        ProviderError::Database {
            object: object.into(),
            reason: reason.into(),
            remedy: remedy.into(),
        }
    }

    /// A [`ProviderError::Transient`].
    pub fn transient(
        object: impl Into<String>,
        reason: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        ProviderError::Transient {
            object: object.into(),
            reason: reason.into(),
            remedy: remedy.into(),
        }
    }

    /// Whether the same may go through over a fresh connection.
    pub fn is_transient(&self) -> bool {
        matches!(self, ProviderError::Transient { .. })
    }

    /// A [`ProviderError::Malformed`].
    pub fn malformed(object: impl Into<String>, reason: impl Into<String>) -> Self {
        let remedy =
            "both sides must run compatible versions, and the stored metadata must be intact"
                .into();
        ProviderError::Malformed {
            object: object.into(),
            reason: reason.into(),
            remedy,
        }
    }

    /// The object that the error is about.
    pub fn object(&self) -> &str {
        match self {
            ProviderError::Refused { object, .. }
            | ProviderError::Version { object, .. }
            | ProviderError::Outdated { object, .. }
            | ProviderError::Database { object, .. }
            | ProviderError::Transient { object, .. }
            | ProviderError::Malformed { object, .. } => object,
            ProviderError::Cancelled => "session",
        }
    }

    /// What is wrong, without the object and the remedy.
    pub fn reason(&self) -> &str {
        match self {
            ProviderError::Refused { reason, .. }
            | ProviderError::Version { reason, .. }
            | ProviderError::Outdated { reason, .. }
            | ProviderError::Database { reason, .. }
            | ProviderError::Transient { reason, .. }
            | ProviderError::Malformed { reason, .. } => reason,
            ProviderError::Cancelled => "cancelled",
        }
    }

    /// What the user can do.
    pub fn remedy(&self) -> &str {
        match self {
            ProviderError::Refused { remedy, .. }
            | ProviderError::Version { remedy, .. }
            | ProviderError::Outdated { remedy, .. }
            | ProviderError::Database { remedy, .. }
            | ProviderError::Transient { remedy, .. }
            | ProviderError::Malformed { remedy, .. } => remedy,
            ProviderError::Cancelled => "run it again",
        }
    }
}

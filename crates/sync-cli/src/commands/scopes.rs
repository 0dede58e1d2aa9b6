//! Which scope is meant where none is named.

use std::path::Path;

use sync_provider_sqlite::{DEFAULT_BUSY_TIMEOUT, SqliteError};
use sync_relational::ScopeStatus;

use crate::exit::Failure;

/// The scope that two databases are to be looked at in: the one that was named, otherwise the only one of either side. That both files are
/// there comes first: what one of them holds does not matter as long as the other one is missing.
pub(crate) fn common(scope: Option<&str>, paths: [&Path; 2]) -> Result<String, Failure> {
    for path in paths {
        if !path.exists() {
            return Err(SqliteError::Missing { path: path.into() }.into());
        }
        if path.is_dir() {
            return Err(SqliteError::Folder { path: path.into() }.into());
        }
    }
    if let Some(scope) = scope {
        return Ok(scope.to_owned());
    }
    let mut first_failure = None;
    for path in paths {
        match only(path) {
            Ok(scope) => return Ok(scope),
            Err(failure) => first_failure = first_failure.or(Some(failure)),
        }
    }
    Err(first_failure.unwrap_or_else(|| Failure::usage("--scope", "it is missing", "name a scope")))
}

/// The only scope of a database.
fn only(path: &Path) -> Result<String, Failure> {
    let mut names = names(path)?;
    match (names.pop(), names.is_empty()) {
        (Some(name), true) => Ok(name),
        (None, _) => Err(Failure::refused(
            path.display().to_string(),
            "it holds no scope",
            "provision it first (syncdb provision)",
        )),
        (Some(last), false) => {
            names.push(last);
            Err(Failure::refused(
                path.display().to_string(),
                format!("it holds {} scopes ({})", names.len(), names.join(", ")),
                "name one with --scope",
            ))
        }
    }
}

/// The names of the scopes of a database.
pub(crate) fn names(path: &Path) -> Result<Vec<String>, Failure> {
    let scopes: Vec<ScopeStatus> = sync_provider_sqlite::status(path, DEFAULT_BUSY_TIMEOUT)?;
    Ok(scopes.into_iter().map(|scope| scope.name).collect())
}

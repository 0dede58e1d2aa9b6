//! Which scope is meant where none is named.

use super::Database;
use crate::exit::{Code, Failure};

/// The scope that two databases are to be looked at in: the one that was named, otherwise the only one of either side. That both are
/// there comes first: what one of them holds does not matter as long as the other one is missing.
pub(crate) fn common_scope(
    scope: Option<&str>,
    databases: [&dyn Database; 2],
) -> Result<String, Failure> {
    for database in databases {
        database.check_there()?;
    }
    if let Some(scope) = scope {
        return Ok(scope.to_owned());
    }
    let mut first_failure = None;
    for database in databases {
        match only(database) {
            Ok(scope) => return Ok(scope),
            // Without this one nothing can be done, whatever the other holds.
            Err(failure) if failure.code == Code::Failed => return Err(failure),
            Err(failure) => first_failure = first_failure.or(Some(failure)),
        }
    }
    Err(first_failure.unwrap_or_else(|| Failure::usage("--scope", "it is missing", "name a scope")))
}

/// The only scope of a database.
fn only(database: &dyn Database) -> Result<String, Failure> {
    let mut names = database.scope_names()?;
    match (names.pop(), names.is_empty()) {
        (Some(name), true) => Ok(name),
        (None, _) => Err(Failure::refused(
            database.name(),
            "it holds no scope",
            "provision it first (syncdb provision)",
        )),
        (Some(last), false) => {
            names.push(last);
            Err(Failure::refused(
                database.name(),
                format!("it holds {} scopes ({})", names.len(), names.join(", ")),
                "name one with --scope",
            ))
        }
    }
}

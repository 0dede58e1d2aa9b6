//! Which scope a session is in, and which side has to be provisioned for it first.

use std::path::{Path, PathBuf};

use sync_provider::check_compatible;
use sync_provider_sqlite::{DEFAULT_BUSY_TIMEOUT, SqliteError};

use crate::commands::{provision, scopes};
use crate::exit::Failure;
use crate::output::plain;
use crate::progress::Progress;

/// What has to be done before a session.
#[derive(Debug)]
pub(super) enum Preparation {
    Nothing { scope: String },
    Local { scope: String },
    Remote { scope: String },
}

/// Finds out which side lacks the scope. Without `provision` that is left for the session to refuse.
pub(super) fn find(
    local: &Path,
    remote: &Path,
    scope: Option<&str>,
    provision: bool,
) -> Result<Preparation, Failure> {
    if !provision {
        let scope = scopes::common(scope, [local, remote])?;
        return Ok(Preparation::Nothing { scope });
    }
    if !local.exists() && !remote.exists() {
        return Err(SqliteError::Missing { path: local.into() }.into());
    }
    let (at_local, at_remote) = (names_if_any(local)?, names_if_any(remote)?);
    let scope = match scope {
        Some(scope) => scope.to_owned(),
        None => match (at_local.as_slice(), at_remote.as_slice()) {
            ([only], _) | (_, [only]) => only.clone(),
            _ => return Err(undecided(local, remote)),
        },
    };
    Ok(
        match (at_local.contains(&scope), at_remote.contains(&scope)) {
            (true, true) => Preparation::Nothing { scope },
            (false, true) => Preparation::Local { scope },
            (true, false) => Preparation::Remote { scope },
            (false, false) => {
                return Err(Failure::refused(
                    format!("scope {scope}"),
                    format!(
                        "neither {} nor {} holds it",
                        local.display(),
                        remote.display()
                    ),
                    "check its name, or provision one of them first",
                ));
            }
        },
    )
}

impl Preparation {
    pub(super) fn scope(&self) -> &str {
        match self {
            Preparation::Nothing { scope }
            | Preparation::Local { scope }
            | Preparation::Remote { scope } => scope,
        }
    }

    /// Provisions the side that lacks the scope.
    pub(super) fn provision(self, local: &Path, remote: &Path) -> Result<Option<Made>, Failure> {
        let (side, path, model, scope) = match &self {
            Preparation::Nothing { .. } => return Ok(None),
            Preparation::Local { scope } => ("local", local, remote, scope),
            Preparation::Remote { scope } => ("remote", remote, local, scope),
        };
        let created = !path.exists();
        let working = Progress::start(format!("provisioning {}", path.display()));
        let (provisioning, other) = provision::like(model, scope)?;
        // Tables that are there already and do not go with the other side's are refused before anything is changed.
        let planned = provisioning.planned(path)?.description;
        match &self {
            Preparation::Remote { .. } => check_compatible(&other, &planned)?,
            _ => check_compatible(&planned, &other)?,
        }
        let done = provisioning.apply(path)?;
        drop(working);
        provision::warn(&done.warnings);
        Ok(Some(Made {
            side,
            warnings: done.warnings,
            created: created.then(|| path.to_owned()),
        }))
    }
}

/// A side that was provisioned before the session.
#[derive(Debug)]
pub(crate) struct Made {
    /// `local` or `remote`.
    pub(super) side: &'static str,
    /// What the user should know.
    pub(super) warnings: Vec<String>,
    /// The file, where it was not there before.
    created: Option<PathBuf>,
}

impl Made {
    /// Takes back the file that was created, for a session in which nothing came to pass. It stays where it was there before, or where a
    /// program has written to it since.
    pub(super) fn undo(&self) {
        let Some(path) = &self.created else { return };
        let scopes = sync_provider_sqlite::status(path, DEFAULT_BUSY_TIMEOUT).unwrap_or_default();
        let mut tables = scopes.iter().flat_map(|scope| &scope.tables);
        if !scopes.is_empty() && tables.all(|table| table.rows + table.tombstones == 0) {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// The scopes of a database; none where the file is missing.
fn names_if_any(path: &Path) -> Result<Vec<String>, Failure> {
    if path.exists() {
        scopes::names(path)
    } else {
        Ok(Vec::new())
    }
}

fn undecided(local: &Path, remote: &Path) -> Failure {
    let both = format!("{} and {}", local.display(), remote.display());
    Failure::refused(
        plain(&both).into_owned(),
        "neither holds exactly one scope",
        "name the scope with --scope",
    )
}

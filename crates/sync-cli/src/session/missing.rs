//! Which scope a session is in, and which side has to be provisioned for it first.

use std::sync::Arc;

use sync_decision::check_compatible;

use crate::database::{Database, Order, common_scope};
use crate::exit::Failure;
use crate::output::warn;
use crate::plain::plain;
use crate::progress::Progress;

/// The scope of a session, and what has to be done before it.
#[derive(Debug)]
pub(crate) struct Preparation {
    scope: String,
    lacking: Option<Lacking>,
}

/// The side that lacks the scope, and the other one, which it is to become like.
#[derive(Debug)]
struct Lacking {
    side: Side,
    database: Arc<dyn Database>,
    model: Arc<dyn Database>,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Side {
    Local,
    Remote,
}

/// Finds out which side lacks the scope. Without `provision` that is left for the session to refuse.
pub(super) fn find(
    local: &Arc<dyn Database>,
    remote: &Arc<dyn Database>,
    scope: Option<&str>,
    provision: bool,
) -> Result<Preparation, Failure> {
    if !provision {
        let scope = common_scope(scope, [&**local, &**remote])?;
        return Ok(Preparation {
            scope,
            lacking: None,
        });
    }
    if local.is_missing() && remote.is_missing() {
        local.check_there()?;
    }
    let (at_local, at_remote) = (names_if_any(&**local)?, names_if_any(&**remote)?);
    let scope = match scope {
        Some(scope) => scope.to_owned(),
        None => match (at_local.as_slice(), at_remote.as_slice()) {
            ([only], _) | (_, [only]) => only.clone(),
            _ => return Err(undecided(&**local, &**remote)),
        },
    };
    let lacking = |side, database: &Arc<dyn Database>, model: &Arc<dyn Database>| {
        Some(Lacking {
            side,
            database: Arc::clone(database),
            model: Arc::clone(model),
        })
    };
    let lacking = match (at_local.contains(&scope), at_remote.contains(&scope)) {
        (true, true) => None,
        (false, true) => lacking(Side::Local, local, remote),
        (true, false) => lacking(Side::Remote, remote, local),
        (false, false) => {
            return Err(Failure::refused(
                format!("scope {scope}"),
                format!("neither {} nor {} holds it", local.name(), remote.name()),
                "check its name, or provision one of them first",
            ));
        }
    };
    Ok(Preparation { scope, lacking })
}

impl Preparation {
    pub(crate) fn scope(&self) -> &str {
        &self.scope
    }

    /// Provisions the side that lacks the scope.
    pub(crate) fn provision(self) -> Result<Option<Made>, Failure> {
        let Some(Lacking {
            side,
            database,
            model,
        }) = self.lacking
        else {
            return Ok(None);
        };
        let created = database.is_missing();
        let working = Progress::start(format!("provisioning {}", database.name()));
        let model = model.describe(Some(&self.scope))?;
        let other = model.description.clone();
        let order = Order::like(model);
        // Tables that are there already and do not go with the other side's are refused before anything is changed.
        let planned = database.planned(&order)?.description;
        match side {
            Side::Local => check_compatible(&planned, &other)?,
            Side::Remote => check_compatible(&other, &planned)?,
        }
        let done = database.provision(&order)?;
        drop(working);
        warn(&done.warnings);
        Ok(Some(Made {
            side: match side {
                Side::Local => "local",
                Side::Remote => "remote",
            },
            warnings: done.warnings,
            created: created.then_some(database),
        }))
    }
}

/// A side that was provisioned before the session.
#[derive(Debug)]
pub(crate) struct Made {
    /// `local` or `remote`.
    pub(crate) side: &'static str,
    /// What the user should know.
    pub(crate) warnings: Vec<String>,
    /// The database, where there was none before.
    created: Option<Arc<dyn Database>>,
}

impl Made {
    /// Takes back the database that was created, for a session in which nothing came to pass. It stays where it was there before, or where
    /// a program has written to it since.
    pub(crate) fn undo(&self) {
        if let Some(database) = &self.created {
            database.take_back();
        }
    }
}

/// The scopes of a database; none where it is missing.
fn names_if_any(database: &dyn Database) -> Result<Vec<String>, Failure> {
    if database.is_missing() {
        return Ok(Vec::new());
    }
    database.scope_names()
}

fn undecided(local: &dyn Database, remote: &dyn Database) -> Failure {
    let both = format!("{} and {}", local.name(), remote.name());
    Failure::refused(
        plain(&both).into_owned(),
        "neither holds exactly one scope",
        "name the scope with --scope",
    )
}

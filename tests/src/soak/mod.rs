//! Random communities over real databases: chaos first, then calm, and the laws of communities at every step.
//!
//! A seed is a plan: who takes part, what everybody writes and when, which sessions there are, and what goes wrong in them. It is
//! carried out twice, and both times the same must happen. What is looked at is read past the code under test, with statements of our own;
//! what has to hold are the [laws](crate::communities) that the enumerated communities have to keep, too:
//!
//! - knowledge never claims what is not there;
//! - no version is lost without a record;
//! - a direction leaves everything of itself or nothing;
//! - when nothing goes wrong any more, the community becomes quiet.
//!
//! Nothing here depends on which thread is faster. A writer acts where a session of the same database asks it something, on the session's
//! thread; a session is cut while its database waits for its call to fail.

mod database;
mod model;
mod plan;
mod random;
mod run;
mod session;
mod tally;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

pub use tally::Tally;

use plan::Plan;
use run::Run;

/// A seed that broke a law.
#[derive(Debug)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// What was broken, and in which step.
    pub what: String,
    /// What happened until then, the last things only.
    pub trace: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}: {}", self.seed, self.what)?;
        self.trace
            .iter()
            .try_for_each(|line| writeln!(f, "  {line}"))
    }
}

impl std::error::Error for Failure {}

/// Lines of a trace that a failure shows.
const SHOWN: usize = 40;

/// Carries a seed out twice, on files and, where `server` says so, on a server among them.
///
/// # Errors
/// The law that was broken, or where the two times differ.
pub fn check(seed: u64, server: bool) -> Result<Tally, Box<Failure>> {
    let plan = Plan::new(seed, server);
    let first = carry_out(&plan)?;
    let second = carry_out(&plan)?;
    let differing = (first.trace.iter().zip(&second.trace)).position(|(one, other)| one != other);
    let differing = differing.or_else(|| {
        let lengths = [first.trace.len(), second.trace.len()];
        (lengths[0] != lengths[1]).then(|| lengths[0].min(lengths[1]))
    });
    if let Some(at) = differing {
        let line = |run: &Run<'_>| run.trace.get(at).cloned().unwrap_or_default();
        return Err(Box::new(Failure {
            seed,
            what: format!("not the same twice: {} and {}", line(&first), line(&second)),
            trace: first.trace[at.saturating_sub(SHOWN)..at].to_vec(),
        }));
    }
    Ok(first.tally)
}

fn carry_out(plan: &Plan) -> Result<Run<'_>, Box<Failure>> {
    let made =
        catch_unwind(|| Run::new(plan)).map_err(|_| "it panicked before the first step".to_owned());
    let failure = |what, trace| Failure {
        seed: plan.seed,
        what,
        trace,
    };
    let mut run = made.map_err(|what| failure(what, Vec::new()))?;
    let done = catch_unwind(AssertUnwindSafe(|| run.all()));
    match done.unwrap_or_else(|_| Err("it panicked; the message is above".to_owned())) {
        Ok(()) => Ok(run),
        Err(what) => {
            let trace = run.trace.split_off(run.trace.len().saturating_sub(SHOWN));
            Err(Box::new(failure(what, trace)))
        }
    }
}

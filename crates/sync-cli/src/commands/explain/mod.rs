//! `syncdb explain`: the session that `sync` would run now, rehearsed.

mod outlook;
mod report;

use std::sync::{Arc, Mutex, PoisonError};

use super::scopes;
use super::sync::conflicts::Parties;
use super::sync::{configured, policy, priority, show_progress};
use crate::args::ExplainArgs;
use crate::context::Context;
use crate::database;
use crate::exit::{Code, Failure};
use crate::output::Output;
use crate::progress::Progress;
use outlook::Outlook;
use report::ExplainDocument;

pub(crate) fn run(args: &ExplainArgs, context: &Context) -> Result<Code, Failure> {
    let wanted = &args.session;
    let policy = policy(wanted.conflict, &wanted.priority)?;
    let [local, remote] = database::open_two(&wanted.local, &wanted.remote, context)?;
    let scope = scopes::common(wanted.scope.as_deref(), [&*local, &*remote])?;
    priority::warn_of_strangers(&wanted.priority, [&*local, &*remote], &scope)?;

    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let outlook = Arc::new(Mutex::new(Outlook::new(limit)));
    let working = Progress::start("rehearsing");
    let bar = working.bar();
    let name = policy.name();
    let session = configured(wanted, policy, [&*local, &*remote], &scope, context)
        .on_progress({
            let outlook = Arc::clone(&outlook);
            move |progress| {
                show_progress(&bar, progress);
                lock(&outlook).progress(progress);
            }
        })
        .on_row({
            let outlook = Arc::clone(&outlook);
            move |row| lock(&outlook).row(row)
        })
        .on_conflict({
            let outlook = Arc::clone(&outlook);
            move |record| lock(&outlook).conflict(record)
        });
    let result = context.runtime.block_on(session.rehearse());
    drop(working);

    let outlook = lock(&outlook);
    let direction = wanted.direction.into();
    let statistics = match result {
        Ok(statistics) => statistics,
        Err(failure) => {
            let told = &failure.completed;
            let document = ExplainDocument::new(&scope, direction, name, told, &outlook);
            return Err(Failure {
                completed: serde_json::to_value(document).ok(),
                ..failure.error.into()
            });
        }
    };
    let document = ExplainDocument::new(&scope, direction, name, &statistics, &outlook);
    let mut out = Output::stdout();
    if context.json {
        out.json(&document);
    } else {
        let parties = Parties::of([&*local, &*remote]);
        report::show(&mut out, &document, &outlook, &parties);
    }
    out.finish()?;
    Ok(Code::Done)
}

fn lock(outlook: &Mutex<Outlook>) -> std::sync::MutexGuard<'_, Outlook> {
    outlook.lock().unwrap_or_else(PoisonError::into_inner)
}

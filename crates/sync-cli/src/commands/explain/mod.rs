//! `syncdb explain`: the session that `sync` would run now, rehearsed.

mod outlook;
mod report;

use sync_orchestrator::SyncOperationStatistics;

use crate::args::ExplainArgs;
use crate::context::Context;
use crate::exit::{Code, Failure};
use crate::output::Output;
use crate::session::{Heard, Pair, Parties};
use outlook::Outlook;
use report::ExplainDocument;

pub(crate) fn run(args: &ExplainArgs, context: &Context) -> Result<Code, Failure> {
    let pair = Pair::open(&args.session, context)?;
    let prepared = pair.prepare(false)?;
    let scope = prepared.scope();

    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let outlook = Heard::new(Outlook::new(limit));
    let result = pair.session(scope)?.rehearse("rehearsing", &outlook);
    let outlook = outlook.lock();
    let document = |told: &SyncOperationStatistics| {
        ExplainDocument::new(pair.head(scope), pair.policy_name(), told, &outlook)
    };
    let statistics = match result {
        Ok(statistics) => statistics,
        Err(failure) => {
            let told = document(&failure.completed);
            return Err(Failure::from(failure.error).beside(&told));
        }
    };
    let document = document(&statistics);
    let mut out = Output::stdout();
    if context.json {
        out.json(&document);
    } else {
        let parties = Parties::of(pair.databases());
        report::show(&mut out, &document, &outlook, &parties);
    }
    out.finish()?;
    Ok(Code::Done)
}

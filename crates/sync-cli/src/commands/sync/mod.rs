//! `syncdb sync`

mod file;
mod met;
mod report;

use crate::args::SyncArgs;
use crate::context::Context;
use crate::exit::{Code, Failure};
use crate::output::{Output, warn};
use crate::session::{Heard, Pair, Parties};
use file::ConflictFile;
use met::Met;
use report::SyncDocument;

pub(crate) fn run(args: SyncArgs, context: &Context) -> Result<Code, Failure> {
    let pair = Pair::open(&args.session, context)?;
    let prepared = pair.prepare(args.provision)?;
    // Before anything changes it must be certain that the conflicts can be written down.
    let conflicts = args
        .conflicts
        .as_deref()
        .map(|path| ConflictFile::open(path, pair.databases().map(|database| database.file())))
        .transpose()?;
    let scope = prepared.scope().to_owned();
    let mut provisioned = prepared.provision()?;

    let met = Heard::new(Met::new(Parties::of(pair.databases()), conflicts));
    let result = pair.session(&scope)?.synchronize("synchronising", &met);
    let mut met = met.lock();
    let statistics = match result {
        Ok(statistics) => statistics,
        Err(failure) => {
            // What was committed before has conflicts, too.
            let unwritten = met.file.as_mut().and_then(|file| file.flush().err());
            warn(unwritten.map(|unwritten| unwritten.line()).as_slice());
            let done = &failure.completed;
            let nothing = done.upload.is_none() && done.download.is_none();
            if let Some(made) = provisioned.take_if(|_| nothing) {
                made.undo();
            }
            let document = SyncDocument::new(pair.head(&scope), done, provisioned.as_ref());
            return Err(Failure::from(failure.error).beside(&document));
        }
    };
    let document = SyncDocument::new(pair.head(&scope), &statistics, provisioned.as_ref());
    if let Some(Err(failure)) = met.file.as_mut().map(ConflictFile::finish) {
        return Err(failure.beside(&document));
    }
    let mut out = Output::stdout();
    if context.json {
        out.json(&document);
    } else {
        report::show(&mut out, &document, &statistics, &met.lines);
    }
    out.finish()?;
    Ok(if statistics.is_incomplete() {
        Code::Left
    } else {
        Code::Done
    })
}

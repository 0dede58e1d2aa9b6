//! `syncdb deprovision`

use serde::Serialize;
use sync_provider_sqlite::{DEFAULT_BUSY_TIMEOUT, Deprovisioning};

use super::provision::script;
use crate::args::DeprovisionArgs;
use crate::context::Context;
use crate::exit::{Code, Failure};
use crate::locator::sqlite_path;
use crate::output::{Output, line, paint, plain};
use crate::progress::Progress;

#[derive(Debug, Serialize)]
struct DeprovisionDocument<'a> {
    database: &'a str,
    /// `None` where everything went.
    scope: Option<&'a str>,
}

pub(crate) fn run(args: &DeprovisionArgs, context: &Context) -> Result<Code, Failure> {
    let path = sqlite_path(&args.database)?;
    let what = match &args.scope {
        Some(scope) => Deprovisioning::Scope(scope.clone()),
        None => Deprovisioning::Store,
    };
    if args.script {
        return script(&what.script(&path, DEFAULT_BUSY_TIMEOUT)?, context);
    }
    let working = Progress::start("taking metadata off");
    what.apply(&path, DEFAULT_BUSY_TIMEOUT)?;
    drop(working);
    let database = path.display().to_string();
    let mut out = Output::stdout();
    if context.json {
        out.json(&DeprovisionDocument {
            database: &database,
            scope: args.scope.as_deref(),
        });
    } else {
        let what = args
            .scope
            .as_ref()
            .map_or("all metadata".to_owned(), |scope| format!("scope {scope}"));
        let (what, database) = (plain(&what), plain(&database));
        line!(
            out,
            "{} took {what} off {database}; tables and rows stay",
            paint::good("✓")
        );
    }
    out.finish()?;
    Ok(Code::Done)
}

//! `syncdb deprovision`

use serde::Serialize;

use super::script;
use crate::args::DeprovisionArgs;
use crate::context::Context;
use crate::database::{self, Removal};
use crate::exit::{Code, Failure};
use crate::output::{Output, line, paint};
use crate::plain::plain;
use crate::progress::Progress;

#[derive(Debug, Serialize)]
struct DeprovisionDocument<'a> {
    database: &'a str,
    /// `None` where everything went.
    scope: Option<&'a str>,
}

pub(crate) fn run(args: &DeprovisionArgs, context: &Context) -> Result<Code, Failure> {
    let database = database::open(&args.database, context)?;
    let what = match &args.scope {
        Some(scope) => Removal::Scope(scope.clone()),
        None => Removal::Store,
    };
    if args.script {
        return script::print(&database.deprovisioning_script(&what)?, context);
    }
    let working = Progress::start("taking metadata off");
    database.deprovision(&what)?;
    drop(working);
    let database = database.name();
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

//! What a command would run, printed instead.

use serde::Serialize;

use crate::context::Context;
use crate::database::Script;
use crate::exit::{Code, Failure};
use crate::output::{Output, line};

#[derive(Debug, Serialize)]
struct ScriptDocument<'a> {
    statements: &'a [String],
}

/// Prints statements instead of running them.
pub(super) fn print(script: &Script, context: &Context) -> Result<Code, Failure> {
    let mut out = Output::stdout();
    if context.json {
        out.json(&ScriptDocument {
            statements: &script.statements,
        });
    } else {
        line!(out, "{}", script.text.trim_end());
    }
    out.finish()?;
    Ok(Code::Done)
}

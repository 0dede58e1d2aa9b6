//! The commands, a module each: from its arguments to its report.

mod demo;
mod deprovision;
mod explain;
mod knowledge;
mod provision;
mod script;
mod status;
mod sync;
mod verify;

use crate::args::Command;
use crate::context::Context;
use crate::exit::{Code, Failure};

pub(crate) fn run(command: Command, context: &Context) -> Result<Code, Failure> {
    match command {
        Command::Demo(args) => demo::run(&args, context),
        Command::Provision(args) => provision::run(args, context),
        Command::Sync(args) => sync::run(args, context),
        Command::Explain(args) => explain::run(&args, context),
        Command::Status(args) => status::run(&args, context),
        Command::Verify(args) => verify::run(&args, context),
        Command::Deprovision(args) => deprovision::run(&args, context),
        Command::Knowledge(command) => knowledge::run(&command, context),
    }
}

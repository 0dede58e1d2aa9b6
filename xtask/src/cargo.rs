//! Running cargo.

use std::env;
use std::process::{Command, ExitStatus};

use crate::error::Error;

/// The cargo that runs us, so that a chosen toolchain stays chosen.
pub(crate) fn command() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs to the end with our own standard streams.
///
/// # Errors
/// If the command cannot be started or does not succeed.
pub(crate) fn run(command: &mut Command) -> Result<(), Error> {
    let status = command.status().map_err(start_error(command))?;
    ensure_success(command, status)
}

/// For `map_err`: the command could not be started.
pub(crate) fn start_error(command: &Command) -> impl FnOnce(std::io::Error) -> Error + use<> {
    let command = shown(command);
    move |source| Error::Start { command, source }
}

/// # Errors
/// If the status is not success.
pub(crate) fn ensure_success(command: &Command, status: ExitStatus) -> Result<(), Error> {
    if status.success() {
        return Ok(());
    }
    let command = shown(command);
    Err(Error::Ended { command, status })
}

/// The command as a person would type it.
fn shown(command: &Command) -> String {
    let program = command.get_program();
    let mut text = if env::var_os("CARGO").is_some_and(|cargo| cargo == program) {
        String::from("cargo")
    } else {
        program.to_string_lossy().into_owned()
    };
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text
}

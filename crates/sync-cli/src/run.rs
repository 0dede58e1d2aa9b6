//! From the arguments to the exit code.

use std::ffi::OsString;
use std::future::{Future as _, poll_fn};
use std::io::{self, Write as _};
use std::pin::pin;
use std::process::ExitCode;
use std::task::Poll;
use std::time::Duration;

use clap::Parser as _;
use sync_orchestrator::Cancellation;
use tokio::runtime::Runtime;

use crate::args::{Args, Command};
use crate::commands;
use crate::context::{Context, Temporary};
use crate::exit::{Code, Failure};
use crate::locator;
use crate::output::{Output, paint};

/// How long a command may take to leave after Ctrl-C. What it has not committed by then is undone by the database when it is next opened.
const PATIENCE: Duration = Duration::from_secs(1);

pub(crate) fn run(arguments: Vec<OsString>) -> ExitCode {
    let args = match Args::try_parse_from(&arguments) {
        Ok(args) => args,
        Err(error) => return wrong_usage(&error, &arguments),
    };
    trace_to_stderr();
    let json = args.json;
    let code = execute(args).unwrap_or_else(|failure| report(&failure, json));
    ExitCode::from(code as u8)
}

fn execute(args: Args) -> Result<Code, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::file("runtime", &error))?;
    let context = Context {
        json: args.json,
        cancellation: Cancellation::new(),
        runtime: runtime.handle().clone(),
        temporary: Temporary::default(),
    };
    let result = runtime.block_on(until_done_or_cancelled(&runtime, context, args.command));
    // A command that does not heed Ctrl-C is left behind rather than waited for.
    runtime.shutdown_background();
    result
}

/// Commands block (SQLite does), so they have a thread of their own; this one waits for them and for Ctrl-C.
async fn until_done_or_cancelled(
    runtime: &Runtime,
    context: Context,
    command: Command,
) -> Result<Code, Failure> {
    let (cancellation, temporary) = (context.cancellation.clone(), context.temporary.clone());
    // Asked once before the work begins: from its first step on, Ctrl-C is a request and no sudden end.
    let mut interrupted = pin!(tokio::signal::ctrl_c());
    poll_fn(|task| Poll::Ready(interrupted.as_mut().poll(task).is_ready())).await;
    tracing::debug!("Ctrl-C is heeded");
    let mut work = runtime.spawn_blocking(move || commands::run(command, &context));
    let ended = tokio::select! {
        ended = &mut work => ended,
        _ = interrupted => {
            cancellation.cancel();
            match tokio::time::timeout(PATIENCE, work).await {
                Ok(ended) => ended,
                Err(_) => {
                    temporary.remove();
                    return Err(cancelled());
                }
            }
        }
    };
    ended.unwrap_or_else(|_| {
        Err(Failure::new(
            Code::Failed,
            "command",
            "it ended unexpectedly",
            "report this as an error of syncdb",
        ))
    })
}

fn cancelled() -> Failure {
    Failure::new(
        Code::Cancelled,
        "command",
        "cancelled; what was not committed is undone",
        "run it again",
    )
}

/// Says what went wrong, and gives the code to exit with.
fn report(failure: &Failure, json: bool) -> Code {
    // Where nobody listens any more there is nobody to tell that nobody listens.
    let _ = writeln!(
        anstream::stderr(),
        "{}: {}",
        paint::error("error"),
        failure.line()
    );
    if json {
        let mut out = Output::stdout();
        out.json(&failure.document());
        let _ = out.finish();
    }
    failure.code
}

/// Help and version are no errors; everything else that clap says is. Its first paragraph becomes the error, in one line; tips and usage
/// follow.
fn wrong_usage(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    if !error.use_stderr() {
        let _ = write!(anstream::stdout(), "{}", error.render().ansi());
        return ExitCode::SUCCESS;
    }
    let text = locator::without_secrets(error.render().to_string(), arguments);
    let (message, advice) = match text.strip_prefix("error: ") {
        Some(text) => text.split_once("\n\n").unwrap_or((text, "")),
        // Without a command it shows its help instead.
        None => ("no command is given", text.as_str()),
    };
    let words: Vec<&str> = message.split_whitespace().collect();
    let failure = Failure::usage("command line", words.join(" "), "see syncdb --help");
    let json = arguments.iter().any(|argument| argument == "--json");
    let code = report(&failure, json);
    if !advice.is_empty() {
        let _ = write!(anstream::stderr(), "\n{advice}");
    }
    ExitCode::from(code as u8)
}

/// What the libraries trace, for whoever sets RUST_LOG.
fn trace_to_stderr() {
    use tracing_subscriber::filter::Targets;
    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::util::SubscriberInitExt as _;

    let filter = std::env::var("RUST_LOG").ok();
    let Some(filter) = filter.and_then(|filter| filter.parse::<Targets>().ok()) else {
        return;
    };
    let layer = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let _ = tracing_subscriber::registry()
        .with(layer)
        .with(filter)
        .try_init();
}

//! What every command is given.

use sync_orchestrator::Cancellation;
use tokio::runtime::Handle;

/// What every command is given, whatever it does.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    /// Whether the report is a document on standard output.
    pub(crate) json: bool,
    /// Set by Ctrl-C.
    pub(crate) cancellation: Cancellation,
    pub(crate) runtime: Handle,
}

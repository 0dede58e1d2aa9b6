//! What the tests of the whole share: the provider conformance suite, and helpers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice,
    clippy::print_stderr,
    reason = "a test that cannot go on panics, one that cannot run says so"
)]

pub mod communities;
pub mod conformance;
pub mod soak;
pub mod support;

/// The examples of the tutorial, and of all READMEs that need more than their own crate, compiled.
#[cfg(doctest)]
mod readme_examples {
    #[doc = include_str!("../../docs/knowledge.md")]
    struct Knowledge;
    #[doc = include_str!("../../README.md")]
    struct Workspace;
    #[doc = include_str!("../../crates/sync-orchestrator/README.md")]
    struct Orchestrator;
    #[doc = include_str!("../../crates/sync-provider/README.md")]
    struct Provider;
    #[doc = include_str!("../../crates/sync-provider-sqlite/README.md")]
    struct ProviderSqlite;
    #[doc = include_str!("../../crates/sync-relational/README.md")]
    struct Relational;
}

//! The real binary on real files. Every outcome is read back through a connection of the test's own, or from the files' bytes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice,
    clippy::print_stdout,
    reason = "a test that cannot go on panics, and one that cannot run says so"
)]

mod bad_input;
mod cancel;
mod demo;
mod exit_codes;
mod explain;
mod killed;
mod knowledge;
mod layers;
mod locators;
mod problems;
mod provision;
mod server;
mod sql_server;
mod sql_server_chinook;
mod sql_server_errors;
mod status;
mod support;
mod sync;
mod usage;
mod verify;

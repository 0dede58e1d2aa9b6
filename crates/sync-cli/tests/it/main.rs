//! The real binary on real files. Every outcome is read back through a connection of the test's own, or from the files' bytes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice,
    reason = "a test that cannot go on panics; that is its way to fail"
)]

mod bad_input;
mod cancel;
mod demo;
mod exit_codes;
mod killed;
mod knowledge;
mod layers;
mod locators;
mod problems;
mod provision;
mod status;
mod support;
mod sync;
mod usage;
mod verify;

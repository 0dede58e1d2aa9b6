//! SQLite databases as a whole: provisioned, written to by applications, and synchronised. Everything is looked at through a
//! connection of the test's own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on panics"
)]

mod concurrent_writers;
mod constraints;
mod damaged_metadata;
mod foreign_keys;
mod hostile_batches;
mod key_kinds;
mod like;
mod locks;
mod many_failures;
mod open_writers;
mod opposing;
mod provisioning;
mod refusals;
mod replaced_rows;
mod respelled_keys;
mod several_scopes;
mod support;
mod tracking_refusals;
mod triggers;
mod unique_keys;
mod unreadable_text;
mod user_triggers;

//! The provider against a real server: what `SYNC_TEST_MSSQL` names, a locator with a maintenance database. Without it every test here says
//! that it was skipped.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on panics, and one that cannot run says so"
)]

mod chinook;
mod cuts;
mod deprovisioning;
mod inspecting;
mod likeness;
mod msf;
mod msf_edited;
mod msf_meanwhile;
mod msf_sessions;
mod permissions;
mod procedures;
mod provisioning;
mod proxy;
mod refusals;
mod relays;
mod sessions;
mod sharing;
mod support;
mod triggers;

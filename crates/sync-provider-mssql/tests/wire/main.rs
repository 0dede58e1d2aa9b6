//! The wire, without a server: connections to one that answers from a script.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on panics"
)]

mod connecting;
mod errors;
mod garbage;
mod losing;
mod server;
mod tokens;

use std::time::Duration;

use sync_provider_mssql::{Password, Settings};

use crate::server::Server;

/// Where a scripted server is, with times that a test can wait for.
fn settings(server: &Server) -> Settings {
    let mut settings = Settings::new("localhost", "Sales", "app", Password::new("Geheim-12"));
    settings.port = Some(server.address.port());
    settings.trust_server_certificate = true;
    settings.connect_timeout = Duration::from_secs(10);
    settings.command_timeout = Duration::from_secs(10);
    settings
}

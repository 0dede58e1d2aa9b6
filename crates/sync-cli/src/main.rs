//! `syncdb`: keeps databases in step from the command line.
//!
//! Arguments become types ([`args`], [`locator`]), a command does its work through the library crates and writes its report
//! ([`commands`], [`output`], [`json`]), sessions are one module for all commands that have them ([`session`]), and what went wrong becomes one line and a documented exit code ([`exit`]).
#![forbid(unsafe_code)]

mod args;
mod commands;
mod context;
mod database;
mod exit;
mod json;
mod locator;
mod output;
mod plain;
mod progress;
mod run;
mod session;
mod stopwatch;

use std::process::ExitCode;

fn main() -> ExitCode {
    run::run(std::env::args_os().collect())
}

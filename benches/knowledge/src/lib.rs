//! What the benches of `sync-knowledge` share: sample data, a stopwatch, and the pieces of work that are measured.
//!
//! It is a crate apart from the benches of whole sessions so that the instruction gate builds in seconds: it needs no database.
#![forbid(unsafe_code)]

pub mod sample;
pub mod stopwatch;
pub mod work;

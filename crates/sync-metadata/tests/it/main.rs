//! The crate's behaviour through its public interface: tables of cases and laws.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::string_slice,
    reason = "a test that cannot go on panics, in its helpers too"
)]

mod canonical;
mod config_xml;
mod fit;
mod row_ids;
mod samples;
mod schema;
mod serialised;
mod values;

//! The speed of `sync-knowledge` beside that of others: version vectors of other libraries, plain containers, and the bound of what
//! memory allows.
//!
//! Every contestant gets the same random replicas and ticks and gives the same answer; a merge leaves both sides as they are and
//! allocates its result.
#![forbid(unsafe_code)]

pub mod bound;
pub mod contest;
pub mod ours;
pub mod plain;
pub mod rival;

mod libraries;

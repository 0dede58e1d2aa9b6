//! What the benches share: sample data, the sessions that are measured, and the floor that they are measured against.
//!
//! Wall time on a shared machine is noise. So whatever is compared is run in turns, in one process, and reported as a ratio of
//! medians ([`stopwatch`]); the regression gate counts instructions instead (the `workload` program under callgrind).
#![forbid(unsafe_code)]

pub mod floor;
pub mod pair;
pub mod sample;
pub mod stopwatch;
pub mod tracking;

/// A bench that fails says why and ends.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

//! Helpers of the tests: sessions, scratch folders, dumps made outside the code under test, faults, and generated data.

pub mod blocking;
pub mod dump;
pub mod engines;
pub mod faulty;
pub mod member;
// Shared with the tests of the provider itself, which need more of it.
#[allow(dead_code, reason = "only the provider's own tests use all of it")]
#[path = "../../../crates/sync-provider-mssql/tests/it/msf.rs"]
pub(crate) mod msf;
pub mod sales;
pub mod scratch;
pub mod session;
pub mod sql_server;

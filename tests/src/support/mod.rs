//! Helpers of the tests: sessions, scratch folders, dumps made outside the code under test, faults, and generated data.

pub mod blocking;
pub mod dump;
pub mod faulty;
pub mod sales;
pub mod scratch;
pub mod session;
pub mod sql_server;

//! What the tests of the whole share: the provider conformance suite, and helpers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice,
    reason = "a test that cannot go on panics; that is its way to fail"
)]

pub mod communities;
pub mod conformance;
pub mod support;

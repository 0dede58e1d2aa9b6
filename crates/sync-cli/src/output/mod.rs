//! What people and scripts are shown.

mod key;
mod numbers;
pub(crate) mod paint;
mod stream;
mod table;
mod warnings;

pub(crate) use key::key;
pub(crate) use numbers::{bytes, count, duration, plural, timestamp};
pub(crate) use stream::{Output, line};
pub(crate) use table::{Align, Table};
pub(crate) use warnings::warn;

//! What people and scripts are shown.

mod numbers;
pub(crate) mod paint;
mod stream;
mod table;
mod text;

pub(crate) use numbers::{bytes, count, duration, plural, timestamp};
pub(crate) use stream::{Output, line};
pub(crate) use table::{Align, Table};
pub(crate) use text::{key, plain};

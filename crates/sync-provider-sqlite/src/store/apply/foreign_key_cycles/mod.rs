//! Rows that refer to each other in a cycle: no order of them puts each behind what it needs.
//!
//! Both parts are for rows that come again by key, where each constraint is checked row by row. The first time the commit checks them all.

pub(super) mod delete;
pub(super) mod insert;

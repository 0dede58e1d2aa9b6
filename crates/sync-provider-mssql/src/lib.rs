//! The SQL Server provider of syncdb, in development.
//!
//! This crate has no API yet: its place in the workspace, and what it may depend on, are fixed. SQLite databases are synchronised by
//! `sync-provider-sqlite`.
#![forbid(unsafe_code)]

//! What synchronisation providers decide: pure functions over versions and knowledge.
//!
//! What a provider decides on the way is not its own affair: what to send ([`Selection`]), whether an incoming row is needed, applied,
//! settled or in conflict ([`Judge`]), who wins ([`winner`]), which version the outcome gets ([`SettlementClock`]) and what the direction teaches
//! ([`learn`]) are functions of this crate. All providers call them, so what is proved of one holds for the others.
#![forbid(unsafe_code)]

mod columns;
mod compatible;
mod decide;
mod effect;
mod item_id;
mod learn;
mod normal_key;
mod select;
mod settlement;
mod table_shape;
mod untrusted;
mod verdict;
mod winner;

pub use columns::{ColumnMap, table_of_unsent};
pub use compatible::check_compatible;
pub use decide::{Decision, Judge, RowFacts, Rules, Sameness, SettlementClock, Stamp};
pub use effect::row_effect;
pub use item_id::{ids_are_unique, item_id_of_packed, write_item_id};
pub use learn::{LearnedDelta, is_alone, learn, worth_storing};
pub use normal_key::NormalKey;
pub use select::{Selection, check_not_outdated, check_peer_not_outdated};
pub use settlement::{
    greatest_settlement_tick, is_settlement, settlement_order, settlement_replica,
};
pub use table_shape::TableShape;
pub use untrusted::{
    GREATEST_COMBINED, GREATEST_HELD, check_combined, check_held, untrusted_head,
    untrusted_knowledge, untrusted_version,
};
pub use verdict::{
    Arbiter, IncomingRow, LocalRow, Outcome, Verdict, check_edited, failure_record, unsent_record,
};
pub use winner::{Contender, winner};

/// The examples of the README, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;

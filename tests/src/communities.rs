//! Small communities of replicas, explored exhaustively: the proof that they become quiet.
//!
//! A community is a handful of replicas with one or two rows. [`explore`] visits every state that
//! local writes, transfers and failing rows can bring it to, in whatever order; [`run_rounds`]
//! repeats one fixed round of sessions, the adversary's favourite; [`replay_histories`] drives a
//! replica that cannot be copied through a sample of histories from their beginning. All three
//! watch each step with the same laws, which are written against what a replica *shows* of itself
//! ([`View`]) and use nothing of the code under test:
//!
//! - knowledge claims no version that the row under it does not descend from;
//! - no version is overwritten by one that does not know it without a conflict record;
//! - a row that failed stays unknown, is remembered, and arrives once it can be written;
//! - a transfer changes nothing or moves the destination upwards, so that no history goes in circles.
//!
//! What is said of every schedule follows from the last law: where only finitely many states can be
//! reached and none twice, any schedule comes to rest, and a community that rests over the edges of
//! a connected graph has to be [`quiet`].

mod explore;
mod hashing;
mod histories;
mod laws;
mod member;
mod memory;
mod names;
mod rounds;
mod setting;
mod state;
mod step;
mod universe;
mod watch;

pub use explore::{Census, Extent, Failure, explore};
pub use histories::{HistoryCensus, history_setting, replay_histories, replay_trace};
pub(crate) use laws::{Transfer, check_community};
pub use laws::{Violation, quiet};
pub use member::{Member, Row, View};
pub use memory::memory;
pub use names::{Names, Who};
pub use rounds::{Plan, RoundCensus, complete, orders, ring, run_rounds, starts};
pub use setting::{Setting, every_policy, free_winner};
pub use state::{Stamped, State, Stored};
pub use step::Step;
pub use universe::{Community, Universe};

//! The scenarios.

mod basics;
mod batches;
mod conflicts;
mod deferral;
mod handlers;
mod interruptions;
mod rehearsal;
mod topologies;
mod values;

use std::sync::Arc;

use sync_orchestrator::SyncDirectionOrder;
use sync_provider::SyncProvider;

use super::engine::{Engine, Layout, TestReplica};
use super::state::{State, assert_converged};
use crate::support::session::{Report, Session};

/// A scenario: panics where a provider does not do what it must.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    /// Runs it with fresh replicas of a local and a remote provider.
    pub run: fn(&dyn Engine, &dyn Engine) -> Verdict,
}

impl std::fmt::Debug for Scenario {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// How a scenario that did not panic ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything held.
    Passed,
    /// It does not apply to these providers.
    Skipped(String),
}

macro_rules! scenarios {
    ($($function:path: $name:literal,)*) => {
        &[$(Scenario { name: $name, run: $function }),*]
    };
}

/// All of them.
pub const SCENARIOS: &[Scenario] = scenarios! {
    basics::first_upload_and_download: "first session, upload and download",
    basics::first_download_and_upload: "first session, download and upload",
    basics::first_upload: "first session, upload",
    basics::first_download: "first session, download",
    basics::nothing_to_do: "nothing to do writes nothing",
    basics::updates_and_deletes: "updates and deletes both ways",
    basics::reinsertion: "re-insert after delete both ways",
    basics::one_way: "one-way sessions",
    basics::progress: "progress is told in order",
    values::keys_of_every_kind: "keys of every kind",
    values::values_of_every_kind: "values of every kind",
    values::columns_in_another_order: "columns in another order",
    batches::small_batches: "batches of 1 KiB",
    batches::row_larger_than_a_batch: "a row larger than a batch",
    batches::waiting_rows_in_batches: "waiting rows come in batches",
    batches::every_batch_size: "every batch size gives the same",
    super::grid::every_conflict: "conflict grid",
    rehearsal::foretells: "a rehearsal foretells the session",
    rehearsal::rows_that_fail: "a rehearsal foretells rows that fail",
    conflicts::silent_settlement: "equal content settles silently",
    conflicts::settlements_are_recognisable: "settlement versions are recognisable",
    conflicts::cleaned_up_delete: "a cleaned-up delete does not resurrect",
    conflicts::outdated_destination: "an outdated destination is refused",
    conflicts::one_replica_twice: "a replica does not meet itself",
    topologies::relay: "three replicas in a row",
    topologies::ring: "a ring of four",
    topologies::ring_with_conflicts: "a ring of four with conflicts, every policy",
    topologies::adoption: "a pristine replica adopts equal data",
    topologies::late_pristine_replica: "a pristine replica meets rows and tombstones",
    interruptions::cancellation: "cancellation leaves nothing",
    interruptions::failures: "failing sessions leave nothing",
    interruptions::upload_stays: "an upload that committed stays",
    interruptions::late_write_at_destination: "a write between decision and apply",
    interruptions::late_write_at_source: "a write after the mark",
    interruptions::contract: "calls out of turn are errors",
    deferral::by_policy: "policy defer",
    deferral::constraint_heals: "a failing row heals",
    deferral::asked_by_key: "waiting rows are asked for by key",
    deferral::waiting_row_changes: "a waiting row changes at the source",
    deferral::waiting_row_changes_meanwhile: "a waiting row changes while the session runs",
    deferral::waiting_delete: "a deletion that waits",
    deferral::others_are_not_blocked: "failing rows block nothing",
    handlers::each_action: "a handler decides",
    handlers::hears_of_failures: "a handler hears of failing rows",
    handlers::abort: "a failing row ends the session where that is asked for",
};

/// Two replicas.
struct Pair {
    local: Box<dyn TestReplica>,
    remote: Box<dyn TestReplica>,
}

impl Pair {
    fn new(local: &dyn Engine, remote: &dyn Engine) -> Self {
        Pair {
            local: local.make(Layout::Neutral),
            remote: remote.make(Layout::Neutral),
        }
    }

    fn session(&self) -> Session {
        Session::new(self.local.provider(), self.remote.provider())
    }

    fn one_way(&self, direction: SyncDirectionOrder) -> Session {
        self.session().direction(direction)
    }

    fn states(&self) -> [State; 2] {
        [self.local.state(), self.remote.state()]
    }

    /// Runs sessions until one moves nothing, and expects equal replicas then.
    fn settle(&self) {
        let replicas = [self.local.as_ref(), self.remote.as_ref()];
        settle(&replicas, &[(0, 1)]);
    }
}

fn between(local: &dyn TestReplica, remote: &dyn TestReplica) -> Session {
    Session::new(local.provider(), remote.provider())
}

/// Runs rounds of sessions until a round moves nothing, and expects equal replicas then.
fn settle(replicas: &[&dyn TestReplica], edges: &[(usize, usize)]) -> Vec<Report> {
    let mut reports = Vec::new();
    for _ in 0..12 {
        let round: Vec<Report> = edges
            .iter()
            .map(|&(a, b)| between(replicas[a], replicas[b]).run())
            .collect();
        let moved: u64 = round.iter().map(Report::moved).sum();
        reports.extend(round);
        if moved == 0 {
            let states: Vec<State> = replicas.iter().map(|replica| replica.state()).collect();
            assert_converged(&states);
            return reports;
        }
    }
    panic!("the community does not become quiet");
}

fn shared(replica: &dyn TestReplica) -> Arc<dyn SyncProvider> {
    replica.provider()
}

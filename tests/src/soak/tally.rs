//! What was done, for the summary.

use std::fmt;
use std::ops::AddAssign;

/// Counts of what happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Seeds.
    pub seeds: u64,
    /// Databases, each time a seed was begun.
    pub replicas: u64,
    /// Of them those on a server.
    pub on_server: u64,
    /// Databases with a trigger that undoes the whole transaction.
    pub touchy: u64,
    /// Seeds in which a hub held several scopes.
    pub hubs: u64,
    /// Sessions.
    pub sessions: u64,
    /// Of them those that did not come to their end.
    pub broken: u64,
    /// Calls to a database that failed and stayed failed.
    pub failed_calls: u64,
    /// Connections that were lost and made anew.
    pub lost: u64,
    /// Sessions that were dropped half-way.
    pub cut: u64,
    /// Commits whose answer never came.
    pub unanswered: u64,
    /// Writes while a session ran.
    pub meanwhile: u64,
    /// Writes that a lock or a constraint refused.
    pub refused: u64,
    /// Writes of applications.
    pub writes: u64,
    /// Conflicts told.
    pub conflicts: u64,
    /// Rows that failed, each time.
    pub failures: u64,
    /// Rows that were stored.
    pub rows: u64,
}

impl AddAssign<&Tally> for Tally {
    fn add_assign(&mut self, other: &Tally) {
        let Tally {
            seeds,
            replicas,
            on_server,
            touchy,
            hubs,
            sessions,
            broken,
            failed_calls,
            lost,
            cut,
            unanswered,
            meanwhile,
            refused,
            writes,
            conflicts,
            failures,
            rows,
        } = other;
        self.seeds += seeds;
        self.replicas += replicas;
        self.on_server += on_server;
        self.touchy += touchy;
        self.hubs += hubs;
        self.sessions += sessions;
        self.broken += broken;
        self.failed_calls += failed_calls;
        self.lost += lost;
        self.cut += cut;
        self.unanswered += unanswered;
        self.meanwhile += meanwhile;
        self.refused += refused;
        self.writes += writes;
        self.conflicts += conflicts;
        self.failures += failures;
        self.rows += rows;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally {
            seeds,
            replicas,
            on_server,
            touchy,
            hubs,
            sessions,
            broken,
            ..
        } = self;
        write!(
            f,
            "{seeds} seeds twice, {replicas} replicas ({on_server} on a server, {touchy} with a trigger that undoes transactions, {hubs} hubs), {sessions} sessions ({broken} broken); \
             faults: {} failed calls, {} lost connections, {} cut, {} commits without an answer, {} writes meanwhile, {} of {} writes refused; \
             {} conflicts, {} failed rows, {} rows stored",
            self.failed_calls,
            self.lost,
            self.cut,
            self.unanswered,
            self.meanwhile,
            self.refused,
            self.writes,
            self.conflicts,
            self.failures,
            self.rows,
        )
    }
}

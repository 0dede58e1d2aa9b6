//! More than two replicas.

use sync_metadata::Value;
use sync_orchestrator::SyncDirectionOrder::{Download, Upload};
use sync_provider::ConflictPolicy;

use super::super::engine::{Ability, Engine, Layout, TestReplica};
use super::super::neutral::{CLUSTERED, ITEM, WORD, id, item, text};
use super::super::state::{State, assert_converged};
use super::{Pair, Verdict, between, settle};

fn community(local: &dyn Engine, remote: &dyn Engine, size: usize) -> Vec<Box<dyn TestReplica>> {
    (0..size)
        .map(|n| if n % 2 == 0 { local } else { remote }.make(Layout::Neutral))
        .collect()
}

pub(super) fn relay(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    let owned = community(local, remote, 3);
    let [a, b, c] = [0, 1, 2].map(|n| owned[n].as_ref());
    for n in 0..4 {
        a.write(ITEM, &item(n, "from a"), 1);
    }
    between(a, b).direction(Upload).run();
    between(b, c).direction(Upload).run();
    assert_eq!(
        c.state().entries,
        a.state().entries,
        "versions travel unchanged through a relay"
    );
    c.write(ITEM, &item(0, "from c"), 2);
    c.delete(ITEM, &id(1), 2);
    a.write(ITEM, &item(2, "from a again"), 2);
    between(b, c).direction(Download).run();
    let report = between(a, b).run();
    assert_eq!(
        (
            report.download().changes_applied,
            report.upload().changes_applied
        ),
        (2, 1)
    );
    assert_eq!(report.records.len(), 0);
    // What the relay brought is not brought again by the direct way.
    let report = between(a, c).run();
    assert_eq!(
        (
            report.upload().changes_applied,
            report.download().changes_total
        ),
        (1, 0)
    );
    settle(&[a, b, c], &[(0, 1), (1, 2), (2, 0)]);
    Verdict::Passed
}

pub(super) fn ring(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    let owned = community(local, remote, 4);
    let replicas: Vec<&dyn TestReplica> = owned.iter().map(AsRef::as_ref).collect();
    let edges = [(0, 1), (1, 2), (2, 3), (3, 0)];
    for (n, replica) in (0..).zip(&replicas) {
        replica.write(ITEM, &item(n, "own"), 1);
        replica.write(WORD, &[text(&format!("word {n}")), Value::Null], 1);
    }
    settle(&replicas, &edges);
    replicas[2].delete(ITEM, &id(0), 2);
    replicas[0].write(ITEM, &item(1, "changed"), 2);
    let reports = settle(&replicas, &edges);
    assert!(reports.iter().all(|report| report.records.is_empty()));
    Verdict::Passed
}

pub(super) fn ring_with_conflicts(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    let policies = [
        ConflictPolicy::DestinationWins,
        ConflictPolicy::SourceWins,
        ConflictPolicy::LocalWins,
        ConflictPolicy::RemoteWins,
        ConflictPolicy::LastWriterWins,
        ConflictPolicy::Priority(Vec::new()),
    ];
    let all = local.can(Ability::KnowWriters) && remote.can(Ability::KnowWriters);
    let attributes = |policy: &ConflictPolicy| {
        matches!(
            policy,
            ConflictPolicy::LastWriterWins | ConflictPolicy::Priority(_)
        )
    };
    for policy in policies
        .into_iter()
        .filter(|policy| all || !attributes(policy))
    {
        let owned = community(local, remote, 4);
        let replicas: Vec<&dyn TestReplica> = owned.iter().map(AsRef::as_ref).collect();
        // The values of the oscillation that plain local versions fall into: P, P, Q, Q.
        for (n, replica) in replicas.iter().enumerate() {
            let value = if n < 2 { "P" } else { "Q" };
            replica.write(ITEM, &item(1, value), 10 - n as i64);
            replica.write(ITEM, &item(2, &n.to_string()), n as i64);
        }
        let mut quiet = false;
        for _ in 0..12 {
            let mut moved = 0;
            for (a, b) in [(1, 2), (3, 0), (0, 1), (2, 3)] {
                moved += between(replicas[a], replicas[b])
                    .policy(policy.clone())
                    .run()
                    .moved();
            }
            quiet = moved == 0;
            if quiet {
                break;
            }
        }
        assert!(quiet, "{policy:?}: the ring does not become quiet");
        let states: Vec<State> = replicas.iter().map(|replica| replica.state()).collect();
        assert_converged(&states);
    }
    Verdict::Passed
}

pub(super) fn adoption(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    if !(local.can(Ability::Remember) && remote.can(Ability::Remember)) {
        return Verdict::Skipped("nothing says whether a replica is new".to_owned());
    }
    let pair = Pair::new(local, remote);
    for side in [&pair.local, &pair.remote] {
        for n in 0..6 {
            side.write(ITEM, &item(n, "same data"), 1);
        }
    }
    pair.local.write(
        CLUSTERED,
        &[text("only"), Value::Integer(1), text("here")],
        1,
    );
    let before = pair.local.state();
    let report = pair.session().policy(ConflictPolicy::Defer).run();
    assert_eq!((report.records.len(), report.left()), (0, 0));
    assert_eq!(
        (
            report.upload().changes_applied,
            report.download().changes_total
        ),
        (7, 0),
        "nothing comes back"
    );
    let [here, there] = pair.states();
    assert_eq!(here.entries, before.entries);
    assert_eq!(
        there.entries, before.entries,
        "the pristine replica took the versions over"
    );
    assert_converged(&[here, there]);
    Verdict::Passed
}

pub(super) fn late_pristine_replica(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    let pair = Pair::new(local, remote);
    for n in 0..6 {
        pair.local.write(ITEM, &item(n, "row"), 1);
    }
    pair.session().run();
    pair.remote.delete(ITEM, &id(0), 2);
    pair.session().run();
    let late = remote.make(Layout::Neutral);
    late.write(ITEM, &item(5, "another"), 3);
    late.write(ITEM, &item(0, "deleted elsewhere"), 3);
    late.write(WORD, &[text("new"), Value::Null], 3);
    let replicas = [pair.local.as_ref(), pair.remote.as_ref(), late.as_ref()];
    let reports = settle(&replicas, &[(2, 0), (0, 1)]);
    let records: usize = reports.iter().map(|report| report.records.len()).sum();
    assert_eq!(records, 2, "the two rows that both sides have");
    assert_eq!(
        pair.remote.state().row(WORD, &[text("new")]),
        Some(&vec![text("new"), Value::Null])
    );
    Verdict::Passed
}

//! Rows that are left for later: by the policy, or because a constraint refuses them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use sync_orchestrator::SyncDirectionOrder::{Download, Upload};
use sync_provider::{ChangeBatchRequest, ConflictPolicy};

use super::super::engine::{Ability, Engine, Layout, TestReplica};
use super::super::hooked::{Hooked, Seen};
use super::super::neutral::{ITEM, WORD, id, item, text};
use super::super::state::{State, assert_converged};
use super::{Pair, Verdict, between, shared};
use crate::support::session::{Report, Session};

pub(super) fn by_policy(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    let pair = Pair::new(local, remote);
    for n in 0..4 {
        pair.local.write(ITEM, &item(n, "local"), 1);
    }
    pair.remote.write(ITEM, &item(1, "remote"), 1);
    pair.remote.write(ITEM, &item(2, "remote"), 1);
    for _ in 0..2 {
        let report = pair.one_way(Upload).policy(ConflictPolicy::Defer).run();
        let upload = report.upload();
        assert_eq!(
            (upload.conflicts, upload.deferred, upload.changes_failed),
            (2, 2, 0)
        );
        assert!(
            report
                .records
                .iter()
                .all(|record| record.winner.is_none() && record.reason == "defer")
        );
        let there = pair.remote.state();
        there.assert_waiting(2, "deferred");
        assert_eq!(there.row(ITEM, &id(1)), Some(&item(1, "remote")));
        assert_eq!(
            there.row(ITEM, &id(3)),
            Some(&item(3, "local")),
            "the others went through"
        );
        assert!(!there.knowledge.is_uniform(), "two exceptions");
    }
    pair.one_way(Upload)
        .policy(ConflictPolicy::SourceWins)
        .run();
    let there = pair.remote.state();
    there.assert_waiting(0, "settled");
    assert_eq!(ranges(&there), 1);
    assert_eq!(there.row(ITEM, &id(1)), Some(&item(1, "local")));
    pair.settle();
    Verdict::Passed
}

pub(super) fn constraint_heals(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    let pair = Pair::new(local, remote);
    for n in 0..6 {
        pair.local.write(ITEM, &item(n, "local"), 1);
    }
    pair.remote.reject(ITEM, &id(2), true);
    pair.remote.reject(ITEM, &id(5), true);
    for round in 0..3 {
        let report = pair.session().run();
        let upload = report.upload();
        assert_eq!(
            (upload.changes_failed, upload.deferred),
            (2, 2),
            "round {round}"
        );
        assert_eq!(upload.changes_applied, if round == 0 { 4 } else { 0 });
        let there = pair.remote.state();
        assert_eq!(there.rows().len(), 4);
        there.assert_waiting(2, "refused");
    }
    pair.remote.reject(ITEM, &id(2), false);
    let report = pair.session().run();
    assert_eq!(
        (
            report.upload().changes_applied,
            report.upload().changes_failed
        ),
        (1, 1)
    );
    pair.remote.reject(ITEM, &id(5), false);
    let report = pair.session().run();
    assert_eq!(
        (
            report.upload().changes_applied,
            report.upload().changes_failed
        ),
        (1, 0)
    );
    let states = pair.states();
    assert_eq!(ranges(&states[1]), 1, "the knowledge is one range again");
    assert_converged(&states);
    assert_eq!(pair.session().run().moved(), 0);
    Verdict::Passed
}

pub(super) fn asked_by_key(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    if !remote.can(Ability::Remember) {
        return Verdict::Skipped("the destination remembers no keys of rows that wait".to_owned());
    }
    let pair = Pair::new(local, remote);
    for n in 0..50 {
        pair.local.write(ITEM, &item(n, "local"), 1);
    }
    pair.remote.reject(ITEM, &id(7), true);
    pair.session().run();
    pair.local.write(ITEM, &item(8, "changed"), 2);
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (keys, batches) = (Arc::clone(&asked), Arc::new(Mutex::new(Vec::new())));
    let source = Hooked::wrap(shared(pair.local.as_ref()), move |call| {
        if let Seen::Changes(ChangeBatchRequest::Rows(wanted)) = call {
            let wanted = wanted
                .iter()
                .map(|table| (table.table.clone(), table.keys.len()));
            keys.lock().unwrap().extend(wanted);
        }
        Ok(())
    });
    let seen = Arc::clone(&batches);
    let destination = Hooked::wrap(shared(pair.remote.as_ref()), move |call| {
        if let Seen::Process(batch) = call {
            seen.lock().unwrap().push((batch.kind, batch.examined));
        }
        Ok(())
    });
    let report = Session::new(source, destination).direction(Upload).run();
    assert_eq!(
        (
            report.upload().changes_applied,
            report.upload().changes_failed
        ),
        (1, 1)
    );
    assert_eq!(
        asked.lock().unwrap().first(),
        Some(&("[Item]".to_owned(), 1)),
        "the one row that waits"
    );
    if local.can(Ability::LookFromTick) {
        let examined: u64 = batches
            .lock()
            .unwrap()
            .iter()
            .map(|(_, examined)| examined)
            .sum();
        assert!(
            examined <= 2,
            "a waiting row makes the source look at {examined} rows"
        );
    }
    pair.remote.reject(ITEM, &id(7), false);
    pair.settle();
    Verdict::Passed
}

pub(super) fn waiting_row_changes(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    let pair = Pair::new(local, remote);
    for n in 0..4 {
        pair.local.write(ITEM, &item(n, "local"), 1);
    }
    pair.remote.reject(ITEM, &id(1), true);
    pair.remote.reject(ITEM, &id(2), true);
    pair.session().run();
    // Changed and deleted while they wait; a third replica brings one of them by another way.
    pair.local.write(ITEM, &item(1, "changed"), 2);
    pair.local.delete(ITEM, &id(2), 2);
    pair.session().run();
    let third = local.make(Layout::Neutral);
    between(pair.local.as_ref(), third.as_ref()).run();
    pair.remote.reject(ITEM, &id(1), false);
    pair.remote.reject(ITEM, &id(2), false);
    between(third.as_ref(), pair.remote.as_ref()).run();
    assert_eq!(
        pair.remote.state().row(ITEM, &id(1)),
        Some(&item(1, "changed"))
    );
    super::settle(
        &[pair.local.as_ref(), pair.remote.as_ref(), third.as_ref()],
        &[(0, 1), (1, 2)],
    );
    Verdict::Passed
}

/// What happens at the source between its last changes and the rows that it is asked for by key.
#[derive(Copy, Clone, Debug)]
enum Meanwhile {
    Nothing,
    Change,
    Delete,
    /// A replica that the session has not heard of brings another content.
    Stranger,
    /// So does one, and then the row is changed once more at the source.
    StrangerAndChange,
    /// The destination's own content comes by another session.
    Destination,
}

/// Rows wait at the destination and are asked for by key; what they are by then may be newer than all that the session teaches. Whatever is
/// stored, nobody claims to know what it does not hold, and nobody sees a conflict where there was none.
pub(super) fn waiting_row_changes_meanwhile(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    for meanwhile in [
        Meanwhile::Nothing,
        Meanwhile::Change,
        Meanwhile::Delete,
        Meanwhile::Stranger,
        Meanwhile::StrangerAndChange,
        Meanwhile::Destination,
    ] {
        // The row fails in this session, or it waits from an earlier one.
        for earlier in [false, true] {
            changes_meanwhile(local, remote, meanwhile, earlier);
        }
    }
    Verdict::Passed
}

fn changes_meanwhile(local: &dyn Engine, remote: &dyn Engine, meanwhile: Meanwhile, earlier: bool) {
    let context = format!("{meanwhile:?}, earlier {earlier}");
    let pair = Pair::new(local, remote);
    for n in 0..3 {
        pair.local.write(ITEM, &item(n, "before"), 1);
    }
    pair.session().run();
    let stranger = local.make(Layout::Neutral);
    between(pair.local.as_ref(), stranger.as_ref()).run();
    pair.remote.reject(ITEM, &id(1), true);
    pair.local.write(ITEM, &item(1, "waits"), 2);
    if earlier {
        pair.session().run();
    }
    // What comes from elsewhere knows the row as it waits.
    between(pair.local.as_ref(), stranger.as_ref()).run();
    stranger.write(ITEM, &item(1, "stranger"), 3);
    let source: Arc<dyn TestReplica> = Arc::from(pair.local);
    let destination: Arc<dyn TestReplica> = Arc::from(pair.remote);
    let stranger: Arc<dyn TestReplica> = Arc::from(stranger);
    let happened = Arc::new(AtomicBool::new(false));
    let hooked = {
        let (source, destination) = (Arc::clone(&source), Arc::clone(&destination));
        let (stranger, happened) = (Arc::clone(&stranger), Arc::clone(&happened));
        Hooked::wrap(source.provider(), move |call| {
            if let Seen::Changes(ChangeBatchRequest::Rows(_)) = call
                && !happened.swap(true, Ordering::SeqCst)
            {
                let (source, destination) = (Arc::clone(&source), Arc::clone(&destination));
                let stranger = Arc::clone(&stranger);
                // A session of its own needs a thread of its own.
                let happens = move || match meanwhile {
                    Meanwhile::Nothing => {}
                    Meanwhile::Change => source.write(ITEM, &item(1, "changed"), 4),
                    Meanwhile::Delete => source.delete(ITEM, &id(1), 4),
                    Meanwhile::Stranger => {
                        between(stranger.as_ref(), source.as_ref())
                            .direction(Upload)
                            .run();
                    }
                    Meanwhile::StrangerAndChange => {
                        between(stranger.as_ref(), source.as_ref())
                            .direction(Upload)
                            .run();
                        source.write(ITEM, &item(1, "changed"), 4);
                    }
                    Meanwhile::Destination => {
                        between(destination.as_ref(), source.as_ref())
                            .direction(Upload)
                            .run();
                    }
                };
                std::thread::spawn(happens).join().expect("it happens");
            }
            Ok(())
        })
    };
    if earlier {
        destination.reject(ITEM, &id(1), false);
    }
    let report = Session::new(hooked, destination.provider())
        .direction(Upload)
        .run();
    assert_eq!(conflicts(&report), 0, "{context}");
    let (here, there) = (source.state(), destination.state());
    let key = super::super::state::entry_key(ITEM, &id(1));
    let newest = &here.entries[&key];
    assert_eq!(
        there.knows_of(ITEM, &id(1), &newest.update),
        there.entries[&key] == *newest,
        "{context}: what is known is held"
    );
    if !earlier {
        destination.reject(ITEM, &id(1), false);
    }
    // A destination need not ask in the session in which the row fails.
    let by_stranger = matches!(
        meanwhile,
        Meanwhile::Stranger | Meanwhile::StrangerAndChange
    );
    if by_stranger && happened.load(Ordering::SeqCst) {
        // The stranger's row is an ancestor of what the source has, or the same.
        let report = between(stranger.as_ref(), destination.as_ref())
            .direction(Upload)
            .run();
        assert_eq!(conflicts(&report), 0, "{context}");
    }
    for _ in 0..2 {
        let report = between(source.as_ref(), destination.as_ref()).run();
        assert_eq!(conflicts(&report), 0, "{context}");
    }
    assert_converged(&[source.state(), destination.state()]);
    assert_eq!(
        source.state().row(ITEM, &id(1)),
        here.row(ITEM, &id(1)),
        "{context}: the newest content stays"
    );
}

/// Conflicts that a policy settled.
fn conflicts(report: &Report) -> u64 {
    report.directions().map(|one| one.conflicts).sum()
}

pub(super) fn waiting_delete(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    let pair = Pair::new(local, remote);
    for n in 0..3 {
        pair.local.write(ITEM, &item(n, "local"), 1);
    }
    pair.session().run();
    pair.remote.reject(ITEM, &id(1), true);
    pair.local.delete(ITEM, &id(1), 2);
    pair.local.write(ITEM, &item(0, "changed"), 2);
    for _ in 0..2 {
        let upload = pair.session().run().upload();
        assert_eq!((upload.changes_failed, upload.deferred), (1, 1));
        assert_eq!(
            pair.remote.state().row(ITEM, &id(1)),
            Some(&item(1, "local"))
        );
    }
    pair.remote.reject(ITEM, &id(1), false);
    pair.session().run();
    assert_eq!(pair.remote.state().row(ITEM, &id(1)), None);
    pair.settle();
    Verdict::Passed
}

pub(super) fn others_are_not_blocked(local: &dyn Engine, remote: &dyn Engine) -> Verdict {
    let pair = Pair::new(local, remote);
    for n in 0..30 {
        pair.remote.reject(ITEM, &id(n), true);
        pair.local.write(ITEM, &item(n, "refused"), 1);
        pair.local.write(ITEM, &item(100 + n, "welcome"), 1);
        pair.local
            .write(WORD, &[text(&n.to_string()), text("welcome")], 1);
        pair.remote
            .write(WORD, &[text(&(100 + n).to_string()), text("back")], 1);
    }
    let report = pair.session().batch_bytes(200).run();
    assert_eq!(
        (
            report.upload().changes_applied,
            report.upload().changes_failed
        ),
        (60, 30)
    );
    assert_eq!(report.download().changes_applied, 30);
    for round in 0..2 {
        pair.local
            .write(WORD, &[text("0"), text(&format!("round {round}"))], 2);
        let report = pair.session().run();
        assert_eq!(
            (
                report.upload().changes_applied,
                report.upload().changes_failed
            ),
            (1, 30)
        );
    }
    for n in 0..30 {
        pair.remote.reject(ITEM, &id(n), false);
    }
    assert_eq!(pair.one_way(Download).run().moved(), 0);
    pair.settle();
    Verdict::Passed
}

fn ranges(state: &State) -> usize {
    state.knowledge.ranges().count()
}

//! Every small community becomes quiet; and the rules that make it so are needed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on panics"
)]

use std::io::Write;

use sync_decision::{Rules, Stamp};
use sync_provider::{ConflictPolicy, Position};
use sync_provider_memory::{Direction, MemoryReplica};
use sync_tests::communities::{
    Census, Extent, Failure, Names, RoundCensus, Setting, Step, Universe, Violation, complete,
    every_policy, explore, free_winner, memory, orders, quiet, replay_histories, replay_trace,
    ring, run_rounds, starts,
};

/// Explores under the sound rules and says what was visited: at least `least` communities.
fn check_every_schedule(name: &str, setting: Setting, extent: Extent, least: usize) {
    match explore_under(Rules::SOUND, &setting, &extent) {
        Ok(census) => {
            report(&format!("every schedule, {name}: {census}"));
            assert!(
                census.communities >= least,
                "{name}: {} communities are too few",
                census.communities
            );
        }
        Err(failure) => panic!("{name}: {failure}"),
    }
}

fn explore_under(rules: Rules, setting: &Setting, extent: &Extent) -> Result<Census, Failure> {
    let mut universe = universe(rules, setting);
    explore(&mut universe, extent)
}

fn universe(rules: Rules, setting: &Setting) -> Universe<MemoryReplica> {
    Universe::new(setting.clone(), memory(&setting.names, rules)).unwrap()
}

/// Standard error itself: what a passing test prints is not shown.
fn report(line: &str) {
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}

fn one_way(policy: ConflictPolicy) -> Vec<Direction> {
    vec![Direction {
        policy,
        position: Position::Remote,
    }]
}

fn insert(replica: usize, content: u8, time: i64) -> Step {
    Step::Write {
        replica,
        item: 0,
        content,
        time,
    }
}

#[test]
fn a_three_replicas_and_three_writes_in_every_schedule() {
    let setting = Setting::new(3, 1, free_winner()).unwrap();
    let extent = Extent::of(&setting, 3);
    check_every_schedule("3 replicas, 3 writes", setting, extent, 250_000);
}

#[test]
fn four_replicas_and_two_writes_in_every_schedule() {
    let setting = Setting::new(4, 1, free_winner()).unwrap();
    let extent = Extent::of(&setting, 2);
    check_every_schedule("4 replicas, 2 writes", setting, extent, 150_000);
}

#[test]
fn three_writers_on_a_ring_of_four_in_every_schedule() {
    for contents in [[0, 0, 1], [0, 1, 0], [0, 1, 1], [0, 1, 2]] {
        let setting = Setting::new(4, 1, free_winner()).unwrap();
        let start = (0..3)
            .map(|replica| insert(replica, contents[replica], 0))
            .collect();
        let extent = Extent {
            start,
            edges: ring(4),
            ..Extent::of(&setting, 3)
        };
        check_every_schedule("ring of 4, 3 writers", setting, extent, 20_000);
    }
}

#[test]
fn two_replicas_and_five_writes_in_every_schedule() {
    let setting = Setting::new(2, 1, free_winner()).unwrap();
    let extent = Extent::of(&setting, 5);
    check_every_schedule("2 replicas, 5 writes", setting, extent, 10_000);
}

#[test]
fn two_rows_in_every_schedule() {
    for (replicas, writes, least) in [(2, 3, 3_000), (3, 2, 4_000)] {
        let setting = Setting::new(replicas, 2, free_winner()).unwrap();
        let extent = Extent::of(&setting, writes);
        let name = format!("{replicas} replicas, 2 rows, {writes} writes");
        check_every_schedule(&name, setting, extent, least);
    }
}

#[test]
fn clocks_that_go_back_in_every_schedule() {
    let setting = Setting::new(3, 1, one_way(ConflictPolicy::LastWriterWins)).unwrap();
    let extent = Extent {
        times: vec![1, 2, 3],
        ordered: true,
        deletes: true,
        ..Extent::of(&setting, 2)
    };
    check_every_schedule(
        "last writer, 3 clocks, 2 writes",
        setting.clone(),
        extent.clone(),
        5_000,
    );
    let extent = Extent {
        times: vec![1, 2],
        contents: 0..2,
        deletes: false,
        ..Extent::of(&setting, 3)
    };
    check_every_schedule("last writer, 2 clocks, 3 writes", setting, extent, 50_000);
}

#[test]
fn rows_that_fail_in_every_schedule() {
    for (replicas, items, writes, least) in [(2, 2, 3, 40_000), (3, 1, 2, 100_000)] {
        let setting = Setting::new(replicas, items, free_winner()).unwrap();
        let extent = Extent {
            failing: 1,
            ..Extent::of(&setting, writes)
        };
        let name =
            format!("{replicas} replicas, {items} rows of which one may fail, {writes} writes");
        check_every_schedule(&name, setting, extent, least);
    }
    let setting = Setting::new(3, 2, free_winner()).unwrap();
    let start = vec![Step::Fail {
        replica: 1,
        item: 0,
    }];
    let extent = Extent {
        start,
        ..Extent::of(&setting, 2)
    };
    check_every_schedule(
        "3 replicas, 2 rows, one fails at first, 2 writes",
        setting,
        extent,
        5_000,
    );
}

#[test]
fn conflicts_that_are_deferred_come_later_in_every_schedule() {
    let ways = [
        one_way(ConflictPolicy::Defer),
        one_way(ConflictPolicy::SourceWins),
    ]
    .concat();
    for (replicas, writes) in [(2, 3), (3, 2)] {
        let setting = Setting::new(replicas, 1, ways.clone()).unwrap();
        let extent = Extent::of(&setting, writes);
        let name = format!("{replicas} replicas, defer or settle, {writes} writes");
        check_every_schedule(&name, setting, extent, 500);
    }
}

/// Runs, from starts with so many writers, seeded or not, all orders × initiators of two-way sessions over the edges, under every policy.
fn check_rounds(
    name: &str,
    replicas: usize,
    edges: &[(usize, usize)],
    begin: &[(usize, bool)],
    most: usize,
) {
    let plans = orders(edges);
    let clock = |number| 10 - number as i64;
    let from = begin
        .iter()
        .flat_map(|&(writers, seeded)| starts(replicas, writers, seeded, clock));
    let from: Vec<_> = from.collect();
    let mut sum = RoundCensus::default();
    for policy in every_policy(&Names::new(replicas, 1).unwrap()) {
        let setting = Setting::under(replicas, 1, policy).unwrap();
        match run_rounds(&mut universe(Rules::SOUND, &setting), &from, &plans) {
            Ok(census) => sum.add(&census),
            Err(failure) => panic!("{name}: {failure}"),
        }
    }
    report(&format!("every order, {name}: {sum}"));
    assert!(
        sum.rounds.len() <= most + 1,
        "{name}: more than {most} rounds"
    );
}

#[test]
fn rings_of_four_in_every_order() {
    check_rounds(
        "ring of 4",
        4,
        &ring(4),
        &[(2, false), (3, false), (4, false), (2, true), (3, true)],
        3,
    );
}

#[test]
fn rings_of_five_in_every_order() {
    check_rounds(
        "ring of 5",
        5,
        &ring(5),
        &[(2, false), (3, false), (2, true)],
        3,
    );
}

#[test]
fn complete_graphs_of_four_in_every_order() {
    check_rounds(
        "complete graph of 4",
        4,
        &complete(4),
        &[(2, false), (3, false), (2, true)],
        2,
    );
}

#[test]
fn histories_are_replayed_from_their_beginning() {
    let names = Names::new(3, 2).unwrap();
    for faults in [false, true] {
        match replay_histories(memory(&names, Rules::SOUND), 0..2_000, faults) {
            Ok(census) => report(&format!("replayed, faults {faults}: {census}")),
            Err(failure) => panic!("{failure}"),
        }
    }
}

/// The trap is found where the rule that prevents it is switched off, can be replayed from the steps that
/// are printed, and is not there under the sound rules.
fn check_trap(
    name: &str,
    found: Failure,
    setting: &Setting,
    broken: Rules,
    sound: Result<(), Failure>,
) {
    report(&format!("trap, {name}: {found}"));
    let trace: Vec<String> = found.trace.iter().map(Step::to_string).collect();
    let members = replay_trace(setting, memory(&setting.names, broken), &trace.join("\n"));
    let last = members.unwrap_or_else(|failure| panic!("{name} does not replay: {failure}"));
    let last: Vec<_> = last.iter().collect();
    assert!(quiet(&last).is_err(), "{name}: quiet when replayed");
    if let Err(failure) = sound {
        panic!("{name}: {failure}");
    }
}

const WINNERS_OWN: Rules = Rules {
    stamp: Stamp::WinnersOwn,
    store_equal: true,
};
const LOCAL_CHANGE: Rules = Rules {
    stamp: Stamp::LocalChange,
    store_equal: true,
};
const NOT_STORED: Rules = Rules {
    stamp: Stamp::Settlement,
    store_equal: false,
};

fn check_trap_in_every_schedule(name: &str, setting: &Setting, extent: &Extent, broken: Rules) {
    let found = explore_under(broken, setting, extent).expect_err(name);
    assert!(matches!(found.violation, Violation::NotQuiet(_)), "{found}");
    let sound = explore_under(Rules::SOUND, setting, extent).map(|_| ());
    check_trap(name, found, setting, broken, sound);
}

#[test]
fn trap_1_the_winner_keeps_its_version_and_a_mesh_hears_in_two_orders() {
    let setting = Setting::under(4, 1, ConflictPolicy::RemoteWins).unwrap();
    let extent = Extent {
        start: vec![insert(0, 0, 0), insert(1, 1, 0)],
        ..Extent::of(&setting, 2)
    };
    check_trap_in_every_schedule("remote wins in a mesh", &setting, &extent, WINNERS_OWN);
}

#[test]
fn trap_2_the_winner_keeps_its_version_and_clocks_are_skewed() {
    let setting = Setting::new(3, 1, one_way(ConflictPolicy::LastWriterWins)).unwrap();
    let start = vec![insert(0, 0, 3), insert(1, 2, 2)];
    let extent = Extent {
        start,
        contents: 1..2,
        times: vec![1],
        deletes: false,
        ..Extent::of(&setting, 3)
    };
    check_trap_in_every_schedule(
        "last writer with skewed clocks",
        &setting,
        &extent,
        WINNERS_OWN,
    );
}

#[test]
fn trap_3_outcomes_are_plain_local_changes_on_a_ring_of_four() {
    let setting = Setting::under(4, 1, ConflictPolicy::DestinationWins).unwrap();
    let start = vec![vec![
        insert(0, 0, 0),
        insert(1, 0, 0),
        insert(2, 1, 0),
        insert(3, 1, 0),
    ]];
    let plans = orders(&ring(4));
    let found =
        run_rounds(&mut universe(LOCAL_CHANGE, &setting), &start, &plans).expect_err("circles");
    assert!(
        matches!(found.violation, Violation::Oscillates(_)),
        "{found}"
    );
    let sound = run_rounds(&mut universe(Rules::SOUND, &setting), &start, &plans).map(|_| ());
    check_trap(
        "outcomes as local changes on a ring of four",
        found,
        &setting,
        LOCAL_CHANGE,
        sound,
    );
}

#[test]
fn trap_4_an_equal_row_is_learned_and_not_stored() {
    let setting = Setting::new(3, 1, free_winner()).unwrap().unwatched();
    let extent = Extent {
        contents: 0..2,
        deletes: false,
        ..Extent::of(&setting, 3)
    };
    check_trap_in_every_schedule("equal content not stored", &setting, &extent, NOT_STORED);
}

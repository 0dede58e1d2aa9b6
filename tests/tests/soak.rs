//! The seeds that once failed, and some that stand for what the soak does.
#![allow(
    clippy::panic,
    clippy::expect_used,
    reason = "a test that cannot go on panics"
)]

use sync_tests::soak;
use sync_tests::support::engines::server;

#[test]
fn kept_seeds_keep_the_laws() {
    keep_the_laws(include_str!("../seeds/soak.txt"), false);
}

#[test]
fn kept_seeds_keep_the_laws_on_a_server() {
    if server("kept_seeds").is_some() {
        keep_the_laws(include_str!("../seeds/soak-server.txt"), true);
    }
}

fn keep_the_laws(seeds: &str, on_server: bool) {
    let seeds = seeds.lines();
    for line in seeds.filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let seed = line.split(' ').next().and_then(|seed| seed.parse().ok());
        let seed = seed.expect("a line begins with its seed");
        soak::check(seed, on_server).unwrap_or_else(|failure| panic!("{line}: {failure}"));
    }
}

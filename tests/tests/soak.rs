//! The seeds that once failed, and some that stand for what the soak does, on files alone.
#![allow(
    clippy::panic,
    clippy::expect_used,
    reason = "a test that cannot go on panics"
)]

use sync_tests::soak;

#[test]
fn kept_seeds_keep_the_laws() {
    let seeds = include_str!("../seeds/soak.txt").lines();
    let seeds = seeds.filter(|line| !line.starts_with('#') && !line.is_empty());
    for line in seeds {
        let seed = line.split(' ').next().and_then(|seed| seed.parse().ok());
        let seed = seed.expect("a line begins with its seed");
        soak::check(seed, false).unwrap_or_else(|failure| panic!("{line}: {failure}"));
    }
}

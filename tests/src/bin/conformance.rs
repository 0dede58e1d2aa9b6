//! The conformance suite: every scenario over each ordered pair of providers.
//!
//! Prints one JSON object per line and result, `{"pair": "…", "scenario": "…", "outcome": "passed" | "failed" | "skipped",
//! "reason": "…"}`, and nothing else on its standard output. Every scenario is named for every pair; what does not apply to
//! a pair is skipped with the reason. `--filter TEXT` leaves out the results whose pair or scenario lacks the text.

fn main() {}

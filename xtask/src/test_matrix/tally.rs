//! What the tests came to.

use std::fmt::Write;

/// How many tests passed, failed and were skipped, with the reasons of the latter two.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) passed: usize,
    pub(super) failed: usize,
    pub(super) skipped: usize,
    failures: Vec<String>,
    skips: Vec<String>,
}

impl Tally {
    /// Counts one failure; `what` names it and says why.
    pub(super) fn fail(&mut self, what: String) {
        self.failed += 1;
        self.failures.push(what);
    }

    /// Counts one skipped test; `what` names it and says why.
    pub(super) fn skip(&mut self, what: String) {
        self.skipped += 1;
        self.skips.push(what);
    }

    /// Notes the reason of failures that are counted already.
    pub(super) fn explain_failure(&mut self, what: String) {
        self.failures.push(what);
    }

    /// Notes the reason of a skipped test that is counted already.
    pub(super) fn explain_skip(&mut self, what: String) {
        self.skips.push(what);
    }

    /// What was skipped and what failed, one line each; nothing where nothing was.
    pub(super) fn reasons(&self) -> String {
        let mut text = String::new();
        for (heading, lines) in [("skipped", &self.skips), ("failed", &self.failures)] {
            for line in lines {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "{heading}: {line}");
            }
        }
        text
    }

    /// The closing line.
    pub(super) fn line(&self) -> String {
        format!(
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        )
    }
}

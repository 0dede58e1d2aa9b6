//! Telling what happens, as it happens, or as one document at the end.

use std::time::Duration;

use serde::Serialize;

use crate::output::{Output, duration, line, paint};
use crate::plain::plain;

/// Something that was done in the demonstration.
#[derive(Debug, Serialize)]
pub(super) struct Step {
    chapter: &'static str,
    who: String,
    what: String,
    milliseconds: u64,
}

/// Tells people at once; keeps the steps for scripts.
pub(super) struct Teller {
    out: Output,
    aloud: bool,
    chapter: &'static str,
    chapters: u32,
    steps: Vec<Step>,
}

/// Width of the column that says who does something.
const WHO: usize = 13;
/// Width of the column that says how long it took.
const TIME: usize = 7;

impl Teller {
    pub(super) fn new(aloud: bool) -> Self {
        Teller {
            out: Output::stdout(),
            aloud,
            chapter: "",
            chapters: 0,
            steps: Vec::new(),
        }
    }

    pub(super) fn title(&mut self, title: &str, below: &str) {
        if self.aloud {
            line!(self.out, "{}", paint::heading(title));
            line!(self.out, "{}", paint::quiet(plain(below)));
            self.out.flush();
        }
    }

    pub(super) fn chapter(&mut self, title: &'static str) {
        self.chapter = title;
        self.chapters += 1;
        if self.aloud {
            line!(self.out);
            line!(
                self.out,
                "{} {}",
                paint::name(self.chapters),
                paint::heading(title)
            );
            self.out.flush();
        }
    }

    /// `who` did `what`, which took some time.
    pub(super) fn step(&mut self, who: &str, what: impl Into<String>, time: Option<Duration>) {
        let what = what.into();
        if self.aloud {
            let blanks = " ".repeat(WHO.saturating_sub(who.chars().count()));
            let spent = time.map(duration).unwrap_or_default();
            line!(
                self.out,
                "  {}{blanks}{}  {}",
                paint::name(plain(who)),
                paint::quiet(format!("{spent:>TIME$}")),
                plain(&what)
            );
            self.out.flush();
        }
        let milliseconds = time.unwrap_or_default().as_millis();
        self.steps.push(Step {
            chapter: self.chapter,
            who: who.to_owned(),
            what,
            milliseconds: u64::try_from(milliseconds).unwrap_or(u64::MAX),
        });
    }

    /// Something for people only.
    pub(super) fn aside(&mut self, show: impl FnOnce(&mut Output)) {
        if self.aloud {
            show(&mut self.out);
            self.out.flush();
        }
    }

    /// The steps and the stream, for what comes last.
    pub(super) fn end(self) -> (Vec<Step>, Output) {
        (self.steps, self.out)
    }
}

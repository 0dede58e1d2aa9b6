//! What is read from outside, and the algebra of knowledge, under inputs that nobody thought of.
//!
//! A [`Target`] is a function of bytes that panics when something is wrong with what it tests. Three things drive the same
//! targets: the test `replay`, which runs the committed corpus in every ordinary test run; the program `sync-fuzz`, which
//! mutates the corpus on stable Rust; and libFuzzer, which does so guided by coverage. `cargo xtask fuzz` chooses.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a target fails by panicking, as a test does"
)]

pub mod corpus;
pub mod mutate;
mod targets;

/// The model that the property tests of `sync-knowledge` use, too.
#[path = "../../../crates/sync-knowledge/tests/model/mod.rs"]
#[allow(unreachable_pub, reason = "written for a test")]
mod model;

pub use targets::TARGETS;

/// Something that takes bytes from outside.
#[derive(Debug)]
pub struct Target {
    /// The name, which is also that of its folder in the corpus.
    pub name: &'static str,
    /// What must hold.
    pub about: &'static str,
    run: fn(&[u8]) -> Verdict,
    memory: Memory,
}

/// What became of an input.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It was refused with an error.
    Refused,
    /// It was read, and what was read kept the promises.
    Read,
}

/// How much a target may hold at a time.
#[derive(Copy, Clone, Debug)]
struct Memory {
    /// In any case, in bytes.
    base: u64,
    /// For each byte of the input, in bytes.
    per_byte: u64,
}

impl Target {
    /// The target of a name.
    pub fn named(name: &str) -> Option<&'static Target> {
        TARGETS.iter().find(|target| target.name == name)
    }

    /// Tries an input.
    ///
    /// # Panics
    ///
    /// If a promise is broken, or more memory was held at a time than the input pays for.
    pub fn check(&self, input: &[u8]) -> Verdict {
        let mut verdict = Verdict::Refused;
        let used = allocation_counter::measure(|| verdict = (self.run)(input));
        let bound = self.memory.base + self.memory.per_byte * input.len() as u64;
        assert!(
            used.bytes_max <= bound,
            "{} bytes of input made {} hold {} bytes of memory, and {bound} were to be enough",
            input.len(),
            self.name,
            used.bytes_max,
        );
        verdict
    }
}

//! Instruction counts as data: what was committed, what was counted, and what to say of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How much more than committed is let pass, in per cent: the allocator and the C library differ from system to system.
pub(crate) const TOLERANCE: u64 = 3;

/// The counts of one compiler, by piece of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Counts {
    /// What `rustc -vV` says of release and host: counts of others cannot be compared.
    pub(crate) compiler: String,
    pub(crate) by_work: BTreeMap<String, u64>,
}

const COMPILER: &str = "# compiler: ";

impl Counts {
    /// Reads what [`Self::to_text`] writes; lines that it cannot read are the error.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut counts = Counts {
            compiler: String::new(),
            by_work: BTreeMap::new(),
        };
        for line in text.lines() {
            if let Some(compiler) = line.strip_prefix(COMPILER) {
                counts.compiler = compiler.to_owned();
            } else if !line.starts_with('#') && !line.is_empty() {
                let (name, count) = line.split_once('\t').ok_or(line)?;
                let count = count.parse().map_err(|_| line)?;
                counts.by_work.insert(name.to_owned(), count);
            }
        }
        Ok(counts)
    }

    pub(crate) fn to_text(&self) -> String {
        let mut text = format!(
            "# Instructions of the watched pieces of work, counted by callgrind. Written by `cargo xtask bench instructions --update`.\n{COMPILER}{}\n",
            self.compiler
        );
        for (name, count) in &self.by_work {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name}\t{count}");
        }
        text
    }

    /// One line for each piece of work that is not within the tolerance, and whether it is a reason to fail.
    pub(crate) fn judge(&self, counted: &Counts) -> Vec<(bool, String)> {
        let names: std::collections::BTreeSet<_> =
            self.by_work.keys().chain(counted.by_work.keys()).collect();
        let judged = names.into_iter().filter_map(|name| {
            match (self.by_work.get(name), counted.by_work.get(name)) {
                (Some(&old), Some(&new)) if new * 100 > old * (100 + TOLERANCE) => {
                    Some((true, format!("{name}: {new} instructions, {old} committed")))
                }
                (Some(&old), Some(&new)) if new * (100 + TOLERANCE) < old * 100 => Some((
                    false,
                    format!("{name}: {new} instructions, fewer than the {old} committed: `--update` keeps the gain"),
                )),
                (Some(_), Some(_)) => None,
                (Some(_), None) => Some((true, format!("{name}: committed, but there is no such work"))),
                (None, _) => Some((true, format!("{name}: no count is committed"))),
            }
        });
        judged.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(pairs: &[(&str, u64)]) -> Counts {
        Counts {
            compiler: "1.0 here".to_owned(),
            by_work: pairs
                .iter()
                .map(|(name, count)| ((*name).to_owned(), *count))
                .collect(),
        }
    }

    #[test]
    fn text_keeps_all() {
        let counts = counts(&[("a", 1), ("b-c", 2_000_000_000_000)]);
        assert_eq!(Counts::parse(&counts.to_text()), Ok(counts));
        assert_eq!(Counts::parse("a 1"), Err("a 1".to_owned()));
        assert_eq!(Counts::parse("a\tmany"), Err("a\tmany".to_owned()));
    }

    #[test]
    fn only_more_than_the_tolerance_fails() {
        let committed = counts(&[
            ("same", 1000),
            ("near", 1000),
            ("more", 1000),
            ("less", 1000),
            ("gone", 1),
        ]);
        let counted = counts(&[
            ("same", 1000),
            ("near", 1030),
            ("more", 1031),
            ("less", 900),
            ("new", 1),
        ]);
        let judged = committed.judge(&counted);
        let failing = judged
            .iter()
            .map(|(fails, line)| (*fails, line.split(':').next().unwrap()));
        assert_eq!(
            failing.collect::<Vec<_>>(),
            [
                (true, "gone"),
                (false, "less"),
                (true, "more"),
                (true, "new")
            ]
        );
    }
}

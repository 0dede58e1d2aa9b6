//! The operations of the algebra, and where each compares.

use super::outcome::Mutant;
use crate::error::Error;

/// An operation and the functions that do its comparing: the first comparison or condition in them is broken. Where that only chooses
/// between two ways to the same result, what is broken is named behind a colon.
#[derive(Debug)]
pub(super) struct Operation {
    name: &'static str,
    broken: Broken,
    functions: &'static [&'static str],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broken {
    Comparison,
    /// There is no comparison: it takes a maximum, or calls others.
    Result,
}

const fn operation(name: &'static str, functions: &'static [&'static str]) -> Operation {
    Operation {
        name,
        broken: Broken::Comparison,
        functions,
    }
}

const fn result_of(name: &'static str, functions: &'static [&'static str]) -> Operation {
    Operation {
        name,
        broken: Broken::Result,
        functions,
    }
}

pub(super) const OPERATIONS: &[Operation] = &[
    operation("combine", &["Knowledge::combine", "adopt_keys"]),
    operation("combine, of vectors", &["ClockVector::merged"]),
    operation("combine, mapped", &["ClockVector::merge_mapped"]),
    operation(
        "combined, mapped",
        &["ClockVector::merged_mapped: replace == with !="],
    ),
    operation("intersection", &["ClockVector::meet"]),
    operation("complement", &["ClockVector::complement"]),
    operation("difference", &["Knowledge::difference"]),
    operation("contains (item, version)", &["ClockVector::contains"]),
    operation("contains (item's range)", &["RangeSet::position"]),
    operation(
        "contains (change unit)",
        &["Fragments::ranges_of", "Fragments::edit_unit"],
    ),
    operation("contains (knowledge)", &["ClockVector::contains_vector"]),
    operation(
        "contains (knowledge, mapped)",
        &["ClockVector::contains_mapped"],
    ),
    operation("contains (knowledge), range by range", &["Fragments::all"]),
    operation("compare", &["ClockVector::compare"]),
    operation("compare, mapped", &["ClockVector::compare_mapped"]),
    operation("compare, range by range", &["Knowledge::compare_with"]),
    operation("equality", &["<impl PartialEq for Knowledge>::eq"]),
    operation("intersects", &["ClockVector::intersects"]),
    operation(
        "lowest uncontained id",
        &["Knowledge::lowest_uncontained_id"],
    ),
    operation(
        "project onto item, exclude item, learn item",
        &["Knowledge::item_region"],
    ),
    operation("project onto range, exclude range", &["Knowledge::region"]),
    operation("project onto columns and change unit", &["joined"]),
    operation("project onto knowledge with prerequisite", &["covers"]),
    operation("exclude change unit", &["Fragments::edit_unit"]),
    operation("exclude items, change units", &["patchwork"]),
    operation("exclude no items", &["Knowledge::exclude_items"]),
    operation(
        "exclude no change units",
        &["Knowledge::exclude_change_units"],
    ),
    operation("learn items", &["Knowledge::learn_items"]),
    operation("exclude, in place", &["RangeSet::edit"]),
    operation("exclude, cutting ranges", &["RangeSet::cut"]),
    operation("exclude, joining neighbours", &["RangeSet::join"]),
    result_of(
        "find-min-tick-count-for-replica",
        &["Knowledge::find_min_tick_count_for_replica"],
    ),
    operation(
        "greatest tick of some replicas",
        &["Knowledge::max_tick_where"],
    ),
    operation("map-remote-to-local", &["KeyMapping::adding"]),
    operation("matching ids, a few", &["shared_few"]),
    operation("matching ids, by index", &["shared: replace < with >"]),
    operation("matching ids of any length", &["shared_any"]),
    operation("mapping of all keys", &["KeyMapping::is_complete"]),
    operation("mapping that changes nothing", &["KeyMapping::leads_back"]),
    operation("mapping of fewer keys", &["KeyMapping::limited"]),
    operation("mapping made before", &["Knowledge::usable"]),
    operation("set-local-tick", &["ClockVector::set"]),
    operation("set-local-tick, of nothing", &["Fragments::change_all"]),
    result_of("local tick", &["Knowledge::local_tick"]),
    operation("raise", &["ClockVector::raise"]),
    result_of("forget_to", &["ForgottenKnowledge::forget_to"]),
    operation("knowledge cookie", &["Knowledge::mapping_to: delete !"]),
    operation("ranges within bounds", &["RangeSet::parts_within"]),
    operation("key of a replica", &["IdIndex::find"]),
    operation(
        "key of a replica, without an index",
        &["ReplicaKeyMap::look_through"],
    ),
    operation("id format", &["IdFormat::admits"]),
    operation("successor of an id", &["ItemId::successor"]),
    operation("bounds of other formats", &["ItemId::round_up"]),
    operation("builder", &["KnowledgeBuilder::range"]),
    operation("builder of column sets", &["KnowledgeBuilder::column_set"]),
    operation("inspector", &["KnowledgeInspector<'a>::overrides"]),
    operation("one form: vectors", &["VectorTable::intern"]),
    operation("one form: neighbours", &["RangeSet::put"]),
    operation("decode: counts", &["Reader<'a>::count"]),
    operation(
        "decode: vectors",
        // The other one reads as the beginning of a list of types.
        &["Reader<'a>::vector: replace < with >"],
    ),
    operation("decode: ranges", &["Reader<'a>::ranges"]),
    operation("decode: constants", &["Reader<'a>::require"]),
    operation("decode: meaning", &["KnowledgeBlob::fragments"]),
    operation("convert", &["KnowledgeBlob::convert"]),
];

/// A mutant, and what it is broken for.
#[derive(Debug)]
pub(super) struct Pick {
    pub(super) operation: String,
    pub(super) mutant: Mutant,
}

impl Pick {
    pub(super) fn matches(&self, text: &str) -> bool {
        self.operation.contains(text) || self.mutant.function.contains(text)
    }
}

/// One mutant for each operation.
///
/// # Errors
/// If none of an operation's functions is there, or none compares: the table above is old.
pub(super) fn one_each(possible: &[Mutant]) -> Result<Vec<Pick>, Error> {
    OPERATIONS
        .iter()
        .map(|operation| operation.pick(possible))
        .collect()
}

impl Operation {
    fn pick(&self, possible: &[Mutant]) -> Result<Pick, Error> {
        let own = || {
            self.functions.iter().flat_map(|wanted| {
                let (function, what) = wanted.split_once(": ").unwrap_or((wanted, ""));
                let mutants = possible.iter();
                mutants.filter(move |m| m.function == function && m.what.starts_with(what))
            })
        };
        let mutant = own()
            .find(|mutant| mutant.turns_a_comparison())
            .or_else(|| own().find(|mutant| mutant.is_comparison()))
            .or_else(|| own().find(|_| self.broken == Broken::Result))
            .ok_or(Error::NothingToBreak {
                operation: self.name,
            })?;
        Ok(Pick {
            operation: self.name.to_owned(),
            mutant: mutant.clone(),
        })
    }
}

/// Every comparison and condition, under the name of its function.
pub(super) fn all(possible: &[Mutant]) -> Vec<Pick> {
    let comparisons = possible.iter().filter(|mutant| mutant.is_comparison());
    comparisons
        .map(|mutant| Pick {
            operation: mutant.function.clone(),
            mutant: mutant.clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::sources;
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_name_is_that_of_a_function_which_compares_as_said() {
        let functions = sources::functions("sync-knowledge");
        let mut wrong = Vec::new();
        for operation in OPERATIONS {
            let mut compares = false;
            for wanted in operation.functions {
                let (name, what) = wanted.split_once(": ").unwrap_or((wanted, ""));
                let of_this_name = functions.iter().filter(|f| f.name == name);
                let found: Vec<_> = of_this_name.flat_map(|f| &f.comparisons).collect();
                if !functions.iter().any(|f| f.name == name) {
                    wrong.push(format!("{}: no function {name}", operation.name));
                }
                let replaced = what.split(' ').nth(1);
                if replaced.is_some_and(|replaced| !found.iter().any(|c| *c == replaced)) {
                    wrong.push(format!("{}: no {what} in {name}", operation.name));
                }
                compares |= !found.is_empty();
            }
            if compares != (operation.broken == Broken::Comparison) {
                let broken = operation.broken;
                wrong.push(format!(
                    "{}: {broken:?}, compares: {compares}",
                    operation.name
                ));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn operations_are_named_once() {
        let names: BTreeSet<_> = OPERATIONS.iter().map(|operation| operation.name).collect();
        assert_eq!(names.len(), OPERATIONS.len());
    }

    #[test]
    fn a_comparison_is_turned_before_anything_else_is_broken() {
        let possible: Vec<Mutant> = [
            "FnValue: replace f with ()",
            "BinaryOperator: replace < with == in f",
            "BinaryOperator: replace < with > in f",
        ]
        .map(|text| {
            let (genre, what) = text.split_once(": ").unwrap();
            Mutant::new("a.rs:1:2", genre, what, "f")
        })
        .into();
        let check = |of: &[Mutant], expected: &str| {
            let operation = operation("x", &["none", "f"]);
            let picked = operation.pick(of).unwrap();
            assert_eq!(picked.mutant.what, expected);
        };
        check(&possible, "replace < with > in f");
        check(&possible[..2], "replace < with == in f");
        assert!(operation("x", &["f"]).pick(&possible[..1]).is_err());
        let lost = result_of("x", &["f"]).pick(&possible[..1]).unwrap();
        assert_eq!(lost.mutant.what, "replace f with ()");
        let named = operation("x", &["f: replace < with =="]);
        assert_eq!(
            named.pick(&possible).unwrap().mutant.what,
            "replace < with == in f"
        );
        assert!(operation("x", &["g"]).pick(&possible).is_err());
    }
}

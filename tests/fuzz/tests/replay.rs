//! Every committed input of every target, on every run.

use std::panic::{AssertUnwindSafe, catch_unwind};

use sync_fuzz::{TARGETS, Verdict, corpus};

/// A target that cannot read any of its inputs tests nothing but refusals.
#[test]
fn the_corpus_holds_what_it_promises() {
    let mut failed = Vec::new();
    for target in TARGETS {
        let inputs = corpus::inputs(target.name).unwrap();
        let mut read = 0;
        for (name, input) in &inputs {
            match catch_unwind(AssertUnwindSafe(|| target.check(input))) {
                Ok(Verdict::Read) => read += 1,
                Ok(Verdict::Refused) => {}
                Err(_) => failed.push(format!("{}/{name}", target.name)),
            }
        }
        assert!(read > 0, "no input of {} is read", target.name);
    }
    assert!(failed.is_empty(), "see above: {failed:?}");
}

#[test]
fn every_folder_has_a_target() {
    let mut folders: Vec<String> = std::fs::read_dir(corpus::folder(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    folders.sort();
    let mut names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
    names.sort_unstable();
    assert_eq!(folders, names);
}

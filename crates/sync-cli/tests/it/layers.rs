//! What the layer table leaves to this crate: only the demonstration, an application of its own, holds SQL, and its modules know each
//! other in one direction.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

#[test]
fn only_the_demonstration_knows_a_database_driver() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    collect(&sources, &mut found);
    assert!(found.len() > 20);
    for (path, text) in found {
        let may = path.starts_with(sources.join("commands/demo"));
        assert!(may || !text.contains("rusqlite"), "{}", path.display());
    }
}

/// Modules that know each other can be understood only together. The commands count as modules of their own.
#[test]
fn no_modules_know_each_other() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    collect(&sources, &mut found);
    let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, text) in found {
        let path = path.strip_prefix(&sources).unwrap().with_extension("");
        let names: Vec<_> = path.iter().map(|name| name.to_str().unwrap()).collect();
        let own = match names[..] {
            ["commands", "mod"] => "commands".to_owned(),
            ["commands", command, ..] => format!("commands::{command}"),
            [module, ..] => module.to_owned(),
            [] => unreachable!("a file has a name"),
        };
        let known = known.entry(own.clone()).or_default();
        for prefix in ["crate::", "super::"] {
            for (at, _) in text.match_indices(prefix) {
                let rest =
                    text[at + prefix.len()..].split(|c: char| !c.is_alphanumeric() && c != '_');
                let name = rest.into_iter().next().unwrap();
                known.insert(match prefix {
                    "super::" => format!("commands::{name}"),
                    _ => name.to_owned(),
                });
            }
        }
        known.remove(&own);
    }
    // Whoever knows nobody that is left is no part of a circle.
    while let Some(free) = known
        .iter()
        .find(|(_, knows)| !knows.iter().any(|name| known.contains_key(name)))
        .map(|(name, _)| name.clone())
    {
        known.remove(&free);
    }
    assert!(known.is_empty(), "circles among {known:?}");
}

fn collect(folder: &Path, found: &mut Vec<(std::path::PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
}

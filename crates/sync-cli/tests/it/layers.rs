//! What the layer table leaves to this crate: only the demonstration, an application of its own, holds SQL.

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

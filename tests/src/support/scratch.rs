//! Folders that disappear with the test.

use std::path::Path;

use tempfile::TempDir;

/// A fresh folder, in memory where the system has a file system for that: what is tested does not depend on the medium, and
/// a test that commits a thousand times need not wait for a disk.
pub fn folder() -> TempDir {
    let shared = Path::new("/dev/shm");
    let made = if shared.is_dir() {
        tempfile::tempdir_in(shared).or_else(|_| tempfile::tempdir())
    } else {
        tempfile::tempdir()
    };
    made.expect("a scratch folder can be made")
}

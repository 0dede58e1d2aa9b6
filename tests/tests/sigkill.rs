//! A process that synchronises is killed at many points of a long session: the databases stay sound, hold what they held before
//! or what whole directions made of it, and the next session converges.
//!
//! The child is this test binary itself, which runs one ignored-by-default role when it is told so by its environment.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on panics"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use sync_provider_sqlite::{Provisioning, SqliteProvider, Tables};
use sync_tests::support::dump::{assert_sound, open, query, user_rows};
use sync_tests::support::scratch;
use sync_tests::support::session::Session;

const FOLDER: &str = "SYNC_TEST_SIGKILL_FOLDER";
const ROWS: u32 = 6_000;

fn paths(folder: &Path) -> [PathBuf; 2] {
    ["a.db", "b.db"].map(|name| folder.join(name))
}

fn session(folder: &Path) -> Session {
    let [a, b] = paths(folder).map(|path| Arc::new(SqliteProvider::new(path, "s")));
    Session::new(a, b).batch_bytes(2_000)
}

/// The child's part: a long session that never comes back.
#[test]
fn child() {
    let Ok(folder) = std::env::var(FOLDER) else {
        return;
    };
    session(Path::new(&folder)).run();
}

fn prepare(folder: &Path, mode: &str) {
    for (path, id) in paths(folder).iter().zip([1, 1_000_000]) {
        let db = open(path);
        db.pragma_update(None, "journal_mode", mode).unwrap();
        db.execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY, u TEXT UNIQUE, v TEXT)")
            .unwrap();
        Provisioning::new("s", Tables::All).apply(path).unwrap();
        let sql = "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?1 - 1) SELECT ?2 + i, ?2 + i, 'row' FROM n";
        db.execute(sql, [ROWS, id]).unwrap();
    }
}

fn check(mode: &str) {
    let folder = scratch::folder();
    let image = folder.path().join("image");
    fs::create_dir(&image).unwrap();
    prepare(&image, mode);
    let before = paths(&image).each_ref().map(|path| user_rows(path));
    let mut killed = 0;
    let mut delay = Duration::from_millis(5);
    for round in 0..40 {
        let work = folder.path().join(format!("work {round}"));
        fs::create_dir(&work).unwrap();
        for (from, to) in paths(&image).iter().zip(paths(&work)) {
            fs::copy(from, to).unwrap();
        }
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--quiet"])
            .env(FOLDER, &work)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(delay);
        let ended = child.try_wait().unwrap().is_some();
        child.kill().unwrap();
        child.wait().unwrap();
        let now = paths(&work).each_ref().map(|path| {
            assert_sound(path);
            user_rows(path)
        });
        let rows = ROWS as usize;
        for side in 0..2 {
            assert!(
                now[side].len() == rows || now[side].len() == 2 * rows,
                "half a direction: {} rows",
                now[side].len()
            );
            assert!(now[side].len() > rows || now[side] == before[side]);
        }
        session(&work).run();
        assert_eq!(session(&work).run().moved(), 0);
        let [a, b] = paths(&work).each_ref().map(|path| user_rows(path));
        assert!(
            a == b && a.len() == 2 * rows,
            "killed after {delay:?}: the two differ"
        );
        assert_eq!(
            query(&paths(&work)[0], "SELECT applying FROM sync_tick"),
            ["NULL"]
        );
        fs::remove_dir_all(&work).unwrap();
        if ended {
            break;
        }
        killed += 1;
        delay = delay * 5 / 4 + Duration::from_millis(2);
    }
    assert!(killed >= 5, "{killed} sessions were killed");
}

#[test]
fn rollback_journal() {
    check("delete");
}

#[test]
fn wal() {
    check("wal");
}

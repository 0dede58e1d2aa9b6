//! Running the binary in a folder of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rusqlite::Connection;
use serde_json::Value as Json;
use tempfile::TempDir;

/// A folder in which the binary runs.
pub(crate) struct Place {
    folder: TempDir,
}

/// The bytes of files by path.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The tables that most tests use: a parent and its children, one kind of cell each.
pub(crate) const SHOP: &str = "
    CREATE TABLE Customer (Id INTEGER PRIMARY KEY, Name TEXT NOT NULL, Credit DECIMAL(10,2), Photo BLOB);
    CREATE TABLE Purchase (Shop TEXT NOT NULL, Number INT NOT NULL, Customer INTEGER REFERENCES Customer (Id), Weight REAL,
        PRIMARY KEY (Shop, Number)) WITHOUT ROWID;
    INSERT INTO Customer VALUES (1, 'Ada', 10.5, x'00ff'), (2, 'Grüße', NULL, NULL), (9223372036854775807, 'last', 0, NULL);
    INSERT INTO Purchase VALUES ('Bern', 1, 1, 0.5), ('Bern', 2, 2, NULL);";

impl Place {
    pub(crate) fn new() -> Self {
        Place {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// A folder with `a.db`, which holds [`SHOP`] in the scope `shop`, and `b.db` provisioned like it and synchronised.
    pub(crate) fn with_two_shops() -> Self {
        let place = Place::new();
        place.sql("a.db", SHOP);
        place.ok(&["provision", "a.db", "--scope", "shop", "--all-tables"]);
        place.ok(&["sync", "a.db", "b.db", "--provision"]);
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_syncdb"));
        command.current_dir(self.folder.path()).args(arguments);
        command.env_remove("RUST_LOG").env_remove("SYNCDB_PASSWORD");
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        Run::from(self.command(arguments).output().unwrap())
    }

    /// Runs a command that must succeed.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let run = self.run(arguments);
        assert_eq!(run.code, 0, "{arguments:?}: {run:?}");
        run.stdout
    }

    /// Runs a command with `--json` that must end with this code, and gives its document.
    pub(crate) fn json(&self, arguments: &[&str], code: i32) -> Json {
        let run = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(run.code, code, "{arguments:?}: {run:?}");
        run.document()
    }

    pub(crate) fn connect(&self, name: &str) -> Connection {
        Connection::open(self.path(name)).unwrap()
    }

    pub(crate) fn sql(&self, name: &str, sql: &str) {
        self.connect(name).execute_batch(sql).unwrap();
    }

    /// Rows of a query, their cells as SQLite quotes them.
    pub(crate) fn rows(&self, name: &str, query: &str) -> Vec<String> {
        let db = self.connect(name);
        let mut statement = db.prepare(query).unwrap();
        let width = statement.column_count();
        let rows = statement.query_map([], |row| {
            let cells = (0..width).map(|at| {
                row.get::<_, rusqlite::types::Value>(at)
                    .map(|cell| format!("{cell:?}"))
            });
            Ok(cells.collect::<Result<Vec<_>, _>>()?.join(" "))
        });
        rows.unwrap().map(Result::unwrap).collect()
    }

    /// The bytes of all files.
    pub(crate) fn bytes(&self) -> Files {
        let mut all = BTreeMap::new();
        collect(self.folder.path(), &mut all);
        all
    }
}

fn collect(folder: &Path, all: &mut Files) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.insert(path.display().to_string(), Vec::new());
            collect(&path, all);
        } else {
            all.insert(path.display().to_string(), std::fs::read(&path).unwrap());
        }
    }
}

impl Run {
    /// The one document on standard output.
    pub(crate) fn document(&self) -> Json {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The one line that says what went wrong.
    pub(crate) fn error_line(&self) -> &str {
        let mut lines = self
            .stderr
            .lines()
            .filter(|line| line.starts_with("error: "));
        let line = lines
            .next()
            .unwrap_or_else(|| panic!("no error line: {self:?}"));
        assert_eq!(lines.next(), None, "{self:?}");
        line
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Run {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// Runs a command that must fail with `code`, in one line that holds `part`, and change no file; then the same with `--json`.
pub(crate) fn check_failure(place: &Place, arguments: &[&str], code: i32, part: &str) {
    let before = place.bytes();
    check_refusal(place, arguments, code, part);
    check_same_bytes(&before, &place.bytes(), arguments);
}

/// As [`check_failure`], without a look at the files: reading a database's file ends all locks that this process holds on it.
pub(crate) fn check_refusal(place: &Place, arguments: &[&str], code: i32, part: &str) {
    let run = place.run(arguments);
    assert_eq!(run.code, code, "{arguments:?}: {run:?}");
    let line = run.error_line();
    assert!(line.contains(part), "{arguments:?}: {line}");
    assert!(!run.stderr.contains("panicked"), "{run:?}");
    assert_eq!(run.stdout, "", "{arguments:?}");

    let run = place.run(&[arguments, &["--json"]].concat());
    assert_eq!(run.code, code, "{arguments:?}: {run:?}");
    let error = &run.document()["error"];
    assert_eq!(error["code"], code, "{arguments:?}");
    for key in ["object", "message", "remedy"] {
        assert!(
            error[key].as_str().is_some_and(|text| !text.is_empty()),
            "{key}: {run:?}"
        );
    }
    run.error_line();
}

/// Names the file that differs, rather than all bytes of all files.
pub(crate) fn check_same_bytes(before: &Files, after: &Files, what: &[&str]) {
    assert_eq!(
        before.keys().collect::<Vec<_>>(),
        after.keys().collect::<Vec<_>>(),
        "{what:?}"
    );
    for (name, bytes) in before {
        assert!(after[name] == *bytes, "{what:?} changed {name}");
    }
}

/// The keys of an object, sorted.
pub(crate) fn keys(object: &Json) -> Vec<&str> {
    object
        .as_object()
        .unwrap_or_else(|| panic!("{object}"))
        .keys()
        .map(String::as_str)
        .collect()
}

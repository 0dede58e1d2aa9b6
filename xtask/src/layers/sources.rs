//! What the pure crates may not even name: files, sockets, threads, clocks and async.
//!
//! A search of the text, not of the meaning: it finds what is written in good faith. Comments, text literals on the same
//! line and test modules do not count.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// Modules of the standard library that reach outside the process or start something in it.
const OUTSIDE_WORLD: &[&str] = &["env", "fs", "net", "os", "process", "thread"];
/// What else a pure crate has no use for.
const WORDS: &[(&str, &str)] = &[
    ("Instant", "a clock"),
    ("SystemTime", "a clock"),
    ("async fn", "async"),
    ("async move", "async"),
    (".await", "async"),
];

/// Every impure line under a source folder, one sentence each.
///
/// # Errors
/// If the folder or a file of it cannot be read.
pub(super) fn impurities(folder: &Path) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    for path in rust_files(folder)? {
        let text = fs::read_to_string(&path).map_err(Error::file(&path))?;
        found.extend(impure_lines(&text).into_iter().map(|(line, what)| {
            format!(
                "{}:{line}: {what} in a crate that does no I/O",
                path.display()
            )
        }));
    }
    Ok(found)
}

/// The impure lines of one file: line number from 1, and what is wrong.
fn impure_lines(text: &str) -> Vec<(usize, String)> {
    let code: Vec<&str> = text
        .lines()
        .map(without_comment)
        .enumerate()
        .take_while(|(index, line)| !starts_test_module(line, text.lines().nth(index + 1)))
        .map(|(_, line)| line)
        .collect();
    let mut found = Vec::new();
    for (index, line) in code.iter().enumerate() {
        for (word, what) in WORDS {
            if contains_word(line, word) {
                found.push((index + 1, format!("{what} (`{word}`)")));
            }
        }
        for module in std_modules(&code, index) {
            if OUTSIDE_WORLD.contains(&module.as_str()) {
                found.push((index + 1, format!("`std::{module}`")));
            }
        }
    }
    found
}

fn rust_files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).map_err(Error::file(&folder))? {
            let path = entry.map_err(Error::file(&folder))?.path();
            let is_tests = path.file_stem().is_some_and(|stem| stem == "tests");
            if is_tests {
                continue;
            }
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn without_comment(line: &str) -> &str {
    line.split_once("//").map_or(line, |(code, _)| code)
}

/// By convention the tests of a module are its last item.
fn starts_test_module(line: &str, next: Option<&str>) -> bool {
    line.trim() == "#[cfg(test)]" && next.is_some_and(|next| next.trim_start().starts_with("mod "))
}

/// Whether the line has the word by itself, not as a part of a longer name or of a text literal.
fn contains_word(line: &str, word: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let (before, rest) = line.split_at(at);
        let after = rest.strip_prefix(word).unwrap_or_default();
        let in_text = before.matches('"').count() % 2 == 1;
        let ends_name = before.ends_with(is_name) && word.starts_with(is_name);
        !in_text && !ends_name && !after.starts_with(is_name)
    })
}

/// The modules of `std` that a line names, `use std::{a, b::c}` over several lines included.
fn std_modules(code: &[&str], index: usize) -> Vec<String> {
    let line = code.get(index).copied().unwrap_or_default();
    let mut modules = Vec::new();
    for part in line.split("std::").skip(1) {
        if !part.starts_with('{') {
            modules.extend(leading_name(part));
            continue;
        }
        let following = code.iter().skip(index + 1).copied();
        let group: String = std::iter::once(part).chain(following).collect();
        modules.extend(names_of_group(&group));
    }
    modules
}

/// The first name of each entry of a `{…}` group, nested groups left out.
fn names_of_group(group: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut depth = 0_usize;
    let mut entry = String::new();
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => break,
            '}' => depth -= 1,
            ',' if depth == 1 => names.extend(leading_name(&std::mem::take(&mut entry))),
            _ if depth == 1 => entry.push(c),
            _ => {}
        }
    }
    names.extend(leading_name(&entry));
    names
}

fn leading_name(text: &str) -> Option<String> {
    let is_name = |c: &char| c.is_alphanumeric() || *c == '_';
    let name: String = text.trim_start().chars().take_while(is_name).collect();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(usize, &str)]) {
        let found = impure_lines(text);
        let found: Vec<(usize, &str)> = found.iter().map(|(l, w)| (*l, w.as_str())).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn single_paths() {
        check("use std::collections::BTreeMap;", &[]);
        check("use std::fs::File;", &[(1, "`std::fs`")]);
        check(
            "fn f() {\n    std::thread::yield_now();\n}",
            &[(2, "`std::thread`")],
        );
        check(
            "use std::fmt; use std::net::TcpStream;",
            &[(1, "`std::net`")],
        );
    }

    #[test]
    fn groups() {
        check("use std::{fmt, io::{self, fs}, mem};", &[]);
        check(
            "use std::{\n    fmt::{self, Display},\n    process,\n};",
            &[(1, "`std::process`")],
        );
    }

    #[test]
    fn words() {
        check("let at = Instant::now();", &[(1, "a clock (`Instant`)")]);
        check("struct Instants; struct AnInstant;", &[]);
        check(
            "async fn f() { g().await }",
            &[(1, "async (`async fn`)"), (1, "async (`.await`)")],
        );
        check(r#"let text = "async fn";"#, &[]);
    }

    #[test]
    fn comments_and_test_modules_do_not_count() {
        check("//! no std::fs here", &[]);
        check("let x = 1; // std::fs", &[]);
        check(
            "fn f() {}\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}",
            &[],
        );
        check("#[cfg(test)]\nuse std::fs;", &[(2, "`std::fs`")]);
    }
}

//! What is said of a run.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::driver::Run;
use crate::error::Error;

/// How much of an input and of a log is shown.
const MOST_BYTES: usize = 256;
const MOST_LINES: usize = 12;

pub(super) fn log_file(run: &Run<'_>) -> PathBuf {
    run.folder.join(format!("{}.log", run.target))
}

pub(super) fn log(run: &Run<'_>) -> String {
    let bytes = fs::read(log_file(run)).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// How many inputs were tried, in the words that both drivers have for it.
pub(super) fn tried(log: &str) -> u64 {
    let number = |line: &str| {
        let rest = line.strip_prefix("stat::number_of_executed_units:")?;
        rest.trim().parse().ok()
    };
    log.lines().find_map(number).unwrap_or(0)
}

/// The inputs that were kept of a target.
pub(super) fn artifacts(folder: &Path, target: &str) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::file(folder))? {
        let path = entry.map_err(Error::file(folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name
            .strip_prefix(target)
            .is_some_and(|rest| rest.starts_with('-'))
        {
            found.push(path);
        }
    }
    Ok(found)
}

/// Why a target failed, on what, and how to see it again.
pub(super) fn failure(run: &Run<'_>, input: Option<&Path>) -> String {
    let mut text = String::new();
    for line in said(&log(run)) {
        let _ = writeln!(text, "    {line}");
    }
    let Some(input) = input else {
        let log = log_file(run);
        let _ = writeln!(text, "    no input was caught; see {}", log.display());
        return text;
    };
    let bytes = fs::read(input).unwrap_or_default();
    let shown = &bytes[..bytes.len().min(MOST_BYTES)];
    let hex: String = shown.iter().map(|byte| format!("{byte:02x}")).collect();
    let more = if shown.len() < bytes.len() { "…" } else { "" };
    let (target, input) = (run.target, input.display());
    let _ = writeln!(text, "    input of {} bytes: {hex}{more}", bytes.len());
    let _ = writeln!(
        text,
        "    again: cargo run --package sync-fuzz -- reproduce {target} {input}"
    );
    let _ = writeln!(
        text,
        "    keep it: copy the file to tests/fuzz/corpus/{target}, and every test run tries it"
    );
    text
}

/// What the target said when it failed, without what libFuzzer says before and after.
fn said(log: &str) -> Vec<&str> {
    const CHATTER: [&str; 3] = ["#", "INFO: ", "WARNING: Failed to find function"];
    let chatter = |line: &&str| CHATTER.iter().any(|begin| line.starts_with(begin));
    let lines: Vec<&str> = log.lines().filter(|line| !chatter(line)).collect();
    let telling = |line: &&str| {
        [
            "panicked at",
            "overflowed its stack",
            "memory allocation of",
            "takes more than",
        ]
        .iter()
        .any(|part| line.contains(part))
            || line.starts_with("==")
    };
    let begin = lines
        .iter()
        .position(telling)
        .unwrap_or(lines.len().saturating_sub(MOST_LINES));
    let end = lines.len().min(begin + MOST_LINES);
    lines[begin..end].to_vec()
}

/// A number with its thousands apart.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (number, expected) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (12_345_678, "12,345,678"),
        ] {
            assert_eq!(grouped(number), expected);
        }
        assert_eq!(tried("x\nstat::number_of_executed_units: 12\ny"), 12);
        assert_eq!(tried(""), 0);
    }

    #[test]
    fn of_a_long_log_only_what_tells_is_shown() {
        let log = "#1 NEW\n#2 NEW\nthread 'main' panicked at a.rs:1:\nbroken\n==7== ERROR: x";
        assert_eq!(
            said(log),
            [
                "thread 'main' panicked at a.rs:1:",
                "broken",
                "==7== ERROR: x"
            ]
        );
        assert_eq!(said("INFO: x\n#3 NEW\na\nb"), ["a", "b"]);
    }
}

//! The table of the conformance suite: scenarios down, pairs across, reasons below.

use super::conformance::{Finding, Outcome, distinct};

/// The table as text, with a final line break. A cell that needs a reason refers to it by number.
pub(super) fn render(findings: &[Finding]) -> String {
    let pairs = distinct(findings, |finding| finding.pair.as_str());
    let scenarios = distinct(findings, |finding| finding.scenario.as_str());
    if pairs.is_empty() {
        return "conformance: nothing ran\n".to_owned();
    }

    let mut notes: Vec<String> = Vec::new();
    let mut rows = vec![heading(&pairs)];
    for scenario in scenarios {
        let cells = pairs
            .iter()
            .map(|pair| cell(findings, pair, scenario, &mut notes));
        rows.push(std::iter::once(scenario.to_owned()).chain(cells).collect());
    }

    let mut text = aligned(&rows);
    for (index, note) in notes.iter().enumerate() {
        text.push_str(&format!("[{}] {note}\n", index + 1));
    }
    text
}

fn heading(pairs: &[&str]) -> Vec<String> {
    let pairs = pairs.iter().map(|&pair| pair.to_owned());
    std::iter::once("scenario".to_owned())
        .chain(pairs)
        .collect()
}

fn cell(findings: &[Finding], pair: &str, scenario: &str, notes: &mut Vec<String>) -> String {
    let found = findings
        .iter()
        .find(|finding| finding.pair == pair && finding.scenario == scenario);
    let Some(found) = found else {
        return "missing".to_owned();
    };
    let word = match found.outcome {
        Outcome::Passed => return "passed".to_owned(),
        Outcome::Failed => "FAILED",
        Outcome::Skipped => "skipped",
    };
    let reason = found.reason.as_deref().unwrap_or("no reason given");
    let number = notes
        .iter()
        .position(|note| note == reason)
        .unwrap_or_else(|| {
            notes.push(reason.to_owned());
            notes.len() - 1
        });
    format!("{word} [{}]", number + 1)
}

/// Columns as wide as their widest cell, two spaces between them, a line under the heading.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();

    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        text.push_str(&line(row, &widths));
        if index == 0 {
            let rule: Vec<String> = widths.iter().map(|&width| "-".repeat(width)).collect();
            text.push_str(&line(&rule, &widths));
        }
    }
    text
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let padded: Vec<String> = cells
        .iter()
        .zip(widths)
        .map(|(cell, &width)| format!("{cell:<width$}"))
        .collect();
    format!("{}\n", padded.join("  ").trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(pair: &str, scenario: &str, outcome: Outcome, reason: &str) -> Finding {
        Finding {
            pair: pair.to_owned(),
            scenario: scenario.to_owned(),
            outcome,
            reason: (!reason.is_empty()).then(|| reason.to_owned()),
        }
    }

    #[test]
    fn a_table() {
        let findings = [
            finding("sqlite → sqlite", "first session", Outcome::Passed, ""),
            finding(
                "sqlite → sqlite",
                "swapped unique keys",
                Outcome::Failed,
                "row 7 is missing",
            ),
            finding(
                "memory → sqlite",
                "first session",
                Outcome::Skipped,
                "no constraints in memory",
            ),
            finding(
                "memory → sqlite",
                "swapped unique keys",
                Outcome::Skipped,
                "no constraints in memory",
            ),
            finding("memory → sqlite", "cascades", Outcome::Passed, ""),
        ];
        let expected = "\
scenario             sqlite → sqlite  memory → sqlite
-------------------  ---------------  ---------------
first session        passed           skipped [1]
swapped unique keys  FAILED [2]       skipped [1]
cascades             missing          passed
[1] no constraints in memory
[2] row 7 is missing
";
        assert_eq!(render(&findings), expected);
        assert_eq!(render(&[]), "conformance: nothing ran\n");
    }
}

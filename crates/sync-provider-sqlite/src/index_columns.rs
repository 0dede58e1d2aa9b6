//! The terms of a CREATE INDEX statement, for unique indexes over expressions, which no pragma tells.

/// The comma-separated terms in the first parentheses of a CREATE INDEX statement as SQLite stores it, without `ASC`, `DESC` and
/// `COLLATE …` at their ends. Quoted names, strings and comments are understood; empty where the text is of another form.
pub(crate) fn index_expressions(sql: &str) -> Vec<String> {
    let mut terms = vec![String::new()];
    let mut depth = 0usize;
    let mut chars = sql.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '(' => {
                depth += 1;
                if depth == 1 {
                    continue;
                }
            }
            ')' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return terms
                        .iter()
                        .map(|term| without_order(term.trim()).to_owned())
                        .collect();
                }
            }
            ',' if depth == 1 => {
                terms.push(String::new());
                continue;
            }
            _ => {}
        }
        let close = match c {
            '"' | '\'' | '`' => Some(c),
            '[' => Some(']'),
            '-' if chars.peek() == Some(&'-') => Some('\n'),
            _ => None,
        };
        let mut token = c.to_string();
        if let Some(close) = close {
            for next in chars.by_ref() {
                token.push(next);
                if next == close {
                    break;
                }
            }
        }
        if let (true, Some(term)) = (depth > 0, terms.last_mut()) {
            term.push_str(&token);
        }
    }
    Vec::new()
}

fn without_order(term: &str) -> &str {
    let mut rest = term;
    loop {
        let upper = rest.to_ascii_uppercase();
        let cut = [" ASC", " DESC"]
            .iter()
            .find(|word| upper.ends_with(**word))
            .map(|word| rest.len() - word.len());
        let cut = cut.or_else(|| {
            let at = upper.rfind(" COLLATE ")?;
            // Only at the end: one word follows.
            (!upper
                .get(at + 9..)?
                .trim()
                .contains(|c: char| c.is_whitespace() || c == ')'))
            .then_some(at)
        });
        match cut.and_then(|cut| rest.get(..cut)) {
            Some(shorter) => rest = shorter.trim_end(),
            None => return rest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sql: &str, expected: &[&str]) {
        assert_eq!(index_expressions(sql), expected, "{sql}");
    }

    #[test]
    fn terms_are_told_apart() {
        check("CREATE UNIQUE INDEX i ON t(a, b DESC)", &["a", "b"]);
        check(
            "CREATE UNIQUE INDEX \"i(\" ON [t(](lower(a) COLLATE NOCASE ASC, substr(b, 1, 2))",
            &["lower(a)", "substr(b, 1, 2)"],
        );
        check(
            "CREATE UNIQUE INDEX i ON t(a || ',)' || \"x)\") WHERE a > 1",
            &["a || ',)' || \"x)\""],
        );
        check("CREATE UNIQUE INDEX i ON t", &[]);
    }
}

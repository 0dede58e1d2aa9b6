//! The terms of a CREATE INDEX statement, for unique indexes over expressions, which no pragma tells.

use crate::tokens::tokens;

/// The comma-separated terms in the first parentheses of a CREATE INDEX statement as SQLite stores it, without `ASC`, `DESC` and
/// `COLLATE …` at their ends. Quoted names, strings and comments are understood; empty where the text is of another form.
pub(crate) fn index_expressions(sql: &str) -> Vec<String> {
    let mut terms = vec![String::new()];
    let mut depth = 0usize;
    for token in tokens(sql) {
        if token.is_sign("(") {
            depth += 1;
            if depth == 1 {
                continue;
            }
        } else if token.is_sign(")") {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return terms
                    .iter()
                    .map(|term| without_order(term.trim()).to_owned())
                    .collect();
            }
        } else if token.is_sign(",") && depth == 1 {
            terms.push(String::new());
            continue;
        }
        if let (true, Some(term)) = (depth > 0, terms.last_mut()) {
            term.push_str(token.text);
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
        check(
            "CREATE UNIQUE INDEX i ON t /* ( */ (a /* ), */, b)",
            &["a /* ), */", "b"],
        );
        check("CREATE UNIQUE INDEX i ON t", &[]);
    }
}

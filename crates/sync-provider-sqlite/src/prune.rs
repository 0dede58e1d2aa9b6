//! A CREATE TABLE statement without what cannot be had in another database.

use std::collections::BTreeSet;

use crate::tokens::{Kind, Token, tokens};

/// A statement without the foreign keys whose parent is not kept, and without collations that are not known. What else it says stays as it
/// was written. SQLite says afterwards whether that is a table, so a text of an unknown form does no harm here.
pub(crate) fn prune(
    sql: &str,
    keeps_parent: impl Fn(&str) -> bool,
    knows_collation: impl Fn(&str) -> bool,
) -> Pruned {
    let all = tokens(sql);
    let solid: Vec<usize> = (0..all.len())
        .filter(|&at| all[at].kind != Kind::Blank)
        .collect();
    let text = Text { all: &all, solid };
    let mut pruned = Pruned::default();
    let mut dropped = BTreeSet::new();
    let mut depth = 0usize;
    let mut constraint = None;
    let mut at = 0;
    while let Some(token) = text.at(at) {
        let mut end = at + 1;
        if token.is_sign("(") {
            depth += 1;
        } else if token.is_sign(")") {
            depth = depth.saturating_sub(1);
        } else if token.is_sign(",") && depth == 1 {
            constraint = None;
        } else if token.is("FOREIGN") && depth == 1 {
            constraint = Some(at);
        } else if token.is("REFERENCES") && depth == 1 {
            end = text.end_of_reference(at);
            if text
                .at(at + 1)
                .is_some_and(|name| !keeps_parent(&name.name()))
            {
                dropped.extend(text.range(text.start_of_reference(at, constraint), end));
            }
            constraint = None;
        } else if token.is("COLLATE") {
            end = at + 2;
            let name = text.at(at + 1).map(Token::name).unwrap_or_default();
            if !knows_collation(&name) {
                dropped.extend(text.range(at, end));
                pruned.collations.insert(name);
            }
        }
        at = end;
    }
    pruned.sql = (0..all.len())
        .filter(|at| !dropped.contains(at))
        .map(|at| all[at].text)
        .collect();
    pruned
}

/// What is left of a statement.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Pruned {
    pub(crate) sql: String,
    /// The collations that were left out.
    pub(crate) collations: BTreeSet<String>,
}

/// Tokens, counted without the blanks between them.
struct Text<'t, 's> {
    all: &'t [Token<'s>],
    solid: Vec<usize>,
}

impl<'s> Text<'_, 's> {
    fn at(&self, at: usize) -> Option<Token<'s>> {
        self.solid.get(at).map(|&place| self.all[place])
    }

    fn is(&self, at: usize, keyword: &str) -> bool {
        self.at(at).is_some_and(|token| token.is(keyword))
    }

    /// The places of tokens, with the blanks between them.
    fn range(&self, from: usize, end: usize) -> std::ops::Range<usize> {
        let place = |at: usize| self.solid.get(at).copied();
        let last = end.min(self.solid.len()).checked_sub(1).and_then(place);
        match (place(from), last) {
            (Some(from), Some(last)) => from..last + 1,
            _ => 0..0,
        }
    }

    /// Where the clause begins that a REFERENCES belongs to: at the FOREIGN of a table's constraint together with the comma before it, and
    /// with the name of the constraint in either case.
    fn start_of_reference(&self, at: usize, constraint: Option<usize>) -> usize {
        let mut start = constraint.unwrap_or(at);
        if start >= 2 && self.is(start - 2, "CONSTRAINT") {
            start -= 2;
        }
        let comma = start
            .checked_sub(1)
            .and_then(|before| self.at(before))
            .is_some_and(|token| token.is_sign(","));
        if constraint.is_some() && comma {
            start -= 1;
        }
        start
    }

    /// Behind `REFERENCES parent (columns) ON DELETE … ON UPDATE … MATCH … DEFERRABLE …`.
    fn end_of_reference(&self, at: usize) -> usize {
        let mut end = at + 2;
        if self.at(end).is_some_and(|token| token.is_sign("(")) {
            while self.at(end).is_some_and(|token| !token.is_sign(")")) {
                end += 1;
            }
            end += 1;
        }
        loop {
            let event = ["DELETE", "UPDATE", "INSERT"]
                .iter()
                .any(|event| self.is(end + 1, event));
            if self.is(end, "ON") && event {
                let two_words = self.is(end + 2, "SET") || self.is(end + 2, "NO");
                end += if two_words { 4 } else { 3 };
            } else if self.is(end, "MATCH")
                || self.is(end, "INITIALLY")
                || self.is(end, "NOT") && self.is(end + 1, "DEFERRABLE")
            {
                end += 2;
            } else if self.is(end, "DEFERRABLE") {
                end += 1;
            } else {
                return end.min(self.solid.len());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parent `q` and the collation `odd` cannot be had.
    fn check(sql: &str, expected: &str) {
        let pruned = prune(sql, |parent| parent != "q", |collation| collation != "odd");
        assert_eq!(pruned.sql, expected);
        assert_eq!(pruned.collations.len(), usize::from(sql.contains("odd")));
    }

    #[test]
    fn foreign_keys_of_columns() {
        check(
            "CREATE TABLE t (a REFERENCES p(x) ON DELETE CASCADE, b REFERENCES q(x) NOT NULL)",
            "CREATE TABLE t (a REFERENCES p(x) ON DELETE CASCADE, b  NOT NULL)",
        );
        check(
            "CREATE TABLE t (a INT CONSTRAINT \"f k\" REFERENCES [q] ON UPDATE SET NULL ON DELETE NO ACTION MATCH FULL NOT DEFERRABLE INITIALLY IMMEDIATE CHECK (a > 1))",
            "CREATE TABLE t (a INT  CHECK (a > 1))",
        );
        check(
            "CREATE TABLE t (a REFERENCES q DEFERRABLE)",
            "CREATE TABLE t (a )",
        );
        check(
            "CREATE TABLE t (a TEXT CHECK (a <> 'REFERENCES q'), \"REFERENCES q\" INT) /* REFERENCES q */",
            "CREATE TABLE t (a TEXT CHECK (a <> 'REFERENCES q'), \"REFERENCES q\" INT) /* REFERENCES q */",
        );
    }

    #[test]
    fn foreign_keys_of_tables() {
        check(
            "CREATE TABLE t (a, b, FOREIGN KEY (a) REFERENCES q (x), FOREIGN KEY (b) REFERENCES p, CHECK (b > 0))",
            "CREATE TABLE t (a, b, FOREIGN KEY (b) REFERENCES p, CHECK (b > 0))",
        );
        check(
            "CREATE TABLE t (a, b,\n  CONSTRAINT f FOREIGN KEY (a, b) REFERENCES q (x, y) ON DELETE SET DEFAULT\n)",
            "CREATE TABLE t (a, b\n)",
        );
        // SQLite lets the comma between constraints be left out.
        check(
            "CREATE TABLE t (a, CHECK (a > 0) FOREIGN KEY (a) REFERENCES q UNIQUE (a))",
            "CREATE TABLE t (a, CHECK (a > 0)  UNIQUE (a))",
        );
    }

    #[test]
    fn collations() {
        check(
            "CREATE TABLE t (a TEXT COLLATE odd NOT NULL, b COLLATE NOCASE, PRIMARY KEY (a COLLATE [odd]))",
            "CREATE TABLE t (a TEXT  NOT NULL, b COLLATE NOCASE, PRIMARY KEY (a ))",
        );
    }

    #[test]
    fn texts_of_another_form() {
        for sql in [
            "",
            "REFERENCES",
            "(REFERENCES",
            "(FOREIGN KEY (",
            "(a COLLATE",
            "(a REFERENCES q (",
            "))(,",
        ] {
            let pruned = prune(sql, |_| false, |_| false);
            assert!(pruned.sql.len() <= sql.len());
        }
    }
}

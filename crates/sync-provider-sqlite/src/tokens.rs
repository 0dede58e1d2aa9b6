//! SQL text as SQLite stores it, in tokens.

/// What a token is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// White space or a comment.
    Blank,
    /// A keyword, a name or a number.
    Word,
    /// A name or a string in quotes or brackets.
    Quoted,
    /// A single character of any other kind.
    Sign,
}

/// A piece of SQL text. The pieces of a text, joined, are the text.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token<'s> {
    pub(crate) kind: Kind,
    pub(crate) text: &'s str,
}

impl Token<'_> {
    /// Whether this is the keyword, given in capitals.
    pub(crate) fn is(self, keyword: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(keyword)
    }

    /// Whether this is the sign.
    pub(crate) fn is_sign(self, sign: &str) -> bool {
        self.kind == Kind::Sign && self.text == sign
    }

    /// What it names, without quotes.
    pub(crate) fn name(self) -> String {
        let (open, close) = match (self.kind, self.text.chars().next()) {
            (Kind::Quoted, Some('[')) => ('[', ']'),
            (Kind::Quoted, Some(quote)) => (quote, quote),
            _ => return self.text.to_owned(),
        };
        let inner = self.text.strip_prefix(open).unwrap_or(self.text);
        let inner = inner.strip_suffix(close).unwrap_or(inner);
        // Nothing in brackets is doubled: a closing one ends the name.
        inner.replace(&format!("{close}{close}"), &close.to_string())
    }
}

/// The tokens of a text. What is not closed ends with the text.
pub(crate) fn tokens(sql: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let (kind, length) = measure(rest, first);
        let (text, after) = rest.split_at(length);
        found.push(Token { kind, text });
        rest = after;
    }
    found
}

/// A text without blanks and comments at its end, where a comment would swallow what is put behind.
pub(crate) fn without_trailing_blanks(sql: &str) -> &str {
    let all = tokens(sql);
    let blanks = all
        .iter()
        .rev()
        .take_while(|token| token.kind == Kind::Blank);
    let length = sql.len() - blanks.map(|token| token.text.len()).sum::<usize>();
    sql.get(..length).unwrap_or(sql)
}

/// Kind and length of the token that a text begins with.
fn measure(text: &str, first: char) -> (Kind, usize) {
    let run = |belongs: fn(char) -> bool| text.find(|c| !belongs(c)).unwrap_or(text.len());
    let through = |from: usize, end: &str| {
        let found = text.get(from..).and_then(|rest| rest.find(end));
        found.map_or(text.len(), |at| from + at + end.len())
    };
    match first {
        _ if text.starts_with("--") => (Kind::Blank, through(2, "\n")),
        _ if text.starts_with("/*") => (Kind::Blank, through(2, "*/")),
        c if c.is_ascii_whitespace() => (Kind::Blank, run(|c| c.is_ascii_whitespace())),
        c if is_word(c) => (Kind::Word, run(is_word)),
        '[' => (Kind::Quoted, through(1, "]")),
        '"' | '\'' | '`' => (Kind::Quoted, quoted(text, first)),
        c => (Kind::Sign, c.len_utf8()),
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '$') || !c.is_ascii()
}

/// Length of a quoted token; a doubled quote does not close it.
fn quoted(text: &str, close: char) -> usize {
    let mut quotes = text.match_indices(close).skip(1).peekable();
    while let Some((at, _)) = quotes.next() {
        if quotes.next_if(|(next, _)| *next == at + 1).is_none() {
            return at + 1;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sql: &str, expected: &[&str]) {
        let found = tokens(sql);
        let joined: String = found.iter().map(|token| token.text).collect();
        assert_eq!(joined, sql, "nothing is lost");
        let words: Vec<&str> = found
            .iter()
            .filter(|token| token.kind != Kind::Blank)
            .map(|token| token.text)
            .collect();
        assert_eq!(words, expected, "{sql}");
    }

    #[test]
    fn text_in_tokens() {
        check("", &[]);
        check(
            "a1(b_$,é) -- c\n/* d\n'*/<=2",
            &["a1", "(", "b_$", ",", "é", ")", "<", "=", "2"],
        );
        check("'it''s' \"a\"\"b\"x", &["'it''s'", "\"a\"\"b\"", "x"]);
        check("[a'b]`c``d`''", &["[a'b]", "`c``d`", "''"]);
        check("'open", &["'open"]);
        check("\"", &["\""]);
        check("[x", &["[x"]);
        check("a /* open", &["a"]);
        check("a --", &["a"]);
    }

    #[test]
    fn ends() {
        assert_eq!(
            without_trailing_blanks("a -- b\n c /* d */ -- e"),
            "a -- b\n c"
        );
        assert_eq!(without_trailing_blanks("'-- a'"), "'-- a'");
        assert_eq!(without_trailing_blanks(" -- a"), "");
    }

    #[test]
    fn names() {
        let names: Vec<String> = tokens("a\"b\"\"c\"[d e]`f`'g'")
            .into_iter()
            .map(Token::name)
            .collect();
        assert_eq!(names, ["a", "b\"c", "d e", "f", "g"]);
    }
}

//! Names and literals in SQL text, quoted by us.

use std::fmt::Write as _;

/// An identifier in double quotes.
pub(crate) fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text literal.
pub(crate) fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// Joins what `each` makes of the names.
pub(crate) fn join<'a>(
    names: impl IntoIterator<Item = &'a String>,
    separator: &str,
    each: impl Fn(&str) -> String,
) -> String {
    let mut joined = String::new();
    for name in names {
        if !joined.is_empty() {
            joined.push_str(separator);
        }
        joined.push_str(&each(name));
    }
    joined
}

/// A list of quoted identifiers.
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    join(names, ", ", ident)
}

/// `alias."a" = other."a" AND …`
pub(crate) fn pairs<'a>(
    names: impl IntoIterator<Item = &'a String>,
    left: &str,
    right: &str,
) -> String {
    join(names, " AND ", |name| {
        format!("{left}.{0} = {right}.{0}", ident(name))
    })
}

/// `alias."a" = ?first AND alias."b" = ?first+1 …`
pub(crate) fn bound<'a>(
    names: impl IntoIterator<Item = &'a String>,
    alias: &str,
    first: usize,
) -> String {
    let mut sql = String::new();
    for (index, name) in names.into_iter().enumerate() {
        let and = if index > 0 { " AND " } else { "" };
        let _ = write!(sql, "{and}{alias}.{} = ?{}", ident(name), first + index);
    }
    sql
}

/// `?first, ?first+1, …`
pub(crate) fn holders(first: usize, count: usize) -> String {
    (first..first + count)
        .map(|n| format!("?{n}"))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_stay_names() {
        assert_eq!(
            ident("a\"; DROP TABLE x; --"),
            "\"a\"\"; DROP TABLE x; --\""
        );
        assert_eq!(text("it's"), "'it''s'");
        assert_eq!(
            bound(&["a".to_owned(), "b".to_owned()], "t", 2),
            "t.\"a\" = ?2 AND t.\"b\" = ?3"
        );
    }
}

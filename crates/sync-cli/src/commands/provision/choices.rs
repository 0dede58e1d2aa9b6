//! `--table T[=GLOBAL]` and `--columns T=a,b,…`.

use sync_metadata::TableName;
use sync_relational::TableChoice;

use crate::exit::Failure;

/// The tables of a scope, each with the columns that were chosen for it.
pub(super) fn parse(tables: &[String], columns: &[String]) -> Result<Vec<TableChoice>, Failure> {
    let tables: Result<_, _> = tables.iter().map(|text| table(text)).collect();
    with_columns(tables?, columns)
}

/// The same of tables that are there already.
pub(super) fn with_columns(
    mut choices: Vec<TableChoice>,
    columns: &[String],
) -> Result<Vec<TableChoice>, Failure> {
    for text in columns {
        let malformed = |reason: &str| {
            Failure::usage(
                format!("--columns {text}"),
                reason,
                "write it as --columns Table=a,b,c",
            )
        };
        let (name, list) = split_outside_quotes(text, '=');
        let list = list.ok_or_else(|| malformed("it has no = after the table"))?;
        let names: Vec<String> = split_all_outside_quotes(list, ',')
            .map(|name| unquoted(name.trim()))
            .collect();
        if names.iter().any(String::is_empty) {
            return Err(malformed("a column has no name"));
        }
        let choice = choices
            .iter_mut()
            .find(|choice| same_table(&choice.table, name.trim()));
        let Some(choice) = choice else {
            let remedy = format!("add --table {}, or correct the name", name.trim());
            return Err(Failure::usage(
                format!("--columns {text}"),
                "no table of that name is chosen",
                remedy,
            ));
        };
        if choice.columns.replace(names).is_some() {
            return Err(malformed("the columns of this table are given twice"));
        }
    }
    Ok(choices)
}

fn table(text: &str) -> Result<TableChoice, Failure> {
    let (table, global_name) = split_outside_quotes(text, '=');
    let (table, global_name) = (table.trim(), global_name.map(str::trim));
    if table.is_empty() || global_name == Some("") {
        return Err(Failure::usage(
            format!("--table {text}"),
            "a name is empty",
            "write it as --table Table or --table Table=GLOBAL",
        ));
    }
    Ok(TableChoice {
        table: table.to_owned(),
        global_name: global_name.map(str::to_owned),
        columns: None,
    })
}

fn same_table(a: &str, b: &str) -> bool {
    match (TableName::parse(a), TableName::parse(b)) {
        // In SQLite a schema is a part of the name: [Sales].[Customer] is Sales_Customer.
        (Ok(a), Ok(b)) => a.sqlite_name().eq_ignore_ascii_case(&b.sqlite_name()),
        _ => a == b,
    }
}

/// Splits at the first `separator` that is neither in brackets nor in double quotes.
fn split_outside_quotes(text: &str, separator: char) -> (&str, Option<&str>) {
    let mut closing = None;
    for (at, c) in text.char_indices() {
        match (closing, c) {
            (Some(end), c) if c == end => closing = None,
            (Some(_), _) => {}
            (None, '[') => closing = Some(']'),
            (None, '"') => closing = Some('"'),
            (None, c) if c == separator => {
                let (first, rest) = text.split_at(at);
                return (first, rest.strip_prefix(separator));
            }
            _ => {}
        }
    }
    (text, None)
}

fn split_all_outside_quotes(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let (part, after) = split_outside_quotes(rest?, separator);
        rest = after;
        Some(part)
    })
}

/// A column name without the brackets or quotes around it.
fn unquoted(name: &str) -> String {
    let inner = |open: char, close: char| name.strip_prefix(open)?.strip_suffix(close);
    if let Some(inner) = inner('[', ']') {
        return inner.replace("]]", "]");
    }
    if let Some(inner) = inner('"', '"') {
        return inner.replace("\"\"", "\"");
    }
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(tables: &[&str], columns: &[&str], expected: Result<&str, &str>) {
        let owned = |texts: &[&str]| {
            texts
                .iter()
                .map(|text| (*text).to_owned())
                .collect::<Vec<_>>()
        };
        let parsed = parse(&owned(tables), &owned(columns)).map(|choices| {
            let shown = choices.iter().map(|choice| {
                let global = choice.global_name.as_deref().unwrap_or("-");
                let columns = choice
                    .columns
                    .as_ref()
                    .map_or("-".to_owned(), |columns| columns.join("|"));
                format!("{} {global} {columns}", choice.table)
            });
            shown.collect::<Vec<_>>().join("; ")
        });
        let parsed = parsed.map_err(|failure| failure.line());
        match expected {
            Ok(expected) => assert_eq!(parsed.as_deref(), Ok(expected)),
            Err(part) => assert!(
                parsed.as_ref().is_err_and(|line| line.contains(part)),
                "{parsed:?}"
            ),
        }
    }

    #[test]
    fn tables_and_columns() {
        check(&["Customer"], &[], Ok("Customer - -"));
        check(
            &["Customer=[Sales].[Customer]"],
            &[],
            Ok("Customer [Sales].[Customer] -"),
        );
        check(&["[a=b]=c"], &[], Ok("[a=b] c -"));
        check(
            &["a", "b"],
            &["B=x, [y,z] ,\"q\"\"\""],
            Ok("a - -; b - x|y,z|q\""),
        );
        check(
            &["[Sales].[Customer]"],
            &["Sales_Customer=id"],
            Ok("[Sales].[Customer] - id"),
        );
        check(&["="], &[], Err("a name is empty"));
        check(&["a="], &[], Err("a name is empty"));
        check(&["a"], &["b=x"], Err("no table of that name"));
        check(&["a"], &["a"], Err("no = after the table"));
        check(&["a"], &["a=x,,y"], Err("a column has no name"));
        check(&["a"], &["a=x", "a=y"], Err("given twice"));
    }
}

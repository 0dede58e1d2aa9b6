//! Names and literals in T-SQL text, quoted by us.

use sync_metadata::{ObjectName, quote};

/// A name with its schema. SQL Server looks an unqualified name up in the caller's default schema first, which differs from caller to
/// caller: what we write always says where.
pub(crate) fn object(name: &ObjectName) -> String {
    let schema = name.schema.as_deref().unwrap_or(DEFAULT_SCHEMA);
    format!("{}.{}", quote(schema), quote(&name.name))
}

/// Where objects are that name no schema.
pub(crate) const DEFAULT_SCHEMA: &str = "dbo";

/// A Unicode text literal.
pub(crate) fn text(value: &str) -> String {
    format!("N'{}'", value.replace('\'', "''"))
}

/// Joins what `each` makes of the items.
pub(crate) fn join<T>(
    items: impl IntoIterator<Item = T>,
    separator: &str,
    each: impl Fn(T) -> String,
) -> String {
    let pieces: Vec<String> = items.into_iter().map(each).collect();
    pieces.join(separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_stay_names() {
        let hostile = ObjectName {
            schema: None,
            name: "a]; DROP TABLE x; --".into(),
        };
        assert_eq!(object(&hostile), "[dbo].[a]]; DROP TABLE x; --]");
        assert_eq!(text("it's"), "N'it''s'");
    }
}

//! One- and two-part names, kept unquoted.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::MetadataError;

/// The longest identifier of SQL Server, in characters.
const MAX_IDENTIFIER: usize = 128;

/// The name of a table with its schema, as unquoted parts; triggers, procedures and types are named alike.
///
/// A name is parsed once, and whatever is sent to a database is quoted again from the parts, so that no text from outside
/// reaches a statement as it was. No schema and the schema `dbo` are the same name.
///
/// ```
/// use sync_metadata::TableName;
///
/// let name: TableName = "[Sales].[Customer]".parse()?;
/// assert_eq!((name.schema.as_deref(), name.name.as_str()), (Some("Sales"), "Customer"));
/// assert_eq!(name.quoted(), "[Sales].[Customer]");
/// assert_eq!(name.sqlite_name(), "Sales_Customer");
/// assert_eq!(TableName::parse("dbo.Orders")?, TableName::parse("[Orders]")?);
/// # Ok::<(), sync_metadata::MetadataError>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct TableName {
    /// The schema, `None` for the default one.
    pub schema: Option<String>,
    /// The name proper.
    pub name: String,
}

impl TableName {
    /// A name from unquoted parts.
    ///
    /// # Errors
    /// When a part is empty, longer than SQL Server's 128 characters, or holds a control character.
    pub fn new(schema: Option<&str>, name: &str) -> Result<Self, MetadataError> {
        if let Some(schema) = schema {
            check_identifier(schema)?;
        }
        check_identifier(name)?;
        Ok(Self {
            schema: schema.map(str::to_owned),
            name: name.to_owned(),
        })
    }

    /// Reads `[Sales].[Customer]`, `Sales.Customer`, `"Sales"."Customer"`, `[a.b]` and mixtures of them.
    ///
    /// Within brackets `]]` stands for `]`, within double quotes `""` for `"`.
    ///
    /// # Errors
    /// When the text is not one or two identifiers, or one of them is not usable (see [`TableName::new`]).
    pub fn parse(text: &str) -> Result<Self, MetadataError> {
        let (first, rest) = take_part(text, text)?;
        if rest.is_empty() {
            return Self::new(None, &first);
        }
        let rest = rest
            .strip_prefix('.')
            .ok_or_else(|| MetadataError::name(text, "the quoting ends too early"))?;
        let (second, rest) = take_part(rest, text)?;
        if !rest.is_empty() {
            return Err(MetadataError::name(
                text,
                "expected at most a schema and a name",
            ));
        }
        Self::new(Some(&first), &second)
    }

    /// The name in brackets, ready for a statement of SQL Server: `[Sales].[Customer]`.
    #[must_use]
    pub fn quoted(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{}.{}", quote(schema), quote(&self.name)),
            None => quote(&self.name),
        }
    }

    /// The unquoted name of this table in a database without schemas: `Sales_Customer`, or `Orders` in the default schema.
    #[must_use]
    pub fn sqlite_name(&self) -> String {
        match self.own_schema() {
            Some(schema) => format!("{schema}_{}", self.name),
            None => self.name.clone(),
        }
    }

    /// The schema where it is not the default one.
    #[must_use]
    pub fn own_schema(&self) -> Option<&str> {
        self.schema
            .as_deref()
            .filter(|schema| !schema.eq_ignore_ascii_case("dbo"))
    }

    /// Another name in the same schema.
    pub(crate) fn sibling(&self, name: String) -> Self {
        Self {
            schema: self.schema.clone(),
            name,
        }
    }

    /// What names that differ only in case share; databases compare names without regard to it.
    pub(crate) fn folded(&self) -> String {
        match self.own_schema() {
            Some(schema) => format!("{}.{}", quote(schema), quote(&self.name)).to_lowercase(),
            None => quote(&self.name).to_lowercase(),
        }
    }
}

impl PartialEq for TableName {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.own_schema() == other.own_schema()
    }
}

impl Eq for TableName {}

impl Hash for TableName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.own_schema().hash(state);
        self.name.hash(state);
    }
}

/// Writes the quoted form.
impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.quoted())
    }
}

impl FromStr for TableName {
    type Err = MetadataError;

    fn from_str(text: &str) -> Result<Self, MetadataError> {
        Self::parse(text)
    }
}

/// The serialised form, checked on the way in.
#[derive(Deserialize)]
#[serde(rename = "TableName")]
struct Parts {
    schema: Option<String>,
    name: String,
}

impl TryFrom<Parts> for TableName {
    type Error = MetadataError;

    fn try_from(parts: Parts) -> Result<Self, MetadataError> {
        Self::new(parts.schema.as_deref(), &parts.name)
    }
}

/// An identifier in brackets, with `]` doubled.
#[must_use]
pub fn quote(identifier: &str) -> String {
    format!("[{}]", identifier.replace(']', "]]"))
}

pub(crate) fn check_identifier(identifier: &str) -> Result<(), MetadataError> {
    if identifier.is_empty() {
        return Err(MetadataError::name(identifier, "an identifier is empty"));
    }
    if identifier.chars().take(MAX_IDENTIFIER + 1).count() > MAX_IDENTIFIER {
        return Err(MetadataError::name(
            identifier,
            "an identifier is longer than 128 characters",
        ));
    }
    // XML cannot carry these either, and the configuration has to.
    if identifier
        .chars()
        .any(|c| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'))
    {
        return Err(MetadataError::name(
            identifier,
            "an identifier holds a control character",
        ));
    }
    Ok(())
}

/// The first part of `rest`, unquoted, and what follows it; `whole` is for the error.
fn take_part<'a>(rest: &'a str, whole: &str) -> Result<(String, &'a str), MetadataError> {
    let close = match rest.chars().next() {
        Some('[') => ']',
        Some('"') => '"',
        _ => {
            let end = rest.find('.').unwrap_or(rest.len());
            let (part, rest) = rest.split_at(end);
            if part.contains(['[', ']', '"']) {
                return Err(MetadataError::name(
                    whole,
                    "a bracket or quote stands inside an unquoted part",
                ));
            }
            return Ok((part.to_owned(), rest));
        }
    };

    let mut part = String::new();
    let mut chars = rest.chars();
    chars.next();
    while let Some(c) = chars.next() {
        if c != close {
            part.push(c);
            continue;
        }
        let after = chars.as_str();
        let Some(doubled) = after.strip_prefix(close) else {
            return Ok((part, after));
        };
        part.push(close);
        chars = doubled.chars();
    }
    Err(MetadataError::name(whole, "a quoted part is not closed"))
}

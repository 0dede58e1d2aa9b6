//! The text of a command: its statements, and the values that they are given.

use rusqlite::types::Value as Cell;
use rusqlite::{CachedStatement, Connection};
use sync_metadata::ValueRef;
use sync_provider::{ProviderError, RowRef};
use sync_provider_commands::{Command, CommandText, Signature};

use crate::cells::{Bound, bind};
use crate::error::message;
use crate::tokens::{Kind, tokens, without_trailing_blanks};
use crate::types::{affinity, declared_type};

/// The statements of a text. One that defines a trigger is not taken apart, since nobody makes triggers by command.
pub(super) fn statements(text: &str) -> Vec<String> {
    let mut statements = vec![String::new()];
    for token in tokens(text) {
        if token.is_sign(";") {
            statements.push(String::new());
        } else if let Some(last) = statements.last_mut() {
            last.push_str(token.text);
        }
    }
    let is_one = |text: &String| tokens(text).iter().any(|token| token.kind != Kind::Blank);
    statements.retain(is_one);
    let trimmed = statements.iter().map(|one| without_trailing_blanks(one));
    trimmed.map(str::to_owned).collect()
}

/// A text that was looked at.
#[derive(Clone, Debug, Default)]
pub(super) struct Text {
    pub(super) statements: Vec<String>,
    /// The columns that the last statement returns that returns any.
    pub(super) columns: Vec<String>,
}

/// Prepares the statements of a command, and looks at what can be seen before they run.
///
/// Every parameter in the text was named: SQLite would take the others for NULL.
pub(super) fn check(db: &Connection, command: &Command) -> Result<Text, ProviderError> {
    let statement = match command.text() {
        CommandText::Statement(text) => text,
        CommandText::Procedure(_) => {
            return Err(command.refused("SQLite has no procedures", "write statements"));
        }
    };
    let mut columns = Vec::new();
    let all = statements(statement);
    if all.is_empty() {
        return Err(command.refused("its text is empty", "write statements"));
    }
    for text in &all {
        let prepared = db
            .prepare_cached(text)
            .map_err(|error| command.refused(message(&error), "mend the text of the command"))?;
        for place in 1..=prepared.parameter_count() {
            let name = prepared.parameter_name(place).unwrap_or("?");
            if argument_of(command, name).is_none() {
                return Err(command.refused(
                    format!(
                        "its text has the parameter {name}, which is none of the command's inputs"
                    ),
                    "name it as an input, or take it out",
                ));
            }
        }
        if prepared.column_count() > 0 {
            columns = prepared.column_names().map(str::to_owned).collect();
        }
    }
    Ok(Text {
        statements: all,
        columns,
    })
}

/// Which argument a parameter of the text gets.
fn argument_of(command: &Command, name: &str) -> Option<usize> {
    let plain = name.strip_prefix(['@', ':', '$'])?;
    let mut inputs = command.inputs().iter();
    let input = inputs.find(|input| input.name.eq_ignore_ascii_case(plain))?;
    Some(input.argument)
}

/// Gives a statement its values, or says why SQLite cannot take one of them.
pub(super) fn bind_all(
    statement: &mut CachedStatement<'_>,
    command: &Command,
    signature: &Signature,
    arguments: RowRef<'_>,
) -> Result<(), String> {
    let values: Vec<ValueRef<'_>> = arguments.values().collect();
    for place in 1..=statement.parameter_count() {
        let name = statement
            .parameter_name(place)
            .unwrap_or_default()
            .to_owned();
        // Looked at when the connection was made.
        let Some(argument) = argument_of(command, &name) else {
            continue;
        };
        let value = values.get(argument).copied().unwrap_or(ValueRef::Null);
        let sql_type = &signature.parameters()[argument].sql_type;
        // The column is taken for one of the type's own affinity: it shows only to the database.
        let affinity = affinity(&declared_type(sql_type));
        let bound: Bound<'_> =
            bind(value, sql_type, affinity).map_err(|reason| format!("{name}: {reason}"))?;
        statement
            .raw_bind_parameter(place, bound)
            .map_err(|error| format!("{name}: {}", message(&error)))?;
    }
    Ok(())
}

/// What a command left behind: how many rows it wrote, if it said so or wrote at all.
#[derive(Debug, Default)]
pub(super) struct Counted {
    /// A column `sync_row_count` of a row that it returned.
    pub(super) told: Option<i64>,
    /// What its last writing statement wrote.
    pub(super) written: u64,
}

impl Counted {
    pub(super) fn rows(&self) -> u64 {
        self.told
            .map_or(self.written, |told| u64::try_from(told).unwrap_or(0))
    }

    /// Takes the row count out of a row.
    pub(super) fn tell(&mut self, cell: Cell) {
        if let Cell::Integer(count) = cell {
            self.told = Some(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_in_statements() {
        let check =
            |text: &str, expected: &[&str]| assert_eq!(statements(text), expected, "{text}");
        check("SELECT 1", &["SELECT 1"]);
        check("SELECT 1;", &["SELECT 1"]);
        check(
            "UPDATE t SET a = ';' -- ; no\n; SELECT \"a;b\"; /* ; */ -- c",
            &["UPDATE t SET a = ';'", " SELECT \"a;b\""],
        );
        check(" ; ;", &[]);
    }
}

//! A command: what it runs, and which values it takes and gives.

use sync_metadata::{ObjectName, SqlKind, SqlType};
use sync_provider::ProviderError;

use super::session_value::{NEW_TIMESTAMP, ROW_COUNT};
use super::{Parameter, Signature};

/// What a command runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandText {
    /// A procedure of the database.
    Procedure(ObjectName),
    /// A statement, or several, in the database's own language; parameters are written `@name`.
    Statement(String),
}

/// A parameter that a command takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Its name there, without the `@`.
    pub name: String,
    /// Which of the values of the [`Signature`] it gets.
    pub argument: usize,
}

/// A command whose parameters are all known.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    text: CommandText,
    inputs: Vec<Input>,
    outputs: Vec<Parameter>,
    counts: bool,
}

impl Command {
    /// A command with parameters of these names, with or without `@`. `sync_row_count` and `sync_new_timestamp` are outputs, everything else is an
    /// input and named like a value of the signature.
    ///
    /// # Errors
    /// A name that the signature does not know; `object` says whose command it is.
    pub fn new(
        object: &str,
        text: CommandText,
        names: &[impl AsRef<str>],
        signature: &Signature,
    ) -> Result<Self, ProviderError> {
        let mut command = Command {
            text,
            inputs: Vec::new(),
            outputs: Vec::new(),
            counts: false,
        };
        for name in names {
            let name = name.as_ref().trim_start_matches('@');
            // It becomes part of a statement, where nothing can be put round it.
            if name.is_empty() || !name.chars().all(is_of_a_name) {
                return Err(ProviderError::refused(
                    object,
                    format!("@{name:?} is no parameter's name"),
                    "use letters, digits and the underscore",
                ));
            }
            if name.eq_ignore_ascii_case(ROW_COUNT) {
                command.counts = true;
            } else if name.eq_ignore_ascii_case(NEW_TIMESTAMP) {
                command.outputs.push(Parameter {
                    name: name.to_owned(),
                    sql_type: SqlType::new(SqlKind::BigInt),
                });
            } else if let Some(argument) = signature.find(name) {
                command.inputs.push(Input {
                    name: name.to_owned(),
                    argument,
                });
            } else {
                return Err(ProviderError::refused(
                    object,
                    format!("no value is known for parameter @{name}"),
                    "name parameters after the table's columns and the session's constants",
                ));
            }
        }
        Ok(command)
    }

    /// What it runs.
    pub fn text(&self) -> &CommandText {
        &self.text
    }

    /// What it takes.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// What it gives back besides rows and the row count.
    pub fn outputs(&self) -> &[Parameter] {
        &self.outputs
    }

    /// Whether it says how many rows it wrote, in `sync_row_count`.
    pub fn counts(&self) -> bool {
        self.counts
    }

    pub(crate) fn takes(&self, argument: usize) -> bool {
        self.inputs.iter().any(|input| input.argument == argument)
    }
}

fn is_of_a_name(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '@' | '#' | '$')
}

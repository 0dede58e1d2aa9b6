//! A command: what it runs, and which values it takes and gives.

use sync_metadata::ObjectName;
use sync_provider::ProviderError;

use super::{Parameter, SessionValue, Signature};

/// What a command runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandText {
    /// A procedure of the database.
    Procedure(ObjectName),
    /// A statement, or several, in the database's own language; parameters are written `@name`.
    Statement(String),
}

/// Which way a parameter's value goes (`ParameterDirection`).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Into the command.
    Input,
    /// Out of it.
    Output,
}

/// A command as somebody writes it, in the place of a `SqlCommand`: a text or a procedure, and its parameters by name.
///
/// A parameter is named after what it gets or gives: a column of its table, or a constant of the session
/// ([`DbSyncSession`](super::DbSyncSession)). Whether a command takes and gives what its place needs is looked at when the adapter or the provider is
/// built that it is given to.
///
/// ```
/// use sync_provider_commands::{DbCommand, DbSyncSession};
///
/// let delete = DbCommand::statement("DELETE FROM Customer WHERE id = @id; SET @sync_row_count = @@ROWCOUNT")
///     .input("@id")
///     .output(DbSyncSession::SYNC_ROW_COUNT);
/// assert_eq!(delete.parameters().len(), 2);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DbCommand {
    text: CommandText,
    parameters: Vec<(String, Direction)>,
}

impl DbCommand {
    /// A command that runs statements.
    pub fn statement(text: impl Into<String>) -> Self {
        Self::new(CommandText::Statement(text.into()))
    }

    /// A command that calls a procedure.
    pub fn procedure(name: ObjectName) -> Self {
        Self::new(CommandText::Procedure(name))
    }

    fn new(text: CommandText) -> Self {
        DbCommand {
            text,
            parameters: Vec::new(),
        }
    }

    /// With a parameter that gets a value; its name with or without the `@`.
    #[must_use]
    pub fn input(mut self, name: impl Into<String>) -> Self {
        self.parameters.push((name.into(), Direction::Input));
        self
    }

    /// With several of them.
    #[must_use]
    pub fn inputs<N: Into<String>>(self, names: impl IntoIterator<Item = N>) -> Self {
        names.into_iter().fold(self, Self::input)
    }

    /// With a parameter that gives a value back.
    #[must_use]
    pub fn output(mut self, name: impl Into<String>) -> Self {
        self.parameters.push((name.into(), Direction::Output));
        self
    }

    /// With several of them.
    #[must_use]
    pub fn outputs<N: Into<String>>(self, names: impl IntoIterator<Item = N>) -> Self {
        names.into_iter().fold(self, Self::output)
    }

    /// What it runs.
    pub fn text(&self) -> &CommandText {
        &self.text
    }

    /// Its parameters, in the order in which they were named.
    pub fn parameters(&self) -> &[(String, Direction)] {
        &self.parameters
    }
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
    object: String,
    text: CommandText,
    inputs: Vec<Input>,
    outputs: Vec<Parameter>,
    counts: bool,
}

impl Command {
    /// A command whose inputs are values of the signature, and whose outputs are among those that it can give, or the row count where it `counts`.
    /// `object` says whose command it is.
    ///
    /// # Errors
    /// A parameter that nothing is known for, that goes the other way, or that is there twice.
    pub(crate) fn new(
        object: String,
        written: &DbCommand,
        signature: &Signature,
        gives: &[SessionValue],
        counts: bool,
    ) -> Result<Self, ProviderError> {
        let mut command = Command {
            text: written.text.clone(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            counts: false,
            object,
        };
        let mut seen: Vec<String> = Vec::new();
        for (name, direction) in &written.parameters {
            let name = name.trim_start_matches('@');
            // It becomes part of a statement, where nothing can be put round it.
            if name.is_empty() || !name.chars().all(is_of_a_name) {
                return Err(command.refused(
                    format!("@{name:?} is no parameter's name"),
                    "use letters, digits and the underscore",
                ));
            }
            let folded = name.to_lowercase();
            if seen.contains(&folded) {
                return Err(command.refused(
                    format!("it has the parameter @{name} twice"),
                    "name each parameter once, with one direction",
                ));
            }
            seen.push(folded);
            match direction {
                Direction::Input => command.add_input(name, signature)?,
                Direction::Output => command.add_output(name, gives, counts)?,
            }
        }
        Ok(command)
    }

    fn add_input(&mut self, name: &str, signature: &Signature) -> Result<(), ProviderError> {
        let argument = signature.find(name).ok_or_else(|| {
            self.refused(
                format!("no value is known for parameter @{name}"),
                "name parameters after the table's columns and the session's constants",
            )
        })?;
        if signature
            .value_at(argument)
            .is_some_and(SessionValue::is_only_output)
        {
            return Err(self.refused(
                format!("parameter @{name} is an input, and the session has no value for it"),
                "make it an output",
            ));
        }
        self.inputs.push(Input {
            name: name.to_owned(),
            argument,
        });
        Ok(())
    }

    fn add_output(
        &mut self,
        name: &str,
        gives: &[SessionValue],
        counts: bool,
    ) -> Result<(), ProviderError> {
        if counts && name.eq_ignore_ascii_case(SessionValue::RowCount.name()) {
            self.counts = true;
            return Ok(());
        }
        let mut given = gives.iter();
        let given = given.find(|value| value.name().eq_ignore_ascii_case(name));
        let Some(value) = given else {
            return Err(self.refused(
                format!("nothing is done with output @{name}"),
                "make it an input, or leave it out",
            ));
        };
        self.outputs.push(Parameter {
            name: name.to_owned(),
            sql_type: value.sql_type(),
        });
        Ok(())
    }

    /// Whose command it is, for errors: `InsertCommand of table [Customer]`.
    pub fn object(&self) -> &str {
        &self.object
    }

    /// What it runs.
    pub fn text(&self) -> &CommandText {
        &self.text
    }

    /// What it takes.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// What it gives back in parameters, besides the row count.
    pub fn outputs(&self) -> &[Parameter] {
        &self.outputs
    }

    /// Whether it says how many rows it wrote, in `sync_row_count`.
    pub fn counts(&self) -> bool {
        self.counts
    }

    /// The same, where a procedure was made of its statement.
    #[must_use]
    pub fn as_procedure(&self, name: ObjectName) -> Self {
        Command {
            text: CommandText::Procedure(name),
            ..self.clone()
        }
    }

    /// An error about it.
    pub fn refused(&self, reason: impl Into<String>, remedy: impl Into<String>) -> ProviderError {
        ProviderError::refused(&self.object, reason, remedy)
    }

    pub(crate) fn takes(&self, argument: usize) -> bool {
        self.inputs.iter().any(|input| input.argument == argument)
    }

    pub(crate) fn gives(&self, value: SessionValue) -> bool {
        let mut outputs = self.outputs.iter();
        outputs.any(|output| output.name.eq_ignore_ascii_case(value.name()))
    }
}

fn is_of_a_name(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '@' | '#' | '$')
}

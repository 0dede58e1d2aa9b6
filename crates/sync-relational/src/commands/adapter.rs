//! The commands of one table, checked when they are put together.

use sync_metadata::{ObjectName, TableDescription};
use sync_provider::ProviderError;

use super::{Command, CommandText, SessionValue, Signature};

/// What a command is for, under its name in Sync Framework's `DbSyncAdapter`.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum CommandRole {
    /// `SelectIncrementalChangesCommand`.
    SelectIncrementalChanges,
    /// `SelectRowCommand`.
    SelectRow,
    /// `InsertCommand`.
    Insert,
    /// `UpdateCommand`.
    Update,
    /// `DeleteCommand`.
    Delete,
    /// `InsertMetadataCommand`.
    InsertMetadata,
    /// `UpdateMetadataCommand`.
    UpdateMetadata,
    /// `DeleteMetadataCommand`.
    DeleteMetadata,
}

/// Which columns a command has to take.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Columns {
    None,
    Key,
    All,
}

impl CommandRole {
    /// All of them.
    pub const ALL: [CommandRole; 8] = [
        CommandRole::SelectIncrementalChanges,
        CommandRole::SelectRow,
        CommandRole::Insert,
        CommandRole::Update,
        CommandRole::Delete,
        CommandRole::InsertMetadata,
        CommandRole::UpdateMetadata,
        CommandRole::DeleteMetadata,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            CommandRole::SelectIncrementalChanges => "SelectIncrementalChangesCommand",
            CommandRole::SelectRow => "SelectRowCommand",
            CommandRole::Insert => "InsertCommand",
            CommandRole::Update => "UpdateCommand",
            CommandRole::Delete => "DeleteCommand",
            CommandRole::InsertMetadata => "InsertMetadataCommand",
            CommandRole::UpdateMetadata => "UpdateMetadataCommand",
            CommandRole::DeleteMetadata => "DeleteMetadataCommand",
        }
    }

    /// What a command must take to keep its promises, and whether it must say how many rows it wrote.
    fn requires(self) -> (Columns, &'static [SessionValue], bool) {
        use SessionValue as V;
        const VERSION: &[SessionValue] = &[
            V::RowIsTombstone,
            V::CreatePeerKey,
            V::CreatePeerTimestamp,
            V::UpdatePeerKey,
            V::UpdatePeerTimestamp,
        ];
        match self {
            CommandRole::SelectIncrementalChanges => (Columns::None, &[V::MinTimestamp], false),
            CommandRole::SelectRow => (Columns::Key, &[], false),
            CommandRole::Insert => (Columns::All, &[], true),
            CommandRole::Update => (Columns::All, &[V::MinTimestamp], true),
            CommandRole::Delete => (Columns::Key, &[V::MinTimestamp], true),
            CommandRole::InsertMetadata | CommandRole::UpdateMetadata => {
                (Columns::Key, VERSION, true)
            }
            CommandRole::DeleteMetadata => (Columns::Key, &[], true),
        }
    }
}

/// The commands of a table, each with everything that it needs.
#[derive(Clone, Debug, PartialEq)]
pub struct SyncAdapter {
    pub(crate) signature: Signature,
    commands: Vec<Command>,
    /// Gives a row where the base table has the key, and none where it has not.
    pub(crate) exists: Option<Command>,
    pub(crate) bulk: Option<BulkCommands>,
}

/// The commands that take many rows at once, in a parameter of a table type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BulkCommands {
    /// Inserts rows that are not there.
    pub insert: BulkCommand,
    /// Updates rows that nobody changed since the session's timestamp.
    pub update: BulkCommand,
    /// Deletes them.
    pub delete: BulkCommand,
}

/// A procedure that takes `@sync_min_timestamp`, `@sync_scope_local_id` and the rows as `@changeTable`, writes rows and versions, and returns the
/// keys of those that it did not write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BulkCommand {
    /// The procedure.
    pub procedure: ObjectName,
    /// The type of `@changeTable`: the columns of the table and then the versions.
    pub table_type: ObjectName,
}

impl SyncAdapter {
    /// Puts the commands of a table together. `command` gives, for each role, what it runs and its parameters' names.
    ///
    /// # Errors
    /// A command is missing, lacks a parameter or an output that it needs, or has a parameter that nothing is known for; table, command and
    /// parameter are named.
    pub fn new(
        table: &TableDescription,
        signature: Signature,
        mut command: impl FnMut(CommandRole) -> Option<(CommandText, Vec<String>)>,
    ) -> Result<Self, ProviderError> {
        let mut commands = Vec::new();
        for role in CommandRole::ALL {
            let object = format!("{} of table {}", role.name(), table.global_name);
            let (text, names) = command(role).ok_or_else(|| {
                ProviderError::refused(&object, "there is none", "give the table this command")
            })?;
            let command = Command::new(&object, text, &names, &signature)?;
            check(&object, role, &command, table, &signature)?;
            commands.push(command);
        }
        Ok(SyncAdapter {
            signature,
            commands,
            exists: None,
            bulk: None,
        })
    }

    /// With a command that tells whether the base table has a row under a key: without it a tracked row that is gone looks like one whose columns are
    /// all NULL.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_existence(
        mut self,
        table: &TableDescription,
        text: CommandText,
        names: &[String],
    ) -> Result<Self, ProviderError> {
        let object = format!("existence of rows of table {}", table.global_name);
        self.exists = Some(Command::new(&object, text, names, &self.signature)?);
        Ok(self)
    }

    /// With commands for many rows.
    #[must_use]
    pub fn with_bulk(mut self, bulk: BulkCommands) -> Self {
        self.bulk = Some(bulk);
        self
    }

    /// Its values' names.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The command of a role.
    pub fn command(&self, role: CommandRole) -> &Command {
        &self.commands[role as usize]
    }
}

fn check(
    object: &str,
    role: CommandRole,
    command: &Command,
    table: &TableDescription,
    signature: &Signature,
) -> Result<(), ProviderError> {
    let (columns, values, counts) = role.requires();
    let lacks = |what: &str, name: &str| {
        ProviderError::refused(
            object,
            format!("it lacks the {what} @{name}"),
            "add it: without it rows would be lost or overwritten",
        )
    };
    let wanted = table
        .columns
        .iter()
        .enumerate()
        .filter(|(_, column)| match columns {
            Columns::None => false,
            Columns::Key => column.primary_key,
            Columns::All => true,
        });
    let wanted = wanted.map(|(column, _)| column);
    let wanted = wanted.chain(values.iter().map(|value| signature.place(*value)));
    for argument in wanted {
        if !command.takes(argument) {
            return Err(lacks("parameter", &signature.parameters()[argument].name));
        }
    }
    if counts && !command.counts() {
        return Err(lacks("output", super::session_value::ROW_COUNT));
    }
    Ok(())
}

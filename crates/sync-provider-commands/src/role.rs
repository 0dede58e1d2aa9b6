//! What the commands of a table are for, and what each of them has to take and to give.

use sync_metadata::TableDescription;
use sync_provider::ProviderError;

use super::{Command, DbCommand, SessionValue, Signature};

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
    /// `SelectMetadataForCleanupCommand`.
    SelectMetadataForCleanup,
}

/// What a command must take and give.
struct Needs {
    columns: Columns,
    values: &'static [SessionValue],
    counts: bool,
}

/// Which columns it has to take.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Columns {
    None,
    Key,
    All,
}

impl CommandRole {
    /// All of them.
    pub const ALL: [CommandRole; 9] = [
        CommandRole::SelectIncrementalChanges,
        CommandRole::SelectRow,
        CommandRole::Insert,
        CommandRole::Update,
        CommandRole::Delete,
        CommandRole::InsertMetadata,
        CommandRole::UpdateMetadata,
        CommandRole::DeleteMetadata,
        CommandRole::SelectMetadataForCleanup,
    ];

    /// What a source needs.
    pub const SOURCE: [CommandRole; 1] = [CommandRole::SelectIncrementalChanges];

    /// What a destination needs.
    pub const DESTINATION: [CommandRole; 7] = [
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
            CommandRole::SelectMetadataForCleanup => "SelectMetadataForCleanupCommand",
        }
    }

    /// The name with the table that it belongs to.
    pub(super) fn of(self, table: &TableDescription) -> String {
        format!("{} of table {}", self.name(), table.global_name)
    }

    /// What a command must take to keep its promises, and whether it must say how many rows it wrote.
    fn needs(self) -> Needs {
        use SessionValue as V;
        const VERSION: &[SessionValue] = &[
            V::RowIsTombstone,
            V::CreatePeerKey,
            V::CreatePeerTimestamp,
            V::UpdatePeerKey,
            V::UpdatePeerTimestamp,
        ];
        let (columns, values, counts): (_, &'static [SessionValue], _) = match self {
            CommandRole::SelectIncrementalChanges => (Columns::None, &[V::MinTimestamp], false),
            CommandRole::SelectRow => (Columns::Key, &[], false),
            CommandRole::Insert => (Columns::All, &[], true),
            CommandRole::Update => (Columns::All, &[V::MinTimestamp], true),
            CommandRole::Delete => (Columns::Key, &[V::MinTimestamp], true),
            CommandRole::InsertMetadata | CommandRole::UpdateMetadata => {
                (Columns::Key, VERSION, true)
            }
            CommandRole::DeleteMetadata => (Columns::Key, &[], true),
            CommandRole::SelectMetadataForCleanup => {
                (Columns::None, &[V::MetadataAgingInDays], false)
            }
        };
        Needs {
            columns,
            values,
            counts,
        }
    }

    /// A command of this role, with everything that it needs.
    pub(super) fn checked(
        self,
        table: &TableDescription,
        written: &DbCommand,
        signature: &Signature,
    ) -> Result<Command, ProviderError> {
        let needs = self.needs();
        let command = Command::new(self.of(table), written, signature, &[], needs.counts)?;
        let lacks = |what: &str, name: &str| {
            command.refused(
                format!("it lacks the {what} @{name}"),
                "add it: without it rows would be lost or overwritten",
            )
        };
        let columns = table.columns.iter().enumerate();
        let columns = columns.filter(|(_, column)| match needs.columns {
            Columns::None => false,
            Columns::Key => column.primary_key,
            Columns::All => true,
        });
        let columns = columns.map(|(column, _)| column);
        let values = needs.values.iter().map(|value| signature.place(*value));
        for argument in columns.chain(values) {
            if !command.takes(argument) {
                return Err(lacks("parameter", &signature.parameters()[argument].name));
            }
        }
        if needs.counts && !command.counts() {
            return Err(lacks("output", SessionValue::RowCount.name()));
        }
        Ok(command)
    }
}

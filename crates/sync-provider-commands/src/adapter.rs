//! The commands of one table, checked when they are put together.

use std::collections::BTreeMap;

use sync_decision::TableShape;
use sync_metadata::{ColumnDescription, ObjectName, SqlType, TableDescription, TableName};
use sync_provider::ProviderError;

use super::role::CommandRole;
use super::{Command, DbCommand, Parameter, SessionValue, Signature};

/// The commands of a table, each with everything that it needs: those of a source, those of a destination, or both.
///
/// Made by a [builder](Self::builder), with the columns of the table and, as in Sync Framework, commands by their properties' names. A source needs
/// `SelectIncrementalChangesCommand` alone; a destination needs the other seven.
#[derive(Clone, Debug, PartialEq)]
pub struct DbSyncAdapter {
    table: TableDescription,
    signature: Signature,
    /// What a row of the table is read as: the columns and then the [versions](VERSIONS), under the names that they have here.
    pub(super) result: Vec<Parameter>,
    pub(super) select_changes: Option<Command>,
    pub(super) select_row: Option<Command>,
    pub(super) writing: Option<Writing>,
    pub(super) select_for_cleanup: Option<Command>,
    /// Gives a row where the base table has the key, and none where it has not.
    pub(super) exists: Option<Command>,
    pub(super) bulk: Option<BulkCommands>,
}

/// The commands that write.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Writing {
    pub(super) insert: Command,
    pub(super) update: Command,
    pub(super) delete: Command,
    pub(super) insert_metadata: Command,
    pub(super) update_metadata: Command,
    pub(super) delete_metadata: Command,
    pub(super) creation: CreationVersion,
}

/// Which command writes the creation version of a row that has metadata already, its own trigger's for example.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum CreationVersion {
    /// `UpdateMetadataCommand` writes both versions that it is given, and `InsertMetadataCommand` inserts.
    #[default]
    ByUpdateMetadata,
    /// `UpdateMetadataCommand` writes the update version alone, unless a deleted row comes back; `InsertMetadataCommand` updates both where there is
    /// metadata, and inserts where there is none. So do the procedures and the samples of Sync Framework 2.x.
    ByInsertMetadata,
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

/// The columns that follow those of the table in what commands that select return, in the order in which they are read.
pub(super) const VERSIONS: [SessionValue; 6] = [
    SessionValue::RowIsTombstone,
    SessionValue::RowTimestamp,
    SessionValue::UpdatePeerTimestamp,
    SessionValue::UpdatePeerKey,
    SessionValue::CreatePeerTimestamp,
    SessionValue::CreatePeerKey,
];

impl DbSyncAdapter {
    /// An adapter for the table of this name, whose columns and commands follow.
    pub fn builder(table_name: impl Into<String>) -> DbSyncAdapterBuilder {
        DbSyncAdapterBuilder {
            name: table_name.into(),
            ..DbSyncAdapterBuilder::default()
        }
    }

    /// The table.
    pub fn table(&self) -> &TableDescription {
        &self.table
    }

    /// Its values' names.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The command of a role, if it has one.
    pub fn command(&self, role: CommandRole) -> Option<&Command> {
        let writing = self.writing.as_ref();
        match role {
            CommandRole::SelectIncrementalChanges => self.select_changes.as_ref(),
            CommandRole::SelectRow => self.select_row.as_ref(),
            CommandRole::Insert => writing.map(|own| &own.insert),
            CommandRole::Update => writing.map(|own| &own.update),
            CommandRole::Delete => writing.map(|own| &own.delete),
            CommandRole::InsertMetadata => writing.map(|own| &own.insert_metadata),
            CommandRole::UpdateMetadata => writing.map(|own| &own.update_metadata),
            CommandRole::DeleteMetadata => writing.map(|own| &own.delete_metadata),
            CommandRole::SelectMetadataForCleanup => self.select_for_cleanup.as_ref(),
        }
    }

    /// The command that tells whether the base table has a row, if there is one.
    pub fn existence(&self) -> Option<&Command> {
        self.exists.as_ref()
    }

    /// What the command of a role returns, where it returns rows of the table: columns by name.
    pub fn returns(&self, role: CommandRole) -> Vec<Parameter> {
        match role {
            CommandRole::SelectIncrementalChanges | CommandRole::SelectRow => self.result.clone(),
            CommandRole::SelectMetadataForCleanup => {
                let columns = self.table.columns.len();
                let keys = self.table.key_positions();
                let keys = keys.map(|column| self.result[column].clone());
                // The tombstone flag is not asked for: nothing else is selected.
                let versions = self.result[columns..].iter().skip(1).cloned();
                keys.chain(versions).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The command that selects changes, or an error that names what a source lacks.
    pub(super) fn selecting_changes(&self) -> Result<&Command, ProviderError> {
        self.select_changes.as_ref().ok_or_else(|| {
            ProviderError::refused(
                format!("table {}", self.table.global_name),
                "its adapter has the commands of a destination alone",
                "give it a SelectIncrementalChangesCommand as well, or synchronise in the other direction only",
            )
        })
    }

    /// The writing half, or an error that names what a destination lacks.
    pub(super) fn writing(&self) -> Result<&Writing, ProviderError> {
        self.writing.as_ref().ok_or_else(|| {
            ProviderError::refused(
                format!("table {}", self.table.global_name),
                "its adapter has the commands of a source alone",
                "give it the commands of a destination as well, or synchronise in the other direction only",
            )
        })
    }
}

/// Puts a [`DbSyncAdapter`] together.
#[derive(Clone, Debug, Default)]
pub struct DbSyncAdapterBuilder {
    name: String,
    global_name: Option<String>,
    columns: Vec<Column>,
    row_id_columns: Vec<String>,
    /// Names of version columns that are not the session's constants.
    versions: BTreeMap<SessionValue, String>,
    commands: BTreeMap<CommandRole, DbCommand>,
    creation: CreationVersion,
    exists: Option<DbCommand>,
    bulk: Option<BulkCommands>,
}

#[derive(Clone, Debug)]
struct Column {
    name: String,
    described: Result<ColumnDescription, String>,
    parameter: Option<String>,
}

impl DbSyncAdapterBuilder {
    /// `GlobalTableName`: the name that the table has at all replicas, the quoted table name unless this says otherwise.
    #[must_use]
    pub fn global_table_name(mut self, name: impl Into<String>) -> Self {
        self.global_name = Some(name.into());
        self
    }

    /// A column that is synchronised, in the order of the commands' rows or any other, with the logical type that it travels under
    /// (`docs/types.md`): `int`, `nvarchar(100)`, `decimal(9,2)`.
    #[must_use]
    pub fn column(mut self, name: impl Into<String>, sql_type: &str) -> Self {
        let name = name.into();
        let described = sql_type.parse::<SqlType>();
        let described = described.map(|sql_type| ColumnDescription::new(name.clone(), sql_type));
        self.columns.push(Column {
            described: described.map_err(|error| error.to_string()),
            name,
            parameter: None,
        });
        self
    }

    /// The same, described in full: as a key column that is compared without case, for example.
    #[must_use]
    pub fn described_column(mut self, column: ColumnDescription) -> Self {
        self.columns.push(Column {
            name: column.name.clone(),
            described: Ok(column),
            parameter: None,
        });
        self
    }

    /// All columns of a table.
    #[must_use]
    pub fn described_columns(self, columns: impl IntoIterator<Item = ColumnDescription>) -> Self {
        columns.into_iter().fold(self, Self::described_column)
    }

    /// Names the parameters of the columns, in the order of the columns, where they are not called like these.
    #[must_use]
    pub fn parameters<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        for (column, name) in self.columns.iter_mut().zip(names) {
            column.parameter = Some(name.into());
        }
        self
    }

    /// `RowIdColumns`: the columns whose values make up a row's identity. In a row's id they stand in the order of the columns.
    #[must_use]
    pub fn row_id_columns<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.row_id_columns
            .extend(names.into_iter().map(Into::into));
        self
    }

    /// Names the column in which commands that select say whether a row is a deletion; `sync_row_is_tombstone` unless this says otherwise.
    #[must_use]
    pub fn tombstone_column(self, name: impl Into<String>) -> Self {
        self.version_column(SessionValue::RowIsTombstone, name)
    }

    /// Names the column in which they return the tick of a row's last change here; `sync_row_timestamp` unless this says otherwise.
    #[must_use]
    pub fn timestamp_column(self, name: impl Into<String>) -> Self {
        self.version_column(SessionValue::RowTimestamp, name)
    }

    /// Names the column in which they return a part of a row's version, where that is not the session's constant.
    #[must_use]
    pub fn version_column(mut self, value: SessionValue, name: impl Into<String>) -> Self {
        self.versions.insert(value, name.into());
        self
    }

    /// Says which command writes creation versions.
    #[must_use]
    pub fn creation_version(mut self, creation: CreationVersion) -> Self {
        self.creation = creation;
        self
    }

    /// The command of a role.
    #[must_use]
    pub fn command(mut self, role: CommandRole, command: DbCommand) -> Self {
        self.commands.insert(role, command);
        self
    }

    /// Returns rows that changed since `@sync_min_timestamp`, deleted ones included: all columns (of a deletion those of the key), and the columns of
    /// [`DbSyncSession`](super::DbSyncSession) from `sync_row_is_tombstone` to `sync_update_peer_timestamp`.
    #[must_use]
    pub fn select_incremental_changes_command(self, command: DbCommand) -> Self {
        self.command(CommandRole::SelectIncrementalChanges, command)
    }

    /// Returns the row or deletion under a key, with the same columns. A destination needs it; a source without it looks rows up among all of its
    /// changes.
    #[must_use]
    pub fn select_row_command(self, command: DbCommand) -> Self {
        self.command(CommandRole::SelectRow, command)
    }

    /// Inserts a row.
    #[must_use]
    pub fn insert_command(self, command: DbCommand) -> Self {
        self.command(CommandRole::Insert, command)
    }

    /// Updates a row that was not changed after `@sync_min_timestamp`.
    #[must_use]
    pub fn update_command(self, command: DbCommand) -> Self {
        self.command(CommandRole::Update, command)
    }

    /// Deletes a row that was not changed after `@sync_min_timestamp`.
    #[must_use]
    pub fn delete_command(self, command: DbCommand) -> Self {
        self.command(CommandRole::Delete, command)
    }

    /// Inserts the metadata of a row or a deletion.
    #[must_use]
    pub fn insert_metadata_command(self, command: DbCommand) -> Self {
        self.command(CommandRole::InsertMetadata, command)
    }

    /// Updates the metadata of a row or a deletion.
    #[must_use]
    pub fn update_metadata_command(self, command: DbCommand) -> Self {
        self.command(CommandRole::UpdateMetadata, command)
    }

    /// Deletes the metadata of a deletion: before its row comes back, and when it is cleaned up.
    #[must_use]
    pub fn delete_metadata_command(self, command: DbCommand) -> Self {
        self.command(CommandRole::DeleteMetadata, command)
    }

    /// Returns the metadata of deletions that are at least `@metadata_aging_in_days` old, or of all where that is negative.
    #[must_use]
    pub fn select_metadata_for_cleanup_command(self, command: DbCommand) -> Self {
        self.command(CommandRole::SelectMetadataForCleanup, command)
    }

    /// A command that takes a key and returns a row where the base table has it. Without it a tracked row whose base row is gone looks like one whose
    /// columns are all NULL.
    #[must_use]
    pub fn existence_command(mut self, command: DbCommand) -> Self {
        self.exists = Some(command);
        self
    }

    /// Commands for many rows.
    #[must_use]
    pub fn bulk_commands(mut self, bulk: BulkCommands) -> Self {
        self.bulk = Some(bulk);
        self
    }

    /// Checks it all.
    ///
    /// # Errors
    /// A column or its type is none; there is no row id; a command that a source or a destination needs is missing; a command lacks a parameter or
    /// an output, or has one that nothing is known for. Table, command and parameter are named.
    pub fn build(self) -> Result<DbSyncAdapter, ProviderError> {
        let (table, names) = self.described()?;
        let signature = Signature::of_table(&table, &names);
        let mut commands = BTreeMap::new();
        for (role, written) in &self.commands {
            commands.insert(*role, role.checked(&table, written, &signature)?);
        }
        let missing = |role: CommandRole, remedy: &str| {
            ProviderError::refused(role.of(&table), "there is none", remedy)
        };
        let [changes] = CommandRole::SOURCE;
        let writes = CommandRole::DESTINATION
            .into_iter()
            .any(|role| role != CommandRole::SelectRow && commands.contains_key(&role));
        let cleans_up = commands.contains_key(&CommandRole::SelectMetadataForCleanup);
        if !writes && !cleans_up && !commands.contains_key(&changes) {
            return Err(missing(
                changes,
                "give the table this command of a source, the seven of a destination, or both",
            ));
        }
        let mut take = |role: CommandRole| {
            let taken = commands.remove(&role);
            taken
                .ok_or_else(|| missing(role, "a destination needs it: give the table this command"))
        };
        let creation = self.creation;
        let writing = match writes || cleans_up {
            false => None,
            true => Some(Writing {
                insert: take(CommandRole::Insert)?,
                update: take(CommandRole::Update)?,
                delete: take(CommandRole::Delete)?,
                insert_metadata: take(CommandRole::InsertMetadata)?,
                update_metadata: take(CommandRole::UpdateMetadata)?,
                delete_metadata: take(CommandRole::DeleteMetadata)?,
                creation,
            }),
        };
        let select_row = match writing {
            Some(_) => Some(take(CommandRole::SelectRow)?),
            None => take(CommandRole::SelectRow).ok(),
        };
        let object = format!("existence of rows of table {}", table.global_name);
        let exists = self
            .exists
            .as_ref()
            .map(|written| Command::new(object, written, &signature, &[], false));
        Ok(DbSyncAdapter {
            result: self.result(&table),
            select_changes: commands.remove(&changes),
            select_for_cleanup: commands.remove(&CommandRole::SelectMetadataForCleanup),
            select_row,
            writing,
            exists: exists.transpose()?,
            bulk: self.bulk,
            table,
            signature,
        })
    }

    /// The table, and the names of its columns' parameters.
    fn described(&self) -> Result<(TableDescription, Vec<String>), ProviderError> {
        let object = format!("table {}", self.name);
        let refused =
            |reason: String, remedy: &str| ProviderError::refused(&object, reason, remedy);
        let mut columns = Vec::new();
        let mut parameters = Vec::new();
        for column in &self.columns {
            let described = column.described.as_ref().map_err(|reason| {
                refused(
                    format!("column {}: {reason}", column.name),
                    "name a type of docs/types.md",
                )
            })?;
            columns.push(described.clone());
            let parameter = column.parameter.as_ref().unwrap_or(&column.name);
            parameters.push(parameter.trim_start_matches('@').to_owned());
        }
        for name in &self.row_id_columns {
            let found = columns
                .iter_mut()
                .find(|column| column.name.eq_ignore_ascii_case(name));
            let Some(column) = found else {
                return Err(refused(
                    format!("RowIdColumns names {name}, which is no column of it"),
                    "add the column",
                ));
            };
            column.primary_key = true;
            column.nullable = false;
        }
        if !columns.iter().any(|column| column.primary_key) {
            return Err(refused(
                "its RowIdColumns are empty".to_owned(),
                "name the columns whose values identify a row",
            ));
        }
        let unsuitable = |error: sync_metadata::MetadataError| {
            refused(error.to_string(), "describe the table otherwise")
        };
        let name = TableName::parse(&self.name).map_err(unsuitable)?;
        let global = self.global_name.clone().unwrap_or_else(|| name.quoted());
        let table = TableDescription::new(name, global, columns).map_err(unsuitable)?;
        Ok((table, parameters))
    }

    fn result(&self, table: &TableDescription) -> Vec<Parameter> {
        let shape = TableShape::of(table);
        let columns = shape.columns.iter().zip(&shape.types);
        let columns = columns.map(|(name, sql_type)| Parameter {
            name: name.clone(),
            sql_type: sql_type.clone(),
        });
        let versions = VERSIONS.into_iter().map(|value| Parameter {
            name: self
                .versions
                .get(&value)
                .map_or_else(|| value.name().to_owned(), String::clone),
            // A metadata row's tick is a rowversion; whoever reads it makes a number of it.
            sql_type: match value {
                SessionValue::RowTimestamp => SqlType::new(sync_metadata::SqlKind::Timestamp),
                other => other.sql_type(),
            },
        });
        columns.chain(versions).collect()
    }
}

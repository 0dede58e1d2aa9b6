//! The commands about the scope itself, and the row that they tell of.

use sync_knowledge::{ForgottenKnowledge, Knowledge, ReplicaId, ReplicaKey, Version};
use sync_metadata::{SqlKind, SqlType, Value};
use sync_provider::ProviderError;
use uuid::Uuid;

use super::connection::Cells;
use super::{Command, DbCommand, Parameter, SessionValue, Signature};
use sync_relational::ScopeState;

/// The provider-level commands, checked: what a `DbSyncProvider` has beside its adapters.
#[derive(Clone, Debug, PartialEq)]
pub struct ScopeCommands {
    pub(super) select_new_timestamp: Command,
    pub(super) select_scope_info: Command,
    pub(super) update_scope_info: Command,
    pub(super) overlapping: Option<OverlappingScopes>,
}

/// What a clean-up needs where other scopes share tables with this one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct OverlappingScopes {
    pub(super) select: Command,
    pub(super) update_timestamp: Command,
}

/// The provider-level commands as somebody writes them.
#[derive(Clone, Debug, Default)]
pub struct WrittenScopeCommands {
    /// `SelectNewTimestampCommand`: gives `sync_new_timestamp`, a tick at or below which every change is committed.
    pub select_new_timestamp: Option<DbCommand>,
    /// `SelectScopeInfoCommand`: gives `sync_scope_id`, `sync_scope_knowledge`, `sync_scope_cleanup_knowledge` and `sync_scope_timestamp`, in outputs or in
    /// a row.
    pub select_scope_info: Option<DbCommand>,
    /// `UpdateScopeInfoCommand`: stores knowledge where the scope row still has `sync_scope_timestamp`.
    pub update_scope_info: Option<DbCommand>,
    /// `SelectOverlappingScopesCommand`: rows of `sync_table_name` and `sync_shared_scope_name`.
    pub select_overlapping_scopes: Option<DbCommand>,
    /// `UpdateScopeCleanupTimestampCommand`: raises a scope's `sync_scope_cleanup_timestamp`.
    pub update_scope_cleanup_timestamp: Option<DbCommand>,
}

const INFO: [SessionValue; 4] = [
    SessionValue::ScopeId,
    SessionValue::ScopeKnowledge,
    SessionValue::ScopeCleanupKnowledge,
    SessionValue::ScopeTimestamp,
];

/// What a scope row may tell besides.
const MORE_INFO: [SessionValue; 3] = [
    SessionValue::ScopeLocalId,
    SessionValue::ScopeRestoreCount,
    SessionValue::ScopeCleanupTimestamp,
];

impl ScopeCommands {
    /// Checks the commands of a scope.
    ///
    /// # Errors
    /// A command is missing, or lacks a parameter or an output; scope, command and parameter are named.
    pub fn new(scope: &str, written: &WrittenScopeCommands) -> Result<Self, ProviderError> {
        use SessionValue as V;
        let object = |name: &str| format!("{name} of scope {scope}");
        let there = |name: &str, command: &Option<DbCommand>| {
            command.clone().ok_or_else(|| {
                ProviderError::refused(
                    object(name),
                    "there is none",
                    "give the provider this command",
                )
            })
        };
        let made = |name: &str, written: &DbCommand, inputs: &[V], gives: &[V], counts: bool| {
            let signature = Signature::of_scope();
            let command = Command::new(object(name), written, &signature, gives, counts)?;
            let lacks = |what: &str, value: V| {
                let reason = format!("it lacks the {what} @{}", value.name());
                command.refused(reason, "add it")
            };
            let taken = |value: &&V| !command.takes(signature.place(**value));
            match inputs.iter().find(taken) {
                Some(value) => Err(lacks("parameter", *value)),
                None if counts && !command.counts() => Err(lacks("output", V::RowCount)),
                None => Ok(command),
            }
        };
        // What it gives comes in outputs, all of it, or in a row, which only shows when it is run.
        let complete = |command: Command, needed: &[V]| {
            let lacking = |value: &&V| !command.gives(**value);
            match needed.iter().find(lacking) {
                Some(value) if !command.outputs().is_empty() => Err(command.refused(
                    format!("it lacks the output @{}", value.name()),
                    "add it, or return everything in a row",
                )),
                _ => Ok(command),
            }
        };
        let name = "SelectNewTimestampCommand";
        let time = there(name, &written.select_new_timestamp)?;
        let time = complete(
            made(name, &time, &[], &[V::NewTimestamp], false)?,
            &[V::NewTimestamp],
        )?;
        let name = "SelectScopeInfoCommand";
        let info = there(name, &written.select_scope_info)?;
        let gives = [&INFO[..], &MORE_INFO[..]].concat();
        let info = complete(made(name, &info, &[], &gives, false)?, &INFO)?;
        let name = "UpdateScopeInfoCommand";
        let update = there(name, &written.update_scope_info)?;
        let inputs = [
            V::ScopeKnowledge,
            V::ScopeCleanupKnowledge,
            V::ScopeTimestamp,
        ];
        let update = made(name, &update, &inputs, &[], true)?;
        let overlapping = match &written.select_overlapping_scopes {
            None => None,
            Some(select) => {
                let select = made(
                    "SelectOverlappingScopesCommand",
                    select,
                    &[V::ScopeName],
                    &[],
                    false,
                )?;
                let name = "UpdateScopeCleanupTimestampCommand";
                let update = there(name, &written.update_scope_cleanup_timestamp)?;
                let inputs = [V::ScopeName, V::ScopeCleanupTimestamp];
                let update_timestamp = made(name, &update, &inputs, &[], true)?;
                Some(OverlappingScopes {
                    select,
                    update_timestamp,
                })
            }
        };
        Ok(ScopeCommands {
            select_new_timestamp: time,
            select_scope_info: info,
            update_scope_info: update,
            overlapping,
        })
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Command> {
        let overlapping = self.overlapping.iter();
        let overlapping = overlapping.flat_map(|own| [&own.select, &own.update_timestamp]);
        [
            &self.select_new_timestamp,
            &self.select_scope_info,
            &self.update_scope_info,
        ]
        .into_iter()
        .chain(overlapping)
    }
}

/// A scope row, as its command told of it.
#[derive(Clone, Debug, Default)]
pub(super) struct ScopeRow {
    pub(super) id: Option<ReplicaId>,
    pub(super) local_id: Option<i32>,
    pub(super) restore_count: Option<i32>,
    pub(super) knowledge: Option<Vec<u8>>,
    pub(super) forgotten: Option<Vec<u8>>,
    /// What a write of the row compares.
    pub(super) stamp: i64,
    cleanup_timestamp: Option<i64>,
}

/// The names under which a row may tell each value: the session's constant, and the column of Sync Framework's own tables.
const NAMES: [(SessionValue, &str); 7] = [
    (SessionValue::ScopeId, "scope_id"),
    (SessionValue::ScopeLocalId, "scope_local_id"),
    (SessionValue::ScopeRestoreCount, "scope_restore_count"),
    (SessionValue::ScopeKnowledge, "scope_sync_knowledge"),
    (
        SessionValue::ScopeCleanupKnowledge,
        "scope_tombstone_cleanup_knowledge",
    ),
    (SessionValue::ScopeTimestamp, "scope_timestamp"),
    (
        SessionValue::ScopeCleanupTimestamp,
        "scope_cleanup_timestamp",
    ),
];

/// The columns that are looked for in the row of a `SelectScopeInfoCommand`.
pub(super) fn wanted() -> Vec<Parameter> {
    let names = NAMES.iter().flat_map(|(value, column)| {
        // A rowversion, where it is one, becomes a number.
        let sql_type = match value {
            SessionValue::ScopeTimestamp | SessionValue::ScopeCleanupTimestamp => {
                SqlType::new(SqlKind::Timestamp)
            }
            other => other.sql_type(),
        };
        [value.name(), column].map(|name| Parameter {
            name: name.to_owned(),
            sql_type: sql_type.clone(),
        })
    });
    names.collect()
}

impl ScopeRow {
    /// Reads what a command gave, in its outputs or in a row.
    pub(super) fn of(command: &Command, cells: Cells) -> Result<Self, ProviderError> {
        let in_row = wanted();
        let names = match command.outputs() {
            [] => &in_row,
            outputs => outputs,
        };
        let told: Vec<(&str, &Result<Value, String>)> = names
            .iter()
            .map(|parameter| parameter.name.as_str())
            .zip(&cells)
            .collect();
        let refused = |value: SessionValue, reason: &str| {
            command.refused(
                format!("{}: {reason}", value.name()),
                "check the command and the scope row",
            )
        };
        let value = |value: SessionValue| -> Option<&Value> {
            let column = NAMES.iter().find(|(own, _)| *own == value)?.1;
            let mut names = [value.name(), column].into_iter();
            names.find_map(|name| {
                let mut told = told.iter();
                let (_, cell) = told.find(|(own, _)| own.eq_ignore_ascii_case(name))?;
                cell.as_ref().ok()
            })
        };
        for needed in [
            SessionValue::ScopeKnowledge,
            SessionValue::ScopeCleanupKnowledge,
            SessionValue::ScopeTimestamp,
        ] {
            if value(needed).is_none() {
                return Err(refused(needed, "it is not returned"));
            }
        }
        let bytes = |what: SessionValue| match value(what) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Blob(bytes)) => Ok(Some(bytes.to_vec())),
            Some(other) => Err(refused(what, &format!("{other:?} are no bytes"))),
        };
        let number = |what: SessionValue| match value(what) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Integer(number)) => Ok(Some(*number)),
            Some(other) => Err(refused(what, &format!("{other:?} is no number"))),
        };
        let small = |what: SessionValue| -> Result<Option<i32>, ProviderError> {
            let number = number(what)?.map(i32::try_from).transpose();
            number.map_err(|error| refused(what, &error.to_string()))
        };
        let id = match value(SessionValue::ScopeId) {
            None | Some(Value::Null) => None,
            Some(id) => Some(
                replica_id(id)
                    .ok_or_else(|| refused(SessionValue::ScopeId, &format!("{id:?} is no GUID")))?,
            ),
        };
        Ok(ScopeRow {
            id,
            local_id: small(SessionValue::ScopeLocalId)?,
            restore_count: small(SessionValue::ScopeRestoreCount)?,
            knowledge: bytes(SessionValue::ScopeKnowledge)?,
            forgotten: bytes(SessionValue::ScopeCleanupKnowledge)?,
            stamp: number(SessionValue::ScopeTimestamp)?.unwrap_or(0),
            cleanup_timestamp: number(SessionValue::ScopeCleanupTimestamp)?,
        })
    }

    /// What the row means to a session at this mark. What a clean-up of another scope removed looked like changes of this replica here, up to the tick
    /// that it left behind.
    pub(super) fn state(
        &mut self,
        replica: &ReplicaId,
        mark: i64,
    ) -> Result<ScopeState, ProviderError> {
        let tick = |number: i64| u64::try_from(number).unwrap_or(0);
        if let Some(cleaned) = self.cleanup_timestamp.filter(|cleaned| *cleaned > 0) {
            let damaged = |error: sync_knowledge::DecodeError| {
                ProviderError::malformed("scope row", error.to_string())
            };
            let mut known = match &self.knowledge {
                Some(bytes) => Knowledge::from_bytes(bytes).map_err(damaged)?,
                None => Knowledge::new(replica.clone()),
            };
            known.set_local_tick(known.local_tick().max(tick(mark)));
            let mut forgotten = match &self.forgotten {
                Some(bytes) => ForgottenKnowledge::from_bytes(bytes).map_err(damaged)?,
                None => ForgottenKnowledge::new(&known),
            };
            forgotten.forget_to(&known, Version::new(ReplicaKey::LOCAL, tick(cleaned)));
            self.forgotten = Some(forgotten.to_bytes());
        }
        Ok(ScopeState {
            knowledge: self.knowledge.clone(),
            forgotten: self.forgotten.clone(),
            mark: tick(mark),
            // Nothing says whether it was; one that was and takes itself for a pristine replica would strand versions.
            was_source: true,
        })
    }
}

/// A GUID as databases without the type keep it: as text, or as sixteen bytes in the order of the text.
fn replica_id(value: &Value) -> Option<ReplicaId> {
    let id = match value {
        Value::Guid(id) => *id,
        Value::Text(text) => Uuid::parse_str(text).ok()?,
        Value::Blob(bytes) => Uuid::from_slice(bytes).ok()?,
        _ => return None,
    };
    (!id.is_nil()).then(|| ReplicaId::from_uuid(id))
}

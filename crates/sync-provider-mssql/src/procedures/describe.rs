//! Which columns the commands that select rows return: they are asked once, by calls that find none.

use sync_provider::ProviderError;
use sync_relational::commands::{
    Command, CommandRole, CommandText, SessionValue, Signature, SyncAdapter,
};

use crate::connection::Connection;
use crate::procedures::returned::{Column, Selects};
use crate::procedures::sql;
use crate::sql::join;

/// The commands of a table that return its rows.
pub(super) const SELECTS: [CommandRole; 2] = [
    CommandRole::SelectIncrementalChanges,
    CommandRole::SelectRow,
];

/// Names, with its number, the empty result that a description follows.
const DESCRIBED: &str = "sync_described_";

/// What the commands of all adapters return, those of [`SELECTS`] for each: one round trip.
pub(super) async fn described(
    connection: &mut Connection,
    adapters: &[SyncAdapter],
) -> Result<Vec<Selects>, ProviderError> {
    let commands = |adapter: &SyncAdapter| SELECTS.map(|role| adapter.command(role).clone());
    let asked: Vec<(&Signature, Command)> = adapters
        .iter()
        .flat_map(|adapter| commands(adapter).map(|command| (adapter.signature(), command)))
        .collect();
    let describe = join(
        asked.iter().enumerate(),
        "",
        |(nr, (signature, command))| {
            format!(
                "SELECT 0 AS {DESCRIBED}{nr} WHERE 1 = 0;\n{};\n",
                sql::execute(command, signature, &without_rows(command, signature))
            )
        },
    );
    let mut returned: Vec<Vec<Vec<Column>>> = Vec::new();
    for columns in connection.describe(&describe).await? {
        let marks = columns.iter().any(|(name, _)| name.starts_with(DESCRIBED));
        match (marks, returned.last_mut()) {
            (false, Some(results)) => {
                let columns = columns.into_iter();
                results.push(
                    columns
                        .map(|(name, wire)| Column::described(name, wire))
                        .collect(),
                );
            }
            _ => returned.push(Vec::new()),
        }
    }
    returned.resize_with(asked.len(), Vec::new);
    let selects = asked.into_iter().zip(returned);
    selects
        .map(
            |((_, command), mut results)| match (results.pop(), results.len()) {
                (Some(columns), 0) => Ok(Selects {
                    command: command.text().clone(),
                    columns,
                }),
                (found, more) => Err(refused_select(
                    command.text(),
                    &format!(
                        "it returns {} results instead of one",
                        more + usize::from(found.is_some())
                    ),
                )),
            },
        )
        .collect()
}

/// Values with which a command that selects rows finds none: no row is above the greatest tick, and no key is NULL.
fn without_rows(command: &Command, signature: &Signature) -> Vec<String> {
    let value = |argument: usize| {
        if argument < signature.columns() {
            "NULL".to_owned()
        } else if argument == signature.place(SessionValue::MinTimestamp) {
            i64::MAX.to_string()
        } else {
            "0".to_owned()
        }
    };
    let inputs = command.inputs().iter();
    inputs.map(|input| value(input.argument)).collect()
}

/// The refusal of a command that does not return what it should.
pub(super) fn refused_select(command: &CommandText, reason: &str) -> ProviderError {
    let object = match command {
        CommandText::Procedure(name) => format!("procedure {name}"),
        CommandText::Statement(_) => "command that selects rows".to_owned(),
    };
    ProviderError::refused(
        object,
        reason,
        "restore it, or synchronise without procedures",
    )
}

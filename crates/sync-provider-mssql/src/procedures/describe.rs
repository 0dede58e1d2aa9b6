//! Which columns the commands that select rows return: they are asked once, by calls that find none.
//!
//! A statement that selects rows is made a temporary procedure of the connection first. So what it returns can be taken in like what a procedure
//! returns, and read as everything else is.

use sync_metadata::ObjectName;
use sync_provider::ProviderError;
use sync_provider_commands::{
    Command, CommandRole, CommandText, DbSyncAdapter, SessionValue, Signature,
};

use crate::connection::Connection;
use crate::procedures::returned::{Column, Selects};
use crate::procedures::sql;
use crate::sql::join;

/// The commands of a table that return its rows.
const SELECTS: [CommandRole; 3] = [
    CommandRole::SelectIncrementalChanges,
    CommandRole::SelectRow,
    CommandRole::SelectMetadataForCleanup,
];

/// Names, with its number, the empty result that a description follows.
const DESCRIBED: &str = "sync_described_";

/// The batches that make procedures of statements; a connection that takes this one's place runs them, too. The `tag` tells them from those of an
/// earlier session: a connection may come from a pool.
pub(super) fn preparations(adapters: &[DbSyncAdapter], tag: &str) -> Vec<String> {
    let mut batches = Vec::new();
    for (signature, command, number) in selecting(adapters) {
        if let CommandText::Statement(statement) = command.text() {
            batches.push(sql::prepare(
                &prepared(number, tag),
                command,
                signature,
                statement,
            ));
        }
    }
    batches
}

/// What the commands of all adapters return, in the order of the adapters: one round trip.
pub(super) async fn described(
    connection: &mut Connection,
    adapters: &[DbSyncAdapter],
    tag: &str,
) -> Result<Vec<Vec<Selects>>, ProviderError> {
    let asked: Vec<(&Signature, &Command, Command)> = selecting(adapters)
        .map(|(signature, command, number)| {
            let runs = match command.text() {
                CommandText::Procedure(_) => command.clone(),
                CommandText::Statement(_) => command.as_procedure(prepared(number, tag)),
            };
            (signature, command, runs)
        })
        .collect();
    let describe = join(
        asked.iter().enumerate(),
        "",
        |(nr, (signature, _, runs))| {
            format!(
                "SELECT 0 AS {DESCRIBED}{nr} WHERE 1 = 0;\n{};\n",
                sql::execute(runs, signature, &without_rows(runs, signature))
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
    let mut all = asked.into_iter().zip(returned);
    let mut selects = Vec::new();
    for adapter in adapters {
        let of_adapter = all.by_ref().take(roles(adapter).count());
        let of_adapter =
            of_adapter.map(|((_, command, runs), results)| one(command, runs, results));
        selects.push(of_adapter.collect::<Result<Vec<Selects>, ProviderError>>()?);
    }
    Ok(selects)
}

fn roles(adapter: &DbSyncAdapter) -> impl Iterator<Item = &Command> {
    SELECTS.into_iter().filter_map(|role| adapter.command(role))
}

/// All commands that select rows, each with its number.
fn selecting(adapters: &[DbSyncAdapter]) -> impl Iterator<Item = (&Signature, &Command, usize)> {
    let commands = adapters
        .iter()
        .flat_map(|adapter| roles(adapter).map(|command| (adapter.signature(), command)));
    commands
        .enumerate()
        .map(|(number, (signature, command))| (signature, command, number))
}

fn prepared(number: usize, tag: &str) -> ObjectName {
    ObjectName {
        schema: None,
        name: format!("#sync_command_{tag}_{number}"),
    }
}

/// A command with the one result that it returns.
fn one(
    command: &Command,
    runs: Command,
    mut results: Vec<Vec<Column>>,
) -> Result<Selects, ProviderError> {
    match (results.pop(), results.len()) {
        (Some(columns), 0) => Ok(Selects {
            command: command.clone(),
            runs,
            columns,
        }),
        (found, more) => {
            let results = more + usize::from(found.is_some());
            let reason = format!("it returns {results} results instead of one");
            Err(refused_select(command, &reason))
        }
    }
}

/// In days; what is older is selected, and not read.
const A_CENTURY: i32 = 36_500;

/// Values with which a command that selects rows finds none: no row is above the greatest tick, and no key is NULL.
fn without_rows(command: &Command, signature: &Signature) -> Vec<String> {
    let value = |argument: usize| {
        if argument < signature.columns() {
            "NULL".to_owned()
        } else if argument == signature.place(SessionValue::MinTimestamp) {
            i64::MAX.to_string()
        } else if argument == signature.place(SessionValue::MetadataAgingInDays) {
            A_CENTURY.to_string()
        } else {
            "0".to_owned()
        }
    };
    let inputs = command.inputs().iter();
    inputs.map(|input| value(input.argument)).collect()
}

/// The refusal of a command that does not return what it should.
pub(super) fn refused_select(command: &Command, reason: &str) -> ProviderError {
    match command.text() {
        CommandText::Procedure(name) => ProviderError::refused(
            format!("procedure {name}"),
            reason,
            "restore it, or synchronise without procedures",
        ),
        CommandText::Statement(_) => {
            command.refused(reason, "let it return the row and its versions")
        }
    }
}

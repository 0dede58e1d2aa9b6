//! The batches that run procedures, as they are sent.

use sync_metadata::{ColumnDescription, ObjectName, TableDescription, TableName};
use sync_provider_commands::{
    BulkCall, BulkCommand, CommandRole, DbSyncAdapter, Parameter, Program, SessionValue, Step,
};
use tiberius::ColumnType;

use super::adapters::written;
use super::returned::{Column, Returned};
use super::sql::{self, BulkTable};
use super::staged::Staged;
use crate::golden::check;

fn batches(name: &str, column: &str) -> Vec<String> {
    let columns = vec![
        ColumnDescription::key("Id", "int".parse().unwrap()),
        ColumnDescription::key(column, "varchar(9)".parse().unwrap()),
        ColumnDescription::new("Price", "money".parse().unwrap()),
        ColumnDescription::new("Note", "nvarchar(max)".parse().unwrap()),
    ];
    let of = |suffix: &str| ObjectName {
        schema: None,
        name: format!("{name}_{suffix}"),
    };
    let table = TableName {
        schema: None,
        name: name.to_owned(),
    };
    let table = TableDescription::new(table, name, columns).unwrap();
    let names: Vec<String> = (1..=4).map(|n| format!("@P_{n}")).collect();
    let roles = CommandRole::SOURCE
        .into_iter()
        .chain(CommandRole::DESTINATION);
    let builder = DbSyncAdapter::builder(table.local_name.quoted())
        .described_columns(table.columns.iter().cloned())
        .parameters(&names);
    let adapter = roles.fold(builder, |builder, role| {
        let procedure = of(&format!("{role:?}").to_lowercase());
        builder.command(role, written(role, &procedure, &table, &names))
    });
    let adapter = adapter.build().unwrap();
    let signature = adapter.signature().clone();
    let wanted = table.columns.iter().map(|column| Parameter {
        name: column.name.clone(),
        sql_type: column.sql_type.clone(),
    });
    let versions = [SessionValue::RowIsTombstone, SessionValue::RowTimestamp];
    let versions = versions.map(|value| Parameter {
        name: value.name().to_owned(),
        sql_type: value.sql_type(),
    });
    let wanted: Vec<Parameter> = wanted.chain(versions).collect();
    // Another order, and a column that nobody asked for.
    let mut order = vec![Column::described("More".to_owned(), ColumnType::NVarchar)];
    let described = wanted.iter().rev();
    order.extend(described.map(|one| Column::described(one.name.clone(), ColumnType::Null)));
    let returned = Returned::new(Some(&order), wanted);
    let command = |role| adapter.command(role).unwrap();
    let row = command(CommandRole::SelectRow);
    let changes = command(CommandRole::SelectIncrementalChanges);
    let only = |role| Step {
        command: command(role),
        otherwise: None,
    };
    let version = Step {
        command: command(CommandRole::UpdateMetadata),
        otherwise: Some(command(CommandRole::InsertMetadata)),
    };
    let programs = [
        Program {
            steps: vec![only(CommandRole::Update), version],
        },
        Program { steps: Vec::new() },
    ];
    let commands = [
        command(CommandRole::Update),
        command(CommandRole::UpdateMetadata),
        command(CommandRole::InsertMetadata),
    ];
    let session = [
        SessionValue::MinTimestamp,
        SessionValue::ScopeLocalId,
        SessionValue::UpdatePeerTimestamp,
        SessionValue::UpdatePeerKey,
        SessionValue::CreatePeerTimestamp,
        SessionValue::CreatePeerKey,
    ];
    let session = session.map(|value| signature.place(value));
    let bulk = BulkCommand {
        procedure: of("bulkupdate"),
        table_type: of("BulkType"),
    };
    let bulk_table = BulkTable {
        tracking: of("tracking"),
        columns: table
            .columns
            .iter()
            .map(|column| column.name.clone())
            .collect(),
        key: vec![(0, None), (1, Some("Latin1_General_CI_AS".to_owned()))],
    };
    let call = BulkCall {
        command: &bulk,
        rows: &[0],
    };
    vec![
        sql::query(&Staged::of(5, &signature, [row], false), row, &returned),
        sql::keep(
            2,
            (changes, &signature),
            &["7", "1", "0", "-1"].map(str::to_owned),
            (&returned, "sync_row_is_tombstone"),
        ),
        sql::kept(2, false, 9, 100, (&returned, "sync_row_is_tombstone")),
        sql::kept(2, true, 9, 100, (&returned, "sync_row_is_tombstone")),
        sql::run(&Staged::of(0, &signature, commands, true), &programs),
        sql::bulk(
            &Staged::at(0, &signature, (0..4).chain(session).collect(), true),
            &bulk_table,
            &signature,
            &[call],
        ),
    ]
}

#[test]
fn the_batches_of_a_scope() {
    check("procedures.sql", &batches("Item", "Code"));
    check(
        "procedures-hostile.sql",
        &batches("a]; DROP TABLE x; --", "it's \"q\" ]"),
    );
}

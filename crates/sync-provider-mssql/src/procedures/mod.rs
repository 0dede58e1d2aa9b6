//! Sync Framework's own procedures as the commands of a store: what its provider would call is called, with its parameters, and its guards and
//! row counts are heeded.

mod adapters;
mod cells;
mod connection;
mod describe;
#[cfg(test)]
mod golden;
mod returned;
mod sql;
mod staged;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use sync_knowledge::ReplicaId;
use sync_provider::ProviderError;
use sync_provider_commands::{ChangeTrackingModel, CommandScope, CommandStore};

use crate::connection::{Connection, ConnectionFactory};
use crate::opened::open_scope;
use crate::store::Options;

pub use connection::ProcedureConnection;
pub(crate) use connection::{Settled, Table};

/// Opens a scope whose rows go through its procedures: as [`open_scope`], and one round trip in which the procedures say which columns they return.
pub(crate) async fn open(
    connections: Arc<dyn ConnectionFactory>,
    scope: Option<&str>,
    options: Options,
    counter: Arc<AtomicU64>,
) -> Result<CommandStore<ProcedureConnection>, ProviderError> {
    let mut connection = Connection::open(&*connections).await?;
    let opened = open_scope(&mut connection, scope).await?;
    let tables = opened.tables.iter().zip(&opened.scope.description.tables);
    let adapters: Result<Vec<_>, _> = tables
        .map(|(table, described)| adapters::of_table(table, described))
        .collect();
    let adapters = adapters?;
    let commands = adapters::of_scope(&opened.scope.store, &opened.scope.row.name)?;
    let row = &opened.scope.row;
    let replica = ReplicaId::from_uuid(row.scope_id);
    let connection = ProcedureConnection::over(
        (connections, connection),
        Settled {
            lock: format!("syncdb {replica}"),
            options: Options {
                snapshot: opened.facts.allows_snapshot && options.snapshot,
                ..options
            },
            scope: row.name.clone(),
            counter,
        },
        opened
            .scope
            .description
            .tables
            .iter()
            .zip(&opened.tables)
            .map(|(table, opened)| Table::opened(table, opened))
            .collect(),
        &adapters,
    )
    .await?;
    let scope = CommandScope {
        replica,
        scope_local_id: Some(row.scope_local_id),
        restore_count: row.restore_count,
        description: opened.scope.description,
    };
    let tracking = ChangeTrackingModel::Decoupled;
    Ok(CommandStore::new(
        connection, scope, commands, adapters, tracking,
    ))
}

//! Taking a scope, or everything, off a database again. The user's tables and rows are never touched.

use std::collections::BTreeSet;

use sync_metadata::{AdapterConfig, ObjectName};

use crate::catalog::{Catalog, Which};
use crate::connection::{Connection, ConnectionFactory};
use crate::error::MssqlError;
use crate::metadata::{StoredScope, StoredStore, find_scope, stores};
use crate::names::{Owned, procedures, same, triggers};
use crate::opened::is_tracking_table;
use crate::provision::{in_transaction, whole_script};
use crate::sql::{object, text};

/// What to take off (`SqlSyncScopeDeprovisioning`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deprovisioning {
    /// One scope (`DeprovisionScope`); what it shares with others stays until the last of them goes.
    Scope(String),
    /// All metadata of all scopes (`DeprovisionStore`), under whatever prefix and in whatever schema.
    Store,
}

impl Deprovisioning {
    /// Takes it off, in one transaction, and says which statements did it.
    ///
    /// # Errors
    /// There is no such scope or no store, a permission is missing, or the server fails; then nothing is changed.
    pub async fn apply(
        &self,
        connections: &dyn ConnectionFactory,
    ) -> Result<Vec<String>, MssqlError> {
        in_transaction(connections, async |connection| {
            let statements = self.plan(connection).await?;
            for statement in &statements {
                let done = connection.batch(statement).await;
                done.map_err(|error| error.during(statement))?;
            }
            Ok(statements)
        })
        .await
    }

    /// The statements that [`apply`](Self::apply) would run, as a script: see [`crate::Provisioning::script`].
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub async fn script(
        &self,
        connections: &dyn ConnectionFactory,
    ) -> Result<Vec<String>, MssqlError> {
        let mut connection = Connection::open(connections).await?;
        Ok(whole_script(self.plan(&mut connection).await?))
    }

    async fn plan(&self, connection: &mut Connection) -> Result<Vec<String>, MssqlError> {
        match self {
            Deprovisioning::Scope(name) => {
                let scope = find_scope(connection, Some(name)).await?;
                let stores = stores(connection, None).await?;
                let mut all = Vec::new();
                for store in stores.iter().filter(|store| store.names == scope.store) {
                    all.extend(store.scopes_to_remove(connection.server())?);
                }
                scope_statements(connection, &scope, &all).await
            }
            Deprovisioning::Store => {
                let stores = stores(connection, None).await?;
                store_statements(connection, &stores).await
            }
        }
    }
}

async fn scope_statements(
    connection: &mut Connection,
    scope: &StoredScope,
    all: &[StoredScope],
) -> Result<Vec<String>, MssqlError> {
    let others: Vec<&StoredScope> = all
        .iter()
        .filter(|other| other.row.scope_local_id != scope.row.scope_local_id)
        .collect();
    let adapters = || others.iter().flat_map(|other| &other.config.adapters);
    let mut drops = Drops::default();
    for adapter in &scope.config.adapters {
        let sharing = || adapters().filter(|other| same(&other.name, &adapter.name));
        let used: Vec<Owned> = sharing().flat_map(procedures).collect();
        let is_used = |own: &Owned| used.iter().any(|other| same(&other.1, &own.1));
        drops.extend(procedures(adapter).into_iter().filter(|own| !is_used(own)));
        if sharing().next().is_none() {
            drops.extend(triggers(adapter));
            drops.tracking(adapter);
        }
    }
    let mut statements = drops.statements(connection).await?;
    let store = &scope.store;
    let id = scope.row.scope_local_id;
    let mut rows = vec![&store.scope_info];
    if scope.has_own_tables {
        rows.extend([&store.waiting, &store.scopes]);
    }
    for table in rows {
        statements.push(format!(
            "DELETE FROM {} WHERE scope_local_id = {id}",
            object(table)
        ));
    }
    let is_used = |config| {
        others
            .iter()
            .any(|other| other.row.config_id == Some(config))
    };
    if let Some(config) = scope.row.config_id.filter(|config| !is_used(*config)) {
        statements.push(format!(
            "DELETE FROM {} WHERE config_id = {}",
            object(&store.scope_config),
            text(&config.to_string())
        ));
    }
    Ok(statements)
}

async fn store_statements(
    connection: &mut Connection,
    stores: &[StoredStore],
) -> Result<Vec<String>, MssqlError> {
    if stores.is_empty() {
        return Err(MssqlError::refused(
            connection.server(),
            "it holds no synchronisation metadata",
            "name a provisioned database",
        ));
    }
    let mut drops = Drops::default();
    for store in stores {
        for scope in store.scopes_to_remove(connection.server())? {
            for adapter in &scope.config.adapters {
                drops.extend(procedures(adapter));
                drops.extend(triggers(adapter));
                drops.tracking(adapter);
            }
        }
        drops.store_tables.extend(store.tables.iter().cloned());
    }
    drops.statements(connection).await
}

/// What is to be dropped: procedures before the type that they use, triggers before the tracking table that they write to.
#[derive(Default)]
struct Drops {
    objects: Vec<Owned>,
    tracking_tables: Vec<ObjectName>,
    base_tables: Vec<ObjectName>,
    store_tables: Vec<ObjectName>,
}

impl Drops {
    fn extend(&mut self, objects: impl IntoIterator<Item = Owned>) {
        self.objects.extend(objects);
    }

    fn tracking(&mut self, adapter: &AdapterConfig) {
        self.tracking_tables.push(adapter.tracking_table.clone());
        self.base_tables.push(adapter.name.clone());
    }

    /// A configuration may have been written by anyone: a table that does not look like a tracking table is not dropped for one.
    async fn statements(self, connection: &mut Connection) -> Result<Vec<String>, MssqlError> {
        let catalog = Catalog::read(connection, Which::Named(&self.tracking_tables)).await?;
        for (at, name) in self.tracking_tables.iter().enumerate() {
            let looks_so = catalog.asked(at).is_none_or(is_tracking_table);
            if !looks_so || self.base_tables.iter().any(|base| same(base, name)) {
                return Err(MssqlError::refused(
                    format!("table {name}"),
                    "the scope's configuration calls it a tracking table, and it is none",
                    "restore the metadata tables",
                ));
            }
        }
        let tables = self.tracking_tables.into_iter().chain(self.store_tables);
        let objects = self
            .objects
            .into_iter()
            .chain(tables.map(|name| ("TABLE", name)));
        let mut seen = BTreeSet::new();
        let statements =
            objects.map(|(kind, name)| format!("DROP {kind} IF EXISTS {}", object(&name)));
        Ok(statements
            .filter(|drop| seen.insert(drop.clone()))
            .collect())
    }
}

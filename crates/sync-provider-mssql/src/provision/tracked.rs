//! What the scopes of a store hold already.

use sync_metadata::{AdapterConfig, ObjectName, TableDescription};

use crate::catalog::Catalog;
use crate::ddl::OWN_COLUMNS;
use crate::error::MssqlError;
use crate::metadata::{StoredScope, StoredStore};
use crate::names::{same, triggers};

/// All stores of a database with their scopes.
#[derive(Debug)]
pub(super) struct Tracked {
    pub(super) stores: Vec<(StoredStore, Vec<StoredScope>)>,
}

impl Tracked {
    pub(super) fn of(stores: Vec<StoredStore>, server: &str) -> Result<Self, MssqlError> {
        let with_scopes = stores.into_iter().map(|store| {
            let scopes = store.scopes(server)?;
            Ok((store, scopes))
        });
        Ok(Tracked {
            stores: with_scopes.collect::<Result<_, _>>()?,
        })
    }

    /// The store with this `scope_info`.
    pub(super) fn store(
        &self,
        scope_info: &ObjectName,
    ) -> Option<&(StoredStore, Vec<StoredScope>)> {
        self.stores
            .iter()
            .find(|(store, _)| same(&store.names.scope_info, scope_info))
    }

    /// How the scopes of the store hold a table.
    pub(super) fn holding(
        &self,
        scope_info: &ObjectName,
        table: &ObjectName,
    ) -> Vec<&AdapterConfig> {
        let scopes = self.store(scope_info).map_or(&[][..], |(_, scopes)| scopes);
        scopes
            .iter()
            .flat_map(|scope| &scope.config.adapters)
            .filter(|adapter| same(&adapter.name, table))
            .collect()
    }

    /// Whether a table belongs to a store.
    pub(super) fn owns_table(&self, name: &ObjectName) -> bool {
        self.stores.iter().any(|(store, scopes)| {
            let mut trackings = scopes.iter().flat_map(|scope| &scope.config.adapters);
            store.tables.iter().any(|table| same(table, name))
                || trackings.any(|adapter| same(&adapter.tracking_table, name))
        })
    }

    /// Whether a trigger belongs to a store.
    pub(super) fn owns_trigger(&self, name: &ObjectName) -> bool {
        let scopes = self.stores.iter().flat_map(|(_, scopes)| scopes);
        let mut adapters = scopes.flat_map(|scope| &scope.config.adapters);
        adapters.any(|adapter| triggers(adapter).iter().any(|(_, own)| same(own, name)))
    }
}

/// Whether a tracking table has our columns after Microsoft's; `None` where there is no such table.
pub(super) fn has_own_columns(catalog: &Catalog, tracking: &ObjectName) -> Option<bool> {
    let info = catalog.named(tracking)?;
    Some(info.has_columns(OWN_COLUMNS.iter().map(|(name, _)| *name)))
}

/// Whether the procedures made for one table description serve another: the same columns with the same types, in the same order.
pub(super) fn fits(adapter: &AdapterConfig, table: &TableDescription) -> bool {
    let columns = adapter.columns.iter().map(|column| {
        let column = column.description();
        (column.name, column.sql_type, column.primary_key)
    });
    let wanted = table.columns.iter().map(|column| {
        (
            column.name.clone(),
            column.sql_type.clone(),
            column.primary_key,
        )
    });
    columns.eq(wanted)
}

//! The configuration of a scope: the XML document in `scope_config.config_data`.
//!
//! The document names, for each table, the objects that were created for it and its columns. What is known of the vocabulary becomes fields;
//! elements and attributes beyond it are kept as they are and written back, so that reading and writing a configuration
//! loses nothing.

mod fragment;
mod read;
mod write;

use std::collections::HashSet;

use crate::{
    ColumnDescription, Identity, KeyEquality, MetadataError, Naming, ObjectName, ObjectNames,
    ScopeDescription, SqlKind, SqlType, TableDescription, TableName, table_name::check_identifier,
};

pub use fragment::XmlFragment;

/// The configuration of a scope.
///
/// ```
/// use sync_metadata::ScopeConfig;
///
/// let config = ScopeConfig::parse(
///     r#"<SqlSyncProviderScopeConfiguration IsTemplate="false">
///          <Adapter Name="[Orders]" GlobalName="[Orders]" TrackingTable="[Orders_tracking]">
///            <Col name="Id" type="int" param="@P_1" pk="true"/>
///          </Adapter>
///        </SqlSyncProviderScopeConfiguration>"#,
/// )?;
/// let scope = config.description("Sales")?;
/// assert_eq!(scope.tables[0].columns[0].name, "Id");
/// assert_eq!(ScopeConfig::parse(&config.to_xml())?, config);
/// # Ok::<(), sync_metadata::MetadataError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeConfig {
    /// The kind of provider that the document is for.
    pub provider: ConfigProvider,
    /// The tables, in the order in which rows are applied.
    pub adapters: Vec<AdapterConfig>,
    /// Attributes of the document's element beyond the known ones.
    pub other_attributes: Vec<(String, String)>,
}

/// The kind of provider that a configuration is for.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum ConfigProvider {
    /// `SqlSyncProviderScopeConfiguration`.
    Sql {
        /// Whether scopes are made from this one; `None` in documents of format 2.0, which knows no templates.
        is_template: Option<bool>,
    },
    /// `SqlCeSyncProviderScopeConfiguration`.
    SqlCe,
}

/// Which objects a newly made configuration names.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum ConfigForm {
    /// SQL Server: triggers, procedures and, if `bulk`, the table type with its procedures.
    SqlServer {
        /// Whether rows are applied through table-valued parameters.
        bulk: bool,
    },
    /// A database without procedures: tracking table and triggers.
    Triggers,
    /// SQL Server Compact: the tracking table alone.
    SqlCe,
}

/// The configuration of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdapterConfig {
    /// The table's name in this database.
    pub name: TableName,
    /// The name that all replicas share, as it is stored.
    pub global_name: String,
    /// The table that holds the versions of the rows.
    pub tracking_table: ObjectName,
    /// Procedures, table type and triggers.
    pub objects: AdapterObjects,
    /// The columns in their order.
    pub columns: Vec<ColumnConfig>,
    /// `FilterParam` elements as they are; their inner layout is not documented.
    pub filter_parameters: Vec<XmlFragment>,
    /// The condition that selects the rows of a filtered scope, in SQL with the aliases `[base]` and `[side]`.
    pub filter_clause: Option<String>,
    /// The columns that the tracking table has copies of.
    pub filter_columns: Vec<String>,
    /// Attributes beyond the known ones.
    pub other_attributes: Vec<(String, String)>,
    /// Elements beyond the known ones.
    pub other_elements: Vec<XmlFragment>,
}

/// The names of a table's procedures, table type and triggers, as far as the configuration gives them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdapterObjects {
    /// `SelChngProc`: enumerates changed rows.
    pub select_changes: Option<ObjectName>,
    /// `SelRowProc`: reads one row with its version.
    pub select_row: Option<ObjectName>,
    /// `InsProc`: inserts one row.
    pub insert: Option<ObjectName>,
    /// `UpdProc`: updates one row.
    pub update: Option<ObjectName>,
    /// `DelProc`: deletes one row.
    pub delete: Option<ObjectName>,
    /// `InsMetaProc`: writes the version of an inserted row.
    pub insert_metadata: Option<ObjectName>,
    /// `UpdMetaProc`: writes the version of an updated row.
    pub update_metadata: Option<ObjectName>,
    /// `DelMetaProc`: removes a row's version.
    pub delete_metadata: Option<ObjectName>,
    /// `BulkTableType`: the table type of the bulk procedures.
    pub bulk_type: Option<ObjectName>,
    /// `BulkInsProc`: inserts many rows.
    pub bulk_insert: Option<ObjectName>,
    /// `BulkUpdProc`: updates many rows.
    pub bulk_update: Option<ObjectName>,
    /// `BulkDelProc`: deletes many rows.
    pub bulk_delete: Option<ObjectName>,
    /// `InsTrig`: fires on INSERT.
    pub insert_trigger: Option<ObjectName>,
    /// `UpdTrig`: fires on UPDATE.
    pub update_trigger: Option<ObjectName>,
    /// `DelTrig`: fires on DELETE.
    pub delete_trigger: Option<ObjectName>,
}

/// The configuration of one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnConfig {
    /// The unquoted name.
    pub name: String,
    /// The type with size, precision and scale as they are stored.
    pub sql_type: SqlType,
    /// Whether the column may hold NULL.
    pub nullable: bool,
    /// The default expression: SQL that someone else wrote, to be run only where that someone is trusted.
    pub default: Option<String>,
    /// The first value of an identity column.
    pub identity_seed: Option<i64>,
    /// The step of an identity column.
    pub identity_step: Option<i64>,
    /// The name that the column's value has as a parameter of the procedures: `@P_1` for the first column.
    pub parameter: Option<String>,
    /// Whether the column belongs to the primary key.
    pub primary_key: bool,
    /// Attributes beyond the known ones.
    pub other_attributes: Vec<(String, String)>,
}

impl ScopeConfig {
    /// Reads a configuration document.
    ///
    /// Document types and entities are refused, and nothing is allocated that the document's own length does not pay for.
    ///
    /// # Errors
    /// [`MetadataError::ConfigXml`] with the place, when the document is not well-formed, larger than 32 MiB, nested deeper
    /// than 32 elements, of another kind, names a table or column twice, or holds a name, type or number that is none.
    pub fn parse(xml: &str) -> Result<Self, MetadataError> {
        read::read(xml)
    }

    /// Writes the document in the form in which Sync Framework stores it: on one line, attributes in its order.
    #[must_use]
    pub fn to_xml(&self) -> String {
        write::write(self)
    }

    /// The configuration of a newly provisioned scope.
    ///
    /// # Errors
    /// [`MetadataError::Name`] for an object whose name would be longer than SQL Server's 128 characters, because its table's nearly is: the
    /// document could not be read again.
    pub fn from_description(
        scope: &ScopeDescription,
        naming: &Naming,
        form: ConfigForm,
    ) -> Result<Self, MetadataError> {
        let provider = match form {
            ConfigForm::SqlServer { .. } | ConfigForm::Triggers => ConfigProvider::Sql {
                is_template: Some(false),
            },
            ConfigForm::SqlCe => ConfigProvider::SqlCe,
        };
        let adapters = scope
            .tables
            .iter()
            .map(|table| AdapterConfig::from_description(table, naming, form))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            provider,
            adapters,
            other_attributes: Vec::new(),
        })
    }

    /// The description of the scope, under the given name, that this configuration belongs to. Its comment is not part of the document.
    ///
    /// # Errors
    /// When the tables do not make a scope: see [`ScopeDescription::new`] and [`TableDescription::new`].
    pub fn description(&self, name: &str) -> Result<ScopeDescription, MetadataError> {
        let tables = self
            .adapters
            .iter()
            .map(AdapterConfig::description)
            .collect::<Result<_, _>>()?;
        ScopeDescription::new(name, tables)
    }

    /// Refuses a document that names a table twice.
    fn check_distinct(&self) -> Result<(), String> {
        let (mut local, mut global) = (HashSet::new(), HashSet::new());
        for adapter in &self.adapters {
            if !local.insert(adapter.name.folded()) {
                return Err(format!("the table {} occurs twice", adapter.name));
            }
            if !global.insert(adapter.global_name.to_lowercase()) {
                return Err(format!(
                    "the global name {:?} occurs twice",
                    adapter.global_name
                ));
            }
        }
        Ok(())
    }
}

impl AdapterConfig {
    /// The configuration of a newly provisioned table.
    ///
    /// # Errors
    /// See [`ScopeConfig::from_description`].
    pub fn from_description(
        table: &TableDescription,
        naming: &Naming,
        form: ConfigForm,
    ) -> Result<Self, MetadataError> {
        let names = ObjectNames::for_table(&table.local_name, naming);
        let tracking_table = names.tracking_table.clone();
        let mut objects = AdapterObjects::new(names, form);
        let named = objects.entries().into_iter();
        let named = named.filter_map(|(_, name)| name.as_ref().map(|name| &name.name));
        for name in named.chain([&tracking_table.name]) {
            check_identifier(name)?;
        }
        Ok(Self {
            name: table.local_name.clone(),
            global_name: table.global_name.clone(),
            tracking_table,
            objects,
            columns: (1..)
                .zip(&table.columns)
                .map(|(n, column)| ColumnConfig::from_description(column, n))
                .collect(),
            filter_parameters: Vec::new(),
            filter_clause: None,
            filter_columns: Vec::new(),
            other_attributes: Vec::new(),
            other_elements: Vec::new(),
        })
    }

    /// The table that this configuration describes.
    ///
    /// # Errors
    /// See [`TableDescription::new`].
    pub fn description(&self) -> Result<TableDescription, MetadataError> {
        let columns = self.columns.iter().map(ColumnConfig::description).collect();
        TableDescription::new(self.name.clone(), self.global_name.clone(), columns)
    }
}

impl AdapterObjects {
    /// The objects that a newly provisioned table has in a database of this form.
    #[must_use]
    pub fn new(names: ObjectNames, form: ConfigForm) -> Self {
        let mut objects = Self::default();
        if form == ConfigForm::SqlCe {
            return objects;
        }
        objects.insert_trigger = Some(names.insert_trigger);
        objects.update_trigger = Some(names.update_trigger);
        objects.delete_trigger = Some(names.delete_trigger);
        let ConfigForm::SqlServer { bulk } = form else {
            return objects;
        };
        objects.select_changes = Some(names.select_changes);
        objects.select_row = Some(names.select_row);
        objects.insert = Some(names.insert);
        objects.update = Some(names.update);
        objects.delete = Some(names.delete);
        objects.insert_metadata = Some(names.insert_metadata);
        objects.update_metadata = Some(names.update_metadata);
        objects.delete_metadata = Some(names.delete_metadata);
        if bulk {
            objects.bulk_type = Some(names.bulk_type);
            objects.bulk_insert = Some(names.bulk_insert);
            objects.bulk_update = Some(names.bulk_update);
            objects.bulk_delete = Some(names.bulk_delete);
        }
        objects
    }

    /// The attributes' names with the fields they fill, in the order of the document.
    fn entries(&mut self) -> [(&'static str, &mut Option<ObjectName>); 15] {
        [
            ("SelChngProc", &mut self.select_changes),
            ("SelRowProc", &mut self.select_row),
            ("InsProc", &mut self.insert),
            ("UpdProc", &mut self.update),
            ("DelProc", &mut self.delete),
            ("InsMetaProc", &mut self.insert_metadata),
            ("UpdMetaProc", &mut self.update_metadata),
            ("DelMetaProc", &mut self.delete_metadata),
            ("BulkTableType", &mut self.bulk_type),
            ("BulkInsProc", &mut self.bulk_insert),
            ("BulkUpdProc", &mut self.bulk_update),
            ("BulkDelProc", &mut self.bulk_delete),
            ("InsTrig", &mut self.insert_trigger),
            ("UpdTrig", &mut self.update_trigger),
            ("DelTrig", &mut self.delete_trigger),
        ]
    }
}

impl ColumnConfig {
    /// The configuration of the `n`-th column, counted from 1.
    fn from_description(column: &ColumnDescription, n: usize) -> Self {
        Self {
            name: column.name.clone(),
            sql_type: column.sql_type.clone(),
            nullable: column.nullable && !column.primary_key,
            default: column.default.clone(),
            identity_seed: column.identity.map(|identity| identity.seed),
            identity_step: column.identity.map(|identity| identity.step),
            parameter: Some(format!("@P_{n}")),
            primary_key: column.primary_key,
            other_attributes: Vec::new(),
        }
    }

    /// The column that this configuration describes.
    #[must_use]
    pub fn description(&self) -> ColumnDescription {
        let identity =
            (self.identity_seed.is_some() || self.identity_step.is_some()).then(|| Identity {
                seed: self.identity_seed.unwrap_or(1),
                step: self.identity_step.unwrap_or(1),
            });
        let sql_type = match self.sql_type.kind {
            // Their precision is fixed, whether the document states it or not.
            SqlKind::Money | SqlKind::SmallMoney => SqlType::new(self.sql_type.kind.clone()),
            _ => self.sql_type.clone(),
        };
        ColumnDescription {
            name: self.name.clone(),
            sql_type,
            nullable: self.nullable,
            primary_key: self.primary_key,
            default: self.default.clone(),
            identity,
            key_equality: KeyEquality::default(),
        }
    }
}

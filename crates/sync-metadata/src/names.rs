//! The names of the objects that Sync Framework 2.1 creates beside a table and for a store.

use serde::{Deserialize, Serialize};

use crate::table_name::check_identifier;
use crate::{MetadataError, TableName};

/// The name of a trigger, procedure or type; made like a table's.
pub type ObjectName = TableName;

/// What a store was provisioned with: Sync Framework's `ObjectPrefix` and `ObjectSchema`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Naming {
    /// Put before every name, followed by `_`.
    pub prefix: Option<String>,
    /// The schema that holds the objects. Where none is given, a table's objects are in the table's schema and the
    /// scope tables in the default one.
    pub schema: Option<String>,
}

impl Naming {
    /// A prefix and a schema, each of them optional.
    ///
    /// # Errors
    /// When one of them cannot be an identifier.
    pub fn new(prefix: Option<&str>, schema: Option<&str>) -> Result<Self, MetadataError> {
        for identifier in [prefix, schema].into_iter().flatten() {
            check_identifier(identifier)?;
        }
        Ok(Self {
            prefix: prefix.map(str::to_owned),
            schema: schema.map(str::to_owned),
        })
    }

    fn prefixed(&self, name: &str) -> String {
        match &self.prefix {
            Some(prefix) => format!("{prefix}_{name}"),
            None => name.to_owned(),
        }
    }
}

/// The objects that belong to one synchronised table.
///
/// A name can come out longer than the 128 characters that SQL Server allows; the database then refuses to create it.
///
/// ```
/// use sync_metadata::{Naming, ObjectNames, TableName};
///
/// let names = ObjectNames::for_table(&TableName::parse("Sales.Order Lines")?, &Naming::default());
/// assert_eq!(names.tracking_table.quoted(), "[Sales].[Order Lines_tracking]");
/// assert_eq!(names.bulk_type.quoted(), "[Sales].[Order_Lines_BulkType]");
/// # Ok::<(), sync_metadata::MetadataError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ObjectNames {
    /// The table that holds the versions of the rows.
    pub tracking_table: ObjectName,
    /// Fires on INSERT.
    pub insert_trigger: ObjectName,
    /// Fires on UPDATE.
    pub update_trigger: ObjectName,
    /// Fires on DELETE.
    pub delete_trigger: ObjectName,
    /// Enumerates changed rows.
    pub select_changes: ObjectName,
    /// Reads one row with its version.
    pub select_row: ObjectName,
    /// Inserts one row.
    pub insert: ObjectName,
    /// Updates one row.
    pub update: ObjectName,
    /// Deletes one row.
    pub delete: ObjectName,
    /// Writes the version of an inserted or never seen row.
    pub insert_metadata: ObjectName,
    /// Writes the version of an updated row.
    pub update_metadata: ObjectName,
    /// Removes a row's version.
    pub delete_metadata: ObjectName,
    /// The table type of the three procedures below.
    pub bulk_type: ObjectName,
    /// Inserts many rows.
    pub bulk_insert: ObjectName,
    /// Updates many rows.
    pub bulk_update: ObjectName,
    /// Deletes many rows.
    pub bulk_delete: ObjectName,
}

impl ObjectNames {
    /// The names of the objects for `table`.
    ///
    /// A table whose name begins with `sys` gets the prefix `sync` where the store has none, since SQL Server keeps names of that kind
    /// for itself. In the name of the table type everything but letters, digits and `_` becomes `_`: dots and blanks do with Sync Framework, and
    /// clients that put a type's name into a request unquoted stumble over the rest. Triggers stay in their table's schema, where
    /// SQL Server wants them.
    #[must_use]
    pub fn for_table(table: &TableName, naming: &Naming) -> Self {
        let reserved = naming.prefix.is_none() && is_reserved(&table.name);
        let base = if reserved {
            format!("sync_{}", table.name)
        } else {
            naming.prefixed(&table.name)
        };
        let schema = naming.schema.clone().or_else(|| table.schema.clone());
        let object = |suffix: &str| ObjectName {
            schema: schema.clone(),
            name: format!("{base}_{suffix}"),
        };
        let trigger = |suffix: &str| table.sibling(format!("{base}_{suffix}"));
        Self {
            tracking_table: object("tracking"),
            insert_trigger: trigger("insert_trigger"),
            update_trigger: trigger("update_trigger"),
            delete_trigger: trigger("delete_trigger"),
            select_changes: object("selectchanges"),
            select_row: object("selectrow"),
            insert: object("insert"),
            update: object("update"),
            delete: object("delete"),
            insert_metadata: object("insertmetadata"),
            update_metadata: object("updatemetadata"),
            delete_metadata: object("deletemetadata"),
            bulk_type: ObjectName {
                name: plain(&object("BulkType").name),
                schema: schema.clone(),
            },
            bulk_insert: object("bulkinsert"),
            bulk_update: object("bulkupdate"),
            bulk_delete: object("bulkdelete"),
        }
    }
}

fn plain(name: &str) -> String {
    name.replace(|c: char| !c.is_alphanumeric() && c != '_', "_")
}

fn is_reserved(name: &str) -> bool {
    name.get(..3)
        .is_some_and(|start| start.eq_ignore_ascii_case("sys"))
}

/// The tables that hold the scopes of a store.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StoreNames {
    /// One row for each scope: its replica id and knowledge.
    pub scope_info: ObjectName,
    /// One row for each configuration.
    pub scope_config: ObjectName,
    /// One row: the version of the metadata. Absent in format 2.0.
    pub schema_info: ObjectName,
    /// One row for each template.
    pub scope_templates: ObjectName,
    /// One row for each filter parameter of a scope made from a template.
    pub scope_parameters: ObjectName,
}

impl StoreNames {
    /// The tables' names under a prefix and schema.
    #[must_use]
    pub fn new(naming: &Naming) -> Self {
        let table = |name: &str| ObjectName {
            schema: naming.schema.clone(),
            name: naming.prefixed(name),
        };
        Self {
            scope_info: table("scope_info"),
            scope_config: table("scope_config"),
            schema_info: table("schema_info"),
            scope_templates: table("scope_templates"),
            scope_parameters: table("scope_parameters"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        table: &str,
        prefix: Option<&str>,
        schema: Option<&str>,
        tracking: &str,
        trigger: &str,
        bulk_type: &str,
    ) {
        let naming = Naming::new(prefix, schema).unwrap();
        let names = ObjectNames::for_table(&TableName::parse(table).unwrap(), &naming);
        assert_eq!(names.tracking_table.quoted(), tracking);
        assert_eq!(names.insert_trigger.quoted(), trigger);
        assert_eq!(names.bulk_type.quoted(), bulk_type);
    }

    #[test]
    fn objects_of_a_table() {
        check(
            "CUSTOMER",
            None,
            None,
            "[CUSTOMER_tracking]",
            "[CUSTOMER_insert_trigger]",
            "[CUSTOMER_BulkType]",
        );
        check(
            "Sales.C",
            None,
            None,
            "[Sales].[C_tracking]",
            "[Sales].[C_insert_trigger]",
            "[Sales].[C_BulkType]",
        );
        check(
            "Sales.C",
            Some("p"),
            Some("S"),
            "[S].[p_C_tracking]",
            "[Sales].[p_C_insert_trigger]",
            "[S].[p_C_BulkType]",
        );
        check(
            "SysLog",
            None,
            None,
            "[sync_SysLog_tracking]",
            "[sync_SysLog_insert_trigger]",
            "[sync_SysLog_BulkType]",
        );
        check(
            "syslog",
            Some("p"),
            None,
            "[p_syslog_tracking]",
            "[p_syslog_insert_trigger]",
            "[p_syslog_BulkType]",
        );
        check(
            "[a.b c]",
            None,
            None,
            "[a.b c_tracking]",
            "[a.b c_insert_trigger]",
            "[a_b_c_BulkType]",
        );
        check(
            "[a]]b]",
            None,
            None,
            "[a]]b_tracking]",
            "[a]]b_insert_trigger]",
            "[a_b_BulkType]",
        );
        check(
            "日本",
            None,
            None,
            "[日本_tracking]",
            "[日本_insert_trigger]",
            "[日本_BulkType]",
        );
    }

    #[test]
    fn every_object_of_a_table_has_a_name_of_its_own() {
        let names =
            ObjectNames::for_table(&TableName::parse("CUSTOMER").unwrap(), &Naming::default());
        let expected = [
            (&names.update_trigger, "[CUSTOMER_update_trigger]"),
            (&names.delete_trigger, "[CUSTOMER_delete_trigger]"),
            (&names.select_changes, "[CUSTOMER_selectchanges]"),
            (&names.select_row, "[CUSTOMER_selectrow]"),
            (&names.insert, "[CUSTOMER_insert]"),
            (&names.update, "[CUSTOMER_update]"),
            (&names.delete, "[CUSTOMER_delete]"),
            (&names.insert_metadata, "[CUSTOMER_insertmetadata]"),
            (&names.update_metadata, "[CUSTOMER_updatemetadata]"),
            (&names.delete_metadata, "[CUSTOMER_deletemetadata]"),
            (&names.bulk_insert, "[CUSTOMER_bulkinsert]"),
            (&names.bulk_update, "[CUSTOMER_bulkupdate]"),
            (&names.bulk_delete, "[CUSTOMER_bulkdelete]"),
        ];
        for (name, quoted) in expected {
            assert_eq!(name.quoted(), quoted);
        }
    }

    #[test]
    fn tables_of_a_store() {
        let plain = StoreNames::new(&Naming::default());
        let names = [
            &plain.scope_info,
            &plain.scope_config,
            &plain.schema_info,
            &plain.scope_templates,
            &plain.scope_parameters,
        ];
        let expected = [
            "scope_info",
            "scope_config",
            "schema_info",
            "scope_templates",
            "scope_parameters",
        ];
        assert_eq!(names.map(|name| name.name.as_str()), expected);
        let named = StoreNames::new(&Naming::new(Some("p"), Some("sync")).unwrap());
        assert_eq!(named.scope_info.quoted(), "[sync].[p_scope_info]");
    }

    #[test]
    fn a_prefix_that_is_no_identifier_is_refused() {
        assert!(Naming::new(Some(""), None).is_err());
        assert!(Naming::new(None, Some("a\0b")).is_err());
    }
}

//! Whether the names that provisioning needs are free.

use std::collections::BTreeSet;

use sync_metadata::{ObjectName, quote};

use crate::answer::Answer;
use crate::connection::Connection;
use crate::error::MssqlError;
use crate::sql::{DEFAULT_SCHEMA, object, text};

/// A name that must be free.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NewName {
    pub(super) name: ObjectName,
    /// What needs it.
    pub(super) what: String,
}

/// The new names must be free, the schemas that are not created must exist.
pub(super) async fn check(
    connection: &mut Connection,
    schema: Option<&str>,
    names: &[NewName],
) -> Result<(), MssqlError> {
    let mut seen = BTreeSet::new();
    for NewName { name, what } in names {
        if name.name.encode_utf16().count() > MAX_NAME {
            return Err(MssqlError::refused(
                format!("object {name}"),
                format!("{what} needs this name, and it has more than {MAX_NAME} characters"),
                "give the table a shorter name, or leave out the object prefix",
            ));
        }
        if !seen.insert(object(name).to_lowercase()) {
            return Err(MssqlError::refused(
                format!("object {name}"),
                "two tables of the scope need this name",
                "rename one of the tables",
            ));
        }
    }
    let schema = schema.unwrap_or(DEFAULT_SCHEMA);
    let mut asked = vec![format!(
        "SELECT 'schema' AS kind, 0 AS nr WHERE SCHEMA_ID({}) IS NULL",
        text(schema)
    )];
    asked.extend(names.iter().enumerate().map(|(nr, new)| {
        let name = text(&object(&new.name));
        format!("SELECT 'taken' AS kind, {nr} AS nr WHERE OBJECT_ID({name}) IS NOT NULL OR TYPE_ID({name}) IS NOT NULL")
    }));
    let answer = Answer::to(connection, &asked.join(";\n")).await?;
    if answer.of_kind("schema").next().is_some() {
        return Err(MssqlError::refused(
            format!("schema {schema}"),
            format!("{} does not have it", connection.server()),
            format!("create it first: CREATE SCHEMA {}", quote(schema)),
        ));
    }
    for record in answer.of_kind("taken") {
        let nr = record.int("nr")?.and_then(|nr| usize::try_from(nr).ok());
        if let Some(NewName { name, what }) = nr.and_then(|nr| names.get(nr)) {
            return Err(MssqlError::refused(
                format!("object {name}"),
                format!("{what} needs this name, and it is taken"),
                "rename it, or choose an --object-prefix",
            ));
        }
    }
    Ok(())
}

/// The longest name of SQL Server, in characters.
const MAX_NAME: usize = 128;

//! The procedures that write one row.

use sync_metadata::quote;

use super::{Adapter, Parameter, parameter, procedure, row_count};
use crate::sql::join;

impl Adapter<'_> {
    /// Inserts a row whose key was never seen: a tombstone counts as seen.
    pub(super) fn insert(&self) -> String {
        let mut parameters: Vec<Parameter> = Self::parameters(self.numbered());
        parameters.push(row_count());
        let columns = join(self.columns(), ", ", |column| quote(&column.name));
        let values = join(self.numbered(), ", ", |(n, _)| format!("@P_{n}"));
        let insert = format!(
            "INSERT INTO {} ({columns}) VALUES ({values}); SET @sync_row_count = @@ROWCOUNT",
            self.base()
        );
        let body = format!(
            "SET @sync_row_count = 0;\nIF NOT EXISTS (SELECT 1 FROM {} side WHERE {})\nBEGIN\n{};\nEND;",
            self.side(),
            self.key_is_given("side"),
            self.with_identity(&insert)
        );
        procedure(&self.names.insert, &parameters, &body)
    }

    /// Updates a row that was not changed since the caller's timestamp. A table of key columns only has nothing to set: there the rows that
    /// would be written are counted.
    pub(super) fn update(&self) -> String {
        let mut parameters: Vec<Parameter> = Self::parameters(self.numbered());
        parameters.extend(guard_parameters());
        let found = self.guarded();
        let settable = self
            .numbered()
            .filter(|(_, column)| !column.primary_key && column.identity.is_none());
        let body = if settable.clone().next().is_none() {
            format!("SET @sync_row_count = (SELECT COUNT(*) {found})")
        } else {
            let set = join(settable, ", ", |(n, column)| {
                format!("{} = @P_{n}", quote(&column.name))
            });
            format!("UPDATE base SET {set} {found};\nSET @sync_row_count = @@ROWCOUNT")
        };
        procedure(&self.names.update, &parameters, &body)
    }

    pub(super) fn delete(&self) -> String {
        let mut parameters: Vec<Parameter> = Self::parameters(self.numbered_keys());
        parameters.extend(guard_parameters());
        let body = format!(
            "DELETE base {};\nSET @sync_row_count = @@ROWCOUNT",
            self.guarded()
        );
        procedure(&self.names.delete, &parameters, &body)
    }

    fn guarded(&self) -> String {
        format!(
            "FROM {} base JOIN {} side ON {} WHERE {} AND \
             (side.local_update_peer_timestamp <= CONVERT(binary(8), @sync_min_timestamp) OR @sync_force_write = 1)",
            self.base(),
            self.side(),
            self.same_key("base", "side"),
            self.key_is_given("base")
        )
    }
}

fn guard_parameters() -> [Parameter; 3] {
    [
        parameter("@sync_force_write", "int"),
        parameter("@sync_min_timestamp", "bigint"),
        row_count(),
    ]
}

//! Tracking rows for rows that exist already.

use sync_metadata::quote;

use super::Adapter;
use crate::sql::join;

impl Adapter<'_> {
    /// All rows get one creation tick, that of the moment; their update ticks are their own rowversions.
    pub(crate) fn populate(&self) -> String {
        let keys = join(self.keys(), ", ", |key| quote(&key.name));
        format!(
            "DECLARE @tick bigint = CONVERT(bigint, @@DBTS) + 1; \
             INSERT INTO {side} ({keys}, local_update_peer_key, local_create_peer_key, local_create_peer_timestamp, sync_row_is_tombstone) \
             SELECT {base_keys}, 0, 0, @tick, 0 FROM {base} base LEFT JOIN {side} side ON {same} WHERE side.{first} IS NULL",
            side = self.side(),
            base = self.base(),
            base_keys = self.key_list("base"),
            same = self.same_key("base", "side"),
            first = self
                .keys()
                .next()
                .map_or_else(String::new, |key| quote(&key.name)),
        )
    }
}

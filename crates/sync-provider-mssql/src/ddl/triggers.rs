//! The triggers that track an application's writes.
//!
//! They act as Sync Framework's do, and go beyond them: a change of the primary key is a deletion and an insertion, an update that
//! changes nothing makes no version, and a deletion leaves a tombstone even where the row was never tracked (a bulk load fires no trigger).
//!
//! They leave the rows alone that a session of their store writes itself: such a session says so in its session context. What a trigger of
//! the user's writes meanwhile runs one level deeper and is tracked, what a cascade does to rows of another table is tracked because the session
//! says which table it writes, and another store over the same table tracks all of it.

use sync_metadata::{ColumnDescription, SqlKind, TypeFamily, quote};

use super::Adapter;
use crate::sql::{join, object, text};

/// The key under which a session of ours says for which store it applies rows ([`crate::names::Store::session_mark`]).
pub(crate) const APPLYING: &str = "sync_applying";

/// The key under which it says to which table, by the name of the tracking table. Another table's rows are not its own: a cascade changes them.
pub(crate) const APPLYING_TO: &str = "sync_applying_to";

/// What a local change does to a tracking row. The rowversion advances by itself.
const LOCAL_CHANGE: &str = "local_update_peer_key = 0, restore_timestamp = NULL, update_scope_local_id = NULL, \
     last_change_datetime = GETDATE(), sync_write_time = DATEDIFF_BIG(microsecond, '1970-01-01', SYSUTCDATETIME()), sync_writer = NULL";

impl Adapter<'_> {
    /// The insert, update and delete trigger.
    pub(crate) fn triggers(&self) -> [String; 3] {
        let arrived = format!(
            "{}\n{}",
            self.mark_local("inserted", 0, ""),
            self.track_new("inserted", 0, "")
        );
        let deleted = format!(
            "{}\n{}",
            self.mark_local("deleted", 1, ""),
            self.track_new("deleted", 1, "")
        );
        [
            self.trigger(&self.names.insert_trigger, "INSERT", &arrived),
            self.trigger(&self.names.update_trigger, "UPDATE", &self.updated()),
            self.trigger(&self.names.delete_trigger, "DELETE", &deleted),
        ]
    }

    fn trigger(&self, name: &sync_metadata::ObjectName, event: &str, body: &str) -> String {
        format!(
            "CREATE TRIGGER {} ON {} FOR {event} AS\nBEGIN\nSET NOCOUNT ON;\n\
             IF TRIGGER_NESTLEVEL() = 1 AND CONVERT(nvarchar(600), SESSION_CONTEXT(N'{APPLYING}')) = {} \
             AND COALESCE(CONVERT(nvarchar(600), SESSION_CONTEXT(N'{APPLYING_TO}')), {own}) = {own} RETURN;\n{body}\nEND",
            object(name),
            self.base(),
            text(self.session_mark),
            own = text(&self.side()),
        )
    }

    /// Rows under a key that stays count as updated where a synchronised column is another one now. Keys that came or went are
    /// insertions and deletions.
    fn updated(&self) -> String {
        let key_touched = join(self.keys(), " OR ", |key| {
            format!("UPDATE({})", quote(&key.name))
        });
        format!(
            "UPDATE side SET {LOCAL_CHANGE} FROM {side} side JOIN inserted ON {came} JOIN deleted ON {went} WHERE {changed};\n\
             IF {key_touched}\nBEGIN\n{buried}\n{arrived}\n{new}\nEND;",
            side = self.side(),
            came = self.same_key("side", "inserted"),
            went = self.same_key("side", "deleted"),
            changed = self.content_changed(),
            buried = self.mark_local("deleted", 1, &self.without("deleted", "inserted")),
            arrived = self.mark_local("inserted", 0, &self.without("inserted", "deleted")),
            new = self.track_new("inserted", 0, &self.without("inserted", "deleted")),
        )
    }

    fn without(&self, rows: &str, others: &str) -> String {
        format!(
            "NOT EXISTS (SELECT 1 FROM {others} WHERE {})",
            self.same_key(others, rows)
        )
    }

    /// Marks the tracking rows of `rows` as changed here. A row that returns keeps its creation version.
    fn mark_local(&self, rows: &str, tombstone: u8, condition: &str) -> String {
        let condition = if condition.is_empty() {
            String::new()
        } else {
            format!(" WHERE {condition}")
        };
        format!(
            "UPDATE side SET {LOCAL_CHANGE}, sync_row_is_tombstone = {tombstone} FROM {} side JOIN {rows} ON {}{condition};",
            self.side(),
            self.same_key("side", rows)
        )
    }

    fn track_new(&self, rows: &str, tombstone: u8, condition: &str) -> String {
        let condition = if condition.is_empty() {
            String::new()
        } else {
            format!(" AND {condition}")
        };
        format!(
            "INSERT INTO {side} ({keys}, local_update_peer_key, local_create_peer_key, local_create_peer_timestamp, sync_row_is_tombstone, \
             last_change_datetime, sync_write_time) SELECT {row_keys}, 0, 0, CONVERT(bigint, @@DBTS) + 1, {tombstone}, GETDATE(), \
             DATEDIFF_BIG(microsecond, '1970-01-01', SYSUTCDATETIME()) FROM {rows} \
             WHERE NOT EXISTS (SELECT 1 FROM {side} side WHERE {same}){condition};",
            side = self.side(),
            keys = join(self.keys(), ", ", |key| quote(&key.name)),
            row_keys = self.key_list(rows),
            same = self.same_key("side", rows),
        )
    }

    /// Whether a synchronised column of `inserted` differs from `deleted`. Text is compared by its characters and length, since the column's
    /// collation may take different texts for equal; old large types cannot be read in a trigger, so naming one counts as changing it.
    fn content_changed(&self) -> String {
        let (readable, blind): (Vec<_>, Vec<_>) = self.columns().partition(|c| is_readable(c));
        let side = |alias: &str| {
            join(&readable, ", ", |column| {
                comparable(column, &format!("{alias}.{}", quote(&column.name)))
            })
        };
        let mut conditions = vec![format!(
            "EXISTS (SELECT {} EXCEPT SELECT {})",
            side("inserted"),
            side("deleted")
        )];
        conditions.extend(
            blind
                .iter()
                .map(|column| format!("UPDATE({})", quote(&column.name))),
        );
        format!("({})", conditions.join(" OR "))
    }
}

fn is_readable(column: &ColumnDescription) -> bool {
    !matches!(
        column.sql_type.kind,
        SqlKind::Text | SqlKind::NText | SqlKind::Image
    )
}

/// An expression that is the same for identical values only.
fn comparable(column: &ColumnDescription, value: &str) -> String {
    match (&column.sql_type.kind, column.sql_type.family()) {
        (SqlKind::Xml, _) => format!("CONVERT(nvarchar(max), {value}) COLLATE Latin1_General_BIN2"),
        // In another code page than the column's own, different characters can become the same question mark.
        (SqlKind::Char | SqlKind::VarChar, _) => format!(
            "CONVERT(nvarchar(max), {value}) COLLATE Latin1_General_BIN2, DATALENGTH({value})"
        ),
        (_, TypeFamily::Text) => {
            format!("{value} COLLATE Latin1_General_BIN2, DATALENGTH({value})")
        }
        // Two clocks that show the same moment are two values.
        (SqlKind::DateTimeOffset, _) => format!("{value}, DATEPART(TZoffset, {value})"),
        // Binary values of different length can compare equal, too: the shorter one is padded with zeros.
        (_, TypeFamily::Binary) => format!("{value}, DATALENGTH({value})"),
        _ => value.to_owned(),
    }
}

//! The triggers that track an application's writes.
//!
//! A write stamps the row's tracking row with the tick of now, or with one more than the tick it had, whichever is greater; the counter itself
//! is only read. It moves when a session takes its mark (see `mark.rs`), so that tracking costs an application no write beyond the
//! tracking row. The triggers run in the application's SQLite, which may be old: they use nothing newer than 3.24.
//!
//! They do not act on rows that a session applies. Where no table of the scope has triggers but these, the session's connection fires none.
//! Otherwise `applying` in the counter's row names the table it is writing to, and where the user has triggers of his own on the table,
//! `applying_key` names the very row, so that what his triggers write elsewhere is tracked.

use crate::catalog::{TableInfo, UniqueIndex};
use crate::ident::{ident, join, list, pairs, text};
use crate::names::{Store, TableObjects};

/// Microseconds UTC since 1970; `julianday` is understood by every SQLite and formats nothing.
const NOW: &str = "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)";

/// All triggers of a table. `columns` are the synchronised ones: an update that changes none of them makes no version.
pub(crate) fn triggers(
    store: &Store,
    table: &TableInfo,
    objects: &TableObjects,
    columns: &[String],
) -> Vec<String> {
    let sql = Sql {
        store,
        table,
        objects,
        keys: table.key_names(),
    };
    let mut all = vec![
        sql.insert(),
        sql.update(columns),
        sql.delete(),
        sql.key_update(),
    ];
    if !table.unique.is_empty() {
        all.push(sql.before("INSERT", &objects.before_insert_trigger));
        all.push(sql.before("UPDATE", &objects.before_update_trigger));
    }
    all
}

struct Sql<'a> {
    store: &'a Store,
    table: &'a TableInfo,
    objects: &'a TableObjects,
    keys: Vec<String>,
}

impl Sql<'_> {
    fn insert(&self) -> String {
        format!(
            "CREATE TRIGGER {} AFTER INSERT ON {} BEGIN {}; {}END",
            ident(&self.objects.insert_trigger),
            ident(&self.table.name),
            self.upsert(),
            self.bury_replaced()
        )
    }

    fn update(&self, columns: &[String]) -> String {
        let same_key = join(&self.keys, " AND ", |name| {
            format!("OLD.{0} COLLATE BINARY IS NEW.{0}", ident(name))
        });
        let others: Vec<&String> = columns
            .iter()
            .filter(|name| !self.keys.contains(name))
            .collect();
        // Without columns beside the key there is nothing that an update could change.
        let changed = if others.is_empty() {
            "0".to_owned()
        } else {
            join(others, " OR ", |name| {
                format!("OLD.{0} COLLATE BINARY IS NOT NEW.{0}", ident(name))
            })
        };
        format!(
            "CREATE TRIGGER {} AFTER UPDATE ON {} WHEN ({changed}) AND {same_key} AND {} BEGIN UPDATE {} SET {} WHERE {}; {}END",
            ident(&self.objects.update_trigger),
            ident(&self.table.name),
            self.not_applying("NEW"),
            ident(&self.objects.tracking),
            self.local_change(None),
            self.key_is("NEW"),
            self.bury_replaced()
        )
    }

    fn delete(&self) -> String {
        format!(
            "CREATE TRIGGER {} AFTER DELETE ON {} WHEN {} BEGIN UPDATE {} SET {} WHERE {}; END",
            ident(&self.objects.delete_trigger),
            ident(&self.table.name),
            self.not_applying("OLD"),
            ident(&self.objects.tracking),
            self.local_change(Some(true)),
            self.key_is("OLD")
        )
    }

    /// A change of the primary key is a delete and an insert. The trigger names no columns to look at: `SET rowid = …` changes an INTEGER
    /// PRIMARY KEY without naming it.
    fn key_update(&self) -> String {
        let changed = join(&self.keys, " OR ", |name| {
            format!("OLD.{0} COLLATE BINARY IS NOT NEW.{0}", ident(name))
        });
        let gone = format!(
            "NOT EXISTS (SELECT 1 FROM {} b WHERE {})",
            ident(&self.table.name),
            join(&self.keys, " AND ", |name| format!(
                "b.{0} = OLD.{0}",
                ident(name)
            ))
        );
        format!(
            "CREATE TRIGGER {} AFTER UPDATE ON {} WHEN ({changed}) AND {} BEGIN UPDATE {} SET {} WHERE {} AND {gone}; {}; {}END",
            ident(&self.objects.key_trigger),
            ident(&self.table.name),
            self.not_applying("NEW"),
            ident(&self.objects.tracking),
            self.local_change(Some(true)),
            self.key_is("OLD"),
            self.upsert(),
            self.bury_replaced()
        )
    }

    /// Notes the rows that an OR REPLACE would delete without firing their delete trigger: those that collide on a unique index. Whether they
    /// are gone is seen after the statement.
    fn before(&self, event: &str, name: &str) -> String {
        let except = if event == "INSERT" { "NEW" } else { "OLD" };
        let other = join(&self.keys, " OR ", |name| {
            format!("b.{0} IS NOT {except}.{0}", ident(name))
        });
        let noted = format!(
            "NOT EXISTS (SELECT 1 FROM {} r WHERE {})",
            ident(&self.objects.replaced),
            pairs(&self.keys, "r", "b")
        );
        let statements: String = (self.table.unique.iter())
            .map(|index| self.collision(index))
            .map(|collides| {
                format!(
                    "INSERT INTO {} SELECT {} FROM {} b WHERE {collides} AND ({other}) AND {noted}; ",
                    ident(&self.objects.replaced),
                    join(&self.keys, ", ", |name| format!("b.{}", ident(name))),
                    ident(&self.table.name)
                )
            })
            .collect();
        format!(
            "CREATE TRIGGER {} BEFORE {event} ON {} WHEN {} BEGIN {statements}END",
            ident(name),
            ident(&self.table.name),
            self.not_applying("NEW")
        )
    }

    /// Whether row `b` collides with NEW on a unique index: its terms are evaluated over NEW by naming NEW's values like the columns. All of
    /// them: a name that were missing there would mean that column of `b`.
    fn collision(&self, index: &UniqueIndex) -> String {
        // Unique indexes may use generated columns.
        let columns = join(
            (self.table.columns.iter().map(|column| &column.name)).chain(&self.table.generated),
            ", ",
            |name| format!("NEW.{0} AS {0}", ident(name)),
        );
        let terms: Vec<String> = index
            .terms
            .iter()
            .map(|(term, collation)| {
                if index.columns.iter().any(|column| ident(column) == *term) {
                    format!("b.{term} = NEW.{term} COLLATE {}", ident(collation))
                } else {
                    format!(
                        "({term}) = (SELECT {term} FROM (SELECT {columns})) COLLATE {}",
                        ident(collation)
                    )
                }
            })
            .collect();
        terms.join(" AND ")
    }

    fn bury_replaced(&self) -> String {
        if self.table.unique.is_empty() {
            return String::new();
        }
        let replaced = ident(&self.objects.replaced);
        format!(
            "UPDATE {tracking} SET {change} WHERE EXISTS (SELECT 1 FROM {replaced}) AND sync_row_is_tombstone = 0 AND ({keys}) IN (SELECT {rkeys} FROM {replaced} r \
             WHERE NOT EXISTS (SELECT 1 FROM {base} b WHERE {same})); DELETE FROM {replaced}; ",
            tracking = ident(&self.objects.tracking),
            change = self.local_change(Some(true)),
            keys = list(&self.keys),
            rkeys = join(&self.keys, ", ", |name| format!("r.{}", ident(name))),
            base = ident(&self.table.name),
            same = pairs(&self.keys, "b", "r"),
        )
    }

    /// Tracks NEW unless a session applies it. The counter's row is read once, for the test, the tick and both stamps: an insert pays for
    /// every further look at it. Without that row the tick is NULL, and the write fails.
    fn upsert(&self) -> String {
        format!(
            "INSERT INTO {tracking} ({keys}, local_update_peer_key, local_update_peer_timestamp, local_create_peer_key, local_create_peer_timestamp, \
             sync_row_is_tombstone, last_change_datetime) SELECT {new}, 0, {tick}, 0, c.tick, 0, {NOW} FROM (SELECT 1) LEFT JOIN {counter} c ON 1 \
             WHERE (c.applying IS NULL OR c.applying <> {own} OR c.applying_key <> {key}) ON CONFLICT ({keys}) DO UPDATE SET {change}",
            tracking = ident(&self.objects.tracking),
            keys = list(&self.keys),
            new = join(&self.keys, ", ", |name| format!("NEW.{}", ident(name))),
            tick = self.or_refuse("c.tick"),
            counter = ident(&self.store.tick),
            own = text(&self.objects.tracking),
            key = self.key_text("NEW"),
            change = stamp(
                Some(false),
                "excluded.local_update_peer_timestamp",
                "excluded.last_change_datetime"
            ),
        )
    }

    fn local_change(&self, tombstone: Option<bool>) -> String {
        stamp(tombstone, &self.tick(), NOW)
    }

    fn tick(&self) -> String {
        self.or_refuse(&format!("(SELECT tick FROM {})", ident(&self.store.tick)))
    }

    /// The tick, or the end of the application's statement where there is none. A failed constraint would not do: OR IGNORE passes over it.
    fn or_refuse(&self, tick: &str) -> String {
        let message = format!(
            "table {} has lost its row, so changes cannot be tracked; restore the database, or deprovision it",
            self.store.tick
        );
        format!("coalesce({tick}, RAISE(ABORT, {}))", text(&message))
    }

    fn key_is(&self, row: &str) -> String {
        join(&self.keys, " AND ", |name| {
            format!("{0} = {row}.{0}", ident(name))
        })
    }

    /// The key of a row (`NEW` or `OLD`) as a session spells it in `applying_key`: its cells in the order of the columns, which need not be
    /// that of the key.
    fn key_text(&self, row: &str) -> String {
        let columns = self.table.columns.iter().map(|column| &column.name);
        join(
            columns.filter(|name| self.keys.contains(name)),
            " || ',' || ",
            |name| format!("quote({row}.{})", ident(name)),
        )
    }

    fn not_applying(&self, row: &str) -> String {
        format!(
            "NOT EXISTS (SELECT 1 FROM {} WHERE applying = {} AND (applying_key IS NULL OR applying_key = {}))",
            ident(&self.store.tick),
            text(&self.objects.tracking),
            self.key_text(row)
        )
    }
}

/// The assignments of a change made here; the creation version stays.
fn stamp(tombstone: Option<bool>, tick: &str, now: &str) -> String {
    let tombstone = tombstone.map_or_else(String::new, |dead| {
        format!("sync_row_is_tombstone = {}, ", i32::from(dead))
    });
    format!(
        "{tombstone}update_scope_local_id = NULL, local_update_peer_key = 0, local_update_peer_timestamp = max({tick}, local_update_peer_timestamp + 1), \
         restore_timestamp = NULL, last_change_datetime = {now}"
    )
}

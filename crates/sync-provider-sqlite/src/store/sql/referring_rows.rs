//! The queries for rows that refer to others, where one table's statements do not do: they are made when a commit or a deletion asks for them.

use crate::ident::{bound, ident, join, pairs};
use crate::store::scope_tables::ScopeTables;
use crate::store::table::Table;

/// The keys of a table's rows written since a tick for which a condition on them holds.
fn touched(table: &Table, condition: &str) -> String {
    format!(
        "SELECT {} FROM {} k JOIN {} b ON {} WHERE k.local_update_peer_timestamp >= ?1 AND k.update_scope_local_id IS NOT NULL AND {condition}",
        join(&table.sql.keys, ", ", |name| format!("k.{}", ident(name))),
        ident(&table.objects.tracking),
        table.sql.base,
        pairs(&table.sql.keys, "b", "k"),
    )
}

/// Per foreign key of a table: its parent, and the query for the rows written since a tick that miss theirs.
pub(in crate::store) fn touched_orphan_queries(
    table: &Table,
) -> impl Iterator<Item = (&str, String)> {
    let orphans = table.references.touched_orphans.iter();
    orphans.map(|(orphaned, parent)| (parent.as_str(), touched(table, orphaned)))
}

/// Whether a row, by its rowid, came through a scope since a tick.
pub(in crate::store) fn came_by_rowid(table: &Table) -> String {
    format!(
        "SELECT EXISTS (SELECT 1 FROM {} b JOIN {} k ON {} WHERE b.rowid = ?1 AND k.update_scope_local_id = ?2 \
         AND k.local_update_peer_timestamp >= ?3)",
        table.sql.base,
        ident(&table.objects.tracking),
        pairs(&table.sql.keys, "k", "b"),
    )
}

/// Per foreign key of a table of the scope to `parent`: the child table, why its rows would offend, and the query for its touched rows.
pub(in crate::store) fn touched_child_queries(
    tables: &ScopeTables,
    parent: usize,
) -> Vec<(usize, String, String)> {
    let parent_name = &tables.tables[parent].sql.base;
    let mut queries = Vec::new();
    for (child, table) in tables.tables.iter().enumerate() {
        for (on, name) in &table.references.parent_joins {
            if !ident(name).eq_ignore_ascii_case(parent_name) {
                continue;
            }
            let sql = format!(
                "SELECT {} FROM {parent_name} p JOIN {} b ON {on} JOIN {} k ON {} \
                 WHERE k.local_update_peer_timestamp >= ?1 AND k.update_scope_local_id IS NOT NULL AND {}",
                join(&table.sql.keys, ", ", |name| format!("k.{}", ident(name))),
                table.sql.base,
                ident(&table.objects.tracking),
                pairs(&table.sql.keys, "b", "k"),
                bound(&tables.tables[parent].sql.keys, "p", 2),
            );
            queries.push((
                child,
                format!("its parent in table {name} has to wait"),
                sql,
            ));
        }
    }
    queries
}

/// Per foreign key of a table of the scope to `parent`: the child table, and the query for the keys of its rows that refer to a row there.
pub(in crate::store) fn child_key_queries(
    tables: &ScopeTables,
    parent: usize,
) -> Vec<(usize, String)> {
    let own = &tables.tables[parent].sql;
    let mut queries = Vec::new();
    for (child, table) in tables.tables.iter().enumerate() {
        let joins = table.references.parent_joins.iter();
        for (on, _) in joins.filter(|(_, name)| ident(name).eq_ignore_ascii_case(&own.base)) {
            let sql = format!(
                "SELECT {} FROM {} p JOIN {} b ON {on} WHERE {}",
                join(&table.sql.keys, ", ", |name| format!("b.{}", ident(name))),
                own.base,
                table.sql.base,
                bound(&own.keys, "p", 1),
            );
            queries.push((child, sql));
        }
    }
    queries
}

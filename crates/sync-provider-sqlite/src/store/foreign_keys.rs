//! Foreign keys while rows are applied: enforced by SQLite and deferred to the commit, so that the order of rows does not matter.
//!
//! What SQLite would do silently is looked for before: a delete that has live children (be it that it would cascade to them or be refused at
//! the end) is set aside until all other rows are done. Where the commit still fails, only rows touched in the transaction are
//! checked; they all carry its tick.

use std::collections::BTreeSet;

use rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY;
use sync_decision::TableShape;
use sync_metadata::{KeyEquality, ValueRef};
use sync_provider::{ProviderError, RowSet};
use sync_relational::Breach;

use crate::catalog::{ForeignKey, TableInfo};
use crate::ident::{bound, ident, join};
use crate::store::SqliteStore;
use crate::store::readable::push_key;

/// Statements about the foreign keys of one table.
#[derive(Debug, Default)]
pub(super) struct References {
    /// One per foreign key that points here: whether another row points to the row with this key, and which table it is in.
    pub(super) children: Vec<(String, String)>,
    /// As `children`, for foreign keys to columns other than the primary key: whether a child would lose its parent if the referenced columns,
    /// bound after the key, got these values. The positions are theirs in the row.
    pub(super) moved: Vec<(String, String, Vec<usize>)>,
    /// One per foreign key of this table.
    pub(super) missing_parent: Vec<MissingParent>,
    /// Rows written in this transaction whose parent is missing.
    touched_orphans: Vec<(String, String)>,
    /// How rows `b` of this table meet their parent `p`, and the parent's name.
    parent_joins: Vec<(String, String)>,
}

/// A foreign key of a table, for a look at the parent before a row is written.
#[derive(Debug)]
pub(super) struct MissingParent {
    /// Whether the row's parent, the referring columns bound in order, is missing.
    pub(super) sql: String,
    /// The table that it is in.
    pub(super) parent: String,
    /// Positions of the referring columns in a row.
    pub(super) from: Vec<usize>,
    /// The referenced columns.
    pub(super) to: Vec<String>,
    /// Positions of the referenced columns, where the table refers to itself.
    pub(super) within: Option<Vec<usize>>,
    /// How the referenced columns compare texts, as far as they are of the key.
    equality: Vec<KeyEquality>,
}

impl MissingParent {
    /// Whether the row refers to itself, so that it brings its parent along.
    pub(super) fn is_its_own(&self, cells: &[ValueRef<'_>]) -> bool {
        self.within
            .as_ref()
            .is_some_and(|to| self.referenced(cells, &self.from) == self.referenced(cells, to))
    }

    /// What the columns `at` of a row say of a parent in its own table, packed: equal where SQLite takes them for one parent.
    pub(super) fn referenced(&self, cells: &[ValueRef<'_>], at: &[usize]) -> Vec<u8> {
        let mut packed = RowSet::new(at.len());
        let mut row = packed.start_row();
        for (&column, equality) in at.iter().zip(&self.equality) {
            match cells[column] {
                ValueRef::Text(text) => row.cell(ValueRef::Text(&equality.fold(text))),
                other => row.cell(other),
            }
        }
        drop(row);
        packed.row(0).as_bytes().to_vec()
    }
}

pub(super) fn is_violation(error: &rusqlite::Error) -> bool {
    error
        .sqlite_error()
        .is_some_and(|failure| failure.extended_code == SQLITE_CONSTRAINT_FOREIGNKEY)
}

impl References {
    pub(super) fn of(info: &TableInfo, keys: &[ForeignKey], shape: &TableShape) -> Self {
        let mut references = References::default();
        let own_keys = shape.key_columns();
        let position = |name: &String| {
            shape
                .columns
                .iter()
                .position(|column| column.eq_ignore_ascii_case(name))
        };
        for key in keys
            .iter()
            .filter(|key| key.parent.eq_ignore_ascii_case(&info.name))
        {
            let on = join_columns(&key.from, "c", &key.to, "p");
            // A row that points to itself goes with itself.
            let other = if key.child.eq_ignore_ascii_case(&info.name) {
                format!(
                    " AND ({})",
                    join(&own_keys, " OR ", |name| format!(
                        "c.{0} IS NOT p.{0}",
                        ident(name)
                    ))
                )
            } else {
                String::new()
            };
            let (child, parent) = (ident(&key.child), ident(&info.name));
            let found = format!(
                "SELECT EXISTS (SELECT 1 FROM {parent} p JOIN {child} c ON {on} WHERE {}{other}",
                bound(&own_keys, "p", 1)
            );
            references
                .children
                .push((format!("{found})"), key.child.clone()));
            let to: Option<Vec<usize>> = key.to.iter().map(position).collect();
            if let Some(to) = to.filter(|to| !to.iter().all(|column| shape.key.contains(column))) {
                let first = own_keys.len() + 1;
                let differs: Vec<String> = key
                    .to
                    .iter()
                    .enumerate()
                    .map(|(n, name)| format!("p.{} IS NOT ?{}", ident(name), first + n))
                    .collect();
                references.moved.push((
                    format!("{found} AND ({}))", differs.join(" OR ")),
                    key.child.clone(),
                    to,
                ));
            }
        }
        for key in keys
            .iter()
            .filter(|key| key.child.eq_ignore_ascii_case(&info.name))
        {
            let parent = ident(&key.parent);
            let on = join_columns(&key.from, "b", &key.to, "p");
            let set = join(&key.from, " AND ", |name| {
                format!("b.{} IS NOT NULL", ident(name))
            });
            let sql = format!("{set} AND NOT EXISTS (SELECT 1 FROM {parent} p WHERE {on})");
            references.touched_orphans.push((sql, key.parent.clone()));
            references.parent_joins.push((on, key.parent.clone()));
            // A column outside the scope cannot be looked at before the row is written.
            let from: Option<Vec<usize>> = key.from.iter().map(position).collect();
            if let Some(from) = from {
                let sql = format!(
                    "SELECT NOT EXISTS (SELECT 1 FROM {parent} t WHERE {})",
                    bound(&key.to, "t", 1)
                );
                let within = key.parent.eq_ignore_ascii_case(&info.name);
                let within = within.then(|| key.to.iter().map(position).collect());
                let within: Option<Vec<usize>> = within.flatten();
                let equality_at = |column: &usize| {
                    let place = shape.key.iter().position(|key| key == column);
                    place.map_or(KeyEquality::Exact, |place| shape.key_equality[place])
                };
                let equality = within.iter().flatten().map(equality_at).collect();
                references.missing_parent.push(MissingParent {
                    sql,
                    parent: key.parent.clone(),
                    from,
                    to: key.to.clone(),
                    within,
                    equality,
                });
            }
        }
        references
    }
}

fn join_columns(left: &[String], left_alias: &str, right: &[String], right_alias: &str) -> String {
    let pairs = left.iter().zip(right);
    let pairs: Vec<String> = pairs
        .map(|(left, right)| {
            format!(
                "{left_alias}.{} = {right_alias}.{}",
                ident(left),
                ident(right)
            )
        })
        .collect();
    pairs.join(" AND ")
}

/// A row that a commit has to do without: its table, its packed key, and why.
type Offender = (usize, Vec<u8>, String);

impl SqliteStore {
    /// After a commit that foreign keys forbid, within the transaction that is still open: what can be said of it.
    pub(super) fn breach(&self) -> Result<Breach, ProviderError> {
        let offenders = self.offenders()?;
        let findings = match offenders.first() {
            Some((table, _, reason)) => {
                let table = &self.shapes[*table].global_name;
                Some(format!("a row of table {table}, for {reason}"))
            }
            None => self.any_violation()?,
        };
        Ok(Breach {
            offenders,
            triggers: self.tables.iter().any(|table| table.user_triggers),
            findings: findings.map_or_else(String::new, |found| format!(": {found}")),
        })
    }

    /// The rows written by the session that miss their parent, and those below them. What triggers wrote is not among them: it cannot
    /// be held back.
    fn offenders(&self) -> Result<Vec<Offender>, ProviderError> {
        let tick = self.applying()?.tick;
        let mut found: Vec<Offender> = Vec::new();
        for (index, (table, shape)) in self.tables.iter().zip(&self.shapes).enumerate() {
            for (orphaned, parent) in &table.references.touched_orphans {
                let sql = format!(
                    "SELECT {} FROM {} k JOIN {} b ON {} WHERE k.local_update_peer_timestamp >= ?1 AND k.update_scope_local_id IS NOT NULL AND {orphaned}",
                    join(&table.sql.keys, ", ", |name| format!("k.{}", ident(name))),
                    ident(&table.objects.tracking),
                    table.sql.base,
                    crate::ident::pairs(&table.sql.keys, "b", "k"),
                );
                let reason = format!("its parent in table {parent} is missing");
                self.collect(index, shape, &sql, tick, &reason, &mut found)?;
            }
        }
        self.add_descendants(tick, &mut found)?;
        Ok(found)
    }

    fn collect(
        &self,
        table: usize,
        shape: &TableShape,
        sql: &str,
        tick: i64,
        reason: &str,
        found: &mut Vec<Offender>,
    ) -> Result<(), ProviderError> {
        let fail = |error: rusqlite::Error| self.fail(&error);
        let mut statement = self.db().prepare(sql).map_err(fail)?;
        let mut rows = statement.query([tick]).map_err(fail)?;
        while let Some(row) = rows.next().map_err(fail)? {
            let mut key = RowSet::new(shape.key.len());
            // A row whose key cannot be read did not come through the session.
            if push_key(row, 0, &mut key, shape).is_err() {
                continue;
            }
            found.push((table, key.row(0).as_bytes().to_vec(), reason.to_owned()));
        }
        Ok(())
    }

    /// Rows that were written below an offender go with it, or the next commit would fail for them.
    fn add_descendants(&self, tick: i64, found: &mut Vec<Offender>) -> Result<(), ProviderError> {
        let mut seen: BTreeSet<(usize, Vec<u8>)> = found
            .iter()
            .map(|(table, key, _)| (*table, key.clone()))
            .collect();
        let mut next = 0;
        while let Some((table, key, _)) = found.get(next).cloned() {
            next += 1;
            for (child, reason, sql) in self.child_queries(table) {
                let shape = &self.shapes[child];
                let fail = |error: rusqlite::Error| self.fail(&error);
                let mut statement = self.db().prepare_cached(&sql).map_err(fail)?;
                statement.raw_bind_parameter(1, tick).map_err(fail)?;
                let mut parent = RowSet::new(self.shapes[table].key.len());
                parent.push_encoded(&key);
                let parent_shape = &self.shapes[table];
                super::scan::bind_key(
                    &mut statement,
                    2,
                    parent.row(0).values(),
                    parent_shape,
                    &self.tables[table].affinities,
                )?;
                let mut rows = statement.raw_query();
                while let Some(row) = rows.next().map_err(fail)? {
                    let mut key = RowSet::new(shape.key.len());
                    if push_key(row, 0, &mut key, shape).is_err() {
                        continue;
                    }
                    let key = key.row(0).as_bytes().to_vec();
                    if seen.insert((child, key.clone())) {
                        found.push((child, key, reason.clone()));
                    }
                }
            }
        }
        Ok(())
    }

    /// Per foreign key of a table of the scope to `parent`: the child table, why its rows would offend, and the query for its touched rows.
    fn child_queries(&self, parent: usize) -> Vec<(usize, String, String)> {
        let parent_name = &self.tables[parent].sql.base;
        let mut queries = Vec::new();
        for (child, table) in self.tables.iter().enumerate() {
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
                    crate::ident::pairs(&table.sql.keys, "b", "k"),
                    bound(&self.tables[parent].sql.keys, "p", 2),
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
    pub(super) fn child_key_queries(&self, parent: usize) -> Vec<(usize, String)> {
        let own = &self.tables[parent].sql;
        let mut queries = Vec::new();
        for (child, table) in self.tables.iter().enumerate() {
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

    /// Whether deleting the row with this key would take children with it or leave them behind; the name of their table.
    pub(super) fn child_of(
        &self,
        table: usize,
        bind: impl Fn(&mut rusqlite::Statement<'_>) -> Result<(), ProviderError>,
    ) -> Result<Option<&str>, ProviderError> {
        for (sql, child) in &self.tables[table].references.children {
            if self.is_true(sql, &bind)? {
                return Ok(Some(child));
            }
        }
        Ok(None)
    }

    pub(super) fn is_true(
        &self,
        sql: &str,
        bind: &impl Fn(&mut rusqlite::Statement<'_>) -> Result<(), ProviderError>,
    ) -> Result<bool, ProviderError> {
        let fail = |error: rusqlite::Error| self.fail(&error);
        let mut statement = self.db().prepare_cached(sql).map_err(fail)?;
        bind(&mut statement)?;
        let mut rows = statement.raw_query();
        match rows.next().map_err(fail)? {
            Some(row) => row.get(0).map_err(fail),
            None => Ok(false),
        }
    }
}

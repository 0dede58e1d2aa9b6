//! The statements on foreign keys. While rows are applied, these are enforced by SQLite and deferred to the commit, so that the order of rows does not matter.
//!
//! What SQLite would do silently is looked for before: a delete that has live children (be it that it would cascade to them or be refused at
//! the end) is set aside until all other rows are done. Where the commit still fails, only rows touched in the transaction are
//! checked; they all carry its tick.

use sync_decision::TableShape;
use sync_metadata::{KeyEquality, ValueRef};
use sync_provider::RowSet;

use crate::catalog::{ForeignKey, TableInfo};
use crate::ident::{bound, ident, join};

/// Statements about the foreign keys of one table.
#[derive(Debug, Default)]
pub(in crate::store) struct References {
    /// One per foreign key that points here: whether another row points to the row with this key, and which table it is in.
    pub(in crate::store) children: Vec<(String, String)>,
    /// As `children`, for foreign keys to columns other than the primary key: whether a child would lose its parent if the referenced columns,
    /// bound after the key, got these values. The positions are theirs in the row.
    pub(in crate::store) moved: Vec<(String, String, Vec<usize>)>,
    /// One per foreign key of this table.
    pub(in crate::store) missing_parent: Vec<MissingParent>,
    /// Rows written in this transaction whose parent is missing.
    pub(in crate::store) touched_orphans: Vec<(String, String)>,
    /// How rows `b` of this table meet their parent `p`, and the parent's name.
    pub(in crate::store) parent_joins: Vec<(String, String)>,
}

/// A foreign key of a table, for a look at the parent before a row is written.
#[derive(Debug)]
pub(in crate::store) struct MissingParent {
    /// Whether the row's parent, the referring columns bound in order, is missing.
    pub(in crate::store) sql: String,
    /// The table that it is in.
    pub(in crate::store) parent: String,
    /// Positions of the referring columns in a row.
    pub(in crate::store) from: Vec<usize>,
    /// The referenced columns.
    pub(in crate::store) to: Vec<String>,
    /// Positions of the referenced columns, where the table refers to itself.
    pub(in crate::store) within: Option<Vec<usize>>,
    /// How the referenced columns compare texts, as far as they are of the key.
    equality: Vec<KeyEquality>,
}

impl MissingParent {
    /// Whether the row refers to itself, so that it brings its parent along.
    pub(in crate::store) fn is_its_own(&self, cells: &[ValueRef<'_>]) -> bool {
        self.within
            .as_ref()
            .is_some_and(|to| self.referenced(cells, &self.from) == self.referenced(cells, to))
    }

    /// What the columns `at` of a row say of a parent in its own table, packed: equal where SQLite takes them for one parent.
    pub(in crate::store) fn referenced(&self, cells: &[ValueRef<'_>], at: &[usize]) -> Vec<u8> {
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

impl References {
    pub(in crate::store) fn of(info: &TableInfo, keys: &[ForeignKey], shape: &TableShape) -> Self {
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

//! Comparing two replicas of a scope: their rows, their deletions, and what each knows of the other's.

mod fingerprint;
mod pair;

use std::collections::{HashMap, HashSet};

use sync_knowledge::{KeyMapping, Knowledge, Version};
use sync_metadata::{Value, ValueRef};
use sync_provider::{ProviderError, RowRef};

use crate::inspect::{ReplicaReader, ReplicaRow, UnreadableRow};
use fingerprint::Fingerprints;
use pair::{Pair, pair_tables};
use sync_decision::write_item_id;

/// What a comparison found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verification {
    /// How messages call A and B.
    pub names: [String; 2],
    /// Table by table, in A's order.
    pub tables: Vec<TableVerification>,
}

/// What a comparison found in one table.
#[derive(Clone, Debug, PartialEq)]
pub struct TableVerification {
    /// Global name.
    pub name: String,
    /// Live rows at A.
    pub rows_a: u64,
    /// Live rows at B.
    pub rows_b: u64,
    /// Columns of A's table that were not compared: outside its scope, or not in B's.
    pub not_compared_a: Vec<String>,
    /// The same of B's table.
    pub not_compared_b: Vec<String>,
    /// Keys at which the two differ. A row has one entry, unless each side lacks the other's version of rows that are equal.
    pub differences: Vec<Difference>,
}

/// A key at which two replicas differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The key, in the order of A's key columns; empty where it cannot be read.
    pub key: Vec<Value>,
    /// How they differ.
    pub kind: DifferenceKind,
    /// Whether A's knowledge contains the version that B has; `None` where B has none, or the row there is not tracked.
    pub known_to_a: Option<bool>,
    /// Whether B's knowledge contains the version that A has; `None` where A has none, or the row there is not tracked.
    pub known_to_b: Option<bool>,
    /// What is wrong with a row that cannot be read.
    pub reason: Option<String>,
}

/// How two replicas differ at a key.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum DifferenceKind {
    /// B has the row; A has neither row nor tombstone.
    MissingInA,
    /// A has the row; B has neither row nor tombstone.
    MissingInB,
    /// Both have the row, with different content.
    Different,
    /// A has a tombstone, B the row.
    DeletedInA,
    /// B has a tombstone, A the row.
    DeletedInB,
    /// There is nothing to tell the rows apart, but A's knowledge does not contain B's version.
    NotKnownToA,
    /// There is nothing to tell the rows apart, but B's knowledge does not contain A's version.
    NotKnownToB,
    /// A's row cannot be read, so that it is not compared.
    UnreadableInA,
    /// B's row cannot be read, so that it is not compared.
    UnreadableInB,
}

impl DifferenceKind {
    /// The name in reports: `missing_in_a`, and so on.
    pub fn name(self) -> &'static str {
        match self {
            DifferenceKind::MissingInA => "missing_in_a",
            DifferenceKind::MissingInB => "missing_in_b",
            DifferenceKind::Different => "different",
            DifferenceKind::DeletedInA => "deleted_in_a",
            DifferenceKind::DeletedInB => "deleted_in_b",
            DifferenceKind::NotKnownToA => "not_known_to_a",
            DifferenceKind::NotKnownToB => "not_known_to_b",
            DifferenceKind::UnreadableInA => "unreadable_in_a",
            DifferenceKind::UnreadableInB => "unreadable_in_b",
        }
    }
}

impl Verification {
    /// Whether there is no difference.
    pub fn is_equal(&self) -> bool {
        self.tables.iter().all(|table| table.differences.is_empty())
    }
}

/// Compares two replicas, each in the one snapshot of its reader. Columns that only one side has are left out.
///
/// Rows that are not tracked count as rows: whoever compares wants to hear of them. Rows that cannot be read are named, and the others compared.
///
/// Tables are matched by global name, columns by name, both without regard to case; content is compared by meaning, in the types that A
/// gives the columns. Rows are matched as the databases tell keys apart ([`TableShape::normal_key`](sync_decision::TableShape::normal_key)).
/// A tombstone at one side and nothing at the other is no difference as long as the other's knowledge contains it.
///
/// Memory goes with the number of rows of the largest table, some sixty bytes each, not with their size.
///
/// # Errors
/// One side lacks a table, or the primary keys differ; a reader fails; stored knowledge is corrupted.
pub async fn verify(
    a: &mut dyn ReplicaReader,
    b: &mut dyn ReplicaReader,
) -> Result<Verification, ProviderError> {
    let shapes = a.shapes().to_vec();
    let names = [a.name(), b.name()];
    let pairs = pair_tables(&a.scope().description.name, &names, &shapes, b.shapes())?;
    let mut knowledge_a = a.knowledge().await?;
    let mut knowledge_b = b.knowledge().await?;
    let to_b = knowledge_b.mapping_from(knowledge_a.key_map());
    let to_a = knowledge_a.mapping_from(knowledge_b.key_map());
    let mut tables = Vec::new();
    for pair in &pairs {
        let known_to_a = Known {
            knowledge: &knowledge_a,
            mapping: &to_a,
        };
        let known_to_b = Known {
            knowledge: &knowledge_b,
            mapping: &to_b,
        };
        let comparison = Comparison::new(pair, known_to_a, known_to_b);
        let mut found = comparison.run(a, b).await?;
        found.not_compared_a = not_compared(a, pair.tables[0], &pair.columns[0]);
        found.not_compared_b = not_compared(b, pair.tables[1], &pair.columns[1]);
        tables.push(found);
    }
    Ok(Verification { names, tables })
}

fn not_compared(reader: &dyn ReplicaReader, table: usize, compared: &[usize]) -> Vec<String> {
    let columns = reader.shapes()[table].columns.iter().enumerate();
    let alone = columns.filter(|(at, _)| !compared.contains(at));
    let alone = alone.map(|(_, name)| name.clone());
    alone
        .chain(reader.columns_outside(table).iter().cloned())
        .collect()
}

/// Whether one side's knowledge contains versions of the other.
#[derive(Copy, Clone)]
struct Known<'a> {
    knowledge: &'a Knowledge,
    mapping: &'a KeyMapping,
}

/// What is kept of a row of A until B's has been seen.
#[derive(Copy, Clone)]
struct Seen {
    /// The fingerprint of its content; `None` for a tombstone.
    content: Option<u128>,
    known_to_b: Option<bool>,
}

/// The comparison of one table under way: all rows of A are kept as fingerprints, then B's rows take them out.
struct Comparison<'p> {
    pair: &'p Pair<'p>,
    known_to_a: Known<'p>,
    known_to_b: Known<'p>,
    fingerprints: Fingerprints,
    id: Vec<u8>,
    seen: HashMap<u128, Seen>,
    /// Keys of B's untracked rows, which may stand where its tracking table still has a tombstone.
    untracked: HashSet<u128>,
    /// Keys of rows that cannot be read at one side: nothing is said of the other's.
    unreadable: HashSet<u128>,
    found: TableVerification,
}

impl<'p> Comparison<'p> {
    fn new(pair: &'p Pair<'p>, known_to_a: Known<'p>, known_to_b: Known<'p>) -> Self {
        Comparison {
            pair,
            known_to_a,
            known_to_b,
            fingerprints: Fingerprints::default(),
            id: Vec::new(),
            seen: HashMap::new(),
            untracked: HashSet::new(),
            unreadable: HashSet::new(),
            found: TableVerification {
                name: pair.shape.global_name.clone(),
                rows_a: 0,
                rows_b: 0,
                not_compared_a: Vec::new(),
                not_compared_b: Vec::new(),
                differences: Vec::new(),
            },
        }
    }

    async fn run(
        mut self,
        a: &mut dyn ReplicaReader,
        b: &mut dyn ReplicaReader,
    ) -> Result<TableVerification, ProviderError> {
        let [table_a, table_b] = self.pair.tables;
        a.visit(table_a, &mut |row| match row {
            Ok(row) if is_orphan(row) => {}
            Ok(row) => self.row_of_a(row.key, Some(row.facts.update), row.cells),
            Err(row) => self.unreadable_at(DifferenceKind::UnreadableInA, row),
        })
        .await?;
        a.visit_untracked(table_a, &mut |row| match row {
            Ok((key, cells)) => self.row_of_a(key, None, Some(cells)),
            Err(row) => self.unreadable_at(DifferenceKind::UnreadableInA, row),
        })
        .await?;
        b.visit_untracked(table_b, &mut |row| match row {
            Ok((key, cells)) => self.row_of_b(key, None, Some(cells)),
            Err(row) => self.unreadable_at(DifferenceKind::UnreadableInB, row),
        })
        .await?;
        b.visit(table_b, &mut |row| match row {
            Ok(row) if is_orphan(row) => {}
            Ok(row) => self.row_of_b(row.key, Some(row.facts.update), row.cells),
            Err(row) => self.unreadable_at(DifferenceKind::UnreadableInB, row),
        })
        .await?;
        // What is left has no counterpart at B. Keys were not kept, so the rows are looked at once more.
        self.seen
            .retain(|_, row| row.content.is_some() || row.known_to_b == Some(false));
        if !self.seen.is_empty() {
            a.visit(table_a, &mut |row| self.left_at_a(row.map(|row| row.key)))
                .await?;
            a.visit_untracked(table_a, &mut |row| self.left_at_a(row.map(|(key, _)| key)))
                .await?;
        }
        Ok(self.found)
    }

    /// `version` is `None` for a row that is not tracked, `cells` for a tombstone.
    fn row_of_a(&mut self, key: RowRef<'_>, version: Option<Version>, cells: Option<RowRef<'_>>) {
        let key = key_in_order(key, None);
        let known_to_b = self.known(self.known_to_b, version, &key);
        let content = self.content(0, cells);
        self.found.rows_a += u64::from(cells.is_some());
        let key = self.key(&key);
        self.seen.insert(
            key,
            Seen {
                content,
                known_to_b,
            },
        );
    }

    fn row_of_b(&mut self, key: RowRef<'_>, version: Option<Version>, cells: Option<RowRef<'_>>) {
        let key = key_in_order(key, Some(&self.pair.key_in_b));
        let hash = self.key(&key);
        if version.is_none() {
            self.untracked.insert(hash);
        } else if self.untracked.contains(&hash) {
            return;
        }
        let known_to_a = self.known(self.known_to_a, version, &key);
        let content = self.content(1, cells);
        self.found.rows_b += u64::from(cells.is_some());
        if self.unreadable.contains(&hash) {
            return;
        }
        let twin = self.seen.remove(&hash);
        for kind in kinds(twin, content, known_to_a) {
            self.found.differences.push(Difference {
                key: owned(&key),
                kind,
                known_to_a,
                known_to_b: twin.and_then(|twin| twin.known_to_b),
                reason: None,
            });
        }
    }

    fn left_at_a(&mut self, key: Result<RowRef<'_>, UnreadableRow>) {
        let Ok(key) = key else { return };
        let key = key_in_order(key, None);
        let hash = self.key(&key);
        let Some(left) = self.seen.remove(&hash) else {
            return;
        };
        self.found.differences.push(Difference {
            key: owned(&key),
            kind: match left.content {
                Some(_) => DifferenceKind::MissingInB,
                None => DifferenceKind::NotKnownToB,
            },
            known_to_a: None,
            known_to_b: left.known_to_b,
            reason: None,
        });
    }

    fn unreadable_at(&mut self, kind: DifferenceKind, row: UnreadableRow) {
        let rows = match kind {
            DifferenceKind::UnreadableInA => &mut self.found.rows_a,
            _ => &mut self.found.rows_b,
        };
        *rows += 1;
        let key = row.key.unwrap_or_default();
        let mut cells: Vec<ValueRef<'_>> = key.iter().map(Value::as_ref).collect();
        if kind == DifferenceKind::UnreadableInB && !cells.is_empty() {
            cells = pick(&cells, &self.pair.key_in_b).collect();
        }
        let key = owned(&cells);
        if !key.is_empty() {
            let hash = self.key(&cells);
            self.unreadable.insert(hash);
            self.seen.remove(&hash);
        }
        self.found.differences.push(Difference {
            key,
            kind,
            known_to_a: None,
            known_to_b: None,
            reason: Some(row.reason),
        });
    }

    /// What the database takes for one key is one row, and nothing else is.
    fn key(&self, key: &[ValueRef<'_>]) -> u128 {
        let normal = self.pair.shape.normal_key(key.iter().copied());
        self.fingerprints.of_key(&normal)
    }

    fn content(&mut self, side: usize, cells: Option<RowRef<'_>>) -> Option<u128> {
        let cells: Vec<ValueRef<'_>> = cells?.values().collect();
        let cells = pick(&cells, &self.pair.columns[side]);
        Some(
            self.fingerprints
                .of(self.pair.types.iter().copied().zip(cells)),
        )
    }

    /// Whether the other side's knowledge contains a version, where the row has one.
    fn known(
        &mut self,
        by: Known<'_>,
        version: Option<Version>,
        key: &[ValueRef<'_>],
    ) -> Option<bool> {
        let Some(version) = by.mapping.version(version?) else {
            return Some(false);
        };
        if let Some(known) = by.knowledge.contains_uniform(version) {
            return Some(known);
        }
        write_item_id(&mut self.id, self.pair.shape, key.iter().copied());
        Some(by.knowledge.contains(&self.id, version))
    }
}

/// How a row of B (the fingerprint of its content, `None` for a tombstone) differs from what A has under its key.
fn kinds(
    twin: Option<Seen>,
    content: Option<u128>,
    known_to_a: Option<bool>,
) -> Vec<DifferenceKind> {
    let not_known_to_a = known_to_a == Some(false);
    let Some(twin) = twin else {
        return match content {
            Some(_) => vec![DifferenceKind::MissingInA],
            None if not_known_to_a => vec![DifferenceKind::NotKnownToA],
            None => Vec::new(),
        };
    };
    match (twin.content, content) {
        (None, Some(_)) => return vec![DifferenceKind::DeletedInA],
        (Some(_), None) => return vec![DifferenceKind::DeletedInB],
        (here, there) if here != there => return vec![DifferenceKind::Different],
        _ => {}
    }
    let mut kinds = Vec::new();
    if not_known_to_a {
        kinds.push(DifferenceKind::NotKnownToA);
    }
    if twin.known_to_b == Some(false) {
        kinds.push(DifferenceKind::NotKnownToB);
    }
    kinds
}

/// A tracked row whose base row is gone without a trace counts as no row: no session sends it either.
fn is_orphan(row: ReplicaRow<'_>) -> bool {
    !row.facts.tombstone && row.cells.is_none()
}

fn key_in_order<'r>(key: RowRef<'r>, order: Option<&[usize]>) -> Vec<ValueRef<'r>> {
    let cells: Vec<ValueRef<'r>> = key.values().collect();
    match order {
        None => cells,
        Some(order) => pick(&cells, order).collect(),
    }
}

fn pick<'c, 'v>(
    cells: &'c [ValueRef<'v>],
    positions: &'c [usize],
) -> impl Iterator<Item = ValueRef<'v>> {
    positions
        .iter()
        .map(|&at| cells.get(at).copied().unwrap_or(ValueRef::Null))
}

fn owned(cells: &[ValueRef<'_>]) -> Vec<Value> {
    cells.iter().copied().map(Value::from).collect()
}

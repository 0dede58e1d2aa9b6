//! Comparing two replicas of a scope: their rows, their deletions, and what each knows of the other's.

mod fingerprint;

use std::collections::{HashMap, HashSet};

use sync_knowledge::{KeyMapping, Knowledge, Version};
use sync_metadata::{SqlType, Value, ValueRef, row_id};
use sync_provider::{ProviderError, RowRef, TableShape};

use crate::inspect::{ReplicaReader, ReplicaRow};
use fingerprint::Fingerprints;

/// What a comparison found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verification {
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
    /// Keys at which the two differ. A row has one entry, unless each side lacks the other's version of rows that are equal.
    pub differences: Vec<Difference>,
}

/// A key at which two replicas differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The key, in the order of A's key columns.
    pub key: Vec<Value>,
    /// How they differ.
    pub kind: DifferenceKind,
    /// Whether A's knowledge contains the version that B has; `None` where B has none, or the row there is not tracked.
    pub known_to_a: Option<bool>,
    /// Whether B's knowledge contains the version that A has; `None` where A has none, or the row there is not tracked.
    pub known_to_b: Option<bool>,
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
/// Rows that are not tracked count as rows: whoever compares wants to hear of them.
///
/// Tables are matched by global name, columns by name, both without regard to case; content is compared by meaning, in the types that A
/// gives the columns. A tombstone at one side and nothing at the other is no difference as long as the other's knowledge contains it.
///
/// Memory goes with the number of rows of the largest table, some sixty bytes each, not with their size.
///
/// # Errors
/// One side lacks a table, or the primary keys differ; a reader fails; stored knowledge is corrupted.
pub async fn verify(
    a: &mut dyn ReplicaReader,
    b: &mut dyn ReplicaReader,
) -> Result<Verification, ProviderError> {
    let pairs = pair_tables(a, b)?;
    let mut knowledge_a = a.knowledge().await?;
    let mut knowledge_b = b.knowledge().await?;
    let to_b = knowledge_b.mapping_from(knowledge_a.key_map());
    let to_a = knowledge_a.mapping_from(knowledge_b.key_map());
    let mut tables = Vec::new();
    for pair in &pairs {
        let (known_to_a, known_to_b) = (
            Known::new(&knowledge_a, &to_a, pair),
            Known::new(&knowledge_b, &to_b, pair),
        );
        tables.push(compare(a, b, pair, known_to_a, known_to_b).await?);
    }
    Ok(Verification { tables })
}

/// A table at both sides, with the columns that both have.
#[derive(Debug)]
struct Pair {
    name: String,
    /// Indexes of the table.
    tables: [usize; 2],
    /// Positions of the common columns in the cells of each side, in one order.
    columns: [Vec<usize>; 2],
    types: Vec<SqlType>,
    /// Where each of A's key columns stands in B's key.
    key_in_b: Vec<usize>,
    key_types: Vec<SqlType>,
}

/// Whether one side's knowledge contains versions of the other.
struct Known<'a> {
    knowledge: &'a Knowledge,
    mapping: &'a KeyMapping,
    pair: &'a Pair,
}

/// What is kept of a row of A until B's has been seen.
struct Seen {
    /// The fingerprint of its content; `None` for a tombstone.
    content: Option<u128>,
    known_to_b: Option<bool>,
}

/// A row of B as it meets A's.
#[derive(Copy, Clone)]
struct Meeting {
    content: Option<u128>,
    known_to_a: Option<bool>,
}

async fn compare(
    a: &mut dyn ReplicaReader,
    b: &mut dyn ReplicaReader,
    pair: &Pair,
    known_to_a: Known<'_>,
    known_to_b: Known<'_>,
) -> Result<TableVerification, ProviderError> {
    let mut found = TableVerification {
        name: pair.name.clone(),
        rows_a: 0,
        rows_b: 0,
        differences: Vec::new(),
    };
    let mut fingerprints = Fingerprints::default();
    let mut failed = None;
    let mut seen: HashMap<u128, Seen> = HashMap::new();
    a.visit(pair.tables[0], &mut |row| {
        if is_orphan(row) {
            return;
        }
        let key = key_in_order(row.key, None);
        found.rows_a += u64::from(row.cells.is_some());
        let content = row
            .cells
            .map(|cells| pair.content(&mut fingerprints, 0, cells));
        let known_to_b = Some(known_to_b.contains(row.facts.update, &key, &mut failed));
        let key = pair.key(&mut fingerprints, &key);
        seen.insert(
            key,
            Seen {
                content,
                known_to_b,
            },
        );
    })
    .await?;
    a.visit_untracked(pair.tables[0], &mut |key, cells| {
        found.rows_a += 1;
        let content = Some(pair.content(&mut fingerprints, 0, cells));
        let key = pair.key(&mut fingerprints, &key_in_order(key, None));
        let row = Seen {
            content,
            known_to_b: None,
        };
        seen.insert(key, row);
    })
    .await?;

    // Untracked rows come first, since one may stand where the tracking table still has a tombstone.
    let mut untracked = HashSet::new();
    let mut differences = Vec::new();
    let mut meet = |seen: &mut HashMap<u128, Seen>, hash, key: &[ValueRef<'_>], row: Meeting| {
        let twin = seen.remove(&hash);
        for kind in kinds(twin.as_ref(), row) {
            differences.push(Difference {
                key: key.iter().copied().map(Value::from).collect(),
                kind,
                known_to_a: row.known_to_a,
                known_to_b: twin.as_ref().and_then(|twin| twin.known_to_b),
            });
        }
    };
    b.visit_untracked(pair.tables[1], &mut |key, cells| {
        found.rows_b += 1;
        let key = key_in_order(key, Some(&pair.key_in_b));
        let hash = pair.key(&mut fingerprints, &key);
        untracked.insert(hash);
        let content = Some(pair.content(&mut fingerprints, 1, cells));
        let row = Meeting {
            content,
            known_to_a: None,
        };
        meet(&mut seen, hash, &key, row);
    })
    .await?;
    b.visit(pair.tables[1], &mut |row| {
        let key = key_in_order(row.key, Some(&pair.key_in_b));
        let hash = pair.key(&mut fingerprints, &key);
        if is_orphan(row) || untracked.contains(&hash) {
            return;
        }
        found.rows_b += u64::from(row.cells.is_some());
        let content = row
            .cells
            .map(|cells| pair.content(&mut fingerprints, 1, cells));
        let known_to_a = Some(known_to_a.contains(row.facts.update, &key, &mut failed));
        let row = Meeting {
            content,
            known_to_a,
        };
        meet(&mut seen, hash, &key, row);
    })
    .await?;

    // What is left has no counterpart at B. The keys were not kept, so the rows are looked at once more.
    seen.retain(|_, row| row.content.is_some() || row.known_to_b == Some(false));
    let mut leave = |seen: &mut HashMap<u128, Seen>, key: RowRef<'_>| {
        let key = key_in_order(key, None);
        let Some(left) = seen.remove(&pair.key(&mut fingerprints, &key)) else {
            return;
        };
        differences.push(Difference {
            key: key.iter().copied().map(Value::from).collect(),
            kind: match left.content {
                Some(_) => DifferenceKind::MissingInB,
                None => DifferenceKind::NotKnownToB,
            },
            known_to_a: None,
            known_to_b: left.known_to_b,
        });
    };
    if !seen.is_empty() {
        a.visit(pair.tables[0], &mut |row| leave(&mut seen, row.key))
            .await?;
    }
    if !seen.is_empty() {
        a.visit_untracked(pair.tables[0], &mut |key, _| leave(&mut seen, key))
            .await?;
    }
    found.differences = differences;
    match failed {
        Some(error) => Err(error),
        None => Ok(found),
    }
}

/// How a row of B differs from what A has under its key.
fn kinds(twin: Option<&Seen>, row: Meeting) -> Vec<DifferenceKind> {
    let not_known_to_a = row.known_to_a == Some(false);
    let Some(twin) = twin else {
        return match row.content {
            Some(_) => vec![DifferenceKind::MissingInA],
            None if not_known_to_a => vec![DifferenceKind::NotKnownToA],
            None => Vec::new(),
        };
    };
    match (twin.content, row.content) {
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

impl Pair {
    fn key(&self, fingerprints: &mut Fingerprints, key: &[ValueRef<'_>]) -> u128 {
        fingerprints.of(self.key_types.iter().zip(key.iter().copied()))
    }

    fn content(&self, fingerprints: &mut Fingerprints, side: usize, cells: RowRef<'_>) -> u128 {
        let cells: Vec<ValueRef<'_>> = cells.values().collect();
        fingerprints.of(self.types.iter().zip(pick(&cells, &self.columns[side])))
    }
}

impl<'a> Known<'a> {
    fn new(knowledge: &'a Knowledge, mapping: &'a KeyMapping, pair: &'a Pair) -> Self {
        Known {
            knowledge,
            mapping,
            pair,
        }
    }

    /// Whether the knowledge contains a version of the other side. A row id that cannot be made is noted in `failed`.
    fn contains(
        &self,
        version: Version,
        key: &[ValueRef<'_>],
        failed: &mut Option<ProviderError>,
    ) -> bool {
        let Some(version) = self.mapping.version(version) else {
            return false;
        };
        if let Some(known) = self.knowledge.contains_uniform(version) {
            return known;
        }
        match row_id(
            &self.pair.name,
            self.pair.key_types.iter().zip(key.iter().copied()),
        ) {
            Ok(id) => self.knowledge.contains(id.as_bytes(), version),
            Err(error) => {
                let object = format!("table {}", self.pair.name);
                failed.get_or_insert(ProviderError::malformed(object, error.to_string()));
                false
            }
        }
    }
}

fn pair_tables(a: &dyn ReplicaReader, b: &dyn ReplicaReader) -> Result<Vec<Pair>, ProviderError> {
    let scope = &a.scope().description.name;
    let lacking = |shape: &TableShape, side: &str| {
        ProviderError::refused(
            format!("table {}", shape.global_name),
            format!("scope {scope} does not hold it in {side}"),
            "provision both sides with the same tables",
        )
    };
    let find = |shapes: &[TableShape], name: &str| {
        shapes
            .iter()
            .position(|shape| shape.global_name.eq_ignore_ascii_case(name))
    };
    let stranger = |shape: &&TableShape| find(a.shapes(), &shape.global_name).is_none();
    if let Some(shape) = b.shapes().iter().find(stranger) {
        return Err(lacking(shape, "A"));
    }
    let pairs = a.shapes().iter().enumerate().map(|(table, shape)| {
        let other = find(b.shapes(), &shape.global_name).ok_or_else(|| lacking(shape, "B"))?;
        pair(shape, &b.shapes()[other], [table, other])
    });
    pairs.collect()
}

fn pair(a: &TableShape, b: &TableShape, tables: [usize; 2]) -> Result<Pair, ProviderError> {
    let place = |names: &[String], name: &String| {
        names
            .iter()
            .position(|other| other.eq_ignore_ascii_case(name))
    };
    let (keys_a, keys_b) = (a.key_columns(), b.key_columns());
    let key_in_b: Option<Vec<usize>> = keys_a.iter().map(|name| place(&keys_b, name)).collect();
    let Some(key_in_b) = key_in_b.filter(|places| places.len() == keys_b.len()) else {
        return Err(ProviderError::refused(
            format!("table {}", a.global_name),
            format!(
                "its primary key is ({}) in A and ({}) in B",
                keys_a.join(", "),
                keys_b.join(", ")
            ),
            "give both tables the same primary key",
        ));
    };
    let common: Vec<(usize, usize)> = (a.columns.iter().enumerate())
        .filter_map(|(here, name)| Some((here, place(&b.columns, name)?)))
        .collect();
    let (here, there): (Vec<usize>, Vec<usize>) = common.into_iter().unzip();
    Ok(Pair {
        name: a.global_name.clone(),
        tables,
        types: here.iter().map(|&at| a.types[at].clone()).collect(),
        columns: [here, there],
        key_in_b,
        key_types: a.key.iter().map(|&at| a.types[at].clone()).collect(),
    })
}

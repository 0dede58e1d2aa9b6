//! Two replicas' knowledge, the same in every run.

use sync_knowledge::{
    BuildError, IdFormatGroup, ItemId, Knowledge, KnowledgeBuilder, ReplicaId, ReplicaKey,
    ReplicaKeyMap, Tick, Version,
};

/// How the replicas of the two sides relate.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Case {
    /// The same replicas under the same keys, in a key map that both share.
    SameMap,
    /// The same replicas under the same keys, each side read from bytes: nothing is shared.
    Decoded,
    /// The same replicas, met in another order.
    OtherOrder,
    /// As many replicas on both sides; every second one is known to both. Each side met them in its own order.
    HalfShared,
}

impl Case {
    /// All of them.
    pub const ALL: [Case; 4] = [
        Case::SameMap,
        Case::Decoded,
        Case::OtherOrder,
        Case::HalfShared,
    ];

    /// Whether a replica has the same key on both sides.
    fn has_same_keys(self) -> bool {
        matches!(self, Case::SameMap | Case::Decoded)
    }

    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Case::SameMap => "a: same map",
            Case::Decoded => "a: decoded apart",
            Case::OtherOrder => "b: other order",
            Case::HalfShared => "c: half shared",
        }
    }
}

/// The sizes that are measured: replicas a side.
pub const SIZES: [usize; 4] = [8, 64, 1024, 65_536];

/// One side without any representation: each replica with its tick, in the order of its keys. Ticks are less than a million.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side(pub Vec<([u8; 16], Tick)>);

impl Side {
    /// As knowledge of all items, with a key map of its own.
    pub fn knowledge(&self) -> Knowledge {
        self.over(&self.nothing())
    }

    /// Knows nothing, over these replicas.
    fn nothing(&self) -> Knowledge {
        let mut ids = self.0.iter().map(|(id, _)| ReplicaId::from_bytes(id));
        let own = ids
            .next()
            .unwrap_or_else(|| ReplicaId::from_bytes(&[0; 16]));
        let map = ReplicaKeyMap::with_replicas(own, ids);
        Knowledge::with_formats(IdFormatGroup::DATABASE, map)
    }

    /// As knowledge that shares the key map of `nothing`, which has these replicas under these keys.
    fn over(&self, nothing: &Knowledge) -> Knowledge {
        let mut knowledge = nothing.clone();
        for ((_, tick), key) in self.0.iter().zip(0..) {
            knowledge.raise(ReplicaKey(key), *tick);
        }
        knowledge
    }
}

/// Both sides of a case.
pub fn sides(case: Case, n: usize) -> (Side, Side) {
    let mut random = Random::new(n as u64);
    let mine: Vec<_> = (0..n).map(|_| random.replica()).collect();
    let mut theirs = mine.clone();
    if !case.has_same_keys() {
        random.shuffle(&mut theirs);
    }
    for (at, (id, tick)) in theirs.iter_mut().enumerate() {
        let other = random.replica();
        *tick = other.1;
        if case == Case::HalfShared && at % 2 == 1 {
            *id = other.0;
        }
    }
    (Side(mine), Side(theirs))
}

/// Both sides of a case as knowledge.
pub fn knowledge(case: Case, n: usize) -> (Knowledge, Knowledge) {
    let (mine, theirs) = sides(case, n);
    if case == Case::SameMap {
        let nothing = mine.nothing();
        return (mine.over(&nothing), theirs.over(&nothing));
    }
    let (mine, theirs) = (mine.knowledge(), theirs.knowledge());
    if case == Case::Decoded {
        return (read_again(&mine), read_again(&theirs));
    }
    (mine, theirs)
}

/// The same from its bytes, which shares nothing with what it was written from.
#[expect(clippy::expect_used, reason = "what was just written is valid")]
fn read_again(knowledge: &Knowledge) -> Knowledge {
    Knowledge::from_bytes(&knowledge.to_bytes()).expect("what was written")
}

/// The last replica of a side with its tick; where the sides share half, one that the other does not have.
#[expect(clippy::expect_used, reason = "no size is 0")]
pub fn last(side: &Side) -> ([u8; 16], Tick) {
    *side.0.last().expect("a replica")
}

/// The version of every replica of `side`, in no order.
pub fn versions(side: &Side) -> Vec<Version> {
    let replicas = side.0.iter().zip(0..);
    let mut versions: Vec<Version> = replicas
        .map(|((_, tick), key)| Version::new(ReplicaKey(key), *tick))
        .collect();
    Random::new(1).shuffle(&mut versions);
    versions
}

/// Knowledge of 8 replicas with this many single items of which something else is known than of all others; `seed` picks the items.
pub fn with_exceptions(exceptions: usize, seed: u64) -> Knowledge {
    let mut random = Random::new(seed);
    let mut items: Vec<ItemId> = (0..exceptions).map(|_| item(random.next())).collect();
    items.sort_unstable();
    #[expect(clippy::expect_used, reason = "random ids are distinct")]
    knowing_more_of(&items).expect("items in order")
}

fn knowing_more_of(items: &[ItemId]) -> Result<Knowledge, BuildError> {
    let usual = sides(Case::SameMap, 8).0.knowledge();
    let vector = usual.vector_at(&[0], &[]);
    let mut builder = KnowledgeBuilder::new(usual.formats(), usual.key_map().clone())
        .range(ItemId::zero(), vector.clone())?;
    for (item, at) in items.iter().zip(0..) {
        let mut more = vector.clone();
        more.raise(ReplicaKey(at % 8), 2_000_000 + Tick::from(at));
        builder = builder.range(item.clone(), more)?;
        if let Some(next) = item.successor(&usual.formats().item) {
            builder = builder.range(next, vector.clone())?;
        }
    }
    Ok(builder.build())
}

/// An item id like those of the database providers.
pub fn item(number: u64) -> ItemId {
    ItemId::from_text(&format!("[sales].[customer]-{number:016x}"))
}

/// Pseudo-random numbers (SplitMix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence of a seed.
    pub fn new(seed: u64) -> Self {
        Random(seed)
    }

    /// The next number.
    #[expect(clippy::should_implement_trait, reason = "the sequence has no end")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Brings `all` into some order.
    pub fn shuffle<T>(&mut self, all: &mut [T]) {
        for last in (1..all.len()).rev() {
            all.swap(last, (self.next() % (last as u64 + 1)) as usize);
        }
    }

    fn replica(&mut self) -> ([u8; 16], Tick) {
        let id = u128::from(self.next()) << 64 | u128::from(self.next());
        (id.to_be_bytes(), 1 + self.next() % 999_999)
    }
}

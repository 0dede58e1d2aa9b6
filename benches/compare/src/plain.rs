//! Containers of the standard library with the code that a careful programmer would write around them.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::rival::Rival;

/// A name of 64 bits for a GUID.
pub fn first_word(id: [u8; 16]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = id;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// What a replica's name is in a plain container.
pub trait Name: Copy + Ord {
    /// The name that stands for a GUID.
    fn of(id: [u8; 16]) -> Self;
    /// The names of the containers in tables: a tree, a sorted vector.
    const CONTAINERS: [&'static str; 2];
}

impl Name for [u8; 16] {
    const CONTAINERS: [&'static str; 2] = ["BTreeMap", "sorted vector"];

    fn of(id: [u8; 16]) -> Self {
        id
    }
}

impl Name for u64 {
    const CONTAINERS: [&'static str; 2] = ["BTreeMap (u64)", "sorted vector (u64)"];

    fn of(id: [u8; 16]) -> Self {
        first_word(id)
    }
}

/// A tree of ticks.
#[derive(Clone, Debug)]
pub struct Tree<N>(BTreeMap<N, u64>);

impl<N: Name> Rival for Tree<N> {
    const NAME: &'static str = N::CONTAINERS[0];
    type Key = N;

    fn key(id: [u8; 16]) -> N {
        N::of(id)
    }

    fn of(ticks: impl Iterator<Item = (N, u64)>) -> Self {
        Tree(ticks.collect())
    }

    fn merged(&self, other: &Self) -> Self {
        let mut merged = self.clone();
        for (name, tick) in &other.0 {
            let mine = merged.0.entry(*name).or_insert(0);
            *mine = (*mine).max(*tick);
        }
        merged
    }

    fn compare(&self, other: &Self) -> Option<Ordering> {
        relation(joint(pairs(&self.0), pairs(&other.0)))
    }

    fn contains_all(&self, other: &Self) -> bool {
        joint(pairs(&self.0), pairs(&other.0)).all(|(mine, theirs)| theirs <= mine)
    }

    fn contains(&self, replica: N, tick: u64) -> bool {
        self.0.get(&replica).is_some_and(|known| tick <= *known)
    }
}

/// Pairs in the order of their names.
#[derive(Clone, Debug)]
pub struct Sorted<N>(Vec<(N, u64)>);

impl<N: Name> Rival for Sorted<N> {
    const NAME: &'static str = N::CONTAINERS[1];
    type Key = N;

    fn key(id: [u8; 16]) -> N {
        N::of(id)
    }

    fn of(ticks: impl Iterator<Item = (N, u64)>) -> Self {
        let mut pairs: Vec<_> = ticks.collect();
        pairs.sort_unstable();
        Sorted(pairs)
    }

    fn merged(&self, other: &Self) -> Self {
        let (mine, theirs) = (&self.0, &other.0);
        let mut merged = Vec::with_capacity(mine.len() + theirs.len());
        let (mut at, mut there) = (0, 0);
        while at < mine.len() && there < theirs.len() {
            match mine[at].0.cmp(&theirs[there].0) {
                Ordering::Less => {
                    merged.push(mine[at]);
                    at += 1;
                }
                Ordering::Greater => {
                    merged.push(theirs[there]);
                    there += 1;
                }
                Ordering::Equal => {
                    merged.push((mine[at].0, mine[at].1.max(theirs[there].1)));
                    at += 1;
                    there += 1;
                }
            }
        }
        merged.extend_from_slice(&mine[at..]);
        merged.extend_from_slice(&theirs[there..]);
        Sorted(merged)
    }

    fn compare(&self, other: &Self) -> Option<Ordering> {
        relation(joint(self.0.iter().copied(), other.0.iter().copied()))
    }

    fn contains_all(&self, other: &Self) -> bool {
        joint(self.0.iter().copied(), other.0.iter().copied()).all(|(mine, theirs)| theirs <= mine)
    }

    fn contains(&self, replica: N, tick: u64) -> bool {
        let place = self.0.binary_search_by_key(&replica, |pair| pair.0);
        place.is_ok_and(|at| tick <= self.0[at].1)
    }
}

fn pairs<N: Copy>(tree: &BTreeMap<N, u64>) -> impl Iterator<Item = (N, u64)> {
    tree.iter().map(|(name, tick)| (*name, *tick))
}

/// Both ticks of every name that either has.
fn joint<N: Ord>(
    a: impl Iterator<Item = (N, u64)>,
    b: impl Iterator<Item = (N, u64)>,
) -> impl Iterator<Item = (u64, u64)> {
    let (mut a, mut b) = (a.peekable(), b.peekable());
    std::iter::from_fn(move || {
        let order = match (a.peek(), b.peek()) {
            (Some(a), Some(b)) => a.0.cmp(&b.0),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return None,
        };
        let mine = if order.is_le() { a.next() } else { None };
        let theirs = if order.is_ge() { b.next() } else { None };
        Some((
            mine.map_or(0, |pair| pair.1),
            theirs.map_or(0, |pair| pair.1),
        ))
    })
}

fn relation(joint: impl Iterator<Item = (u64, u64)>) -> Option<Ordering> {
    let (mut less, mut greater) = (false, false);
    for (mine, theirs) in joint {
        less |= mine < theirs;
        greater |= mine > theirs;
        if less && greater {
            return None;
        }
    }
    Some(greater.cmp(&less))
}

//! The canonical state of a replica: what decides about its future, and what the watcher keeps of its past.

use std::fmt;

use sync_knowledge::{ReplicaId, Tick};

use super::member::View;
use super::names::{Names, Who};

/// A version: `(1, 2)` or `(s1, 2)`.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamped {
    /// The replica or settlement replica.
    pub who: Who,
    /// Its tick.
    pub tick: u32,
}

/// A row or tombstone as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stored {
    /// `None` for a tombstone.
    pub content: Option<u8>,
    /// Version of its creation.
    pub create: Stamped,
    /// Version of its last change.
    pub update: Stamped,
    /// Time of the last change.
    pub time: Option<i64>,
    /// Who made it.
    pub writer: Option<Who>,
}

/// A replica at a moment. States that are equal have the same future.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// Index of the replica.
    pub own: u8,
    /// The row of each item.
    pub rows: Vec<Option<Stored>>,
    /// Ticks of all replicas and settlement replicas, for each probe of [`Names::probes`] in turn.
    pub known: Vec<u32>,
    /// Whether all items are known alike.
    pub uniform: bool,
    /// Items that the replica asks for by key.
    pub waiting: Vec<usize>,
    /// Whether equal rows of others would be adopted.
    pub pristine: bool,
    /// Kept by the watcher: items whose writes fail.
    pub failing: Vec<usize>,
    /// Kept by the watcher: for each item every version that the row descends from, itself included,
    /// or that was set against it in a recorded conflict. In ascending order.
    pub accounted: Vec<Vec<Stamped>>,
}

impl State {
    /// What `view` shows, with nothing accounted for yet.
    ///
    /// # Errors
    /// A version or a writer outside the community.
    pub fn of(names: &Names, own: u8, view: &View) -> Result<State, String> {
        let items = names.probes.len() / 2;
        let mut rows = vec![None; items];
        for (item, row) in &view.rows {
            let writer = row.writer.as_ref().map(|id| who(names, id)).transpose()?;
            let stored = Stored {
                content: row.content,
                create: stamped(names, &row.create)?,
                update: stamped(names, &row.update)?,
                time: row.time,
                writer,
            };
            *rows.get_mut(*item).ok_or("a row that nobody wrote")? = Some(stored);
        }
        let keys: Vec<_> = names
            .replicas
            .iter()
            .map(|id| view.knowledge.key_map().key(id))
            .collect();
        let mut known = Vec::with_capacity(names.probes.len() * keys.len());
        for probe in &names.probes {
            let tick = |key| view.knowledge.tick_at(probe.as_bytes(), key) as u32;
            known.extend(keys.iter().map(|key| key.map_or(0, tick)));
        }
        let (uniform, pristine) = (view.knowledge.is_uniform(), view.pristine);
        let waiting = view.waiting.clone();
        let accounted = vec![Vec::new(); items];
        let failing = Vec::new();
        Ok(State {
            own,
            rows,
            known,
            uniform,
            waiting,
            pristine,
            failing,
            accounted,
        })
    }

    /// Whether the replica claims to know this version of an item.
    pub fn claims(&self, item: usize, version: Stamped) -> bool {
        let width = 2 * self.replicas();
        let known = &self.known[(2 * item + 1) * width..][..width];
        known[version.who.index(self.replicas())] >= version.tick
    }

    /// How many local changes were made.
    pub fn writes(&self) -> u32 {
        self.known[usize::from(self.own)]
    }

    /// How many replicas the community has.
    pub fn replicas(&self) -> usize {
        let probes = 2 * self.rows.len() + 1;
        self.known.len() / probes / 2
    }
}

/// As `replica 1 holds P as (s1, 1), knows 0:2 1:3 s1:1`; `s1` is the settlement replica of 1.
impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "replica {} holds ", self.own)?;
        for row in &self.rows {
            match row {
                None => write!(f, "nothing, ")?,
                Some(row) => write!(f, "{row}, ")?,
            }
        }
        write!(f, "knows")?;
        let known = self.known.iter().take(2 * self.replicas()).enumerate();
        for (index, tick) in known.filter(|(_, tick)| **tick > 0) {
            write!(f, " {}:{tick}", Who::at(index, self.replicas()))?;
        }
        if !self.uniform {
            write!(f, " with exceptions")?;
        }
        if !self.waiting.is_empty() {
            write!(f, ", waits for {:?}", self.waiting)?;
        }
        if !self.failing.is_empty() {
            write!(f, ", cannot write {:?}", self.failing)?;
        }
        Ok(())
    }
}

impl fmt::Display for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let content = self.content.map_or("a deletion", Names::content);
        write!(f, "{content} as {:?}", self.update)
    }
}

impl fmt::Debug for Stamped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}, {})", self.who, self.tick)
    }
}

fn stamped(names: &Names, version: &(ReplicaId, Tick)) -> Result<Stamped, String> {
    Ok(Stamped {
        who: who(names, &version.0)?,
        tick: version.1 as u32,
    })
}

fn who(names: &Names, id: &ReplicaId) -> Result<Who, String> {
    names
        .who(id)
        .ok_or_else(|| format!("replica {id} does not belong to the community"))
}

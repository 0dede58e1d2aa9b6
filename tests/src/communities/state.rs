//! The canonical state of a replica: what decides about its future, and what the watcher keeps of its past.

use std::fmt;

use sync_knowledge::{ReplicaId, Tick};

use super::member::View;
use super::names::Names;

/// A version by the index of its replica in [`Names::replicas`].
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamped {
    /// Index of the replica or settlement replica.
    pub who: u8,
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
    pub writer: Option<u8>,
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
    pub newcomer: bool,
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
            let writer = row.writer.as_ref().map(|id| index(names, id)).transpose()?;
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
        let (uniform, newcomer) = (view.knowledge.is_uniform(), view.newcomer);
        let waiting = view.waiting.clone();
        let accounted = vec![Vec::new(); items];
        let failing = Vec::new();
        Ok(State {
            own,
            rows,
            known,
            uniform,
            waiting,
            newcomer,
            failing,
            accounted,
        })
    }

    /// Whether the replica claims to know this version of an item.
    pub fn claims(&self, item: usize, version: Stamped) -> bool {
        self.known_at(item)[version.who as usize] >= version.tick
    }

    /// The ticks that are known of an item.
    pub fn known_at(&self, item: usize) -> &[u32] {
        let width = self.known.len() / (2 * self.rows.len() + 1);
        &self.known[(2 * item + 1) * width..][..width]
    }

    /// How many local changes were made.
    pub fn writes(&self) -> u32 {
        self.known[self.own as usize]
    }

    /// Index of the replica's settlement replica.
    pub fn settler(&self) -> u8 {
        self.own + (self.known.len() / (2 * self.rows.len() + 1) / 2) as u8
    }
}

/// As `replica 1 holds P as (s1, 1), knows 0:2 1:3 s1:1`; `s1` is the settlement replica of 1.
impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let replicas = self.settler() - self.own;
        let who = |who: u8| match who.checked_sub(replicas) {
            Some(who) => format!("s{who}"),
            None => who.to_string(),
        };
        write!(f, "replica {} holds", self.own)?;
        for row in &self.rows {
            match row {
                None => write!(f, " nothing,")?,
                Some(row) => {
                    let content = row.content.map_or("a deletion", Names::content);
                    write!(
                        f,
                        " {content} as ({}, {}),",
                        who(row.update.who),
                        row.update.tick
                    )?;
                }
            }
        }
        let known = self
            .known
            .iter()
            .take(2 * usize::from(replicas))
            .enumerate();
        let known: Vec<String> = known
            .filter(|(_, tick)| **tick > 0)
            .map(|(index, tick)| format!("{}:{tick}", who(index as u8)))
            .collect();
        write!(f, " knows {}", known.join(" "))?;
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

impl fmt::Debug for Stamped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}, {})", self.who, self.tick)
    }
}

fn stamped(names: &Names, version: &(ReplicaId, Tick)) -> Result<Stamped, String> {
    Ok(Stamped {
        who: index(names, &version.0)?,
        tick: version.1 as u32,
    })
}

fn index(names: &Names, id: &ReplicaId) -> Result<u8, String> {
    names
        .index(id)
        .ok_or_else(|| format!("replica {id} does not belong to the community"))
}

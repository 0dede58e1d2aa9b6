//! What must hold at every step, whatever was done before, and when a community has come to rest.

use std::fmt;

use sync_provider::{ConflictRecord, ConflictSide};

use super::names::{Names, Who};
use super::state::{Stamped, State, Stored};

/// A law that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// Knowledge claims a version that the row does not descend from.
    FalseClaim(String),
    /// A version was overwritten by one that does not know it, without a record.
    Lost(String),
    /// Something was written that no rule allows.
    Invented(String),
    /// A row that failed was learned, or is not remembered.
    Forgotten(String),
    /// What a transfer changed is no step upwards, or goes beyond what both sides knew.
    NotUpwards(String),
    /// No session between neighbours does anything any more, and yet the community is not quiet.
    NotQuiet(String),
    /// The same community came back, or rounds went on and on.
    Oscillates(String),
    /// A replica refused to do its part.
    Refused(String),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (law, detail) = match self {
            Violation::FalseClaim(detail) => ("knowledge claims what is not there", detail),
            Violation::Lost(detail) => ("a version was lost without a record", detail),
            Violation::Invented(detail) => ("a row was written that no rule allows", detail),
            Violation::Forgotten(detail) => ("a failed row is not remembered", detail),
            Violation::NotUpwards(detail) => ("a transfer is no step upwards", detail),
            Violation::NotQuiet(detail) => ("at rest but not quiet", detail),
            Violation::Oscillates(detail) => ("never quiet", detail),
            Violation::Refused(detail) => ("a replica refused", detail),
        };
        write!(f, "{law}: {detail}")
    }
}

impl std::error::Error for Violation {}

/// A transfer as it was seen from outside.
pub(crate) struct Transfer<'a> {
    pub(crate) names: &'a Names,
    pub(crate) source: &'a State,
    pub(crate) source_after: &'a State,
    pub(crate) before: &'a State,
    /// Rows that were there since the direction began and that an application has replaced, by item.
    pub(crate) replaced: &'a [Vec<Stored>],
    pub(crate) after: &'a State,
    pub(crate) records: &'a [ConflictRecord],
    /// Whether the policy may leave conflicts for later.
    pub(crate) deferring: bool,
    /// Whether the session lived to show its records: of a commit whose answer was lost nobody heard them.
    pub(crate) told: bool,
}

impl Transfer<'_> {
    /// Checks the transfer and says what the destination's rows account for afterwards.
    pub(crate) fn check(&self) -> Result<Vec<Vec<Stamped>>, Violation> {
        let mut accounted = Vec::with_capacity(self.before.rows.len());
        for item in 0..self.before.rows.len() {
            accounted.push(self.check_item(item)?);
        }
        self.check_knowledge()?;
        self.check_source()?;
        Ok(accounted)
    }

    fn check_item(&self, item: usize) -> Result<Vec<Stamped>, Violation> {
        let (before, after) = (
            self.before.rows[item].as_ref(),
            self.after.rows[item].as_ref(),
        );
        let mine = &self.before.accounted[item];
        let tell = |what: &str| {
            let incoming = &self.source.rows[item];
            let (before, incoming, after) = (show(before), show(incoming.as_ref()), show(after));
            format!("item {item}, {what}: {before} met {incoming} and became {after}")
        };
        let Some(incoming) = self.source.rows[item].as_ref() else {
            return match before == after {
                true => Ok(mine.clone()),
                false => Err(Violation::Invented(tell("nothing came in"))),
            };
        };
        let theirs = &self.source.accounted[item];
        let both = union(mine, theirs);
        if self.before.claims(item, incoming.update) {
            return match before == after {
                true => Ok(both),
                false => Err(Violation::Invented(tell("a known version came in"))),
            };
        }
        if !self.after.claims(item, incoming.update) {
            let excused = self.deferring || self.before.failing.contains(&item);
            return match (
                before == after,
                excused && self.after.waiting.contains(&item),
            ) {
                (true, true) => Ok(mine.clone()),
                (false, _) => Err(Violation::Invented(tell(
                    "the incoming version was not learned",
                ))),
                (true, false) => Err(Violation::Forgotten(tell("the row was left"))),
            };
        }
        let Some(after) = after else {
            return Err(Violation::FalseClaim(tell("learned without a row")));
        };
        if self.before.failing.contains(&item) && Some(after) != before {
            return Err(Violation::Invented(tell("the row cannot be written")));
        }
        let Some(before) = before else {
            return match same_row(after, incoming) && after.update == incoming.update {
                true => Ok(both),
                false => Err(Violation::Invented(tell(
                    "a new row differs from what came",
                ))),
            };
        };
        let descends = theirs.contains(&before.update);
        let precedes = mine.contains(&incoming.update);
        let concurrent = !descends && !precedes;
        if concurrent
            && before.content != incoming.content
            && self.told
            && !self.recorded(item, before, incoming)
            && !(same_row(after, before) && self.stayed(item, incoming))
        {
            let told = format!("not among the records {:?}", self.records);
            return Err(Violation::Lost(tell(&told)));
        }
        if after.update == incoming.update && !precedes {
            return match same_row(after, incoming) {
                true => Ok(both),
                false => Err(Violation::Invented(tell(
                    "a version is stored with another row",
                ))),
            };
        }
        if after.update == before.update && !descends {
            return match same_row(after, before) {
                true => Ok(both),
                false => Err(Violation::Invented(tell("a version changed its row"))),
            };
        }
        let own = after.update.who.replica == self.after.own;
        let fresh = own && !self.before.claims(item, after.update) && !both.contains(&after.update);
        match concurrent && fresh && (same_row(after, before) || same_row(after, incoming)) {
            true => Ok(union(&both, &[after.update])),
            false => Err(Violation::Invented(tell(
                "the outcome is not one of the two",
            ))),
        }
    }

    /// Whether a record names both rows.
    fn recorded(&self, item: usize, local: &Stored, remote: &Stored) -> bool {
        let shows = |side: &ConflictSide, row: &Stored| {
            let version = (&side.replica, side.tick as u32, side.deleted);
            let who = &self.names.replicas[row.update.who.index(self.names.len())];
            version == (who, row.update.tick, row.content.is_none())
        };
        self.records.iter().any(|record| {
            record.key == [sync_metadata::Value::Integer(item as i64)]
                && record.local.as_ref().is_some_and(|seen| shows(seen, local))
                && shows(&record.remote, remote)
        })
    }

    /// Whether it is told that a row stayed and another one did not come in its place, or need not be. An application may have replaced the row that this
    /// was decided of.
    fn stayed(&self, item: usize, remote: &Stored) -> bool {
        let mut replaced = self.replaced.get(item).into_iter().flatten();
        replaced.any(|local| local.content == remote.content || self.recorded(item, local, remote))
    }

    /// A source shows nothing new afterwards, but that its own clock may have gone on.
    fn check_source(&self) -> Result<(), Violation> {
        let (before, after) = (self.source, self.source_after);
        let width = self.names.replicas.len();
        let pairs = before.known.iter().zip(&after.known).enumerate();
        let learned = |(index, (before, after)): (usize, (&u32, &u32))| {
            before > after || before < after && index % width != usize::from(self.source.own)
        };
        match before.rows != after.rows || pairs.clone().any(learned) {
            true => Err(Violation::Invented("a transfer changed its source".into())),
            false => Ok(()),
        }
    }

    /// Knowledge grows, by no more than the source knew and what was settled here; where nothing
    /// grows nothing changes but the memory of rows that wait.
    fn check_knowledge(&self) -> Result<(), Violation> {
        let (before, after) = (self.before, self.after);
        let width = self.names.replicas.len();
        let tell = |what: &str, index: usize| {
            let (probe, who) = (index / width, Who::at(index % width, width / 2));
            let ticks = (
                before.known[index],
                self.source.known[index],
                after.known[index],
            );
            format!(
                "{what} for replica {who} at probe {probe}: (before, source, after) = {ticks:?}"
            )
        };
        let issued = after.rows.iter().flatten().map(|row| row.update);
        let issued: Vec<Stamped> = issued
            .filter(|version| version.who.settlement && version.who.replica == after.own)
            .collect();
        for (index, &tick) in after.known.iter().enumerate() {
            let who = Who::at(index % width, width / 2);
            if tick < before.known[index] {
                return Err(Violation::NotUpwards(tell("knowledge shrank", index)));
            }
            let here = issued
                .iter()
                .filter(|version| version.who == who)
                .map(|version| version.tick);
            // The source's own clock may have gone on before it was read; nothing else has, or it would be no law that it shows nothing new.
            let most = before.known[index]
                .max(self.source_after.known[index])
                .max(here.max().unwrap_or(0));
            if tick > most && (who.settlement || who.replica != after.own) {
                return Err(Violation::NotUpwards(tell(
                    "knowledge grew beyond what was taught",
                    index,
                )));
            }
        }
        let moved = after.rows != before.rows
            || before
                .waiting
                .iter()
                .any(|item| !after.waiting.contains(item));
        if moved && after.known == before.known {
            return Err(Violation::NotUpwards(
                "rows changed and knowledge did not grow".into(),
            ));
        }
        Ok(())
    }
}

/// Checks the laws that tie the members of a community to each other.
pub(crate) fn check_community(members: &[&State]) -> Result<(), Violation> {
    let items = members.first().map_or(0, |state| state.rows.len());
    for item in 0..items {
        for (one, state) in members.iter().enumerate() {
            let Some(row) = &state.rows[item] else {
                continue;
            };
            if !state.claims(item, row.update) {
                let detail =
                    format!("replica {one} holds {row} of item {item} and does not know it");
                return Err(Violation::FalseClaim(detail));
            }
            for (other, peer) in members.iter().enumerate() {
                for version in &state.accounted[item] {
                    if peer.claims(item, *version)
                        && peer.accounted[item].binary_search(version).is_err()
                    {
                        let held = show(peer.rows[item].as_ref());
                        return Err(Violation::FalseClaim(format!(
                            "replica {other} claims {version:?} of item {item} and holds {held}, \
                             which does not descend from it"
                        )));
                    }
                }
                let twin = peer.rows[item]
                    .as_ref()
                    .filter(|twin| twin.update == row.update);
                if twin.is_some_and(|twin| twin != row) {
                    let detail = format!(
                        "replicas {one} and {other} hold {row:?} and {twin:?} of item {item}",
                    );
                    return Err(Violation::Invented(detail));
                }
            }
        }
    }
    Ok(())
}

/// Whether a community is quiet: equal rows everywhere, no row facing a deletion, everybody knows
/// every version that anybody holds, nothing waits, and knowledge has no exceptions left.
///
/// # Errors
/// [`Violation::NotQuiet`] says what is missing.
pub fn quiet(members: &[&State]) -> Result<(), Violation> {
    let not_quiet = |detail: String| Err(Violation::NotQuiet(detail));
    let items = members.first().map_or(0, |state| state.rows.len());
    for (one, state) in members.iter().enumerate() {
        if !state.uniform || !state.waiting.is_empty() {
            return not_quiet(format!(
                "replica {one} has exceptions or waits for {:?}",
                state.waiting
            ));
        }
        for (other, peer) in members.iter().enumerate() {
            for item in 0..items {
                let (row, twin) = (&state.rows[item], &peer.rows[item]);
                let content = |row: &Option<Stored>| row.as_ref().map(|row| row.content);
                if content(row) != content(twin) {
                    return not_quiet(format!(
                        "replica {one} holds {} and replica {other} holds {}",
                        show(row.as_ref()),
                        show(twin.as_ref())
                    ));
                }
                if row
                    .as_ref()
                    .is_some_and(|row| !peer.claims(item, row.update))
                {
                    return not_quiet(format!(
                        "replica {other} does not know {} of replica {one}",
                        show(row.as_ref())
                    ));
                }
            }
        }
    }
    Ok(())
}

fn show(row: Option<&Stored>) -> String {
    row.map_or("nothing".to_owned(), Stored::to_string)
}

fn same_row(a: &Stored, b: &Stored) -> bool {
    (a.content, a.create, a.time, a.writer) == (b.content, b.create, b.time, b.writer)
}

fn union(a: &[Stamped], b: &[Stamped]) -> Vec<Stamped> {
    let mut all = [a, b].concat();
    all.sort_unstable();
    all.dedup();
    all
}

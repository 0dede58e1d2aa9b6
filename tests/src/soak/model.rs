//! What each replica holds and what its rows descend from, as far as could be seen, and the laws that every change has to keep.

use std::sync::{Arc, Mutex};

use sync_provider::ConflictRecord;

use super::database::scope_name;
use super::plan::{FIRST_UNIQUE, Seat};
use crate::communities::{Names, State, Stored, Transfer, Who, check_community, quiet};
use crate::support::engines::Database;
use crate::support::member::view;

/// The community as it was last seen.
#[derive(Debug)]
pub(super) struct Model {
    names: Names,
    seats: Vec<Seat>,
    databases: Arc<Vec<Database>>,
    states: Vec<State>,
    /// By seat and item: rows that an application has replaced since the direction began.
    replaced: Vec<Vec<Vec<Stored>>>,
    /// The sources of the session under way as their enumerations saw them, by side.
    sources: [Option<State>; 2],
    /// A commit whose records have not been told yet.
    committed: Option<Committed>,
}

/// A session as far as the laws ask for it.
#[derive(Copy, Clone, Debug)]
pub(super) struct Rules {
    /// The seats of the local and of the remote side.
    pub(super) sides: [usize; 2],
    /// Rows may be left for later without a constraint that refuses them.
    pub(super) may_defer: bool,
}

/// What a session told of conflicts so far.
pub(super) type Told = Arc<Mutex<Vec<ConflictRecord>>>;

#[derive(Debug)]
struct Committed {
    rules: Rules,
    source: State,
    before: State,
}

impl Model {
    pub(super) fn new(
        names: Names,
        seats: Vec<Seat>,
        databases: Arc<Vec<Database>>,
    ) -> Result<Self, String> {
        let mut model = Model {
            names,
            seats,
            databases,
            states: Vec::new(),
            replaced: Vec::new(),
            sources: [None, None],
            committed: None,
        };
        for seat in 0..model.seats.len() {
            let state = model.look(seat)?;
            model.replaced.push(vec![Vec::new(); state.rows.len()]);
            model.states.push(state);
        }
        Ok(model)
    }

    /// An application wrote into a database.
    pub(super) fn written(&mut self, database: usize) -> Result<(), String> {
        let seats = (0..self.seats.len()).filter(|seat| self.seats[*seat].database == database);
        for seat in seats.collect::<Vec<_>>() {
            self.changed_here(seat)?;
        }
        Ok(())
    }

    /// The source of a direction has its snapshot.
    pub(super) fn enumerating(&mut self, side: usize, seat: usize) -> Result<(), String> {
        self.changed_here(seat)?;
        self.replaced.iter_mut().flatten().for_each(Vec::clear);
        self.sources[side] = Some(self.states[seat].clone());
        Ok(())
    }

    /// A direction was committed at a side.
    pub(super) fn committed(&mut self, side: usize, rules: Rules) -> Result<(), String> {
        let seat = rules.sides[side];
        let after = self.look(seat)?;
        let before = std::mem::replace(&mut self.states[seat], after);
        self.states[seat].accounted.clone_from(&before.accounted);
        let source = self.sources[1 - side].clone();
        let source = source.ok_or("a commit without an enumeration")?;
        // A commit that was carried out, whose answer was lost, and that was tried again is one.
        let before = match self.committed.take() {
            Some(earlier) => earlier.before,
            None => before,
        };
        self.committed = Some(Committed {
            rules,
            source,
            before,
        });
        let Seat { database, .. } = self.seats[seat];
        let others = (0..self.seats.len())
            .filter(|other| *other != seat && self.seats[*other].database == database);
        for other in others.collect::<Vec<_>>() {
            self.changed_here(other)?;
        }
        Ok(())
    }

    /// Whether a commit waits for its records.
    pub(super) fn has_untold(&self) -> bool {
        self.committed.is_some()
    }

    /// Checks the last commit, whose records were told, unless its answer was lost.
    pub(super) fn account(&mut self, records: &Told, told: bool) -> Result<(), String> {
        let Some(Committed {
            rules,
            source,
            before,
        }) = self.committed.take()
        else {
            return Ok(());
        };
        let seat = usize::from(before.own);
        let unique = |state: &State| {
            let contents = state.rows.iter().flatten().filter_map(|row| row.content);
            contents.into_iter().any(|content| content >= FIRST_UNIQUE)
        };
        let records = records.lock().expect("nobody panicked with it");
        let transfer = Transfer {
            names: &self.names,
            source: &source,
            source_after: &source,
            before: &before,
            replaced: &self.replaced[seat],
            after: &self.states[seat],
            records: &records,
            deferring: rules.may_defer || unique(&source),
            told,
        };
        let accounted = transfer
            .check()
            .map_err(|violation| violation.to_string())?;
        self.states[seat].accounted = accounted;
        Ok(())
    }

    /// The session is over: but for what was seen nothing happened in its databases, and the laws between the members of a community hold.
    pub(super) fn rest(&mut self, databases: &[usize]) -> Result<(), String> {
        self.sources = [None, None];
        for seat in 0..self.seats.len() {
            if !databases.contains(&self.seats[seat].database) {
                continue;
            }
            let before = self.states[seat].clone();
            self.changed_here(seat)?;
            let now = &self.states[seat];
            if before.rows != now.rows {
                return Err(format!(
                    "something happened unseen: {before} and then {now}"
                ));
            }
        }
        let scopes = self
            .seats
            .iter()
            .map(|seat| seat.scope + 1)
            .max()
            .unwrap_or(0);
        for scope in 0..scopes {
            check_community(&self.community(scope)).map_err(|violation| violation.to_string())?;
        }
        Ok(())
    }

    /// Whether nothing is left to do.
    pub(super) fn quiet(&self) -> Result<(), String> {
        let scopes = self
            .seats
            .iter()
            .map(|seat| seat.scope + 1)
            .max()
            .unwrap_or(0);
        (0..scopes).try_for_each(|scope| {
            quiet(&self.community(scope)).map_err(|violation| violation.to_string())
        })
    }

    pub(super) fn state(&self, seat: usize) -> &State {
        &self.states[seat]
    }

    pub(super) fn seat(&self, seat: usize) -> Seat {
        self.seats[seat]
    }

    fn community(&self, scope: usize) -> Vec<&State> {
        let members = self.seats.iter().zip(&self.states);
        members
            .filter(|(seat, _)| seat.scope == scope)
            .map(|(_, state)| state)
            .collect()
    }

    fn look(&self, seat: usize) -> Result<State, String> {
        let Seat { database, scope } = self.seats[seat];
        let (database, own) = (&self.databases[database], &self.names.replicas[seat]);
        let view = view(database, &scope_name(scope), own);
        State::of(&self.names, seat as u8, &view)
    }

    /// Whatever differs from what was seen last was changed in this database, by an application or, for this scope, through another one.
    fn changed_here(&mut self, seat: usize) -> Result<(), String> {
        let mut now = self.look(seat)?;
        let before = &self.states[seat];
        now.accounted.clone_from(&before.accounted);
        let own = Who {
            settlement: false,
            replica: seat as u8,
        };
        for (item, row) in now.rows.iter().enumerate() {
            if *row == before.rows[item] {
                continue;
            }
            let Some(row) = row else {
                return Err(format!("seat {seat} forgot item {item}: {before}"));
            };
            if row.update.who != own || now.accounted[item].contains(&row.update) {
                return Err(format!(
                    "seat {seat}: a local change of item {item} made {row:?}, before: {before}"
                ));
            }
            self.replaced[seat][item].extend(before.rows[item].clone());
            now.accounted[item].push(row.update);
            now.accounted[item].sort_unstable();
        }
        let width = self.names.replicas.len();
        let mut pairs = before.known.iter().zip(&now.known).enumerate();
        let learned = pairs.any(|(index, (before, now))| before != now && index % width != seat);
        if learned || before.waiting != now.waiting {
            return Err(format!(
                "seat {seat} learned something without a session: {before} and then {now}"
            ));
        }
        self.states[seat] = now;
        Ok(())
    }
}

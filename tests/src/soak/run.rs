//! A plan carried out once.

use std::sync::{Arc, Mutex};

use sync_provider::{ConflictPolicy, ProviderError};

use super::database::{Written, contents, create, holding_unique, write};
use super::model::Model;
use super::plan::{Edit, FIRST_UNIQUE, Fault, Meeting, Plan, Policy, Step};
use super::session::{self, Ended, lock};
use super::tally::Tally;
use crate::communities::Names;
use crate::support::engines::{Database, Engine};

/// What happened, and what it came to.
pub(super) struct Run<'p> {
    plan: &'p Plan,
    names: Names,
    databases: Arc<Vec<Database>>,
    pub(super) trace: Vec<String>,
    pub(super) tally: Tally,
}

impl<'p> Run<'p> {
    pub(super) fn new(plan: &'p Plan) -> Self {
        let names = Names::new(plan.seats.len(), plan.items).expect("the names are valid");
        let databases = plan.places.iter().enumerate().map(|(database, place)| {
            let seats = plan.seats.iter().zip(&names.replicas);
            let seats = seats.filter(|(seat, _)| seat.database == database);
            let scopes: Vec<_> = seats.map(|(seat, id)| (seat.scope, id.clone())).collect();
            create(place, &scopes)
        });
        let databases: Vec<Database> = databases.collect();
        let tally = Tally {
            seeds: 1,
            replicas: plan.places.len() as u64,
            on_server: plan.places.iter().filter(|place| place.on_server).count() as u64,
            touchy: plan.places.iter().filter(|place| place.touchy).count() as u64,
            hubs: u64::from(plan.scopes > 1),
            ..Tally::default()
        };
        Run {
            plan,
            names,
            databases: Arc::new(databases),
            trace: Vec::new(),
            tally,
        }
    }

    /// Chaos, then calm.
    pub(super) fn all(&mut self) -> Result<(), String> {
        let model = Model::new(
            self.names.clone(),
            self.plan.seats.clone(),
            Arc::clone(&self.databases),
        )?;
        let model = Arc::new(Mutex::new(model));
        for (number, step) in self.plan.chaos.iter().enumerate() {
            self.trace.push(format!("{number}: {step:?}"));
            let done = match step {
                Step::Edit { database, edit } => self.edit(&model, *database, *edit),
                Step::Meet(meeting) => self.meet(&model, meeting).map(drop),
            };
            done.map_err(|what| format!("step {number}, {step:?}: {what}"))?;
        }
        self.heal(&model)?;
        self.calm(&model)
    }

    fn edit(&mut self, model: &Mutex<Model>, database: usize, edit: Edit) -> Result<(), String> {
        let written = write(&self.databases[database], edit);
        self.count(written);
        self.trace.push(format!("  {written:?}"));
        let mut model = lock(model);
        if written == Written::Done {
            model.written(database)?;
        }
        model.rest(&[database])
    }

    fn count(&mut self, written: Written) {
        self.tally.writes += 1;
        self.tally.refused += u64::from(written == Written::Refused);
    }

    /// A session; gives the rows that moved.
    fn meet(&mut self, model: &Arc<Mutex<Model>>, meeting: &Meeting) -> Result<u64, String> {
        let ended = session::run(meeting, self.policy(meeting.policy), &self.databases, model)?;
        let (moved, told) = self.tell(&ended, meeting, &mut lock(model))?;
        lock(model).account(&ended.told, told)?;
        let databases = meeting.sides.map(|seat| self.plan.seats[seat].database);
        lock(model).rest(&databases)?;
        for seat in meeting.sides {
            let database = &self.databases[self.plan.seats[seat].database];
            let model = lock(model);
            let state = model.state(seat);
            self.trace.push(match self.tally.on_server {
                0 => format!("  {state}"),
                // The ticks of a server are its own.
                _ => format!(
                    "  {} waiting {:?} uniform {}",
                    contents(database, self.plan.items),
                    state.waiting,
                    state.uniform
                ),
            });
        }
        Ok(moved)
    }

    /// Writes down what a session did. Gives the rows that moved, and whether a last commit told its records.
    fn tell(
        &mut self,
        ended: &Ended,
        meeting: &Meeting,
        model: &mut Model,
    ) -> Result<(u64, bool), String> {
        self.tally.sessions += 1;
        self.tally.meanwhile += ended.meanwhile.iter().flatten().count() as u64;
        for (side, written) in ended.meanwhile.iter().enumerate() {
            written.iter().for_each(|(_, written)| self.count(*written));
            self.trace
                .push(format!("  meanwhile at {side}: {written:?}"));
        }
        if ended.failed {
            match meeting.fault {
                Fault::None => {}
                Fault::Fails { .. } => self.tally.failed_calls += 1,
                Fault::Lost { .. } => self.tally.lost += 1,
                Fault::Cut { .. } => self.tally.cut += 1,
            }
        }
        let (line, completed) = match &ended.result {
            None => ("cut".to_owned(), None),
            Some(Ok(done)) => ("done".to_owned(), Some(done)),
            Some(Err(failure)) => (kind(&failure.error), Some(&failure.completed)),
        };
        let is_done = matches!(ended.result, Some(Ok(_)));
        if !is_done {
            self.tally.broken += 1;
            if meeting.fault == Fault::None && !meeting.strict && meeting.meanwhile.is_empty() {
                return Err(format!(
                    "a session failed for no reason: {:?}",
                    ended.result
                ));
            }
        }
        let mut moved = 0;
        let directions = completed
            .map(|done| [done.upload, done.download])
            .unwrap_or_default();
        for done in directions.into_iter().flatten() {
            moved += done.changes_total;
            self.tally.failures += done.changes_failed;
            self.tally.rows += done.changes_applied;
        }
        let counts = directions.map(|done| {
            done.map(|done| {
                (
                    done.changes_total,
                    done.changes_applied,
                    done.changes_failed,
                    done.deferred,
                    done.conflicts,
                    done.repeated,
                )
            })
        });
        self.trace.push(format!("  {line} {counts:?}"));
        let records = lock(&ended.told);
        self.tally.conflicts += records.len() as u64;
        for record in records.iter() {
            let (local, remote) = (
                record.local.as_ref().map(|side| &side.row),
                &record.remote.row,
            );
            self.trace.push(format!(
                "  {:?} {:?} {:?} {local:?} {remote:?}",
                record.key, record.conflict, record.winner
            ));
        }
        // Whoever drops a session is told nothing any more.
        let told = ended.result.is_some() || !model.has_untold();
        self.tally.unanswered += u64::from(!told || ended.unanswered);
        Ok((moved, told))
    }

    fn policy(&self, policy: Policy) -> ConflictPolicy {
        match policy {
            Policy::Destination => ConflictPolicy::DestinationWins,
            Policy::Source => ConflictPolicy::SourceWins,
            Policy::Local => ConflictPolicy::LocalWins,
            Policy::Remote => ConflictPolicy::RemoteWins,
            Policy::LastWriter => ConflictPolicy::LastWriterWins,
            Policy::Priority(first) => {
                let mut list = self.names.replicas[..self.names.len()].to_vec();
                list.rotate_left(first);
                ConflictPolicy::Priority(list)
            }
            Policy::Defer => ConflictPolicy::Defer,
        }
    }

    /// Every application lets go of the values that only one row can have.
    fn heal(&mut self, model: &Mutex<Model>) -> Result<(), String> {
        for database in 0..self.databases.len() {
            for (item, content) in holding_unique(&self.databases[database]) {
                let edit = Edit {
                    item,
                    content: Some(content - FIRST_UNIQUE),
                    time: 5_000,
                };
                self.edit(model, database, edit)?;
            }
        }
        Ok(())
    }

    fn calm(&mut self, model: &Arc<Mutex<Model>>) -> Result<(), String> {
        let most = 4 * self.plan.seats.len() + 10;
        for round in 0..most {
            let mut moved = 0;
            for meeting in &self.plan.calm {
                self.trace
                    .push(format!("calm {round}: {:?}", meeting.sides));
                moved += self
                    .meet(model, meeting)
                    .map_err(|what| format!("calm round {round}: {what}"))?;
            }
            if moved == 0 && lock(model).quiet().is_ok() {
                return self.equal();
            }
        }
        let missing = lock(model)
            .quiet()
            .err()
            .unwrap_or_else(|| "rows keep moving".to_owned());
        Err(format!("not quiet after {most} rounds: {missing}"))
    }

    fn equal(&self) -> Result<(), String> {
        let all = self
            .databases
            .iter()
            .map(|database| contents(database, self.plan.items));
        let all: Vec<String> = all.collect();
        for database in self
            .databases
            .iter()
            .filter(|database| database.engine() == Engine::Sqlite)
        {
            database.assert_sound(&["t"]);
        }
        match all.iter().all(|one| *one == all[0]) {
            true => Ok(()),
            false => Err(format!("quiet and not equal: {all:?}")),
        }
    }
}

/// The kind of an error: messages name places that differ each time.
fn kind(error: &ProviderError) -> String {
    let shown = format!("{error:?}");
    shown.chars().take_while(|c| c.is_alphanumeric()).collect()
}

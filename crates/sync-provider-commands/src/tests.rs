//! The executor without a database: which commands a row takes, and what is refused when they are put together.

use std::collections::BTreeSet;

use sync_decision::{Outcome, RowFacts};
use sync_knowledge::{ReplicaId, ReplicaKey, Version};
use sync_metadata::{ObjectName, ScopeDescription, Value, ValueRef};
use sync_provider::{ProviderError, RowSet};
use uuid::Uuid;

use super::connection::{
    BulkCall, CallError, CallFailure, Cells, CommandConnection, Query, Transaction,
};
use super::*;
use sync_relational::{
    Attempt, Commit, Learned, LocalEntry, LocalSlice, Patience, Slice, Store as _, Write, Written,
};

mod cleaning;
mod reading;
mod refusals;
mod ways;

/// Remembers what was run and fails as it is told.
#[derive(Debug, Default)]
struct Fake {
    /// For each row the commands of its program; for rows together, `bulk` and the command.
    ran: Vec<String>,
    /// Rows, by their first cell, that fail in bulk.
    unapplied: BTreeSet<i64>,
    /// Rows that are refused while another one of the slice has not gone through.
    waits_for: Option<(i64, i64)>,
    done: BTreeSet<i64>,
    /// Rows that were selected as changes.
    kept: Vec<Vec<Value>>,
    /// Metadata that a clean-up selects.
    old: Vec<Vec<Value>>,
    /// Commands that write nothing.
    silent: BTreeSet<&'static str>,
    /// How many of them, or of single rows, were asked for, call by call.
    asked: Vec<usize>,
    /// What `scope_timestamp` is; higher after each time it is read.
    stamp: i64,
    /// Which one a write of the scope row compares.
    compared: Option<Value>,
    /// What a write of the scope row says is forgotten.
    forgotten: Option<Value>,
}

fn name(command: &Command) -> String {
    match command.text() {
        CommandText::Statement(text) => text.clone(),
        CommandText::Procedure(name) => name.to_string(),
    }
}

fn first(row: sync_provider::RowRef<'_>) -> i64 {
    match row.values().next() {
        Some(ValueRef::Integer(number)) => number,
        other => panic!("a key of the test is {other:?}"),
    }
}

#[async_trait::async_trait]
impl CommandConnection for Fake {
    async fn begin(&mut self, _: Transaction, _: Patience) -> Result<Attempt<()>, ProviderError> {
        Ok(Attempt::Done(()))
    }

    async fn commit(&mut self) -> Result<(), ProviderError> {
        Ok(())
    }

    async fn rollback(&mut self) -> Result<(), ProviderError> {
        Ok(())
    }

    async fn query(
        &mut self,
        queries: &[Query<'_>],
        take: &mut (dyn FnMut(usize, usize, Cells) + Send),
    ) -> Result<(), ProviderError> {
        for (nr, query) in queries.iter().enumerate() {
            match name(query.command).as_str() {
                "time" => take(nr, 0, vec![Ok(Value::Integer(MARK))]),
                "scope" => {
                    self.stamp += 1;
                    let cells = query
                        .result
                        .iter()
                        .map(|wanted| match wanted.name.as_str() {
                            "scope_timestamp" => Ok(Value::Integer(self.stamp)),
                            "scope_id" => Ok(Value::Text(Uuid::from_u128(1).to_string())),
                            "scope_sync_knowledge" => Ok(Value::Null),
                            "scope_tombstone_cleanup_knowledge" => Ok(Value::Null),
                            other => Err(format!("there is no {other}")),
                        });
                    take(nr, 0, cells.collect());
                }
                "changes" => {
                    for row in &self.kept {
                        take(nr, 0, row.iter().cloned().map(Ok).collect());
                    }
                }
                "old" => {
                    for row in &self.old {
                        take(nr, 0, row.iter().cloned().map(Ok).collect());
                    }
                }
                "row" => {
                    self.asked.push(query.arguments.len());
                    for (nr_of_key, arguments) in query.arguments.iter().enumerate() {
                        let key = first(arguments);
                        let found = self.kept.iter().find(|row| row[0] == Value::Integer(key));
                        if let Some(cells) = found {
                            take(nr, nr_of_key, cells.iter().cloned().map(Ok).collect());
                        }
                    }
                }
                "exists" => {
                    self.asked.push(query.arguments.len());
                    for (nr_of_key, arguments) in query.arguments.iter().enumerate() {
                        if first(arguments) % 2 == 0 {
                            take(nr, nr_of_key, Vec::new());
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    async fn keep(&mut self, queries: &[(usize, Query<'_>)]) -> Result<Vec<u64>, ProviderError> {
        Ok(vec![self.kept.len() as u64; queries.len()])
    }

    async fn kept(
        &mut self,
        _: usize,
        _: bool,
        after: i64,
        most: usize,
        take: &mut (dyn FnMut(i64, Cells) + Send),
    ) -> Result<(), ProviderError> {
        self.asked.push(most);
        for (nr, cells) in (1..)
            .zip(&self.kept)
            .filter(|(nr, _)| *nr > after)
            .take(most)
        {
            take(nr, cells.iter().cloned().map(Ok).collect());
        }
        Ok(())
    }

    async fn run(
        &mut self,
        table: Option<usize>,
        signature: &Signature,
        arguments: &RowSet,
        programs: &[Program<'_>],
        program_of: &[usize],
    ) -> Result<Vec<CallFailure>, CallError> {
        if table.is_none() {
            let stamp = signature.place(SessionValue::ScopeTimestamp);
            let cells = arguments.iter().next();
            self.compared = cells.and_then(|cells| Some(cells.values().nth(stamp)?.to_owned()));
            let forgotten = signature.place(SessionValue::ScopeCleanupKnowledge);
            let cells = arguments.iter().next();
            self.forgotten =
                cells.and_then(|cells| Some(cells.values().nth(forgotten)?.to_owned()));
            let changed = self.silent.contains("store").then_some(CallFailure {
                row: 0,
                step: 0,
                reason: None,
            });
            return Ok(changed.into_iter().collect());
        }
        let mut failures = Vec::new();
        for (row, cells) in arguments.iter().enumerate() {
            let steps = programs[program_of[row]].steps.iter();
            let steps = steps.map(|step| match step.otherwise {
                Some(otherwise) => format!("{}|{}", name(step.command), name(otherwise)),
                None => name(step.command),
            });
            self.ran.push(steps.collect::<Vec<_>>().join(" "));
            let key = first(cells);
            let must_wait = |(child, parent)| key == child && !self.done.contains(&parent);
            let steps = &programs[program_of[row]].steps;
            let wrote_nothing = |step: &Step<'_>| {
                let commands = [Some(step.command), step.otherwise];
                let mut commands = commands.into_iter().flatten();
                commands.all(|command| self.silent.contains(name(command).as_str()))
            };
            if let Some(step) = steps.iter().position(wrote_nothing) {
                failures.push(CallFailure {
                    row,
                    step,
                    reason: None,
                });
            } else if self.waits_for.is_some_and(must_wait) {
                failures.push(CallFailure {
                    row,
                    step: 0,
                    reason: Some("no parent".to_owned()),
                });
            } else {
                self.done.insert(key);
            }
        }
        Ok(failures)
    }

    async fn run_bulk(
        &mut self,
        _: usize,
        signature: &Signature,
        arguments: &RowSet,
        calls: &[BulkCall<'_>],
    ) -> Result<Vec<CallFailure>, CallError> {
        let mut failures = Vec::new();
        for call in calls {
            for &row in call.rows {
                let cells = arguments.row(row);
                let guard = cells
                    .values()
                    .nth(signature.place(SessionValue::MinTimestamp));
                assert_eq!(
                    guard,
                    Some(ValueRef::Integer(MARK)),
                    "all rows have the mark"
                );
                self.ran
                    .push(format!("bulk {}", call.command.procedure.name));
                if self.unapplied.contains(&first(cells)) {
                    failures.push(CallFailure {
                        row,
                        step: 0,
                        reason: None,
                    });
                }
            }
        }
        Ok(failures)
    }
}

const MARK: i64 = 100;

/// What each command is called and takes.
fn commands(role: CommandRole) -> (&'static str, Vec<String>) {
    let (text, names) = match role {
        CommandRole::SelectIncrementalChanges => ("changes", "sync_min_timestamp"),
        CommandRole::SelectRow => ("row", "Id"),
        CommandRole::Insert => ("insert", "Id Name sync_row_count"),
        CommandRole::Update => ("update", "Id Name sync_min_timestamp sync_row_count"),
        CommandRole::Delete => ("delete", "Id sync_min_timestamp sync_row_count"),
        CommandRole::InsertMetadata => ("insertmeta", VERSION),
        CommandRole::UpdateMetadata => ("updatemeta", VERSION),
        CommandRole::DeleteMetadata => ("deletemeta", "Id sync_row_count"),
        CommandRole::SelectMetadataForCleanup => ("old", "metadata_aging_in_days"),
    };
    (
        text,
        names.split(' ').map(|name| format!("@{name}")).collect(),
    )
}

const VERSION: &str = "Id sync_row_is_tombstone sync_create_peer_key sync_create_peer_timestamp sync_update_peer_key \
     sync_update_peer_timestamp sync_row_count";

/// A command of these parameters; those whose names are of outputs only are outputs.
fn written<'n>(text: &str, names: impl IntoIterator<Item = &'n str>) -> DbCommand {
    let outputs = ["sync_row_count", "sync_new_timestamp"];
    let command = DbCommand::statement(text);
    names.into_iter().fold(command, |command, name| {
        match outputs.contains(&name.trim_start_matches('@')) {
            true => command.output(name),
            false => command.input(name),
        }
    })
}

/// Two versions of the adapter's table in one: with the commands of these roles, of which one may lack a parameter.
fn adapter_of(roles: &[CommandRole], lacking: Option<(CommandRole, &str)>) -> DbSyncAdapterBuilder {
    let table = DbSyncAdapter::builder("T")
        .column("Id", "int")
        .column("Name", "nvarchar(20)")
        .row_id_columns(["Id"]);
    roles.iter().fold(table, |builder, &role| {
        let (text, mut names) = commands(role);
        names.retain(|name| lacking != Some((role, name)));
        builder.command(role, written(text, names.iter().map(String::as_str)))
    })
}

fn adapter() -> DbSyncAdapterBuilder {
    adapter_of(&CommandRole::ALL, None).existence_command(written("exists", ["@Id"]))
}

fn scope_commands() -> WrittenScopeCommands {
    let update =
        "sync_scope_knowledge sync_scope_cleanup_knowledge sync_scope_timestamp sync_row_count";
    WrittenScopeCommands {
        select_new_timestamp: Some(written("time", ["sync_new_timestamp"])),
        select_scope_info: Some(written("scope", ["sync_scope_name"])),
        update_scope_info: Some(written("store", update.split(' '))),
        ..WrittenScopeCommands::default()
    }
}

fn store_of(
    fake: Fake,
    adapter: DbSyncAdapterBuilder,
    tracking: ChangeTrackingModel,
) -> CommandStore<Fake> {
    let adapter = adapter.build().unwrap();
    let scope = CommandScope {
        replica: ReplicaId::from_uuid(Uuid::from_u128(1)),
        scope_local_id: Some(1),
        restore_count: 0,
        description: ScopeDescription::new("s", vec![adapter.table().clone()]).unwrap(),
    };
    let commands = ScopeCommands::new("s", &scope_commands()).unwrap();
    CommandStore::new(fake, scope, commands, vec![adapter], tracking)
}

/// A store of commands such as Sync Framework's procedures.
fn store(bulk: bool, fake: Fake) -> CommandStore<Fake> {
    let many = |name: &str| BulkCommand {
        procedure: ObjectName {
            schema: None,
            name: name.to_owned(),
        },
        table_type: ObjectName {
            schema: None,
            name: "type".to_owned(),
        },
    };
    let mut adapter = adapter().creation_version(CreationVersion::ByInsertMetadata);
    if bulk {
        adapter = adapter.bulk_commands(BulkCommands {
            insert: many("inserts"),
            update: many("updates"),
            delete: many("deletes"),
        });
    }
    store_of(fake, adapter, ChangeTrackingModel::Decoupled)
}

/// Polls a future that never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("the fake waits for nothing"),
    }
}

const THERE: Version = Version::new(ReplicaKey(1), 5);
const HERE: Version = Version::new(ReplicaKey(0), 7);

/// What is here under a key.
#[derive(Copy, Clone, Debug, PartialEq)]
enum Local {
    Nothing,
    Tombstone,
    Row,
    /// Changed above the mark.
    LateRow,
}

fn entry(local: Local, cells: &mut RowSet) -> Option<LocalEntry> {
    let live = matches!(local, Local::Row | Local::LateRow);
    if live {
        cells.push([ValueRef::Integer(1), ValueRef::Null]);
    }
    (local != Local::Nothing).then(|| LocalEntry {
        facts: RowFacts {
            create: HERE,
            update: HERE,
            tombstone: !live,
        },
        time: None,
        writer: None,
        local_tick: if local == Local::LateRow {
            MARK + 1
        } else {
            MARK
        },
        cells: live.then(|| cells.len() - 1),
    })
}

/// Writes rows with the keys 1, 2, … and gives back what was run and which rows failed.
fn write(
    mut store: CommandStore<Fake>,
    deleted: bool,
    rows: &[(Local, bool, Version)],
) -> (Vec<String>, Vec<String>) {
    assert!(matches!(
        now(store.begin_apply(Patience::Full)),
        Ok(Attempt::Done(_))
    ));
    let mut incoming = RowSet::new(if deleted { 1 } else { 2 });
    let mut local = LocalSlice {
        cells: RowSet::new(2),
        ..LocalSlice::default()
    };
    let mut writes = Vec::new();
    for (row, (here, base, create)) in rows.iter().enumerate() {
        incoming.push([ValueRef::Integer(row as i64 + 1), ValueRef::Text("x")]);
        let entry = entry(*here, &mut local.cells);
        local.entries.push(entry);
        writes.push(Write {
            row,
            outcome: Outcome {
                base: *base,
                tombstone: deleted,
                create: *create,
                update: THERE,
                time: None,
                writer: None,
            },
        });
    }
    let slice = Slice {
        table: 0,
        deleted,
        repeated: false,
        together: false,
        guarded: false,
        apart: false,
        rows: &incoming,
    };
    let Written::AllBut(failed) = now(store.write(slice, &local, &writes)).unwrap() else {
        panic!("nothing is undone");
    };
    let failed = failed
        .iter()
        .map(|failure| format!("{} {}", failure.row, failure.reason));
    (store.connection.ran, failed.collect())
}

#[test]
fn the_way_of_a_row() {
    let check = |here, deleted, base, create, alone: &str, together: &str| {
        let rows = [(here, base, create)];
        let case = format!("{here:?} deleted {deleted} base {base}");
        assert_eq!(
            write(store(false, Fake::default()), deleted, &rows).0,
            [alone],
            "{case}"
        );
        assert_eq!(
            write(store(true, Fake::default()), deleted, &rows).0,
            [together],
            "{case}"
        );
    };
    use Local::{LateRow, Nothing, Row, Tombstone};
    let meta = "updatemeta|insertmeta";
    check(
        Nothing,
        false,
        true,
        THERE,
        "insert insertmeta",
        "bulk inserts",
    );
    check(
        Tombstone,
        false,
        true,
        THERE,
        "deletemeta insert insertmeta",
        "bulk inserts",
    );
    check(
        Row,
        false,
        true,
        HERE,
        &format!("update {meta}"),
        "bulk updates",
    );
    check(
        Row,
        true,
        true,
        HERE,
        &format!("delete {meta}"),
        "bulk deletes",
    );
    // The bulk commands leave the creation version.
    check(
        Row,
        false,
        true,
        THERE,
        "update insertmeta",
        "update insertmeta",
    );
    check(
        Row,
        true,
        true,
        THERE,
        "delete insertmeta",
        "delete insertmeta",
    );
    // What changed above the mark is guarded by its own tick.
    let late = format!("update {meta}");
    check(LateRow, false, true, HERE, &late, &late);
    // Only the version.
    for here in [Row, Tombstone] {
        check(here, false, false, HERE, meta, meta);
        check(here, true, false, THERE, "insertmeta", "insertmeta");
    }
    check(Nothing, true, true, THERE, "insertmeta", "insertmeta");
}

#[test]
fn rows_that_fail_together_go_alone_and_are_tried_while_others_get_through() {
    let fake = || Fake {
        unapplied: BTreeSet::from([1, 3]),
        waits_for: Some((1, 3)),
        ..Fake::default()
    };
    let rows = [(Local::Nothing, true, THERE); 3];
    let (ran, failed) = write(store(true, fake()), false, &rows);
    let alone = "insert insertmeta";
    let together = "bulk inserts";
    assert_eq!(ran, [together, together, together, alone, alone, alone]);
    assert_eq!(failed, Vec::<String>::new());

    // The parent never comes: the row is named, and not tried for ever.
    let hopeless = Fake {
        waits_for: Some((1, 9)),
        ..Fake::default()
    };
    let (ran, failed) = write(store(false, hopeless), false, &rows);
    assert_eq!(ran.len(), 4);
    assert_eq!(failed, ["0 no parent"]);
}

#[test]
fn the_scope_row_is_compared_with_what_was_decided_upon() {
    let mut store = store(false, Fake::default());
    now(store.begin_apply(Patience::Full)).unwrap();
    // Read once more, for the rows that wait.
    now(store.state()).unwrap();
    let learned = Learned {
        knowledge: Some(vec![1]),
        ..Learned::default()
    };
    assert_eq!(now(store.commit(&learned)), Ok(Commit::Done));
    assert_eq!(store.connection.compared, Some(Value::Integer(1)));
    // Somebody else was faster: the store has answered, so whether it is committed is in no doubt.
    store.connection.silent.insert("store");
    let commit = now(store.commit(&learned));
    assert!(matches!(commit, Ok(Commit::Superseded(error)) if error.is_transient()));
}

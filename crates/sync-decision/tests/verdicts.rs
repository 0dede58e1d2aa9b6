//! What becomes of a decision: versions, attributes, records, and what a handler is allowed.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on panics"
)]

use sync_decision::{
    Arbiter, Decision, IncomingRow, Judge, LocalRow, Outcome, RowFacts, Rules, Sameness, Selection,
    SettlementClock, TableShape, Verdict, check_edited, settlement_replica,
};
use sync_knowledge::{Knowledge, ReplicaId, ReplicaKey, Tick, Version};
use sync_metadata::{ColumnDescription, TableDescription, TableName, Value, row_id};
use sync_provider::{
    ApplyAction, ApplyHandler, ConflictPolicy, ConflictRecord, ConflictType, Position, RowSet,
    Winner,
};
use uuid::Uuid;

/// The destination, its settlement replica, the source, and somebody whom both know.
const HERE: ReplicaKey = ReplicaKey(0);
const SETTLER: ReplicaKey = ReplicaKey(1);
const THERE: ReplicaKey = ReplicaKey(2);
const THIRD: ReplicaKey = ReplicaKey(3);

fn replica(number: u128) -> ReplicaId {
    ReplicaId::from_uuid(Uuid::from_u128(number))
}

/// Knowledge of the destination, up to these ticks of all four.
fn knowledge(ticks: [Tick; 4]) -> Knowledge {
    let mut knowledge = Knowledge::new(replica(1));
    for id in [settlement_replica(&replica(1)), replica(2), replica(3)] {
        knowledge.find_or_add_replica(&id);
    }
    for (key, tick) in (0..).zip(ticks) {
        knowledge.raise(ReplicaKey(key), tick);
    }
    knowledge
}

fn table() -> TableShape {
    TableShape::of(&described())
}

fn described() -> TableDescription {
    let column = |name: &str, sql_type: &str| {
        ColumnDescription::new(name, sql_type.parse().expect("the type is right"))
    };
    let columns = vec![
        ColumnDescription::key("id", "bigint".parse().expect("the type is right")),
        column("number", "bigint"),
        column("name", "nvarchar(max)"),
    ];
    let name = TableName::parse("T").expect("the name is right");
    TableDescription::new(name, "[T]", columns).expect("the table is right")
}

fn packed(cells: &[Value]) -> RowSet {
    let mut row = RowSet::new(cells.len());
    row.push(cells.iter().map(Value::as_ref));
    row
}

fn cells(number: Value, name: &str) -> Vec<Value> {
    vec![Value::Integer(1), number, Value::Text(name.into())]
}

fn row(name: &str) -> Vec<Value> {
    cells(Value::Integer(7), name)
}

/// One side: its version, and its content unless it is a tombstone.
#[derive(Clone)]
struct Side {
    update: Version,
    content: Option<Vec<Value>>,
}

fn side(replica: ReplicaKey, tick: Tick, content: Option<Vec<Value>>) -> Side {
    Side {
        update: Version::new(replica, tick),
        content,
    }
}

/// The surroundings of a verdict.
struct Case<'a> {
    known: [Tick; 4],
    made_with: [Tick; 4],
    policy: ConflictPolicy,
    handler: Option<&'a dyn ApplyHandler>,
}

impl Default for Case<'_> {
    fn default() -> Self {
        Case {
            known: [9, 0, 0, 0],
            made_with: [0, 0, 9, 0],
            policy: ConflictPolicy::DestinationWins,
            handler: None,
        }
    }
}

impl Case<'_> {
    fn verdict(&self, local: Option<&Side>, remote: &Side) -> Verdict {
        let (known, made_with) = (knowledge(self.known), knowledge(self.made_with));
        let facts = |side: &Side| RowFacts {
            create: Version::new(THIRD, 1),
            update: side.update,
            tombstone: side.content.is_none(),
        };
        let here = local.map(|side| packed(side.content.as_deref().unwrap_or_default()));
        let key = [Value::Integer(1)];
        let there = packed(remote.content.as_deref().unwrap_or(&key));
        let mut arbiter = Arbiter {
            judge: Judge {
                known: &known,
                made_with: &made_with,
                forgotten: None,
                pristine: false,
                rules: Rules::SOUND,
            },
            policy: &self.policy,
            position: Position::Local,
            clock: SettlementClock::new(Rules::SOUND, SETTLER, &known, &made_with),
            handler: self.handler,
        };
        let local = local.zip(here.as_ref()).map(|(side, cells)| LocalRow {
            facts: facts(side),
            time: Some(10),
            writer: Some(HERE),
            cells: side.content.is_some().then(|| cells.row(0)),
        });
        let remote = IncomingRow {
            facts: facts(remote),
            time: Some(20),
            writer: Some(THIRD),
            cells: there.row(0),
        };
        let no_local_change = || panic!("a sound rule makes no local change");
        arbiter.verdict(&table(), &[], local, remote, no_local_change)
    }
}

fn outcome(base: bool, tombstone: bool, update: Version, of_remote: bool) -> Outcome {
    let (time, writer) = match of_remote {
        true => (20, THIRD),
        false => (10, HERE),
    };
    Outcome {
        base,
        tombstone,
        create: Version::new(THIRD, 1),
        update,
        time: Some(time),
        writer: Some(writer),
    }
}

fn settled(tick: Tick) -> Version {
    Version::new(SETTLER, tick)
}

/// What is stored has the time and the writer of the row that stays, whoever settles.
#[test]
fn outcomes_inherit_from_the_winner() {
    let (a, b) = (
        side(HERE, 5, Some(row("a"))),
        side(THERE, 5, Some(row("b"))),
    );
    let check = |policy, local: Option<&Side>, remote: &Side, expected: Outcome| {
        let case = Case {
            policy,
            ..Case::default()
        };
        let Verdict::Write(found, record) = case.verdict(local, remote) else {
            panic!("it is written");
        };
        assert_eq!(found, expected);
        record
    };
    let ours = ConflictPolicy::DestinationWins;
    let theirs = ConflictPolicy::SourceWins;
    assert_eq!(
        check(ours.clone(), None, &b, outcome(true, false, b.update, true)),
        None
    );
    let kept = outcome(false, false, settled(1), false);
    let record = check(ours.clone(), Some(&a), &b, kept).expect("it is a conflict");
    assert_eq!(record.winner, Some(Winner::Local));
    let taken = outcome(true, false, settled(1), true);
    let record = check(theirs, Some(&a), &b, taken).expect("it is a conflict");
    assert_eq!(record.winner, Some(Winner::Remote));
    let same = side(THERE, 5, a.content.clone());
    assert_eq!(check(ours, Some(&a), &same, kept), None);
}

/// Contents are the same to the bit, the same by value, or different; what is there already is not written again.
#[test]
fn contents_are_identical_equal_or_different() {
    let check = |number: Value, written: bool| {
        let (local, remote) = (
            side(HERE, 5, Some(row("a"))),
            side(THERE, 6, Some(cells(number.clone(), "a"))),
        );
        let seen = Case {
            made_with: [9, 0, 9, 0],
            ..Case::default()
        };
        let expected = outcome(written, false, remote.update, true);
        let found = seen.verdict(Some(&local), &remote);
        assert_eq!(found, Verdict::Write(expected, None), "{number:?}");
        // Not having seen each other, equal ones are settled without a word.
        let silent = Case::default().verdict(Some(&local), &remote);
        let Verdict::Write(_, record) = silent else {
            panic!("it is written");
        };
        let different = matches!(number, Value::Integer(8));
        assert_eq!(record.is_some(), different, "{number:?}");
    };
    check(Value::Integer(7), false);
    check(Value::Text("7".into()), true);
    check(Value::Integer(8), true);
}

/// The type of each conflict, that of two deletions included: whoever compares contents calls these equal.
#[test]
fn types_of_conflicts() {
    let check = |local: bool, remote: bool, expected| {
        let (known, made_with) = (knowledge([9, 0, 0, 0]), knowledge([0, 0, 9, 0]));
        let judge = Judge {
            known: &known,
            made_with: &made_with,
            forgotten: None,
            pristine: false,
            rules: Rules::SOUND,
        };
        let facts = |replica, tombstone| RowFacts {
            create: Version::new(replica, 2),
            update: Version::new(replica, 5),
            tombstone,
        };
        let (local, remote) = (facts(HERE, !local), facts(THERE, !remote));
        let decision = judge.decide(&[], Some(local), remote, || Sameness::Different);
        assert_eq!(decision, Decision::Conflict(expected));
    };
    check(true, true, ConflictType::LocalInsertRemoteInsert);
    check(true, false, ConflictType::LocalUpdateRemoteDelete);
    check(false, true, ConflictType::LocalDeleteRemoteUpdate);
    check(false, false, ConflictType::LocalDeleteRemoteDelete);
}

/// Rows of one creation were updated, whatever is known of it: a row that was stored and not learned shows it alone.
#[test]
fn one_creation_is_an_update() {
    let check = |creates: [Version; 2], known: [Tick; 4], made_with: [Tick; 4], expected| {
        let (known, made_with) = (knowledge(known), knowledge(made_with));
        let judge = Judge {
            known: &known,
            made_with: &made_with,
            forgotten: None,
            pristine: false,
            rules: Rules::SOUND,
        };
        let facts = |replica, create| RowFacts {
            create,
            update: Version::new(replica, 5),
            tombstone: false,
        };
        let (local, remote) = (facts(HERE, creates[0]), facts(THERE, creates[1]));
        let decision = judge.decide(&[], Some(local), remote, || Sameness::Different);
        assert_eq!(decision, Decision::Conflict(expected), "{creates:?}");
    };
    let [here, there, third] = [HERE, THERE, THIRD].map(|replica| Version::new(replica, 2));
    let update = ConflictType::LocalUpdateRemoteUpdate;
    let insert = ConflictType::LocalInsertRemoteInsert;
    check([third, third], [9, 0, 0, 0], [0, 0, 9, 0], update);
    check([here, there], [9, 0, 2, 0], [0, 0, 9, 0], update);
    check([here, there], [9, 0, 0, 0], [2, 0, 9, 0], update);
    check([here, there], [9, 0, 1, 0], [1, 0, 9, 0], insert);
}

#[test]
fn a_row_by_key_is_the_one_that_was_enumerated_or_one_that_the_source_claims() {
    let (known, made_with) = (knowledge([9, 0, 0, 0]), knowledge([0, 0, 5, 0]));
    let judge = Judge {
        known: &known,
        made_with: &made_with,
        forgotten: None,
        pristine: false,
        rules: Rules::SOUND,
    };
    let check = |tick, enumerated: Option<Tick>, expected| {
        let enumerated = enumerated.map(|tick| Version::new(THERE, tick));
        let found = judge.is_as_enumerated(&[], Version::new(THERE, tick), enumerated);
        assert_eq!(found, expected, "{tick}, {enumerated:?}");
    };
    check(5, None, true);
    check(5, Some(4), true);
    check(6, Some(6), true);
    check(6, Some(5), false);
    check(6, None, false);
}

#[test]
fn a_settlement_is_the_next_after_the_greatest() {
    let check = |known, made_with, expected| {
        let (known, made_with) = (knowledge(known), knowledge(made_with));
        let mut clock = SettlementClock::new(Rules::SOUND, SETTLER, &known, &made_with);
        let stamps = [clock.settlement(), clock.settlement()];
        assert_eq!(stamps, [settled(expected), settled(expected + 1)]);
    };
    check([9, 0, 9, 9], [0, 0, 9, 0], 1);
    check([9, 4, 0, 0], [0, 2, 9, 0], 5);
    check([9, 2, 0, 0], [0, 4, 9, 0], 5);
}

#[test]
fn policies_that_need_columns_of_ours() {
    let check = |policy: ConflictPolicy, expected| {
        assert_eq!(policy.needs_attributes(), expected, "{policy:?}");
    };
    check(ConflictPolicy::DestinationWins, false);
    check(ConflictPolicy::SourceWins, false);
    check(ConflictPolicy::LocalWins, false);
    check(ConflictPolicy::RemoteWins, false);
    check(ConflictPolicy::Defer, false);
    check(ConflictPolicy::LastWriterWins, true);
    check(ConflictPolicy::Priority(Vec::new()), true);
}

/// A handler is heard before the policy, and what it edits becomes a settlement.
#[test]
fn a_handler_is_heard() {
    let (a, b) = (
        side(HERE, 5, Some(row("a"))),
        side(THERE, 5, Some(row("b"))),
    );
    let of = |action: ApplyAction| {
        let handler = move |_: &ConflictRecord| action.clone();
        let case = Case {
            handler: Some(&handler),
            ..Case::default()
        };
        case.verdict(Some(&a), &b)
    };
    let kept = outcome(false, false, settled(1), false);
    assert!(matches!(of(ApplyAction::Continue), Verdict::Write(found, _) if found == kept));
    let taken = outcome(true, false, settled(1), true);
    let forced = of(ApplyAction::RetryWithForceWrite(None));
    assert!(matches!(forced, Verdict::Write(found, Some(_)) if found == taken));
    assert!(matches!(of(ApplyAction::RetryNextSync), Verdict::Defer(_)));
    assert!(matches!(
        of(ApplyAction::RetryApplyingRow),
        Verdict::Again(_)
    ));
    let edited = row("edited");
    let merged = of(ApplyAction::RetryWithForceWrite(Some(edited.clone())));
    assert!(
        matches!(&merged, Verdict::Merge(found, row, _) if *found == taken && *row == edited),
        "{merged:?}"
    );
}

#[test]
fn what_a_handler_cannot_edit() {
    let cells = packed(&row("b"));
    let check = |tombstone: bool, edited: &[Value], expected: Option<&str>| {
        let incoming = IncomingRow {
            facts: RowFacts::untold(THERE, tombstone),
            time: None,
            writer: None,
            cells: cells.row(0),
        };
        let found = check_edited(&table(), &incoming, edited).err();
        assert_eq!(found.is_some(), expected.is_some(), "{found:?}");
        let part = expected.unwrap_or_default();
        assert!(found.unwrap_or_default().contains(part), "{part}");
    };
    let mut other_key = row("edited");
    other_key[0] = Value::Integer(2);
    check(false, &row("edited"), None);
    check(true, &row("edited"), Some("deletion"));
    check(false, &row("edited")[..2], Some("2 cells"));
    check(false, &other_key, Some("key"));
}

/// A row that was stored and not learned is no conflict either: whoever sends it need not know what is there.
#[test]
fn versions_of_one_replica_are_no_conflict() {
    let (known, made_with) = (knowledge([9, 0, 0, 0]), knowledge([0, 0, 0, 9]));
    let judge = Judge {
        known: &known,
        made_with: &made_with,
        forgotten: None,
        pristine: false,
        rules: Rules::SOUND,
    };
    let check = |ticks: [Tick; 2], same, expected| {
        let [local, remote] = ticks.map(|tick| RowFacts {
            create: Version::new(THERE, 1),
            update: Version::new(THERE, tick),
            tombstone: false,
        });
        let found = judge.decide(&[], Some(local), remote, || same);
        assert_eq!(found, expected, "{ticks:?}");
    };
    let apply = |content| Decision::Apply { content };
    check([4, 5], Sameness::Different, apply(true));
    check([4, 5], Sameness::Identical, apply(false));
    check([5, 4], Sameness::Different, Decision::Keep);
    check([5, 4], Sameness::Identical, Decision::Keep);
    check([5, 5], Sameness::Different, Decision::NotNeeded);
}

/// A source starts to look where the destination's knowledge ends, over all rows of a table but those that are asked for by key.
#[test]
fn a_row_that_waits_and_is_asked_for_does_not_lower_the_tick_to_start_from() {
    let id = |key: i64| {
        let ty = "bigint".parse().expect("the type is right");
        row_id("[T]", [(&ty, Value::Integer(key).as_ref())].into_iter()).expect("the key is short")
    };
    let source = Knowledge::new(replica(2));
    let check = |waits: &[i64], remembered: &[i64], expected| {
        let mut destination = knowledge([9, 0, 7, 0]);
        waits
            .iter()
            .for_each(|key| destination.exclude_item(&id(*key)));
        let remembered = remembered.iter().map(|key| id(*key).as_bytes().to_vec());
        let selection = Selection::new(&source, &destination.to_bytes(), remembered.collect());
        let floor = selection.expect("the knowledge is right").floor("[T]");
        assert_eq!(floor, expected, "{waits:?}");
    };
    check(&[], &[], 7);
    check(&[1], &[1], 7);
    check(&[1, 3], &[3, 1], 7);
    check(&[1, 3], &[3], 0);
    check(&[1], &[], 0);
}

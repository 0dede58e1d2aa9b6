//! The rules of a decision, and how each is broken.

/// A rule, and a change of the source that breaks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rule {
    /// What the rule says.
    pub(super) name: &'static str,
    /// The file, below `crates`.
    pub(super) file: &'static str,
    /// What stands there, once.
    pub(super) from: &'static str,
    /// What is put in its place.
    pub(super) to: &'static str,
}

/// Rules of one file: name, what stands there, what is put in its place.
type Broken = &'static [(&'static str, &'static str, &'static str)];

/// All of them, in the order of the decision table, of what becomes of a decision, and of what is learned.
pub(super) fn all() -> Vec<Rule> {
    let files: [(&str, Broken); 10] = [
        ("sync-decision/src/decide.rs", DECIDE),
        ("sync-decision/src/settlement.rs", SETTLEMENT),
        ("sync-decision/src/winner.rs", WINNER),
        ("sync-provider/src/policy.rs", POLICY),
        ("sync-provider/src/call.rs", CALL),
        ("sync-relational/src/place.rs", PLACE),
        ("sync-decision/src/verdict.rs", VERDICT),
        ("sync-decision/src/learn.rs", LEARN),
        ("sync-decision/src/select.rs", SELECT),
        ("sync-provider-memory/src/apply.rs", APPLY),
    ];
    let of_file = |(file, rules): (&'static str, Broken)| {
        let rules = rules.iter();
        rules.map(move |&(name, from, to)| Rule {
            name,
            file,
            from,
            to,
        })
    };
    files.into_iter().flat_map(of_file).collect()
}

const CALL: Broken = &[
    (
        "a call that comes again is answered, and not carried out again",
        "Some(answer) if number == self.last => Ok(Turn::Repeated(answer.clone())),",
        "Some(_) if number == self.last => Ok(Turn::Next),",
    ),
    (
        "a call that leaves others out is refused",
        "number.checked_sub(1) == Some(self.last)",
        "number > self.last",
    ),
    (
        "a call from before the last one is refused",
        "Some(answer) if number == self.last =>",
        "Some(answer) if number <= self.last =>",
    ),
];

const PLACE: Broken = &[
    (
        "a batch that leaves one out is refused",
        "self.sequence.checked_add(1) == Some(batch.sequence)",
        "self.sequence < batch.sequence",
    ),
    (
        "… and one of another series",
        "batch.series == self.series && self.sequence",
        "self.sequence",
    ),
    (
        "what was asked for is of a later series",
        "batch.sequence == 0 && batch.series > self.series",
        "batch.sequence == 0",
    ),
    (
        "changes do not stand for rows by key",
        "Coming::FirstRows => starts && batch.kind.is_repeated(),",
        "Coming::FirstRows => starts,",
    ),
    (
        "rows by key do not stand for changes",
        "Coming::FirstChanges => starts && !batch.kind.is_repeated(),",
        "Coming::FirstChanges => starts,",
    ),
    (
        "after an error a direction starts again",
        "_ => Coming::FirstChanges,",
        "_ => Coming::NextBatch,",
    ),
];

const DECIDE: Broken = &[
    (
        "a version that K contains is not needed",
        "if self.knows(item, remote.update)\n",
        "if false\n",
    ),
    (
        "the version that is there is not needed",
        "local.is_some_and(|local| local.update == remote.update)",
        "false",
    ),
    (
        "a cleaned-up delete does not resurrect by itself",
        "return if self.was_cleaned_up(item, remote) {",
        "return if false {",
    ),
    (
        "… and is none where a deletion comes",
        "!remote.tombstone\n            && self.known",
        "self.known",
    ),
    (
        "… nor where K never heard of the row",
        "&& self.known.contains(item, remote.create)\n",
        "",
    ),
    (
        "… nor where the source knows what was forgotten",
        "&& !self.made_with.contains_knowledge(forgotten)",
        "",
    ),
    (
        "nothing here: apply",
        "Decision::Apply { content: true }",
        "Decision::Keep",
    ),
    (
        "versions of one replica are no conflict",
        "if local.update.replica == remote.update.replica {",
        "if false {",
    ),
    (
        "… the later one stays",
        "remote.update.tick > local.update.tick",
        "remote.update.tick < local.update.tick",
    ),
    (
        "M contains L: apply",
        "if self.made_with.contains(item, local.update) {",
        "if false {",
    ),
    (
        "… and equal content is stored under its version",
        "same if same == Sameness::Different || self.rules.store_equal => take_over(same)",
        "same if same == Sameness::Different => take_over(same)",
    ),
    (
        "a pristine replica adopts equal content",
        "if equal && self.pristine {",
        "if false {",
    ),
    (
        "… and equal content alone",
        "if equal && self.pristine {",
        "if self.pristine {",
    ),
    (
        "two settlements need no third",
        "if self.both_settlements(local.update, remote.update) {",
        "if false {",
    ),
    (
        "… of two that are both settlements",
        "settled(a) && settled(b)",
        "settled(a) || settled(b)",
    ),
    (
        "… the later one stays",
        "remote.update, local.update).is_gt()",
        "remote.update, local.update).is_lt()",
    ),
    (
        "… the same content is taken over under the later version",
        "(true, true) => take_over(same),",
        "(true, true) => Decision::Keep,",
    ),
    (
        "… and kept under it",
        "(true, false) => Decision::Keep,",
        "(true, false) => take_over(same),",
    ),
    (
        "… and the record names the later one the winner",
        "if later { Winner::Remote } else { Winner::Local }",
        "if later { Winner::Local } else { Winner::Remote }",
    ),
    (
        "equal content is settled silently",
        "(true, true) => Decision::Settle,",
        "(true, true) => Decision::Conflict(self.conflict_type(item, local, remote)),",
    ),
    (
        "… and stored, not only learned",
        "(true, true) => Decision::Settle,",
        "(true, true) => Decision::NotNeeded,",
    ),
    (
        "anything else is a conflict",
        "_ => Decision::Conflict(self.conflict_type(item, local, remote)),",
        "_ => take_over(same),",
    ),
    (
        "type: deleted on both sides",
        "(true, true) => ConflictType::LocalDeleteRemoteDelete",
        "(true, true) => ConflictType::LocalUpdateRemoteUpdate",
    ),
    (
        "type: deleted here",
        "(true, false) => ConflictType::LocalDeleteRemoteUpdate",
        "(true, false) => ConflictType::LocalUpdateRemoteDelete",
    ),
    (
        "type: deleted there",
        "(false, true) => ConflictType::LocalUpdateRemoteDelete",
        "(false, true) => ConflictType::LocalDeleteRemoteUpdate",
    ),
    (
        "type: inserted on both sides, or updated",
        "if seen {",
        "if !seen {",
    ),
    (
        "… one creation is an update",
        "local.create == remote.create\n                    || self.known",
        "self.known",
    ),
    (
        "… a creation that K contains is an update",
        "|| self.known.contains(item, remote.create)\n",
        "",
    ),
    (
        "… a creation that M contains is an update",
        "|| self.made_with.contains(item, local.create)",
        "",
    ),
    (
        "a row by key is stored where it is as it was enumerated",
        "enumerated == Some(update) || self",
        "self",
    ),
    (
        "… or where M contains it",
        "enumerated == Some(update) || self.made_with.contains(item, update)",
        "enumerated == Some(update)",
    ),
    (
        "a settlement is above all settlements in K",
        "let last = greatest_settlement_tick(known).max(greatest_settlement_tick(made_with));",
        "let last = greatest_settlement_tick(made_with);",
    ),
    (
        "… and in M",
        "let last = greatest_settlement_tick(known).max(greatest_settlement_tick(made_with));",
        "let last = greatest_settlement_tick(known);",
    ),
    (
        "… and above each other",
        "self.last = self.last.saturating_add(1);",
        "",
    ),
    (
        "the outcome is a settlement version, not the winner's own",
        "Stamp::Settlement => self.settlement(),",
        "Stamp::Settlement => winner,",
    ),
    (
        "… nor a local change",
        "Stamp::Settlement => self.settlement(),",
        "Stamp::Settlement => local_change(),",
    ),
    (
        "cells that are there already are not written",
        "content: same != Sameness::Identical",
        "content: true",
    ),
    (
        "… others are",
        "content: same != Sameness::Identical",
        "content: same == Sameness::Different",
    ),
];

const SETTLEMENT: Broken = &[
    (
        "settlements are ordered by tick",
        ".cmp(&b.tick)",
        ".cmp(&a.tick)",
    ),
    (
        "… then by replica",
        ".then_with(|| id(a.replica).cmp(&id(b.replica)))",
        "",
    ),
    (
        "a settlement replica is recognised by everybody",
        ".is_some_and(|id| id.get_version_num() == 8)",
        ".is_some_and(|id| id.get_version_num() == 5)",
    ),
    (
        "… and is one's own",
        "Uuid::new_v5(&NAMESPACE, replica.as_bytes())",
        "Uuid::new_v5(&NAMESPACE, &[])",
    ),
    (
        "only settlement ticks count",
        "knowledge.max_tick_where(is_settlement)",
        "knowledge.max_tick_where(|_| true)",
    ),
];

const WINNER: Broken = &[
    (
        "destination-wins",
        "ConflictPolicy::DestinationWins => Some(Winner::Local)",
        "ConflictPolicy::DestinationWins => Some(Winner::Remote)",
    ),
    (
        "source-wins",
        "ConflictPolicy::SourceWins => Some(Winner::Remote)",
        "ConflictPolicy::SourceWins => Some(Winner::Local)",
    ),
    (
        "local-wins",
        "ConflictPolicy::LocalWins => local_if(position == Position::Local)",
        "ConflictPolicy::LocalWins => local_if(position == Position::Remote)",
    ),
    (
        "remote-wins",
        "ConflictPolicy::RemoteWins => local_if(position == Position::Remote)",
        "ConflictPolicy::RemoteWins => local_if(position == Position::Local)",
    ),
    (
        "last-writer-wins: the later one",
        "local.time.cmp(&remote.time).then_with(content).is_ge()",
        "remote.time.cmp(&local.time).then_with(content).is_ge()",
    ),
    (
        "… of equal times the greater content",
        "local.time.cmp(&remote.time).then_with(content).is_ge()",
        "local.time.cmp(&remote.time).is_ge()",
    ),
    (
        "priority: the first in the list",
        "rank(remote).cmp(&rank(local)).then_with(content)",
        "rank(local).cmp(&rank(remote)).then_with(content)",
    ),
    (
        "… of equal ones the greater content",
        "rank(remote).cmp(&rank(local)).then_with(content)",
        "rank(remote).cmp(&rank(local))",
    ),
    (
        "… who is not listed comes last",
        ".unwrap_or(order.len())",
        ".unwrap_or(0)",
    ),
    ("defer", "_ => None", "_ => Some(Winner::Local)"),
];

const POLICY: Broken = &[(
    "time and writer are needed by last writer and priority",
    "ConflictPolicy::LastWriterWins | ConflictPolicy::Priority(_)",
    "ConflictPolicy::LastWriterWins",
)];

const VERDICT: Broken = &[
    (
        "an equal row gets the settlement version",
        "Verdict::Write(keep(&local, version), None)",
        "Verdict::Keep(None)",
    ),
    (
        "an outranked row leaves a record",
        "let record = Some(Box::new(record));",
        "let record = Some(Box::new(record)).filter(|_| false);",
    ),
    (
        "the later settlement stays as it is",
        "Winner::Local => Verdict::Keep(record),",
        "Winner::Local => Verdict::Write(take(&remote, remote.facts.update, true), record),",
    ),
    (
        "… or comes as it is",
        "Winner::Remote => Verdict::Write(take(&remote, remote.facts.update, true), record)",
        "Winner::Remote => Verdict::Keep(record)",
    ),
    (
        "the policy is asked",
        "self.policy_winner(table, local.as_ref(), &remote),",
        "Some(Winner::Local),",
    ),
    (
        "a handler that defers is heard",
        "_ => (None, HANDLER)",
        "_ => (Some(Winner::Local), HANDLER)",
    ),
    (
        "a handler that forces is heard",
        "ApplyAction::RetryWithForceWrite(None) => (Some(Winner::Remote), HANDLER)",
        "ApplyAction::RetryWithForceWrite(None) => (Some(Winner::Local), HANDLER)",
    ),
    (
        "an edited row is a settlement",
        "let version = self.clock.stamp(remote.facts.update, local_change);\n                let outcome = take(&remote, version, true);",
        "let outcome = take(&remote, remote.facts.update, true);",
    ),
    (
        "a handler that wants the row later is heard",
        "ApplyAction::RetryApplyingRow => return Verdict::Again(RETRY.to_owned())",
        "ApplyAction::RetryApplyingRow => (None, HANDLER)",
    ),
    (
        "nobody has won: the row waits",
        "return Verdict::Defer(record);",
        "return Verdict::Keep(Some(record));",
    ),
    (
        "the destination's row wins: it stays, under the settlement version",
        "keep(&local, self.clock.stamp(local.facts.update, local_change))",
        "keep(&local, local.facts.update)",
    ),
    (
        "the cleaned-up delete wins: it is a tombstone again",
        "tombstone: true,\n                    ..take",
        "tombstone: false,\n                    ..take",
    ),
    (
        "the incoming row wins: its content is written",
        "let content = sameness(table, local.as_ref(), &remote) != Sameness::Identical;",
        "let content = false;",
    ),
    (
        "whoever wins, there is a record",
        "Verdict::Write(outcome, Some(record))",
        "Verdict::Write(outcome, None)",
    ),
    (
        "a deletion cannot be edited",
        "if remote.facts.tombstone {\n        return Err",
        "if false {\n        return Err",
    ),
    (
        "an edited row has all cells",
        "if row.len() != table.columns.len() {",
        "if false {",
    ),
    (
        "an edited row keeps its key",
        "if table.normal_key(edited) != table.normal_key(incoming.row(0).values()) {",
        "if false && table.normal_key(edited) != table.normal_key(incoming.row(0).values()) {",
    ),
    (
        "a row that comes brings its time",
        "time: remote.time,",
        "time: None,",
    ),
    (
        "… and its writer",
        "writer: remote.writer,",
        "writer: None,",
    ),
    (
        "a row that stays keeps its time",
        "time: local.time,",
        "time: None,",
    ),
    ("… and its writer", "writer: local.writer,", "writer: None,"),
    (
        "two deletions are equal",
        "(None, true) => Sameness::Identical",
        "(None, true) => Sameness::Different",
    ),
    (
        "the same bytes are equal",
        "if here.as_bytes() == remote.cells.as_bytes() => Sameness::Identical",
        "if here.as_bytes() == remote.cells.as_bytes() => Sameness::Different",
    ),
    (
        "the same values are equal, and not identical",
        "=> Sameness::Equal",
        "=> Sameness::Identical",
    ),
    (
        "… and not different",
        "=> Sameness::Equal",
        "=> Sameness::Different",
    ),
    (
        "a deletion counts least",
        "return a.is_some().cmp(&b.is_some());",
        "return b.is_some().cmp(&a.is_some());",
    ),
    (
        "contents have an order",
        ".find(|order| order.is_ne())",
        ".find(|order| order.is_eq())",
    ),
];

const LEARN: Broken = &[
    (
        "what was not applied stays unknown",
        "taught.exclude_items(&delta.rejected);",
        "",
    ),
    (
        "… and whole tables of it",
        "taught.exclude_range(from, to.as_ref());",
        "let _ = (from, to);",
    ),
    (
        "what the source knew is learned",
        "result.combine(&taught);",
        "",
    ),
    (
        "a row beyond the made-with knowledge is learned by its id",
        "result.learn_items(stored.map(|(item, version)| (item, *version)));",
        "drop(stored);",
    ),
    (
        "… unless it was not applied",
        "stored.filter(|(item, _)| !rejected.contains(item))",
        "stored.filter(|_| rejected.len() + 1 > 0)",
    ),
    (
        "settlements that were stored are learned",
        "result.raise(settlement.replica, settlement.tick);",
        "let _ = settlement;",
    ),
    (
        "… the greatest of them",
        "last.tick < version.tick",
        "last.tick > version.tick",
    ),
    (
        "… and no other versions",
        "if version.replica == settlement\n            && self",
        "if self",
    ),
    (
        "one that knows somebody else is not alone",
        "knowledge.max_tick_where(|id| id != own) == 0",
        "knowledge.max_tick_where(|id| id != own) == 0 || own == own",
    ),
    (
        "what rows moved teaches is stored",
        "if moved > 0 {",
        "if false && moved > 0 {",
    ),
    (
        "what spares a look at rows is stored",
        "if examined > 0 {",
        "if false && examined > 0 {",
    ),
    (
        "a tick of the source alone is not stored",
        "but_for_source.raise(source, source_tick);",
        "let _ = (source, source_tick);",
    ),
];

const SELECT: Broken = &[
    (
        "what the destination knows is not sent",
        "!self.destination.contains(item, version)",
        "version.tick > 0 || !self.destination.contains(item, version)",
    ),
    (
        "one that has not heard of what was forgotten is refused",
        "if is_new || destination.contains_knowledge(forgotten) {",
        "if is_new || !destination.contains_knowledge(forgotten) || true {",
    ),
    (
        "… unless it is new",
        "if is_new || destination.contains_knowledge(forgotten) {",
        "if destination.contains_knowledge(forgotten) {",
    ),
    (
        "… which it is not if it was known when that was forgotten",
        "selection.alone && forgotten.max_tick_where(of_destination) == 0",
        "selection.alone",
    ),
    (
        "… nor if it knows others",
        "selection.alone && forgotten.max_tick_where(of_destination) == 0",
        "forgotten.max_tick_where(of_destination) == 0",
    ),
    (
        "a row that waits does not lower the tick to start from",
        ".filter(|range| !asked_for(range))",
        ".filter(|range| !asked_for(range) || true)",
    ),
];

const APPLY: Broken = &[(
    "one that was a source is no pristine replica",
    "!self.was_source && is_alone(&known)",
    "is_alone(&known)",
)];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_rule_stands_where_it_is_looked_for_and_once() {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
        let mut wrong = Vec::new();
        let mut seen = BTreeSet::new();
        for rule in all() {
            let text = fs::read_to_string(crates.join(rule.file)).unwrap();
            let found = text.matches(rule.from).count();
            if found != 1 {
                wrong.push(format!(
                    "{} is there {found} times: {}",
                    rule.from, rule.file
                ));
            }
            if rule.from == rule.to || !seen.insert((rule.file, rule.from, rule.to)) {
                wrong.push(format!("{} is broken twice, or not at all", rule.name));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}

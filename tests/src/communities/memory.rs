//! The in-memory reference replica as a member.

use sync_decision::Rules;
use sync_knowledge::ReplicaKey;
use sync_metadata::Value;
use sync_provider::ConflictRecord;
use sync_provider_memory::{Direction, MemoryReplica, MemoryRow, transfer};

use super::member::{Member, Row, View};
use super::names::Names;

impl Member for MemoryReplica {
    fn write(&mut self, item: usize, content: u8, time: i64) {
        MemoryReplica::write(
            self,
            0,
            &[key(item), Value::Text(Names::content(content).into())],
            time,
        );
    }

    fn delete(&mut self, item: usize, time: i64) {
        MemoryReplica::delete(self, 0, &[key(item)], time);
    }

    fn reject(&mut self, item: usize, rejected: bool) -> bool {
        MemoryReplica::reject(self, 0, &[key(item)], rejected);
        true
    }

    fn transfer(
        source: &mut Self,
        destination: &mut Self,
        direction: &Direction,
    ) -> Result<Vec<ConflictRecord>, String> {
        let outcome =
            transfer(source, destination, direction).map_err(|error| error.to_string())?;
        Ok(outcome.records)
    }

    fn view(&self) -> View {
        let id = |key: ReplicaKey| {
            self.knowledge()
                .key_map()
                .id(key)
                .cloned()
                .unwrap_or_else(|| self.id().clone())
        };
        let row = |row: &MemoryRow| Row {
            content: row.cells().and_then(|cells| match &cells[1] {
                Value::Text(text) => Names::content_of(text),
                _ => None,
            }),
            create: (id(row.facts.create.replica), row.facts.create.tick),
            update: (id(row.facts.update.replica), row.facts.update.tick),
            time: row.time,
            writer: row.writer.map(id),
        };
        let item = |key: &[Value]| match key {
            [Value::Integer(item)] => *item as usize,
            _ => usize::MAX,
        };
        View {
            rows: self
                .keyed_rows()
                .map(|(_, key, found)| (item(&key), row(found)))
                .collect(),
            knowledge: self.knowledge().clone(),
            waiting: self.waiting_keys().map(|(_, key)| item(&key)).collect(),
            pristine: self.is_pristine(),
        }
    }
}

/// The members of a community of memory replicas, under `rules`.
pub fn memory(names: &Names, rules: Rules) -> impl Fn(usize) -> MemoryReplica {
    let names = names.clone();
    move |index| {
        MemoryReplica::new(names.replicas[index].clone(), names.scope.clone()).with_rules(rules)
    }
}

fn key(item: usize) -> Value {
    Value::Integer(item as i64)
}

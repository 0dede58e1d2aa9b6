//! Removing metadata of deletions, and noting what is forgotten with them.

use std::collections::BTreeMap;

use sync_knowledge::{ForgottenKnowledge, Knowledge, ReplicaKey, Version};
use sync_metadata::{Value, ValueRef};
use sync_provider::{ProviderError, RowSet};

use super::connection::{Cells, CommandConnection, Program, Query, Step};
use super::{CommandRole, CommandStore, Parameter, SessionValue};
use sync_decision::write_item_id;
use sync_relational::own_knowledge;
use sync_relational::{Attempt, Patience, Store as _};

/// Deletions that are removed in one transaction: what is held in memory is bounded.
const MOST_ROWS: usize = 10_000;

/// What a clean-up did.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct MetadataCleanup {
    /// Deletions whose metadata are gone.
    pub removed: u64,
    /// Those that were selected and could not be removed: they changed meanwhile, or were not known yet.
    pub left: u64,
}

/// Deletions of one table on their way out.
struct Outgoing {
    table: usize,
    keys: RowSet,
    ticks: Vec<i64>,
    versions: Vec<Version>,
    /// There are more than were taken.
    more: bool,
    /// Selected, and not to be removed: their version is not known.
    unknown: u64,
}

impl<C: CommandConnection> CommandStore<C> {
    /// See [`DbSyncProvider::cleanup_metadata`](super::DbSyncProvider::cleanup_metadata).
    pub(super) async fn cleanup_metadata(
        &mut self,
        aging_in_days: i32,
    ) -> Result<MetadataCleanup, ProviderError> {
        let cleaned: Vec<usize> = (0..self.adapters.len())
            .filter(|&table| self.adapters[table].select_for_cleanup.is_some())
            .collect();
        if cleaned.is_empty() {
            return Err(ProviderError::refused(
                format!("scope {}", self.scope.description.name),
                "none of its tables has a SelectMetadataForCleanupCommand",
                "give the adapters this command",
            ));
        }
        let mut done = MetadataCleanup::default();
        for table in cleaned {
            loop {
                let round = self.clean_up_some(table, aging_in_days).await;
                if round.is_err() {
                    self.rollback().await?;
                }
                let (round, more) = round?;
                done.removed += round.removed;
                if !more || round.removed == 0 {
                    done.left += round.left;
                    break;
                }
            }
        }
        Ok(done)
    }

    /// One transaction: what is forgotten is noted before it is gone, and both or neither is there afterwards.
    async fn clean_up_some(
        &mut self,
        table: usize,
        aging_in_days: i32,
    ) -> Result<(MetadataCleanup, bool), ProviderError> {
        if let Attempt::Busy(error) = self.begin_apply(Patience::Full).await? {
            return Err(error);
        }
        let known = self.known()?;
        let outgoing = self.outgoing(table, aging_in_days, &known).await?;
        if outgoing.versions.is_empty() {
            self.rollback().await?;
            let left = outgoing.unknown;
            return Ok((MetadataCleanup { removed: 0, left }, false));
        }
        let forgotten = self.forgotten(&known, &outgoing.versions)?.to_bytes();
        let knowledge = self.row.knowledge.clone();
        let superseded = self.store_scope(knowledge.as_deref(), Some(&forgotten));
        if let Some(error) = superseded.await? {
            return Err(error);
        }
        self.tell_overlapping_scopes(&outgoing).await?;
        let failed = self.delete_metadata(&outgoing).await?;
        self.connection.commit().await?;
        let all = outgoing.versions.len() as u64;
        let round = MetadataCleanup {
            removed: all - failed,
            left: outgoing.unknown + failed,
        };
        Ok((round, outgoing.more))
    }

    fn known(&self) -> Result<Knowledge, ProviderError> {
        let mut known = own_knowledge(&self.scope, self.row.knowledge.as_deref())?;
        let mark = u64::try_from(self.mark).unwrap_or(0);
        known.set_local_tick(mark.max(known.local_tick()));
        Ok(known)
    }

    /// The deletions that may go. One whose version is not known yet would be forgotten by nobody's account.
    async fn outgoing(
        &mut self,
        table: usize,
        aging_in_days: i32,
        known: &Knowledge,
    ) -> Result<Outgoing, ProviderError> {
        let (adapter, shape) = (&self.adapters[table], &self.shapes[table]);
        let signature = adapter.signature();
        let mut outgoing = Outgoing {
            table,
            keys: RowSet::new(shape.key.len()),
            ticks: Vec::new(),
            versions: Vec::new(),
            more: false,
            unknown: 0,
        };
        let Some(command) = &adapter.select_for_cleanup else {
            return Ok(outgoing);
        };
        let mut values = self.session_values().to_vec();
        let aging = ValueRef::Integer(aging_in_days.into());
        values.push((SessionValue::MetadataAgingInDays, aging));
        let mut arguments = signature.arguments();
        signature.push(&mut arguments, [], &values);
        let result = adapter.returns(CommandRole::SelectMetadataForCleanup);
        let query = Query {
            command,
            signature,
            arguments: &arguments,
            result: &result,
        };
        let mut refused = None;
        let mut id = Vec::new();
        let mut take = |cells: Cells| -> Result<(), String> {
            let cells = cells.into_iter().collect::<Result<Vec<Value>, String>>()?;
            let (key, versions) = cells.split_at(shape.key.len().min(cells.len()));
            let number = |at: usize| match versions.get(at) {
                Some(Value::Integer(number)) => Ok(*number),
                _ => Err(format!(
                    "a row has no {}",
                    result[shape.key.len() + at].name
                )),
            };
            let (tick, update_tick, update_key) = (number(0)?, number(1)?, number(2)?);
            let version = Version::new(
                ReplicaKey(u32::try_from(update_key).unwrap_or(0)),
                u64::try_from(update_tick).unwrap_or(0),
            );
            id.clear();
            write_item_id(&mut id, shape, key.iter().map(Value::as_ref));
            if !known.contains(&id, version) {
                outgoing.unknown += 1;
            } else if outgoing.versions.len() == MOST_ROWS {
                outgoing.more = true;
            } else {
                outgoing.keys.push(key.iter().map(Value::as_ref));
                outgoing.ticks.push(tick);
                outgoing.versions.push(version);
            }
            Ok(())
        };
        self.connection
            .query(&[query], &mut |_, _, cells| {
                if let Err(reason) = take(cells) {
                    refused.get_or_insert(reason);
                }
            })
            .await?;
        match refused {
            Some(reason) => Err(command.refused(reason, "return the key and the row's versions")),
            None => Ok(outgoing),
        }
    }

    /// What is forgotten then: up to the greatest tick of each replica whose deletions go.
    fn forgotten(
        &self,
        known: &Knowledge,
        versions: &[Version],
    ) -> Result<ForgottenKnowledge, ProviderError> {
        let stored = self.row.forgotten.as_deref();
        let stored = stored.map(ForgottenKnowledge::from_bytes).transpose();
        let stored = stored.map_err(|error| {
            let object = self.commands.select_scope_info.object();
            ProviderError::malformed(object, error.to_string())
        })?;
        let mut forgotten = stored.unwrap_or_else(|| ForgottenKnowledge::new(known));
        let mut greatest: BTreeMap<ReplicaKey, u64> = BTreeMap::new();
        for version in versions {
            let tick = greatest.entry(version.replica).or_default();
            *tick = version.tick.max(*tick);
        }
        for (replica, tick) in greatest {
            forgotten.forget_to(known, Version::new(replica, tick));
        }
        Ok(forgotten)
    }

    /// To other scopes that have the table, what goes looked like changes of this replica: they forget up to its own ticks.
    async fn tell_overlapping_scopes(&mut self, outgoing: &Outgoing) -> Result<(), ProviderError> {
        let Some(overlapping) = &self.commands.overlapping else {
            return Ok(());
        };
        let mut arguments = self.signature.arguments();
        self.signature
            .push(&mut arguments, [], &self.session_values());
        let result = [SessionValue::TableName, SessionValue::SharedScopeName];
        let result = result.map(|value| Parameter {
            name: value.name().to_owned(),
            sql_type: value.sql_type(),
        });
        let query = Query {
            command: &overlapping.select,
            signature: &self.signature,
            arguments: &arguments,
            result: &result,
        };
        let table = &self.scope.description.tables[outgoing.table];
        let (mut scopes, mut refused) = (Vec::new(), None);
        self.connection
            .query(&[query], &mut |_, _, cells| match cells.as_slice() {
                [Ok(Value::Text(name)), Ok(Value::Text(scope))] => {
                    let name = sync_metadata::TableName::parse(name);
                    if name.is_ok_and(|name| name == table.local_name) {
                        scopes.push(scope.clone());
                    }
                }
                other => refused = Some(format!("it returned {other:?}")),
            })
            .await?;
        if let Some(reason) = refused {
            let remedy = "return sync_table_name and sync_shared_scope_name";
            return Err(overlapping.select.refused(reason, remedy));
        }
        let tick = outgoing.ticks.iter().copied().max().unwrap_or(0);
        let mut arguments = self.signature.arguments();
        for scope in &scopes {
            let values = [
                (SessionValue::ScopeName, ValueRef::Text(scope)),
                (SessionValue::ScopeCleanupTimestamp, ValueRef::Integer(tick)),
            ];
            self.signature.push(&mut arguments, [], &values);
        }
        if scopes.is_empty() {
            return Ok(());
        }
        let program = only(&overlapping.update_timestamp);
        let failures = self
            .connection
            .run(
                None,
                &self.signature,
                &arguments,
                &[program],
                &vec![0; scopes.len()],
            )
            .await
            .map_err(|error| error.at(overlapping.update_timestamp.object().to_owned()))?;
        match failures.into_iter().next() {
            None => Ok(()),
            Some(failure) => Err(overlapping.update_timestamp.refused(
                failure.reason.unwrap_or_else(|| {
                    format!("it wrote no row for scope {}", scopes[failure.row])
                }),
                "without it a replica of that scope would not be recognised as outdated",
            )),
        }
    }

    /// Gives back how many could not be deleted.
    async fn delete_metadata(&mut self, outgoing: &Outgoing) -> Result<u64, ProviderError> {
        let table = outgoing.table;
        let (adapter, shape) = (&self.adapters[table], &self.shapes[table]);
        let mut arguments = adapter.signature().arguments();
        for (key, tick) in outgoing.keys.iter().zip(&outgoing.ticks) {
            let mut values = self.session_values().to_vec();
            values.extend([
                (SessionValue::CheckConcurrency, ValueRef::Integer(1)),
                (SessionValue::RowTimestamp, ValueRef::Integer(*tick)),
                (SessionValue::MinTimestamp, ValueRef::Integer(*tick)),
                (SessionValue::RowIsTombstone, ValueRef::Integer(1)),
            ]);
            let cells = shape.key.iter().copied().zip(key.values());
            adapter.signature().push(&mut arguments, cells, &values);
        }
        let program = only(&adapter.writing()?.delete_metadata);
        let program_of = vec![0; outgoing.keys.len()];
        let failures = self
            .connection
            .run(
                Some(table),
                adapter.signature(),
                &arguments,
                &[program],
                &program_of,
            )
            .await
            .map_err(|error| error.at(format!("table {}", shape.global_name)))?;
        for failure in &failures {
            tracing::warn!(table = %shape.global_name, reason = ?failure.reason, "metadata that could not be removed");
        }
        Ok(failures.len() as u64)
    }
}

fn only(command: &super::Command) -> Program<'_> {
    Program {
        steps: vec![Step {
            command,
            otherwise: None,
        }],
    }
}

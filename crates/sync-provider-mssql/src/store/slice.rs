//! As destination: a slice is staged, answered with what is there, decided about, and carried out.

use std::fmt::Write as _;

use sync_decision::TableShape;
use sync_knowledge::ReplicaKey;
use sync_metadata::{Value, ValueRef, VersionColumns, fit};
use sync_provider::{Effect, ProviderError, RowSet};
use sync_relational::{LocalEntry, LocalSlice, RowFailure, Slice, Write, Written};
use tiberius::Row;

use crate::error::MssqlError;
use crate::server_error::give_up;
use crate::staging::Packed;
use crate::store::MssqlStore;
use crate::store::enumeration::{integer, tracking, values};
use crate::store::keys::{respelled, shown_key, spelled_otherwise};
use crate::store::scope_row::get;
use crate::store::sql::code;
use crate::store::texts::Texts;
use crate::store::writing::Parts;

/// What is to be done with the rows of a slice.
#[derive(Debug)]
pub(super) struct Plan {
    /// As JSON: one array per row, in the order in which `UNPACK_PLAN` reads it.
    json: String,
    parts: Parts,
}

impl MssqlStore {
    pub(super) async fn read_local(
        &mut self,
        slice: Slice<'_>,
    ) -> Result<LocalSlice, ProviderError> {
        loop {
            match self.read_once(slice).await? {
                Some(local) => return Ok(local),
                None => self.counts = true,
            }
        }
    }

    /// `None` where the server has to count in its texts.
    async fn read_once(&mut self, slice: Slice<'_>) -> Result<Option<LocalSlice>, ProviderError> {
        let counted = self.counted(slice.table, false);
        let mut texts = Texts::new(counted.clone());
        let shape = &self.shapes[slice.table];
        let width = shape.columns.len();
        let mut local = LocalSlice {
            entries: vec![None; slice.rows.len()],
            cells: RowSet::new(width),
            unreadable: Vec::new(),
        };
        let mut packed = Packed::default();
        for (number, row) in slice.rows.iter().enumerate() {
            let columns: &[usize] = if slice.deleted { &shape.key } else { &[] };
            if let Some(reason) = respelled(shape, &key_of(shape, slice, number)) {
                local.unreadable.push(RowFailure {
                    row: number,
                    reason,
                    metadata: false,
                });
                continue;
            }
            let fitted = if slice.deleted {
                fitted_key(shape, columns, row.values())
            } else {
                fitted_row(shape, row.values())
            };
            match fitted {
                Ok(cells) => {
                    packed.start_row(number);
                    for (value, sql_type) in cells.iter().zip(&shape.types) {
                        packed.cell(sql_type, *value);
                    }
                }
                Err(reason) => local.unreadable.push(RowFailure {
                    row: number,
                    reason,
                    metadata: false,
                }),
            }
        }
        let (text, bytes) = packed.finish();
        let sql = self.tables[slice.table].stage(&counted);
        let view = self.view;
        self.connection
            .call_each::<ProviderError>(&sql, &[&text, &bytes], |_, row| {
                let mut cells = row.into_iter();
                let number = integer(cells.next()).and_then(|number| usize::try_from(number).ok()).unwrap_or(0);
                let unfit = integer(cells.next()).and_then(|column| usize::try_from(column).ok());
                let twin = integer(cells.next()).and_then(|row| usize::try_from(row).ok());
                let tracked = integer(cells.next()) == Some(1);
                let present = integer(cells.next()) == Some(1);
                if let Some(column) = unfit {
                    let reason = format!(
                        "column {}: the code page of its collation lacks a character; declare it nvarchar",
                        shape.columns.get(column).map_or("", String::as_str)
                    );
                    local.unreadable.push(RowFailure { row: number, reason, metadata: false });
                    return Ok(());
                }
                if let Some(twin) = twin.filter(|twin| *twin < slice.rows.len()) {
                    let twin = key_of(shape, slice, twin);
                    let reason = format!(
                        "the key {} is taken for {} here, which comes with it; delete one of them, or write it in one way everywhere",
                        shown_key(shape, key_of(shape, slice, number).row(0).values()),
                        shown_key(shape, twin.row(0).values()),
                    );
                    local.unreadable.push(RowFailure { row: number, reason, metadata: false });
                    return Ok(());
                }
                let (tracking, attributes) = tracking(&mut cells)?;
                if !tracked {
                    return Ok(());
                }
                texts.read(&mut cells);
                let here = values(&mut cells, width);
                let here = here.and_then(|here| texts.check(shape, here.iter().enumerate()).map(|()| here));
                let here = here.and_then(|here| match number < slice.rows.len() {
                    true => match spelled_otherwise(shape, &key_of(shape, slice, number), &here) {
                        Some(reason) => Err(reason),
                        None => Ok(here),
                    },
                    false => Ok(here),
                });
                let here = match here {
                    Ok(here) => here,
                    Err(reason) => {
                        local.unreadable.push(RowFailure { row: number, reason, metadata: false });
                        return Ok(());
                    }
                };
                let mut live = None;
                if present && !tracking.tombstone {
                    live = Some(local.cells.len());
                    local.cells.push(here.iter().map(Value::as_ref));
                }
                let (time, writer) = view.written(&tracking, attributes);
                if let Some(entry) = local.entries.get_mut(number) {
                    *entry = Some(LocalEntry {
                        facts: view.facts(&tracking),
                        time,
                        writer,
                        local_tick: tracking.local_update_peer_timestamp,
                        cells: live,
                    });
                }
                Ok(())
            })
            .await?;
        Ok((!texts.is_suspect()).then_some(local))
    }

    pub(super) async fn write_slice(
        &mut self,
        slice: Slice<'_>,
        local: &LocalSlice,
        writes: &[Write],
    ) -> Result<Written, ProviderError> {
        if writes.is_empty() {
            return Ok(Written::AllBut(Vec::new()));
        }
        let plan = self.plan(slice, local, writes)?;
        let opening = self.opening(slice);
        match self.carry_out(slice, &plan, &opening).await? {
            Written::AllBut(failures) => self.write_circle(slice, local, writes, failures).await,
            undone => Ok(undone),
        }
    }

    /// Carries a plan out, after what `opening` does.
    pub(super) async fn carry_out(
        &mut self,
        slice: Slice<'_>,
        plan: &Plan,
        opening: &str,
    ) -> Result<Written, ProviderError> {
        let scope = self.view.scope_local_id;
        let table = &self.tables[slice.table];
        // The savepoint is undone where the statements for all rows fail, and each row is tried by itself.
        let together = format!(
            "{opening}{writing};\nSAVE TRANSACTION sync_slice;\nDECLARE @told nvarchar(2048);\nBEGIN TRY\n{}\nEND TRY\nBEGIN CATCH\n{give_up}\n\
             ROLLBACK TRANSACTION sync_slice;\nSELECT -1, N''\nEND CATCH",
            table.apply(plan.parts),
            writing = table.writing(),
            give_up = give_up("-1", &[]),
        );
        if !slice.apart {
            match self.connection.call(&together, &[&plan.json, &scope]).await {
                Ok(sets) => {
                    let failures = self.failures(&sets)?;
                    if failures.iter().all(|failure| failure.row != usize::MAX) {
                        return Ok(Written::AllBut(failures));
                    }
                }
                Err(error) => return self.undone(error).await,
            }
        }
        let opening = if slice.apart { opening } else { "" };
        let each = format!(
            "{opening}{}",
            self.tables[slice.table].apply_each(plan.parts)
        );
        match self.connection.call(&each, &[&plan.json, &scope]).await {
            Ok(sets) => Ok(Written::AllBut(self.failures(&sets)?)),
            Err(error) => self.undone(error).await,
        }
    }

    /// What an error of a slice means: a row of it undid the transaction, or the session cannot go on.
    async fn undone(&mut self, error: MssqlError) -> Result<Written, ProviderError> {
        let Some((row, reason)) = error.undone() else {
            return Err(error.into());
        };
        self.undo().await?;
        Ok(Written::Undone { row, reason })
    }

    fn failures(&self, sets: &[Vec<Row>]) -> Result<Vec<RowFailure>, MssqlError> {
        sets.iter().flatten().map(|row| self.failure(row)).collect()
    }

    fn failure(&self, row: &Row) -> Result<RowFailure, MssqlError> {
        let number: i32 = get(row, 0, self.connection.server())?;
        let reason: &str = get(row, 1, self.connection.server())?;
        Ok(RowFailure {
            row: usize::try_from(number).unwrap_or(usize::MAX),
            reason: reason.to_owned(),
            metadata: false,
        })
    }

    /// What is to be done.
    pub(super) fn plan(
        &self,
        slice: Slice<'_>,
        local: &LocalSlice,
        writes: &[Write],
    ) -> Result<Plan, ProviderError> {
        let shape = &self.shapes[slice.table];
        let (mut plan, mut parts) = (String::new(), Parts::default());
        for write in writes {
            let entry = local.entries.get(write.row).and_then(Option::as_ref);
            let live = entry.is_some_and(|entry| entry.cells.is_some());
            let effect = write.outcome.effect(live);
            parts.add(effect, entry.is_some());
            let outcome = &write.outcome;
            let version = |version| {
                VersionColumns::through_scope(version, self.view.scope_local_id).map_err(|error| {
                    ProviderError::malformed(
                        format!("table {}", shape.global_name),
                        error.to_string(),
                    )
                })
            };
            let (update, create) = (version(outcome.update)?, version(outcome.create)?);
            let new_create = entry.is_none_or(|entry| entry.facts.create != outcome.create);
            let writer = outcome
                .writer
                .filter(|writer| *writer != outcome.update.replica)
                .map(|ReplicaKey(key)| key);
            // What was rounded to fit is a change made here, so that the others get what is stored.
            let rounded = effect != Effect::Version
                && !slice.deleted
                && is_rounded(shape, slice.rows.row(write.row).values());
            let (scope, update) = if rounded {
                (None, VersionColumns::LOCAL)
            } else {
                (update.scope_local_id, update)
            };
            plan.push_str(if plan.is_empty() { "[[" } else { "],[" });
            // Writing to a `String` cannot fail.
            let _ = write!(
                plan,
                "{},{},{},{},{},{},{},{},{},{},{},{}",
                write.row,
                code(effect),
                or_null(entry.map(|entry| entry.local_tick)),
                or_null(scope),
                or_null(update.scope_peer_key),
                or_null(update.scope_peer_timestamp),
                u8::from(new_create),
                or_null(create.scope_peer_key),
                or_null(create.scope_peer_timestamp),
                u8::from(outcome.tombstone),
                or_null(outcome.time),
                or_null(writer),
            );
        }
        plan.push_str("]]");
        Ok(Plan { json: plan, parts })
    }
}

fn or_null<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "null".to_owned(), |value| value.to_string())
}

/// The cells of a row as their columns hold them.
fn fitted_row<'v>(
    shape: &TableShape,
    cells: impl Iterator<Item = ValueRef<'v>>,
) -> Result<Vec<ValueRef<'v>>, String> {
    cells
        .enumerate()
        .map(|(column, value)| fitted(shape, column, value))
        .collect()
}

/// The key of a row of a slice.
fn key_of(shape: &TableShape, slice: Slice<'_>, row: usize) -> RowSet {
    let row = slice.rows.row(row);
    if !slice.deleted {
        return shape.key_of(row);
    }
    let mut key = RowSet::new(shape.key.len());
    key.push_row(row);
    key
}

/// The same of a key; the other columns are NULL.
fn fitted_key<'v>(
    shape: &TableShape,
    key: &[usize],
    cells: impl Iterator<Item = ValueRef<'v>>,
) -> Result<Vec<ValueRef<'v>>, String> {
    let mut row = vec![ValueRef::Null; shape.columns.len()];
    for (&column, value) in key.iter().zip(cells) {
        row[column] = fitted(shape, column, value)?;
    }
    Ok(row)
}

fn fitted<'v>(
    shape: &TableShape,
    column: usize,
    value: ValueRef<'v>,
) -> Result<ValueRef<'v>, String> {
    let fitted = fit(&shape.types[column], value);
    fitted
        .map(|fitted| fitted.value)
        .map_err(|error| format!("column {}: {error}", shape.columns[column]))
}

fn is_rounded<'v>(shape: &TableShape, mut cells: impl Iterator<Item = ValueRef<'v>>) -> bool {
    let mut types = shape.types.iter();
    types.any(|sql_type| {
        cells
            .next()
            .is_some_and(|value| fit(sql_type, value).is_ok_and(|fitted| fitted.rounded))
    })
}

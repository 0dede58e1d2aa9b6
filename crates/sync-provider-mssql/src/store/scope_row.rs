//! The scope row, the rows that wait, and the transactions around an apply.

use sync_knowledge::{ItemId, Tick};
use sync_metadata::ObjectName;
use sync_provider::ProviderError;
use sync_relational::{
    Attempt, Begun, Commit, Learned, Patience, ScopeState, Waiting, scope_row_changed,
};
use tiberius::Row;

use crate::error::MssqlError;
use crate::sql::{join, object, text};
use crate::store::MssqlStore;
use crate::store::applying::applying;
use crate::store::sql::CREATE_SHARED;

/// Below it every change is committed.
const MARK: &str = "CONVERT(bigint, MIN_ACTIVE_ROWVERSION()) - 1";

impl MssqlStore {
    pub(super) async fn read_state(&mut self) -> Result<(ScopeState, Vec<Waiting>), MssqlError> {
        let sql = format!("{}; {}", self.select_state(MARK), self.select_waiting());
        let mut sets = self.connection.batch(&sql).await?.into_iter();
        let (state, _) = self.state_of(sets.next())?;
        let mut waiting = Vec::new();
        for row in sets.next().unwrap_or_default() {
            let name: &str = get(&row, 1, self.connection.server())?;
            // A table that has left the scope has nothing to wait for.
            let Some(table) = self
                .shapes
                .iter()
                .position(|shape| shape.global_name == name)
            else {
                continue;
            };
            let id: &[u8] = get(&row, 0, self.connection.server())?;
            let key: &[u8] = get(&row, 2, self.connection.server())?;
            let reason: &str = get(&row, 3, self.connection.server())?;
            waiting.push(Waiting {
                id: ItemId::from_bytes(id),
                table,
                key: key.to_vec(),
                reason: reason.to_owned(),
            });
        }
        Ok((state, waiting))
    }

    /// As source: the mark first, then the snapshot. Whatever was committed before the mark was read is in a snapshot that begins after it.
    ///
    /// Changes made here above the mark are not sent: nobody could claim to know them, and a conflict that was settled with one would be met again in every
    /// session until the writer who holds the mark back is done.
    ///
    /// Without a snapshot each page is read by itself. Nothing is lost by it: what is at or below the mark and still
    /// the newest of its row when its page is read is in the page, and what took its place meanwhile is above the mark, so that nobody
    /// claims it and the next session brings it.
    pub(super) async fn take_mark(&mut self, floors: &[Tick]) -> Result<Begun, MssqlError> {
        // In a rehearsal the enumeration sees what was applied before it, in the transaction of that.
        let within = self.rehearsed.applied;
        if !within {
            self.undo().await?;
        }
        let snapshot = self.facts.allows_snapshot && self.options.snapshot && !within;
        let note = match (self.remembers, self.options.rehearsal) {
            (true, false) => self.note_source(),
            _ => String::new(),
        };
        self.rehearsed.handed_out = self.remembers && self.options.rehearsal;
        let (isolation, begin, end) = match (snapshot, within) {
            (true, _) => (
                "SNAPSHOT",
                "BEGIN TRANSACTION",
                "IF @@TRANCOUNT > 0 AND NOT EXISTS (SELECT 1 FROM @changed) COMMIT TRANSACTION",
            ),
            (false, false) => (
                "READ COMMITTED",
                "",
                "IF @@TRANCOUNT > 0 AND NOT EXISTS (SELECT 1 FROM @changed) COMMIT TRANSACTION",
            ),
            (false, true) => ("READ COMMITTED", "", ""),
        };
        let changed = join(
            self.tables.iter().zip(floors).enumerate(),
            " UNION ALL ",
            |(table, (names, floor))| {
                format!(
                    "SELECT {table} WHERE {}",
                    names.any_between(*floor, "@mark", self.reach())
                )
            },
        );
        let sql = format!(
            "SET TRANSACTION ISOLATION LEVEL {isolation}; SET NOCOUNT ON; {}; {note}; \
             DECLARE @mark bigint = CONVERT(bigint, MIN_ACTIVE_ROWVERSION()) - 1; DECLARE @changed TABLE (nr int NOT NULL PRIMARY KEY); {begin}; \
             {}; INSERT INTO @changed {changed}; SELECT nr FROM @changed ORDER BY nr; {end}",
            self.lock_timeout(Patience::Full),
            self.select_state("@mark"),
        );
        self.busy = true;
        let mut sets = self.connection.batch(&sql).await?.into_iter();
        let (state, _) = self.state_of(sets.next())?;
        let server = self.connection.server();
        let changed: Result<Vec<usize>, MssqlError> = (sets.flatten())
            .map(|row| Ok(usize::try_from(get::<i32>(&row, 0, server)?).unwrap_or(usize::MAX)))
            .collect();
        let changed: Vec<usize> = changed?
            .into_iter()
            .filter(|table| *table < self.tables.len())
            .collect();
        self.busy = within || snapshot && !changed.is_empty();
        self.limit = state.mark.try_into().unwrap_or(i64::MAX);
        Ok(Begun { state, changed })
    }

    pub(super) async fn open_apply(
        &mut self,
        patience: Patience,
    ) -> Result<Attempt<ScopeState>, MssqlError> {
        self.undo().await?;
        let staging = if self.staged {
            String::new()
        } else {
            let tables: String = self
                .tables
                .iter()
                .map(|table| table.create_staged() + &table.create_open())
                .collect();
            format!("{CREATE_SHARED} {tables}")
        };
        // Nobody else applies to this scope meanwhile; the lock goes with the transaction.
        let lock = format!(
            "DECLARE @locked int; EXEC @locked = sp_getapplock @Resource = {}, @LockMode = 'Exclusive', @LockOwner = 'Transaction', @LockTimeout = {}",
            text(&format!("syncdb {}", self.scope.replica)),
            self.options.milliseconds(patience),
        );
        // Rows are waited for as long as the user allows, whatever the patience: only the scope's own lock is what sessions wait for in a circle.
        let sql = format!(
            "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; SET NOCOUNT ON; SET XACT_ABORT OFF; {}; {staging} BEGIN TRANSACTION; {lock}; \
             IF @locked < 0 ROLLBACK TRANSACTION ELSE {}; SELECT @locked; {}",
            self.lock_timeout(Patience::Full),
            applying(Some(&self.names.session_mark())),
            self.select_state(MARK)
        );
        self.busy = true;
        self.open = false;
        self.circles.begin();
        self.offered.clear();
        let mut sets = self
            .connection
            .batch(&sql)
            .await?
            .into_iter()
            .filter(|set| !set.is_empty());
        self.staged = true;
        let locked = sets.next().and_then(|rows| rows.into_iter().next());
        let locked: i32 = match &locked {
            Some(row) => get(row, 0, self.connection.server())?,
            None => -999,
        };
        if locked < 0 {
            self.busy = false;
            let reason =
                "another session applies changes to it, and did not come to an end in time";
            let object = format!(
                "scope {} of {}",
                self.scope.description.name,
                self.connection.server()
            );
            return Ok(Attempt::Busy(ProviderError::database(
                object,
                reason,
                "run it again when that is done, or allow more time",
            )));
        }
        let (state, stamp) = self.state_of(sets.next())?;
        self.stamp = stamp;
        Ok(Attempt::Done(state))
    }

    /// How long locks are waited for, from here on.
    fn lock_timeout(&self, patience: Patience) -> String {
        format!("SET LOCK_TIMEOUT {}", self.options.milliseconds(patience))
    }

    /// One batch, for a transaction must not end within a call that has parameters (error 266).
    ///
    /// Sync Framework's provider heeds no lock of ours; it compares the row's `scope_timestamp`, as is done here. Stored over what it learned
    /// meanwhile, our key map would give its replicas' keys to others, and rows would change their authors.
    pub(super) async fn close_apply(&mut self, learned: &Learned) -> Result<Commit, ProviderError> {
        let scope = self.view.scope_local_id;
        let mut sql = "SET NOCOUNT ON; DECLARE @stored int = 1; ".to_owned();
        if let Some(knowledge) = &learned.knowledge {
            sql.push_str(&format!(
                "UPDATE {} SET scope_sync_knowledge = {} WHERE scope_local_id = {scope} \
                 AND scope_timestamp = CONVERT(binary(8), CONVERT(bigint, {})); SET @stored = @@ROWCOUNT; ",
                object(&self.names.scope_info),
                bytes(knowledge),
                self.stamp
            ));
        }
        if self.remembers {
            let waiting = object(&self.names.waiting);
            for (id, key) in &learned.forget {
                sql.push_str(&format!(
                    "DELETE FROM {waiting} WHERE scope_local_id = {scope} AND row_id = {} AND row_key = {}; ",
                    bytes(id.as_bytes()),
                    bytes(key)
                ));
            }
            for row in &learned.remember {
                let (id, key) = (bytes(row.id.as_bytes()), bytes(&row.key));
                sql.push_str(&format!(
                    "DELETE FROM {waiting} WHERE scope_local_id = {scope} AND row_id = {id} AND row_key = {key}; \
                     INSERT INTO {waiting} (scope_local_id, row_id, table_name, row_key, reason) VALUES ({scope}, {id}, {}, {key}, {}); ",
                    text(&self.shapes[row.table].global_name),
                    text(&row.reason)
                ));
            }
        }
        let end = match self.options.rehearsal {
            true => "IF @stored <> 1 ROLLBACK TRANSACTION",
            false => "IF @stored = 1 COMMIT TRANSACTION ELSE ROLLBACK TRANSACTION",
        };
        sql.push_str(&format!("{end}; {}; SELECT @stored", applying(None)));
        let sql = self.closing(sql);
        // A commit that was tried answers with one cell; a row that is in its way has more.
        let answer = self.connection.batch(&sql).await?.into_iter().flatten();
        let (offenders, tried): (Vec<Row>, Vec<Row>) = answer.partition(|row| row.len() > 1);
        if !offenders.is_empty() {
            let breach = self.breach(offenders);
            self.undo().await?;
            return Ok(Commit::Broken(breach));
        }
        self.busy = false;
        let stored: i32 = match tried.last() {
            Some(row) => get(row, 0, self.connection.server())?,
            None => 0,
        };
        match stored {
            1 => {
                self.rehearsed.applied = self.options.rehearsal;
                self.busy = self.rehearsed.applied;
                Ok(Commit::Done)
            }
            _ => Ok(Commit::Superseded(scope_row_changed(format!(
                "scope {} of {}",
                self.scope.description.name,
                self.connection.server()
            )))),
        }
    }

    pub(super) async fn undo(&mut self) -> Result<(), MssqlError> {
        self.rehearsed.applied = false;
        let is_open = std::mem::take(&mut self.busy) && self.connection.is_open();
        if !is_open {
            return Ok(());
        }
        let sql = format!(
            "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION; {}",
            applying(None)
        );
        self.connection.batch(&sql).await?;
        Ok(())
    }

    /// `mark` is an expression.
    fn select_state(&self, mark: &str) -> String {
        let was_source = if self.remembers {
            format!(
                "COALESCE((SELECT CONVERT(int, was_source) FROM {} WHERE scope_local_id = {}), 0)",
                object(&self.names.scopes),
                self.view.scope_local_id
            )
        } else {
            // Nobody can tell: it never counts as a pristine replica.
            "1".to_owned()
        };
        format!(
            "SELECT scope_sync_knowledge, scope_tombstone_cleanup_knowledge, {mark}, {was_source}, CONVERT(bigint, scope_timestamp) \
             FROM {} WHERE scope_local_id = {}",
            object(&self.names.scope_info),
            self.view.scope_local_id
        )
    }

    fn select_waiting(&self) -> String {
        if !self.remembers {
            return "SELECT 1 WHERE 1 = 0".to_owned();
        }
        format!(
            "SELECT row_id, table_name, row_key, reason FROM {} WHERE scope_local_id = {}",
            object(&self.names.waiting),
            self.view.scope_local_id
        )
    }

    fn note_source(&self) -> String {
        let scopes: &ObjectName = &self.names.scopes;
        let (scopes, scope) = (object(scopes), self.view.scope_local_id);
        format!(
            "UPDATE {scopes} SET was_source = 1 WHERE scope_local_id = {scope} AND was_source = 0; \
             INSERT INTO {scopes} (scope_local_id, was_source) SELECT {scope}, 1 WHERE NOT EXISTS \
             (SELECT 1 FROM {scopes} WHERE scope_local_id = {scope})"
        )
    }

    /// The state, and the row's stamp.
    fn state_of(&self, rows: Option<Vec<Row>>) -> Result<(ScopeState, i64), MssqlError> {
        let server = self.connection.server();
        let row = rows
            .and_then(|rows| rows.into_iter().next())
            .ok_or_else(|| {
                MssqlError::refused(
                    format!("scope {}", self.scope.description.name),
                    format!("{server} does not hold it any more"),
                    "provision the database for it again",
                )
            })?;
        let blob = |column| {
            row.try_get::<&[u8], _>(column)
                .ok()
                .flatten()
                .map(<[u8]>::to_vec)
        };
        let mark: i64 = get(&row, 2, server)?;
        let was_source: i32 = get(&row, 3, server)?;
        let stamp: i64 = get(&row, 4, server)?;
        let state = ScopeState {
            knowledge: blob(0),
            forgotten: blob(1),
            mark: u64::try_from(mark).unwrap_or(0),
            was_source: was_source != 0 || self.rehearsed.handed_out,
        };
        Ok((state, stamp))
    }
}

/// A value that our own statement selects and that is never NULL.
pub(super) fn get<'r, T: tiberius::FromSql<'r>>(
    row: &'r Row,
    column: usize,
    server: &str,
) -> Result<T, MssqlError> {
    let found = row
        .try_get::<T, _>(column)
        .map_err(|error| MssqlError::at(server, &error))?;
    found.ok_or_else(|| {
        MssqlError::refused(
            server,
            format!("column {column} of an answer is NULL"),
            "check that the metadata tables are intact",
        )
    })
}

/// Bytes as a literal.
fn bytes(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut literal = String::with_capacity(2 + 2 * bytes.len());
    literal.push_str("0x");
    for byte in bytes {
        let _ = write!(literal, "{byte:02X}");
    }
    literal
}

//! The scope row, the rows that wait, and the transactions around an apply.

use sync_knowledge::ItemId;
use sync_metadata::ObjectName;
use sync_relational::{Learned, ScopeState, Waiting};
use tiberius::{Row, ToSql};

use crate::error::MssqlError;
use crate::sql::{object, text};
use crate::store::MssqlStore;
use crate::store::sql::{CREATE_SHARED, applying};

impl MssqlStore {
    pub(super) async fn read_state(
        &mut self,
    ) -> Result<(ScopeState, Vec<Waiting>), MssqlError> {
        let sql = format!("{}; {}", self.select_state(), self.select_waiting());
        let mut sets = self.connection.batch(&sql).await?.into_iter();
        let state = self.state_of(sets.next())?;
        let mut waiting = Vec::new();
        for row in sets.next().unwrap_or_default() {
            let name: &str = get(&row, 1, self.connection.server())?;
            // A table that has left the scope has nothing to wait for.
            let Some(table) = self.shapes.iter().position(|shape| shape.global_name == name) else {
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
    pub(super) async fn take_mark(&mut self) -> Result<ScopeState, MssqlError> {
        self.undo().await?;
        if self.remembers {
            self.connection.batch(&self.note_source()).await?;
        }
        let isolation = if self.facts.allows_snapshot {
            "SNAPSHOT"
        } else {
            "REPEATABLE READ"
        };
        let state = format!("{}; SET TRANSACTION ISOLATION LEVEL {isolation}", self.select_state());
        let sets = self.connection.batch(&state).await?;
        let state = self.state_of(sets.into_iter().next())?;
        self.busy = true;
        self.connection.batch("BEGIN TRANSACTION").await?;
        Ok(state)
    }

    pub(super) async fn open_apply(&mut self) -> Result<ScopeState, MssqlError> {
        self.undo().await?;
        let staging = if self.staged {
            String::new()
        } else {
            let tables: String = self.tables.iter().map(|table| table.create_staged()).collect();
            format!("{CREATE_SHARED} {tables}")
        };
        // Nobody else applies to this scope meanwhile; the lock goes with the transaction.
        let lock = format!(
            "DECLARE @locked int; EXEC @locked = sp_getapplock @Resource = {}, @LockMode = 'Exclusive', @LockOwner = 'Transaction'; \
             IF @locked < 0 THROW 51000, N'the scope is locked by another session', 1",
            text(&format!("syncdb {}", self.scope.replica))
        );
        let isolation = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED";
        self.busy = true;
        let sql = format!(
            "{isolation}; SET NOCOUNT ON; SET XACT_ABORT OFF; {staging} BEGIN TRANSACTION; {lock}; {}; {}",
            applying(Some(&self.names.session_mark())),
            self.select_state()
        );
        let sets = self.connection.batch(&sql).await?;
        self.staged = true;
        self.state_of(sets.into_iter().last())
    }

    pub(super) async fn close_apply(&mut self, learned: &Learned) -> Result<(), MssqlError> {
        let scope = self.lens.scope_local_id;
        let mut sql = String::new();
        let mut parameters: Vec<&dyn ToSql> = Vec::new();
        if let Some(knowledge) = &learned.knowledge {
            parameters.push(knowledge);
            sql.push_str(&format!(
                "UPDATE {} SET scope_sync_knowledge = @P1 WHERE scope_local_id = {scope}; ",
                object(&self.names.scope_info)
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
        sql.push_str(&format!("{}; COMMIT TRANSACTION", applying(None)));
        self.connection.call(&sql, &parameters).await?;
        self.busy = false;
        Ok(())
    }

    pub(super) async fn undo(&mut self) -> Result<(), MssqlError> {
        let is_open = std::mem::take(&mut self.busy) && self.connection.is_open();
        if !is_open {
            return Ok(());
        }
        let sql = format!("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION; {}", applying(None));
        self.connection.batch(&sql).await?;
        Ok(())
    }

    fn select_state(&self) -> String {
        let was_source = if self.remembers {
            format!(
                "COALESCE((SELECT CONVERT(int, was_source) FROM {} WHERE scope_local_id = {}), 0)",
                object(&self.names.scopes),
                self.lens.scope_local_id
            )
        } else {
            // Whoever was synchronised before is no newcomer.
            "CASE WHEN scope_sync_knowledge IS NULL THEN 0 ELSE 1 END".to_owned()
        };
        format!(
            "SELECT scope_sync_knowledge, scope_tombstone_cleanup_knowledge, CONVERT(bigint, MIN_ACTIVE_ROWVERSION()) - 1, {was_source} \
             FROM {} WHERE scope_local_id = {}",
            object(&self.names.scope_info),
            self.lens.scope_local_id
        )
    }

    fn select_waiting(&self) -> String {
        if !self.remembers {
            return "SELECT 1 WHERE 1 = 0".to_owned();
        }
        format!(
            "SELECT row_id, table_name, row_key, reason FROM {} WHERE scope_local_id = {}",
            object(&self.names.waiting),
            self.lens.scope_local_id
        )
    }

    fn note_source(&self) -> String {
        let scopes: &ObjectName = &self.names.scopes;
        let (scopes, scope) = (object(scopes), self.lens.scope_local_id);
        format!(
            "UPDATE {scopes} SET was_source = 1 WHERE scope_local_id = {scope} AND was_source = 0; \
             INSERT INTO {scopes} (scope_local_id, was_source) SELECT {scope}, 1 WHERE NOT EXISTS \
             (SELECT 1 FROM {scopes} WHERE scope_local_id = {scope})"
        )
    }

    fn state_of(&self, rows: Option<Vec<Row>>) -> Result<ScopeState, MssqlError> {
        let server = self.connection.server();
        let row = rows.and_then(|rows| rows.into_iter().next()).ok_or_else(|| {
            MssqlError::refused(
                format!("scope {}", self.scope.description.name),
                format!("{server} does not hold it any more"),
                "provision the database for it again",
            )
        })?;
        let blob = |column| row.try_get::<&[u8], _>(column).ok().flatten().map(<[u8]>::to_vec);
        let mark: i64 = get(&row, 2, server)?;
        let was_source: i32 = get(&row, 3, server)?;
        Ok(ScopeState {
            knowledge: blob(0),
            forgotten: blob(1),
            mark: u64::try_from(mark).unwrap_or(0),
            was_source: was_source != 0,
        })
    }
}

/// A value that our own statement selects and that is never NULL.
pub(super) fn get<'r, T: tiberius::FromSql<'r>>(
    row: &'r Row,
    column: usize,
    server: &str,
) -> Result<T, MssqlError> {
    let found = row.try_get::<T, _>(column).map_err(|error| MssqlError::at(server, &error))?;
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

//! What the server answers to a batch of several queries: each row says of which kind it is, so that no count of result sets has to agree.

use tiberius::{FromSql, Row};
use uuid::Uuid;

use crate::connection::Connection;
use crate::error::MssqlError;

/// The column that says of which kind a row is.
const KIND: &str = "kind";

/// All rows of an answer. Rows without a kind are none of ours.
#[derive(Debug)]
pub(crate) struct Answer {
    server: String,
    rows: Vec<Row>,
}

/// One row of an answer, read by column name.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Record<'a> {
    server: &'a str,
    row: &'a Row,
}

impl Answer {
    /// Asks.
    pub(crate) async fn to(connection: &mut Connection, sql: &str) -> Result<Self, MssqlError> {
        let sets = connection.batch(sql).await?;
        Ok(Answer {
            server: connection.server().to_owned(),
            rows: sets.into_iter().flatten().collect(),
        })
    }

    /// The rows of a kind, in their order.
    pub(crate) fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = Record<'a>> {
        let rows = self.rows.iter().map(|row| Record {
            server: &self.server,
            row,
        });
        rows.filter(move |record| matches!(record.text(KIND), Ok(Some(found)) if found == kind))
    }
}

impl<'a> Record<'a> {
    pub(crate) fn text(self, column: &str) -> Result<Option<&'a str>, MssqlError> {
        self.cell(column)
    }

    /// A text that is never NULL.
    pub(crate) fn name(self, column: &str) -> Result<String, MssqlError> {
        let text: Option<&str> = self.cell(column)?;
        text.map(str::to_owned)
            .ok_or_else(|| self.unreadable(column, "it is NULL"))
    }

    pub(crate) fn int(self, column: &str) -> Result<Option<i32>, MssqlError> {
        self.cell(column)
    }

    pub(crate) fn bigint(self, column: &str) -> Result<Option<i64>, MssqlError> {
        self.cell(column)
    }

    /// An `int` that is not 0; NULL counts as 0.
    pub(crate) fn flag(self, column: &str) -> Result<bool, MssqlError> {
        Ok(self.int(column)?.unwrap_or(0) != 0)
    }

    pub(crate) fn guid(self, column: &str) -> Result<Option<Uuid>, MssqlError> {
        self.cell(column)
    }

    pub(crate) fn bytes(self, column: &str) -> Result<Option<Vec<u8>>, MssqlError> {
        let bytes: Option<&[u8]> = self.cell(column)?;
        Ok(bytes.map(<[u8]>::to_vec))
    }

    fn cell<T: FromSql<'a>>(self, column: &str) -> Result<Option<T>, MssqlError> {
        self.row
            .try_get(column)
            .map_err(|error| self.unreadable(column, &error.to_string()))
    }

    fn unreadable(self, column: &str, reason: &str) -> MssqlError {
        MssqlError::Answer {
            server: self.server.to_owned(),
            message: format!("{column}: {reason}"),
        }
    }
}

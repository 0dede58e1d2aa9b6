//! A database on the server for tests that are not asynchronous themselves, with one connection to look through that is kept.
//!
//! It works on threads of its own, since such a test may call from within a session.

use std::sync::{Mutex, PoisonError};

use sync_metadata::Value;
use sync_provider_mssql::{DirectConnections, MssqlProvider, Provisioning, TdsClient};
use tiberius::{ColumnData, Row};
use tokio::runtime::Runtime;

use crate::support::sql_server::ServerDatabase;

/// A database that is dropped at the end of the test.
#[derive(Debug)]
pub struct BlockingDatabase {
    client: Mutex<Client>,
    database: ServerDatabase,
}

/// A connection with the runtime that drives it.
#[derive(Debug)]
struct Client {
    /// `None` after an error that leaves it of no use.
    client: Option<TdsClient>,
    runtime: Runtime,
}

impl BlockingDatabase {
    /// An empty database; `None` where there is no server, after saying so.
    pub fn new(test: &str) -> Option<Self> {
        let runtime = runtime();
        let database = on_thread(|| runtime.block_on(ServerDatabase::new(test)))?;
        let client = Mutex::new(Client {
            client: None,
            runtime,
        });
        Some(BlockingDatabase { client, database })
    }

    /// Connections to it.
    pub fn connections(&self) -> &DirectConnections {
        &self.database.connections
    }

    /// A provider for a scope of it.
    pub fn provider(&self, scope: &str) -> MssqlProvider {
        self.database.provider(scope)
    }

    /// Provisions it.
    pub fn provision(&self, order: &Provisioning) {
        let done = on_thread(|| {
            runtime()
                .block_on(order.apply(self.connections()))
                .map(drop)
        });
        done.expect("the database can be provisioned");
    }

    /// The rows of a batch that must succeed, of all its result sets.
    pub fn rows(&self, sql: &str) -> Vec<Row> {
        let rows = self.try_rows(sql);
        rows.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// The same, where the server may refuse it.
    ///
    /// # Errors
    /// What the server says.
    pub fn try_rows(&self, sql: &str) -> Result<Vec<Row>, tiberius::error::Error> {
        let mut guard = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        let Client { client, runtime } = &mut *guard;
        on_thread(|| {
            runtime.block_on(async {
                let mut own = match client.take() {
                    Some(own) => own,
                    None => self.database.client().await,
                };
                let answer = match own.simple_query(sql).await {
                    Ok(stream) => stream.into_results().await,
                    Err(error) => Err(error),
                };
                if matches!(answer, Ok(_) | Err(tiberius::error::Error::Server(_))) {
                    *client = Some(own);
                }
                answer.map(|sets| sets.into_iter().flatten().collect())
            })
        })
    }
}

/// A cell as the other engines have it: a GUID is its text.
pub fn value(cell: ColumnData<'static>) -> Value {
    match cell {
        ColumnData::U8(Some(number)) => Value::Integer(number.into()),
        ColumnData::I16(Some(number)) => Value::Integer(number.into()),
        ColumnData::I32(Some(number)) => Value::Integer(number.into()),
        ColumnData::I64(Some(number)) => Value::Integer(number),
        ColumnData::Bit(Some(bit)) => Value::Integer(bit.into()),
        ColumnData::F64(Some(number)) => Value::Real(number),
        ColumnData::String(Some(text)) => Value::Text(text.into_owned()),
        ColumnData::Guid(Some(guid)) => Value::Text(guid.to_string()),
        ColumnData::Binary(Some(bytes)) => Value::Blob(bytes.into_owned()),
        _ => Value::Null,
    }
}

fn on_thread<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(work).join().expect("the test can go on"))
}

fn runtime() -> Runtime {
    let made = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    made.expect("a runtime can be made")
}

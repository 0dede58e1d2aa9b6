//! A transaction around a run of batches.

use std::time::Duration;

use crate::connection::{Connection, ConnectionFactory};
use crate::error::MssqlError;

/// Two of us at once would find the same names free.
const BEGIN: &str = "\
SET XACT_ABORT ON;
BEGIN TRANSACTION;
DECLARE @lock int;
EXEC @lock = sp_getapplock @Resource = N'syncdb provisioning', @LockMode = N'Exclusive', @LockOwner = N'Transaction', @LockTimeout = 60000;
IF @lock < 0
BEGIN
ROLLBACK TRANSACTION;
RAISERROR(N'another program has been provisioning or deprovisioning this database for a minute', 16, 1);
END";

const COMMIT: &str = "COMMIT TRANSACTION";

/// How often a transaction is tried that the server ends in favour of another one.
const MOST_TRIES: u32 = 5;

/// Does `work` in a transaction that nobody else of us is in. Where it fails, nothing is changed.
pub(crate) async fn in_transaction<T>(
    connections: &dyn ConnectionFactory,
    work: impl AsyncFn(&mut Connection) -> Result<T, MssqlError>,
) -> Result<T, MssqlError> {
    let mut connection = Connection::open(connections).await?;
    let mut tries = 1;
    loop {
        let done = once(&mut connection, &work).await;
        match done {
            Err(MssqlError::Deadlock { .. }) if tries < MOST_TRIES => {
                tokio::time::sleep(Duration::from_millis(100 << tries)).await;
                tries += 1;
            }
            done => return done,
        }
    }
}

async fn once<T>(
    connection: &mut Connection,
    work: &impl AsyncFn(&mut Connection) -> Result<T, MssqlError>,
) -> Result<T, MssqlError> {
    connection.batch(BEGIN).await?;
    match work(connection).await {
        Ok(done) => {
            connection.batch(COMMIT).await?;
            Ok(done)
        }
        Err(error) => {
            // Where this fails, the connection is gone, and the transaction with it.
            let undone = connection
                .batch("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION")
                .await;
            drop(undone);
            Err(error)
        }
    }
}

/// The statements as a script for `sqlcmd` and its like, which go on after an error: once the transaction is gone, the rest is not run.
pub(crate) fn whole_script(statements: Vec<String>) -> Vec<String> {
    let mut script = vec![BEGIN.to_owned()];
    for statement in statements {
        script.push("IF @@TRANCOUNT = 0 SET NOEXEC ON".into());
        script.push(statement);
    }
    script.push("IF @@TRANCOUNT = 0 SET NOEXEC ON".into());
    script.push(COMMIT.into());
    script.push("SET NOEXEC OFF".into());
    script
}

//! The same rows through the plain driver: what any program would pay.

use futures_util::TryStreamExt as _;
use sync_benches::Result;
use tiberius::{SqlBulkCopyOption, TokenRow};

use crate::sample::Row;
use crate::sql_server::ServerDatabase;

/// Bulk loads the rows; the table's triggers, if it has any, see them.
pub(crate) async fn bulk_insert(database: &ServerDatabase, rows: &[Row]) -> Result<()> {
    let mut client = database.client().await;
    let mut load = client
        .bulk_insert_with_options(
            "Purchase",
            &["*"],
            SqlBulkCopyOption::FireTriggers.into(),
            &[],
        )
        .await?;
    for row in rows {
        let mut cells = TokenRow::with_capacity(row.len());
        row.iter().for_each(|cell| cells.push(cell.clone()));
        load.send(cells).await?;
    }
    load.finalize().await?;
    Ok(())
}

/// Reads the rows and their tracking rows, and counts them.
pub(crate) async fn select(database: &ServerDatabase) -> Result<usize> {
    const ALL: &str =
        "SELECT base.*, side.* FROM Purchase base JOIN Purchase_tracking side ON side.Id = base.Id";
    let mut client = database.client().await;
    let mut rows = client.simple_query(ALL).await?.into_row_stream();
    let mut count = 0;
    while let Some(row) = rows.try_next().await? {
        // Each cell is taken out, as whoever wants the rows would.
        count += usize::from(row.into_iter().map(std::hint::black_box).count() > 0);
    }
    Ok(count)
}

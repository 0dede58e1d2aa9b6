//! The real Chinook database, where its script is there.

use std::path::Path;

use sync_provider_mssql::{Deprovisioning, Provisioning, Tables};

use crate::support::{Database, run, skip};

#[tokio::test]
async fn chinook_is_provisioned_whole() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/chinook/Chinook_SqlServer.sql");
    let Ok(bytes) = std::fs::read(&script) else {
        skip(
            "chinook_is_provisioned_whole",
            "the real Chinook database is not here",
        );
        return;
    };
    let Some(db) = Database::new("chinook_is_provisioned_whole").await else {
        return;
    };
    let mut client = db.client().await;
    for batch in batches(&text(&bytes)) {
        run(&mut client, &batch).await;
    }
    let before = db.objects().await;
    let done = Provisioning::new("all", Tables::All)
        .apply(&db.connections)
        .await
        .unwrap();
    assert_eq!(done.description.tables.len(), 11);
    let place = |name: &str| {
        let mut names = done
            .description
            .tables
            .iter()
            .map(|table| table.global_name.to_lowercase());
        names
            .position(|found| found == format!("[{name}]"))
            .unwrap()
    };
    for (parent, child) in [
        ("artist", "album"),
        ("album", "track"),
        ("customer", "invoice"),
        ("invoice", "invoiceline"),
        ("track", "playlisttrack"),
    ] {
        assert!(place(parent) < place(child), "{parent} before {child}");
    }
    for table in &sync_provider_mssql::status(&db.connections).await.unwrap()[0].tables {
        let count = db
            .rows(&format!("SELECT COUNT(*) FROM {}", table.name))
            .await;
        assert_eq!(
            (count[0].clone(), table.tombstones),
            (table.rows.to_string(), 0),
            "{}",
            table.name
        );
        assert!(table.rows > 0);
    }
    Deprovisioning::Store.apply(&db.connections).await.unwrap();
    assert_eq!(db.objects().await, before);
}

/// The script's batches after those that make a database of its own and go there.
fn batches(script: &str) -> Vec<String> {
    let batches = script
        .split("\nGO")
        .map(|batch| batch.trim_start_matches('\r').trim().to_owned());
    let is_ours = |batch: &String| {
        let upper = batch.to_uppercase();
        !batch.is_empty()
            && !upper.contains("CREATE DATABASE")
            && !upper.contains("DROP DATABASE")
            && !upper.starts_with("USE ")
    };
    batches.filter(is_ours).collect()
}

fn text(bytes: &[u8]) -> String {
    match bytes {
        [0xff, 0xfe, rest @ ..] => {
            let units: Vec<u16> = rest
                .chunks_exact(2)
                .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
                .collect();
            String::from_utf16_lossy(&units)
        }
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

//! `sync-provider-sqlite` on its own: provision a database, look at it, take everything off again.

use std::error::Error;
use std::path::Path;

use sync_provider_sqlite::{
    DEFAULT_BUSY_TIMEOUT, Deprovisioning, Provisioning, Tables, Template, describe, status,
};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("consumer-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let result = run(&folder);
    std::fs::remove_dir_all(&folder)?;
    result
}

fn run(folder: &Path) -> Result<(), Box<dyn Error>> {
    let column = sync_metadata::ColumnDescription::key("id", "bigint".parse()?);
    let name = sync_metadata::TableName::parse("Customer")?;
    let table = sync_metadata::TableDescription::new(name, "[Customer]", vec![column])?;
    let scope = sync_metadata::ScopeDescription::new("sales", vec![table])?;

    let path = folder.join("shop.db");
    Provisioning::new("sales", Tables::Like(scope, Template::default())).apply(&path)?;
    let (description, _) = describe(&path, None, DEFAULT_BUSY_TIMEOUT)?;
    assert_eq!(description.tables[0].global_name, "[Customer]");
    assert_eq!(status(&path, DEFAULT_BUSY_TIMEOUT)?[0].tables[0].rows, 0);

    Deprovisioning::Store.apply(&path, DEFAULT_BUSY_TIMEOUT)?;
    assert!(status(&path, DEFAULT_BUSY_TIMEOUT)?.is_empty());
    println!("provider-sqlite: provisioned and back");
    Ok(())
}

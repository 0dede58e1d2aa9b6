//! `sync-provider-sqlite` on its own.

use sync_provider_sqlite as _;

fn main() {
    println!("provider-sqlite: linked");
}

//! `sync-orchestrator` on its own: a session needs no database crate.

use sync_orchestrator as _;

fn main() {
    println!("orchestrator: linked");
}

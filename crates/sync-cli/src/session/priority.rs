//! Replicas that `--priority` lists.

use std::collections::BTreeSet;

use sync_knowledge::{KnowledgeBlob, ReplicaId};
use uuid::Uuid;

use crate::database::Database;
use crate::exit::Failure;
use crate::output::warn;

/// Warns of replicas that neither database has heard of: most likely the list has a mistake. A replica that is still to come is no error.
pub(super) fn warn_of_strangers(
    listed: &[Uuid],
    databases: [&dyn Database; 2],
    scope: &str,
) -> Result<(), Failure> {
    if listed.is_empty() {
        return Ok(());
    }
    let mut known = BTreeSet::new();
    for database in databases {
        for status in database.scopes()? {
            if status.name != scope {
                continue;
            }
            known.insert(ReplicaId::from_uuid(status.replica_id).to_string());
            // Damaged knowledge is the session's to refuse.
            let knowledge = status.knowledge.as_deref().map(KnowledgeBlob::parse);
            if let Some(Ok(blob)) = knowledge {
                known.extend(
                    blob.key_map()
                        .iter()
                        .map(|(_, replica)| replica.to_string()),
                );
            }
        }
    }
    let strangers = listed
        .iter()
        .map(|replica| ReplicaId::from_uuid(*replica).to_string())
        .filter(|replica| !known.contains(replica));
    let [local, remote] = databases.map(Database::name);
    let warnings = strangers.map(|replica| {
        format!("replica {replica} of --priority is known to neither {local} nor {remote}; syncdb status shows those that are")
    });
    warn(&warnings.collect::<Vec<_>>());
    Ok(())
}

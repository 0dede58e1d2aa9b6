//! The knowledge of a scope row.

use sync_knowledge::Knowledge;
use sync_provider::ProviderError;

use crate::store::Scope;

/// The scope's knowledge; before the first session that of a replica that knows only itself.
///
/// # Errors
/// It does not decode, or belongs to another replica.
pub fn own_knowledge(scope: &Scope, stored: Option<&[u8]>) -> Result<Knowledge, ProviderError> {
    let Some(bytes) = stored else {
        return Ok(Knowledge::new(scope.replica.clone()));
    };
    let object = || format!("scope_sync_knowledge of scope {}", scope.description.name);
    let knowledge =
        Knowledge::from_bytes(bytes).map_err(|error| corrupted(object(), &error.to_string()))?;
    if *knowledge.key_map().own() != scope.replica {
        let reason = format!(
            "it belongs to replica {}, but scope_id is {}",
            knowledge.key_map().own(),
            scope.replica
        );
        return Err(corrupted(object(), &reason));
    }
    Ok(knowledge)
}

fn corrupted(object: String, reason: &str) -> ProviderError {
    ProviderError::refused(
        object,
        format!("the stored knowledge is corrupted: {reason}"),
        "restore the database, or take the scope off (syncdb deprovision) and provision it again",
    )
}

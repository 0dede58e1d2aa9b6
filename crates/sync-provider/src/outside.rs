//! What another replica sends is checked once, where it enters.

use sync_knowledge::{KeyMapping, Knowledge, Tick, Version};

use crate::batch::RowHead;
use crate::error::ProviderError;

/// Decodes knowledge that another replica sent; `object` names it in an error.
///
/// # Errors
/// It does not decode, or holds a tick above half of what a signed 64-bit column takes: ticks are stored in such columns, and those issued
/// after one that was learned are higher still.
pub fn knowledge_from_outside(
    object: &'static str,
    bytes: &[u8],
) -> Result<Knowledge, ProviderError> {
    let knowledge = Knowledge::from_bytes(bytes)
        .map_err(|error| ProviderError::malformed(object, error.to_string()))?;
    check_tick(object, knowledge.max_tick_where(|_| true))?;
    Ok(knowledge)
}

/// The head of an incoming row in the destination's key map; `mapping` leads there from that of the batch. `None` if it names a replica that
/// the made-with knowledge of the batch does not.
///
/// # Errors
/// A tick is above what [`knowledge_from_outside`] lets in.
pub fn head_from_outside(
    mapping: &KeyMapping,
    head: &RowHead,
) -> Result<Option<RowHead>, ProviderError> {
    let create = version_from_outside(mapping, head.create)?;
    let update = version_from_outside(mapping, head.update)?;
    let writer = head.writer.map(|key| mapping.key(key));
    let (Some(create), Some(update), None | Some(Some(_))) = (create, update, writer) else {
        return Ok(None);
    };
    Ok(Some(RowHead {
        create,
        update,
        time: head.time,
        writer: writer.flatten(),
    }))
}

/// A version of a batch in the destination's key map; `None` as for [`head_from_outside`].
///
/// # Errors
/// As [`head_from_outside`].
pub fn version_from_outside(
    mapping: &KeyMapping,
    version: Version,
) -> Result<Option<Version>, ProviderError> {
    check_tick("change batch", version.tick)?;
    Ok(mapping.version(version))
}

/// The greatest tick that is taken in from outside.
pub(crate) const GREATEST_TICK: Tick = i64::MAX.unsigned_abs() / 2;

fn check_tick(object: &'static str, tick: Tick) -> Result<(), ProviderError> {
    if tick <= GREATEST_TICK {
        return Ok(());
    }
    Err(ProviderError::malformed(
        object,
        format!("it holds tick {tick}, and the greatest that can be is {GREATEST_TICK}"),
    ))
}

#[cfg(test)]
mod tests {
    use sync_knowledge::{ReplicaId, ReplicaKey};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn heads_are_checked() {
        let replica = |n| ReplicaId::from_uuid(Uuid::from_u128(n));
        let mapping = Knowledge::new(replica(1)).mapping_from(Knowledge::new(replica(2)).key_map());
        let check = |create: (u32, Tick),
                     update: (u32, Tick),
                     writer: Option<u32>,
                     expected: Option<bool>| {
            let version = |(key, tick)| Version::new(ReplicaKey(key), tick);
            let head = RowHead {
                create: version(create),
                update: version(update),
                time: None,
                writer: writer.map(ReplicaKey),
            };
            let mapped = head_from_outside(&mapping, &head);
            assert_eq!(mapped.map(|head| head.is_some()).ok(), expected, "{head:?}");
        };
        check((0, 1), (0, GREATEST_TICK), Some(0), Some(true));
        check((0, 1), (0, GREATEST_TICK + 1), None, None);
        check((0, (1 << 63) + 1), (0, 1), None, None);
        check((1, 1), (0, 1), None, Some(false));
        check((0, 1), (1, 1), None, Some(false));
        check((0, 1), (0, 1), Some(1), Some(false));
    }
}

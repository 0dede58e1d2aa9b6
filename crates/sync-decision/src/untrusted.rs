//! What another replica sends is checked once, where it enters.

use sync_knowledge::{KeyMapping, Knowledge, Tick, Version};

use sync_provider::{ProviderError, RowHead};

/// Decodes knowledge that another replica sent to one that has `local`; `object` names it in an error.
///
/// # Errors
/// It does not decode, is [too much](check_combined) together with what is here, or holds a tick above half of what a signed 64-bit column takes: ticks are stored in such columns, and those issued
/// after one that was learned are higher still.
pub fn untrusted_knowledge(
    object: &'static str,
    local: &Knowledge,
    bytes: &[u8],
) -> Result<Knowledge, ProviderError> {
    check_held(object, bytes.len() as u64)?;
    let knowledge = Knowledge::from_bytes(bytes)
        .map_err(|error| ProviderError::malformed(object, error.to_string()))?;
    check_tick(object, knowledge.max_tick_where(|_| true))?;
    check_combined(object, local, &knowledge)?;
    Ok(knowledge)
}

/// The most bytes of any one thing that another replica can make this one hold at a time beside the rows of a batch: its knowledge, the ids of the rows
/// that it remembers, the keys of rows that it asks for. Ten thousand rows of every table of a large scope stay below it.
pub const GREATEST_HELD: u64 = 256 << 20;

/// Refuses what is more than [`GREATEST_HELD`] bytes; `object` names it.
///
/// # Errors
/// It is.
pub fn check_held(object: &str, bytes: u64) -> Result<(), ProviderError> {
    if bytes <= GREATEST_HELD {
        return Ok(());
    }
    Err(ProviderError::refused(
        object,
        format!("they take {bytes} bytes, and no more than {GREATEST_HELD} are taken in"),
        "synchronise until fewer rows wait, or give the scope fewer tables",
    ))
}

/// The most clock entries that two knowledges may make together: half a gibibyte of ticks. Ten thousand replicas with six thousand rows
/// that differ from each other in who changed them last stay below it.
pub const GREATEST_COMBINED: u64 = 64 << 20;

/// Refuses knowledge that would become too much together with what is here: a few bytes of it are joined range by range with each replica
/// that is known.
///
/// # Errors
/// Both together can hold more than [`GREATEST_COMBINED`] clock entries.
pub fn check_combined(
    object: &'static str,
    local: &Knowledge,
    remote: &Knowledge,
) -> Result<(), ProviderError> {
    let entries = local.combined_entries_at_most(remote);
    if entries <= GREATEST_COMBINED {
        return Ok(());
    }
    Err(ProviderError::Refused {
        object: object.into(),
        reason: format!(
            "together with what is known here it can grow to {entries} clock entries, and no more than {GREATEST_COMBINED} are taken in"
        ),
        remedy: "synchronise until fewer rows are excepted, or give the scope fewer replicas"
            .into(),
    })
}

/// The head of an incoming row in the destination's key map; `mapping` leads there from that of the batch. `None` if it names a replica that
/// the made-with knowledge of the batch does not.
///
/// # Errors
/// A tick is above what [`untrusted_knowledge`] lets in.
pub fn untrusted_head(
    mapping: &KeyMapping,
    head: &RowHead,
) -> Result<Option<RowHead>, ProviderError> {
    let create = untrusted_version(mapping, head.create)?;
    let update = untrusted_version(mapping, head.update)?;
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

/// A version of a batch in the destination's key map; `None` as for [`untrusted_head`].
///
/// # Errors
/// As [`untrusted_head`].
pub fn untrusted_version(
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
    use sync_knowledge::{
        IdFormatGroup, ItemId, KnowledgeBuilder, ReplicaId, ReplicaKey, ReplicaKeyMap,
    };
    use uuid::Uuid;

    use super::*;

    /// Two small blobs, of which one names many replicas and the other many rows, are refused before they are joined.
    #[test]
    fn what_grows_too_much_is_refused() {
        let rows = |rows: u32| {
            let own = ReplicaKeyMap::new(ReplicaId::from_uuid(Uuid::from_u128(1)));
            let builder = KnowledgeBuilder::new(IdFormatGroup::DATABASE, own);
            let all = (0..rows).try_fold(builder, |builder, row| {
                let seen = [(ReplicaKey::LOCAL, Tick::from(row) + 1)];
                builder.range(
                    ItemId::from_text(&format!("{row:06}")),
                    seen.into_iter().collect(),
                )
            });
            all.unwrap().build()
        };
        let mut many = Knowledge::new(ReplicaId::from_uuid(Uuid::from_u128(1)));
        let id = |number| ReplicaId::from_uuid(Uuid::from_u128(number));
        let map = ReplicaKeyMap::with_replicas(id(1), (2..=60_000).map(id));
        let all = (0..60_000).map(|key| (ReplicaKey(key), 5)).collect();
        many = KnowledgeBuilder::new(many.formats(), map)
            .range(ItemId::zero(), all)
            .unwrap()
            .build();
        let sent = |rows: &Knowledge| untrusted_knowledge("knowledge", &many, &rows.to_bytes());
        assert!(sent(&rows(1_000)).is_ok());
        let error = sent(&rows(1_200)).unwrap_err().to_string();
        let reason = "knowledge: together with what is known here it can grow to 72061201 clock entries, and no more than 67108864 are taken in";
        assert!(error.starts_with(reason), "{error}");
        // Rows that all are known alike, or not at all, share what is known.
        let mut excluded = Knowledge::new(id(1));
        excluded.set_local_tick(5);
        for row in 0..3_000 {
            excluded.exclude_item(&ItemId::from_text(&format!("{row:06}")));
        }
        assert!(sent(&excluded).is_ok());
    }

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
            let mapped = untrusted_head(&mapping, &head);
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

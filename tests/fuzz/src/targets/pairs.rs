//! The laws that need no model, for knowledge with ticks, keys and ids of any size.

use sync_knowledge::{ItemId, Knowledge, Relation, Version};

use crate::Verdict;

/// Longer inputs find nothing that shorter ones do not: two knowledges of many ranges each make the product of them.
const MOST_BYTES: usize = 4096;

/// Two bytes for the length of the first blob, one for that of an item id; the first blob, the id, the second blob.
pub(super) fn laws(bytes: &[u8]) -> Verdict {
    let Some((a, item, b)) = parts(bytes) else {
        return Verdict::Refused;
    };
    let (Ok(a), Ok(b)) = (Knowledge::from_bytes(a), Knowledge::from_bytes(b)) else {
        return Verdict::Refused;
    };
    alone(&a, &ItemId::from_bytes(item));
    alone(&b, &ItemId::from_bytes(item));
    together(&a, &b);
    together(&b, &a);
    together(&a, &a.project_onto_item(&ItemId::from_bytes(item)));
    Verdict::Read
}

fn parts(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<3>()?;
    if bytes.len() > MOST_BYTES {
        return None;
    }
    let (a, rest) = rest.split_at_checked(u16::from_be_bytes([head[0], head[1]]).into())?;
    let (item, b) = rest.split_at_checked(head[2].into())?;
    Some((a, item, b))
}

fn alone(a: &Knowledge, item: &ItemId) {
    let (part, mut rest) = (a.project_onto_item(item), a.clone());
    rest.exclude_item(item);
    assert!(a.contains_knowledge(&part) && a.contains_knowledge(&rest));
    assert!(!part.intersects(&rest));
    assert_eq!(rest.combined(&part), *a);
    for (key, id) in a.key_map().iter() {
        let tick = a.tick_at(item.as_bytes(), key);
        assert!(a.contains(item.as_bytes(), Version::new(key, tick)));
        if let Some(next) = tick.checked_add(1) {
            assert!(!a.contains(item.as_bytes(), Version::new(key, next)));
        }
        assert!(tick >= a.find_min_tick_count_for_replica(id));
    }
    let (mut below, mut above) = (a.clone(), a.clone());
    below.exclude_range(item, None);
    above.exclude_range(&ItemId::from_bytes(&[]), Some(item));
    assert_eq!(above, a.project_onto_range(item, None));
    assert_eq!(below.combined(&above), *a);
    let mut set = a.clone();
    set.set_local_tick(u64::MAX);
    assert_eq!(set.local_tick(), u64::MAX);
    assert!(set.contains_knowledge(a));
}

fn together(a: &Knowledge, b: &Knowledge) {
    let contains = (a.contains_knowledge(b), b.contains_knowledge(a));
    let relation = Relation::from_containment(contains.0, contains.1);
    assert_eq!(a.compare(b), relation);
    assert_eq!(a.compare_to_cookie(&b.cookie()), relation);
    assert_eq!(a.difference(b).is_empty(), contains.1);
    assert_eq!(a.lowest_uncontained_id(b).is_none(), contains.0);

    let union = a.combined(b);
    assert!(union.contains_knowledge(a) && union.contains_knowledge(b));
    let mut mapped = a.clone();
    let mapping = mapped.mapping_from(b.key_map());
    assert!(mapping.is_complete());
    assert_eq!(mapped.compare_mapped(b, &mapping), relation);
    assert_eq!(mapped.contains_knowledge_mapped(b, &mapping), contains.0);
    mapped.combine_mapped(b, &mapping);
    assert_eq!(mapped, union);

    let both = a.intersection(b);
    assert!(a.contains_knowledge(&both));
    assert_eq!(a.intersects(b), both.max_tick_where(|_| true) > 0);
    assert_eq!(both.combined(&a.complement(b)), *a);
    assert_eq!(a.intersection(&union), *a);

    let (left, right) = (a.formats(), b.formats());
    if (left.item, left.change_unit) != (right.item, right.change_unit) {
        // Ids that only one of the formats admits are dropped on the way, so nothing is symmetric.
        return;
    }
    assert!(b.contains_knowledge(&both));
    assert_eq!(both, b.intersection(a));
    assert_eq!(union, b.combined(a));
    assert_eq!(*a == *b, relation == Relation::Equal);
    assert_eq!(union == *a, contains.0);
    assert_eq!(both == *b, contains.0);
    assert_eq!(b.compare(a), relation.reversed());
    assert_eq!(a.clone().map_remote_to_local(b), *b);
}

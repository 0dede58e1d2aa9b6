//! The forms of knowledge.

use sync_decision::untrusted_knowledge;
use sync_knowledge::{
    ForgottenKnowledge, Knowledge, KnowledgeBlob, KnowledgeInspector, Relation, decode_envelope,
    encode_envelope,
};

use crate::Verdict;

/// The binary form.
pub(super) fn blob(bytes: &[u8]) -> Verdict {
    let blob = match KnowledgeBlob::parse(bytes) {
        Ok(blob) => blob,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            assert_eq!(Knowledge::from_bytes(bytes), Err(error));
            return Verdict::Refused;
        }
    };
    assert_eq!(blob.to_bytes(), bytes);
    assert_eq!(blob.convert(blob.version()).as_ref(), Ok(&blob));
    let converted = blob.convert(5).unwrap();
    assert_eq!(
        KnowledgeBlob::parse(&converted.to_bytes()).as_ref(),
        Ok(&converted)
    );
    assert_eq!(converted.knowledge(), blob.knowledge());

    let knowledge = blob.knowledge();
    assert_eq!(Knowledge::from_bytes(bytes), knowledge);
    let Ok(knowledge) = knowledge else {
        return Verdict::Refused;
    };
    keeps_its_promises(&knowledge);
    let canonical = KnowledgeBlob::from(&knowledge);
    assert_eq!(canonical.to_bytes(), knowledge.to_bytes());
    assert_eq!(canonical.to_bytes().len(), knowledge.to_bytes().len());
    let forgotten = ForgottenKnowledge::from_bytes(bytes).unwrap();
    assert_eq!(*forgotten.knowledge(), knowledge);
    let _ = untrusted_knowledge("fuzzed knowledge", &knowledge, bytes);
    Verdict::Read
}

/// The envelope: the input as it is, and the input as its content, since nobody hits upon a checksum.
pub(super) fn envelope(bytes: &[u8]) -> Verdict {
    let as_it_is = decode_envelope(bytes);
    let mut wrapped = b"SYNK\x00\x01".to_vec();
    wrapped.extend_from_slice(bytes);
    wrapped.extend(crc_32(&wrapped).to_be_bytes());
    let read = [as_it_is, decode_envelope(&wrapped)];
    for knowledge in read.iter().flatten() {
        keeps_its_promises(knowledge);
    }
    super::verdict(read.iter().any(Result::is_ok))
}

/// The XML form.
pub(super) fn xml(bytes: &[u8]) -> Verdict {
    let Ok(text) = str::from_utf8(bytes) else {
        return Verdict::Refused;
    };
    match Knowledge::from_xml(text) {
        Ok(knowledge) => keeps_its_promises(&knowledge),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    super::verdict(Knowledge::from_xml(text).is_ok())
}

/// Whatever made a knowledge, this holds of it.
pub(super) fn keeps_its_promises(knowledge: &Knowledge) {
    let bytes = knowledge.to_bytes();
    let read = Knowledge::from_bytes(&bytes).unwrap();
    assert_eq!(read.to_bytes(), bytes);
    assert!(knowledge.contains_knowledge(&read));
    let inspector = KnowledgeInspector::new(knowledge);
    assert_eq!(*knowledge == read, inspector.column_sets().next().is_none());
    let overrides = inspector.overrides().len();
    assert!(overrides < knowledge.ranges().count());

    let enveloped = encode_envelope(knowledge).unwrap();
    let read = decode_envelope(&enveloped).unwrap();
    assert_eq!(read, *knowledge);
    assert_eq!(encode_envelope(&read).unwrap(), enveloped);
    let xml = knowledge.to_xml();
    let read = Knowledge::from_xml(&xml).unwrap();
    assert_eq!(read, *knowledge);
    assert_eq!(read.to_xml(), xml);

    assert_eq!(
        knowledge.compare_to_cookie(&knowledge.cookie()),
        Relation::Equal
    );
    assert_eq!(knowledge.lowest_uncontained_id(knowledge), None);
    for pair in knowledge.ranges().collect::<Vec<_>>().windows(2) {
        assert!(pair[0].lower_bound < pair[1].lower_bound);
        assert_eq!(pair[0].upper_bound, Some(pair[1].lower_bound));
        assert_ne!(pair[0].vector, pair[1].vector);
    }
    for (_, id) in knowledge.key_map().iter() {
        let least = knowledge.find_min_tick_count_for_replica(id);
        assert!(least <= knowledge.max_tick_where(|other| other == id));
    }
}

/// The cyclic redundancy check of zip, bit by bit.
fn crc_32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 * (crc & 1))
        })
    })
}

//! The XML form.

#![cfg(feature = "xml")]
#![allow(
    clippy::unwrap_used,
    clippy::string_slice,
    reason = "a test that cannot go on panics"
)]

mod model;
mod strategies;

use model::Sample;
use proptest::prelude::*;
use strategies::samples;
use sync_knowledge::{
    IdFormat, IdFormatGroup, ItemId, Knowledge, ReplicaId, ReplicaKeyMap, Version,
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn there_and_back([Sample { knowledge, .. }] in samples()) {
        let xml = knowledge.to_xml();
        let read = Knowledge::from_xml(&xml).unwrap();
        prop_assert_eq!(&read, &knowledge);
        prop_assert_eq!(read.formats(), knowledge.formats());
        prop_assert_eq!(read.to_bytes(), knowledge.to_bytes());
        // Whoever does not know our exceptions gets less.
        if let (Some(from), Some(to)) = (xml.find("  <exceptions"), xml.find("</syncKnowledge")) {
            let read = Knowledge::from_xml(&[&xml[..from], &xml[to..]].concat()).unwrap();
            prop_assert!(knowledge.contains_knowledge(&read));
        }
    }

    #[test]
    fn whatever_text(
        [Sample { knowledge, .. }] in samples(),
        at in any::<prop::sample::Index>(),
        text in "[a-z<>\"/=&; 0-9]{0,3}",
    ) {
        let mut xml = knowledge.to_xml();
        let at = at.index(xml.len());
        prop_assert!(Knowledge::from_xml(&xml[..at]).is_err() || xml[at..].trim().is_empty());
        xml.replace_range(at..at + 1, &text);
        if let Ok(read) = Knowledge::from_xml(&xml) {
            prop_assert_eq!(Knowledge::from_xml(&read.to_xml()).unwrap(), read);
        }
    }
}

fn knowledge() -> Knowledge {
    let mut knowledge = Knowledge::new(ReplicaId::from_bytes(&[1; 16]));
    let other = knowledge.find_or_add_replica(&ReplicaId::from_bytes(&[2; 16]));
    knowledge.set_local_tick(7);
    knowledge.raise(other, 9);
    knowledge.learn_item(&ItemId::from_bytes(&[5]), Version::new(other, 12));
    knowledge
}

const XML: &str = r#"<syncKnowledge xmlns="http://schemas.microsoft.com/2008/03/sync/" xmlns:sync="http://schemas.microsoft.com/2008/03/sync/">
  <idFormatGroup>
    <replicaIdFormat sync:isVariable="false" sync:maxLength="16"/>
    <itemIdFormat sync:isVariable="true" sync:maxLength="10240"/>
    <changeUnitIdFormat sync:isVariable="false" sync:maxLength="1"/>
  </idFormatGroup>
  <replicaKeyMap>
    <replicaKeyMapEntry sync:replicaId="AQEBAQEBAQEBAQEBAQEBAQ==" sync:replicaKey="0"/>
    <replicaKeyMapEntry sync:replicaId="AgICAgICAgICAgICAgICAg==" sync:replicaKey="1"/>
  </replicaKeyMap>
  <clockVector>
    <clockVectorElement sync:replicaKey="0" sync:tickCount="7"/>
    <clockVectorElement sync:replicaKey="1" sync:tickCount="9"/>
  </clockVector>
  <exceptions xmlns="urn:syncdb:knowledge:1">
    <scope>
      <range closedLowerBound="AA==">
        <element replicaKey="0" tickCount="7"/>
        <element replicaKey="1" tickCount="9"/>
      </range>
      <range closedLowerBound="BQ==">
        <element replicaKey="0" tickCount="7"/>
        <element replicaKey="1" tickCount="12"/>
      </range>
      <range closedLowerBound="BQA=">
        <element replicaKey="0" tickCount="7"/>
        <element replicaKey="1" tickCount="9"/>
      </range>
    </scope>
  </exceptions>
</syncKnowledge>
"#;

#[test]
fn what_is_written() {
    assert_eq!(knowledge().to_xml(), XML);
    // Other prefixes, the namespace of version 2.0 and comments make no difference.
    let other = XML
        .replace("xmlns:sync", "xmlns:s")
        .replace("sync:", "s:")
        .replace("2008/03", "2009/04")
        .replace("<clockVector>", "<!-- here --><clockVector>");
    assert_eq!(Knowledge::from_xml(&other).unwrap(), knowledge());
}

/// Wherever an element stands that is not understood, it may say that less is known.
#[test]
fn nothing_is_passed_over() {
    let mut knowledge = knowledge();
    knowledge.exclude_change_unit(&ItemId::from_bytes(&[7]), &3.into());
    let xml = knowledge.to_xml();
    assert_eq!(Knowledge::from_xml(&xml).unwrap(), knowledge);
    let unknown = [
        "<rangeExceptions/>",
        "<rangeExceptions xmlns=''/>",
        "<x:rangeExceptions xmlns:x='urn:other'/>",
        "<rangeExceptions xmlns='http://schemas.microsoft.com/2009/04/sync/'/>",
        "<rangeExceptions xmlns='urn:syncdb:knowledge:1'/>",
    ];
    for (at, _) in xml.match_indices('>') {
        let (before, after) = xml.split_at(at);
        for unknown in unknown {
            // Into the element that begins or ends here, or behind it.
            let changed = match before.strip_suffix('/') {
                Some(open) => {
                    let name = &open[open.rfind('<').unwrap() + 1..];
                    let name = name.split(' ').next().unwrap();
                    format!("{open}>{unknown}</{name}{after}")
                }
                None => format!("{before}>{unknown}{}", &after[1..]),
            };
            assert!(Knowledge::from_xml(&changed).is_err(), "{changed}");
        }
    }
}

/// Every format that the binary form admits has an XML form, too.
#[test]
fn formats_at_their_limits() {
    for (short, long) in [
        (IdFormat::fixed(1), IdFormat::fixed(u16::MAX)),
        (IdFormat::variable(1), IdFormat::variable(u16::MAX)),
    ] {
        let formats = IdFormatGroup {
            item: long,
            change_unit: long,
            replica: short,
        };
        let own = ReplicaKeyMap::new(ReplicaId::from_bytes(&[7]));
        let mut knowledge = Knowledge::with_formats(formats, own);
        knowledge.set_local_tick(7);
        let read = Knowledge::from_xml(&knowledge.to_xml()).unwrap();
        assert_eq!(read.formats(), formats);
        assert_eq!(read.to_bytes(), knowledge.to_bytes());
    }
}

#[test]
fn what_is_wrong_is_named() {
    let check = |from: &str, to: &str, reason: &str| {
        assert!(XML.contains(from), "{from}");
        let error = Knowledge::from_xml(&XML.replacen(from, to, 1)).unwrap_err();
        assert_eq!(error.to_string(), reason);
    };
    check(
        "2008/03",
        "2007/03",
        "element the document lacks syncKnowledge",
    );
    check(
        "clockVector>",
        "clockvector>",
        "knowledge is no well-formed xml: ill-formed document: expected `</clockvector>`, but `</clockVector>` was found",
    );
    check(
        "<clockVector>",
        "<itemOverrides/><clockVector>",
        "element itemOverrides within syncKnowledge is not understood",
    );
    check(
        "<clockVector>",
        "<clockVector/><clockVector>",
        "knowledge is no well-formed xml: element syncKnowledge holds clockVector twice",
    );
    check(
        " sync:tickCount=\"7\"",
        "",
        "attribute tickCount of clockVectorElement is \"\": expected a number",
    );
    check(
        "tickCount=\"7\"",
        "tickCount=\"-7\"",
        "attribute tickCount of clockVectorElement is \"-7\": expected a number",
    );
    check(
        "maxLength=\"16\"",
        "maxLength=\"0\"",
        "attribute maxLength of replicaIdFormat is \"0\": expected a number from 1 to 65533",
    );
    check(
        "maxLength=\"10240\"",
        "maxLength=\"65534\"",
        "attribute maxLength of itemIdFormat is \"65534\": expected a number from 1 to 65533",
    );
    check(
        "AQ==",
        "AQ=",
        "attribute replicaId of replicaKeyMapEntry is \"AQEBAQEBAQEBAQEBAQEBAQ=\": expected base64",
    );
    check(
        "replicaKey=\"1\"/>\n  </r",
        "replicaKey=\"2\"/>\n  </r",
        "knowledge is no well-formed xml: the keys of replicaKeyMap do not count up from 0",
    );
    check(
        "AgICAgICAgICAgICAgICAg==",
        "AQEBAQEBAQEBAQEBAQEBAQ==",
        "knowledge is no well-formed xml: replica key 1 repeats the id of an earlier one",
    );
    check(
        "replicaKey=\"1\" sync:tickCount",
        "replicaKey=\"0\" sync:tickCount",
        "knowledge is no well-formed xml: replica key 0 does not follow the one before it",
    );
    check(
        "tickCount=\"9\"",
        "tickCount=\"8\"",
        "knowledge is no well-formed xml: clockVector is not what the exceptions have in common",
    );
    check(
        "\"BQ==\"",
        "\"AA==\"",
        "knowledge in xml: range 00 does not follow the one before it: add ranges in ascending order",
    );
    check(
        "<scope>",
        "x<scope>",
        "knowledge is no well-formed xml: text or declarations, which knowledge does not have",
    );
    let long = "AAAA".repeat(21_845);
    check(
        "AgICAgICAgICAgICAgICAg==",
        &long,
        "knowledge is no well-formed xml: the id of replica key 1 has 65535 bytes: replica ids have at most 65533",
    );
    for length in ["65534", "65535"] {
        let reason = format!(
            "attribute maxLength of replicaIdFormat is \"{length}\": expected a number from 1 to 65533"
        );
        check(
            "maxLength=\"16\"",
            &format!("maxLength=\"{length}\""),
            &reason,
        );
    }
    let deep = "<a>".repeat(100_000);
    let error = Knowledge::from_xml(&deep).unwrap_err().to_string();
    assert_eq!(
        error,
        "knowledge is no well-formed xml: too many elements within each other"
    );
}

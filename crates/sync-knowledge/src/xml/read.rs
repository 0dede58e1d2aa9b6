//! Reading.

use std::format;
use std::string::ToString;
use std::vec::Vec;

use super::tree::{Element, Space, parse};
use super::{XmlError, base64, known_of_all};
use crate::{
    ChangeUnitId, ClockVector, IdFormat, IdFormatGroup, ItemId, Knowledge, KnowledgeBuilder,
    ReplicaId, ReplicaKey, ReplicaKeyMap, Tick,
};

/// Reads knowledge.
pub(super) fn knowledge(xml: &str) -> Result<Knowledge, XmlError> {
    let root = parse(xml)?;
    if root.name.space != Space::Sync || root.name.local != "syncKnowledge" {
        return Err(XmlError::MissingElement {
            element: "syncKnowledge",
            parent: "the document",
        });
    }
    let root = Node {
        element: &root,
        name: "syncKnowledge",
    };
    root.only(
        &["idFormatGroup", "replicaKeyMap", "clockVector"],
        &["exceptions"],
    )?;

    let formats = formats(root.child("idFormatGroup")?)?;
    let key_map = key_map(root.child("replicaKeyMap")?)?;
    let begin = KnowledgeBuilder::new(formats, key_map);
    let common = root.child("clockVector")?;
    common.only(&["clockVectorElement"], &[])?;
    let common = vector(common.children("clockVectorElement"))?;
    if root.children("exceptions").next().is_none() {
        return Ok(begin.range(ItemId::lowest(&formats.item), common)?.build());
    }
    let knowledge = ranges(begin, root.child("exceptions")?)?;
    if known_of_all(&knowledge) != common {
        // Whoever passed over the exceptions would have read something else.
        let reason = "clockVector is not what the exceptions have in common".into();
        return Err(XmlError::Malformed { reason });
    }
    Ok(knowledge)
}

fn formats(group: Node<'_>) -> Result<IdFormatGroup, XmlError> {
    group.only(
        &["replicaIdFormat", "itemIdFormat", "changeUnitIdFormat"],
        &[],
    )?;
    let format = |name, of_replicas: bool| {
        let node = group.child(name)?;
        node.only(&[], &[])?;
        let variable = node.attribute("isVariable", "true or false", |value| match value {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        })?;
        // Ids that differ in length are stored with their own, which takes two bytes of the same 65 535;
        // those of replicas are never longer than that leaves.
        let (longest, expected) = if variable || of_replicas {
            (65_533, "a number from 1 to 65533")
        } else {
            (65_535, "a number from 1 to 65535")
        };
        let length = node.attribute("maxLength", expected, |value| {
            value
                .parse()
                .ok()
                .filter(|length| (1..=longest).contains(length))
        })?;
        Ok::<_, XmlError>(IdFormat { variable, length })
    };
    Ok(IdFormatGroup {
        replica: format("replicaIdFormat", true)?,
        item: format("itemIdFormat", false)?,
        change_unit: format("changeUnitIdFormat", false)?,
    })
}

fn key_map(map: Node<'_>) -> Result<ReplicaKeyMap, XmlError> {
    map.only(&["replicaKeyMapEntry"], &[])?;
    let mut entries = Vec::new();
    for entry in map.children("replicaKeyMapEntry") {
        entry.only(&[], &[])?;
        let key: u32 = entry.number("replicaKey")?;
        entries.push((key, entry.bytes("replicaId")?));
    }
    entries.sort_unstable();
    let mistake = |reason: &str| XmlError::Malformed {
        reason: reason.into(),
    };
    if entries
        .iter()
        .zip(0..)
        .any(|((key, _), place)| *key != place)
    {
        return Err(mistake("the keys of replicaKeyMap do not count up from 0"));
    }
    if let Some((key, id)) = entries
        .iter()
        .find(|(_, id)| id.len() > ReplicaId::MAX_LENGTH)
    {
        let length = id.len();
        return Err(mistake(&format!(
            "the id of replica key {key} has {length} bytes: replica ids have at most 65533"
        )));
    }
    let ids = entries
        .into_iter()
        .map(|(_, id)| ReplicaId::from_bytes(&id))
        .collect();
    ReplicaKeyMap::from_distinct(ids).map_err(|repeated| match repeated {
        Some(key) => mistake(&format!(
            "replica key {key} repeats the id of an earlier one"
        )),
        None => mistake("replicaKeyMap holds no replica, not even the owner"),
    })
}

fn ranges(builder: KnowledgeBuilder, exceptions: Node<'_>) -> Result<Knowledge, XmlError> {
    exceptions.only(&[], &["scope", "columnSet"])?;
    let scope = exceptions.child("scope")?;
    scope.only(&[], &["range"])?;
    let mut builder = add_ranges(builder, scope)?;
    for set in exceptions.children("columnSet") {
        set.only(&[], &["changeUnit", "range"])?;
        let mut units = Vec::new();
        for unit in set.children("changeUnit") {
            unit.only(&[], &[])?;
            units.push(ChangeUnitId::from_bytes(&unit.bytes("id")?));
        }
        builder = add_ranges(builder.column_set(units)?, set)?;
    }
    Ok(builder.build())
}

fn add_ranges(to: KnowledgeBuilder, set: Node<'_>) -> Result<KnowledgeBuilder, XmlError> {
    set.children("range").try_fold(to, |builder, range| {
        range.only(&[], &["element"])?;
        let lower = ItemId::from_bytes(&range.bytes("closedLowerBound")?);
        Ok(builder.range(lower, vector(range.children("element"))?)?)
    })
}

fn vector<'a>(elements: impl Iterator<Item = Node<'a>>) -> Result<ClockVector, XmlError> {
    let mut pairs: Vec<(ReplicaKey, Tick)> = Vec::new();
    for element in elements {
        element.only(&[], &[])?;
        let key = element.number("replicaKey").map(ReplicaKey)?;
        let tick = element.number("tickCount")?;
        if pairs.last().is_some_and(|before| before.0 >= key) {
            let reason = format!("replica key {key} does not follow the one before it");
            return Err(XmlError::Malformed { reason });
        }
        pairs.push((key, tick));
    }
    Ok(pairs.into_iter().collect())
}

/// An element and the name for which it was found.
#[derive(Copy, Clone)]
struct Node<'a> {
    element: &'a Element,
    name: &'static str,
}

impl<'a> Node<'a> {
    /// Refuses every element but those of Sync Framework and of ours with these names: whoever
    /// wrote another one may have taken something away with it.
    fn only(&self, sync: &[&str], ours: &[&str]) -> Result<(), XmlError> {
        for child in &self.element.children {
            let names = match child.name.space {
                Space::Ours => ours,
                Space::Sync => sync,
                Space::None | Space::Other => &[],
            };
            if !names.contains(&child.name.local.as_str()) {
                let element = child.name.local.clone();
                return Err(XmlError::UnknownElement {
                    element,
                    parent: self.name,
                });
            }
        }
        Ok(())
    }

    fn children(self, name: &'static str) -> impl Iterator<Item = Node<'a>> {
        let known = |space| matches!(space, Space::Ours | Space::Sync);
        let wanted = move |child: &&Element| child.name.local == name && known(child.name.space);
        let children = self.element.children.iter().filter(wanted);
        children.map(move |element| Node { element, name })
    }

    fn child(self, name: &'static str) -> Result<Node<'a>, XmlError> {
        let mut found = self.children(name);
        match (found.next(), found.next()) {
            (Some(child), None) => Ok(child),
            (None, _) => Err(XmlError::MissingElement {
                element: name,
                parent: self.name,
            }),
            (Some(_), Some(_)) => {
                let reason = format!("element {} holds {name} twice", self.name);
                Err(XmlError::Malformed { reason })
            }
        }
    }

    fn attribute<T>(
        &self,
        attribute: &'static str,
        expected: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, XmlError> {
        let known = |space| matches!(space, Space::None | Space::Sync);
        let mut named = self.element.attributes.iter();
        let found = named.find(|(name, _)| name.local == attribute && known(name.space));
        let value = found.map_or("", |(_, value)| value);
        read(value).ok_or_else(|| XmlError::Attribute {
            element: self.name,
            attribute,
            value: value.to_string(),
            expected,
        })
    }

    fn number<T: core::str::FromStr>(&self, attribute: &'static str) -> Result<T, XmlError> {
        self.attribute(attribute, "a number", |value| value.parse().ok())
    }

    fn bytes(&self, attribute: &'static str) -> Result<Vec<u8>, XmlError> {
        self.attribute(attribute, "base64", base64::decode)
    }
}

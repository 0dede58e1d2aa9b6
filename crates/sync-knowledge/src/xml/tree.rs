//! XML as a tree of elements.

use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{NamespaceResolver, ResolveResult};
use quick_xml::reader::NsReader;

use super::{OURS, SYNC, SYNC_2, XmlError};

/// Knowledge is never nested deeper, by far.
const DEPTH: usize = 16;

/// Nor has any of its elements more attributes, namespaces included.
const ATTRIBUTES: usize = 16;

/// An element with its elements; text is not kept.
pub(super) struct Element {
    pub(super) name: Name,
    pub(super) attributes: Vec<(Name, String)>,
    pub(super) children: Vec<Element>,
}

/// A name and whose it is.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) space: Space,
    pub(super) local: String,
}

/// The namespaces that make a difference.
#[derive(Copy, Clone, PartialEq, Eq)]
pub(super) enum Space {
    None,
    Sync,
    Ours,
    Other,
}

/// Reads a text of one element.
pub(super) fn parse(xml: &str) -> Result<Element, XmlError> {
    let mut reader = NsReader::from_str(xml);
    // The elements that are open, around them one that is none.
    let mut open = Vec::from([Element {
        name: Name {
            space: Space::None,
            local: String::new(),
        },
        attributes: Vec::new(),
        children: Vec::new(),
    }]);
    loop {
        let event = reader.read_event().map_err(malformed)?;
        match event {
            Event::Start(start) => {
                if open.len() > DEPTH {
                    return Err(malformed("too many elements within each other"));
                }
                open.push(element(&start, reader.resolver())?);
            }
            Event::Empty(start) => {
                let child = element(&start, reader.resolver())?;
                add(&mut open, child)?;
            }
            Event::End(_) => {
                let child = open
                    .pop()
                    .ok_or_else(|| malformed("an end without a beginning"))?;
                add(&mut open, child)?;
            }
            Event::Text(text) if text.as_ref().trim_ascii().is_empty() => {}
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
            Event::Eof => break,
            _ => {
                return Err(malformed(
                    "text or declarations, which knowledge does not have",
                ));
            }
        }
    }
    let root = open.pop().filter(|_| open.is_empty());
    let mut elements = root
        .ok_or_else(|| malformed("an element is not closed"))?
        .children;
    match (elements.pop(), elements.is_empty()) {
        (Some(element), true) => Ok(element),
        _ => Err(malformed("expected one element")),
    }
}

fn add(open: &mut [Element], child: Element) -> Result<(), XmlError> {
    let parent = open
        .last_mut()
        .ok_or_else(|| malformed("an end without a beginning"))?;
    parent.children.push(child);
    Ok(())
}

fn element(start: &BytesStart<'_>, resolver: &NamespaceResolver) -> Result<Element, XmlError> {
    let (space, local) = resolver.resolve_element(start.name());
    let (mut attributes, mut seen) = (Vec::new(), 0);
    for attribute in start.attributes() {
        let attribute = attribute.map_err(malformed)?;
        seen += 1;
        if seen > ATTRIBUTES {
            return Err(malformed("too many attributes of one element"));
        }
        if attribute.key.as_namespace_binding().is_some() {
            continue;
        }
        let (space, local) = resolver.resolve_attribute(attribute.key);
        let value = attribute
            .normalized_value(XmlVersion::Explicit1_0)
            .map_err(malformed)?;
        attributes.push((name(space, local.as_ref())?, value.into_owned()));
    }
    Ok(Element {
        name: name(space, local.as_ref())?,
        attributes,
        children: Vec::new(),
    })
}

fn name(space: ResolveResult<'_>, local: &str) -> Result<Name, XmlError> {
    let space = match space {
        ResolveResult::Unbound => Space::None,
        ResolveResult::Bound(space) => match space.as_ref() {
            SYNC | SYNC_2 => Space::Sync,
            OURS => Space::Ours,
            _ => Space::Other,
        },
        ResolveResult::Unknown(prefix) => {
            return Err(malformed(format!("prefix {prefix} has no namespace")));
        }
    };
    Ok(Name {
        space,
        local: local.into(),
    })
}

fn malformed(reason: impl ToString) -> XmlError {
    XmlError::Malformed {
        reason: reason.to_string(),
    }
}

//! Reading a configuration document.

use std::borrow::Cow;
use std::collections::HashSet;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use super::{
    AdapterConfig, AdapterObjects, ColumnConfig, ConfigProvider, ScopeConfig, XmlFragment,
};
use crate::table_name::check_identifier;
use crate::{MetadataError, ObjectName, Size, SqlKind, SqlType, TableName};

const MAX_DOCUMENT: usize = 32 << 20;
const MAX_DEPTH: usize = 32;
/// An adapter has 19 attributes; the check for duplicates is quadratic.
const MAX_ATTRIBUTES: usize = 64;

pub(super) const SQL_ROOT: &str = "SqlSyncProviderScopeConfiguration";
pub(super) const SQL_CE_ROOT: &str = "SqlCeSyncProviderScopeConfiguration";
/// The declarations that .NET's serialiser puts into every document.
pub(super) const NAMESPACES: [(&str, &str); 2] = [
    ("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance"),
    ("xmlns:xsd", "http://www.w3.org/2001/XMLSchema"),
];

pub(super) fn read(xml: &str) -> Result<ScopeConfig, MetadataError> {
    let mut source = Source::new(xml)?;
    let (start, is_empty) = match source.next()? {
        Event::Start(start) => (start, false),
        Event::Empty(start) => (start, true),
        _ => return Err(source.refuse("expected an element")),
    };
    let (mut provider, adapter_name) = match start.name().into_inner() {
        SQL_ROOT => (ConfigProvider::Sql { is_template: None }, "Adapter"),
        SQL_CE_ROOT => (ConfigProvider::SqlCe, "Table"),
        other => {
            let reason = format!(
                "expected {SQL_ROOT} or {SQL_CE_ROOT}, found {:?}",
                crate::error::excerpt(other)
            );
            return Err(source.refuse(reason));
        }
    };
    let mut other_attributes = Vec::new();
    for (name, value) in source.attributes(&start)? {
        match (name, &mut provider) {
            ("IsTemplate", ConfigProvider::Sql { is_template }) => {
                *is_template = Some(source.boolean(name, &value)?);
            }
            _ if NAMESPACES.contains(&(name, &value)) => {}
            _ if NAMESPACES.iter().any(|(prefix, _)| *prefix == name) => {
                return Err(
                    source.refuse(format!("{name} names another namespace than XML Schema's"))
                );
            }
            _ => other_attributes.push((name.to_owned(), value.into_owned())),
        }
    }

    let mut adapters = Vec::new();
    while let Some((start, is_empty)) = source.next_child(is_empty)? {
        if start.name().into_inner() != adapter_name {
            return Err(source.refuse(format!("expected the element {adapter_name}")));
        }
        adapters.push(read_adapter(&mut source, &start, is_empty)?);
    }
    source.expect_end()?;

    let config = ScopeConfig {
        provider,
        adapters,
        other_attributes,
    };
    config
        .check_distinct()
        .map_err(|reason| source.refuse(reason))?;
    Ok(config)
}

fn read_adapter(
    source: &mut Source<'_>,
    start: &BytesStart<'_>,
    is_empty: bool,
) -> Result<AdapterConfig, MetadataError> {
    let (mut name, mut global_name, mut tracking_table) = (None, None, None);
    let mut objects = AdapterObjects::default();
    let mut other_attributes = Vec::new();
    for (attribute, value) in source.attributes(start)? {
        match attribute {
            "Name" => name = Some(source.name(&value)?),
            "GlobalName" => global_name = Some(value.into_owned()),
            "TrackingTable" => tracking_table = Some(source.name(&value)?),
            _ => match objects
                .entries()
                .into_iter()
                .find(|(known, _)| *known == attribute)
            {
                Some((_, object)) => *object = Some(source.name(&value)?),
                None => other_attributes.push((attribute.to_owned(), value.into_owned())),
            },
        }
    }
    let missing = |attribute: &str| source.refuse(format!("a table has no attribute {attribute}"));
    let mut adapter = AdapterConfig {
        name: name.ok_or_else(|| missing("Name"))?,
        global_name: global_name
            .filter(|name| !name.is_empty())
            .ok_or_else(|| missing("GlobalName"))?,
        tracking_table: tracking_table.ok_or_else(|| missing("TrackingTable"))?,
        objects,
        columns: Vec::new(),
        filter_parameters: Vec::new(),
        filter_clause: None,
        filter_columns: Vec::new(),
        other_attributes,
        other_elements: Vec::new(),
    };

    let mut columns = HashSet::new();
    while let Some((child, is_empty)) = source.next_child(is_empty)? {
        match child.name().into_inner() {
            "Col" => {
                let column = read_column(source, &child)?;
                if !columns.insert(column.name.to_lowercase()) {
                    return Err(source.refuse(format!(
                        "{}: the column {:?} occurs twice",
                        adapter.name, column.name
                    )));
                }
                adapter.columns.push(column);
                if source.next_child(is_empty)?.is_some() {
                    return Err(source.refuse("a Col element has children"));
                }
            }
            "FilterParam" => adapter
                .filter_parameters
                .push(source.fragment(&child, is_empty)?),
            "FilterClause" if adapter.filter_clause.is_none() => {
                adapter.filter_clause = Some(source.text(&child, is_empty)?);
            }
            "FilterCol" => adapter.filter_columns.push(source.text(&child, is_empty)?),
            _ => adapter
                .other_elements
                .push(source.fragment(&child, is_empty)?),
        }
    }
    Ok(adapter)
}

fn read_column(source: &Source<'_>, start: &BytesStart<'_>) -> Result<ColumnConfig, MetadataError> {
    let (mut name, mut kind) = (None, None);
    let (mut size, mut precision, mut scale) = (None, None, None);
    let (mut nullable, mut primary_key) = (false, false);
    let (mut default, mut parameter) = (None, None);
    let (mut identity_seed, mut identity_step) = (None, None);
    let mut other_attributes = Vec::new();
    for (attribute, value) in source.attributes(start)? {
        match attribute {
            "name" => name = Some(value.into_owned()),
            "type" => {
                kind = Some(
                    SqlKind::from_name(&value).map_err(|error| source.refuse(error.to_string()))?,
                )
            }
            "size" if value == "max" => size = Some(Size::Max),
            "size" => size = Some(Size::Length(source.number(attribute, &value)?)),
            "prec" => precision = Some(source.number(attribute, &value)?),
            "scale" => scale = Some(source.number(attribute, &value)?),
            "null" => nullable = source.boolean(attribute, &value)?,
            "pk" => primary_key = source.boolean(attribute, &value)?,
            "default" => default = Some(value.into_owned()),
            "idSeed" => identity_seed = Some(source.number(attribute, &value)?),
            "idStep" => identity_step = Some(source.number(attribute, &value)?),
            "param" => parameter = Some(value.into_owned()),
            _ => other_attributes.push((attribute.to_owned(), value.into_owned())),
        }
    }
    let name = name.ok_or_else(|| source.refuse("a column has no attribute name"))?;
    check_identifier(&name).map_err(|error| source.refuse(error.to_string()))?;
    let kind =
        kind.ok_or_else(|| source.refuse(format!("the column {name:?} has no attribute type")))?;
    Ok(ColumnConfig {
        name,
        sql_type: SqlType {
            kind,
            size,
            precision,
            scale,
        },
        nullable,
        default,
        identity_seed,
        identity_step,
        parameter,
        primary_key,
        other_attributes,
    })
}

/// A document being read, with the place for error messages.
pub(super) struct Source<'a> {
    xml: &'a str,
    reader: Reader<&'a [u8]>,
    /// Where the last event began.
    event_start: usize,
}

impl<'a> Source<'a> {
    pub(super) fn new(xml: &'a str) -> Result<Self, MetadataError> {
        if xml.len() > MAX_DOCUMENT {
            return Err(MetadataError::ConfigXml {
                position: 0,
                reason: format!(
                    "the document has {} bytes, more than {MAX_DOCUMENT}",
                    xml.len()
                ),
            });
        }
        if let Some(position) = xml.find('\0') {
            return Err(MetadataError::ConfigXml {
                position: position as u64,
                reason: "the document holds a NUL character, which XML does not know".to_owned(),
            });
        }
        let xml = xml.trim_start_matches('\u{feff}');
        Ok(Self {
            xml,
            reader: Reader::from_str(xml),
            event_start: 0,
        })
    }

    pub(super) fn refuse(&self, reason: impl Into<String>) -> MetadataError {
        MetadataError::ConfigXml {
            position: self.reader.buffer_position(),
            reason: reason.into(),
        }
    }

    /// The next event that is neither a comment, a processing instruction, a declaration nor white space.
    pub(super) fn next(&mut self) -> Result<Event<'a>, MetadataError> {
        loop {
            match self.next_raw()? {
                Event::Comment(_) | Event::PI(_) => {}
                Event::Decl(_) if self.event_start == 0 => {}
                Event::Decl(_) => {
                    return Err(self.refuse("an XML declaration stands inside the document"));
                }
                Event::Text(text) if text.bytes().all(|byte| byte.is_ascii_whitespace()) => {}
                event => return Ok(event),
            }
        }
    }

    /// The next child of the element that was just entered, with whether it is empty; `None` when that element ends, or is empty itself.
    fn next_child(
        &mut self,
        is_empty: bool,
    ) -> Result<Option<(BytesStart<'a>, bool)>, MetadataError> {
        if is_empty {
            return Ok(None);
        }
        match self.next()? {
            Event::Start(start) => Ok(Some((start, false))),
            Event::Empty(start) => Ok(Some((start, true))),
            Event::End(_) => Ok(None),
            Event::Eof => Err(self.refuse("the document ends inside an element")),
            _ => Err(self.refuse("text stands where an element is expected")),
        }
    }

    /// Makes sure that nothing follows.
    pub(super) fn expect_end(&mut self) -> Result<(), MetadataError> {
        match self.next()? {
            Event::Eof => Ok(()),
            _ => Err(self.refuse("something follows the document's element")),
        }
    }

    fn next_raw(&mut self) -> Result<Event<'a>, MetadataError> {
        self.event_start = self.position();
        match self.reader.read_event() {
            Ok(Event::DocType(_)) => Err(self.refuse("a document type is not allowed")),
            Ok(event) => Ok(event),
            Err(error) => Err(self.refuse(error.to_string())),
        }
    }

    fn position(&self) -> usize {
        usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX)
    }

    /// The attributes with their values unescaped.
    fn attributes<'s>(
        &self,
        start: &'s BytesStart<'_>,
    ) -> Result<Vec<(&'s str, Cow<'s, str>)>, MetadataError> {
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| self.refuse(error.to_string()))?;
            if attributes.len() == MAX_ATTRIBUTES {
                return Err(self.refuse(format!(
                    "an element has more than {MAX_ATTRIBUTES} attributes"
                )));
            }
            let name = attribute.key.into_inner();
            if !name
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, ':' | '_' | '-' | '.'))
            {
                return Err(
                    self.refuse("an attribute's name holds a character that is not allowed")
                );
            }
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|error| self.refuse(error.to_string()))?;
            attributes.push((name, value));
        }
        Ok(attributes)
    }

    /// The element that was just read, as it is.
    fn fragment(
        &mut self,
        start: &BytesStart<'_>,
        is_empty: bool,
    ) -> Result<XmlFragment, MetadataError> {
        if is_empty {
            self.skip_empty(start)
        } else {
            self.skip_element(start)
        }
    }

    pub(super) fn skip_empty(&self, start: &BytesStart<'_>) -> Result<XmlFragment, MetadataError> {
        self.attributes(start)?;
        Ok(self.since(self.event_start))
    }

    pub(super) fn skip_element(
        &mut self,
        start: &BytesStart<'_>,
    ) -> Result<XmlFragment, MetadataError> {
        let from = self.event_start;
        self.attributes(start)?;
        let mut depth = 1;
        while depth > 0 {
            match self.next_raw()? {
                Event::Start(start) => {
                    self.attributes(&start)?;
                    depth += 1;
                }
                Event::Empty(start) => drop(self.attributes(&start)?),
                Event::End(_) => depth -= 1,
                Event::GeneralRef(reference) => drop(self.resolve(&reference)?),
                Event::Decl(_) => {
                    return Err(self.refuse("an XML declaration stands inside the document"));
                }
                Event::Eof => return Err(self.refuse("the document ends inside an element")),
                _ => {}
            }
            if depth > MAX_DEPTH {
                return Err(self.refuse(format!("elements are nested deeper than {MAX_DEPTH}")));
            }
        }
        Ok(self.since(from))
    }

    fn since(&self, from: usize) -> XmlFragment {
        XmlFragment::from_checked(self.xml.get(from..self.position()).unwrap_or_default())
    }

    /// The text of an element that has nothing but text.
    fn text(&mut self, start: &BytesStart<'_>, is_empty: bool) -> Result<String, MetadataError> {
        if !self.attributes(start)?.is_empty() {
            return Err(self.refuse("a filter element has attributes"));
        }
        let mut text = String::new();
        if is_empty {
            return Ok(text);
        }
        loop {
            match self.next_raw()? {
                Event::Text(part) => text.push_str(&part.xml10_content()),
                Event::CData(part) => text.push_str(&part.xml10_content()),
                Event::GeneralRef(reference) => text.push(self.resolve(&reference)?),
                Event::Comment(_) | Event::PI(_) => {}
                Event::End(_) => return Ok(text),
                _ => return Err(self.refuse("expected text only")),
            }
        }
    }

    /// The character that a reference stands for; entities other than XML's own five are refused.
    fn resolve(&self, reference: &quick_xml::events::BytesRef<'_>) -> Result<char, MetadataError> {
        if let Some(c) = reference
            .resolve_char_ref()
            .map_err(|error| self.refuse(error.to_string()))?
        {
            return Ok(c);
        }
        match reference.as_ref() {
            "lt" => Ok('<'),
            "gt" => Ok('>'),
            "amp" => Ok('&'),
            "apos" => Ok('\''),
            "quot" => Ok('"'),
            _ => Err(self.refuse("an entity is not allowed")),
        }
    }

    fn name(&self, value: &str) -> Result<ObjectName, MetadataError> {
        TableName::parse(value).map_err(|error| self.refuse(error.to_string()))
    }

    fn number<T: std::str::FromStr>(
        &self,
        attribute: &str,
        value: &str,
    ) -> Result<T, MetadataError> {
        value.trim().parse().map_err(|_| {
            self.refuse(format!(
                "the attribute {attribute} is not a number in its range"
            ))
        })
    }

    fn boolean(&self, attribute: &str, value: &str) -> Result<bool, MetadataError> {
        match value.trim() {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err(self.refuse(format!(
                "the attribute {attribute} is neither true nor false"
            ))),
        }
    }
}

//! A piece of a document that is carried along unread.

use quick_xml::events::Event;

use super::read::Source;
use crate::MetadataError;

/// One well-formed XML element, kept as the text it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XmlFragment(String);

impl XmlFragment {
    /// An element from text.
    ///
    /// # Errors
    /// [`MetadataError::ConfigXml`] when the text is not exactly one element, under the same limits as a whole document.
    pub fn parse(xml: &str) -> Result<Self, MetadataError> {
        let mut source = Source::new(xml)?;
        let fragment = match source.next()? {
            Event::Start(start) => source.skip_element(&start)?,
            Event::Empty(start) => source.skip_empty(&start)?,
            _ => return Err(source.refuse("expected an element")),
        };
        source.expect_end()?;
        Ok(fragment)
    }

    /// The element's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes a text that was found to be one element.
    pub(super) fn from_checked(xml: &str) -> Self {
        Self(xml.to_owned())
    }
}

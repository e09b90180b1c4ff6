//! What the readers of XML have in common.

use quick_xml::{
    XmlVersion,
    events::{BytesRef, BytesStart},
};

use super::{ReadError, damaged};

/// Returns the text that a reference such as `&amp;` stands for.
pub(super) fn referred(reference: &BytesRef<'_>) -> Result<String, ReadError> {
    if let Some(character) = reference.resolve_char_ref().map_err(|_| damaged())? {
        return Ok(character.to_string());
    }
    let resolved = quick_xml::escape::resolve_predefined_entity(reference);
    resolved.map(str::to_owned).ok_or_else(damaged)
}

/// Returns the value of an attribute.
pub(super) fn attribute(element: &BytesStart<'_>, name: &str) -> Result<Option<String>, ReadError> {
    let attribute = element.try_get_attribute(name).map_err(|_| damaged())?;
    attribute
        .map(|attribute| {
            Ok(attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|_| damaged())?
                .into_owned())
        })
        .transpose()
}

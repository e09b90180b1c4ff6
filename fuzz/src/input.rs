//! How bytes become a template with values.

use pillarbox_templates::placeholders::Values;
use serde_json::Value;

/// A template with what fills it, as one run of text with U+0000 between its parts: content, subject (or prefix), then
/// names and values by turns. A value is JSON where it reads as such, and text otherwise.
#[derive(Debug)]
pub struct Filled<'bytes> {
    pub content: &'bytes str,
    pub subject: &'bytes str,
    pub values: Values,
}

impl<'bytes> Filled<'bytes> {
    /// Nothing if the bytes are no UTF-8.
    pub fn from_bytes(bytes: &'bytes [u8]) -> Option<Self> {
        let mut parts = std::str::from_utf8(bytes).ok()?.split('\0');
        let content = parts.next().unwrap_or_default();
        let subject = parts.next().unwrap_or_default();
        let mut values = Values::new();
        while let Some(name) = parts.next() {
            values.insert(name, value(parts.next().unwrap_or_default()));
        }
        Some(Self {
            content,
            subject,
            values,
        })
    }
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
}

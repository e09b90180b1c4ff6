//! Request templates with placeholders: `{"to": "{to}"}`.
//!
//! A template is parsed once and filled for each message. Filled values are not parsed again, so a message that contains
//! `{sender}` is sent as it is.

use serde_json::{Map, Value};
use uuid::Uuid;

use super::Sms;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Placeholder {
    To,
    ToPlus,
    Content,
    Sender,
    Reference,
}

/// Placeholders by their names in the settings.
const PLACEHOLDERS: [(&str, Placeholder); 5] = [
    ("to", Placeholder::To),
    ("to_plus", Placeholder::ToPlus),
    ("content", Placeholder::Content),
    ("sender", Placeholder::Sender),
    ("reference", Placeholder::Reference),
];

pub(super) struct Template {
    pieces: Vec<Piece>,
}

enum Piece {
    Text(String),
    Placeholder(Placeholder),
}

impl Template {
    /// Parses a template. `{name}` is a placeholder if the name consists of lower-case letters and underscores; other braces
    /// are text.
    ///
    /// # Errors
    ///
    /// A message about an unknown placeholder.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, name, after)) = next_placeholder(rest) {
            let Some((_, placeholder)) = PLACEHOLDERS.iter().find(|(known, _)| *known == name)
            else {
                let known = PLACEHOLDERS
                    .map(|(known, _)| format!("{{{known}}}"))
                    .join(", ");
                return Err(format!("there is no placeholder {{{name}}}: use {known}"));
            };
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(Piece::Placeholder(*placeholder));
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Ok(Self { pieces })
    }

    pub(super) fn fill(&self, sms: &Sms) -> String {
        let mut filled = String::new();
        // In one pass: a message that contains `{sender}` is sent as it is.
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Placeholder(Placeholder::To) => filled.push_str(&sms.to),
                Piece::Placeholder(Placeholder::ToPlus) => filled.extend(["+", sms.to.as_str()]),
                Piece::Placeholder(Placeholder::Content) => filled.push_str(&sms.content),
                Piece::Placeholder(Placeholder::Sender) => filled.push_str(&sms.sender),
                Piece::Placeholder(Placeholder::Reference) => filled.push_str(&sms.id.to_string()),
            }
        }
        filled
    }

    /// Fills a template that may have no placeholder but `{reference}`; `None` if it has another.
    pub(super) fn fill_reference(&self, reference: Uuid) -> Option<String> {
        let mut filled = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Placeholder(Placeholder::Reference) => {
                    filled.push_str(&reference.to_string());
                }
                Piece::Placeholder(_) => return None,
            }
        }
        Some(filled)
    }
}

/// Splits at the first placeholder: the text before it, its name, the text after it.
fn next_placeholder(text: &str) -> Option<(&str, &str, &str)> {
    text.match_indices('{').find_map(|(open, _)| {
        let inside = &text[open + 1..];
        let length = inside.find(|c: char| !(c.is_ascii_lowercase() || c == '_'))?;
        let after = inside[length..].strip_prefix('}')?;
        (length > 0).then(|| (&text[..open], &inside[..length], after))
    })
}

/// JSON with placeholders in its strings. Filled as a tree and serialised afterwards, so that no value can escape its string.
pub(super) enum JsonTemplate {
    Text(Template),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
    Other(Value),
}

impl JsonTemplate {
    /// Parses a template, with the errors of [`Template::parse`].
    pub(super) fn parse(value: &Value) -> Result<Self, String> {
        Ok(match value {
            Value::String(text) => Self::Text(Template::parse(text)?),
            Value::Array(items) => {
                Self::List(items.iter().map(Self::parse).collect::<Result<_, _>>()?)
            }
            Value::Object(fields) => Self::Object(
                fields
                    .iter()
                    .map(|(name, value)| Ok((name.clone(), Self::parse(value)?)))
                    .collect::<Result<_, String>>()?,
            ),
            Value::Null | Value::Bool(_) | Value::Number(_) => Self::Other(value.clone()),
        })
    }

    pub(super) fn fill(&self, sms: &Sms) -> Value {
        match self {
            Self::Text(template) => Value::String(template.fill(sms)),
            Self::List(items) => items.iter().map(|item| item.fill(sms)).collect(),
            Self::Object(fields) => Value::Object(
                fields
                    .iter()
                    .map(|(name, value)| (name.clone(), value.fill(sms)))
                    .collect::<Map<_, _>>(),
            ),
            Self::Other(value) => value.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sms(content: &str) -> Sms {
        Sms {
            id: Uuid::from_u128(7),
            at: jiff::Timestamp::UNIX_EPOCH,
            to: "447700900123".to_owned(),
            content: content.to_owned(),
            sender: "BINS".to_owned(),
            international: false,
        }
    }

    #[test]
    fn placeholders_are_filled_and_other_braces_stay() {
        let template = Template::parse("{to_plus}/{to} {} { {TO} {{sender}} {reference").unwrap();
        assert_eq!(
            template.fill(&sms("")),
            "+447700900123/447700900123 {} { {TO} {BINS} {reference"
        );
    }

    #[test]
    fn an_unknown_placeholder_is_an_error() {
        let error = Template::parse("to {recipient}").err().unwrap();
        assert!(error.starts_with("there is no placeholder {recipient}: use {to}, {to_plus}"));
    }

    #[test]
    fn a_message_that_looks_like_a_placeholder_is_not_filled() {
        let template = Template::parse("{content}|{sender}").unwrap();
        assert_eq!(template.fill(&sms("{sender}{to}")), "{sender}{to}|BINS");
    }

    #[test]
    fn values_cannot_escape_their_json_string() {
        let template = JsonTemplate::parse(&json!({
            "messages": [{"to": "{to_plus}", "text": "{content}"}], "multi": true, "n": 1, "none": null
        }))
        .unwrap();
        let evil = "a \"quote\", a \\ and\na line\", \"to\": \"447700900999\" \u{0}🎉";
        let written = template.fill(&sms(evil)).to_string();
        let read: Value = serde_json::from_str(&written).unwrap();
        assert_eq!(
            read,
            json!({"messages": [{"to": "+447700900123", "text": evil}], "multi": true, "n": 1, "none": null})
        );
    }

    #[test]
    fn many_braces_parse_in_linear_time() {
        let braces = "{a".repeat(100_000);
        assert_eq!(Template::parse(&braces).unwrap().fill(&sms("")), braces);
    }
}

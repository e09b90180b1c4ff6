//! Requests with gaps: `{"to": "{to}"}`.
//!
//! A template is read once and filled for each message. What fills a gap is never looked at again, so a text that
//! contains `{sender}` is sent as it is.

use serde_json::{Map, Value};
use uuid::Uuid;

use super::Sms;

/// What can stand in a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gap {
    To,
    ToPlus,
    Content,
    Sender,
    Reference,
}

/// The names of the gaps, as the settings write them.
const GAPS: [(&str, Gap); 5] = [
    ("to", Gap::To),
    ("to_plus", Gap::ToPlus),
    ("content", Gap::Content),
    ("sender", Gap::Sender),
    ("reference", Gap::Reference),
];

/// Text with gaps.
pub(super) struct Template {
    pieces: Vec<Piece>,
}

enum Piece {
    Text(String),
    Gap(Gap),
}

impl Template {
    /// Reads a template. `{name}` is a gap if the name is of lower-case letters and underscores; other braces are text.
    ///
    /// # Errors
    ///
    /// A sentence about the gap that nothing is known to fill.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, name, after)) = next_gap(rest) {
            let Some((_, gap)) = GAPS.iter().find(|(known, _)| *known == name) else {
                let known = GAPS.map(|(known, _)| format!("{{{known}}}")).join(", ");
                return Err(format!(
                    "nothing is known to fill {{{name}}}; there are {known}"
                ));
            };
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(Piece::Gap(*gap));
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Ok(Self { pieces })
    }

    pub(super) fn fill(&self, sms: &Sms) -> String {
        let mut filled = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Gap(Gap::To) => filled.push_str(&sms.to),
                Piece::Gap(Gap::ToPlus) => filled.extend(["+", sms.to.as_str()]),
                Piece::Gap(Gap::Content) => filled.push_str(&sms.content),
                Piece::Gap(Gap::Sender) => filled.push_str(&sms.sender),
                Piece::Gap(Gap::Reference) => filled.push_str(&sms.id.to_string()),
            }
        }
        filled
    }

    /// Fills a template that holds no more than the reference; `None` if it asks for more.
    pub(super) fn fill_reference(&self, reference: Uuid) -> Option<String> {
        let mut filled = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Gap(Gap::Reference) => filled.push_str(&reference.to_string()),
                Piece::Gap(_) => return None,
            }
        }
        Some(filled)
    }
}

/// The text before the first gap, the gap's name, and what follows it.
fn next_gap(text: &str) -> Option<(&str, &str, &str)> {
    text.match_indices('{').find_map(|(open, _)| {
        let inside = &text[open + 1..];
        let length = inside.find(|c: char| !(c.is_ascii_lowercase() || c == '_'))?;
        let after = inside[length..].strip_prefix('}')?;
        (length > 0).then(|| (&text[..open], &inside[..length], after))
    })
}

/// JSON with gaps in its strings. It is filled as a tree and written afterwards, so nothing can break out of a string.
pub(super) enum JsonTemplate {
    Text(Template),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
    Other(Value),
}

impl JsonTemplate {
    /// Reads a template.
    ///
    /// # Errors
    ///
    /// As [`Template::parse`].
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
    fn gaps_are_filled_and_other_braces_stay() {
        let template = Template::parse("{to_plus}/{to} {} { {TO} {{sender}} {reference").unwrap();
        assert_eq!(
            template.fill(&sms("")),
            "+447700900123/447700900123 {} { {TO} {BINS} {reference"
        );
    }

    #[test]
    fn an_unknown_gap_is_a_wrong_setting() {
        let why = Template::parse("to {recipient}").err().unwrap();
        assert!(why.starts_with("nothing is known to fill {recipient}; there are {to}, {to_plus}"));
    }

    #[test]
    fn a_text_that_looks_like_a_gap_is_only_a_text() {
        let template = Template::parse("{content}|{sender}").unwrap();
        assert_eq!(template.fill(&sms("{sender}{to}")), "{sender}{to}|BINS");
    }

    #[test]
    fn nothing_breaks_out_of_json() {
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
    fn many_braces_cost_no_more_than_their_number() {
        let braces = "{a".repeat(100_000);
        assert_eq!(Template::parse(&braces).unwrap().fill(&sms("")), braces);
    }
}

//! Sanitising of values that members of the public entered, before they go into an e-mail (`docs/spec/public-api.md`
//! §8.2).

use serde_json::{Map, Value};

use crate::{links::replace_links, placeholders::NameSet};

/// Characters with a meaning in Markdown.
const ESCAPED: [char; 18] = [
    '`', '*', '_', '(', ')', '\\', '{', '}', '[', ']', '<', '>', '#', '+', '-', '.', '!', '|',
];

/// A value that sanitising changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sanitised {
    /// Key as sent.
    pub name: String,
    /// Value as sent.
    pub unsanitised: String,
    /// Value as used and stored.
    pub sanitised: String,
}

/// A value to be sanitised is not a text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} must be text to be sanitised")]
pub struct NotText {
    /// Key as sent.
    pub name: String,
}

/// Sanitises in place the values with these names, which are compared as placeholders are. Returns what changed, in
/// the order of the object. On an error nothing is changed.
pub fn sanitise_content_for(
    personalisation: &mut Map<String, Value>,
    names: &NameSet,
) -> Result<Vec<Sanitised>, NotText> {
    let mut changes = Vec::new();
    for (name, value) in personalisation
        .iter()
        .filter(|(name, _)| names.contains(name))
    {
        let Value::String(text) = value else {
            return Err(NotText { name: name.clone() });
        };
        let sanitised = sanitise_public_text(text);
        if sanitised != *text {
            changes.push(Sanitised {
                name: name.clone(),
                unsanitised: text.clone(),
                sanitised,
            });
        }
    }
    // Only now, so that on an error nothing is changed.
    for change in &changes {
        personalisation.insert(change.name.clone(), Value::String(change.sanitised.clone()));
    }
    Ok(changes)
}

/// Removes web addresses and escapes Markdown. What looks like two sentences without a space between them is no
/// address and gets the space.
pub fn sanitise_public_text(text: &str) -> String {
    escape_markdown(&replace_links(text, |link| {
        // "the end.Next" is a typing error more often than an address.
        if may_be_sentences(link) {
            link.replace('.', ". ")
        } else {
            String::new()
        }
    }))
}

fn may_be_sentences(link: &str) -> bool {
    link.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
}

fn escape_markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() * 2);
    for character in text.chars() {
        if ESCAPED.contains(&character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn links_vanish_and_markdown_is_escaped() {
        for (text, sanitised) in [
            ("[click](https://evil.example/x)", r"\[click\]\("),
            ("[click](https://evil.example)", r"\[click\]\(\)"),
            ("seen by Dr.Ash. It went", r"seen by Dr\. Ash\. It went"),
            (
                "é.example, a-b.example, a-b.example?",
                r", a\-b\. example, ",
            ),
            ("a\\b!", r"a\\b\!"),
            ("plain", "plain"),
        ] {
            assert_eq!(sanitise_public_text(text), sanitised, "{text}");
        }
    }

    #[test]
    fn only_named_values_change_and_are_told() {
        let mut sent = json!({"Na me": "a.b@c #", "other": "#", "NAME": "same"});
        let sent = sent.as_object_mut().expect("an object");
        let changes =
            sanitise_content_for(sent, &["n_a_m_e"].into_iter().collect()).expect("texts");
        assert_eq!(
            changes,
            [Sanitised {
                name: "Na me".to_owned(),
                unsanitised: "a.b@c #".to_owned(),
                sanitised: r"a\.b@c \#".to_owned(),
            }]
        );
        assert_eq!(sent["Na me"], r"a\.b@c \#");
        assert_eq!(sent["other"], "#");
    }

    #[test]
    fn a_value_that_is_no_text_is_refused() {
        let mut sent = json!({"a": "#", "b": 5});
        let sent = sent.as_object_mut().expect("an object");
        let refused = sanitise_content_for(sent, &["a", "b"].into_iter().collect());
        assert_eq!(
            refused,
            Err(NotText {
                name: "b".to_owned()
            })
        );
        assert_eq!(sent["a"], "#");
    }

    proptest::proptest! {
        #[test]
        fn no_address_is_left_in_any_text(text in "[-a-z.@/:?#< é_()\\\\]{0,40}|.{0,40}") {
            assert_eq!(crate::links::find_links(&sanitise_public_text(&text)).count(), 0);
        }
    }
}

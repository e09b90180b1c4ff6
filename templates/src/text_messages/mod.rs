//! Text messages: rendering, counting, previews (`docs/spec/templates.md` §5).

mod alphabet;
mod message;
mod preview;

pub use alphabet::not_encodable;
pub use message::TextMessage;
pub use preview::Preview;

use crate::{
    placeholders::{self, NameSet, Text, Values},
    sanitise::{add_prefix, normalise_lines, normalise_multiple_newlines},
    typography::remove_whitespace_before_punctuation,
};
use text::is_any_space;

/// Maximum length of a message in characters, its prefix not counted.
pub const LIMIT: usize = 918;

/// A text message template, parsed once and filled many times.
#[derive(Debug, Clone)]
pub struct TextMessageTemplate {
    content: Text,
}

impl TextMessageTemplate {
    /// Parses the content of a template. Any text is valid.
    pub fn parse(content: &str) -> Self {
        Self {
            content: Text::parse(content),
        }
    }

    /// Returns the placeholder names, in order of first appearance.
    pub fn placeholders(&self) -> &NameSet {
        self.content.placeholders()
    }

    /// Returns the placeholders whose value is absent or null, as spelt in the template.
    pub fn missing(&self, values: &Values) -> Vec<String> {
        placeholders::missing(self.placeholders(), values)
    }

    /// Returns how many bytes the message has at least once it is filled, without filling it.
    pub fn filled_size(&self, values: &Values) -> usize {
        self.content.filled_size(values)
    }

    /// Renders the message exactly as it is sent. The prefix, usually the service's name, is used if it is not empty.
    ///
    /// Without any values, placeholders show nothing; with some, the missing ones show themselves.
    pub fn fill(&self, values: &Values, prefix: Option<&str>) -> TextMessage {
        let prefix = prefix.filter(|prefix| !prefix.is_empty());
        TextMessage::new(&self.render(values, prefix), prefix)
    }

    /// Like [`TextMessageTemplate::fill`], but composes letters with their accents first, so that `e` and U+0308 become
    /// `ë` and not `e?` (`docs/spec/templates.md` §5.6). This is what is sent.
    pub fn fill_composed(&self, values: &Values, prefix: Option<&str>) -> TextMessage {
        let prefix = prefix.filter(|prefix| !prefix.is_empty());
        TextMessage::new(&message::composed(&self.render(values, prefix)), prefix)
    }

    /// Like [`TextMessageTemplate::fill_composed`], for a service that may send any character: those without a replacement are
    /// kept, and the message then consists of 16-bit characters.
    pub fn fill_unicode(&self, values: &Values, prefix: Option<&str>) -> TextMessage {
        let prefix = prefix.filter(|prefix| !prefix.is_empty());
        TextMessage::new_unicode(&self.render(values, prefix), prefix)
    }

    fn render(&self, values: &Values, prefix: Option<&str>) -> String {
        // A preview without values shows the text as it will look, not the names of its placeholders.
        if values.is_empty() && !self.placeholders().is_empty() {
            self.unfilled(prefix)
        } else {
            normalise(&add_prefix(self.content.fill_plain(values), prefix))
        }
    }

    /// Returns the characters of the template itself, conditional texts included, that would be replaced by `?`.
    pub fn not_encodable(&self) -> Vec<char> {
        // Shows every conditional text and no name of a placeholder.
        let values: Values = self
            .placeholders()
            .iter()
            .map(|name| (name, "yes".into()))
            .collect();
        not_encodable(&message::composed(&self.render(&values, None)))
    }

    /// Renders the content with nothing in place of its placeholders, keeping the spaces around them.
    fn unfilled(&self, prefix: Option<&str>) -> String {
        // A mark keeps the spaces around a placeholder from being collapsed before it is removed.
        let mark = mark_foreign_to(self.content.source(), prefix.unwrap_or_default());
        let marks: Values = self
            .placeholders()
            .iter()
            .map(|name| (name, mark.to_string().into()))
            .collect();
        normalise(&add_prefix(self.content.fill_plain(&marks), prefix)).replace(mark, "")
    }
}

/// Returns the characters that would be replaced by `?` if this text stood in a message, once its accents are composed.
pub fn lost_characters(text: &str) -> Vec<char> {
    not_encodable(&message::composed(&normalise(text)))
}

/// Removes spaces before punctuation, collapses spaces and empty lines, and trims.
fn normalise(text: &str) -> String {
    let lines = normalise_lines(&remove_whitespace_before_punctuation(text));
    let lines = normalise_multiple_newlines(&lines);
    lines.trim_matches(is_any_space).to_owned()
}

/// Returns a private-use character that occurs in neither text.
fn mark_foreign_to(content: &str, prefix: &str) -> char {
    const PRIVATE: std::ops::RangeInclusive<char> = '\u{F0000}'..='\u{10FFFF}';
    let taken: std::collections::HashSet<char> = content
        .chars()
        .chain(prefix.chars())
        .filter(|character| PRIVATE.contains(character))
        .collect();
    PRIVATE
        .into_iter()
        .find(|character| !taken.contains(character))
        // Only a text that has all of them leaves none.
        .unwrap_or('\u{10FFFF}')
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn message(content: &str, pairs: &[(&str, Value)], prefix: Option<&str>) -> TextMessage {
        let values = pairs
            .iter()
            .map(|(name, value)| (*name, value.clone()))
            .collect();
        TextMessageTemplate::parse(content).fill(&values, prefix)
    }

    #[test]
    fn a_message_is_filled_tidied_and_encoded() {
        let sent = message(
            " Dear  ((name)) ,\r\n\n\n\n“((list))”\u{200B} … ",
            &[("NAME", json!("Zoë  \n")), ("list", json!(["a", "b"]))],
            None,
        );
        assert_eq!(sent.text(), "Dear Zoë\n,\n\n\"a and b\" ...");
    }

    #[test]
    fn accents_are_composed_and_unicode_texts_keep_every_character() {
        let template = TextMessageTemplate::parse("Hi ((name))");
        let fill = |name: &str, unicode: bool| {
            let values = [("name", json!(name))].into_iter().collect();
            if unicode {
                template.fill_unicode(&values, None)
            } else {
                template.fill_composed(&values, None)
            }
        };
        assert_eq!(fill("Zoe\u{308}", false).text(), "Hi Zoë");
        assert_eq!(fill("مريم 😀", false).text(), "Hi ???? ?");
        let sent = fill("مريم 😀 Zoe\u{308} “x”", true);
        assert_eq!(sent.text(), "Hi مريم 😀 Zoë \"x\"");
        assert_eq!(sent.fragment_count(), 1);
        // An emoji counts as two units of 16 bits: 3 + 2 × 34 are 71.
        assert_eq!(fill(&"😀".repeat(34), true).fragment_count(), 2);
        assert_eq!(fill(&"a".repeat(157), true).fragment_count(), 1);
    }

    #[test]
    fn a_template_names_the_characters_that_would_be_lost() {
        let lost = |content| TextMessageTemplate::parse(content).not_encodable();
        assert_eq!(lost("Hi ((имя)) 😀 ((a??да))"), ['а', 'д', '😀']);
        assert!(lost("Zoe\u{308}, ŵ, €, “x” … ((a??b))").is_empty());
    }

    #[test]
    fn an_unfilled_message_shows_nothing_for_its_placeholders() {
        assert_eq!(
            message("Hi ((name)), ref ((ref))", &[], None).text(),
            "Hi , ref "
        );
        assert_eq!(message("((a??yes)) \u{F0000}", &[], None).text(), "?");
        assert_eq!(
            message("((a)) ((b))", &[("a", json!("x"))], None).text(),
            "x ((b))"
        );
    }

    #[test]
    fn a_prefix_is_trimmed_and_shown_unless_it_is_empty() {
        assert_eq!(message("x", &[], Some("  S ")).text(), "S: x");
        assert_eq!(message("x", &[], Some("")).text(), "x");
        assert_eq!(message("x", &[], Some("  ")).text(), ": x");
        assert_eq!(message("", &[], Some("S")).text(), "S:");
    }

    #[test]
    fn a_mark_is_found_even_where_the_usual_one_is_taken() {
        assert_eq!(mark_foreign_to("a\u{F0000}", "\u{F0001}"), '\u{F0002}');
    }

    #[test]
    fn missing_placeholders_are_named_as_the_template_spells_them() {
        let template = TextMessageTemplate::parse("((First Name)) ((b??x)) ((c))");
        let values: Values = [("c", json!("")), ("b", json!(null))].into_iter().collect();
        assert_eq!(template.missing(&values), ["First Name", "b"]);
    }

    proptest::proptest! {
        #[test]
        fn any_content_value_and_prefix_give_a_message_that_can_be_sent(
            content in "[(?)ab <&>;.\n\r\u{85}\u{200B}\u{F0000}ŵ€🐕]{0,40}",
            value in ".{0,20}",
            prefix in ".{0,10}",
        ) {
            let template = TextMessageTemplate::parse(&content);
            for values in [Values::new(), [("a", json!(value))].into_iter().collect()] {
                let sent = template.fill(&values, Some(&prefix));
                assert!(not_encodable(sent.text()).is_empty());
                assert!(sent.fragment_count() >= 1);
                assert!(sent.content_count_without_prefix() <= sent.content_count());
                template.preview(&values, Preview { prefix: Some(&prefix), ..Preview::default() });
                template.body_preview(&values);
            }
        }
    }
}

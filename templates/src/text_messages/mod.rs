//! Text messages: what is sent, what it counts, and how it is previewed (`docs/spec/templates.md` §5).

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

/// The most characters of a message, its prefix not counted.
pub const LIMIT: usize = 918;

/// A text message's template, parsed once and filled for each recipient.
#[derive(Debug, Clone)]
pub struct TextMessageTemplate {
    content: Text,
}

impl TextMessageTemplate {
    /// Takes the content of a template apart. Every text is one.
    pub fn parse(content: &str) -> Self {
        Self {
            content: Text::parse(content),
        }
    }

    /// The names for which it wants values, in order of first appearance.
    pub fn placeholders(&self) -> &NameSet {
        self.content.placeholders()
    }

    /// The placeholders that have no value, or null, spelt as in the template.
    pub fn missing(&self, values: &Values) -> Vec<String> {
        placeholders::missing(self.placeholders(), values)
    }

    /// The message for these values, exactly as it is sent. The prefix, usually a service's name, is shown if it is given
    /// and not empty.
    ///
    /// Without any values placeholders show nothing; with some, the others show themselves.
    pub fn fill(&self, values: &Values, prefix: Option<&str>) -> TextMessage {
        let prefix = prefix.filter(|prefix| !prefix.is_empty());
        let unsanitised = if values.is_empty() && !self.placeholders().is_empty() {
            self.unfilled(prefix)
        } else {
            normalise(&add_prefix(self.content.fill_plain(values), prefix))
        };
        TextMessage::new(&unsanitised, prefix)
    }

    /// The normalised content with nothing in place of its placeholders, but with the spaces around them.
    fn unfilled(&self, prefix: Option<&str>) -> String {
        let mark = mark_foreign_to(self.content.source(), prefix.unwrap_or_default());
        let marks: Values = self
            .placeholders()
            .iter()
            .map(|name| (name, mark.to_string().into()))
            .collect();
        normalise(&add_prefix(self.content.fill_plain(&marks), prefix)).replace(mark, "")
    }
}

/// Stops close to their words, words one space apart, at most one empty line in a row, nothing at the ends.
fn normalise(text: &str) -> String {
    let lines = normalise_lines(&remove_whitespace_before_punctuation(text));
    let lines = normalise_multiple_newlines(&lines);
    lines.trim_matches(is_any_space).to_owned()
}

/// A character that occurs in neither text, and is neither whitespace nor punctuation.
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

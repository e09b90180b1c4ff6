//! HTML previews of text messages (`docs/spec/templates.md` §5.5).

use super::{TextMessageTemplate, normalise_lines, normalise_multiple_newlines};
use crate::{
    links::autolink,
    placeholders::{Field, Values, effective_for_html},
    sanitise::{add_prefix, newlines_to_breaks},
    typography::remove_whitespace_before_punctuation,
};
use text::{html_escape::escape, is_any_space, sms};

/// Options of a preview.
#[derive(Debug, Clone, Copy)]
pub struct Preview<'text> {
    /// Prefix, if the service uses one.
    pub prefix: Option<&'text str>,
    /// Whether the names of missing placeholders are hidden.
    pub redact: bool,
    /// Whether characters that cannot be sent are replaced as they are when sending.
    pub downgrade_characters: bool,
}

impl Default for Preview<'_> {
    fn default() -> Self {
        Self {
            prefix: None,
            redact: false,
            downgrade_characters: true,
        }
    }
}

impl TextMessageTemplate {
    /// Renders the message as HTML: escaped, with line breaks and links, missing placeholders as spans.
    pub fn preview(&self, values: &Values, options: Preview<'_>) -> String {
        let filled = self.fill_html(values, Field::HTML.with_redaction(options.redact));
        let prefix = options.prefix.map(escape);
        let prefixed = add_prefix(filled, prefix.as_deref());
        let closed = remove_whitespace_before_punctuation(&prefixed);
        let encoded = if options.downgrade_characters {
            sms(&closed)
        } else {
            closed
        };
        // After the encoding, because replacements can be spaces.
        let lines = normalise_lines(&encoded);
        autolink(
            &newlines_to_breaks(&normalise_multiple_newlines(&lines)),
            "",
        )
    }

    /// Renders the message as HTML without a prefix and with plain line ends, hiding the names of missing
    /// placeholders.
    pub fn body_preview(&self, values: &Values) -> String {
        let filled = self.fill_html(values, Field::HTML.redacting());
        let lines = normalise_lines(&sms(&remove_whitespace_before_punctuation(&filled)));
        normalise_multiple_newlines(&lines)
            .trim_matches(is_any_space)
            .to_owned()
    }

    fn fill_html(&self, values: &Values, field: Field) -> String {
        self.content
            .fill(&effective_for_html(self.placeholders(), values), field)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_preview_escapes_links_and_breaks() {
        let template = TextMessageTemplate::parse("((name)) <b> ,\n\n\n see www.example.org.");
        let values = [("name", json!("“R & D”"))].into_iter().collect();
        assert_eq!(
            template.preview(
                &values,
                Preview {
                    prefix: Some(" <S> "),
                    ..Preview::default()
                }
            ),
            "&lt;S&gt;: \"R &amp; D\" &lt;b&gt;,<br><br>see \
             <a href=\"http://www.example.org\">www.example.org</a>."
        );
        let kept = template.preview(
            &values,
            Preview {
                downgrade_characters: false,
                ..Preview::default()
            },
        );
        assert!(kept.starts_with("“R &amp; D”"));
    }

    #[test]
    fn a_body_preview_hides_what_is_missing() {
        let template = TextMessageTemplate::parse("  ((name))  \n\n\n\n y ");
        assert_eq!(
            template.body_preview(&Values::new()),
            "<span class='placeholder-redacted'>hidden</span>\n\ny"
        );
    }
}

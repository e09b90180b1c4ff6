//! What people fill in is text, and stays text in the HTML of e-mails and letters (`templates.md` §7–§10).

use content::{
    emails::{Branding, EmailTemplate},
    letters::{Language, LetterTemplate},
    markdown,
    placeholders::Values,
};

/// All tags of the body of an e-mail: those of the renderer, and those that show a missing placeholder.
const EMAIL_TAGS: &[&str] = &[
    "p",
    "h2",
    "h3",
    "hr",
    "table",
    "tr",
    "td",
    "ol",
    "ul",
    "li",
    "div",
    "blockquote",
    "br",
    "a",
    "span",
];
/// The same of a letter, with its QR codes.
const LETTER_TAGS: &[&str] = &[
    "p", "h2", "div", "ul", "ol", "li", "br", "strong", "span", "svg", "path",
];

/// Renders any text, unescaped, in every medium.
pub(crate) fn promises_hold(text: &str) {
    markdown::to_email_html(text);
    markdown::to_plain_text(text);
    markdown::to_preheader(text);
    markdown::to_letter_html(text);
    markdown::find_too_large_qr_code(text);
}

/// Fills any template with any values, as an e-mail and as a letter; no tag of theirs is left.
pub(crate) fn people_write_no_tags(subject: &str, content: &str, values: &Values) {
    let email = EmailTemplate::parse(subject, content);
    let email = email
        .fill(values)
        .with_unsubscribe_link("https://example.org/u?x");
    email.plain_body();
    email.subject();
    only_these_tags_are_in(&email.html_subject(), &["span"]);
    only_these_tags_are_in(&email.html_body(), EMAIL_TAGS);
    email.html_page(&Branding::default());

    let letter = LetterTemplate::parse(subject, content)
        .with_contact_block(subject)
        .with_welsh(content, subject);
    for language in [Language::English, Language::Welsh] {
        let letter = letter.fill_in(language, values);
        only_these_tags_are_in(&letter.subject(), &["span"]);
        only_these_tags_are_in(&letter.html_body(), LETTER_TAGS);
        only_these_tags_are_in(&letter.contact_block(), &["span", "br"]);
        letter.qr_code_error();
        letter.address_lines();
    }
}

fn only_these_tags_are_in(html: &str, tags: &[&str]) {
    for (place, _) in html.match_indices('<') {
        let tag = html[place + 1..].trim_start_matches('/');
        let name = tag.find(|character: char| !character.is_ascii_alphanumeric());
        let name = &tag[..name.unwrap_or(tag.len())];
        assert!(tags.contains(&name), "{name:?} is a tag in {html:?}");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    /// Text of what Markdown and HTML are made of, in at most so many pieces.
    fn marks(most: usize) -> impl Strategy<Value = String> {
        let piece = r"[\[\]()<>!&;:/*\-•#^`~=|_0-9.\\ \t\n\ra-cé'\x22]|http://|\]: |\[\^a\]|<!--|-->|<b>|</a>|\n\n|qr:|&lt;|\(\(a\)\)|\(\(b\?\?";
        proptest::collection::vec(piece, 0..most).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn no_tag_of_a_value_or_of_a_template_is_left(
            subject in marks(10),
            content in marks(40),
            value in marks(20),
        ) {
            let values = [("a", json!(value)), ("b", json!([value, "yes"]))].into_iter().collect();
            super::people_write_no_tags(&subject, &content, &values);
            super::promises_hold(&value);
        }
    }
}

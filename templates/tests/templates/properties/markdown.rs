//! What people fill in is text, and stays text in the HTML of e-mails and letters (`docs/spec/templates.md` §7–§10).

use pillarbox_templates::{
    emails::{Branding, EmailTemplate},
    letters::{Language, LetterTemplate},
    markdown,
    placeholders::Values,
};
use text::{is_any_space, is_line_end};

/// The link at the foot of the e-mails.
const UNSUBSCRIBE_LINK: &str = "https://example.org/u?x";

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

/// Fills any e-mail with any values. Its plain text is text, whatever it was made of.
pub(crate) fn plain_text_is_text(subject: &str, content: &str, values: &Values) {
    markdown::to_plain_text(content);
    let email = EmailTemplate::parse(subject, content);
    let email = email.fill(values).with_unsubscribe_link(UNSUBSCRIBE_LINK);
    let body = email.plain_body();
    assert!(body.ends_with('\n'));
    assert!(!body.starts_with(is_any_space) || body == "\n", "{body:?}");
    // What stands in the content may take the link into it, as an HTML comment does, or a link without its end.
    if !content.contains(['<', '[', '`', '~']) && values.is_empty() {
        assert!(body.contains(UNSUBSCRIBE_LINK), "{body:?}");
    }
    assert!(!email.subject().contains(is_line_end));
    email.is_message_empty();
    assert_eq!(email.size_bytes(), email.content().len());
}

/// Fills any e-mail with any values; no tag of theirs is in its HTML, and those that are there are closed in turn.
pub(crate) fn people_write_no_tags_in_emails(subject: &str, content: &str, values: &Values) {
    markdown::to_email_html(content);
    markdown::to_preheader(content);
    let template = EmailTemplate::parse(subject, content);
    let email = template
        .fill(values)
        .with_unsubscribe_link(UNSUBSCRIBE_LINK);
    let body = email.html_body();
    only_these_tags_are_in(&email.html_subject(), &["span"]);
    only_these_tags_are_in(&body, EMAIL_TAGS);
    let preheader = email.preheader();
    // The mark of a missing placeholder may be cut in two at its end; the page leaves such a tag out.
    let whole_tags = preheader.rfind('>').map_or(0, |end| end + 1);
    only_these_tags_are_in(&preheader[..whole_tags], &["span"]);
    // The name of a missing placeholder may hold an empty line, and end a paragraph within its mark, or begin where the
    // definition of a link does and leave only the mark's end.
    if template.missing(values).is_empty() && !has_marks(&body) {
        tags_are_closed_in_turn(&body);
    }
    assert!(email.html_page(&Branding::default()).contains(&body));
}

/// Fills any letter with any values, in both languages; no tag of theirs is in it.
pub(crate) fn people_write_no_tags_in_letters(subject: &str, content: &str, values: &Values) {
    markdown::to_letter_html(content);
    markdown::find_too_large_qr_code(content);
    let template = LetterTemplate::parse(subject, content)
        .with_contact_block(subject)
        .with_welsh(content, subject);
    for language in [Language::English, Language::Welsh] {
        let letter = template.fill_in(language, values);
        let body = letter.html_body();
        only_these_tags_are_in(&letter.subject(), &["span"]);
        only_these_tags_are_in(&body, LETTER_TAGS);
        only_these_tags_are_in(&letter.contact_block(), &["span", "br"]);
        if letter.missing().is_empty() && !has_marks(&body) {
            tags_are_closed_in_turn(&body);
        }
        letter.qr_code_error();
        letter.address_lines();
    }
}

/// The marks of missing placeholders, as much of them as is left.
fn has_marks(html: &str) -> bool {
    html.contains("<span") || html.contains("</span")
}

fn only_these_tags_are_in(html: &str, tags: &[&str]) {
    for (place, _) in html.match_indices('<') {
        let tag = html[place + 1..].trim_start_matches('/');
        let name = tag.find(|character: char| !character.is_ascii_alphanumeric());
        let name = &tag[..name.unwrap_or(tag.len())];
        assert!(tags.contains(&name), "{name:?} is a tag in {html:?}");
    }
}

/// Each tag that is opened is closed, the last one first; `<hr>`, `<br>` and what ends in `/>` need no closing.
fn tags_are_closed_in_turn(html: &str) {
    let mut open = Vec::new();
    for (place, _) in html.match_indices('<') {
        let tag = &html[place + 1..];
        let tag = &tag[..tag.find('>').expect("a tag has an end")];
        let name = tag.split(' ').next().unwrap_or_default();
        match name.strip_prefix('/') {
            Some(closed) => assert_eq!(open.pop(), Some(closed), "in {html:?}"),
            None if matches!(name, "hr" | "br") || tag.ends_with('/') => {}
            None => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?} stay open in {html:?}");
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
            super::plain_text_is_text(&subject, &content, &values);
            super::people_write_no_tags_in_emails(&subject, &content, &values);
            super::people_write_no_tags_in_letters(&subject, &content, &values);
        }
    }

    /// Found by fuzzing; the reference says the same.
    #[test]
    fn the_mark_of_a_placeholder_may_lose_its_beginning_to_the_definition_of_a_link() {
        let content = "[P(( - 7\n :Pay[a]: b5\n       -   - 7\n            - 7Me&#41;&#41;";
        let values = super::Values::default();
        super::people_write_no_tags_in_emails("", content, &values);
        let email = super::EmailTemplate::parse("", content);
        let body = email.fill(&values).html_body();
        assert!(
            body.contains("</span>") && !body.contains("<span"),
            "{body}"
        );
    }
}

//! The Markdown dialect of messages (`templates.md` §7 and §8).

/// A body as HTML for e-mail (§8.1).
pub fn to_email_html(text: &str) -> String {
    crate::html_escape::escape(text).into_owned()
}

/// A body as plain text (§8.2).
pub fn to_plain_text(text: &str) -> String {
    text.to_owned()
}

/// A body as a mail program shows it beside the subject (§8.3).
pub fn to_preheader(text: &str) -> String {
    text.to_owned()
}

/// A body as HTML for letters (§8.4).
pub fn to_letter_html(text: &str) -> String {
    text.to_owned()
}

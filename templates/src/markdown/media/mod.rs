//! What each thing in a document looks like (`docs/spec/templates.md` §8).

mod email_html;
mod letter_html;
mod plain_text;
mod preheader;

use std::borrow::Cow;

pub(super) use email_html::EmailHtml;
pub(super) use letter_html::LetterHtml;
pub use letter_html::QrCodeTooLarge;
pub(super) use plain_text::PlainText;
pub(super) use preheader::Preheader;

/// A link to be written. The address is as it was typed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link<'text> {
    pub(super) address: &'text str,
    pub(super) title: Option<&'text str>,
}

/// An address that is its own text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Autolink<'text> {
    pub(super) address: &'text str,
    pub(super) is_email: bool,
}

/// Writes things at the end of a text. What has a text inside is opened and closed around it.
pub(super) trait Medium {
    /// Whether headings of this level are more than paragraphs.
    fn has_heading(level: u8) -> bool;

    fn open_heading(&mut self, out: &mut String, level: u8);
    fn close_heading(&mut self, out: &mut String, level: u8);

    fn open_paragraph(&mut self, out: &mut String);
    /// The text begins at `text_start`; it is not blank.
    fn close_paragraph(&mut self, out: &mut String, text_start: usize);

    fn rule(&mut self, out: &mut String);
    fn line_break(&mut self, out: &mut String);

    fn open_list(&mut self, out: &mut String, is_ordered: bool);
    fn close_list(&mut self, out: &mut String, is_ordered: bool);
    /// An item of an ordered list has a number.
    fn open_item(&mut self, out: &mut String, number: Option<usize>);
    fn close_item(&mut self, out: &mut String);

    fn open_quotation(&mut self, out: &mut String);
    fn close_quotation(&mut self, out: &mut String);

    fn open_link(&mut self, out: &mut String);
    /// The text of the link begins at `text_start`.
    fn close_link(&mut self, out: &mut String, link: Link<'_>, text_start: usize);

    fn autolink(&mut self, out: &mut String, link: Autolink<'_>);
}

/// An address whose angle brackets were taken for those around a link, although they belong to the span of a missing
/// placeholder, gets them back.
fn with_span_restored(address: &str) -> Cow<'_, str> {
    if address.starts_with("span class='placeholder") && address.ends_with("</span") {
        Cow::Owned(format!("<{address}>"))
    } else {
        Cow::Borrowed(address)
    }
}

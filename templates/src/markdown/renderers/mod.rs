//! Output formats of Markdown elements (`docs/spec/templates.md` §8).

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

/// A link whose text is given separately. The address is as typed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link<'text> {
    pub(super) address: &'text str,
    pub(super) title: Option<&'text str>,
}

/// A link whose text is its address.
#[derive(Debug, Clone, Copy)]
pub(super) struct Autolink<'text> {
    pub(super) address: &'text str,
    pub(super) is_email: bool,
}

/// Writes elements at the end of the output. Elements that contain text have an opening and a closing method.
pub(super) trait Renderer {
    /// Returns whether headings of this level differ from paragraphs.
    fn has_heading(level: u8) -> bool;

    fn open_heading(&mut self, out: &mut String, level: u8);
    fn close_heading(&mut self, out: &mut String, level: u8);

    fn open_paragraph(&mut self, out: &mut String);
    /// Closes the paragraph whose text begins at `text_start` of the output and is not blank.
    fn close_paragraph(&mut self, out: &mut String, text_start: usize);

    fn rule(&mut self, out: &mut String);
    fn line_break(&mut self, out: &mut String);

    fn open_list(&mut self, out: &mut String, is_ordered: bool);
    fn close_list(&mut self, out: &mut String, is_ordered: bool);
    /// Opens a list item; only items of ordered lists have a number.
    fn open_item(&mut self, out: &mut String, number: Option<usize>);
    fn close_item(&mut self, out: &mut String);

    fn open_quotation(&mut self, out: &mut String);
    fn close_quotation(&mut self, out: &mut String);

    fn open_link(&mut self, out: &mut String);
    /// Closes the link whose text begins at `text_start` of the output.
    fn close_link(&mut self, out: &mut String, link: Link<'_>, text_start: usize);

    fn autolink(&mut self, out: &mut String, link: Autolink<'_>);
}

/// Restores the angle brackets of the `<span>` of a missing placeholder, which the parser consumed as those around a
/// link address.
fn with_span_restored(address: &str) -> Cow<'_, str> {
    if address.starts_with("span class='placeholder") && address.ends_with("</span") {
        Cow::Owned(format!("<{address}>"))
    } else {
        Cow::Borrowed(address)
    }
}

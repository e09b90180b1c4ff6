//! The Markdown dialect of messages: many lists, `^` quotations, no emphasis (`templates.md` §7 and §8).
//!
//! A text is prepared, its [`blocks`] are found from the top down, and the text in them is read [`inline`]; a
//! [`Medium`](media::Medium) says what each thing looks like. Nothing is kept in a tree: what is found is written at once.
//! Only a text that seems to define links or footnotes is gone through twice, first to collect what it defines.
//!
//! Lists and quotations go six levels deep, by the rules; link texts inside link texts thirty-two, which is ours (the
//! rules know no end). Within that, every text takes time in proportion to its length: where the rules ask for the same
//! thing again and again further on in a text ("is there an end to this?"), the answer is remembered.

mod ahead;
mod blocks;
mod definitions;
mod inline;
mod lines;
mod media;
mod preparation;
mod tags;
mod writer;

pub use media::QrCodeTooLarge;

use media::{EmailHtml, LetterHtml, Medium, PlainText, Preheader};
use writer::Writer;

/// A body as HTML for e-mail (§8.1).
pub fn to_email_html(text: &str) -> String {
    render(text, EmailHtml).0
}

/// A body as plain text (§8.2). Nothing is unescaped: what Markdown escapes stays so.
pub fn to_plain_text(text: &str) -> String {
    render(text, PlainText).0
}

/// A body as a mail program shows it beside the subject (§8.3).
pub fn to_preheader(text: &str) -> String {
    render(text, Preheader).0
}

/// A body as HTML for letters, QR codes drawn (§8.4, §10.3). The hyphens of QR codes are protected: see
/// [`crate::typography::restore_hyphens`].
pub fn to_letter_html(text: &str) -> String {
    render(text, LetterHtml::drawing()).0
}

/// The first QR code of a letter's body that has too much data to be read from paper (§10.3).
pub fn find_too_large_qr_code(text: &str) -> Option<QrCodeTooLarge> {
    render(text, LetterHtml::checking()).1.into_too_large()
}

fn render<M: Medium>(text: &str, medium: M) -> (String, M) {
    Writer::new(medium).write_document(&preparation::prepare(text))
}

//! The Markdown dialect of messages: many lists, `^` quotations, no emphasis (`docs/spec/templates.md` §7 and §8).
//!
//! A text is prepared, its `blocks` are found from the top down, and the text in them is read `inline`; a `Medium` of
//! `media` says what each thing looks like. Nothing is kept in a tree: what is found is written at once.
//! Only a text that seems to define links or footnotes is gone through twice, first to collect what it defines.
//!
//! Lists and quotations go six levels deep, by the rules; link texts inside link texts ten, which is ours (the
//! rules know no end). Within that, every text takes time in proportion to its length: where the rules ask for the same
//! thing again and again further on in a text ("is there an end to this?"), the answer is remembered.

mod ahead;
mod blocks;
mod definitions;
mod inline;
mod keys;
mod lines;
mod media;
mod preparation;
mod tags;
mod writer;

pub use media::QrCodeTooLarge;

use media::{EmailHtml, LetterHtml, Medium, PlainText, Preheader};
use writer::Writer;

/// A body as HTML for e-mail (`docs/spec/templates.md` §8.1).
pub fn to_email_html(text: &str) -> String {
    render(text, EmailHtml).0
}

/// A body as plain text (`docs/spec/templates.md` §8.2). Nothing is unescaped: what Markdown escapes stays so.
pub fn to_plain_text(text: &str) -> String {
    render(text, PlainText).0
}

/// A body as a mail program shows it beside the subject (`docs/spec/templates.md` §8.3).
pub fn to_preheader(text: &str) -> String {
    render(text, Preheader).0
}

/// A body as HTML for letters, QR codes drawn (`docs/spec/templates.md` §8.4, §10.3). The hyphens of QR codes are
/// protected: see [`crate::typography::restore_hyphens`].
pub fn to_letter_html(text: &str) -> String {
    render(text, LetterHtml::drawing()).0
}

/// The first QR code of a letter's body that has too much data to be read from paper (`docs/spec/templates.md` §10.3).
pub fn find_too_large_qr_code(text: &str) -> Option<QrCodeTooLarge> {
    render(text, LetterHtml::checking()).1.into_too_large()
}

fn render<M: Medium>(text: &str, medium: M) -> (String, M) {
    Writer::new(medium).write_document(&preparation::prepare(text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Without the inline styles, which are a matter of taste.
    fn bare(html: &str) -> String {
        let mut bare = String::new();
        let mut rest = html;
        while let Some((before, style)) = rest.split_once(" style=\"") {
            bare.push_str(before);
            rest = style.split_once('"').expect("the end of a style").1;
        }
        bare + rest
    }

    #[test]
    fn each_medium_shows_the_same_things_in_its_own_way() {
        let text = "# Title\n\nSee [this](example.org \"t\"), https://a.example.\n\n1. one\n2. two\n\n^ quoted\n\n***";
        assert_eq!(
            bare(&to_email_html(text)),
            "<h2>Title</h2><p>See <a href=\"http://example.org\" title=\"t\">this</a>, \
             <a href=\"https://a.example\">https://a.example</a>.</p>\
             <table role=\"presentation\"><tr><td><ol><li>one</li><li>two</li></ol></td></tr></table>\
             <div><blockquote><p>quoted</p></blockquote></div><hr>"
        );
        assert_eq!(
            to_preheader(text),
            "\n\nTitle\n\nSee this (t), https://a.example.\n\n1. one\n2. two\n\nquoted"
        );
        assert_eq!(
            to_letter_html(text),
            "<h2>Title</h2>\n<p>See [this](example.org \"t\"), \
             <strong data-original-protocol='https://'>a.example</strong>.</p>\
             <ol>\n<li>one</li>\n<li>two</li>\n</ol>\n<p>quoted</p><div class=\"page-break\">&nbsp;</div>"
        );
    }

    #[test]
    fn lists_need_no_space_after_their_bullets() {
        assert_eq!(to_plain_text("*emphasis*"), "\n\n• emphasis*");
        assert_eq!(to_plain_text("text\n*not*"), "\n\ntext\n*not*");
    }

    #[test]
    fn definitions_hold_before_and_after_them_and_footnotes_come_last() {
        let text = "[a][K] b[^n] [k]\n\n[^n]: note\n\n[k]: u\n\nend[^n]";
        assert_eq!(to_plain_text(text), "\n\na: u b k: u\n\nend[^n]\n\nnote");
    }

    #[test]
    fn what_repeats_without_an_end_takes_time_in_proportion() {
        for piece in [
            "[",
            "]",
            "[](",
            "[a](<",
            "[a](b \"",
            "<",
            "<a b=",
            "<div>\n\n",
            "<!--\n\n",
            "<a@",
            "* ",
            "^",
            "*\n\n",
            "[a\n",
            "[^a\n",
            "```\n",
            "~",
            " ",
            "a   \n",
            "http://",
            "&a",
            "_",
            "# ",
            "a\n=\n",
            "1.",
            "(",
            "[a]: b\n",
        ] {
            let text = piece.repeat(40_000);
            to_plain_text(&text);
            to_plain_text(&format!("[k]: u\n\n[^k]: n\n\n{text}]"));
        }
    }

    #[test]
    fn link_texts_within_link_texts_are_read_to_a_depth() {
        let nested = |depth: usize| format!("{}x{}", "[".repeat(depth), "](u)".repeat(depth));
        assert_eq!(to_plain_text(&nested(2)), "\n\nx: u: u");
        assert!(to_plain_text(&nested(100_000)).ends_with(&": u".repeat(10)));
    }

    proptest! {
        #[test]
        fn any_text_gives_an_answer(
            text in r"([\[\]()<>!&;:/*\-•#^`~=|_0-9.\\ \t\n\r\u{2424}a-cé'\x22]|http://|\]: |\[\^a\]|<!--|-->|</a>|\n\n|qr:){0,60}"
        ) {
            to_email_html(&text);
            to_plain_text(&text);
            to_preheader(&text);
            to_letter_html(&text);
            find_too_large_qr_code(&text);
        }
    }
}

//! The Markdown dialect of messages: lenient lists, `^` quotations, no emphasis (`docs/spec/templates.md` §7 and §8).
//!
//! A text is preprocessed, split into `blocks` from the top down, and the text inside them is parsed by `inline`. A
//! `Renderer` writes each element as soon as it is found; there is no syntax tree. Only a text that may define links
//! or footnotes is processed twice, first to collect the definitions.
//!
//! Lists and quotations nest up to six levels, which is part of the dialect; link texts in link texts nest up to ten,
//! which is our own limit. Every text takes time proportional to its length: a question that would be asked again for
//! many positions ("where is the next closing bracket?") is answered from a cache.

mod blocks;
mod definitions;
mod dropped;
mod inline;
mod keys;
mod lines;
mod preprocess;
mod renderers;
mod search_cache;
mod tags;
mod writer;

pub use dropped::Dropped;
pub use renderers::QrCodeTooLarge;

use renderers::{EmailHtml, LetterHtml, PlainText, Preheader, Renderer};
use writer::Writer;

/// Renders a body as HTML for e-mail (`docs/spec/templates.md` §8.1).
pub fn to_email_html(text: &str) -> String {
    render(text, EmailHtml).0
}

/// Renders a body as plain text (`docs/spec/templates.md` §8.2). HTML references in the text are not decoded.
pub fn to_plain_text(text: &str) -> String {
    render(text, PlainText).0
}

/// Renders a body as the text that e-mail clients show beside the subject (`docs/spec/templates.md` §8.3).
pub fn to_preheader(text: &str) -> String {
    render(text, Preheader).0
}

/// Renders a body as HTML for letters, with QR codes drawn (`docs/spec/templates.md` §8.4, §10.3). Hyphens in QR
/// codes are protected; see [`crate::typography::restore_hyphens`].
pub fn to_letter_html(text: &str) -> String {
    render(text, LetterHtml::drawing()).0
}

/// Returns the first QR code of a letter body whose data is too large (`docs/spec/templates.md` §10.3).
pub fn find_too_large_qr_code(text: &str) -> Option<QrCodeTooLarge> {
    render(text, LetterHtml::checking()).1.into_too_large()
}

/// Returns which constructs of a body render as nothing, such as tables.
pub fn find_dropped(text: &str) -> Dropped {
    if !dropped::may_vanish(text) {
        return Dropped::default();
    }
    Writer::new(PlainText).find_dropped(&preprocess::preprocess(text))
}

/// Returns whether a body that is not blank renders as nothing, because it has only constructs that are dropped.
pub fn vanishes(text: &str) -> bool {
    dropped::may_vanish(text)
        && to_plain_text(text)
            .trim_matches(text::is_any_space)
            .is_empty()
}

fn render<R: Renderer>(text: &str, renderer: R) -> (String, R) {
    Writer::new(renderer).write_document(&preprocess::preprocess(text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Removes inline styles, which the tests do not fix.
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
    fn each_renderer_formats_the_same_document() {
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

    /// How the time grows is measured by the fuzz targets; here a result that grows faster than its text would show.
    #[test]
    fn output_is_bounded_for_texts_that_repeat_an_opening() {
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
            let text = piece.repeat(2_000);
            let with_definitions = format!("[k]: u\n\n[^k]: n\n\n{text}]");
            for text in [text, with_definitions] {
                // A rule is the longest thing that one line of two bytes can stand for.
                assert!(to_plain_text(&text).len() <= 70 * text.len(), "{piece:?}");
            }
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
        fn preprocessed_text_renders_the_same(
            text in r"([\[\]()<>!&;:/*\-•#^`~=|_0-9.\\ \t\n\r\u{2424}a-cé'\x22]|http://|\]: |\[\^a\]|<!--|-->|</a>|\n\n|qr:){0,60}"
        ) {
            let preprocessed = preprocess::preprocess(&text);
            for render in [to_email_html, to_plain_text, to_preheader, to_letter_html] {
                prop_assert_eq!(render(&preprocessed), render(&text));
            }
            prop_assert_eq!(find_too_large_qr_code(&text), None);
            prop_assert!(!vanishes(&text) || to_plain_text(&text).trim().is_empty());
        }
    }
}

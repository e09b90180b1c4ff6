//! Text that e-mail clients show beside the subject (`docs/spec/templates.md` §8.3): plain text without decoration.

use super::{Autolink, Link, PlainText, Renderer, plain_text::write_title};

#[derive(Debug)]
pub(in crate::markdown) struct Preheader;

impl Renderer for Preheader {
    fn has_heading(_: u8) -> bool {
        false
    }

    fn open_heading(&mut self, _: &mut String, _: u8) {}

    fn close_heading(&mut self, _: &mut String, _: u8) {}

    fn open_paragraph(&mut self, out: &mut String) {
        PlainText.open_paragraph(out);
    }

    fn close_paragraph(&mut self, _: &mut String, _: usize) {}

    fn rule(&mut self, _: &mut String) {}

    fn line_break(&mut self, out: &mut String) {
        PlainText.line_break(out);
    }

    fn open_list(&mut self, out: &mut String, is_ordered: bool) {
        PlainText.open_list(out, is_ordered);
    }

    fn close_list(&mut self, _: &mut String, _: bool) {}

    fn open_item(&mut self, out: &mut String, number: Option<usize>) {
        PlainText.open_item(out, number);
    }

    fn close_item(&mut self, _: &mut String) {}

    fn open_quotation(&mut self, _: &mut String) {}

    fn close_quotation(&mut self, _: &mut String) {}

    fn open_link(&mut self, _: &mut String) {}

    fn close_link(&mut self, out: &mut String, link: Link<'_>, _: usize) {
        write_title(out, link);
    }

    fn autolink(&mut self, out: &mut String, link: Autolink<'_>) {
        PlainText.autolink(out, link);
    }
}

//! Plain text (`docs/spec/templates.md` §8.2).

use std::fmt::Write;

use super::{Autolink, Link, Renderer};

/// 65 characters, the usual width of a line of plain text.
const RULE: &str = "=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=-=";
const DOUBLE_LINE: &str = "=================================================================";
const SINGLE_LINE: &str = "-----------------------------------------------------------------";

#[derive(Debug)]
pub(in crate::markdown) struct PlainText;

impl Renderer for PlainText {
    fn has_heading(level: u8) -> bool {
        level <= 2
    }

    fn open_heading(&mut self, out: &mut String, _: u8) {
        out.push_str("\n\n\n");
    }

    fn close_heading(&mut self, out: &mut String, level: u8) {
        out.push('\n');
        out.push_str(if level == 1 { DOUBLE_LINE } else { SINGLE_LINE });
    }

    fn open_paragraph(&mut self, out: &mut String) {
        out.push_str("\n\n");
    }

    fn close_paragraph(&mut self, _: &mut String, _: usize) {}

    fn rule(&mut self, out: &mut String) {
        self.open_paragraph(out);
        out.push_str(RULE);
    }

    fn line_break(&mut self, out: &mut String) {
        out.push('\n');
    }

    fn open_list(&mut self, out: &mut String, _: bool) {
        out.push('\n');
    }

    fn close_list(&mut self, _: &mut String, _: bool) {}

    fn open_item(&mut self, out: &mut String, number: Option<usize>) {
        match number {
            Some(number) => {
                write!(out, "\n{number}. ").expect("a String takes all that is written");
            }
            None => out.push_str("\n• "),
        }
    }

    fn close_item(&mut self, _: &mut String) {}

    fn open_quotation(&mut self, _: &mut String) {}

    fn close_quotation(&mut self, _: &mut String) {}

    fn open_link(&mut self, _: &mut String) {}

    fn close_link(&mut self, out: &mut String, link: Link<'_>, _: usize) {
        write_title(out, link);
        out.extend([": ", link.address]);
    }

    fn autolink(&mut self, out: &mut String, link: Autolink<'_>) {
        out.push_str(link.address);
    }
}

pub(super) fn write_title(out: &mut String, link: Link<'_>) {
    if let Some(title) = link.title {
        out.extend([" (", title, ")"]);
    }
}

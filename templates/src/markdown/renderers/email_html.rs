//! HTML for e-mail (`docs/spec/templates.md` §8.1). E-mail clients need inline styles on each element. The style of a
//! paragraph is part of the public contract because previews return it (`docs/spec/public-api.md` §18). `Margin` is
//! capitalised so that a client which drops the lower-case property keeps it.

use super::{Autolink, Link, Renderer, with_span_restored};
use crate::links::Anchor;

const PARAGRAPH: &str =
    "<p style=\"Margin: 0 0 20px 0; font-size: 19px; line-height: 25px; color: #0B0C0C;\">";
const HEADING_1: &str = "<h2 style=\"Margin: 30px 0 15px 0; font-size: 27px; line-height: 35px; font-weight: bold; color: #0B0C0C;\">";
const HEADING_2: &str = "<h3 style=\"Margin: 25px 0 10px 0; font-size: 21px; line-height: 27px; font-weight: bold; color: #0B0C0C;\">";
const RULE: &str =
    "<hr style=\"border: 0; height: 1px; background: #B1B4B6; Margin: 30px 0 30px 0;\">";
const TABLE: &str = "<table role=\"presentation\" style=\"padding: 0 0 20px 0;\"><tr>\
                     <td style=\"font-family: Helvetica, Arial, sans-serif;\">";
const ORDERED_LIST: &str =
    "<ol style=\"Margin: 0 0 0 20px; padding: 0; list-style-type: decimal;\">";
const UNORDERED_LIST: &str =
    "<ul style=\"Margin: 0 0 0 20px; padding: 0; list-style-type: disc;\">";
const ITEM: &str = "<li style=\"Margin: 5px 0 5px; padding: 0 0 0 5px; font-size: 19px; line-height: 25px; color: #0B0C0C;\">";
const QUOTATION: &str = "<div style=\"Margin: 0 0 20px 0;\">\
                         <blockquote style=\"margin: 0; padding: 15px 0 1px 15px; border-left: 10px solid #b1b4b6;\">";
const LINK_STYLE: &str = "word-wrap: break-word; color: #1D70B8;";

#[derive(Debug)]
pub(in crate::markdown) struct EmailHtml;

impl Renderer for EmailHtml {
    fn has_heading(level: u8) -> bool {
        level <= 2
    }

    fn open_heading(&mut self, out: &mut String, level: u8) {
        out.push_str(if level == 1 { HEADING_1 } else { HEADING_2 });
    }

    fn close_heading(&mut self, out: &mut String, level: u8) {
        out.push_str(if level == 1 { "</h2>" } else { "</h3>" });
    }

    fn open_paragraph(&mut self, out: &mut String) {
        out.push_str(PARAGRAPH);
    }

    fn close_paragraph(&mut self, out: &mut String, _: usize) {
        out.push_str("</p>");
    }

    fn rule(&mut self, out: &mut String) {
        out.push_str(RULE);
    }

    fn line_break(&mut self, out: &mut String) {
        out.push_str("<br>");
    }

    fn open_list(&mut self, out: &mut String, is_ordered: bool) {
        out.push_str(TABLE);
        out.push_str(if is_ordered {
            ORDERED_LIST
        } else {
            UNORDERED_LIST
        });
    }

    fn close_list(&mut self, out: &mut String, is_ordered: bool) {
        out.push_str(if is_ordered { "</ol>" } else { "</ul>" });
        out.push_str("</td></tr></table>");
    }

    fn open_item(&mut self, out: &mut String, _: Option<usize>) {
        out.push_str(ITEM);
    }

    fn close_item(&mut self, out: &mut String) {
        out.push_str("</li>");
    }

    fn open_quotation(&mut self, out: &mut String) {
        out.push_str(QUOTATION);
    }

    fn close_quotation(&mut self, out: &mut String) {
        out.push_str("</blockquote></div>");
    }

    fn open_link(&mut self, _: &mut String) {}

    fn close_link(&mut self, out: &mut String, link: Link<'_>, text_start: usize) {
        let text = out.split_off(text_start);
        let anchor = Anchor {
            address: &with_span_restored(link.address),
            style: LINK_STYLE,
            title: link.title.unwrap_or_default(),
            text: &text,
            ..Anchor::default()
        };
        out.push_str(&anchor.to_html());
    }

    fn autolink(&mut self, out: &mut String, link: Autolink<'_>) {
        if link.is_email {
            out.push_str(link.address);
            return;
        }
        let anchor = Anchor {
            address: link.address,
            style: LINK_STYLE,
            ..Anchor::default()
        };
        out.push_str(&anchor.to_html());
    }
}

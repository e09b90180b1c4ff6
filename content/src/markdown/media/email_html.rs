//! HTML for e-mail (`templates.md` §8.1). Mail programs need styles on each element; colours are left to the page, so
//! that mail programs can turn them in dark mode.

use super::{Autolink, Link, Medium, with_span_restored};
use crate::links::Anchor;

const PARAGRAPH: &str = "<p style=\"margin: 0 0 20px; font-size: 19px; line-height: 1.4;\">";
const HEADING_1: &str =
    "<h2 style=\"margin: 30px 0 15px; font-size: 27px; line-height: 1.25; font-weight: bold;\">";
const HEADING_2: &str =
    "<h3 style=\"margin: 25px 0 10px; font-size: 21px; line-height: 1.3; font-weight: bold;\">";
const RULE: &str = "<hr style=\"height: 1px; margin: 30px 0; border: 0; background: #b1b4b6;\">";
const TABLE: &str = "<table role=\"presentation\" style=\"margin: 0 0 20px; padding: 0;\"><tr>\
                     <td style=\"font-family: Helvetica, Arial, sans-serif;\">";
const ORDERED_LIST: &str =
    "<ol style=\"margin: 0 0 0 20px; padding: 0; list-style-type: decimal;\">";
const UNORDERED_LIST: &str =
    "<ul style=\"margin: 0 0 0 20px; padding: 0; list-style-type: disc;\">";
const ITEM: &str =
    "<li style=\"margin: 5px 0; padding: 0 0 0 5px; font-size: 19px; line-height: 1.4;\">";
const QUOTATION: &str = "<div style=\"margin: 0 0 20px;\">\
                         <blockquote style=\"margin: 0; padding: 15px 0 1px 15px; border-left: 10px solid #b1b4b6;\">";
const LINK_STYLE: &str = "color: #1d70b8; text-decoration: underline; word-wrap: break-word;";

#[derive(Debug)]
pub(in crate::markdown) struct EmailHtml;

impl Medium for EmailHtml {
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

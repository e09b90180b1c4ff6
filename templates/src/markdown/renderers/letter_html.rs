//! HTML for letters (`docs/spec/templates.md` §8.4), including QR codes (`docs/spec/templates.md` §10.3).

use std::ops::Range;

use super::{Autolink, Link, Renderer, with_span_restored};
use crate::{qr_codes, typography::protect_hyphens};
use text::{html_escape::decode_strict, is_any_space};

/// The maximum size of the data of a QR code, in bytes of UTF-8.
const QR_CODE_LIMIT_BYTES: usize = 504;

const PROTECTED_START: &str = "<strong data-original-protocol='";

/// A QR code whose data is too large to be scanned from paper.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Too much data for QR code (num_bytes={}, max_bytes={})", self.size_bytes(), Self::LIMIT_BYTES)]
pub struct QrCodeTooLarge {
    /// The data as HTML, which is what the limit applies to: `&amp;` counts five bytes.
    pub data: String,
}

impl QrCodeTooLarge {
    /// The maximum size in bytes.
    pub const LIMIT_BYTES: usize = QR_CODE_LIMIT_BYTES;

    /// Returns the size of the data in bytes.
    pub fn size_bytes(&self) -> usize {
        self.data.len()
    }
}

#[derive(Debug)]
pub(in crate::markdown) struct LetterHtml {
    draws_qr_codes: bool,
    too_large: Option<QrCodeTooLarge>,
}

impl LetterHtml {
    /// Renders for printing, with QR codes drawn.
    pub(in crate::markdown) fn drawing() -> Self {
        Self {
            draws_qr_codes: true,
            too_large: None,
        }
    }

    /// Only searches for QR codes that are too large; the rendered text is meaningless.
    pub(in crate::markdown) fn checking() -> Self {
        Self {
            draws_qr_codes: false,
            too_large: None,
        }
    }

    pub(in crate::markdown) fn into_too_large(self) -> Option<QrCodeTooLarge> {
        self.too_large
    }

    fn qr_code(&mut self, data: String) -> String {
        if !self.draws_qr_codes {
            // Without drawing, only the size check of the spec runs; its error names the first code that is too large.
            if data.len() > QR_CODE_LIMIT_BYTES && self.too_large.is_none() {
                self.too_large = Some(QrCodeTooLarge { data });
            }
            return String::new();
        }
        // A preview without values: a code would hold the markup of the placeholder, so the placeholder itself is
        // shown.
        if data.contains("<span class='placeholder") || data.contains("<span class=\"placeholder") {
            return protect_hyphens(&placeholder_box(&data));
        }
        // Data that exceeds the largest symbol gives an empty one: such a letter fails the size check first and is
        // not sent.
        let svg = qr_codes::QrCode::encode(&decode_strict(&data))
            .map(|code| code.svg())
            .unwrap_or_default();
        format!("<div class='qrcode'>{}</div>", protect_hyphens(&svg))
    }
}

impl Renderer for LetterHtml {
    fn has_heading(level: u8) -> bool {
        level == 1
    }

    fn open_heading(&mut self, out: &mut String, _: u8) {
        out.push_str("<h2>");
    }

    fn close_heading(&mut self, out: &mut String, _: u8) {
        out.push_str("</h2>\n");
    }

    fn open_paragraph(&mut self, out: &mut String) {
        out.push_str("<p>");
    }

    fn close_paragraph(&mut self, out: &mut String, text_start: usize) {
        if let Some(data) = qr_code_data(&out[text_start..]) {
            out.truncate(text_start);
            out.push_str(&self.qr_code(data));
        }
        out.push_str("</p>");
    }

    fn rule(&mut self, out: &mut String) {
        out.push_str("<div class=\"page-break\">&nbsp;</div>");
    }

    fn line_break(&mut self, out: &mut String) {
        out.push_str("<br>");
    }

    fn open_list(&mut self, out: &mut String, is_ordered: bool) {
        out.push_str(if is_ordered { "<ol>\n" } else { "<ul>\n" });
    }

    fn close_list(&mut self, out: &mut String, is_ordered: bool) {
        out.push_str(if is_ordered { "</ol>\n" } else { "</ul>\n" });
    }

    fn open_item(&mut self, out: &mut String, _: Option<usize>) {
        out.push_str("<li>");
    }

    fn close_item(&mut self, out: &mut String) {
        out.push_str("</li>\n");
    }

    fn open_quotation(&mut self, _: &mut String) {}

    fn close_quotation(&mut self, _: &mut String) {}

    fn open_link(&mut self, out: &mut String) {
        out.push('[');
    }

    fn close_link(&mut self, out: &mut String, link: Link<'_>, _: usize) {
        out.extend(["](", &with_span_restored(link.address)]);
        if let Some(title) = link.title {
            out.extend([" \"", title, "\""]);
        }
        out.push(')');
    }

    fn autolink(&mut self, out: &mut String, link: Autolink<'_>) {
        let address = link.address;
        let protocol = ["https://", "http://"]
            .into_iter()
            .find(|&protocol| address.starts_with(protocol))
            .unwrap_or_default();
        let rest = &address[protocol.len()..];
        out.extend([PROTECTED_START, protocol, "'>", rest, "</strong>"]);
    }
}

/// Returns the data if the paragraph is a QR code: `qr`, a colon, and one line of data.
fn qr_code_data(paragraph: &str) -> Option<String> {
    let text = paragraph.trim_start_matches(is_any_space);
    let label = text
        .get(..2)
        .filter(|label| label.eq_ignore_ascii_case("qr"))?;
    let after_colon = text[label.len()..]
        .trim_start_matches(is_any_space)
        .strip_prefix(':')?;
    let mut data = after_colon.trim_start_matches(is_any_space);
    if data.is_empty() {
        let last = after_colon.char_indices().next_back()?.0;
        data = &after_colon[last..];
    }
    (!data.contains('\n')).then(|| with_addresses_restored(data))
}

/// Restores web addresses that the renderer made bold to what was typed.
fn with_addresses_restored(data: &str) -> String {
    let mut restored = String::with_capacity(data.len());
    let mut rest = data;
    while let Some((place, protocol, address, end)) = next_bold_address(rest) {
        restored.extend([&rest[..place], &rest[protocol], &rest[address]]);
        rest = &rest[end..];
    }
    restored.push_str(rest);
    restored
}

/// Returns the start, protocol, displayed address and end of the next address that the renderer made bold.
fn next_bold_address(text: &str) -> Option<(usize, Range<usize>, Range<usize>, usize)> {
    const PROTECTED_END: &str = "</strong>";
    let place = text.find(PROTECTED_START)?;
    let protocol = place + PROTECTED_START.len();
    let protocol_end = protocol + text[protocol..].find("'>")?;
    let address = protocol_end + "'>".len();
    let address_end = address + text[address..].find(PROTECTED_END)?;
    let end = address_end + PROTECTED_END.len();
    Some((place, protocol..protocol_end, address..address_end, end))
}

fn placeholder_box(data: &str) -> String {
    format!(
        "
<div class='qrcode-placeholder'>
    <div class='qrcode-placeholder-border'></div>
    <div class='qrcode-placeholder-content'>
        <span class='qrcode-placeholder-content-background'>{data}</span>
    </div>
</div>
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paragraph_that_begins_with_qr_and_a_colon_is_a_qr_code() {
        for (paragraph, data) in [
            ("QR: x", Some("x")),
            (" qR \n:  x y ", Some("x y ")),
            ("qr:", None),
            ("qr: ", Some(" ")),
            ("qr:\n", None),
            ("qr: a\nb", None),
            ("qrs: a", None),
            ("é", None),
            (
                "qr: <strong data-original-protocol='https://'>a.b</strong>!",
                Some("https://a.b!"),
            ),
        ] {
            assert_eq!(qr_code_data(paragraph).as_deref(), data, "{paragraph:?}");
        }
    }
}

//! Inline text (`docs/spec/templates.md` §7.4): escapes, HTML, links, references, line breaks. There is no emphasis.

mod addresses;
mod brackets;
mod destinations;
mod html;

use std::cell::OnceCell;

use super::{
    keys::is_reference_after_ampersand,
    lines::trailing_whitespace,
    renderers::{Autolink, Link, Renderer},
    writer::Writer,
};
use brackets::Brackets;
use html::InlineHtml;

/// Maximum nesting of link texts; deeper ones are plain text.
const DEEPEST_LINK_TEXT: usize = 10;

/// Characters that a backslash makes literal.
const ESCAPABLE: &[u8] = b"\\`*{}[]()#+-.!_>~|";

/// The bytes that can begin something other than plain text.
const SIGNS: [bool; 256] = {
    let mut signs = [false; 256];
    let list = b"\\<>&[!:\n";
    let mut place = 0;
    while place < list.len() {
        signs[list[place] as usize] = true;
        place += 1;
    }
    signs
};

/// Inline text with its search caches.
struct InlineText<'text> {
    text: &'text str,
    /// Start of the trailing whitespace.
    trailing_whitespace: usize,
    html: OnceCell<InlineHtml<'text>>,
    brackets: OnceCell<Brackets>,
}

impl<'text> InlineText<'text> {
    fn new(text: &'text str) -> Self {
        Self {
            text,
            trailing_whitespace: trailing_whitespace(text),
            html: OnceCell::new(),
            brackets: OnceCell::new(),
        }
    }

    fn html(&self) -> &InlineHtml<'text> {
        self.html.get_or_init(|| InlineHtml::new(self.text))
    }
}

impl<R: Renderer> Writer<R> {
    pub(super) fn write_inline(&mut self, text: &str) {
        let source = InlineText::new(text.trim_end_matches('\n'));
        let text = source.text;
        // The text between `written` and `at` is plain and not written yet.
        let (mut written, mut at) = (0, 0);
        while let Some(sign) = next_sign(text, at) {
            let plain = &text[written..sign];
            let used_up = match text.as_bytes()[sign] {
                b'\\' => self.escape(plain, &text[sign..]),
                b'<' => Some(self.angle(plain, &source, sign)),
                b'>' => Some(self.plain_then(plain, "&gt;")),
                b'&' => self.ampersand(plain, &text[sign + 1..]),
                b'[' => self.bracket(plain, &source, sign),
                b'!' => self.image(plain, &source, sign),
                b':' => self.web_address(plain, &text[sign..]),
                _ => self.line_feed(plain, &source, sign),
            };
            at = sign + used_up.unwrap_or(1);
            if used_up.is_some() {
                written = at;
            }
        }
        self.out.push_str(&text[written..]);
    }

    /// Writes the pending plain text, then `then` in place of one byte.
    fn plain_then(&mut self, plain: &str, then: &str) -> usize {
        self.out.push_str(plain);
        self.out.push_str(then);
        1
    }

    fn escape(&mut self, plain: &str, from_backslash: &str) -> Option<usize> {
        let escaped = *from_backslash.as_bytes().get(1)?;
        if !ESCAPABLE.contains(&escaped) {
            return None;
        }
        self.out.push_str(plain);
        match escaped {
            b'>' => self.out.push_str("&gt;"),
            other => self.out.push(char::from(other)),
        }
        Some(2)
    }

    /// References with `_` stay literal: `_` ends a run of plain text in the specification's grammar.
    fn ampersand(&mut self, plain: &str, rest: &str) -> Option<usize> {
        if is_reference_after_ampersand(rest, false) {
            return None;
        }
        Some(self.plain_then(plain, "&amp;"))
    }

    fn angle(&mut self, plain: &str, source: &InlineText<'_>, at: usize) -> usize {
        if let Some(end) = source.html().end(at) {
            self.out.push_str(plain);
            self.out.push_str(&source.text[at..end]);
            return end - at;
        }
        let Some(link) = source.html().angle_link(at) else {
            return self.plain_then(plain, "&lt;");
        };
        self.out.push_str(plain);
        self.renderer.autolink(&mut self.out, link);
        link.address.len() + "<>".len()
    }

    /// Writes a web address if this colon belongs to its protocol, which is then already part of `plain`.
    fn web_address(&mut self, plain: &str, from_colon: &str) -> Option<usize> {
        let (before, protocol, rest) = addresses::around_colon(plain, from_colon)?;
        self.out.push_str(before);
        if self.is_in_link {
            self.escaped(protocol);
            self.escaped(rest);
        } else {
            let address = [protocol, rest].concat();
            let link = Autolink {
                address: &address,
                is_email: false,
            };
            self.renderer.autolink(&mut self.out, link);
        }
        Some(rest.len())
    }

    fn escaped(&mut self, text: &str) {
        for (place, character) in text.char_indices() {
            match character {
                '&' if !is_reference_after_ampersand(&text[place + 1..], true) => {
                    self.out.push_str("&amp;");
                }
                '>' => self.out.push_str("&gt;"),
                other => self.out.push(other),
            }
        }
    }

    /// A line break removes the spaces before it. There is none if only whitespace follows.
    fn line_feed(&mut self, plain: &str, source: &InlineText<'_>, at: usize) -> Option<usize> {
        if at >= source.trailing_whitespace {
            return None;
        }
        self.out.push_str(plain.trim_end_matches(' '));
        self.renderer.line_break(&mut self.out);
        Some(1)
    }

    fn bracket(&mut self, plain: &str, source: &InlineText<'_>, at: usize) -> Option<usize> {
        let brackets = self.brackets(source);
        if self.definitions.has_footnotes()
            && !self.is_in_footnote
            && let Some((key, hash, end)) = brackets.footnote_reference(source.text, at)
            && self.definitions.refer_to_footnote(key, hash)
        {
            self.out.push_str(plain);
            return Some(end - at);
        }
        let found = brackets.link(source.text, at, &self.definitions)?;
        let (text, end) = (&source.text[at + 1..found.text_end], found.end);
        // Copied because parsing the link text can change the definitions: it may reference footnotes.
        let (address, title) = (found.address.to_owned(), found.title.map(str::to_owned));
        let link = Link {
            address: &address,
            title: title.as_deref(),
        };
        self.out.push_str(plain);
        self.link(text, link);
        Some(end - at)
    }

    fn link(&mut self, text: &str, link: Link<'_>) {
        self.renderer.open_link(&mut self.out);
        let text_start = self.out.len();
        self.is_in_link = true;
        self.link_depth += 1;
        if self.link_depth > DEEPEST_LINK_TEXT {
            // Plain text: the nesting comes from the content, and each level is a call.
            self.escaped(&text.replace('<', "&lt;"));
        } else {
            self.write_inline(text);
        }
        self.link_depth -= 1;
        self.is_in_link = false;
        self.renderer.close_link(&mut self.out, link, text_start);
    }

    /// Skips an image, which renders as nothing.
    fn image(&mut self, plain: &str, source: &InlineText<'_>, at: usize) -> Option<usize> {
        if source.text.as_bytes().get(at + 1) != Some(&b'[') {
            return None;
        }
        let found = self
            .brackets(source)
            .link(source.text, at + 1, &self.definitions)?;
        let end = found.end;
        self.dropped.image = true;
        self.out.push_str(plain);
        Some(end - at)
    }

    fn brackets<'source>(&self, source: &'source InlineText<'_>) -> &'source Brackets {
        source
            .brackets
            .get_or_init(|| Brackets::of(source.text, &self.definitions))
    }
}

fn next_sign(text: &str, at: usize) -> Option<usize> {
    let rest = &text.as_bytes()[at..];
    rest.iter()
        .position(|&byte| SIGNS[usize::from(byte)])
        .map(|place| at + place)
}

//! Reading inline text (`docs/spec/templates.md` §7.4): escapes, HTML, links, references, line breaks. There is no
//! emphasis.

mod addresses;
mod brackets;
mod destinations;
mod html;

use std::cell::OnceCell;

use super::{
    keys::is_reference_after_ampersand,
    lines::trailing_whitespace,
    media::{Autolink, Link, Medium},
    writer::Writer,
};
use brackets::Brackets;
use html::InlineHtml;

/// Link texts inside link texts beyond this are not looked at any more.
const DEEPEST_LINK_TEXT: usize = 10;

/// What a backslash can stand before to make it an ordinary character.
const ESCAPABLE: &[u8] = b"\\`*{}[]()#+-.!_>~|";

/// The bytes at which something may be other than plain text.
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

/// An inline text with what is remembered of it.
struct InlineText<'text> {
    text: &'text str,
    /// Where the whitespace begins with which it ends.
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

impl<M: Medium> Writer<M> {
    pub(super) fn write_inline(&mut self, text: &str) {
        let source = InlineText::new(text.trim_end_matches('\n'));
        let text = source.text;
        // What lies between `written` and `at` is plain and still to be written.
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

    /// Writes what was plain and then this, in the place of one byte.
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

    /// Inside a text an `_` would begin a new piece of it, so no reference has one.
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
        self.medium.autolink(&mut self.out, link);
        link.address.len() + "<>".len()
    }

    /// A colon may be that of a protocol; then the address has begun before it.
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
            self.medium.autolink(&mut self.out, link);
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

    /// A line break swallows the spaces before it. There is none where only whitespace follows.
    fn line_feed(&mut self, plain: &str, source: &InlineText<'_>, at: usize) -> Option<usize> {
        if at >= source.trailing_whitespace {
            return None;
        }
        self.out.push_str(plain.trim_end_matches(' '));
        self.medium.line_break(&mut self.out);
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
        // The definitions may change while the text is read, as footnotes are referred to.
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
        self.medium.open_link(&mut self.out);
        let text_start = self.out.len();
        self.is_in_link = true;
        self.link_depth += 1;
        if self.link_depth > DEEPEST_LINK_TEXT {
            self.escaped(&text.replace('<', "&lt;"));
        } else {
            self.write_inline(text);
        }
        self.link_depth -= 1;
        self.is_in_link = false;
        self.medium.close_link(&mut self.out, link, text_start);
    }

    /// An image gives nothing.
    fn image(&mut self, plain: &str, source: &InlineText<'_>, at: usize) -> Option<usize> {
        if source.text.as_bytes().get(at + 1) != Some(&b'[') {
            return None;
        }
        let found = self
            .brackets(source)
            .link(source.text, at + 1, &self.definitions)?;
        self.out.push_str(plain);
        Some(found.end - at)
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

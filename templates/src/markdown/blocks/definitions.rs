//! Link and footnote definitions (`docs/spec/templates.md` §7.2).

use super::{Block, Found, Source};
use crate::markdown::lines::{end_of_line, line_end, skip_line_feeds, skip_spaces};
use text::is_any_space;

/// `[key]: address "title"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::markdown) struct LinkDefinition<'text> {
    pub(in crate::markdown) key: &'text str,
    pub(in crate::markdown) address: &'text str,
    pub(in crate::markdown) title: Option<&'text str>,
}

/// `[^key]: text`, with its continuation lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::markdown) struct Footnote<'text> {
    pub(in crate::markdown) key: &'text str,
    text: &'text str,
}

/// The part after `]` of a link definition, as positions.
#[derive(Debug, Clone, Copy)]
pub(super) struct DefinitionEnd {
    address: (usize, usize),
    title: Option<(usize, usize)>,
    /// Position after the line feeds that follow.
    end: usize,
}

impl<'text> Source<'text> {
    /// Parses the link definition at `at` and returns the position after it. A key may span several lines.
    pub(super) fn link_definition(&self, at: usize) -> Option<(LinkDefinition<'text>, usize)> {
        let bracket = skip_spaces(self.text, at);
        if self.byte(bracket) != Some(b'[') {
            return None;
        }
        let key = bracket + 1;
        let key_end = self
            .caret_or_square_bracket
            .next(key, self.text.len(), |from, to| {
                self.text[from..to]
                    .find([']', '^'])
                    .map(|place| from + place)
            })?;
        if key_end == key || self.byte(key_end) == Some(b'^') {
            return None;
        }
        let DefinitionEnd {
            address,
            title,
            end,
        } = self.definition_end(key_end)?;
        let definition = LinkDefinition {
            key: &self.text[key..key_end],
            address: &self.text[address.0..address.1],
            title: title.map(|(start, end)| &self.text[start..end]),
        };
        Some((definition, end))
    }

    fn definition_end(&self, bracket: usize) -> Option<DefinitionEnd> {
        // Cached, because many lines can begin a key that ends at the same bracket.
        match self.definition_end.get() {
            Some((known, end)) if known == bracket => end,
            _ => {
                let end = self.read_definition_end(bracket);
                self.definition_end.set(Some((bracket, end)));
                end
            }
        }
    }

    fn read_definition_end(&self, bracket: usize) -> Option<DefinitionEnd> {
        if self.byte(bracket + 1) != Some(b':') {
            return None;
        }
        let start = skip_spaces(self.text, bracket + 2);
        let in_angles = (self.byte(start) == Some(b'<'))
            .then(|| self.read_address(start + 1))
            .flatten();
        in_angles.or_else(|| self.read_address(start))
    }

    fn read_address(&self, start: usize) -> Option<DefinitionEnd> {
        let rest = &self.text[start..];
        let length = rest
            .find(|character| character == '>' || is_any_space(character))
            .unwrap_or(rest.len());
        if length == 0 {
            return None;
        }
        let address_end = start + length;
        // The closing angle bracket is optional, even where there is an opening one.
        let after = address_end + usize::from(self.byte(address_end) == Some(b'>'));
        let address = (start, address_end);
        if let Some(line_end) = end_of_line(self.text, after) {
            return Some(DefinitionEnd {
                address,
                title: None,
                end: skip_line_feeds(self.text, line_end),
            });
        }
        let line_end = line_end(self.text, after);
        let title = self.read_title(after, line_end)?;
        Some(DefinitionEnd {
            address,
            title: Some(title),
            end: skip_line_feeds(self.text, line_end),
        })
    }

    /// Parses a title that fills the rest of the line after spaces. Its quotes or parentheses need not match.
    fn read_title(&self, at: usize, line_end: usize) -> Option<(usize, usize)> {
        let opening = skip_spaces(self.text, at);
        let closing = self.text[..line_end].trim_end_matches(' ').len() - 1;
        let is_title = opening > at
            && matches!(self.byte(opening), Some(b'"' | b'('))
            && matches!(self.byte(closing), Some(b'"' | b')'))
            && closing > opening + 1;
        is_title.then_some((opening + 1, closing))
    }

    pub(super) fn footnote(&self, at: usize) -> Found<'text> {
        let (key, start) = self.footnote_text(at)?;
        let mut end = self.after_line(start);
        // An indented line continues the footnote, also after empty ones.
        while self.byte(end) == Some(b' ') {
            end = self.after_line(end);
        }
        let text = &self.text[start..end];
        Some((Block::Footnote(Footnote { key, text }), end))
    }

    /// Parses the key of a footnote definition and returns where its text begins.
    pub(super) fn footnote_text(&self, at: usize) -> Option<(&'text str, usize)> {
        if !self.text[at..].starts_with("[^") {
            return None;
        }
        let key = at + 2;
        let key_end = self.square_bracket.next(key, self.text.len(), |from, to| {
            self.text[from..to].find(']').map(|place| from + place)
        })?;
        (key_end > key && self.byte(key_end + 1) == Some(b':')).then(|| {
            (
                &self.text[key..key_end],
                skip_spaces(self.text, key_end + 2),
            )
        })
    }
}

impl Footnote<'_> {
    /// Returns the text without indent: each line from the second on loses as many characters as the least indented
    /// of the indented lines has.
    pub(in crate::markdown) fn content(&self) -> String {
        let indent = |line: &str| {
            line.chars()
                .take_while(|&character| is_any_space(character))
                .count()
        };
        let mut lines = self.text.split('\n');
        let mut content = lines.next().unwrap_or_default().to_owned();
        let least = lines
            .clone()
            .map(indent)
            .filter(|&indent| indent > 0)
            .min()
            .unwrap_or(0);
        for line in lines {
            content.push('\n');
            content.extend(line.chars().skip(least));
        }
        content
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_definition_is_a_line_of_its_own() {
        for (text, expected) in [
            ("[a]: u", Some(("a", "u", None))),
            (
                " [a b\nc]:<u> \"t\" \n\nx",
                Some(("a b\nc", "u", Some("t"))),
            ),
            ("[a]: u (t\")", Some(("a", "u", Some("t\"")))),
            ("[a]: <", Some(("a", "<", None))),
            ("[a]: <>", Some(("a", "<", None))),
            ("[a]: u \"\"", None),
            ("[a]: u x", None),
            ("[a]: u\u{A0}", None),
            ("[^a]: u", None),
            ("[]: u", None),
            ("[a]:", None),
            ("[a]:\nu", None),
        ] {
            let definition = Source::new(text).link_definition(0);
            let definition = definition.map(|(found, _)| (found.key, found.address, found.title));
            assert_eq!(definition, expected, "{text:?}");
        }
    }

    #[test]
    fn a_footnote_goes_on_in_indented_lines() {
        let text = "[^a]:  one\n    two\n\n   three\nfour";
        let Some((Block::Footnote(footnote), end)) = Source::new(text).footnote(0) else {
            panic!("no footnote");
        };
        assert_eq!(footnote.content(), "one\n two\n\nthree\n");
        assert_eq!(&text[end..], "four");
    }
}

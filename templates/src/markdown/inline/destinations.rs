//! Link destinations: the part in parentheses after a link's text (`docs/spec/templates.md` §7.4, rule 6).

use std::ops::Range;

use crate::markdown::{lines::skip_whitespace, search_cache::SearchCache};
use text::is_any_space;

/// A link destination, as byte offsets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Destination {
    pub(super) address: Range<usize>,
    pub(super) title: Option<Range<usize>>,
    /// Position after the closing parenthesis.
    pub(super) end: usize,
}

/// Parses the destinations of one text. Queries run from its end to its start.
pub(super) struct Destinations<'text> {
    text: &'text str,
    parenthesis: SearchCache,
    /// Quotes after whitespace, which can open a title.
    opening_quote: SearchCache,
    /// Quotes before optional whitespace and a parenthesis, which close a title.
    closing_quote: SearchCache,
    /// Angle brackets followed by a title or the end.
    closing_angle: SearchCache,
}

impl<'text> Destinations<'text> {
    pub(super) fn new(text: &'text str) -> Self {
        let nothing_known = || SearchCache::new(text.len());
        Self {
            text,
            parenthesis: nothing_known(),
            opening_quote: nothing_known(),
            closing_quote: nothing_known(),
            closing_angle: nothing_known(),
        }
    }

    /// Parses the destination whose opening parenthesis precedes this position.
    pub(super) fn at(&self, after_parenthesis: usize) -> Option<Destination> {
        let start = skip_whitespace(self.text, after_parenthesis);
        let in_angles = self.text[start..]
            .starts_with('<')
            .then(|| self.in_angles(start + 1))
            .flatten();
        // An angle bracket that is not closed is part of the address.
        in_angles.or_else(|| self.bare(start))
    }

    fn in_angles(&self, start: usize) -> Option<Destination> {
        let angle = self.next(&self.closing_angle, start, |place| {
            self.byte(place) == Some(b'>') && self.tail(place + 1).is_some()
        })?;
        let (title, end) = self.tail(angle + 1)?;
        Some(Destination {
            address: start..angle,
            title,
            end,
        })
    }

    /// Parses the end of a destination: an optional title after whitespace, then a parenthesis.
    fn tail(&self, at: usize) -> Option<(Option<Range<usize>>, usize)> {
        let after = skip_whitespace(self.text, at);
        match self.byte(after)? {
            b')' => Some((None, after + 1)),
            // A title needs whitespace before it: a quote right after the destination belongs to no link.
            b'"' | b'\'' if after > at => {
                let (title, end) = self.title(after)?;
                Some((Some(title), end))
            }
            _ => None,
        }
    }

    /// Parses the title that this quote opens. Returns also the position after the closing parenthesis.
    fn title(&self, opening_quote: usize) -> Option<(Range<usize>, usize)> {
        let start = opening_quote + 1;
        let closing = self.next(&self.closing_quote, start, |place| self.closes_title(place))?;
        Some((start..closing, skip_whitespace(self.text, closing + 1) + 1))
    }

    fn closes_title(&self, place: usize) -> bool {
        self.is_quote(place) && self.byte(skip_whitespace(self.text, place + 1)) == Some(b')')
    }

    /// Parses an address without angle brackets, which ends before the first parenthesis or before a title.
    fn bare(&self, start: usize) -> Option<Destination> {
        let parenthesis = self.next(&self.parenthesis, start, |place| {
            self.byte(place) == Some(b')')
        });
        let title = self
            .next(&self.opening_quote, start + 1, |place| {
                self.is_quote(place) && self.text[..place].ends_with(is_any_space)
            })
            .filter(|&quote| parenthesis.is_none_or(|parenthesis| quote < parenthesis))
            .and_then(|quote| Some((quote, self.title(quote)?)));
        if let Some((quote, (title, end))) = title {
            return Some(Destination {
                address: self.address(start, quote),
                title: Some(title),
                end,
            });
        }
        let parenthesis = parenthesis?;
        Some(Destination {
            address: self.address(start, parenthesis),
            title: None,
            end: parenthesis + 1,
        })
    }

    /// Removes trailing whitespace from the range of an address.
    fn address(&self, start: usize, end: usize) -> Range<usize> {
        start..start + self.text[start..end].trim_end_matches(is_any_space).len()
    }

    fn is_quote(&self, place: usize) -> bool {
        matches!(self.byte(place), Some(b'"' | b'\''))
    }

    fn byte(&self, place: usize) -> Option<u8> {
        self.text.as_bytes().get(place).copied()
    }

    fn next(&self, cache: &SearchCache, at: usize, is_it: impl Fn(usize) -> bool) -> Option<usize> {
        let length = self.text.len();
        cache.next(at.min(length), length, |from, to| {
            (from..to).find(|&place| is_it(place))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_an_address_and_perhaps_a_title() {
        for (text, expected) in [
            ("u)", Some(("u", None, ""))),
            (" u v ) )", Some(("u v", None, " )"))),
            ("u/a_(b))", Some(("u/a_(b", None, ")"))),
            ("u \"a) b\" ) c", Some(("u", Some("a) b"), " c"))),
            ("u \"a) b", Some(("u \"a", None, " b"))),
            ("u '' )", Some(("u", Some(""), ""))),
            ("\"t\")", Some(("\"t\"", None, ""))),
            ("<a) b>)", Some(("a) b", None, ""))),
            ("<a> b> 't')", Some(("a> b", Some("t"), ""))),
            ("<a b)", Some(("<a b", None, ""))),
            (")", Some(("", None, ""))),
            ("u", None),
            ("", None),
        ] {
            let found = Destinations::new(text).at(0).map(|found| {
                let title = found.title.map(|title| &text[title]);
                (&text[found.address], title, &text[found.end..])
            });
            assert_eq!(found, expected, "{text}");
        }
    }
}

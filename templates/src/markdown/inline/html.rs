//! Inline HTML and links in angle brackets (`docs/spec/templates.md` §7.4, rules 2 and 3).

use std::cell::Cell;

use crate::markdown::{
    renderers::Autolink,
    search_cache::SearchCache,
    tags::{Attributes, BeforeEnd, ClosingTags, name_end},
};

const COMMENT_START: &str = "<!--";
const COMMENT_END: &str = "-->";

/// Finds the ends of inline HTML in one text.
pub(super) struct InlineHtml<'text> {
    text: &'text str,
    attributes: Attributes<'text>,
    closing_tags: ClosingTags<'text, ()>,
    comment_end: SearchCache,
    space_or_angle: SearchCache,
    /// Cached result of the last call of `sign_before`: the end and what was found.
    sign_before: Cell<Option<(usize, Option<usize>)>>,
}

impl<'text> InlineHtml<'text> {
    pub(super) fn new(text: &'text str) -> Self {
        Self {
            text,
            attributes: Attributes::new(text),
            closing_tags: ClosingTags::new(text),
            comment_end: SearchCache::new(text.len()),
            space_or_angle: SearchCache::new(text.len()),
            sign_before: Cell::new(None),
        }
    }

    /// Returns the end of the HTML that begins at this `<`: a comment, an element with its content, or a tag.
    pub(super) fn end(&self, at: usize) -> Option<usize> {
        if self.text[at..].starts_with(COMMENT_START) {
            return self.comment_end(at + COMMENT_START.len());
        }
        let name_end = name_end(self.text, at + 1)?;
        let tag = self.attributes.tag_end(name_end)?;
        if tag.before == BeforeEnd::Slash {
            return Some(tag.end);
        }
        let name = &self.text[at + 1..name_end];
        let closing = self.closing_tags.next(name, tag.end, |_| Some(()));
        Some(closing.map_or(tag.end, |closing| closing.end))
    }

    fn comment_end(&self, at: usize) -> Option<usize> {
        let end = self.comment_end.next(at, self.text.len(), |from, to| {
            // An end that begins before `to` may reach past it.
            let to = (to + COMMENT_END.len() - 1).min(self.text.len());
            self.text.as_bytes()[from..to]
                .windows(COMMENT_END.len())
                .position(|window| window == COMMENT_END.as_bytes())
                .map(|place| from + place)
        })?;
        Some(end + COMMENT_END.len())
    }

    /// Parses a link in angle brackets: no spaces, and an `@` or `:` inside.
    pub(super) fn angle_link(&self, at: usize) -> Option<Autolink<'text>> {
        let start = at + 1;
        let end = self
            .space_or_angle
            .next(start, self.text.len(), |from, to| {
                self.text[from..to]
                    .find([' ', '>'])
                    .map(|place| from + place)
            })?;
        if self.text.as_bytes()[end] == b' ' {
            return None;
        }
        let sign = self.sign_before(end).filter(|&sign| sign > start)?;
        Some(Autolink {
            address: &self.text[start..end],
            is_email: self.text.as_bytes()[sign] == b'@',
        })
    }

    /// Returns the last `@` or `:` that has a character between it and `end`. Cached, because many links can begin
    /// before one end.
    fn sign_before(&self, end: usize) -> Option<usize> {
        match self.sign_before.get() {
            Some((known, sign)) if known == end => sign,
            _ => {
                let inside = self.text[..end].char_indices().next_back();
                let sign =
                    inside.and_then(|(last, _)| self.text[..last].rfind(['@', ':', ' ', '>']));
                let sign = sign.filter(|&sign| matches!(self.text.as_bytes()[sign], b'@' | b':'));
                self.sign_before.set(Some((end, sign)));
                sign
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_ends_with_its_closing_tag_or_else_with_its_tag() {
        for (text, end) in [
            ("<b>x</b></b>", Some(8)),
            ("<b>x</i>", Some(3)),
            ("<br/>x</br>", Some(5)),
            ("<!-- a -- b --> c -->", Some(15)),
            ("<!-->", None),
            ("<b x", None),
            ("<b\n>x</b>", Some(9)),
        ] {
            assert_eq!(InlineHtml::new(text).end(0), end, "{text}");
        }
    }

    #[test]
    fn a_link_in_angles_has_a_sign_inside() {
        for (text, expected) in [
            ("<a@b>", Some(("a@b", true))),
            ("<a:b@c:d>", Some(("a:b@c:d", false))),
            ("<a:b@c>", Some(("a:b@c", true))),
            ("<@b>", None),
            ("<a@>", None),
            ("<a@@>", Some(("a@@", true))),
            ("<a @b>", None),
            ("<a", None),
        ] {
            let link = InlineHtml::new(text).angle_link(0);
            assert_eq!(
                link.map(|link| (link.address, link.is_email)),
                expected,
                "{text}"
            );
        }
    }
}

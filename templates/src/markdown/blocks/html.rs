//! HTML blocks (`docs/spec/templates.md` §7.2). Only texts that reach Markdown unescaped have any.

use std::{borrow::Cow, cell::OnceCell};

use super::{Block, Found, Source};
use crate::markdown::{
    lines::{skip_line_feeds, skip_spaces},
    tags::{Attributes, BeforeEnd, ClosingTags, block_name_end},
};

const COMMENT_START: &str = "<!--";
const COMMENT_END: &str = "-->";

/// Positions in a text where HTML blocks can end, considering only those after which a block may end.
#[derive(Debug)]
pub(super) struct HtmlEnds<'text> {
    attributes: Attributes<'text>,
    /// Closing tags with the position after the block.
    closing_tags: ClosingTags<'text, usize>,
    /// Ends of comments with the position after the block.
    comments: OnceCell<Vec<(usize, usize)>>,
}

impl<'text> HtmlEnds<'text> {
    pub(super) fn new(text: &'text str) -> Self {
        Self {
            attributes: Attributes::new(text),
            closing_tags: ClosingTags::new(text),
            comments: OnceCell::new(),
        }
    }
}

impl<'text> Source<'text> {
    pub(super) fn html(&self, at: usize) -> Found<'text> {
        let start = skip_spaces(self.text, at);
        if self.byte(start) != Some(b'<') {
            return None;
        }
        if self.text[start..].starts_with(COMMENT_START) {
            let end = self.after_comment(start + COMMENT_START.len())?;
            return Some(verbatim(&self.text[at..end], end));
        }
        let name_end = block_name_end(self.text, start + 1)?;
        let tag = self.html.attributes.tag_end(name_end)?;
        // An element is taken whole up to its closing tag; otherwise the tag alone may be a block.
        if tag.before == BeforeEnd::Attribute {
            let name = &self.text[start + 1..name_end];
            let closing = self
                .html
                .closing_tags
                .next(name, tag.end, |end| self.after_html(end));
            if let Some(closing) = closing {
                return Some(verbatim(&self.text[start..closing.end], closing.sequel));
            }
        }
        let end = self.after_html(tag.end)?;
        Some(verbatim(&self.text[at..end], end))
    }

    /// Returns whether the line at `at` begins with an element that can be a block.
    pub(super) fn begins_html(&self, at: usize) -> bool {
        self.byte(at) == Some(b'<') && block_name_end(self.text, at + 1).is_some()
    }

    fn after_comment(&self, at: usize) -> Option<usize> {
        // Listed once, because every `<!--` asks for the next end after it.
        let comments = self.html.comments.get_or_init(|| {
            let ends = self.text.match_indices(COMMENT_END);
            ends.map(|(place, _)| place)
                .filter_map(|place| Some((place, self.after_html(place + COMMENT_END.len())?)))
                .collect()
        });
        comments
            .get(comments.partition_point(|&(place, _)| place < at))
            .map(|&(_, after)| after)
    }

    /// Returns the position after an HTML block that ends at `end`, if two line feeds or the end of the text follow.
    fn after_html(&self, end: usize) -> Option<usize> {
        let gap = skip_spaces(self.text, end);
        let after = skip_line_feeds(self.text, gap);
        if after - gap >= 2 {
            return Some(after);
        }
        (end >= self.trailing_whitespace).then_some(self.text.len())
    }
}

fn verbatim(html: &str, end: usize) -> (Block<'_>, usize) {
    (Block::Verbatim(Cow::Borrowed(html)), end)
}

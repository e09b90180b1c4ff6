//! Block parsing (`docs/spec/templates.md` §7.2): which block begins at a position and where it ends.

mod code;
mod definitions;
mod headings;
mod html;
mod lists;
mod paragraphs;
mod quotations;
mod tables;

use std::{borrow::Cow, cell::Cell};

use super::{
    lines::{line_end, skip_line_feeds, trailing_whitespace},
    search_cache::SearchCache,
};

pub(super) use definitions::{Footnote, LinkDefinition};
pub(super) use lists::List;
pub(super) use quotations::without_marks;
pub(super) use tables::Table;

/// Kinds of blocks, each with its own parsing rule.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Newline,
    HorizontalRule,
    IndentedCode,
    Fence,
    Heading,
    BareTable,
    UnderlinedHeading,
    Quotation,
    List,
    Html,
    LinkDefinition,
    Footnote,
    PipedTable,
    Paragraph,
    Text,
}

/// Kinds that are tried in documents and quotations, in order.
pub(super) const DOCUMENT: &[Kind] = &[
    Kind::Newline,
    Kind::HorizontalRule,
    Kind::IndentedCode,
    Kind::Fence,
    Kind::Heading,
    Kind::BareTable,
    Kind::UnderlinedHeading,
    Kind::Quotation,
    Kind::List,
    Kind::Html,
    Kind::LinkDefinition,
    Kind::Footnote,
    Kind::PipedTable,
    Kind::Paragraph,
    Kind::Text,
];

/// Kinds that are tried in list items, in order.
pub(super) const LIST_ITEM: &[Kind] = &[
    Kind::Newline,
    Kind::IndentedCode,
    Kind::Fence,
    Kind::UnderlinedHeading,
    Kind::HorizontalRule,
    Kind::Quotation,
    Kind::List,
    Kind::Html,
    Kind::Text,
];

/// Kinds that are tried in footnotes, in order.
pub(super) const FOOTNOTE: &[Kind] = &[
    Kind::Newline,
    Kind::IndentedCode,
    Kind::Fence,
    Kind::Heading,
    Kind::BareTable,
    Kind::UnderlinedHeading,
    Kind::HorizontalRule,
    Kind::Quotation,
    Kind::List,
    Kind::Html,
    Kind::PipedTable,
    Kind::Paragraph,
    Kind::Text,
];

/// A parsed block. Its texts are parsed as inline text later, its contents as blocks.
#[derive(Debug)]
pub(super) enum Block<'text> {
    /// Produces no output.
    Nothing,
    LineBreak,
    HorizontalRule,
    /// Code or HTML, written unchanged.
    Verbatim(Cow<'text, str>),
    Heading {
        level: u8,
        text: &'text str,
    },
    /// A quotation, with its marks.
    Quotation(&'text str),
    List(List<'text>),
    LinkDefinition(LinkDefinition<'text>),
    Footnote(Footnote<'text>),
    Table(Table<'text>),
    Paragraph(&'text str),
    /// One line of a list item.
    Text(&'text str),
}

/// A block and the position after it.
type Found<'text> = Option<(Block<'text>, usize)>;

/// Text to be parsed into blocks, with its search caches.
#[derive(Debug)]
pub(super) struct Source<'text> {
    text: &'text str,
    /// Start of the trailing whitespace.
    trailing_whitespace: usize,
    fences: code::FenceEnds,
    html: html::HtmlEnds<'text>,
    square_bracket: SearchCache,
    caret_or_square_bracket: SearchCache,
    /// Cached result of `definition_end`, with the position of its bracket.
    definition_end: Cell<Option<(usize, Option<definitions::DefinitionEnd>)>>,
}

impl<'text> Source<'text> {
    /// Creates a source from a text without trailing line feeds.
    pub(super) fn new(text: &'text str) -> Self {
        Self {
            text,
            trailing_whitespace: trailing_whitespace(text),
            fences: code::FenceEnds::default(),
            html: html::HtmlEnds::new(text),
            square_bracket: SearchCache::new(text.len()),
            caret_or_square_bracket: SearchCache::new(text.len()),
            definition_end: Cell::new(None),
        }
    }

    /// Parses the block at `at`, which must be before the end, by the first kind that matches, and returns the
    /// position after it.
    pub(super) fn block(&self, at: usize, rules: &[Kind]) -> (Block<'text>, usize) {
        rules
            .iter()
            .find_map(|&rule| self.block_by(rule, at))
            .unwrap_or_else(|| self.text_line(at))
    }

    fn block_by(&self, rule: Kind, at: usize) -> Found<'text> {
        match rule {
            Kind::Newline => self.newline(at),
            Kind::HorizontalRule => self
                .horizontal_rule(at)
                .map(|end| (Block::HorizontalRule, end)),
            Kind::IndentedCode => self.indented_code(at),
            Kind::Fence => self
                .fence(at)
                .map(|(code, end)| (Block::Verbatim(Cow::Borrowed(code)), end)),
            Kind::Heading => self.heading(at),
            Kind::BareTable => self.bare_table(at),
            Kind::UnderlinedHeading => self.underlined_heading(at),
            Kind::Quotation => self
                .quotation(at)
                .map(|end| (Block::Quotation(&self.text[at..end]), end)),
            Kind::List => self.list(at),
            Kind::Html => self.html(at),
            Kind::LinkDefinition => self
                .link_definition(at)
                .map(|(definition, end)| (Block::LinkDefinition(definition), end)),
            Kind::Footnote => self.footnote(at),
            Kind::PipedTable => self.piped_table(at),
            Kind::Paragraph => self.paragraph(at),
            Kind::Text => (!self.is_at_line_end(at)).then(|| self.text_line(at)),
        }
    }

    fn newline(&self, at: usize) -> Found<'text> {
        let end = skip_line_feeds(self.text, at);
        match end - at {
            0 => None,
            1 => Some((Block::Nothing, end)),
            _ => Some((Block::LineBreak, end)),
        }
    }

    fn text_line(&self, at: usize) -> (Block<'text>, usize) {
        // No kind matched, which cannot happen; treated as text. At least one byte is consumed, so that parsing
        // always ends.
        let end = line_end(self.text, at).max(at + 1);
        (Block::Text(&self.text[at..end]), end)
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    fn is_at_line_end(&self, at: usize) -> bool {
        matches!(self.byte(at), None | Some(b'\n'))
    }

    /// Returns the position after this line and the line feeds that follow.
    fn after_line(&self, at: usize) -> usize {
        skip_line_feeds(self.text, line_end(self.text, at))
    }

    /// Returns the start of the next line, if there is one.
    fn next_line(&self, at: usize) -> Option<usize> {
        Some(line_end(self.text, at) + 1).filter(|&next| next <= self.text.len())
    }
}

//! From blocks to output (`docs/spec/templates.md` §7.3).

use std::ops::Range;

use super::{
    blocks::{self, Block, Footnote, Kind, LinkDefinition, List, Source, without_marks},
    definitions::{Definitions, LinkTarget},
    lines::is_blank,
    media::Medium,
};
use text::is_any_space;

/// Lists inside lists beyond this are not parsed, and quotations likewise.
const DEEPEST: usize = 6;

/// What stands in every text that defines a link or a footnote.
const DEFINITION_SIGN: &str = "]:";

/// Writes a document for one medium.
#[derive(Debug)]
pub(super) struct Writer<M> {
    pub(super) out: String,
    pub(super) medium: M,
    pub(super) definitions: Definitions,
    /// The text is gone through for its definitions alone.
    is_collecting: bool,
    pub(super) is_in_link: bool,
    pub(super) is_in_footnote: bool,
    pub(super) link_depth: usize,
    list_depth: usize,
    quotation_depth: usize,
}

/// How the texts of a part are shown that are no paragraphs of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Texts {
    AsTheyStand,
    AsParagraphs,
}

impl<M: Medium> Writer<M> {
    pub(super) fn new(medium: M) -> Self {
        Self {
            out: String::new(),
            medium,
            definitions: Definitions::default(),
            is_collecting: false,
            is_in_link: false,
            is_in_footnote: false,
            link_depth: 0,
            list_depth: 0,
            quotation_depth: 0,
        }
    }

    /// Writes a prepared document, its footnotes at the end.
    pub(super) fn write_document(mut self, text: &str) -> (String, M) {
        self.out.reserve(text.len() * 2);
        if text.contains(DEFINITION_SIGN) {
            self.is_collecting = true;
            self.blocks(text, blocks::DOCUMENT, Texts::AsParagraphs);
            self.is_collecting = false;
        }
        self.blocks(text, blocks::DOCUMENT, Texts::AsParagraphs);
        self.out.extend(self.definitions.contents_in_order());
        (self.out, self.medium)
    }

    fn blocks(&mut self, text: &str, rules: &[Kind], texts: Texts) {
        let text = text.trim_end_matches('\n');
        let source = Source::new(text);
        // Lines of text that follow each other are one text.
        let mut lines: Option<Range<usize>> = None;
        let mut at = 0;
        while at < text.len() {
            let (block, end) = source.block(at, rules);
            match block {
                Block::Text(_) => lines = Some(lines.map_or(at, |lines| lines.start)..end),
                Block::Nothing => {}
                block => {
                    self.texts(lines.take().map(|lines| &text[lines]), texts);
                    self.block(block);
                }
            }
            at = end;
        }
        self.texts(lines.map(|lines| &text[lines]), texts);
    }

    fn texts(&mut self, lines: Option<&str>, texts: Texts) {
        match (lines, texts) {
            (None, _) => {}
            (Some(lines), Texts::AsTheyStand) => self.inline(lines),
            (Some(lines), Texts::AsParagraphs) => self.paragraph(lines),
        }
    }

    fn block(&mut self, block: Block<'_>) {
        match block {
            Block::Nothing => {}
            Block::LineBreak => self.write(M::line_break),
            Block::HorizontalRule => self.write(M::rule),
            Block::Verbatim(text) => self.write(|_, out| out.push_str(&text)),
            Block::Heading { level, text } => self.heading(level, text),
            Block::Quotation(raw) => self.quotation(raw),
            Block::List(list) => self.list(list),
            Block::LinkDefinition(definition) => self.link_definition(definition),
            Block::Footnote(footnote) => self.footnote(footnote),
            Block::Table(table) => {
                if self.definitions.has_footnotes() {
                    table.cells().for_each(|cell| self.note_references(cell));
                }
            }
            Block::Paragraph(text) | Block::Text(text) => self.paragraph(text),
        }
    }

    /// Writes, unless the text is gone through for its definitions alone.
    fn write(&mut self, write: impl FnOnce(&mut M, &mut String)) {
        if !self.is_collecting {
            write(&mut self.medium, &mut self.out);
        }
    }

    fn heading(&mut self, level: u8, text: &str) {
        if M::has_heading(level) {
            self.write(|medium, out| medium.open_heading(out, level));
            self.inline(text);
            self.write(|medium, out| medium.close_heading(out, level));
        } else {
            self.paragraph(text);
        }
    }

    fn paragraph(&mut self, text: &str) {
        if self.is_collecting {
            return;
        }
        let start = self.out.len();
        self.medium.open_paragraph(&mut self.out);
        let text_start = self.out.len();
        self.inline(text);
        if is_blank(&self.out[text_start..]) {
            self.out.truncate(start);
        } else {
            self.medium.close_paragraph(&mut self.out, text_start);
        }
    }

    fn quotation(&mut self, raw: &str) {
        self.quotation_depth += 1;
        self.write(M::open_quotation);
        if self.quotation_depth > DEEPEST {
            self.paragraph(raw);
        } else {
            let text = without_marks(raw);
            self.blocks(&text, blocks::DOCUMENT, Texts::AsParagraphs);
        }
        self.write(M::close_quotation);
        self.quotation_depth -= 1;
    }

    fn list(&mut self, list: List<'_>) {
        let is_ordered = list.is_ordered;
        self.list_depth += 1;
        self.write(|medium, out| medium.open_list(out, is_ordered));
        if self.list_depth > DEEPEST {
            self.item(is_ordered, 1, |writer| writer.inline(list.text));
        } else {
            for (item, number) in list.items().zip(1..) {
                let texts = if item.is_tight {
                    Texts::AsTheyStand
                } else {
                    Texts::AsParagraphs
                };
                self.item(is_ordered, number, |writer| {
                    writer.blocks(&item.text, blocks::LIST_ITEM, texts);
                });
            }
        }
        self.write(|medium, out| medium.close_list(out, is_ordered));
        self.list_depth -= 1;
    }

    fn item(&mut self, is_ordered: bool, number: usize, content: impl FnOnce(&mut Self)) {
        self.write(|medium, out| medium.open_item(out, is_ordered.then_some(number)));
        let start = self.out.len();
        content(self);
        trim_from(&mut self.out, start);
        self.write(M::close_item);
    }

    fn link_definition(&mut self, definition: LinkDefinition<'_>) {
        if self.is_collecting {
            let target = LinkTarget {
                address: definition.address.to_owned(),
                title: definition.title.map(str::to_owned),
            };
            self.definitions.define_link(definition.key, target);
        }
    }

    fn footnote(&mut self, footnote: Footnote<'_>) {
        let is_wanted = if self.is_collecting {
            self.definitions.define_footnote(footnote.key)
        } else {
            self.definitions.wants_content(footnote.key)
        };
        if !is_wanted {
            return;
        }
        let before = std::mem::take(&mut self.out);
        self.is_in_footnote = true;
        self.blocks(&footnote.content(), blocks::FOOTNOTE, Texts::AsParagraphs);
        // A footnote inside this one, which only a quotation can hold, ends this one's too.
        self.is_in_footnote = false;
        let content = std::mem::replace(&mut self.out, before);
        if !self.is_collecting {
            self.definitions.set_content(footnote.key, content);
        }
    }

    /// Reads a text for the footnotes that it refers to, and for nothing else.
    fn note_references(&mut self, text: &str) {
        let end = self.out.len();
        self.inline(text);
        self.out.truncate(end);
    }

    /// Writes a text as inline text (`docs/spec/templates.md` §7.4).
    pub(super) fn inline(&mut self, text: &str) {
        if !self.is_collecting {
            self.write_inline(text);
        }
    }
}

/// Removes the whitespace at both ends of what stands from `start` on.
fn trim_from(out: &mut String, start: usize) {
    out.truncate(start + out[start..].trim_end_matches(is_any_space).len());
    let text = &out[start..];
    let leading = text.len() - text.trim_start_matches(is_any_space).len();
    if leading > 0 {
        out.drain(start..start + leading);
    }
}

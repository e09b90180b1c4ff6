//! Renders blocks (`docs/spec/templates.md` §7.3).

use std::ops::Range;

use super::{
    blocks::{self, Block, Footnote, Kind, LinkDefinition, List, Source, without_marks},
    definitions::{Definitions, LinkTarget},
    dropped::Dropped,
    lines::is_blank,
    renderers::Renderer,
};
use text::is_any_space;

/// Maximum nesting of lists, and of quotations; deeper ones are not parsed.
const DEEPEST: usize = 6;

/// Occurs in every text that defines a link or a footnote.
const DEFINITION_SIGN: &str = "]:";

/// Writes a document with one renderer.
#[derive(Debug)]
pub(super) struct Writer<R> {
    pub(super) out: String,
    pub(super) renderer: R,
    pub(super) definitions: Definitions,
    pub(super) dropped: Dropped,
    /// Whether this pass only collects definitions.
    is_collecting: bool,
    pub(super) is_in_link: bool,
    pub(super) is_in_footnote: bool,
    pub(super) link_depth: usize,
    list_depth: usize,
    quotation_depth: usize,
}

/// How texts that are not paragraphs of their own are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Texts {
    AsTheyStand,
    AsParagraphs,
}

impl<R: Renderer> Writer<R> {
    pub(super) fn new(renderer: R) -> Self {
        Self {
            out: String::new(),
            renderer,
            definitions: Definitions::default(),
            dropped: Dropped::default(),
            is_collecting: false,
            is_in_link: false,
            is_in_footnote: false,
            link_depth: 0,
            list_depth: 0,
            quotation_depth: 0,
        }
    }

    /// Writes a preprocessed document, with its footnotes at the end.
    pub(super) fn write_document(mut self, text: &str) -> (String, R) {
        self.process(text);
        (self.out, self.renderer)
    }

    /// Returns which constructs of a preprocessed document render as nothing.
    pub(super) fn find_dropped(mut self, text: &str) -> Dropped {
        self.process(text);
        self.dropped
    }

    fn process(&mut self, text: &str) {
        self.out.reserve(text.len() * 2);
        if text.contains(DEFINITION_SIGN) {
            // A definition also applies to what precedes it, so definitions are collected in a pass of their own.
            self.is_collecting = true;
            self.blocks(text, blocks::DOCUMENT, Texts::AsParagraphs);
            self.is_collecting = false;
        }
        self.blocks(text, blocks::DOCUMENT, Texts::AsParagraphs);
        self.out.extend(self.definitions.contents_in_order());
    }

    fn blocks(&mut self, text: &str, rules: &[Kind], texts: Texts) {
        let text = text.trim_end_matches('\n');
        let source = Source::new(text);
        // Consecutive lines form one text.
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
            Block::LineBreak => self.write(R::line_break),
            Block::HorizontalRule => self.write(R::rule),
            Block::Verbatim(text) => self.write(|_, out| out.push_str(&text)),
            Block::Heading { level, text } => self.heading(level, text),
            Block::Quotation(raw) => self.quotation(raw),
            Block::List(list) => self.list(list),
            Block::LinkDefinition(definition) => self.link_definition(definition),
            Block::Footnote(footnote) => self.footnote(footnote),
            Block::Table(table) => {
                self.dropped.table = true;
                if self.definitions.has_footnotes() {
                    table.cells().for_each(|cell| self.note_references(cell));
                }
            }
            Block::Paragraph(text) | Block::Text(text) => self.paragraph(text),
        }
    }

    /// Calls `write`, except in the pass that only collects definitions.
    fn write(&mut self, write: impl FnOnce(&mut R, &mut String)) {
        if !self.is_collecting {
            write(&mut self.renderer, &mut self.out);
        }
    }

    fn heading(&mut self, level: u8, text: &str) {
        if R::has_heading(level) {
            self.write(|renderer, out| renderer.open_heading(out, level));
            self.inline(text);
            self.write(|renderer, out| renderer.close_heading(out, level));
        } else {
            self.paragraph(text);
        }
    }

    fn paragraph(&mut self, text: &str) {
        if self.is_collecting {
            return;
        }
        let start = self.out.len();
        self.renderer.open_paragraph(&mut self.out);
        let text_start = self.out.len();
        self.inline(text);
        // A paragraph that renders as nothing leaves no empty element.
        if is_blank(&self.out[text_start..]) {
            self.out.truncate(start);
        } else {
            self.renderer.close_paragraph(&mut self.out, text_start);
        }
    }

    fn quotation(&mut self, raw: &str) {
        self.quotation_depth += 1;
        self.write(R::open_quotation);
        if self.quotation_depth > DEEPEST {
            self.paragraph(raw);
        } else {
            let text = without_marks(raw);
            self.blocks(&text, blocks::DOCUMENT, Texts::AsParagraphs);
        }
        self.write(R::close_quotation);
        self.quotation_depth -= 1;
    }

    fn list(&mut self, list: List<'_>) {
        let is_ordered = list.is_ordered;
        self.list_depth += 1;
        self.write(|renderer, out| renderer.open_list(out, is_ordered));
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
        self.write(|renderer, out| renderer.close_list(out, is_ordered));
        self.list_depth -= 1;
    }

    fn item(&mut self, is_ordered: bool, number: usize, content: impl FnOnce(&mut Self)) {
        self.write(|renderer, out| renderer.open_item(out, is_ordered.then_some(number)));
        let start = self.out.len();
        content(self);
        trim_from(&mut self.out, start);
        self.write(R::close_item);
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
        // A nested footnote, which only a quotation can contain, ends the outer one too.
        self.is_in_footnote = false;
        let content = std::mem::replace(&mut self.out, before);
        if !self.is_collecting {
            self.definitions.set_content(footnote.key, content);
        }
    }

    /// Processes a text only for its footnote references.
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

/// Removes the whitespace at both ends of the output from `start` on.
fn trim_from(out: &mut String, start: usize) {
    out.truncate(start + out[start..].trim_end_matches(is_any_space).len());
    let text = &out[start..];
    let leading = text.len() - text.trim_start_matches(is_any_space).len();
    if leading > 0 {
        out.drain(start..start + leading);
    }
}

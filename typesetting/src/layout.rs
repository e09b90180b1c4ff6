//! Places things on pages, and remembers what belongs together.

use crate::{
    blocks::{Block, Piece, Symbol},
    fonts::font,
    letter::LetterProblem,
    lines::{Line, broken},
    paper::{self, Style},
};

/// What a reader is told that something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The part in one language, by its code.
    Part(&'static str),
    Paragraph,
    Subject,
    Heading,
    List {
        is_ordered: bool,
    },
    Item,
    Label,
    ItemBody,
    QrCode,
}

/// Something and what is in it, in the order in which it is read.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) meaning: Meaning,
    pub(crate) children: Vec<Child>,
}

#[derive(Debug)]
pub(crate) enum Child {
    Node(Node),
    /// The number of a mark.
    Mark(usize),
}

/// Something on paper.
#[derive(Debug)]
pub(crate) struct Mark {
    pub(crate) page: usize,
    /// The left end of the baseline, or the top left corner.
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) ink: Ink,
}

#[derive(Debug)]
pub(crate) enum Ink {
    Line { line: Line, size: f32 },
    QrCode(Symbol),
}

/// An entry of the outline.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) title: String,
    pub(crate) page: usize,
    pub(crate) y: f32,
}

/// All that is to be drawn.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    pub(crate) pages: usize,
    pub(crate) marks: Vec<Mark>,
    pub(crate) parts: Vec<Node>,
    pub(crate) outline: Vec<Entry>,
    pub(crate) unprintable: usize,
    y: f32,
}

type Made<T> = Result<T, LetterProblem>;

impl Node {
    pub(crate) fn new(meaning: Meaning) -> Self {
        Self {
            meaning,
            children: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, node: Self) {
        if !node.children.is_empty() {
            self.children.push(Child::Node(node));
        }
    }
}

impl Layout {
    /// Goes on at the top of a new page.
    pub(crate) fn new_page(&mut self) -> Made<()> {
        if self.pages == paper::MOST_PAGES_MADE {
            return Err(LetterProblem::TooLong);
        }
        self.pages += 1;
        self.y = paper::TOP;
        Ok(())
    }

    /// Goes on at this height of the page, or where we are if that is lower.
    pub(crate) fn go_down_to(&mut self, y: f32) {
        self.y = self.y.max(y);
    }

    fn is_at_the_top(&self) -> bool {
        self.y <= paper::TOP
    }

    fn make_room(&mut self, height: f32) -> Made<()> {
        if self.y + height > paper::BOTTOM && !self.is_at_the_top() {
            self.new_page()?;
        }
        Ok(())
    }

    /// A text that flows over pages.
    pub(crate) fn text(
        &mut self,
        meaning: Meaning,
        text: &[Piece],
        style: &Style,
        left: f32,
    ) -> Made<Node> {
        let mut node = Node::new(meaning);
        let width = (paper::RIGHT - left) / style.size;
        let broken = broken(text, width, style.bold);
        self.unprintable += broken.unprintable;
        if !self.is_at_the_top() {
            self.y += style.before;
        }
        // No first line stays alone at the foot of a page.
        let together = broken.lines.len().min(2);
        self.make_room(rows(together, style))?;
        for line in broken.lines {
            self.make_room(style.leading)?;
            self.line(&mut node, line, style, left);
        }
        self.y += style.after;
        Ok(node)
    }

    fn line(&mut self, node: &mut Node, line: Line, style: &Style, left: f32) {
        let baseline = self.y + baseline(style);
        self.y += style.leading;
        if line.runs.is_empty() {
            return;
        }
        let ink = Ink::Line {
            line,
            size: style.size,
        };
        self.mark(node, left, baseline, ink);
    }

    fn mark(&mut self, node: &mut Node, x: f32, y: f32, ink: Ink) {
        node.children.push(Child::Mark(self.marks.len()));
        let page = self.pages - 1;
        self.marks.push(Mark { page, x, y, ink });
    }

    /// A heading, which never stands at the foot of a page without something under it.
    pub(crate) fn heading(
        &mut self,
        meaning: Meaning,
        text: &[Piece],
        style: &Style,
    ) -> Made<Node> {
        let width = (paper::RIGHT - paper::LEFT) / style.size;
        let lines = broken(text, width, style.bold).lines.len();
        let height = style.before + rows(lines, style) + style.after + rows(2, &paper::BODY);
        self.make_room(height.min(paper::BOTTOM - paper::TOP))?;
        self.outline.push(Entry {
            title: text.iter().map(|piece| piece.text.as_str()).collect(),
            page: self.pages - 1,
            y: self.y,
        });
        self.text(meaning, text, style, paper::LEFT)
    }

    /// Lines at a place of their own, whatever else is on the page; how far down they reach.
    pub(crate) fn fixed(
        &mut self,
        lines: Vec<Line>,
        style: &Style,
        left: f32,
        top: f32,
    ) -> (Node, f32) {
        let back = std::mem::replace(&mut self.y, top);
        let mut node = Node::new(Meaning::Paragraph);
        for line in lines {
            self.line(&mut node, line, style, left);
        }
        (node, std::mem::replace(&mut self.y, back))
    }

    /// Takes back what [`Layout::fixed`] made last.
    pub(crate) fn take_back(&mut self, node: &Node) {
        self.marks.truncate(self.marks.len() - node.children.len());
    }

    /// The blocks of a body, into the part that they belong to.
    pub(crate) fn blocks(&mut self, part: &mut Node, blocks: &[Block], left: f32) -> Made<()> {
        for block in blocks {
            match block {
                Block::Heading(text) => {
                    part.push(self.heading(Meaning::Heading, text, &paper::HEADING)?);
                }
                Block::Paragraph(text) => {
                    part.push(self.text(Meaning::Paragraph, text, &paper::BODY, left)?);
                }
                Block::List { is_ordered, items } => {
                    part.push(self.list(*is_ordered, items, left)?);
                }
                Block::QrCode(symbol) => part.push(self.qr_code(symbol, left)?),
                Block::PageBreak => {
                    if !self.is_at_the_top() {
                        self.new_page()?;
                    }
                }
            }
        }
        Ok(())
    }

    fn list(&mut self, is_ordered: bool, items: &[Vec<Block>], left: f32) -> Made<Node> {
        let mut list = Node::new(Meaning::List { is_ordered });
        let inside = (left + paper::ITEM_INDENT).min(paper::RIGHT - paper::NARROWEST);
        for (place, blocks) in items.iter().enumerate() {
            let label = if is_ordered {
                format!("{}.", place + 1)
            } else {
                "•".to_owned()
            };
            let mut item = Node::new(Meaning::Item);
            self.make_room(rows(2, &paper::BODY))?;
            item.push(self.label(&label, inside));
            let mut body = Node::new(Meaning::ItemBody);
            let before = (self.pages, self.y);
            self.blocks(&mut body, blocks, inside)?;
            if before == (self.pages, self.y) {
                self.y += paper::BODY.leading + paper::BODY.after;
            }
            item.push(body);
            list.push(item);
            self.y += paper::ITEM_AFTER - paper::BODY.after;
        }
        self.y += paper::BODY.after - paper::ITEM_AFTER;
        Ok(list)
    }

    /// The bullet or number of an item; the item stands beside it.
    fn label(&mut self, label: &str, inside: f32) -> Node {
        const GAP: f32 = 0.45;
        let text = crate::tidy::tidy_line(label, false);
        let mut lines = broken(&text, f32::INFINITY, false).lines;
        let mut node = Node::new(Meaning::Label);
        if let Some(line) = lines.pop() {
            let width: f32 = line.runs.iter().map(crate::fonts::Run::width).sum();
            let left = inside - (width + GAP) * paper::BODY.size;
            let back = self.y;
            self.line(&mut node, line, &paper::BODY, left);
            self.y = back;
        }
        node
    }

    fn qr_code(&mut self, symbol: &Symbol, left: f32) -> Made<Node> {
        self.make_room(paper::QR_SIDE)?;
        let mut node = Node::new(Meaning::QrCode);
        self.mark(&mut node, left, self.y, Ink::QrCode(symbol.clone()));
        self.y += paper::QR_SIDE + paper::BODY.after;
        Ok(node)
    }
}

fn rows(count: usize, style: &Style) -> f32 {
    #[expect(clippy::cast_precision_loss, reason = "a page has some fifty rows")]
    let count = count as f32;
    count * style.leading
}

/// From the top of a row to its baseline.
fn baseline(style: &Style) -> f32 {
    (style.leading - style.size) / 2.0 + font(style.bold).ascent() * style.size
}

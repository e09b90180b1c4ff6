//! Places lines and QR codes on pages, and builds the structure tree for tagging.

use std::collections::BTreeSet;

use crate::{
    blocks::{Block, QrSymbol, TextSpan},
    fonts::font,
    line_breaking::{Line, break_lines},
    page_metrics::{self, Style},
    problem::LetterProblem,
};

/// The role of a node in the tagged structure of the PDF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// All content in one language, given by its BCP 47 tag.
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

/// A node of the structure tree, its children in reading order.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) role: Role,
    pub(crate) children: Vec<Child>,
}

#[derive(Debug)]
pub(crate) enum Child {
    Node(Node),
    /// Index into [`Layout::placements`].
    Placement(usize),
}

/// A drawing operation and its position.
#[derive(Debug)]
pub(crate) struct Placement {
    pub(crate) page: usize,
    /// Left end of a line's baseline, or top left corner of a QR code.
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) op: DrawOp,
}

#[derive(Debug)]
pub(crate) enum DrawOp {
    Line { line: Line, size: f32 },
    QrCode(QrSymbol),
}

#[derive(Debug)]
pub(crate) struct OutlineEntry {
    pub(crate) title: String,
    pub(crate) page: usize,
    pub(crate) y: f32,
}

/// A letter laid out on pages, ready to be written as a PDF.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    pub(crate) pages: usize,
    pub(crate) placements: Vec<Placement>,
    pub(crate) parts: Vec<Node>,
    pub(crate) outline: Vec<OutlineEntry>,
    pub(crate) unprintable: BTreeSet<char>,
    /// Where the next content goes on the current page.
    y: f32,
}

type LayoutResult<T> = Result<T, LetterProblem>;

impl Node {
    pub(crate) fn new(role: Role) -> Self {
        Self {
            role,
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
    /// Starts a new page.
    pub(crate) fn new_page(&mut self) -> LayoutResult<()> {
        if self.pages == page_metrics::MAX_TYPESET_PAGES {
            return Err(LetterProblem::TooLong);
        }
        self.pages += 1;
        self.y = page_metrics::TOP;
        Ok(())
    }

    /// Moves down to `y`, unless the position is already below it.
    pub(crate) fn move_down_to(&mut self, y: f32) {
        self.y = self.y.max(y);
    }

    fn is_at_top(&self) -> bool {
        self.y <= page_metrics::TOP
    }

    /// Starts a new page if `height` does not fit on the current one.
    fn make_room(&mut self, height: f32) -> LayoutResult<()> {
        // At the top, another page has no more room than this one, which would stay empty.
        if self.y + height > page_metrics::BOTTOM && !self.is_at_top() {
            self.new_page()?;
        }
        Ok(())
    }

    /// Adds text that flows over pages.
    pub(crate) fn add_text(
        &mut self,
        role: Role,
        text: &[TextSpan],
        style: &Style,
        left: f32,
    ) -> LayoutResult<Node> {
        let mut node = Node::new(role);
        let width = (page_metrics::RIGHT - left) / style.size;
        let broken = break_lines(text, width, style.bold);
        self.unprintable.extend(broken.unprintable);
        if !self.is_at_top() {
            self.y += style.before;
        }
        // Prevents an orphan: a first line alone at the bottom of a page.
        let together = broken.lines.len().min(2);
        self.make_room(rows(together, style))?;
        for line in broken.lines {
            self.make_room(style.leading)?;
            self.add_line(&mut node, line, style, left);
        }
        self.y += style.after;
        Ok(node)
    }

    fn add_line(&mut self, node: &mut Node, line: Line, style: &Style, left: f32) {
        let baseline = self.y + baseline(style);
        self.y += style.leading;
        if line.runs.is_empty() {
            return;
        }
        let op = DrawOp::Line {
            line,
            size: style.size,
        };
        self.place(node, left, baseline, op);
    }

    fn place(&mut self, node: &mut Node, x: f32, y: f32, op: DrawOp) {
        node.children.push(Child::Placement(self.placements.len()));
        let page = self.pages - 1;
        self.placements.push(Placement { page, x, y, op });
    }

    /// Adds a heading, keeping it on the same page as the two lines after it.
    pub(crate) fn add_heading(
        &mut self,
        role: Role,
        text: &[TextSpan],
        style: &Style,
    ) -> LayoutResult<Node> {
        let width = (page_metrics::RIGHT - page_metrics::LEFT) / style.size;
        let lines = break_lines(text, width, style.bold).lines.len();
        let height = style.before + rows(lines, style) + style.after + rows(2, &page_metrics::BODY);
        self.make_room(height.min(page_metrics::BOTTOM - page_metrics::TOP))?;
        self.outline.push(OutlineEntry {
            title: text.iter().map(|span| span.text.as_str()).collect(),
            page: self.pages - 1,
            y: self.y,
        });
        self.add_text(role, text, style, page_metrics::LEFT)
    }

    /// Adds lines at a fixed position, independently of the flow. Returns also the bottom of the last line.
    pub(crate) fn add_fixed(
        &mut self,
        lines: Vec<Line>,
        style: &Style,
        left: f32,
        top: f32,
    ) -> (Node, f32) {
        let flow_y = std::mem::replace(&mut self.y, top);
        let mut node = Node::new(Role::Paragraph);
        for line in lines {
            self.add_line(&mut node, line, style, left);
        }
        (node, std::mem::replace(&mut self.y, flow_y))
    }

    /// Removes what the last [`Layout::add_fixed`] added.
    pub(crate) fn remove_last_fixed(&mut self, node: &Node) {
        self.placements
            .truncate(self.placements.len() - node.children.len());
    }

    /// Adds the blocks of a body to `part`.
    pub(crate) fn add_blocks(
        &mut self,
        part: &mut Node,
        blocks: &[Block],
        left: f32,
    ) -> LayoutResult<()> {
        for block in blocks {
            match block {
                Block::Heading(text) => {
                    part.push(self.add_heading(Role::Heading, text, &page_metrics::HEADING)?);
                }
                Block::Paragraph(text) => {
                    part.push(self.add_text(Role::Paragraph, text, &page_metrics::BODY, left)?);
                }
                Block::List { is_ordered, items } => {
                    part.push(self.add_list(*is_ordered, items, left)?);
                }
                Block::QrCode(symbol) => part.push(self.add_qr_code(symbol, left)?),
                Block::PageBreak => {
                    if !self.is_at_top() {
                        self.new_page()?;
                    }
                }
            }
        }
        Ok(())
    }

    fn add_list(
        &mut self,
        is_ordered: bool,
        items: &[Vec<Block>],
        left: f32,
    ) -> LayoutResult<Node> {
        let mut list = Node::new(Role::List { is_ordered });
        let inside = (left + page_metrics::ITEM_INDENT)
            // Lists can be nested more deeply than the page is wide.
            .min(page_metrics::RIGHT - page_metrics::MIN_TEXT_WIDTH);
        for (index, blocks) in items.iter().enumerate() {
            let label = if is_ordered {
                format!("{}.", index + 1)
            } else {
                "•".to_owned()
            };
            let mut item = Node::new(Role::Item);
            // Before the label, so that no page break separates it from its text.
            self.make_room(rows(2, &page_metrics::BODY))?;
            item.push(self.add_label(&label, inside));
            let mut body = Node::new(Role::ItemBody);
            let before = (self.pages, self.y);
            self.add_blocks(&mut body, blocks, inside)?;
            // An empty item still takes a row, for its label.
            if before == (self.pages, self.y) {
                self.y += page_metrics::BODY.leading + page_metrics::BODY.after;
            }
            item.push(body);
            list.push(item);
            // The last paragraph of the item has already added `BODY.after`.
            self.y += page_metrics::ITEM_AFTER - page_metrics::BODY.after;
        }
        self.y += page_metrics::BODY.after - page_metrics::ITEM_AFTER;
        Ok(list)
    }

    /// Adds the bullet or number of an item, right-aligned in the indent; leaves `y` for the item beside it.
    fn add_label(&mut self, label: &str, inside: f32) -> Node {
        /// Between label and item, as a multiple of the font size.
        const GAP: f32 = 0.45;
        let text = crate::glyph_cleanup::clean_line(label, false);
        let mut lines = break_lines(&text, f32::INFINITY, false).lines;
        let mut node = Node::new(Role::Label);
        if let Some(line) = lines.pop() {
            let width: f32 = line.runs.iter().map(crate::fonts::Run::width).sum();
            let left = inside - (width + GAP) * page_metrics::BODY.size;
            let item_y = self.y;
            self.add_line(&mut node, line, &page_metrics::BODY, left);
            self.y = item_y;
        }
        node
    }

    fn add_qr_code(&mut self, symbol: &QrSymbol, left: f32) -> LayoutResult<Node> {
        self.make_room(page_metrics::QR_SIDE)?;
        let mut node = Node::new(Role::QrCode);
        self.place(&mut node, left, self.y, DrawOp::QrCode(symbol.clone()));
        self.y += page_metrics::QR_SIDE + page_metrics::BODY.after;
        Ok(node)
    }
}

fn rows(count: usize, style: &Style) -> f32 {
    #[expect(clippy::cast_precision_loss, reason = "a page has some fifty rows")]
    let count = count as f32;
    count * style.leading
}

/// Returns the distance from the top of a row to its baseline.
fn baseline(style: &Style) -> f32 {
    (style.leading - style.size) / 2.0 + font(style.bold).ascent() * style.size
}

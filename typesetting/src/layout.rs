//! Places lines and QR codes on pages, and builds the structure tree for tagging.

use std::collections::BTreeSet;

use crate::{
    bidi::{Direction, direction_of},
    blocks::{Block, QrSymbol, TextSpan},
    fonts::FontId,
    line_breaking::{Line, break_lines},
    logo::Logo,
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
    Logo,
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
    /// Left end of a line's baseline, or top left corner of a QR code or logo.
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) op: DrawOp,
}

#[derive(Debug)]
pub(crate) enum DrawOp {
    Line { line: Line, size: f32 },
    QrCode(QrSymbol),
    Logo(Logo),
}

#[derive(Debug)]
pub(crate) struct OutlineEntry {
    pub(crate) title: String,
    pub(crate) page: usize,
    pub(crate) y: f32,
}

/// The part of a page's width that text fills.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    pub(crate) left: f32,
    pub(crate) right: f32,
    /// The direction of the list that the column belongs to; outside of lists, each paragraph has its own.
    direction: Option<Direction>,
}

impl Column {
    /// The width between the margins.
    pub(crate) const FULL: Self = Self {
        left: page_metrics::LEFT,
        right: page_metrics::RIGHT,
        direction: None,
    };

    /// Returns the column of a list's items, which leaves room for their labels.
    fn of_items(self, direction: Direction) -> Self {
        let direction_of_items = Some(direction);
        let indent = page_metrics::ITEM_INDENT;
        // Lists can be nested more deeply than the page is wide.
        let narrowest = page_metrics::MIN_TEXT_WIDTH;
        match direction {
            Direction::LeftToRight => Self {
                left: (self.left + indent).min(self.right - narrowest),
                right: self.right,
                direction: direction_of_items,
            },
            Direction::RightToLeft => Self {
                left: self.left,
                right: (self.right - indent).max(self.left + narrowest),
                direction: direction_of_items,
            },
        }
    }

    /// Returns the left end of a line of a text that goes in `direction`.
    fn start_of(self, line: &Line, direction: Direction, size: f32) -> f32 {
        match (self.direction.unwrap_or(direction), direction) {
            (Direction::LeftToRight, _) => self.left,
            // The spaces at the end of a line extend into the margin: to the left, if that is where the line ends.
            (Direction::RightToLeft, Direction::RightToLeft) => self.right - line.width() * size,
            (Direction::RightToLeft, Direction::LeftToRight) => {
                self.right - line.visible_width() * size
            }
        }
    }
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
        column: Column,
    ) -> LayoutResult<Node> {
        let mut node = Node::new(role);
        let width = (column.right - column.left) / style.size;
        let around = column.direction.unwrap_or(Direction::LeftToRight);
        let broken = break_lines(text, width, style.bold, around);
        self.unprintable.extend(broken.unprintable);
        if !self.is_at_top() {
            self.y += style.before;
        }
        // Prevents an orphan: a first line alone at the bottom of a page.
        let together = broken.lines.len().min(2);
        self.make_room(rows(together, style))?;
        for line in broken.lines {
            self.make_room(style.leading)?;
            let left = column.start_of(&line, broken.direction, style.size);
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
        let broken = break_lines(text, width, style.bold, Direction::LeftToRight);
        let lines = broken.lines.len();
        let height = style.before + rows(lines, style) + style.after + rows(2, &page_metrics::BODY);
        self.make_room(height.min(page_metrics::BOTTOM - page_metrics::TOP))?;
        self.outline.push(OutlineEntry {
            title: text.iter().map(|span| span.text.as_str()).collect(),
            page: self.pages - 1,
            y: self.y,
        });
        self.add_text(role, text, style, Column::FULL)
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
        column: Column,
    ) -> LayoutResult<()> {
        for block in blocks {
            match block {
                Block::Heading(text) => {
                    part.push(self.add_heading(Role::Heading, text, &page_metrics::HEADING)?);
                }
                Block::Paragraph(text) => {
                    part.push(self.add_text(Role::Paragraph, text, &page_metrics::BODY, column)?);
                }
                Block::List { is_ordered, items } => {
                    part.push(self.add_list(*is_ordered, items, column)?);
                }
                Block::QrCode(symbol) => part.push(self.add_qr_code(symbol, column.left)?),
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
        column: Column,
    ) -> LayoutResult<Node> {
        let mut list = Node::new(Role::List { is_ordered });
        let direction = items
            .iter()
            .find_map(|item| direction_of_blocks(item))
            .or(column.direction);
        let direction = direction.unwrap_or(Direction::LeftToRight);
        let inside = column.of_items(direction);
        for (index, blocks) in items.iter().enumerate() {
            let label = if is_ordered {
                format!("{}.", index + 1)
            } else {
                "•".to_owned()
            };
            let mut item = Node::new(Role::Item);
            // Before the label, so that no page break separates it from its text.
            self.make_room(rows(2, &page_metrics::BODY))?;
            item.push(self.add_label(&label, inside, direction));
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

    /// Adds the bullet or number of an item beside its column; leaves `y` for the item.
    fn add_label(&mut self, label: &str, items: Column, direction: Direction) -> Node {
        /// Between label and item, as a multiple of the font size.
        const GAP: f32 = 0.45;
        let size = page_metrics::BODY.size;
        let text = crate::glyph_cleanup::clean_line(label, false);
        let mut lines = break_lines(&text, f32::INFINITY, false, direction).lines;
        let mut node = Node::new(Role::Label);
        if let Some(line) = lines.pop() {
            let left = match direction {
                Direction::LeftToRight => items.left - (line.width() + GAP) * size,
                Direction::RightToLeft => items.right + GAP * size,
            };
            let item_y = self.y;
            self.add_line(&mut node, line, &page_metrics::BODY, left);
            self.y = item_y;
        }
        node
    }

    /// Adds a logo at its place on the current page, independently of the flow.
    pub(crate) fn add_logo(&mut self, logo: &Logo) -> Node {
        let mut node = Node::new(Role::Logo);
        let (left, top) = (page_metrics::LEFT, page_metrics::LOGO_TOP);
        self.place(&mut node, left, top, DrawOp::Logo(logo.clone()));
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

/// Returns the direction of the first letter in some blocks.
fn direction_of_blocks(blocks: &[Block]) -> Option<Direction> {
    blocks.iter().find_map(|block| match block {
        Block::Heading(text) | Block::Paragraph(text) => {
            text.iter().find_map(|span| direction_of(&span.text))
        }
        Block::List { items, .. } => items.iter().find_map(|item| direction_of_blocks(item)),
        Block::PageBreak | Block::QrCode(_) => None,
    })
}

fn rows(count: usize, style: &Style) -> f32 {
    #[expect(clippy::cast_precision_loss, reason = "a page has some fifty rows")]
    let count = count as f32;
    count * style.leading
}

/// Returns the distance from the top of a row to its baseline, the same for all fonts: a line with a name in another script stands
/// as far from its neighbours as others.
fn baseline(style: &Style) -> f32 {
    (style.leading - style.size) / 2.0 + FontId::main(style.bold).font().ascent() * style.size
}

//! What a body is made of.

/// Words with their weight. A line feed is the end of a line; there is no other space than spaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) text: String,
    pub(crate) bold: bool,
}

/// Something that stands by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Block {
    Heading(Vec<Piece>),
    Paragraph(Vec<Piece>),
    List {
        is_ordered: bool,
        items: Vec<Vec<Block>>,
    },
    PageBreak,
    QrCode(Symbol),
}

/// A QR code: its dark modules, as runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Symbol {
    /// Modules on a side.
    pub(crate) side: u16,
    /// Column, row and length of each run.
    pub(crate) runs: Vec<(u16, u16, u16)>,
}

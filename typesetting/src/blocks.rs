//! The structure of a letter's body, between parsing and layout.

/// Text of one weight. `\n` ends a line; the only other white space is the space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TextSpan {
    pub(crate) text: String,
    pub(crate) bold: bool,
}

/// A block-level element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Block {
    Heading(Vec<TextSpan>),
    Paragraph(Vec<TextSpan>),
    List {
        is_ordered: bool,
        items: Vec<Vec<Block>>,
    },
    PageBreak,
    QrCode(QrSymbol),
}

/// The dark modules of a QR code, as horizontal runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QrSymbol {
    /// Modules on a side.
    pub(crate) side: u16,
    /// Column, row and length of each run.
    pub(crate) runs: Vec<(u16, u16, u16)>,
}

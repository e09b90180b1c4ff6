//! Limits of a letter, and why one cannot be typeset.

use crate::page_metrics::MAX_TYPESET_PAGES;

/// The largest body in bytes of HTML; more text than [`MAX_TYPESET_PAGES`] pages hold.
pub const MAX_BODY_BYTES: usize = 1 << 20;

/// Reason why a letter cannot be typeset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LetterProblem {
    /// It has more than [`MAX_TYPESET_PAGES`] pages or [`MAX_BODY_BYTES`] bytes.
    #[error(
        "the letter is too long to be printed: it has more than {} pages",
        MAX_TYPESET_PAGES
    )]
    TooLong,
    /// Even at the smallest font size the address exceeds the envelope's window.
    #[error("the address does not fit the window of the envelope: shorten its lines")]
    AddressDoesNotFit,
    /// The contact block leaves no room for the letter.
    #[error("the contact block is too long: at most some thirty lines can be printed")]
    ContactBlockTooLong,
    /// The PDF library refused the document: a defect.
    #[error("the pages could not be written as a PDF: {0}")]
    Unwritable(String),
}

//! Letters that services supply as PDF: checking what is on the pages (`docs/spec/letters.md` §5.3).

mod append;
pub(crate) mod areas;
mod fonts;
mod page_text;
mod printable;
mod rewrite;

pub use append::{append_pages, prepare_attachment};
pub use rewrite::{RewriteError, rewrite_supplied_letter};

use std::panic::{AssertUnwindSafe, catch_unwind};

use hayro_interpret::hayro_syntax::{Pdf, page::Page};
use serde::{Deserialize, Serialize};

use crate::{
    page_metrics::TAG_TEXT,
    pdf_check::{PdfLimits, PdfProblem, PdfSummary, check_pdf},
    raster::{draw_page, encode_png},
};

/// What is known of a supplied letter whose pages can be printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuppliedLetter {
    /// Number of pages.
    pub pages: usize,
    /// Text in the address window, line by line. Whether it is an address was not checked.
    pub address_lines: Vec<String>,
}

/// Why a supplied letter is rejected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{problem}")]
pub struct SuppliedLetterError {
    /// The first problem that was found.
    pub problem: PdfProblem,
    /// Number of pages, if it is known.
    pub pages: Option<usize>,
}

/// Checks everything about a supplied letter except its address, which is read. Blocks.
///
/// Like [`check_pdf`], call it in a process of its own.
pub fn check_supplied_letter(
    pdf: &[u8],
    limits: PdfLimits,
) -> Result<SuppliedLetter, SuppliedLetterError> {
    let PdfSummary { pages } = check_pdf(pdf, limits).map_err(with_pages)?;
    catching(|| check_content(pdf, pages, 1)).map_err(|problem| SuppliedLetterError {
        problem,
        pages: Some(pages),
    })
}

/// Adds the number of pages to a problem that says it.
fn with_pages(problem: PdfProblem) -> SuppliedLetterError {
    let pages = match &problem {
        PdfProblem::TooLong { pages } => Some(*pages),
        PdfProblem::NotA4 { page_count, .. } => Some(*page_count),
        _ => None,
    };
    SuppliedLetterError { problem, pages }
}

/// Runs a parser, whose panic means that the file is damaged.
fn catching<T>(parse: impl FnOnce() -> Result<T, PdfProblem>) -> Result<T, PdfProblem> {
    catch_unwind(AssertUnwindSafe(parse)).unwrap_or(Err(PdfProblem::Unreadable))
}

/// Checks what is on the pages. The first of them is page `first` of the letter that they will be in.
fn check_content(pdf: &[u8], pages: usize, first: usize) -> Result<SuppliedLetter, PdfProblem> {
    let document = Pdf::new(pdf.to_vec()).map_err(|_| PdfProblem::Unreadable)?;
    // Two parsers that disagree about a file would let one check what the other does not print.
    if document.pages().len() != pages {
        return Err(PdfProblem::Unreadable);
    }
    let settings = fonts::settings();
    let outside = numbers(&document, |number, page| {
        printable::has_content_outside(page, number + first - 1, &settings)
    });
    if !outside.is_empty() {
        return Err(PdfProblem::OutsidePrintableArea { pages: outside });
    }
    let tagged = numbers(&document, |_, page| {
        page_text::read_lines(page, areas::NOTIFY_TAG, &settings) == [TAG_TEXT]
    });
    if !tagged.is_empty() {
        return Err(PdfProblem::NotifyTag { pages: tagged });
    }
    let window = areas::ADDRESS_WINDOW.grown(areas::READING_MARGIN);
    Ok(SuppliedLetter {
        pages,
        address_lines: page_text::read_lines(&document.pages()[0], window, &settings),
    })
}

/// Returns the numbers of the pages, from 1, for which `is_wrong` is true. It is given the number too.
fn numbers(document: &Pdf, is_wrong: impl Fn(usize, &Page<'_>) -> bool) -> Vec<usize> {
    let pages = document.pages().iter().enumerate();
    pages
        .filter(|(place, page)| is_wrong(place + 1, page))
        .map(|(place, _)| place + 1)
        .collect()
}

/// Returns a picture of a page, counted from 1, as PNG; `None` if the file cannot be read or has no such page. Where
/// nothing may be printed the picture is red if `with_margins` is true. Blocks.
///
/// Like [`check_pdf`], call it in a process of its own.
pub fn draw_page_as_png(pdf: &[u8], number: usize, with_margins: bool) -> Option<Vec<u8>> {
    catch_unwind(AssertUnwindSafe(|| {
        let document = Pdf::new(pdf.to_vec()).ok()?;
        let page = document.pages().get(number.checked_sub(1)?)?;
        let mut picture = draw_page(page, PICTURE_DOTS_PER_INCH, &fonts::settings());
        if with_margins {
            printable::mark_margins(&mut picture, number);
        }
        Some(encode_png(&picture))
    }))
    .ok()?
}

/// Resolution of pictures that people look at.
const PICTURE_DOTS_PER_INCH: f64 = 150.0;

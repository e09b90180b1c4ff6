//! PDFs that services supply as letters.

use std::{io, time::Duration};

use bytes::Bytes;
use sandbox::Limits;
use serde::{Deserialize, Serialize};
use typesetting::{
    PdfLimits, PdfProblem, PdfSummary, SuppliedLetter, SuppliedLetterError, check_supplied_letter,
    draw_page_as_png, rewrite_supplied_letter,
};

use super::{
    FileKind, ForeignFiles, Unavailable,
    slow_services::{Effort, PLACES},
};

/// Counting the pages.
pub(super) const PAGES: FileKind = FileKind {
    name: "pdf",
    limits: Limits {
        memory_bytes: 192 << 20,
        stack_bytes: 8 << 20,
        cpu_seconds: 10,
        time: Duration::from_mins(1),
        answer_bytes: 64 << 10,
    },
    at_once: 2,
    read: |_, pdf, answer| {
        let checked = typesetting::check_pdf(pdf, PdfLimits::default());
        Ok(serde_json::to_writer(answer, &checked)?)
    },
};

/// The whole check of a supplied letter: each page is drawn.
pub(super) const LETTER: FileKind = FileKind {
    name: "supplied-letter",
    limits: Limits {
        memory_bytes: 320 << 20,
        stack_bytes: 16 << 20,
        cpu_seconds: 20,
        time: Duration::from_mins(2),
        answer_bytes: 256 << 10,
    },
    at_once: PLACES,
    read: |_, pdf, answer| {
        let checked = check_supplied_letter(pdf, PdfLimits::default());
        Ok(serde_json::to_writer(answer, &checked)?)
    },
};

/// A picture of one page.
pub(super) const PICTURE: FileKind = FileKind {
    name: "letter-page",
    limits: Limits {
        memory_bytes: 320 << 20,
        stack_bytes: 16 << 20,
        cpu_seconds: 10,
        time: Duration::from_mins(1),
        answer_bytes: 24 << 20,
    },
    at_once: 1,
    read: |page, pdf, answer| {
        let page: Page = serde_json::from_str(page)?;
        let picture = draw_page_as_png(pdf, page.number, page.with_margins);
        answer.write_all(&picture.ok_or(io::ErrorKind::InvalidData)?)
    },
};

/// Rewriting a supplied letter for the printer.
pub(super) const REWRITE: FileKind = FileKind {
    name: "letter-rewrite",
    limits: Limits {
        memory_bytes: 512 << 20,
        stack_bytes: 16 << 20,
        cpu_seconds: 20,
        time: Duration::from_mins(2),
        answer_bytes: 40 << 20,
    },
    // As many as are checked, or the files of one service could hold up those of all others here.
    at_once: PLACES,
    read: |address, pdf, answer| {
        let address: Vec<String> = serde_json::from_str(address)?;
        let rewritten = rewrite_supplied_letter(pdf, &address).map_err(io::Error::other)?;
        answer.write_all(&rewritten)
    },
};

/// Which page to draw. It takes the place of the file's name.
#[derive(Serialize, Deserialize)]
struct Page {
    number: usize,
    with_margins: bool,
}

/// Why a PDF did not pass its check.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PdfError {
    /// The file is not acceptable.
    #[error(transparent)]
    Problem(#[from] PdfProblem),
    /// It could not be checked now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl ForeignFiles {
    /// Checks a PDF.
    pub(crate) async fn check_pdf(&self, pdf: Bytes) -> Result<PdfSummary, PdfError> {
        let Some(answer) = self.read(&PAGES, "", pdf).await? else {
            return Err(PdfProblem::Unreadable.into());
        };
        let checked: Result<PdfSummary, PdfProblem> =
            // An answer in another form is the child's, whose parser the file may have taken over.
            serde_json::from_slice(&answer.bytes).map_err(|_| PdfProblem::Unreadable)?;
        Ok(checked?)
    }

    /// Checks all of a supplied letter but its address, which is read.
    pub(crate) async fn check_letter(
        &self,
        pdf: Bytes,
        effort: &mut Effort,
    ) -> Result<Result<SuppliedLetter, SuppliedLetterError>, Unavailable> {
        let unreadable = || {
            Err(SuppliedLetterError {
                problem: PdfProblem::Unreadable,
                pages: None,
            })
        };
        let Some(answer) = self.read_counting(&LETTER, "", pdf, effort).await? else {
            return Ok(unreadable());
        };
        Ok(serde_json::from_slice(&answer.bytes).unwrap_or_else(|_| unreadable()))
    }

    /// Rewrites a supplied letter for the printer, with these lines as its address; `None` if that is impossible.
    pub(crate) async fn rewrite_letter(
        &self,
        pdf: Bytes,
        address: &[String],
        effort: &mut Effort,
    ) -> Result<Option<Bytes>, Unavailable> {
        let address = serde_json::to_string(address).expect("texts are writable as JSON");
        let answer = self.read_counting(&REWRITE, &address, pdf, effort).await?;
        Ok(answer
            .filter(|answer| answer.bytes.starts_with(b"%PDF-"))
            .map(|answer| Bytes::from(answer.bytes)))
    }

    /// Draws a page, counted from 1, as PNG; `None` if there is no such page or it cannot be drawn.
    pub(crate) async fn draw_page(
        &self,
        pdf: Bytes,
        number: usize,
        with_margins: bool,
    ) -> Result<Option<Bytes>, Unavailable> {
        let page = serde_json::to_string(&Page {
            number,
            with_margins,
        });
        let page = page.expect("numbers are writable as JSON");
        let answer = self.read(&PICTURE, &page, pdf).await?;
        Ok(answer
            .filter(|answer| answer.bytes.starts_with(b"\x89PNG"))
            .map(|answer| Bytes::from(answer.bytes)))
    }
}

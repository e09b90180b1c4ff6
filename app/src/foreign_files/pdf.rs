//! PDFs that services supply as letters.

use std::{io, time::Duration};

use bytes::Bytes;
use domain::ServiceId;
use sandbox::Limits;
use serde::{Deserialize, Serialize};
use typesetting::{
    PdfLimits, PdfProblem, PdfSummary, SuppliedLetter, SuppliedLetterError, append_pages,
    check_supplied_letter, draw_page_as_png, prepare_attachment, rewrite_supplied_letter,
};

use super::{
    FileKind, ForeignFiles, Unavailable,
    slow_services::{Effort, PLACES},
};
use crate::service_turns::PlaceInQueue;

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

/// Checking and rewriting pages that are appended to letters.
pub(super) const ATTACHMENT: FileKind = FileKind {
    name: "letter-attachment",
    limits: Limits {
        memory_bytes: 512 << 20,
        stack_bytes: 16 << 20,
        cpu_seconds: 40,
        time: Duration::from_mins(2),
        answer_bytes: 40 << 20,
    },
    at_once: 1,
    read: |_, pdf, answer| {
        let prepared = prepare_attachment(pdf, PdfLimits::default());
        // A line of JSON, then the pages.
        let (pages, prepared) = match prepared {
            Ok((pages, count)) => (pages, Ok(count)),
            Err(error) => (Vec::new(), Err(error)),
        };
        serde_json::to_writer(&mut *answer, &prepared)?;
        answer.write_all(b"\n")?;
        answer.write_all(&pages)
    },
};

/// Appending them to a letter: they came from outside once.
pub(super) const APPEND: FileKind = FileKind {
    name: "letter-append",
    limits: Limits {
        memory_bytes: 512 << 20,
        stack_bytes: 16 << 20,
        cpu_seconds: 20,
        time: Duration::from_mins(1),
        answer_bytes: 60 << 20,
    },
    at_once: 2,
    read: |length, files, answer| {
        // The letter, then the attachment.
        let length: usize = serde_json::from_str(length)?;
        let (letter, attachment) = files
            .split_at_checked(length)
            .ok_or(io::ErrorKind::InvalidData)?;
        let merged = append_pages(letter, attachment).map_err(io::Error::other)?;
        answer.write_all(&merged)
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

/// Why a page was not drawn.
#[derive(Debug, thiserror::Error)]
pub enum DrawError {
    /// Too many wait to be drawn, of all services or of this one.
    #[error("too many pages are being drawn")]
    TooMany,
    /// It could not be drawn now.
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

    /// Returns a place in the queue of pages that are to be drawn. A page can take a child until its limit: those of one service
    /// wait behind each other.
    pub(crate) fn queue_for_drawing(&self, service: ServiceId) -> Result<PlaceInQueue, DrawError> {
        self.pictures.admit(service).ok_or(DrawError::TooMany)
    }

    /// Checks pages that are to be appended to letters, and returns them as the printer takes them, with their number.
    pub(crate) async fn prepare_attachment(
        &self,
        pdf: Bytes,
    ) -> Result<Result<(Bytes, usize), SuppliedLetterError>, Unavailable> {
        let unreadable = || SuppliedLetterError {
            problem: PdfProblem::Unreadable,
            pages: None,
        };
        let Some(answer) = self.read(&ATTACHMENT, "", pdf).await? else {
            return Ok(Err(unreadable()));
        };
        let bytes = Bytes::from(answer.bytes);
        let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
            return Ok(Err(unreadable()));
        };
        let count: Result<usize, SuppliedLetterError> =
            serde_json::from_slice(&bytes[..end]).unwrap_or_else(|_| Err(unreadable()));
        Ok(count.map(|count| (bytes.slice(end + 1..), count)))
    }

    /// Returns a letter with pages after its last one; `None` if that is impossible.
    pub(crate) async fn append_pages(
        &self,
        letter: &[u8],
        attachment: &[u8],
    ) -> Result<Option<Bytes>, Unavailable> {
        let length = letter.len().to_string();
        let both = Bytes::from([letter, attachment].concat());
        let answer = self.read(&APPEND, &length, both).await?;
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
    ) -> Result<Option<Bytes>, DrawError> {
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

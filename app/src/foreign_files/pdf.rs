//! PDFs that services supply as letters.

use std::time::Duration;

use bytes::Bytes;
use sandbox::Limits;
use typesetting::{PdfLimits, PdfProblem, PdfSummary};

use super::{FileKind, ForeignFiles, Unavailable};

pub(super) const KIND: FileKind = FileKind {
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
        let Some(answer) = self.read(&KIND, "", pdf).await? else {
            return Err(PdfProblem::Unreadable.into());
        };
        let checked: Result<PdfSummary, PdfProblem> =
            // An answer in another form is the child's, whose parser the file may have taken over.
            serde_json::from_slice(&answer.bytes).map_err(|_| PdfProblem::Unreadable)?;
        Ok(checked?)
    }
}

use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

/// Why a file cannot be read as a spreadsheet.
///
/// It displays as one sentence for the person who sent the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{problem}")]
pub struct ReadError {
    line: Option<NonZeroUsize>,
    problem: String,
}

impl ReadError {
    /// Returns the line of the text, counted from 1 as an editor does. Workbooks have none.
    pub fn line(&self) -> Option<usize> {
        self.line.map(NonZeroUsize::get)
    }

    /// Returns the error of a file whose reader ended without a result: it is malicious, or needs more than a reader
    /// may use.
    pub fn unreadable() -> Self {
        Self::whole_file(
            "The file cannot be read: it is damaged, or too complex. Open it in your spreadsheet program and save its first \
             sheet as CSV.",
        )
    }

    pub(super) fn whole_file(problem: impl Into<String>) -> Self {
        Self {
            line: None,
            problem: problem.into(),
        }
    }

    pub(super) fn on_line(line: usize, problem: &str) -> Self {
        Self {
            line: NonZeroUsize::new(line),
            problem: format!("Line {line}: {problem}"),
        }
    }
}

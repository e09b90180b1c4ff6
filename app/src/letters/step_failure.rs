//! Why a step of a letter's life did not end with its result.

use domain::NotificationStatus;
use queue::RetryPolicy;
use typesetting::LetterProblem;

use super::{TypesetError, logos::ReadLogoError};
use crate::{
    OpenError,
    foreign_files::{PdfError, Unavailable},
    tasks,
};

/// Why a step did not end with its result.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum StepFailure {
    /// Another attempt may succeed. When the attempts of this policy are used up, the letter becomes
    /// `technical-failure`.
    Retry {
        /// The policy of the step.
        policy: RetryPolicy,
        /// The reason.
        why: String,
    },
    /// No attempt can succeed: the letter gets this status, for this reason.
    Permanent(NotificationStatus, String),
    /// There is nothing more to do, because the letter was cancelled, or another worker has done the step.
    Noop,
}

impl StepFailure {
    /// Returns the failure of a step with the policy of making and checking PDFs, the commonest.
    pub(crate) fn retry(why: impl Into<String>) -> Self {
        Self::Retry {
            policy: tasks::LETTER_PDF,
            why: why.into(),
        }
    }

    /// Returns a failure that a person must look at.
    pub(crate) fn technical(why: impl Into<String>) -> Self {
        Self::Permanent(NotificationStatus::TechnicalFailure, why.into())
    }
}

impl From<store::Error> for StepFailure {
    fn from(error: store::Error) -> Self {
        Self::retry(error.to_string())
    }
}

impl From<files::Error> for StepFailure {
    fn from(error: files::Error) -> Self {
        Self::retry(error.to_string())
    }
}

impl From<OpenError> for StepFailure {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Damaged => {
                Self::technical("the pages of the letter are damaged in the file storage")
            }
            other => Self::retry(other.to_string()),
        }
    }
}

impl From<TypesetError> for StepFailure {
    fn from(problem: TypesetError) -> Self {
        let status = match problem {
            // Waiting may help with these.
            TypesetError::Store(fault) | TypesetError::Logo(ReadLogoError::Store(fault)) => {
                return fault.into();
            }
            TypesetError::File(fault) | TypesetError::Logo(ReadLogoError::File(fault)) => {
                return fault.into();
            }
            TypesetError::Unavailable(fault) => return fault.into(),
            TypesetError::Letter(LetterProblem::TooLong) | TypesetError::Unprintable(_) => {
                NotificationStatus::ValidationFailed
            }
            _ => NotificationStatus::TechnicalFailure,
        };
        Self::Permanent(status, problem.to_string())
    }
}

impl From<Unavailable> for StepFailure {
    fn from(fault: Unavailable) -> Self {
        Self::retry(fault.to_string())
    }
}

impl From<PdfError> for StepFailure {
    fn from(error: PdfError) -> Self {
        match error {
            PdfError::Unavailable(fault) => fault.into(),
            PdfError::Problem(problem) => {
                let why = format!("{}: {problem}", problem.reason());
                Self::Permanent(NotificationStatus::ValidationFailed, why)
            }
        }
    }
}

//! What is wrong with a response file: a person must look at it.

use std::collections::BTreeSet;

use super::lines::InvalidLine;

/// What a task of a response file raises at its end. The texts are those of `docs/spec/letters.md` §8, which alerts match.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DvlaException {
    /// A line does not have the right form, so nothing of the file was applied.
    #[error("DVLA response file: {key} has an invalid format")]
    InvalidFormat {
        /// Key of the file.
        key: String,
        /// The first such line, in words.
        line: String,
    },
    /// Letters could not be printed or posted. The whole file was applied.
    #[error(
        "DVLA response file: {key} has failed letters with notification.reference {references:?}"
    )]
    FailedLetters {
        /// Key of the file.
        key: String,
        /// Their references, in the order of the file.
        references: Vec<String>,
    },
    /// A letter is neither sorted nor unsorted, so nothing was counted.
    #[error("DVLA response file: {key} contains unknown Sorted status {values:?}")]
    UnknownSortedStatus {
        /// Key of the file.
        key: String,
        /// What the file says in place of them, in lower case.
        values: BTreeSet<String>,
        /// The first such line, in words.
        line: String,
    },
    /// The billing day cannot be read from the name, so nothing was counted.
    #[error("DVLA response file: {key} has no usable date in its name")]
    NoDate {
        /// Key of the file.
        key: String,
    },
}

impl DvlaException {
    pub(super) fn invalid_format(key: &str, line: InvalidLine) -> Self {
        Self::InvalidFormat {
            key: key.to_owned(),
            line: line.to_string(),
        }
    }

    /// Returns which line is the first that is wrong, and how, if one is.
    pub fn line(&self) -> Option<&str> {
        match self {
            Self::InvalidFormat { line, .. } | Self::UnknownSortedStatus { line, .. } => Some(line),
            Self::FailedLetters { .. } | Self::NoDate { .. } => None,
        }
    }

    /// Returns the problem in a few words, for lists.
    pub(super) const fn summary(&self) -> &'static str {
        match self {
            Self::InvalidFormat { .. } => "invalid format",
            Self::FailedLetters { .. } => "failed letters",
            Self::UnknownSortedStatus { .. } => "unknown sorted status",
            Self::NoDate { .. } => "no date in its name",
        }
    }
}

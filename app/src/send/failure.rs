//! Why an attempt to send a notification did not end with a provider that accepted it.

use std::{sync::Arc, time::Duration};

use domain::NotificationStatus;
use providers::{RejectReason, SendError};
use queue::RetryPolicy;

use crate::{OpenError, letters::StepFailure, tasks::Step};

/// A provider cannot delay a notification for longer, whatever it asks for.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(24);

/// Why a notification was not sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SendFailure {
    /// Another attempt may succeed.
    Retry {
        /// The policy of the step that failed; by default that of the task's kind.
        policy: Option<RetryPolicy>,
        /// When to retry, if not after the delay of the policy.
        after: Option<Duration>,
        /// The status that the notification gets when the retries are used up.
        exhausted: NotificationStatus,
        why: String,
    },
    /// The provider may have it: another attempt follows, after long.
    Unknown(String),
    /// No attempt can succeed: the status that the notification gets, and the reason.
    Permanent(NotificationStatus, String),
    /// There is nothing to send, or nothing more to record.
    Noop,
    /// The step of a letter is done, or was done before, and this one follows.
    Next(Step),
    /// No provider had room for the message. It was not attempted, and may be after this long.
    NoRoom(Duration),
    /// The lease was lost before the provider was called. Another worker has the batch.
    LeaseLost,
}

impl SendFailure {
    pub(super) fn retry(why: impl Into<String>) -> Self {
        Self::Retry {
            policy: None,
            after: None,
            exhausted: NotificationStatus::TechnicalFailure,
            why: why.into(),
        }
    }

    pub(super) fn technical(why: impl Into<String>) -> Self {
        Self::Permanent(NotificationStatus::TechnicalFailure, why.into())
    }

    pub(super) fn no_active_provider(channel: domain::Channel) -> Self {
        Self::retry(format!(
            "{channel} notification failed as no active providers"
        ))
    }

    /// Gives a failure that can be retried the policy of the step that failed. The innermost step decides.
    pub(super) fn with_policy(self, step: RetryPolicy) -> Self {
        match self {
            Self::Retry {
                policy,
                after,
                exhausted,
                why,
            } => Self::Retry {
                policy: policy.or(Some(step)),
                after,
                exhausted,
                why,
            },
            other => other,
        }
    }

    /// Translates the error of a provider. `if_not_sent` is when to retry a message that the provider certainly does not
    /// have, if not after the delay of the policy.
    pub(super) fn from_provider(error: &SendError, if_not_sent: Option<Duration>) -> Self {
        let mut exhausted = NotificationStatus::TechnicalFailure;
        let after = match error {
            SendError::Rejected { reason, detail } => {
                let status = match reason {
                    RejectReason::Recipient => NotificationStatus::PermanentFailure,
                    RejectReason::Message => NotificationStatus::TechnicalFailure,
                };
                return Self::Permanent(status, detail.to_string());
            }
            SendError::Throttled { retry_after, .. } => {
                retry_after.map(|asked| asked.min(MAX_RETRY_AFTER))
            }
            SendError::Unavailable { .. } => if_not_sent,
            // No provider has failed: a full mailbox is one to write to later.
            SendError::RecipientUnavailable { .. } => {
                exhausted = NotificationStatus::TemporaryFailure;
                None
            }
            SendError::Unknown { .. } => return Self::Unknown(error.to_string()),
        };
        Self::Retry {
            policy: None,
            after,
            exhausted,
            why: error.to_string(),
        }
    }
}

impl From<store::Error> for SendFailure {
    fn from(error: store::Error) -> Self {
        Self::retry(error.to_string())
    }
}

impl From<Arc<store::Error>> for SendFailure {
    fn from(error: Arc<store::Error>) -> Self {
        Self::retry(error.to_string())
    }
}

impl From<StepFailure> for SendFailure {
    fn from(failure: StepFailure) -> Self {
        match failure {
            StepFailure::Retry { policy, why } => Self::retry(why).with_policy(policy),
            StepFailure::Permanent(status, why) => Self::Permanent(status, why),
            StepFailure::Noop => Self::Noop,
        }
    }
}

impl From<files::Error> for SendFailure {
    fn from(error: files::Error) -> Self {
        Self::retry(error.to_string())
    }
}

impl From<OpenError> for SendFailure {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Damaged => {
                Self::technical("the pages of the letter are damaged in the file storage")
            }
            other => Self::retry(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_cannot_ask_for_an_absurd_delay() {
        let after = |retry_after| {
            let error = SendError::Throttled {
                retry_after,
                detail: "slow down".into(),
            };
            match SendFailure::from_provider(&error, None) {
                SendFailure::Retry { after, .. } => after,
                other => panic!("{other:?}"),
            }
        };
        let for_ever = Duration::from_secs(u64::MAX);
        assert_eq!(after(Some(for_ever)), Some(MAX_RETRY_AFTER));
        let seconds = Duration::from_secs(7);
        assert_eq!(after(Some(seconds)), Some(seconds));
        assert_eq!(after(None), None);
    }
}

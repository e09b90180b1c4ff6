use crate::words::words;

words! {
    /// How far a job has come (`docs/spec/workers.md` §1.1, §4.2).
    JobStatus, "job status" {
        /// Accepted; its task waits.
        Pending = "pending",
        /// Its rows are being kept.
        InProgress = "in progress",
        /// Every row is kept as a notification.
        Finished = "finished",
        /// The same, as the reference calls it once it has counted.
        FinishedAllNotificationsCreated = "finished all notifications created",
        /// It would have passed a daily limit; no row was kept.
        SendingLimitsExceeded = "sending limits exceeded",
        /// Waits for its time.
        Scheduled = "scheduled",
        /// Stopped for good: before its time, while it was paused, or because its service is inactive; or its letters were
        /// all cancelled. Rows that were kept before are sent.
        Cancelled = "cancelled",
        /// Never written any more.
        ReadyToSend = "ready to send",
        /// Never written any more.
        SentToDvla = "sent to dvla",
        /// Could not go on; an operator can see why.
        Error = "error",
        /// Stopped by a person, who may let it go on; a word of ours that the reference does not have.
        Paused = "paused",
    }
}

impl JobStatus {
    /// Whether a job in this status may change to `next` (`docs/spec/workers.md` §4.2). Staying as it is, is no change.
    pub const fn can_transition_to(self, next: Self) -> bool {
        use JobStatus::{
            Cancelled, Error, Finished, FinishedAllNotificationsCreated, InProgress, Paused,
            Pending, Scheduled, SendingLimitsExceeded,
        };
        matches!(
            (self, next),
            (Scheduled | Paused, Cancelled | Pending)
                | (
                    Pending,
                    InProgress | Cancelled | SendingLimitsExceeded | Error | Paused
                )
                | (
                    InProgress,
                    Finished | Cancelled | SendingLimitsExceeded | Error | Paused
                )
                | (Error, InProgress | Cancelled)
                | (Finished, FinishedAllNotificationsCreated)
                | (FinishedAllNotificationsCreated, Cancelled)
        )
    }

    /// The statuses from which a job may become `next`.
    pub fn sources_of(next: Self) -> impl Iterator<Item = Self> {
        Self::ALL
            .iter()
            .copied()
            .filter(move |status| status.can_transition_to(next))
    }

    /// Nothing more will happen by itself.
    pub const fn is_terminal(self) -> bool {
        !matches!(
            self,
            Self::Pending | Self::InProgress | Self::Scheduled | Self::Paused
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_waits_can_be_cancelled_and_one_whose_rows_are_all_kept_cannot() {
        assert!(JobStatus::Scheduled.can_transition_to(JobStatus::Cancelled));
        assert!(JobStatus::Paused.can_transition_to(JobStatus::Cancelled));
        assert!(!JobStatus::Finished.can_transition_to(JobStatus::Cancelled));
    }

    #[test]
    fn no_job_that_is_settled_goes_back_to_waiting() {
        for status in JobStatus::ALL.iter().filter(|status| status.is_terminal()) {
            assert!(!status.can_transition_to(JobStatus::Pending), "{status}");
            assert!(!status.can_transition_to(JobStatus::Scheduled), "{status}");
        }
    }
}

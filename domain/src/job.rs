use crate::words::string_enum;

string_enum! {
    /// Status of a job (`docs/spec/workers.md` §1.1, `docs/spec/workers.md` §4.2).
    pub enum JobStatus: "job status" {
        /// Accepted; its task is queued.
        Pending = "pending",
        /// Its rows are being stored as notifications.
        InProgress = "in progress",
        /// Every row is stored as a notification.
        Finished = "finished",
        /// As [`JobStatus::Finished`], and an audit has counted the rows.
        FinishedAllNotificationsCreated = "finished all notifications created",
        /// It would have exceeded a daily quota; no row was stored.
        SendingLimitsExceeded = "sending limits exceeded",
        /// Waiting for its scheduled time.
        Scheduled = "scheduled",
        /// Cancelled: before its time, while paused, because its service became inactive, or because all its letters
        /// were cancelled. Rows stored earlier are still sent.
        Cancelled = "cancelled",
        /// No longer written.
        ReadyToSend = "ready to send",
        /// No longer written.
        SentToDvla = "sent to dvla",
        /// Stopped by an error; the reason is in `problem`.
        Error = "error",
        /// Paused by a user, who may resume it. This status is not part of the published API.
        Paused = "paused",
    }
}

impl JobStatus {
    /// Returns whether a job may change from this status to `next` (`docs/spec/workers.md` §4.2). Keeping the same
    /// status is not a transition.
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
                // An operator may resume a job once the cause of its error is fixed.
                | (Error, InProgress | Cancelled)
                | (Finished, FinishedAllNotificationsCreated)
                // Letters wait for the print run, so a finished job of letters can still be cancelled.
                | (FinishedAllNotificationsCreated, Cancelled)
        )
    }

    /// Returns the statuses from which a job may change to `next`.
    pub fn sources_of(next: Self) -> impl Iterator<Item = Self> {
        Self::ALL
            .iter()
            .copied()
            .filter(move |status| status.can_transition_to(next))
    }

    /// Returns whether the status changes no more without a user's request.
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
    fn a_waiting_job_can_be_cancelled_and_a_finished_one_cannot() {
        assert!(JobStatus::Scheduled.can_transition_to(JobStatus::Cancelled));
        assert!(JobStatus::Paused.can_transition_to(JobStatus::Cancelled));
        assert!(!JobStatus::Finished.can_transition_to(JobStatus::Cancelled));
    }

    #[test]
    fn no_job_leaves_a_terminal_status_for_a_waiting_one() {
        for status in JobStatus::ALL.iter().filter(|status| status.is_terminal()) {
            assert!(!status.can_transition_to(JobStatus::Pending), "{status}");
            assert!(!status.can_transition_to(JobStatus::Scheduled), "{status}");
        }
    }
}

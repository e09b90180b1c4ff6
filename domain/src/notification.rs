use crate::words::string_enum;

string_enum! {
    /// Channel of a notification, in the order of the specification.
    pub enum Channel: "notification type" {
        /// Text message.
        Sms = "sms",
        /// E-mail.
        Email = "email",
        /// Printed letter.
        Letter = "letter",
    }
}

string_enum! {
    /// Postage class of a letter (`docs/spec/letters.md` §2, `docs/spec/public-api.md` §14).
    pub enum Postage: "postage" {
        /// United Kingdom, first class.
        First = "first",
        /// United Kingdom, second class.
        Second = "second",
        /// United Kingdom, economy.
        Economy = "economy",
        /// International, Europe.
        Europe = "europe",
        /// International, any other country.
        RestOfWorld = "rest-of-world",
    }
}

string_enum! {
    /// Type of the API key that a notification was sent with (`docs/spec/public-api.md` §3.1).
    pub enum KeyType: "key type" {
        /// Sends to any recipient; called "live" in the user interface.
        Normal = "normal",
        /// Sends only to team members and the guest list.
        Team = "team",
        /// Sends nothing; delivery outcomes are simulated.
        Test = "test",
    }
}

string_enum! {
    /// Status of a notification (`docs/spec/workers.md` §1.1), in the order in which the API lists them.
    pub enum NotificationStatus: "notification status" {
        /// Cancelled before it was sent.
        Cancelled = "cancelled",
        /// Stored and waiting to be sent.
        Created = "created",
        /// Accepted by a provider that sends delivery receipts.
        Sending = "sending",
        /// Accepted by a provider; a receipt may never come (international text messages).
        Sent = "sent",
        /// Delivered, or accepted by a provider that sends no receipts.
        Delivered = "delivered",
        /// The provider sent an intermediate receipt.
        Pending = "pending",
        /// No longer written. Queries use the word for a group of statuses, see [`NotificationStatus::matching`].
        Failed = "failed",
        /// The platform could not send it.
        TechnicalFailure = "technical-failure",
        /// The provider could not deliver it; another attempt may succeed.
        TemporaryFailure = "temporary-failure",
        /// It can never be delivered to this recipient.
        PermanentFailure = "permanent-failure",
        /// Letter waiting for the virus scan.
        PendingVirusCheck = "pending-virus-check",
        /// Its content or recipient cannot be sent.
        ValidationFailed = "validation-failed",
        /// The virus scan found something.
        VirusScanFailed = "virus-scan-failed",
        /// Letter returned to sender.
        ReturnedLetter = "returned-letter",
    }
}

impl NotificationStatus {
    /// Returns whether a notification may change from this status to `next`. This is the only definition of the
    /// state machine: the store turns it into the condition of a compare-and-set, so that no final status is
    /// overwritten (`docs/spec/workers.md` §7).
    pub const fn can_transition_to(self, next: Self) -> bool {
        use NotificationStatus as S;
        match self {
            // A notification may fail, or be given a simulated outcome, before it is sent; it cannot have been returned.
            S::Created => !matches!(next, S::Created | S::Failed | S::ReturnedLetter),
            // A receipt may arrive at any time after sending, and another one after `pending`.
            S::Sending | S::Sent => matches!(
                next,
                // A letter counts as delivered when it is despatched, and may
                // still come back days later.
                S::Delivered
                    | S::Pending
                    | S::TemporaryFailure
                    | S::PermanentFailure
                    | S::TechnicalFailure
                    | S::ReturnedLetter
            ),
            S::Pending => {
                matches!(
                    next,
                    S::Delivered | S::TemporaryFailure | S::PermanentFailure | S::TechnicalFailure
                )
            }
            S::PendingVirusCheck => matches!(
                next,
                S::Cancelled
                    | S::Created
                    | S::VirusScanFailed
                    | S::ValidationFailed
                    | S::TechnicalFailure
                    | S::Delivered
            ),
            S::Delivered => matches!(next, S::ReturnedLetter),
            _ => false,
        }
    }

    /// Returns whether a despatch report makes a letter in this status `delivered`. A report is also accepted for a
    /// letter already marked `technical-failure`, because it was printed after all (`docs/spec/letters.md` §9).
    pub const fn can_be_despatched(self) -> bool {
        // The only way out of a final status, and only for letters.
        matches!(self, Self::TechnicalFailure) || self.can_transition_to(Self::Delivered)
    }

    /// Returns whether a line of a response file changes the status of a letter in this status. It does whatever the print
    /// provider said before, but cannot undo a cancellation or a return (`docs/spec/letters.md` §8.3).
    pub const fn can_follow_response_file(self) -> bool {
        !matches!(self, Self::Cancelled | Self::ReturnedLetter)
    }

    /// Returns the statuses from which a notification may change to `next`.
    pub fn sources_of(next: Self) -> impl Iterator<Item = Self> {
        Self::ALL
            .iter()
            .copied()
            .filter(move |status| status.can_transition_to(next))
    }

    /// Returns the status word that the API shows for a letter (`docs/spec/public-api.md` §14.1).
    pub const fn public_letter_status(self) -> &'static str {
        match self {
            Self::Created | Self::Sending => "accepted",
            Self::Delivered | Self::ReturnedLetter => "received",
            other => other.as_str(),
        }
    }

    /// Returns whether the API shows a `completed_at` for this status (`docs/spec/public-api.md` §14).
    pub const fn is_completed(self) -> bool {
        matches!(
            self,
            Self::Sent
                | Self::Delivered
                | Self::Failed
                | Self::TechnicalFailure
                | Self::TemporaryFailure
                | Self::PermanentFailure
                | Self::ReturnedLetter
                | Self::Cancelled
                | Self::ValidationFailed
        )
    }

    /// Returns whether this status is an outcome: no receipt and no worker changes it any more. Only the post can still
    /// return a letter.
    pub const fn is_final(self) -> bool {
        match self {
            Self::Created
            | Self::Sending
            | Self::Sent
            | Self::Pending
            | Self::PendingVirusCheck => false,
            Self::Cancelled
            | Self::Delivered
            | Self::Failed
            | Self::TechnicalFailure
            | Self::TemporaryFailure
            | Self::PermanentFailure
            | Self::ValidationFailed
            | Self::VirusScanFailed
            | Self::ReturnedLetter => true,
        }
    }

    /// Returns whether this status belongs to the group "failed" (`docs/spec/workers.md` §1.1).
    pub const fn is_failure(self) -> bool {
        matches!(
            self,
            Self::TechnicalFailure
                | Self::TemporaryFailure
                | Self::PermanentFailure
                | Self::ValidationFailed
                | Self::VirusScanFailed
                | Self::ReturnedLetter
        )
    }

    /// Returns the statuses that a query for `word` selects (`docs/spec/public-api.md` §16): a status by its name,
    /// or one of the groups `failed`, `accepted` and `received`. Returns `None` for an unknown word.
    pub fn matching(word: &str) -> Option<Vec<Self>> {
        match word {
            "failed" => Some(
                Self::ALL
                    .iter()
                    .copied()
                    .filter(|status| status.is_failure())
                    .collect(),
            ),
            "accepted" => Some(vec![Self::Created, Self::Sending]),
            "received" => Some(vec![Self::Delivered]),
            _ => word.parse().ok().map(|status| vec![status]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole state machine as a table: one line for each status, with the statuses that may follow it.
    #[test]
    fn these_transitions_are_allowed_and_no_others() {
        let table: Vec<String> = NotificationStatus::ALL
            .iter()
            .map(|from| {
                let row: Vec<_> = NotificationStatus::ALL
                    .iter()
                    .filter(|to| from.can_transition_to(**to))
                    .map(|to| to.as_str())
                    .collect();
                format!("{from}: {}", row.join(" "))
            })
            .collect();
        assert_eq!(
            table,
            [
                "cancelled: ",
                "created: cancelled sending sent delivered pending technical-failure temporary-failure \
                 permanent-failure pending-virus-check validation-failed virus-scan-failed",
                "sending: delivered pending technical-failure temporary-failure permanent-failure returned-letter",
                "sent: delivered pending technical-failure temporary-failure permanent-failure returned-letter",
                "delivered: returned-letter",
                "pending: delivered technical-failure temporary-failure permanent-failure",
                "failed: ",
                "technical-failure: ",
                "temporary-failure: ",
                "permanent-failure: ",
                "pending-virus-check: cancelled created delivered technical-failure validation-failed virus-scan-failed",
                "validation-failed: ",
                "virus-scan-failed: ",
                "returned-letter: ",
            ]
        );
    }

    #[test]
    fn a_sent_message_never_becomes_created_again() {
        for status in NotificationStatus::ALL {
            let may = status.can_transition_to(NotificationStatus::Created);
            assert_eq!(
                may,
                *status == NotificationStatus::PendingVirusCheck,
                "{status}"
            );
        }
    }

    #[test]
    fn only_the_post_changes_a_final_status() {
        for status in NotificationStatus::ALL.iter().filter(|one| one.is_final()) {
            let next = NotificationStatus::ALL.iter().copied();
            let next: Vec<_> = next
                .filter(|next| status.can_transition_to(*next))
                .collect();
            assert!(
                next.is_empty() || next == [NotificationStatus::ReturnedLetter],
                "{status}"
            );
        }
    }

    #[test]
    fn the_api_shows_accepted_and_received_for_letters() {
        use NotificationStatus as S;
        for (status, shown) in [
            (S::Created, "accepted"),
            (S::Sending, "accepted"),
            (S::Delivered, "received"),
            (S::ReturnedLetter, "received"),
            (S::PendingVirusCheck, "pending-virus-check"),
            (S::Cancelled, "cancelled"),
            (S::TechnicalFailure, "technical-failure"),
        ] {
            assert_eq!(status.public_letter_status(), shown);
        }
    }

    #[test]
    fn a_query_may_name_a_group_of_statuses() {
        assert_eq!(
            NotificationStatus::matching("received"),
            Some(vec![NotificationStatus::Delivered])
        );
        assert_eq!(
            NotificationStatus::matching("failed").map(|found| found.len()),
            Some(6)
        );
        assert_eq!(NotificationStatus::matching("lost"), None);
    }
}

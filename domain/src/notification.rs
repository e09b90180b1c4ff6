use crate::words::words;

words! {
    /// The way a message travels. The order is that of the specification.
    Channel, "notification type" {
        /// A text message.
        Sms = "sms",
        /// An e-mail.
        Email = "email",
        /// A letter.
        Letter = "letter",
    }
}

words! {
    /// What is paid for a letter's way (`docs/spec/letters.md` §2, `docs/spec/public-api.md` §14).
    Postage, "postage" {
        /// First class in the United Kingdom.
        First = "first",
        /// Second class in the United Kingdom.
        Second = "second",
        /// Economy in the United Kingdom.
        Economy = "economy",
        /// To Europe.
        Europe = "europe",
        /// To any other country.
        RestOfWorld = "rest-of-world",
    }
}

words! {
    /// What kind of API key a message was sent with (`docs/spec/public-api.md` §3.1).
    KeyType, "key type" {
        /// Sends to anybody; people call it "live".
        Normal = "normal",
        /// Sends only to the team and the guest list.
        Team = "team",
        /// Sends nothing; outcomes are made up.
        Test = "test",
    }
}

words! {
    /// What has become of a message (`docs/spec/workers.md` §1.1, in the order in which the API lists them).
    NotificationStatus, "notification status" {
        /// Stopped before it was handed over.
        Cancelled = "cancelled",
        /// Kept, and waiting to be handed over.
        Created = "created",
        /// Handed to a provider that will report.
        Sending = "sending",
        /// Handed over; no report may ever come (international texts).
        Sent = "sent",
        /// It has arrived, or the last party that tells us anything has taken it.
        Delivered = "delivered",
        /// A provider has reported something that is not the end.
        Pending = "pending",
        /// Never written any more; a group of statuses in queries.
        Failed = "failed",
        /// We could not hand it over.
        TechnicalFailure = "technical-failure",
        /// It could not be delivered now.
        TemporaryFailure = "temporary-failure",
        /// It can never be delivered.
        PermanentFailure = "permanent-failure",
        /// A letter that waits for the virus scanner.
        PendingVirusCheck = "pending-virus-check",
        /// It could not be sent as it was given.
        ValidationFailed = "validation-failed",
        /// The scanner found a virus.
        VirusScanFailed = "virus-scan-failed",
        /// The post brought it back.
        ReturnedLetter = "returned-letter",
    }
}

impl NotificationStatus {
    /// Whether a message in this status may change to `next`. This is the only place that knows; the store turns it
    /// into the condition of a compare-and-set, so that nothing overwrites an outcome (`docs/spec/workers.md` §7 Build,
    /// F13).
    pub const fn can_transition_to(self, next: Self) -> bool {
        use NotificationStatus as S;
        match self {
            S::Created => !matches!(next, S::Created | S::Failed | S::ReturnedLetter),
            // A receipt may come at any time after the hand-over, and again after `pending`.
            S::Sending | S::Sent => matches!(
                next,
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

    /// Whether a letter in this status becomes `delivered` when the printer says that it has left: he is believed also
    /// where we had given it up, for it is on its way (`docs/spec/letters.md` §9 Build).
    pub const fn can_be_despatched(self) -> bool {
        matches!(self, Self::TechnicalFailure) || self.can_transition_to(Self::Delivered)
    }

    /// The statuses from which a message may become `next`.
    pub fn sources_of(next: Self) -> impl Iterator<Item = Self> {
        Self::ALL
            .iter()
            .copied()
            .filter(move |status| status.can_transition_to(next))
    }

    /// How the API shows the status of a letter (`docs/spec/public-api.md` §14.1).
    pub const fn public_letter_status(self) -> &'static str {
        match self {
            Self::Created | Self::Sending => "accepted",
            Self::Delivered | Self::ReturnedLetter => "received",
            other => other.as_str(),
        }
    }

    /// The API gives such a message a `completed_at` (`docs/spec/public-api.md` §14).
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

    /// The group "failed" (`docs/spec/workers.md` §1.1).
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

    /// The statuses that a query for `word` finds (`docs/spec/public-api.md` §16): each by its name, and the groups
    /// `failed`, `accepted` and `received`. `None`: no such word.
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

    /// The whole machine, as a table: rows are `from`, a letter stands where `to` is allowed.
    #[test]
    fn the_allowed_changes_are_these_and_no_others() {
        let drawn: Vec<String> = NotificationStatus::ALL
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
            drawn,
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
    fn a_handed_over_message_never_goes_back_to_waiting() {
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
    fn a_letter_is_shown_as_accepted_then_received_and_otherwise_as_it_is() {
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
    fn groups_of_statuses_are_found_by_their_public_names() {
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

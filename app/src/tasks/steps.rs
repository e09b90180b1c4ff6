//! What the delivery tasks do: an e-mail or a text message has one step, a letter has several.

use domain::{Channel, KeyType, NotificationStatus};

use super::{
    ANTIVIRUS, CREATE_LETTERS_PDF, DELIVER_EMAIL, DELIVER_LETTER, DELIVER_SMS, MAKE_LETTER_PDF,
    RESEARCH_MODE, SANITISE_LETTER, SANITISE_LETTERS, SCAN_FILE, SEND_EMAIL, SEND_LETTER, SEND_SMS,
};

/// What a delivery task does with its notifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// Sends e-mails.
    Email,
    /// Sends text messages.
    Sms,
    /// Makes the pages of letters from their templates.
    MakePages,
    /// Scans supplied PDFs for viruses.
    Scan,
    /// Checks supplied PDFs.
    Check,
    /// Hands letters that a print run has claimed to their provider.
    Print,
}

impl Step {
    const ALL: [Self; 6] = [
        Self::Email,
        Self::Sms,
        Self::MakePages,
        Self::Scan,
        Self::Check,
        Self::Print,
    ];

    /// Returns the first step of a new notification with this status.
    pub(crate) const fn first(channel: Channel, status: NotificationStatus) -> Self {
        match (channel, status) {
            (Channel::Email, _) => Self::Email,
            (Channel::Sms, _) => Self::Sms,
            (Channel::Letter, NotificationStatus::PendingVirusCheck) => Self::Scan,
            (Channel::Letter, _) => Self::MakePages,
        }
    }

    /// Returns the step of tasks of this kind, if they are delivery tasks.
    pub(crate) fn of_kind(kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.kind() == kind)
    }

    /// Returns the kind of the tasks.
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::Email => DELIVER_EMAIL,
            Self::Sms => DELIVER_SMS,
            Self::MakePages => MAKE_LETTER_PDF,
            Self::Scan => SCAN_FILE,
            Self::Check => SANITISE_LETTER,
            Self::Print => DELIVER_LETTER,
        }
    }

    /// Returns the channel of the notifications.
    pub(crate) const fn channel(self) -> Channel {
        match self {
            Self::Email => Channel::Email,
            Self::Sms => Channel::Sms,
            Self::MakePages | Self::Scan | Self::Check | Self::Print => Channel::Letter,
        }
    }

    /// Returns whether the step calls a provider.
    pub(crate) const fn calls_provider(self) -> bool {
        matches!(self, Self::Email | Self::Sms | Self::Print)
    }

    /// Returns the pool of the tasks.
    pub(crate) const fn pool(self) -> &'static str {
        match self {
            Self::Email => SEND_EMAIL,
            Self::Sms => SEND_SMS,
            Self::MakePages => CREATE_LETTERS_PDF,
            Self::Scan => ANTIVIRUS,
            Self::Check => SANITISE_LETTERS,
            Self::Print => SEND_LETTER,
        }
    }

    /// Returns the pool of the tasks for notifications with this type of key (`docs/spec/workers.md` §6, §10).
    pub(crate) const fn pool_for(self, key_type: KeyType) -> &'static str {
        match key_type {
            KeyType::Test => RESEARCH_MODE,
            KeyType::Normal | KeyType::Team => self.pool(),
        }
    }
}

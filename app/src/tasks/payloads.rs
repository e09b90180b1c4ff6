//! Payloads of tasks: ids and codes, nothing personal. They are stored as JSON, so the names of fields never change.

use domain::{
    CallbackId, CallbackKind, Channel, EmailReceiptSource, JobId, NotificationId,
    NotificationStatus, SmsReceiptSource, Timestamp,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct NotificationIds {
    pub(crate) ids: Vec<NotificationId>,
}

/// Notifications to send.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Delivery {
    pub(crate) ids: Vec<NotificationId>,
    /// How often a provider may have taken these notifications without saying so. Counted apart from the attempts of the
    /// task, because such an outcome is retried far less often.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) unknown_outcomes: u32,
    /// How many bytes these notifications have in the database, as far as it is known: then this delivery may be merged with
    /// others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bytes: Option<usize>,
}

impl Delivery {
    /// Returns a delivery of notifications whose size is not known.
    pub(crate) fn of(ids: &[NotificationId], unknown_outcomes: u32) -> Self {
        Self {
            ids: ids.to_vec(),
            unknown_outcomes,
            bytes: None,
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// A callback that was paused.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct PausedCallback {
    pub(crate) kind: CallbackKind,
    pub(crate) since: Timestamp,
}

/// Callbacks of one kind to one service.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Callbacks {
    /// Where they go, as it was when they were enqueued. Absent for inbound SMS, whose URL is looked up at each attempt
    /// (`docs/spec/public-api.md` §24.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) endpoint: Option<FixedEndpoint>,
    pub(crate) events: Vec<CallbackEvent>,
    /// Whether it is sent although its endpoint is paused, to find out whether that answers again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_probe: bool,
}

/// URL and token of a callback, sealed as they are stored with the callback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FixedEndpoint {
    pub(crate) id: CallbackId,
    /// In base64.
    pub(crate) sealed: String,
}

/// What a service is told: an id, and what may have changed when it is told. The rest of the body, with all that is
/// personal, is read from the database at each attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CallbackEvent {
    /// The notification, inbound SMS or complaint.
    pub(crate) id: Uuid,
    /// The status that a notification had been given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<NotificationStatus>,
    /// When it was given that status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sent_at: Option<Timestamp>,
}

impl CallbackEvent {
    /// Returns an event of which nothing but its subject needs to be known.
    pub(crate) const fn about(id: Uuid) -> Self {
        Self {
            id,
            status: None,
            at: None,
            sent_at: None,
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LetterReferences {
    pub(crate) references: Vec<String>,
}

/// A response file of a print provider.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ResponseFileName {
    /// Its key.
    pub(crate) file: String,
    /// Under what it is stored here, if an operator has uploaded it. Otherwise it is at a print provider's place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) upload: Option<Uuid>,
}

impl ResponseFileName {
    pub(crate) fn announced(key: &str) -> Self {
        Self {
            file: key.to_owned(),
            upload: None,
        }
    }

    pub(crate) fn uploaded(key: &str, upload: Uuid) -> Self {
        Self {
            file: key.to_owned(),
            upload: Some(upload),
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PrintRun {
    /// Letters created before it are printed.
    pub(crate) deadline: Timestamp,
}

/// A batch of letters that is handed over as a zip.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ZipPayload {
    pub(crate) batch: Uuid,
}

/// What one address of a print provider is told.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LetterVolumes {
    pub(crate) provider: String,
    /// Which of the addresses in the provider's settings. Not the address itself, because payloads hold nothing personal.
    pub(crate) address: usize,
    /// The values of the e-mail: numbers and a date.
    pub(crate) values: serde_json::Map<String, serde_json::Value>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct JobPayload {
    pub(crate) job: JobId,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ExpiredNotifications {
    pub(crate) channel: Channel,
    pub(crate) before: Timestamp,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SmsReceipts {
    pub(crate) receipts: Vec<SmsReceipt>,
}

/// A delivery receipt for a text message, as it was received: an id and codes, nothing personal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmsReceipt {
    /// The kind of provider that reports.
    pub by: SmsReceiptSource,
    /// The name of the provider in the settings, if it is not that of its kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The notification.
    pub id: NotificationId,
    /// The provider's status.
    pub status: String,
    /// The provider's more detailed code.
    pub code: Option<String>,
    /// When it was received.
    pub at: Timestamp,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EmailReceipts {
    pub(crate) receipts: Vec<EmailReceipt>,
}

/// A receipt for an e-mail: ids and codes. The address in a complaint is sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmailReceipt {
    /// Where it comes from.
    pub by: EmailReceiptSource,
    /// The e-mail.
    pub of: MessageKey,
    /// What became of it.
    #[serde(flatten)]
    pub event: EmailEvent,
    /// When the provider accepted the e-mail, if it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mailed_at: Option<Timestamp>,
    /// When the receipt was received.
    pub at: Timestamp,
}

/// How a receipt names its message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKey {
    /// By our id.
    Id(NotificationId),
    /// By the provider's.
    Reference(String),
}

/// What became of an e-mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EmailEvent {
    /// The recipient's mail server has it.
    Delivered,
    /// The address will never take it.
    HardBounce {
        /// The reason in codes.
        detail: Option<String>,
    },
    /// It was refused; the address may take another.
    Rejected {
        /// The reason in codes.
        detail: Option<String>,
    },
    /// It was not taken this time.
    SoftBounce {
        /// The reason in codes.
        detail: Option<String>,
    },
    /// The recipient complained about it.
    Complaint {
        /// The provider's id of the complaint.
        feedback_id: Option<String>,
        /// Its type, such as `abuse`.
        complaint_type: Option<String>,
        /// When the recipient complained.
        complained_at: Option<Timestamp>,
        /// The address that complained, sealed.
        to: Option<String>,
    },
}

/// A delivery receipt for a letter: an id and codes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetterReceipt {
    /// The letter.
    pub id: NotificationId,
    /// What the print provider reports.
    #[serde(flatten)]
    pub status: LetterReceiptStatus,
}

/// What a print provider reports about a letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum LetterReceiptStatus {
    /// The letter was printed and despatched.
    Despatched {
        /// The number of sheets.
        sheets: u32,
        /// The price class.
        threshold: CostThreshold,
        /// The local day, counted from 1 January 1970.
        despatched_on: i64,
    },
    /// The letter was not printed.
    Rejected,
}

/// The price class of a letter at the postal operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CostThreshold {
    /// Sorted mail.
    Sorted,
    /// Unsorted mail.
    Unsorted,
}

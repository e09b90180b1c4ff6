//! What tasks carry: ids and codes, nothing personal. They are stored as JSON, so a field keeps its name for ever.

use domain::{Channel, JobId, NotificationId, SmsReceiptSource, Timestamp};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Ids {
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
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct References {
    pub(crate) references: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OneJob {
    pub(crate) job: JobId,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Expired {
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
    /// The provider that reports.
    pub by: SmsReceiptSource,
    /// The notification.
    pub id: NotificationId,
    /// The provider's status.
    pub status: String,
    /// The provider's more detailed code.
    pub code: Option<String>,
    /// When it was received.
    pub at: Timestamp,
}

/// A delivery receipt for a letter, as it was received: an id and codes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetterReceipt {
    /// The letter.
    pub id: NotificationId,
    /// What the print provider reports.
    #[serde(flatten)]
    pub word: LetterReceiptStatus,
}

/// What a print provider reports about a letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum LetterReceiptStatus {
    /// It has left.
    Despatched {
        /// How many sheets it has.
        sheets: u32,
        /// What its way costs.
        threshold: CostThreshold,
        /// The local day, counted from 1 January 1970.
        despatched_on: i64,
    },
    /// It was not printed.
    Rejected,
}

/// What a letter's way costs the printer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CostThreshold {
    /// It travels with many others, in order.
    Sorted,
    /// It travels alone.
    Unsorted,
}

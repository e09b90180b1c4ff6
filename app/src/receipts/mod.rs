//! Receipts: of providers, for text messages, e-mails and letters, and simulated ones for test keys (`docs/spec/public-api.md`
//! §12.5).

mod applying;
mod bounces;
mod email;
pub mod inbound_sms;
mod keywords;
mod letters;
mod receipt_writer;
mod simulated;
mod sms;
mod subject;
pub mod unsubscribe;

use std::{sync::Arc, time::Duration};

use domain::NotificationId;
use providers::SmsProvider;
use queue::{TaskContext, TaskOutcome};
use tracing::warn;

use crate::{
    App,
    group_commit::{GroupCommit, Infrastructure},
    tasks,
};

pub use bounces::{SweepError, sweep_bounces, watch_bounces};
pub use email::accept_ses_notice;
pub(crate) use email::process as process_emails;
pub(crate) use letters::process as process_letter;
pub use letters::{
    CostThreshold, LetterReceipt, LetterReceiptStatus, accept_letter_receipt, letter_status_token,
    read_letter_status_token,
};
pub use receipt_writer::ReceiptError;
use simulated::SIMULATED_SENT_BY;
pub(crate) use simulated::{awaiting_simulated_receipt, simulate_receipts, simulate_send};
pub(crate) use sms::process as process_texts;
pub use sms::{SmsReceipt, SmsReporter, accept_sms_receipt};

/// The state of receiving receipts.
#[derive(Debug)]
pub(crate) struct ReceiptState {
    writer: GroupCommit<receipt_writer::ReceiptWriter>,
}

impl ReceiptState {
    /// Starts the group commit of receipts.
    pub(crate) fn start(infrastructure: &Infrastructure) -> Self {
        Self {
            writer: receipt_writer::ReceiptWriter::start(infrastructure),
        }
    }
}

/// Returns an SMS provider by its name in the settings, to read the requests that it makes to the platform.
pub fn sms_provider(app: &App, name: &str) -> Option<Arc<dyn SmsProvider>> {
    let found = app
        .providers
        .sms
        .iter()
        .find(|one| one.provider.name() == name);
    found.map(|one| one.provider.clone())
}

/// How long a receipt waits for its notification, counted from the time in the notification's id. A provider can report
/// before the notification is committed.
const EARLY_RECEIPT_WINDOW: Duration = Duration::from_mins(5);

/// Returns after how long to look again for a notification that does not exist, or `None` if it will not appear any
/// more.
fn early_receipt_delay(app: &App, task: &TaskContext, id: NotificationId) -> Option<Duration> {
    let now = app.clock.now();
    let generated = domain::generated_at(id.as_uuid())?;
    let is_young = generated <= now && now.since(generated) < EARLY_RECEIPT_WINDOW;
    // Anyone can send a receipt with an invented id: only an id that was generated just now is worth another look.
    is_young
        .then(|| tasks::EARLY_RECEIPT.next(task.leased().attempt, app.random()))
        .flatten()
}

/// Returns a code of a provider if it is one.
fn printable_code(text: &str, max_bytes: usize) -> &str {
    // Anyone can send a receipt, so text that is not a code may be personal or a forged log line, and is not stored.
    let is_code = text.len() <= max_bytes
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if is_code { text } else { "(unreadable)" }
}

/// Returns the outcome of a receipt task that the database failed.
fn failed(app: &App, task: &TaskContext, fault: &store::Error) -> TaskOutcome {
    warn!(
        error = fault as &dyn std::error::Error,
        "cannot record receipts, will try again"
    );
    if fault.is_transient() {
        TaskOutcome::Snooze(app.clock.now().plus(tasks::STORAGE_PAUSE))
    } else {
        tasks::retry(task, app.random(), fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_not_a_code_is_not_stored() {
        assert_eq!(printable_code("2049", 32), "2049");
        for invalid in ["07700 900123", "a\nb", &"x".repeat(33), "é"] {
            assert_eq!(printable_code(invalid, 32), "(unreadable)", "{invalid}");
        }
    }
}

//! Receipts of text message providers (`docs/spec/workers.md` §9.1). A request stores the receipt as a task; the task
//! applies it.

use std::sync::Arc;

use domain::{Channel, NotificationStatus, SmsReceiptSource, TaskId, Timestamp};
use providers::sms::receipts;
use queue::{NewTask, TaskContext, TaskOutcome};
use recipients::phone_numbers;
use store::notifications::{self, ReportedNotification, StatusUpdate};
use tracing::{error, info, warn};

use super::{
    SIMULATED_SENT_BY,
    applying::{self, Effect, Evaluation, Receipt, late_status},
    early_receipt_delay, printable_code,
    receipt_writer::{ReceiptError, ReceiptRow},
    subject::Subject,
};
pub use crate::tasks::SmsReceipt;
use crate::{
    App,
    cache::tenants,
    compose,
    tasks::{self, MessageKey},
    technical_failures,
};

/// Longest status or code of any provider, in bytes.
const MAX_CODE_BYTES: usize = 32;

/// The provider that reports on a text message.
#[derive(Debug, Clone, Copy)]
pub struct SmsReporter<'a> {
    /// Its kind, which decides what its statuses mean.
    pub source: SmsReceiptSource,
    /// Its name in the settings, if it is not that of its kind.
    pub provider: Option<&'a str>,
}

impl From<SmsReceiptSource> for SmsReporter<'_> {
    fn from(source: SmsReceiptSource) -> Self {
        Self {
            source,
            provider: None,
        }
    }
}

/// Stores a receipt as a task; it is durable when this returns. An invalid reference is logged and accepted, because
/// the provider would only send it again.
pub async fn accept_sms_receipt(
    app: &App,
    by: SmsReporter<'_>,
    receipt: &receipts::SmsReceipt,
) -> Result<(), ReceiptError> {
    let code = |text: &str| printable_code(text, MAX_CODE_BYTES).to_owned();
    let Ok(id) = receipt.reference.parse() else {
        let reference = printable_code(&receipt.reference, MAX_CODE_BYTES);
        warn!(
            "{} callback with invalid reference {reference}",
            by.source.title()
        );
        return Ok(());
    };
    let receipt = SmsReceipt {
        by: by.source,
        provider: by.provider.map(str::to_owned),
        id,
        status: code(&receipt.status),
        code: receipt.code.as_deref().map(code),
        at: app.clock.now(),
    };
    app.receipts.writer.commit(ReceiptRow::Sms(receipt)).await
}

/// Applies receipts.
pub(crate) async fn process(
    app: &App,
    task: &TaskContext,
    receipts: Vec<SmsReceipt>,
) -> TaskOutcome {
    applying::process(app, task, receipts).await
}

impl SmsReceipt {
    /// Returns the name of the provider, as it is recorded and counted.
    fn provider(&self) -> &str {
        self.provider.as_deref().unwrap_or(self.by.as_str())
    }
}

impl Receipt for SmsReceipt {
    fn key(&self) -> MessageKey {
        MessageKey::Id(self.id)
    }

    fn description(&self) -> String {
        format!("{} {} {:?}", self.by.as_str(), self.status, self.code)
    }

    fn task(id: TaskId, receipts: Vec<Self>, now: Timestamp) -> NewTask {
        tasks::sms_receipts(id, receipts, now)
    }

    async fn evaluate(
        &self,
        app: &App,
        task: &TaskContext,
        subject: Option<&Subject>,
    ) -> Result<Evaluation, Arc<store::Error>> {
        let (id, by) = (self.id, self.by.title());
        let Some(message) = subject.filter(|message| message.channel == Channel::Sms) else {
            // The provider can report before the notification is committed.
            if let Some(delay) = early_receipt_delay(app, task, id) {
                return Ok(Evaluation::RetryAfter(delay));
            }
            warn!(notification.id = %id, "{by} callback for a text message that does not exist: {id}");
            count(self, "unknown");
            return Ok(Evaluation::Ignore);
        };
        let next = resulting_status(self, message);
        // A final status is never overwritten.
        if next == message.status || !message.status.can_transition_to(next) {
            info!(
                notification.id = %id, service.id = %message.service_id,
                "duplicate callback of {by} for {id}: it is {} and would become {next}, {} seconds after it was",
                message.status,
                self.at.since(message.updated_at.unwrap_or(self.at)).as_secs()
            );
            count(self, "duplicate");
            return Ok(Evaluation::Ignore);
        }
        if !is_believable(message) {
            count(self, "ignored");
            return Ok(Evaluation::Ignore);
        }
        if reported_status(self).is_none() {
            error!(
                notification.id = %id,
                "{by} callback failed: status {} not found. Look up what it means: the text is now {next}",
                self.status
            );
            technical_failures::count(Channel::Sms);
        }
        count(self, next.as_str());
        let update = status_update(self, message, next);
        Ok(Evaluation::Apply(vec![match &message.stored {
            Some(stored) => Effect::Status(StatusUpdate {
                billable_units: missing_fragments(app, stored).await?,
                ..update
            }),
            None => Effect::LateStatus(late_status(update, message)),
        }]))
    }
}

fn reported_status(receipt: &SmsReceipt) -> Option<NotificationStatus> {
    receipts::status(receipt.by, &receipt.status, receipt.code.as_deref())
}

/// Returns the status that the receipt gives the notification.
fn resulting_status(receipt: &SmsReceipt, message: &Subject) -> NotificationStatus {
    // A status that is not in the provider's table ends the notification, and is reported to operators.
    let reported = reported_status(receipt).unwrap_or(NotificationStatus::TechnicalFailure);
    // A message with a test key has been given to no provider; the receipt is that of the one that was drawn for it.
    let sent_by = message
        .sent_by
        .as_deref()
        .filter(|by| *by != SIMULATED_SENT_BY);
    let sent_by = sent_by.unwrap_or(receipt.by.as_str());
    receipts::refine(reported, sent_by, receipt.code.as_deref(), message.status)
}

/// Returns whether receipts of this notification's country are reliable (`docs/spec/workers.md` §9.1).
fn is_believable(message: &Subject) -> bool {
    let prefix = message.phone_prefix.as_deref().unwrap_or_default();
    !message.international || phone_numbers::reports_delivery(prefix)
}

fn status_update(
    receipt: &SmsReceipt,
    message: &Subject,
    status: NotificationStatus,
) -> StatusUpdate {
    let detail = receipts::detail(
        receipt.by,
        &receipt.status,
        receipt.code.as_deref().unwrap_or_default(),
    );
    let problem = status
        .is_failure()
        .then(|| detail.map_or_else(|| format!("status {}", receipt.status), str::to_owned));
    // This receipt was processed before the result of sending was committed, and is the first to tell the provider.
    let is_first_report = message.status == NotificationStatus::Created;
    StatusUpdate {
        id: message.id,
        status,
        sent_at: is_first_report.then_some(receipt.at),
        sent_by: message
            .sent_by
            .is_none()
            .then(|| receipt.provider().to_owned()),
        reference: None,
        billable_units: None,
        problem,
    }
}

/// Returns the fragments of a text message whose result of sending could not be recorded, so that they were never
/// stored.
async fn missing_fragments(
    app: &App,
    message: &ReportedNotification,
) -> Result<Option<u32>, Arc<store::Error>> {
    if message.billable_units > 0 {
        return Ok(None);
    }
    let stored =
        notifications::find(&mut app.read().await?, message.service_id, message.id).await?;
    match (tenants::find(app, message.service_id).await?, stored) {
        (Some(tenant), Some(stored)) => compose::sms::fragments(app, &tenant, &stored).await,
        _ => Ok(None),
    }
}

fn count(receipt: &SmsReceipt, outcome: &'static str) {
    metrics::counter!(
        "pillarbox_receipts_total", "provider" => receipt.provider().to_owned(), "outcome" => outcome
    )
    .increment(1);
}

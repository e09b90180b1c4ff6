//! Receipts of e-mails (`docs/spec/workers.md` §9.2): deliveries, bounces and complaints. A request stores the receipt as
//! a task; the task applies it.

use std::{sync::Arc, time::Duration};

use domain::{
    Channel, EmailReceiptSource, KeyType, NotificationStatus, Private, SuppressionReason, TaskId,
    Timestamp,
};
use providers::amazon::{SesEvent, SesNotice};
use queue::{NewTask, TaskContext, TaskOutcome};
use store::{
    complaints::Complaint,
    notifications::{self, ReportedNotification, StatusUpdate},
};
use tracing::{error, info, warn};

use super::{
    EARLY_RECEIPT_WINDOW,
    applying::{self, Effect, Evaluation, Receipt, late_status},
    early_receipt_delay, printable_code,
    receipt_writer::{ReceiptError, ReceiptRow},
    subject::Subject,
};
use crate::{
    App,
    sealing::sealed_tokens,
    suppression::NewSuppression,
    tasks::{self, EmailEvent, EmailReceipt, MessageKey},
};

/// Longest reference, code or id of a provider, in bytes.
const MAX_REFERENCE_BYTES: usize = 200;

const COMPLAINANT: &str = "complainant";

/// Stores a notice of SES as a task; it is durable when this returns.
pub async fn accept_ses_notice(app: &App, notice: SesNotice) -> Result<(), ReceiptError> {
    let code = |text: String| printable_code(&text, MAX_REFERENCE_BYTES).to_owned();
    let detail = |text: Option<String>| {
        // Words with spaces between them, such as `General 5.1.1`.
        text.map(|text| {
            text.split(' ')
                .map(|word| printable_code(word, 64))
                .collect::<Vec<_>>()
                .join(" ")
        })
    };
    let event = match notice.event {
        SesEvent::Delivery => EmailEvent::Delivered,
        SesEvent::Bounce {
            is_permanent: true,
            detail: why,
        } => EmailEvent::HardBounce {
            detail: detail(why),
        },
        SesEvent::Bounce { detail: why, .. } => EmailEvent::SoftBounce {
            detail: detail(why),
        },
        SesEvent::Complaint {
            feedback_id,
            complaint_type,
            at,
            to,
        } => EmailEvent::Complaint {
            feedback_id: feedback_id.map(code),
            complaint_type: complaint_type.map(code),
            complained_at: at,
            to: to.map(|to| sealed_tokens::token(app, COMPLAINANT, to.reveal().as_bytes())),
        },
    };
    // Our own id, where the e-mail carried it, needs no look-up by another index.
    let of = match notice.notification {
        Some(id) => MessageKey::Id(id.into()),
        None => MessageKey::Reference(code(notice.message_id)),
    };
    accept(
        app,
        EmailReceipt {
            by: EmailReceiptSource::Ses,
            of,
            event,
            mailed_at: notice.mailed_at,
            at: app.clock.now(),
        },
    )
    .await
}

/// Stores a receipt as a task; it is durable when this returns.
pub(super) async fn accept(app: &App, receipt: EmailReceipt) -> Result<(), ReceiptError> {
    app.receipts.writer.commit(ReceiptRow::Email(receipt)).await
}

/// Applies receipts.
pub(crate) async fn process(
    app: &App,
    task: &TaskContext,
    receipts: Vec<EmailReceipt>,
) -> TaskOutcome {
    applying::process(app, task, receipts).await
}

impl Receipt for EmailReceipt {
    fn key(&self) -> MessageKey {
        self.of.clone()
    }

    fn description(&self) -> String {
        format!("{} {}", self.by.as_str(), self.event.word())
    }

    fn task(id: TaskId, receipts: Vec<Self>, now: Timestamp) -> NewTask {
        tasks::email_receipts(id, receipts, now)
    }

    async fn evaluate(
        &self,
        app: &App,
        task: &TaskContext,
        subject: Option<&Subject>,
    ) -> Result<Evaluation, Arc<store::Error>> {
        let Some(message) = subject.filter(|message| message.channel == Channel::Email) else {
            return Ok(missing(app, task, self));
        };
        let (status, detail) = match &self.event {
            EmailEvent::Delivered => (NotificationStatus::Delivered, None),
            EmailEvent::HardBounce { detail } => {
                (NotificationStatus::PermanentFailure, Some(detail))
            }
            EmailEvent::Rejected { detail } => (NotificationStatus::PermanentFailure, Some(detail)),
            EmailEvent::SoftBounce { detail } => {
                (NotificationStatus::TemporaryFailure, Some(detail))
            }
            EmailEvent::Complaint { .. } => {
                count(self, "complaint");
                let suppress = suppress(app, message, SuppressionReason::Complaint).await?;
                let complaint = Effect::Complaint(complaint(app, self, message));
                return Ok(Evaluation::Apply(
                    std::iter::once(complaint).chain(suppress).collect(),
                ));
            }
        };
        // A bounce that comes too late for the status still says that the address takes nothing.
        let suppress = match self.event {
            EmailEvent::HardBounce { .. } => {
                suppress(app, message, SuppressionReason::HardBounce).await?
            }
            _ => None,
        };
        // A final status is never overwritten.
        if status == message.status || !message.status.can_transition_to(status) {
            info!(
                notification.id = %message.id, service.id = %message.service_id,
                "duplicate callback of {} for {}: it is {} and would become {status}, {} seconds after it was",
                self.by.title(), message.id, message.status,
                self.at.since(message.updated_at.unwrap_or(self.at)).as_secs()
            );
            count(self, "duplicate");
            return Ok(Evaluation::Apply(suppress.into_iter().collect()));
        }
        count(self, status.as_str());
        let problem = detail.map(|detail| detail.clone().unwrap_or_else(|| "bounce".to_owned()));
        let is_first_report = message.status == NotificationStatus::Created;
        let update = StatusUpdate {
            sent_at: is_first_report.then_some(self.at),
            problem,
            ..StatusUpdate::new(message.id, status)
        };
        let status = if message.stored.is_some() {
            Effect::Status(update)
        } else {
            Effect::LateStatus(late_status(update, message))
        };
        Ok(Evaluation::Apply(
            std::iter::once(status).chain(suppress).collect(),
        ))
    }
}

impl EmailEvent {
    const fn word(&self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::HardBounce { .. } => "hard bounce",
            Self::Rejected { .. } => "rejection",
            Self::SoftBounce { .. } => "soft bounce",
            Self::Complaint { .. } => "complaint",
        }
    }
}

/// Decides about a receipt for an e-mail that is not found.
fn missing(app: &App, task: &TaskContext, receipt: &EmailReceipt) -> Evaluation {
    let (source, event) = (receipt.by.title(), receipt.event.word());
    if let EmailEvent::Complaint { .. } = receipt.event {
        if let Some(delay) = tasks::COMPLAINT.next(task.leased().attempt, app.random()) {
            error!(
                "{source} reports a complaint about an e-mail that is not known: it is looked for again in a while. If this \
                 repeats, another system sends with the same account"
            );
            return Evaluation::RetryAfter(delay);
        }
    } else if let Some(delay) = early_delay(app, task, receipt) {
        return Evaluation::RetryAfter(delay);
    }
    warn!("{source} callback ({event}) for an e-mail that does not exist");
    count(receipt, "unknown");
    Evaluation::Ignore
}

/// Returns after how long to look again: the sender may not have stored the provider's reference yet.
fn early_delay(app: &App, task: &TaskContext, receipt: &EmailReceipt) -> Option<Duration> {
    match (&receipt.of, receipt.mailed_at) {
        (MessageKey::Id(id), _) => early_receipt_delay(app, task, *id),
        (MessageKey::Reference(_), Some(mailed_at)) => {
            let is_young = app.clock.now().since(mailed_at) < EARLY_RECEIPT_WINDOW;
            is_young
                .then(|| tasks::EARLY_RECEIPT.next(task.leased().attempt, app.random()))
                .flatten()
        }
        (MessageKey::Reference(_), None) => None,
    }
}

fn complaint(app: &App, receipt: &EmailReceipt, message: &Subject) -> Complaint {
    let EmailEvent::Complaint {
        feedback_id,
        complaint_type,
        complained_at,
        to,
    } = &receipt.event
    else {
        unreachable!("only complaints are recorded as such")
    };
    Complaint {
        id: Complaint::id_for(message.id, feedback_id.as_deref()),
        notification_id: message.id,
        service_id: message.service_id,
        feedback_id: feedback_id.clone(),
        complaint_type: complaint_type.clone(),
        complained_at: *complained_at,
        to: to.as_deref().and_then(|token| complainant(app, token)),
        created_at: app.clock.now(),
    }
}

/// Returns the suppression of the recipient, if their address is still stored and the settings want it.
async fn suppress(
    app: &App,
    message: &Subject,
    reason: SuppressionReason,
) -> Result<Option<Effect>, store::Error> {
    let wanted = match reason {
        SuppressionReason::HardBounce => app.settings.suppress_hard_bounces,
        _ => app.settings.suppress_complaints,
    };
    // After the retention the address is no longer stored, and a message with a test key has reached no recipient.
    let has_recipient = |stored: &ReportedNotification| stored.key_type != KeyType::Test;
    if !wanted || !message.stored.as_ref().is_some_and(has_recipient) {
        return Ok(None);
    }
    // One after the other, and only here: a hundred e-mails with their contents may be hundreds of megabytes.
    let mut session = app.read().await?;
    let stored = notifications::find(&mut session, message.service_id, message.id).await?;
    let Some(contents) = stored.and_then(|stored| stored.open(app.store.keyring()).ok()) else {
        return Ok(None);
    };
    if contents.is_erased() {
        return Ok(None);
    }
    Ok(Some(Effect::Suppress(NewSuppression {
        service: message.service_id,
        channel: Channel::Email,
        recipient: contents.normalised,
        reason,
        notification: Some(message.id),
    })))
}

/// Returns the address that complained, from the sealed form in which the task carries it.
fn complainant(app: &App, token: &str) -> Option<Private<String>> {
    let address = sealed_tokens::read(app, COMPLAINANT, token)?;
    String::from_utf8(address).ok().map(Private::new)
}

fn count(receipt: &EmailReceipt, outcome: &'static str) {
    metrics::counter!(
        "pillarbox_receipts_total", "provider" => receipt.by.as_str(), "outcome" => outcome
    )
    .increment(1);
}

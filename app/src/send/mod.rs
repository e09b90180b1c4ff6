//! Sending notifications, a batch at a time: read what is still `created`, call the provider, record the results. No
//! transaction is open while a provider is called.
//!
//! Results are committed as they come, all that wait in one commit, so that a crash repeats at most the calls that ended
//! after the last commit began: the one honest window (`ARCHITECTURE.md` "Invariants", 6). A commit that fails is tried
//! again for a few seconds, and its results outlive the batch (`unrecorded`), so that a failing database does not make
//! a provider be called twice. The last of them are committed
//! together with the completion of the task and with the smaller tasks for the rest: what must be retried, with its
//! delay, and what a slow provider left over when the batch had used its time.
//!
//! A notification on which the program fails takes no other with it: it leaves its batch as a dead letter of its own.

mod attempts;
pub(crate) mod balance;
mod batch;
mod breaker;
mod email;
mod failure;
mod hand_over_metrics;
mod in_flight;
mod letter;
mod pending_writes;
pub(crate) mod poison;
mod provider_rows;
pub(crate) mod provider_selection;
mod provider_slots;
mod quota;
mod rate_limit;
mod recording;
mod remaining;
mod send_writer;
mod sms;
mod unrecorded;

use std::{collections::BTreeMap, sync::Arc};

use domain::{Channel, NotificationId, NotificationStatus, ServiceId, TaskId, Timestamp};
use queue::{Enqueue as _, NewTask, TaskContext, TaskOutcome, catch_panic};
use store::{
    notifications::{Notification, StatusUpdate},
    send_checks::{self, SendChecks},
    tasks::SUSPECT_AFTER,
};
use tracing::warn;

use attempts::BatchAttempts;
use batch::{Batch, Held};
use failure::SendFailure;
use in_flight::InFlightNotifications;
use pending_writes::{FinalOutcome, PendingWrites};
use poison::FailedPhase;
use provider_rows::ProviderRows;
use provider_selection::{Configured, Providers};
use provider_slots::ProviderSlots;
use send_writer::{SendWriteError, SendWriter};

use crate::{
    App, Tenant,
    cache::tenants,
    callbacks,
    group_commit::{GroupCommit, Infrastructure},
    suppression,
    tasks::{self, Delivery, Step},
};

/// What sending knows between batches.
#[derive(Debug)]
pub(crate) struct SendState {
    in_flight: InFlightNotifications,
    unrecorded: unrecorded::UnrecordedOutcomes,
    writer: GroupCommit<SendWriter>,
    provider_rows: ProviderRows,
    quotas: quota::Quotas,
    email: ProviderSlots,
    sms: ProviderSlots,
    letter: ProviderSlots,
}

impl SendState {
    /// Starts the group commit of attempts and results.
    pub(crate) fn start(providers: &Providers, infrastructure: &Infrastructure) -> Self {
        let clock = &infrastructure.clock;
        let slots = |channel, max_concurrency: usize| {
            let configured = providers.configured(channel).into_iter();
            let limited = configured.map(|one| Configured {
                concurrency: one.concurrency.min(max_concurrency),
                ..one
            });
            ProviderSlots::new(limited, clock.clone())
        };
        Self {
            in_flight: InFlightNotifications::default(),
            unrecorded: unrecorded::UnrecordedOutcomes::default(),
            writer: SendWriter::start(infrastructure),
            provider_rows: ProviderRows::default(),
            quotas: quota::Quotas::default(),
            email: slots(Channel::Email, usize::MAX),
            sms: slots(Channel::Sms, usize::MAX),
            letter: slots(Channel::Letter, letter::MAX_OPEN_CALLS),
        }
    }

    fn slots(&self, channel: Channel) -> &ProviderSlots {
        match channel {
            Channel::Email => &self.email,
            Channel::Sms => &self.sms,
            Channel::Letter => &self.letter,
        }
    }
}

/// Sends those notifications of a batch that are still `created`.
pub(crate) async fn send_batch(
    app: &App,
    task: &TaskContext,
    step: Step,
    delivery: &Delivery,
) -> TaskOutcome {
    match try_send_batch(app, task, step, delivery).await {
        Ok(BatchEnd::Finished) => TaskOutcome::Completed,
        // Ready at once: if no other worker has claimed the task since, nobody would wait for the lease to expire.
        Ok(BatchEnd::LeaseLost) => TaskOutcome::Snooze(app.clock.now()),
        Err(fault) => {
            warn!(
                error = &fault as &dyn std::error::Error,
                "cannot deliver a batch, will try again"
            );
            TaskOutcome::Snooze(app.clock.now().plus(tasks::STORAGE_PAUSE))
        }
    }
}

/// How the work on a batch ended.
enum BatchEnd {
    /// Every notification has its result, or is in a task that continues.
    Finished,
    /// The lease was lost in the middle. The rest of the batch is still in its task.
    LeaseLost,
}

async fn try_send_batch(
    app: &App,
    task: &TaskContext,
    step: Step,
    delivery: &Delivery,
) -> Result<BatchEnd, SendBatchError> {
    let (ids, channel) = (&delivery.ids, step.channel());
    if is_suspect(task, ids) {
        return isolate(app, task, step, delivery).await;
    }
    // Claimed before they are read: what another worker has sent in between is no longer `created` when it is read.
    let (claim, elsewhere) = app.send.in_flight.claim(ids);
    let service = task.leased().service_id;
    let claimed = claim.ids();
    let unsent = list_unsent(app, service, channel, &claimed);
    let (waiting, checks) = match catch_panic(unsent).await {
        Some(Ok(waiting)) => waiting,
        Some(Err(fault)) if !fault.is_corrupt_row() => return Err(fault.into()),
        Some(Err(fault)) => {
            return split_batch(app, task, step, delivery, &fault.to_string()).await;
        }
        None => return split_batch(app, task, step, delivery, "the program failed").await,
    };
    if waiting.is_empty() && elsewhere.is_empty() {
        return Ok(BatchEnd::Finished);
    }
    let tenant = tenants::find(app, service)
        .await?
        .ok_or(SendBatchError::NoService)?;
    if !tenant.service.active {
        fail_all(app, task, step, &waiting, &tenant).await?;
        return Ok(BatchEnd::Finished);
    }
    let suppressed = if checks.has_suppressions {
        suppression::find_suppressed(app, service, channel, &waiting).await?
    } else {
        BTreeMap::new()
    };
    provider_rows::refresh(app).await?;
    if step.calls_provider() {
        quota::reserve(app, channel, waiting.len()).await?;
    }
    let earlier = if checks.has_attempts {
        let ids: Vec<NotificationId> = waiting.iter().map(|one| one.id).collect();
        store::attempts::list_of(&mut app.read().await?, &ids).await?
    } else {
        Vec::new()
    };
    let attempts = BatchAttempts::new(earlier);
    // Only a text message costs its recipient's patience twice, and only for texts do receipts come within minutes.
    let awaited = match channel {
        Channel::Sms => attempts.await_receipts(app, &waiting, app.clock.now()),
        Channel::Email | Channel::Letter => Vec::new(),
    };
    let waiting = attempts::without(waiting, &awaited);
    let held = Held {
        claim,
        elsewhere,
        awaited,
        attempts,
    };
    Batch::new(app, task, &tenant, step, delivery, held)
        .withholding(suppressed)
        .send(waiting)
        .await
}

/// Returns whether one of these notifications may be what ended the process more than once, and it is not known which.
///
/// A task that has the id of its only notification is one that [`isolate`] made: if it goes on to end processes, it becomes
/// the dead letter of that notification ([`poison`]).
fn is_suspect(task: &TaskContext, ids: &[NotificationId]) -> bool {
    let is_isolated = matches!(ids, [id] if task.leased().id == tasks::redelivery_task_id(*id));
    task.leased().crashes >= SUSPECT_AFTER && !is_isolated
}

/// Gives each notification of a batch a task of its own, which begins with the crashes of the batch.
async fn isolate(
    app: &App,
    task: &TaskContext,
    step: Step,
    delivery: &Delivery,
) -> Result<BatchEnd, SendBatchError> {
    let each = single_tasks(app, task, step, delivery);
    let named: Vec<TaskId> = each.iter().map(|task| task.id).collect();
    let crashes = task.leased().crashes;
    let mut tx = app.write().await?;
    if task.complete(&mut tx).await? {
        tx.enqueue(each).await?;
        store::tasks::set_crashes(&mut tx, &named, crashes).await?;
    }
    app.commit_and_notify(tx, &[tasks::delivery_pool_of(task.leased(), step)])
        .await?;
    warn!(
        "{crashes} processes in a row died while they worked on {} messages: each has a task of its own now",
        delivery.ids.len()
    );
    Ok(BatchEnd::Finished)
}

/// Returns a task for each notification of a batch.
fn single_tasks(app: &App, task: &TaskContext, step: Step, delivery: &Delivery) -> Vec<NewTask> {
    let now = app.clock.now();
    let single = |id: &NotificationId| NewTask {
        payload: tasks::delivery_payload(&[*id], delivery.unknown_outcomes),
        ..poison::single_notification_task(task, step, *id, now)
    };
    delivery.ids.iter().map(single).collect()
}

/// Returns those of these notifications of a service that are still to be sent, and what there is to look up about them.
async fn list_unsent(
    app: &App,
    service: ServiceId,
    channel: Channel,
    ids: &[NotificationId],
) -> Result<(Vec<Notification>, SendChecks), store::Error> {
    let mut session = app.read().await?;
    let mut waiting = match channel {
        Channel::Letter => store::notifications::list_created_letters(&mut session, ids).await?,
        Channel::Email | Channel::Sms => {
            store::notifications::list_created(&mut session, ids).await?
        }
    };
    let ids: Vec<NotificationId> = waiting.iter().map(|one| one.id).collect();
    let letters: Vec<TaskId> = ids.iter().copied().map(tasks::redelivery_task_id).collect();
    let checks = send_checks::find(&mut session, service, channel, &ids, &letters).await?;
    if checks.has_dead_letters {
        let poisoned = poison::list_poisoned(&mut session, ids).await?;
        waiting.retain(|notification| !poisoned.contains(&notification.id));
    }
    Ok((waiting, checks))
}

/// Gives each notification of a batch a task of its own, because one of them cannot be read and it is not known which. In
/// a task with one notification it is known, and that becomes a dead letter.
async fn split_batch(
    app: &App,
    task: &TaskContext,
    step: Step,
    delivery: &Delivery,
    why: &str,
) -> Result<BatchEnd, SendBatchError> {
    let ids = &delivery.ids;
    let now = app.clock.now();
    let mut tx = app.write().await?;
    if let [id] = &ids[..] {
        let poisoned =
            poison::poison_message(task, step, *id, &FailedPhase::Reading(why.to_owned()), now);
        // Completed first, because it may have the id of the dead letter that takes its place.
        task.complete(&mut tx).await?;
        poisoned.dead_letter(&mut tx, now).await?;
        tx.commit().await?;
        poisoned.log();
        return Ok(BatchEnd::Finished);
    }
    warn!(
        "one of {} messages cannot be read: each is looked at alone ({why})",
        ids.len()
    );
    if task.complete(&mut tx).await? {
        tx.enqueue(single_tasks(app, task, step, delivery)).await?;
    }
    app.commit_and_notify(tx, &[tasks::delivery_pool_of(task.leased(), step)])
        .await?;
    Ok(BatchEnd::Finished)
}

#[derive(Debug, thiserror::Error)]
enum SendBatchError {
    #[error("the store failed")]
    Store(#[from] store::Error),
    #[error("what was sent could not be recorded")]
    Write(#[from] SendWriteError),
    #[error("the store failed")]
    Cached(#[from] Arc<store::Error>),
    #[error("there is no such service any more")]
    NoService,
}

/// Fails the notifications of a service that was deactivated, without a retry (`docs/spec/workers.md` §7.1 Build, F12).
async fn fail_all(
    app: &App,
    task: &TaskContext,
    step: Step,
    waiting: &[Notification],
    tenant: &Tenant,
) -> Result<(), SendBatchError> {
    let service = tenant.service.id;
    let started = app.clock.now();
    let failed = |notification: &Notification| {
        let (id, channel) = (notification.id, notification.channel);
        let why = format!("service {service} is inactive");
        FinalOutcome {
            report: Some(format!(
                "Send {channel} for notification id {id} to provider is not allowed: {why}"
            )),
            update: StatusUpdate::failed(id, NotificationStatus::TechnicalFailure, why),
        }
    };
    let writes = PendingWrites {
        outcomes: waiting.iter().map(failed).collect(),
        ..PendingWrites::default()
    };
    let mut tx = app.write().await?;
    let applied =
        callbacks::apply_updates(app, &mut tx, &writes.updates(), app.clock.now()).await?;
    task.complete(&mut tx).await?;
    app.commit_and_notify(tx, applied.pools).await?;
    writes.log_and_count(task, step, app.clock.now().since(started));
    Ok(())
}

/// What a provider that accepted a notification says about what follows.
struct Accepted<'a> {
    provider: &'a str,
    reports_delivery: bool,
    reference: Option<String>,
}

impl Accepted<'_> {
    fn outcome(self, notification: &Notification, now: Timestamp) -> StatusUpdate {
        let outcome = self.home_outcome(notification.id, now);
        if notification.international {
            let status = NotificationStatus::Sent;
            return StatusUpdate { status, ..outcome };
        }
        outcome
    }

    fn home_outcome(self, id: NotificationId, now: Timestamp) -> StatusUpdate {
        StatusUpdate {
            id,
            // Without a receipt to wait for, acceptance is final (docs/decisions/acceptance-is-the-last-we-hear.md).
            status: if self.reports_delivery {
                NotificationStatus::Sending
            } else {
                NotificationStatus::Delivered
            },
            sent_at: Some(now),
            sent_by: Some(self.provider.to_owned()),
            reference: self.reference,
            billable_units: None,
            problem: None,
        }
    }
}

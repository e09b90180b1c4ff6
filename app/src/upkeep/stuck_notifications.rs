//! Stuck notifications (`docs/spec/workers.md` §13): those that wait although no task names them, and those whose
//! provider has not reported for three days.
//!
//! A notification and its delivery task are one transaction, so the first kind should not exist; an audit searches
//! for it all the same. It reads the notifications of the last hours, by service and time, and the tasks that name them.

use std::{collections::BTreeSet, time::Duration};

use domain::{Channel, KeyType, Lane, NotificationId, NotificationStatus, ServiceId, Timestamp};
use queue::{Enqueue as _, NewTask, TaskContext, TaskOutcome};
use store::{
    notifications::{StatusUpdate, StuckNotification},
    tasks::SubjectRange,
};
use tracing::{info, warn};
use uuid::Uuid;

use crate::{
    App, audit, callbacks,
    send::poison::list_poisoned,
    tasks::{self, Step},
    technical_failures,
};

/// A notification that has waited longer than this without a task is enqueued again.
const REPLAY_AFTER: Duration = Duration::from_hours(1);
/// How far back the audit of every quarter of an hour looks. The daily one looks at the rest of the week, because finding
/// a few among all notifications of a week reads an index over all of them.
const REPLAY_WINDOW: Duration = Duration::from_hours(12);
const WEEK: Duration = Duration::from_hours(7 * 24);
/// A provider that has not reported for this long is not expected to report.
const TIMEOUT: Duration = Duration::from_hours(3 * 24);
/// The reason on a notification that has timed out.
const TIMED_OUT: &str = "nothing was heard of it for three days";
/// Notifications in one transaction.
const BATCH_SIZE: u32 = 1000;

/// Statuses that wait for a worker. Letters supplied as PDF first wait for a virus scan. A letter that waits for the print
/// run, or is in a batch of one, is not looked for.
const WAITING_STATUSES: &[NotificationStatus] = &[
    NotificationStatus::Created,
    NotificationStatus::PendingVirusCheck,
];
/// Channels with a timeout: letters have none (`docs/spec/letters.md` §1).
const CHANNELS_WITH_TIMEOUT: &[Channel] = &[Channel::Email, Channel::Sms];

/// Enqueues notifications that wait without a task.
pub(crate) async fn replay_created(app: &App) -> TaskOutcome {
    audit::audit_outcome(
        tasks::REPLAY_CREATED_NOTIFICATIONS,
        replay(app, REPLAY_WINDOW).await,
    )
}

/// Does the same for all notifications of the last week.
pub(crate) async fn replay_created_this_week(app: &App) -> TaskOutcome {
    audit::audit_outcome(tasks::REPLAY_CREATED_THIS_WEEK, replay_week(app).await)
}

/// Enqueues the notifications of the last week that wait without a task, and returns how many.
pub(crate) async fn replay_week(app: &App) -> Result<u64, store::Error> {
    replay(app, WEEK).await
}

async fn replay(app: &App, window: Duration) -> Result<u64, store::Error> {
    let now = app.clock.now();
    let between = (now.minus(window), now.minus(REPLAY_AFTER));
    let mut replayed = 0;
    for service in store::services::list_ids(&mut app.read().await?).await? {
        replayed += replay_for_service(app, service, between).await?;
    }
    Ok(replayed)
}

async fn replay_for_service(
    app: &App,
    service: ServiceId,
    (after, before): (Timestamp, Timestamp),
) -> Result<u64, store::Error> {
    let mut waiting =
        StuckNotifications::new(service, Channel::ALL, WAITING_STATUSES, after, before);
    let mut replayed = 0;
    while let Some(found) = waiting.next_page_without_task(app).await? {
        replayed += enqueue_again(app, service, found).await?;
    }
    Ok(replayed)
}

/// Returns the notifications of the last week that wait without a task and have not killed a worker.
pub(crate) async fn list_without_task(app: &App) -> Result<Vec<NotificationId>, store::Error> {
    let now = app.clock.now();
    let (after, before) = (now.minus(WEEK), now.minus(REPLAY_AFTER));
    let mut without = Vec::new();
    for service in store::services::list_ids(&mut app.read().await?).await? {
        let mut waiting =
            StuckNotifications::new(service, Channel::ALL, WAITING_STATUSES, after, before);
        while let Some(found) = waiting.next_page_without_task(app).await? {
            let ids: Vec<NotificationId> = found.iter().map(|one| one.id).collect();
            let mut session = app.read().await?;
            let poisoned = list_poisoned(&mut session, ids.iter().copied()).await?;
            without.extend(ids.into_iter().filter(|id| !poisoned.contains(id)));
        }
    }
    Ok(without)
}

/// Returns the letters that wait for their virus scan, of those created between two times, without test letters.
pub(super) async fn list_unscanned(
    app: &App,
    (after, before): (Timestamp, Timestamp),
) -> Result<Vec<(ServiceId, StuckNotification)>, store::Error> {
    let statuses = &[NotificationStatus::PendingVirusCheck];
    let mut unscanned = Vec::new();
    for service in store::services::list_ids(&mut app.read().await?).await? {
        let mut waiting =
            StuckNotifications::new(service, &[Channel::Letter], statuses, after, before);
        loop {
            let page = waiting.next_page(app).await?;
            if page.is_empty() {
                break;
            }
            let letters = page.into_iter().filter(|one| one.key_type != KeyType::Test);
            unscanned.extend(letters.map(|one| (service, one)));
        }
    }
    Ok(unscanned)
}

/// Enqueues a letter that waits for its virus scan, unless a task that this enqueued before still waits.
pub(super) async fn enqueue_letter(
    app: &App,
    service: ServiceId,
    letter: StuckNotification,
) -> Result<(), store::Error> {
    enqueue_again(app, service, vec![letter]).await.map(drop)
}

async fn enqueue_again(
    app: &App,
    service: ServiceId,
    mut stuck: Vec<StuckNotification>,
) -> Result<u64, store::Error> {
    if stuck.is_empty() {
        return Ok(0);
    }
    let now = app.clock.now();
    let mut tx = app.write().await?;
    // A poison message waits for an operator.
    let poisoned = list_poisoned(&mut tx, stuck.iter().map(|one| one.id)).await?;
    stuck.retain(|one| !poisoned.contains(&one.id));
    if stuck.is_empty() {
        return Ok(0);
    }
    let deliver = |one: &StuckNotification| {
        let step = if one.is_claimed {
            Step::Print
        } else {
            Step::first(one.channel, one.status)
        };
        NewTask {
            pool: step.pool_for(one.key_type),
            ..tasks::redeliver(service, step, Lane::Normal, one.id, now)
        }
    };
    let again: Vec<NewTask> = stuck.iter().map(deliver).collect();
    let pools: BTreeSet<&'static str> = again.iter().map(|task| task.pool).collect();
    tx.enqueue(again).await?;
    app.commit_and_notify(tx, &pools.into_iter().collect::<Vec<_>>())
        .await?;
    warn!(service.id = %service, "{} messages waited without a task and were put back in the queue", stuck.len());
    Ok(stuck.len() as u64)
}

/// Pages through the notifications of a service that are still in one of these statuses, oldest first, reading each
/// once.
struct StuckNotifications<'a> {
    service: ServiceId,
    channels: &'a [Channel],
    statuses: &'a [NotificationStatus],
    after: (Timestamp, NotificationId),
    before: Timestamp,
}

impl<'a> StuckNotifications<'a> {
    fn new(
        service: ServiceId,
        channels: &'a [Channel],
        statuses: &'a [NotificationStatus],
        after: Timestamp,
        before: Timestamp,
    ) -> Self {
        Self {
            service,
            channels,
            statuses,
            after: (after, Uuid::nil().into()),
            before,
        }
    }

    async fn next_page(&mut self, app: &App) -> Result<Vec<StuckNotification>, store::Error> {
        let found = store::notifications::list_stuck(
            &mut app.read().await?,
            self.service,
            self.channels,
            self.statuses,
            (self.after, self.before),
            BATCH_SIZE,
        )
        .await?;
        if let Some(last) = found.last() {
            self.after = (last.created_at, last.id);
        }
        Ok(found)
    }

    /// Returns those of the next page that no task names; `None` after the last page.
    async fn next_page_without_task(
        &mut self,
        app: &App,
    ) -> Result<Option<Vec<StuckNotification>>, store::Error> {
        let mut found = self.next_page(app).await?;
        let Some(range) = SubjectRange::of(found.iter().map(|one| one.id)) else {
            return Ok(None);
        };
        // One that a task names waits for its turn or its retry. If the task ends in between, the message is enqueued
        // once more, and the delivery finds that it is not waiting any longer.
        let mut session = app.read().await?;
        let named = store::tasks::list_named_between(&mut session, self.service, range).await?;
        found.retain(|one| !named.contains(&one.id.as_uuid()));
        Ok(Some(found))
    }
}

/// Fails notifications without a receipt, and those that were never sent, after three days.
pub(crate) async fn time_out(app: &App, task: &TaskContext) -> TaskOutcome {
    match try_time_out(app, task).await {
        Ok((silent, unsent)) => {
            info!("Timeout period reached for {silent} notifications, status has been updated.");
            if unsent > 0 {
                info!("{unsent} messages were not handed over for three days, and have failed");
            }
            if task.is_stopping() {
                return TaskOutcome::Snooze(app.clock.now());
            }
            TaskOutcome::Completed
        }
        Err(fault) => {
            warn!(
                error = &fault as &dyn std::error::Error,
                "cannot time out messages, will try again"
            );
            tasks::retry_periodic(tasks::TIMEOUT_SENDING)
        }
    }
}

async fn try_time_out(app: &App, task: &TaskContext) -> Result<(u64, u64), store::Error> {
    use NotificationStatus::{Created, Pending, Sending, TechnicalFailure, TemporaryFailure};
    let before = app.clock.now().minus(TIMEOUT);
    let (mut silent, mut unsent) = (0, 0);
    for service in store::services::list_ids(&mut app.read().await?).await? {
        if task.is_stopping() {
            break;
        }
        silent += fail_stuck(
            app,
            task,
            service,
            &[Sending, Pending],
            (before, TemporaryFailure),
        )
        .await?;
        unsent += fail_stuck(app, task, service, &[Created], (before, TechnicalFailure)).await?;
    }
    Ok((silent, unsent))
}

/// Moves the service's notifications in these statuses from before `before` to `next`. Returns how many there were.
async fn fail_stuck(
    app: &App,
    task: &TaskContext,
    service: ServiceId,
    statuses: &[NotificationStatus],
    (before, next): (Timestamp, NotificationStatus),
) -> Result<u64, store::Error> {
    let started = app.clock.now();
    let mut stuck = StuckNotifications::new(
        service,
        CHANNELS_WITH_TIMEOUT,
        statuses,
        Timestamp::default(),
        before,
    );
    let mut failed = 0;
    loop {
        let found = stuck.next_page(app).await?;
        if found.is_empty() {
            return Ok(failed);
        }
        let outcomes: Vec<StatusUpdate> = found
            .iter()
            .map(|one| StatusUpdate::failed(one.id, next, TIMED_OUT))
            .collect();
        let mut tx = app.write().await?;
        let applied = callbacks::apply_updates(app, &mut tx, &outcomes, app.clock.now()).await?;
        failed += applied.count;
        app.commit_and_notify(tx, applied.pools).await?;
        if next == NotificationStatus::TechnicalFailure {
            let took = app.clock.now().since(started);
            for StuckNotification { id, channel, .. } in found {
                let pool = tasks::PERIODIC;
                technical_failures::report(task, pool, took, (channel, service, id), TIMED_OUT);
            }
        }
    }
}

//! Retention (`docs/spec/workers.md` §14). Notifications become a line of history without personal data; files of old
//! jobs and of unused uploads, inbound SMS, unsubscribe requests and old counters are deleted. A service may choose
//! its own retention for each channel.
//!
//! Every step is a small transaction that looks at what exists, so a run may stop anywhere and be repeated.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use domain::{Channel, NotificationId, ServiceId, TaskId, Timestamp};
use queue::{Enqueue as _, TaskContext, TaskOutcome};
use store::{jobs::RetentionScope, partitions::DropResult};
use tracing::{info, warn};

use crate::{
    App,
    jobs::spreadsheets,
    letters::{files_of, remove_old_originals, remove_old_uploads, uploads::RemovalError},
    local_days, tasks,
};

/// Days that notifications are kept unless the service says otherwise.
const DEFAULT_DAYS: u32 = 7;
/// Days that an unsubscribe request that is in no report is kept for its service.
const OPEN_REQUESTS_DAYS: u32 = 90;
/// Notifications in one transaction.
const BATCH_SIZE: u32 = 2000;
/// Files deleted between two reads of the database.
const FILE_BATCH_SIZE: u32 = 500;

#[derive(Debug, thiserror::Error)]
enum RetentionError {
    #[error("the store failed")]
    Store(#[from] store::Error),
    #[error("the file storage failed")]
    Files(#[from] files::Error),
}

impl From<RemovalError> for RetentionError {
    fn from(error: RemovalError) -> Self {
        match error {
            RemovalError::Store(error) => Self::Store(error),
            RemovalError::Files(error) => Self::Files(error),
        }
    }
}

fn outcome_of(what: &'static str, done: Result<(), RetentionError>) -> TaskOutcome {
    match done {
        Ok(()) => TaskOutcome::Completed,
        Err(fault) => {
            warn!(
                error = &fault as &dyn std::error::Error,
                "{what} failed, will try again"
            );
            tasks::retry_periodic(tasks::DELETE_NOTIFICATIONS)
        }
    }
}

/// Returns the outcome of a pass, which ends early if the process stops. The task then continues on another worker.
fn outcome_of_pass(
    app: &App,
    task: &TaskContext,
    what: &'static str,
    done: Result<(), RetentionError>,
) -> TaskOutcome {
    match done {
        Ok(()) if task.is_stopping() => TaskOutcome::Snooze(app.clock.now()),
        done => outcome_of(what, done),
    }
}

/// The retention of each service and channel, in days.
struct RetentionRules(BTreeMap<(ServiceId, Channel), u32>);

impl RetentionRules {
    async fn read(app: &App) -> Result<Self, store::Error> {
        let rules = store::history::list_retentions(&mut app.read().await?).await?;
        Ok(Self(rules.into_iter().collect()))
    }

    fn days(&self, service: ServiceId, channel: Channel) -> u32 {
        self.0
            .get(&(service, channel))
            .copied()
            .unwrap_or(DEFAULT_DAYS)
    }

    /// Returns the longest retention of all.
    fn max_days(&self) -> u32 {
        self.0.values().copied().fold(DEFAULT_DAYS, u32::max)
    }
}

/// Enqueues the deletion of expired notifications: whole days where possible, then service by service.
pub(crate) async fn delete_old_notifications(app: &App) -> TaskOutcome {
    outcome_of(
        "delete-notifications-older-than-retention",
        enqueue_deletions(app).await,
    )
}

async fn enqueue_deletions(app: &App) -> Result<(), RetentionError> {
    let removed = remove_old_originals(app).await?;
    if removed > 0 {
        info!(
            "removed {removed} supplied letters as they were received, a week after they were rewritten"
        );
    }
    let removed = remove_old_uploads(app).await?;
    if removed > 0 {
        info!("removed {removed} files of uploaded letters that were not sent within a day");
    }
    let rules = RetentionRules::read(app).await?;
    // On PostgreSQL, a day that has expired for all services is dropped as a partition, which costs nothing per row.
    drop_whole_days(app, local_days::midnight_days_ago(app, rules.max_days())).await?;
    let now = app.clock.now();
    for service in store::services::list_ids(&mut app.read().await?).await? {
        for channel in Channel::ALL.iter().copied() {
            let before = local_days::midnight_days_ago(app, rules.days(service, channel));
            if !has_expired(app, service, channel, before).await? {
                continue;
            }
            let id = TaskId::generate(now, app.random());
            let mut tx = app.write().await?;
            let task = tasks::delete_notifications(id, service, channel, before, now);
            tx.enqueue(vec![task]).await?;
            app.commit_and_notify(tx, &[tasks::PERIODIC]).await?;
        }
    }
    Ok(())
}

async fn has_expired(
    app: &App,
    service: ServiceId,
    channel: Channel,
    before: Timestamp,
) -> Result<bool, store::Error> {
    let mut session = app.read().await?;
    for of_test_keys in [false, true] {
        let found =
            store::history::list_expired(&mut session, service, channel, of_test_keys, before, 1)
                .await?;
        if !found.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Drops the partitions of days that have fully expired. A partition in use is left for the next night.
async fn drop_whole_days(app: &App, before: Timestamp) -> Result<(), store::Error> {
    let days = store::partitions::list_before(&mut app.read().await?, before.utc_day()).await?;
    for day in days {
        let mut tx = app.write().await?;
        match store::partitions::drop_day(&mut tx, day, before).await {
            Ok(DropResult::Day(kept)) => {
                store::stored_bytes::clear_day(&mut tx, day).await?;
                tx.commit().await?;
                info!("deleted the notifications of {day}: {kept} lines of history remain");
            }
            Ok(DropResult::NotYet) => {}
            Err(fault) => warn!(
                error = &fault as &dyn std::error::Error,
                "cannot drop the partition of {day} now"
            ),
        }
    }
    Ok(())
}

/// Deletes the notifications of one service and channel from before `before`.
pub(crate) async fn delete_notifications(
    app: &App,
    task: &TaskContext,
    channel: Channel,
    before: Timestamp,
) -> TaskOutcome {
    match delete_of_service(app, task, channel, before).await {
        Ok(true) => TaskOutcome::Completed,
        // The process stops: the task continues on another worker.
        Ok(false) => TaskOutcome::Snooze(app.clock.now()),
        Err(fault) => outcome_of("delete-notifications-for-service-and-type", Err(fault)),
    }
}

async fn delete_of_service(
    app: &App,
    task: &TaskContext,
    channel: Channel,
    before: Timestamp,
) -> Result<bool, RetentionError> {
    let service = task.leased().service_id;
    let mut deleted = 0;
    for of_test_keys in [false, true] {
        loop {
            if task.is_stopping() || !task.holds_lease(app.clock.now()) {
                return Ok(false);
            }
            let ids = store::history::list_expired(
                &mut app.read().await?,
                service,
                channel,
                of_test_keys,
                before,
                BATCH_SIZE,
            )
            .await?;
            if ids.is_empty() {
                break;
            }
            // Files before the rows that name them, so that no file is left without a row.
            if channel == Channel::Letter {
                remove_letter_files(app, service, &ids).await?;
            }
            let mut tx = app.write().await?;
            // Notifications with test keys are not billed, so they leave no history.
            if !of_test_keys {
                store::history::insert_from_notifications(&mut tx, service, &ids).await?;
            }
            deleted += store::history::delete(&mut tx, service, &ids).await?;
            tx.commit().await?;
        }
    }
    let mut tx = app.write().await?;
    // Letters that retention spares are counted again by the audit.
    store::stored_bytes::clear_before(&mut tx, service, channel, before.utc_day()).await?;
    tx.commit().await?;
    info!(service.id = %service, "deleted {deleted} {channel} notifications from before {before}");
    Ok(true)
}

async fn remove_letter_files(
    app: &App,
    service: ServiceId,
    letters: &[NotificationId],
) -> Result<(), files::Error> {
    for letter in letters {
        for key in files_of(service, *letter) {
            app.files.remove(&key).await?;
        }
    }
    Ok(())
}

/// Deletes expired inbound SMS (`docs/spec/workers.md` §14.2), sender and text; a line of history stays.
pub(crate) async fn delete_inbound_sms(app: &App, task: &TaskContext) -> TaskOutcome {
    let done = try_delete_inbound_sms(app, task).await;
    outcome_of_pass(app, task, "delete-inbound-sms", done)
}

async fn try_delete_inbound_sms(app: &App, task: &TaskContext) -> Result<(), RetentionError> {
    let rules = RetentionRules::read(app).await?;
    let mut session = app.read().await?;
    let with_number = store::inbound_sms::list_services_with_number(&mut session).await?;
    let services = store::services::list_ids(&mut session).await?;
    drop(session);
    for service in services {
        // A service that has returned its number has no retention of its own for inbound SMS.
        let days = if with_number.contains(&service) {
            rules.days(service, Channel::Sms)
        } else {
            DEFAULT_DAYS
        };
        let before = local_days::midnight_days_ago(app, days);
        let mut deleted = 0;
        while !task.is_stopping() {
            let mut session = app.read().await?;
            let ids =
                store::inbound_sms::list_expired(&mut session, service, before, BATCH_SIZE).await?;
            drop(session);
            if ids.is_empty() {
                break;
            }
            let mut tx = app.write().await?;
            deleted += store::inbound_sms::move_to_history(&mut tx, service, &ids).await?;
            tx.commit().await?;
        }
        if deleted > 0 {
            info!(service.id = %service, "deleted {deleted} received texts from before {before}");
        }
    }
    Ok(())
}

/// Moves unsubscribe requests to the history (`docs/spec/workers.md` §16): those in reports after a week, others after ninety
/// days.
pub(crate) async fn archive_unsubscribe_requests(app: &App, task: &TaskContext) -> TaskOutcome {
    let done = try_archive_unsubscribe_requests(app, task).await;
    outcome_of_pass(app, task, "archive-unsubscribe-requests", done)
}

async fn try_archive_unsubscribe_requests(
    app: &App,
    task: &TaskContext,
) -> Result<(), RetentionError> {
    let reported = local_days::midnight_days_ago(app, DEFAULT_DAYS);
    let open = local_days::midnight_days_ago(app, OPEN_REQUESTS_DAYS);
    while !task.is_stopping() {
        let mut tx = app.write().await?;
        let moved =
            store::unsubscribe_requests::move_to_history(&mut tx, reported, open, BATCH_SIZE)
                .await?;
        tx.commit().await?;
        if moved == 0 {
            break;
        }
        info!("moved {moved} unsubscribe requests to the history");
    }
    Ok(())
}

/// Deletes the spreadsheets of old jobs, of uploads without a job, and incomplete uploads.
pub(crate) async fn remove_job_files(app: &App, task: &TaskContext) -> TaskOutcome {
    let done = remove_files(app, task).await;
    outcome_of_pass(app, task, "remove_sms_email_jobs", done)
}

async fn remove_files(app: &App, task: &TaskContext) -> Result<(), RetentionError> {
    let before = local_days::midnight_days_ago(app, DEFAULT_DAYS);
    for ((service, channel), days) in RetentionRules::read(app).await?.0 {
        let before = local_days::midnight_days_ago(app, days);
        remove_files_of(app, task, RetentionScope::Of(service, channel), before).await?;
    }
    remove_files_of(app, task, RetentionScope::Others, before).await?;
    remove_unused_files(app, task, before).await?;
    remove_partial_uploads(app).await?;
    delete_old_counters(app).await?;
    Ok(())
}

/// Deletes what killed processes left incomplete in the file storage.
async fn remove_partial_uploads(app: &App) -> Result<(), RetentionError> {
    // No upload takes a day.
    let a_day_ago = app.clock.now().minus(Duration::from_hours(24));
    let since_1970 = Duration::from_secs(a_day_ago.unix_seconds().unsigned_abs());
    let removed = app
        .files
        .remove_partial_uploads(SystemTime::UNIX_EPOCH + since_1970)
        .await?;
    if removed > 0 {
        info!("removed {removed} files that were never completed");
    }
    Ok(())
}

/// Deletes the spreadsheets of these jobs from before `before`.
async fn remove_files_of(
    app: &App,
    task: &TaskContext,
    scope: RetentionScope,
    before: Timestamp,
) -> Result<(), RetentionError> {
    while !task.is_stopping() {
        let mut session = app.read().await?;
        let jobs =
            store::jobs::list_with_old_files(&mut session, scope, before, FILE_BATCH_SIZE).await?;
        drop(session);
        if jobs.is_empty() {
            break;
        }
        // Files before rows: after a crash in between, the next run finds the rows and removes the files again.
        for job in &jobs {
            app.files
                .remove(&spreadsheets::key(job.service_id, job.id))
                .await?;
        }
        let mut tx = app.write().await?;
        for job in &jobs {
            store::jobs::archive(&mut tx, job.service_id, job.id).await?;
            store::spreadsheets::record_deletion(&mut tx, job.service_id, job.id).await?;
            info!(job.id = %job.id, "Job ID {} has been removed from s3.", job.id);
        }
        tx.commit().await?;
    }
    Ok(())
}

/// Deletes the spreadsheets of uploads without a job.
async fn remove_unused_files(
    app: &App,
    task: &TaskContext,
    before: Timestamp,
) -> Result<(), RetentionError> {
    while !task.is_stopping() {
        let unused =
            store::spreadsheets::list_unused(&mut app.read().await?, before, FILE_BATCH_SIZE)
                .await?;
        if unused.is_empty() {
            break;
        }
        for (service, id) in &unused {
            app.files.remove(&spreadsheets::key(*service, *id)).await?;
        }
        let mut tx = app.write().await?;
        for (service, id) in &unused {
            store::spreadsheets::delete(&mut tx, *service, *id).await?;
        }
        tx.commit().await?;
    }
    Ok(())
}

async fn delete_old_counters(app: &App) -> Result<(), store::Error> {
    let mut tx = app.write().await?;
    // Only the counters of the present day are checked; those of a week are kept to look back at, and others as long as
    // they count what is stored.
    let day = app.clock.now().utc_day().plus_days(-7);
    store::counters::delete_before(&mut tx, day).await?;
    tx.commit().await
}

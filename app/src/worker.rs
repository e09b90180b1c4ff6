//! Dispatch: which feature handles a task of which kind.

use async_trait::async_trait;
use domain::{CallbackKind, ServiceId};
use queue::{TaskContext, TaskHandler, TaskOutcome};
use serde::de::DeserializeOwned;

use crate::{
    App,
    accept::idempotency,
    callbacks, documents, jobs, letters, receipts, send, statistics,
    tasks::{
        self, EmailReceipts, ExpiredNotifications, JobPayload, LetterReferences, NotificationIds,
        PrintRun, SmsReceipts, Step,
    },
    upkeep::{
        callback_notices, letter_alarms, letter_volumes, retention_cleanup, schedule,
        sender_checks, storage_audit, stuck_notifications,
    },
};

#[async_trait]
impl TaskHandler for App {
    fn max_tasks_of(&self, pool: &str, service: ServiceId) -> Option<u32> {
        callbacks::max_tasks_of(self, pool, service)
    }

    async fn handle(&self, task: &TaskContext) -> TaskOutcome {
        if let Some(step) = Step::of_kind(&task.leased().kind) {
            return with(task, async |delivery| {
                send::send_batch(self, task, step, &delivery).await
            })
            .await;
        }
        match task.leased().kind.as_str() {
            tasks::CHECK_TIME_TO_COLLATE => letters::print_run::check_time(self).await,
            tasks::COLLATE_LETTERS => {
                with(task, async |PrintRun { deadline }| {
                    letters::print_run::collate(self, task, deadline).await
                })
                .await
            }
            tasks::PROCESS_JOB => {
                with(task, async |JobPayload { job }| {
                    jobs::process(self, task, job).await
                })
                .await
            }
            tasks::PROCESS_INCOMPLETE_JOB => {
                with(task, async |JobPayload { job }| {
                    jobs::process_incomplete(self, task, job).await
                })
                .await
            }
            tasks::PROCESS_MISSING_ROWS => {
                with(task, async |JobPayload { job }| {
                    jobs::process_missing_rows(self, task, job).await
                })
                .await
            }
            tasks::SMS_RECEIPTS => {
                with(task, async |SmsReceipts { receipts }| {
                    receipts::process_texts(self, task, receipts).await
                })
                .await
            }
            tasks::EMAIL_RECEIPTS => {
                with(task, async |EmailReceipts { receipts }| {
                    receipts::process_emails(self, task, receipts).await
                })
                .await
            }
            tasks::LETTER_RECEIPT => {
                with(task, async |receipt| {
                    receipts::process_letter(self, task, receipt).await
                })
                .await
            }
            tasks::SIMULATED_RECEIPTS => {
                with(task, async |NotificationIds { ids }| {
                    receipts::simulate_receipts(self, task, &ids).await
                })
                .await
            }
            tasks::SEND_DELIVERY_STATUS => {
                with(task, async |events| {
                    callbacks::send(self, task, CallbackKind::DeliveryStatus, events).await
                })
                .await
            }
            tasks::SEND_INBOUND_SMS => {
                with(task, async |events| {
                    callbacks::send(self, task, CallbackKind::InboundSms, events).await
                })
                .await
            }
            tasks::SEND_RETURNED_LETTER => {
                with(task, async |events| {
                    callbacks::send(self, task, CallbackKind::ReturnedLetter, events).await
                })
                .await
            }
            tasks::SEND_COMPLAINT => {
                with(task, async |events| {
                    callbacks::send(self, task, CallbackKind::Complaint, events).await
                })
                .await
            }
            tasks::SEND_UNSUBSCRIBE_REQUEST => {
                with(task, async |events| {
                    callbacks::send(self, task, CallbackKind::UnsubscribeRequest, events).await
                })
                .await
            }
            tasks::REPLAY_CALLBACKS => {
                with(task, async |replay| {
                    callbacks::replay::run(self, task, replay).await
                })
                .await
            }
            tasks::TELL_OF_PAUSED_CALLBACK => {
                with(task, async |paused| {
                    callback_notices::tell(self, task.leased().service_id, paused).await
                })
                .await
            }
            tasks::PROBE_PAUSED_CALLBACKS => callbacks::replay::probe_paused(self).await,
            tasks::DELETE_CALLBACK_ATTEMPTS => {
                callbacks::replay::delete_old_attempts(self, task).await
            }
            tasks::RETURNED_LETTERS | tasks::RETURNED_LETTERS_BEFORE => {
                with(task, async |LetterReferences { references }| {
                    letters::returned::record(self, task, &references).await
                })
                .await
            }
            tasks::UPDATE_LETTER_STATUSES => {
                with(task, async |name| {
                    letters::response_files::update_statuses(self, task, name).await
                })
                .await
            }
            tasks::RECORD_SORTED_COUNTS => {
                with(task, async |name| {
                    letters::response_files::record_counts(self, task, name).await
                })
                .await
            }
            tasks::LETTERS_STILL_CREATED => letter_alarms::still_created(self).await,
            tasks::LETTERS_IN_TECHNICAL_FAILURE => letter_alarms::technical_failures(self).await,
            tasks::LETTERS_STILL_UNSCANNED => letter_alarms::still_unscanned(self).await,
            tasks::LETTERS_STILL_UNSCANNED_NIGHTLY => {
                letter_alarms::still_unscanned_nightly(self).await
            }
            tasks::LETTERS_STILL_SENDING => letter_alarms::still_sending(self).await,
            tasks::MISSING_ACKNOWLEDGEMENTS => letter_alarms::missing_acknowledgements(self).await,
            tasks::MISSING_SORTED_COUNTS => letter_alarms::missing_counts(self).await,
            tasks::CHANGE_PRINT_API_KEY => {
                letters::credentials::change_due(self, task, letters::credentials::Kind::ApiKey)
                    .await
            }
            tasks::CHANGE_PRINT_PASSWORD => {
                letters::credentials::change_due(self, task, letters::credentials::Kind::Password)
                    .await
            }
            tasks::CHECK_FOR_RESPONSE_FILES => letters::response_files::sweep(self).await,
            tasks::ZIP_AND_SEND_LETTERS => {
                with(task, async |zip| {
                    letters::print_run::hand_over_zip(self, task, zip).await
                })
                .await
            }
            tasks::SEND_LETTER_VOLUMES => {
                with(task, async |volumes| {
                    letter_volumes::send(self, task, volumes).await
                })
                .await
            }
            tasks::RUN_SCHEDULED_JOBS => jobs::run_scheduled(self).await,
            tasks::CHECK_JOB_STATUS => jobs::check_job_status(self).await,
            tasks::CHECK_FOR_MISSING_ROWS => jobs::check_for_missing_rows(self).await,
            tasks::REPORT_OVERDUE_JOBS => jobs::report_overdue(self).await,
            tasks::UPDATE_STATUS_OF_FULLY_PROCESSED_JOBS => {
                jobs::update_status_of_fully_processed(self).await
            }
            tasks::REPLAY_CREATED_NOTIFICATIONS => stuck_notifications::replay_created(self).await,
            tasks::REPLAY_CREATED_THIS_WEEK => {
                stuck_notifications::replay_created_this_week(self).await
            }
            tasks::TIMEOUT_SENDING => stuck_notifications::time_out(self, task).await,
            tasks::DELETE_OLD_NOTIFICATIONS => {
                retention_cleanup::delete_old_notifications(self).await
            }
            tasks::DELETE_NOTIFICATIONS => {
                with(task, async |ExpiredNotifications { channel, before }| {
                    retention_cleanup::delete_notifications(self, task, channel, before).await
                })
                .await
            }
            tasks::REMOVE_JOB_FILES => retention_cleanup::remove_job_files(self, task).await,
            tasks::DELETE_INBOUND_SMS => retention_cleanup::delete_inbound_sms(self, task).await,
            tasks::ARCHIVE_UNSUBSCRIBE_REQUESTS => {
                retention_cleanup::archive_unsubscribe_requests(self, task).await
            }
            tasks::AUDIT_STORAGE => storage_audit::audit(self, task).await,
            tasks::FOLD_STATUS_CHANGES => statistics::fold_changes(self, task).await,
            tasks::NIGHTLY_STATUS_FACTS => statistics::audit(self, task).await,
            tasks::REDUCE_SLOW_PROVIDERS => send::balance::reduce_slow(self).await,
            tasks::GENERATE_SMS_DELIVERY_STATS => send::balance::publish_delivery_stats(self).await,
            tasks::TEND_PROVIDERS => send::balance::tend_back(self).await,
            tasks::PREPARE_PARTITIONS => schedule::prepare_partitions(self).await,
            tasks::REMOVE_EXPIRED_DOCUMENTS => documents::remove_expired(self, task).await,
            tasks::REMOVE_IDEMPOTENCY_KEYS => idempotency::delete_expired(self).await,
            tasks::CHECK_SENDERS => sender_checks::run(self).await,
            // A newer version, which runs or has run beside this one, may know it.
            other => TaskOutcome::Discard(format!(
                "this program knows no task `{other}`: a newer one may have left it"
            )),
        }
    }
}

async fn with<P: DeserializeOwned>(
    task: &TaskContext,
    work: impl AsyncFnOnce(P) -> TaskOutcome,
) -> TaskOutcome {
    match serde_json::from_str(&task.leased().payload) {
        Ok(payload) => work(payload).await,
        Err(error) => TaskOutcome::Discard(format!("the payload does not read: {error}")),
    }
}

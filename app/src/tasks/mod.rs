//! The kinds of tasks, with their pools, payloads and retry policies. Stored tasks carry the name of their kind, so a
//! kind is versioned and never renamed; a task of an unknown kind becomes a dead letter.

mod payloads;
mod retry_policies;
mod steps;

use domain::{CallbackKind, Channel, JobId, Lane, NotificationId, ServiceId, TaskId, Timestamp};
use queue::{LeasedTask, NewTask, Pool, SubjectRange};
use serde::Serialize;
use uuid::Uuid;

pub(crate) use payloads::{
    CallbackEvent, Callbacks, Delivery, EmailReceipts, ExpiredNotifications, FixedEndpoint,
    JobPayload, LetterReferences, LetterVolumes, NotificationIds, PausedCallback, PrintRun,
    ResponseFileName, SmsReceipts, ZipPayload,
};
pub use payloads::{
    CostThreshold, EmailEvent, EmailReceipt, LetterReceipt, LetterReceiptStatus, MessageKey,
    SmsReceipt,
};
pub(crate) use retry_policies::{
    COMPLAINT, EARLY_RECEIPT, LETTER_PDF, LETTER_SCAN, RESPONSE_FILE_LOOK, STORAGE_PAUSE,
    UNKNOWN_OUTCOME, retry, retry_periodic, retry_policy,
};
pub(crate) use steps::Step;

pub(crate) const DELIVER_EMAIL: &str = "deliver_email.v1";
pub(crate) const DELIVER_SMS: &str = "deliver_sms.v1";
pub(crate) const DELIVER_LETTER: &str = "deliver_letter.v1";
pub(crate) const MAKE_LETTER_PDF: &str = "get-pdf-for-templated-letter.v1";
pub(crate) const SCAN_FILE: &str = "scan-file.v1";
pub(crate) const SANITISE_LETTER: &str = "sanitise-letter.v1";
pub(crate) const COLLATE_LETTERS: &str = "collate-letter-pdfs-to-be-sent.v1";
pub(crate) const PROCESS_JOB: &str = "process-job.v1";
pub(crate) const PROCESS_INCOMPLETE_JOB: &str = "process-incomplete-jobs.v1";
pub(crate) const PROCESS_MISSING_ROWS: &str = "process-missing-rows.v1";
pub(crate) const SMS_RECEIPTS: &str = "process-sms-client-response.v1";
pub(crate) const EMAIL_RECEIPTS: &str = "process-ses-result.v1";
pub(crate) const LETTER_RECEIPT: &str = "process-letter-callback.v1";
pub(crate) const SIMULATED_RECEIPTS: &str = "made-up-receipts.v1";
pub(crate) const SEND_DELIVERY_STATUS: &str = "send-delivery-status.v1";
pub(crate) const SEND_INBOUND_SMS: &str = "send-inbound-sms.v1";
pub(crate) const SEND_RETURNED_LETTER: &str = "send-returned-letter.v1";
pub(crate) const SEND_COMPLAINT: &str = "send-complaint.v1";
pub(crate) const SEND_UNSUBSCRIBE_REQUEST: &str = "send-unsubscribe-request.v1";
pub(crate) const TELL_OF_PAUSED_CALLBACK: &str = "tell-of-paused-callback.v1";
pub(crate) const REPLAY_CALLBACKS: &str = "replay-callbacks.v1";
pub(crate) const RETURNED_LETTERS: &str = "process-returned-letters-list.v1";
/// The same, as versions before this one enqueued it.
pub(crate) const RETURNED_LETTERS_BEFORE: &str = "process-returned-letters.v1";
pub(crate) const UPDATE_LETTER_STATUSES: &str = "update-letter-notifications-statuses.v1";
pub(crate) const RECORD_SORTED_COUNTS: &str = "record-daily-sorted-counts.v1";
pub(crate) const ZIP_AND_SEND_LETTERS: &str = "zip-and-send-letter-pdfs.v1";
pub(crate) const SEND_LETTER_VOLUMES: &str = "send-letter-volumes.v1";
// The kinds from here on are enqueued by the schedule.
pub(crate) const LETTERS_STILL_CREATED: &str = "check-if-letters-still-in-created.v1";
pub(crate) const LETTERS_IN_TECHNICAL_FAILURE: &str = "check-if-letters-in-technical-failure.v1";
pub(crate) const LETTERS_STILL_UNSCANNED: &str = "check-if-letters-still-pending-virus-check.v1";
pub(crate) const LETTERS_STILL_UNSCANNED_NIGHTLY: &str =
    "check-if-letters-still-pending-virus-check-nightly.v1";
pub(crate) const LETTERS_STILL_SENDING: &str =
    "raise-alert-if-letter-notifications-still-sending.v1";
pub(crate) const MISSING_ACKNOWLEDGEMENTS: &str = "raise-alert-if-no-letter-ack-file.v1";
pub(crate) const MISSING_SORTED_COUNTS: &str = "raise-alert-if-no-sorted-counts.v1";
pub(crate) const CHECK_FOR_RESPONSE_FILES: &str = "check-for-response-files.v1";
pub(crate) const RUN_SCHEDULED_JOBS: &str = "run-scheduled-jobs.v1";
pub(crate) const CHECK_JOB_STATUS: &str = "check-job-status.v1";
pub(crate) const REPORT_OVERDUE_JOBS: &str = "tell-of-overdue-jobs.v1";
pub(crate) const CHECK_FOR_MISSING_ROWS: &str = "check-for-missing-rows-in-completed-jobs.v1";
pub(crate) const UPDATE_STATUS_OF_FULLY_PROCESSED_JOBS: &str =
    "update-status-of-fully-processed-jobs.v1";
pub(crate) const REPLAY_CREATED_NOTIFICATIONS: &str = "replay-created-notifications.v1";
pub(crate) const REPLAY_CREATED_THIS_WEEK: &str = "replay-created-notifications-this-week.v1";
pub(crate) const TIMEOUT_SENDING: &str = "timeout-sending-notifications.v1";
pub(crate) const DELETE_OLD_NOTIFICATIONS: &str = "delete-notifications-older-than-retention.v1";
// Enqueued by the kind above, for each service and channel.
pub(crate) const DELETE_NOTIFICATIONS: &str = "delete-notifications-for-service-and-type.v1";
pub(crate) const REMOVE_JOB_FILES: &str = "remove_sms_email_jobs.v1";
pub(crate) const DELETE_INBOUND_SMS: &str = "delete-inbound-sms.v1";
pub(crate) const ARCHIVE_UNSUBSCRIBE_REQUESTS: &str = "archive-unsubscribe-requests.v1";
pub(crate) const AUDIT_STORAGE: &str = "audit-storage.v1";
pub(crate) const PREPARE_PARTITIONS: &str = "prepare-partitions.v1";
pub(crate) const PROBE_PAUSED_CALLBACKS: &str = "probe-paused-callbacks.v1";
pub(crate) const DELETE_CALLBACK_ATTEMPTS: &str = "delete-callback-attempts.v1";
pub(crate) const REMOVE_EXPIRED_DOCUMENTS: &str = "remove-expired-documents.v1";
pub(crate) const REDUCE_SLOW_PROVIDERS: &str = "switch-current-sms-provider-on-slow-delivery.v1";
pub(crate) const GENERATE_SMS_DELIVERY_STATS: &str = "generate-sms-delivery-stats.v1";
pub(crate) const TEND_PROVIDERS: &str = "tend-providers-back-to-middle.v1";
pub(crate) const CHECK_SENDERS: &str =
    "check-for-services-with-high-failure-rates-or-sending-to-tv-numbers.v1";
pub(crate) const CHECK_TIME_TO_COLLATE: &str = "check-time-to-collate-letters.v1";
pub(crate) const REMOVE_IDEMPOTENCY_KEYS: &str = "remove-idempotency-keys.v1";

/// Maximum number of notifications or receipts in one task.
pub(crate) const MAX_TASK_IDS: usize = 100;
/// The stored bytes of the notifications that share a task, unless one alone has more: a worker reads all of them at once.
const MAX_TASK_BYTES: usize = 8 << 20;

pub(crate) const SEND_EMAIL: &str = "send-email-tasks";
pub(crate) const SEND_SMS: &str = "send-sms-tasks";
pub(crate) const SEND_LETTER: &str = "send-letter-tasks";
/// Making the pages of letters from their templates.
pub(crate) const CREATE_LETTERS_PDF: &str = "create-letters-pdf-tasks";
/// Scanning supplied PDFs for viruses.
pub(crate) const ANTIVIRUS: &str = "antivirus-tasks";
/// Checking supplied PDFs.
pub(crate) const SANITISE_LETTERS: &str = "sanitise-letter-tasks";
/// Rows of jobs.
pub(crate) const JOBS: &str = "job-tasks";
/// Receipts of text messages.
pub(crate) const SMS_CALLBACKS: &str = "sms-callbacks";
/// Receipts of e-mails, from whichever provider.
pub(crate) const SES_CALLBACKS: &str = "ses-callbacks";
/// Receipts of letters.
pub(crate) const LETTER_CALLBACKS: &str = "letter-callbacks";
/// First attempts of callbacks to services.
pub(crate) const SERVICE_CALLBACKS: &str = "service-callbacks";
/// Their retries, so that endpoints that fail delay none that work.
pub(crate) const SERVICE_CALLBACKS_RETRY: &str = "service-callbacks-retry";
/// What stores rows that others have listed: returned letters.
pub(crate) const DATABASE: &str = "database-tasks";
/// Zips of letters.
pub(crate) const PROCESS_FTP: &str = "process-ftp-tasks";
/// What the platform tells print providers, and what they tell it in files.
pub(crate) const NOTIFY_INTERNAL: &str = "notify-internal-tasks";
pub(crate) const RESEARCH_MODE: &str = "research-mode-tasks";
/// Scheduled tasks, and the platform's own.
pub(crate) const PERIODIC: &str = "periodic-tasks";

/// The worker pools, named as the queues of `docs/spec/workers.md` §2, with the number of tasks that each runs at the
/// same time.
pub const POOLS: &[Pool] = &[
    Pool {
        name: SEND_EMAIL,
        workers: 4,
    },
    Pool {
        name: SEND_SMS,
        workers: 4,
    },
    Pool {
        name: SEND_LETTER,
        workers: 2,
    },
    Pool {
        name: CREATE_LETTERS_PDF,
        workers: 2,
    },
    Pool {
        name: ANTIVIRUS,
        workers: 2,
    },
    Pool {
        name: SANITISE_LETTERS,
        workers: 2,
    },
    Pool {
        name: JOBS,
        workers: 4,
    },
    Pool {
        name: SMS_CALLBACKS,
        workers: 2,
    },
    Pool {
        name: SES_CALLBACKS,
        workers: 2,
    },
    Pool {
        name: LETTER_CALLBACKS,
        workers: 2,
    },
    Pool {
        name: SERVICE_CALLBACKS,
        workers: 32,
    },
    Pool {
        name: SERVICE_CALLBACKS_RETRY,
        workers: 32,
    },
    Pool {
        name: DATABASE,
        workers: 2,
    },
    Pool {
        // No service has them, so one of them runs at a time: each holds a zip in memory.
        name: PROCESS_FTP,
        workers: 2,
    },
    Pool {
        name: NOTIFY_INTERNAL,
        workers: 2,
    },
    Pool {
        name: RESEARCH_MODE,
        workers: 2,
    },
    Pool {
        name: PERIODIC,
        workers: 2,
    },
];

/// Returns the pool of the tasks that continue a delivery task: its own.
pub(crate) fn delivery_pool_of(task: &LeasedTask, step: Step) -> &'static str {
    if task.pool == RESEARCH_MODE {
        RESEARCH_MODE
    } else {
        step.pool()
    }
}

/// Divides notifications, each with its stored size, among delivery tasks.
pub(crate) fn delivery_batches(
    notifications: impl IntoIterator<Item = (NotificationId, usize)>,
) -> Vec<Vec<NotificationId>> {
    let mut batches: Vec<Vec<NotificationId>> = Vec::new();
    let mut bytes = 0;
    for (id, size) in notifications {
        bytes += size;
        match batches.last_mut() {
            Some(batch) if batch.len() < MAX_TASK_IDS && bytes <= MAX_TASK_BYTES => batch.push(id),
            _ => {
                batches.push(vec![id]);
                bytes = size;
            }
        }
    }
    batches
}

/// Returns a task that does a step of the delivery of these notifications of a service.
pub(crate) fn deliver(
    id: TaskId,
    service_id: ServiceId,
    step: Step,
    lane: Lane,
    ids: &[NotificationId],
    now: Timestamp,
) -> NewTask {
    let delivery = Delivery {
        ids: ids.to_vec(),
        unknown_outcomes: 0,
    };
    NewTask {
        subjects: SubjectRange::of(ids.iter().copied()),
        ..new(
            id,
            step.pool(),
            lane,
            service_id,
            step.kind(),
            &delivery,
            now,
        )
    }
}

/// Returns a task that does a step of the delivery of a notification which no task names.
pub(crate) fn redeliver(
    service: ServiceId,
    step: Step,
    lane: Lane,
    id: NotificationId,
    now: Timestamp,
) -> NewTask {
    // One id for each notification: of two audits that find it at the same time, one enqueues it. Two tasks that name
    // one notification might send it twice.
    let task = redelivery_task_id(id);
    deliver(task, service, step, lane, &[id], now)
}

/// Returns the payload of a delivery task.
pub(crate) fn delivery_payload(ids: &[NotificationId], unknown_outcomes: u32) -> String {
    to_json(&Delivery {
        ids: ids.to_vec(),
        unknown_outcomes,
    })
}

/// Returns the id of the task that sends this notification alone.
pub(crate) fn redelivery_task_id(id: NotificationId) -> TaskId {
    Uuid::new_v5(&Uuid::nil(), format!("deliver {id} again").as_bytes()).into()
}

/// Returns a task that simulates the receipts of these notifications.
pub(crate) fn simulated_receipts(
    id: TaskId,
    service: ServiceId,
    ids: &[NotificationId],
    now: Timestamp,
) -> NewTask {
    NewTask {
        subjects: SubjectRange::of(ids.iter().copied()),
        ..new(
            id,
            RESEARCH_MODE,
            Lane::Normal,
            service,
            SIMULATED_RECEIPTS,
            &NotificationIds { ids: ids.to_vec() },
            now,
        )
    }
}

/// Returns a task that applies these receipts of text messages. Their services are not known yet, so the task belongs
/// to none.
pub(crate) fn sms_receipts(id: TaskId, receipts: Vec<SmsReceipt>, now: Timestamp) -> NewTask {
    let no_service = Uuid::nil().into();
    let payload = SmsReceipts { receipts };
    new(
        id,
        SMS_CALLBACKS,
        Lane::Normal,
        no_service,
        SMS_RECEIPTS,
        &payload,
        now,
    )
}

/// Returns a task that applies these receipts of e-mails.
pub(crate) fn email_receipts(id: TaskId, receipts: Vec<EmailReceipt>, now: Timestamp) -> NewTask {
    let no_service = Uuid::nil().into();
    let payload = EmailReceipts { receipts };
    new(
        id,
        SES_CALLBACKS,
        Lane::Normal,
        no_service,
        EMAIL_RECEIPTS,
        &payload,
        now,
    )
}

/// Returns a task that applies a receipt of a letter.
pub(crate) fn letter_receipt(id: TaskId, receipt: &LetterReceipt, now: Timestamp) -> NewTask {
    let no_service = Uuid::nil().into();
    new(
        id,
        LETTER_CALLBACKS,
        Lane::Normal,
        no_service,
        LETTER_RECEIPT,
        receipt,
        now,
    )
}

/// Returns the kind of the tasks that send callbacks of a kind.
pub(crate) const fn callback_task_kind(kind: CallbackKind) -> &'static str {
    match kind {
        CallbackKind::DeliveryStatus => SEND_DELIVERY_STATUS,
        CallbackKind::InboundSms => SEND_INBOUND_SMS,
        CallbackKind::ReturnedLetter => SEND_RETURNED_LETTER,
        CallbackKind::Complaint => SEND_COMPLAINT,
        CallbackKind::UnsubscribeRequest => SEND_UNSUBSCRIBE_REQUEST,
    }
}

/// Returns a task that sends callbacks to a service.
pub(crate) fn send_callbacks(
    id: TaskId,
    service: ServiceId,
    kind: CallbackKind,
    callbacks: &Callbacks,
    now: Timestamp,
) -> NewTask {
    NewTask {
        subjects: SubjectRange::of(callbacks.events.iter().map(|event| event.id)),
        ..new(
            id,
            SERVICE_CALLBACKS,
            Lane::Normal,
            service,
            callback_task_kind(kind),
            callbacks,
            now,
        )
    }
}

/// Returns a task that tells the people of a service that a callback is paused.
pub(crate) fn tell_of_paused_callback(
    id: TaskId,
    service: ServiceId,
    paused: &impl Serialize,
    now: Timestamp,
) -> NewTask {
    let kind = TELL_OF_PAUSED_CALLBACK;
    new(id, PERIODIC, Lane::Normal, service, kind, paused, now)
}

/// Returns a task that enqueues callbacks to a service again.
pub(crate) fn replay_callbacks(
    id: TaskId,
    service: ServiceId,
    replay: &impl Serialize,
    now: Timestamp,
) -> NewTask {
    new(
        id,
        SERVICE_CALLBACKS,
        // What happens now is told before what happened last week.
        Lane::Bulk,
        service,
        REPLAY_CALLBACKS,
        replay,
        now,
    )
}

/// Returns a task that records the letters with these references as returned, for any service.
pub(crate) fn returned_letters(id: TaskId, references: Vec<String>, now: Timestamp) -> NewTask {
    new(
        id,
        DATABASE,
        Lane::Normal,
        Uuid::nil().into(),
        RETURNED_LETTERS,
        &LetterReferences { references },
        now,
    )
}

/// Returns a task that claims the letters of a print run and hands them over. Its id is a function of the deadline, so a run
/// that is in the queue is not enqueued a second time.
pub(crate) fn collate_letters(deadline: Timestamp, now: Timestamp) -> NewTask {
    let name = format!("{COLLATE_LETTERS} {deadline}");
    new(
        Uuid::new_v5(&Uuid::nil(), name.as_bytes()).into(),
        PERIODIC,
        Lane::Normal,
        Uuid::nil().into(),
        COLLATE_LETTERS,
        &PrintRun { deadline },
        now,
    )
}

/// Returns the two tasks of a response file. They belong to no service.
pub(crate) fn response_file(
    name: &ResponseFileName,
    now: Timestamp,
    id: impl Fn(&'static str) -> TaskId,
) -> [NewTask; 2] {
    // Two tasks, so that old files can be counted again without touching statuses, and a fault of one leaves the other.
    [UPDATE_LETTER_STATUSES, RECORD_SORTED_COUNTS].map(|kind| {
        new(
            id(kind),
            NOTIFY_INTERNAL,
            Lane::Normal,
            Uuid::nil().into(),
            kind,
            name,
            now,
        )
    })
}

/// Returns a task that makes a zip of a batch of letters and puts it into a file drop. It is in the queue once.
pub(crate) fn zip_and_send(batch: Uuid, now: Timestamp) -> NewTask {
    let id = Uuid::new_v5(&batch, b"zip and send");
    new(
        id.into(),
        PROCESS_FTP,
        Lane::Normal,
        Uuid::nil().into(),
        ZIP_AND_SEND_LETTERS,
        &ZipPayload { batch },
        now,
    )
}

/// Returns a task that tells an address of a print provider how many letters to expect. `key` says which address and run, so
/// that it is in the queue once.
pub(crate) fn send_volumes(key: &str, volumes: &LetterVolumes, now: Timestamp) -> NewTask {
    let id = Uuid::new_v5(&Uuid::nil(), key.as_bytes());
    new(
        id.into(),
        NOTIFY_INTERNAL,
        Lane::Normal,
        Uuid::nil().into(),
        SEND_LETTER_VOLUMES,
        volumes,
        now,
    )
}

/// Returns a task that writes the rows of a job.
pub(crate) fn process_job(service: ServiceId, job: JobId, now: Timestamp) -> NewTask {
    of_job(PROCESS_JOB, "process", service, job, now)
}

/// Returns a task that writes the rows of a job that an audit found without a task.
pub(crate) fn process_incomplete_job(service: ServiceId, job: JobId, now: Timestamp) -> NewTask {
    of_job(PROCESS_INCOMPLETE_JOB, "process", service, job, now)
}

/// Returns a task that writes the missing rows of a finished job.
pub(crate) fn process_missing_rows(service: ServiceId, job: JobId, now: Timestamp) -> NewTask {
    of_job(PROCESS_MISSING_ROWS, "missing rows", service, job, now)
}

/// Returns a task about a job. Its id is a function of the job and the purpose, so it is in the queue once.
fn of_job(
    kind: &'static str,
    purpose: &str,
    service: ServiceId,
    job: JobId,
    now: Timestamp,
) -> NewTask {
    let id = Uuid::new_v5(&job.as_uuid(), purpose.as_bytes());
    NewTask {
        subjects: SubjectRange::of([job]),
        ..new(
            id.into(),
            JOBS,
            Lane::Normal,
            service,
            kind,
            &JobPayload { job },
            now,
        )
    }
}

/// Returns a task that deletes the notifications of a service and channel from before `before`.
pub(crate) fn delete_notifications(
    id: TaskId,
    service: ServiceId,
    channel: Channel,
    before: Timestamp,
    now: Timestamp,
) -> NewTask {
    let expired = ExpiredNotifications { channel, before };
    new(
        id,
        PERIODIC,
        Lane::Bulk,
        service,
        DELETE_NOTIFICATIONS,
        &expired,
        now,
    )
}

/// Returns a scheduled task. Its id is a function of its kind and time, so two processes enqueue it once.
pub(crate) fn periodic(kind: &'static str, at: Timestamp) -> NewTask {
    let name = Uuid::new_v5(&Uuid::nil(), format!("{kind} {at}").as_bytes());
    new(
        name.into(),
        PERIODIC,
        // Before the long deletions of this pool, which have the lane `bulk`.
        Lane::Priority,
        Uuid::nil().into(),
        kind,
        &serde_json::json!({}),
        at,
    )
}

fn new(
    id: TaskId,
    pool: &'static str,
    lane: Lane,
    service_id: ServiceId,
    kind: &'static str,
    payload: &impl Serialize,
    now: Timestamp,
) -> NewTask {
    NewTask {
        id,
        pool,
        lane,
        service_id,
        kind,
        payload: to_json(payload),
        subjects: None,
        attempt: 0,
        ready_at: now,
        created_at: now,
    }
}

fn to_json(payload: &impl Serialize) -> String {
    serde_json::to_string(payload).expect("ids are writable as JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_audits_enqueue_one_task_for_a_notification() {
        let again = |message: u128, at: i64| {
            let message = NotificationId::from_uuid(Uuid::from_u128(message));
            let (service, now) = (Uuid::nil().into(), Timestamp::from_unix_seconds(at));
            redeliver(service, Step::Sms, Lane::Normal, message, now).id
        };
        assert_eq!(again(1, 0), again(1, 5));
        assert_ne!(again(1, 0), again(2, 0));
    }

    #[test]
    fn a_delivery_task_has_few_notifications_and_few_bytes() {
        let sizes = |all: &[usize]| -> Vec<usize> {
            let notifications = all.iter().enumerate().map(|(index, size)| {
                let id = NotificationId::from_uuid(Uuid::from_u128(index as u128));
                (id, *size)
            });
            let batches = delivery_batches(notifications);
            let flat: Vec<_> = batches.iter().flatten().map(|id| id.as_uuid()).collect();
            assert_eq!(flat.len(), all.len());
            assert!(flat.is_sorted(), "in order");
            batches.iter().map(Vec::len).collect()
        };
        assert!(sizes(&[]).is_empty());
        assert_eq!(sizes(&[100; 250]), [100, 100, 50]);
        assert_eq!(sizes(&[MAX_TASK_BYTES / 2; 5]), [2, 2, 1]);
        assert_eq!(sizes(&[1, 3 * MAX_TASK_BYTES, 1]), [1, 1, 1]);
    }
}

//! Every kind of task, the workers that take it, and what it does: the table of contents of what happens later.
//!
//! Names on the wire are for ever: a kind carries its version, and a retired kind still decodes here and is dropped
//! with a warning.

mod payloads;
mod retry_policies;

use domain::{Channel, JobId, Lane, NotificationId, ServiceId, TaskId, Timestamp};
use queue::{NewTask, Pool, SubjectRange};
use serde::Serialize;
use uuid::Uuid;

pub use payloads::{CostThreshold, LetterReceipt, LetterReceiptStatus, SmsReceipt};
pub(crate) use payloads::{Delivery, Expired, Ids, OneJob, References, SmsReceipts};
pub(crate) use retry_policies::{
    EARLY_RECEIPT, LETTER_PDF, LETTER_SCAN, STORAGE_PAUSE, UNKNOWN_OUTCOME, retry, retry_periodic,
    retry_policy,
};

pub(crate) const DELIVER_EMAIL: &str = "deliver_email.v1";
pub(crate) const DELIVER_SMS: &str = "deliver_sms.v1";
pub(crate) const DELIVER_LETTER: &str = "deliver_letter.v1";
pub(crate) const PROCESS_JOB: &str = "process-job.v1";
pub(crate) const PROCESS_INCOMPLETE_JOB: &str = "process-incomplete-jobs.v1";
pub(crate) const PROCESS_MISSING_ROWS: &str = "process-missing-rows.v1";
pub(crate) const SMS_RECEIPTS: &str = "process-sms-client-response.v1";
pub(crate) const LETTER_RECEIPT: &str = "process-letter-callback.v1";
pub(crate) const SIMULATED_RECEIPTS: &str = "made-up-receipts.v1";
pub(crate) const RETURNED_LETTERS: &str = "process-returned-letters-list.v1";
/// The same, as versions before this one enqueued it.
pub(crate) const RETURNED_LETTERS_BEFORE: &str = "process-returned-letters.v1";
/// Fired by the clock.
pub(crate) const RUN_SCHEDULED_JOBS: &str = "run-scheduled-jobs.v1";
/// Fired by the clock.
pub(crate) const CHECK_JOB_STATUS: &str = "check-job-status.v1";
/// Fired by the clock.
pub(crate) const REPORT_OVERDUE_JOBS: &str = "tell-of-overdue-jobs.v1";
/// Fired by the clock.
pub(crate) const CHECK_FOR_MISSING_ROWS: &str = "check-for-missing-rows-in-completed-jobs.v1";
/// Fired by the clock.
pub(crate) const UPDATE_STATUS_OF_FULLY_PROCESSED_JOBS: &str =
    "update-status-of-fully-processed-jobs.v1";
/// Fired by the clock.
pub(crate) const REPLAY_CREATED_NOTIFICATIONS: &str = "replay-created-notifications.v1";
/// Fired by the clock: the same for the whole week.
pub(crate) const REPLAY_CREATED_THIS_WEEK: &str = "replay-created-notifications-this-week.v1";
/// Fired by the clock.
pub(crate) const TIMEOUT_SENDING: &str = "timeout-sending-notifications.v1";
/// Fired by the clock.
pub(crate) const DELETE_OLD_NOTIFICATIONS: &str = "delete-notifications-older-than-retention.v1";
pub(crate) const DELETE_NOTIFICATIONS: &str = "delete-notifications-for-service-and-type.v1";
/// Fired by the clock.
pub(crate) const REMOVE_JOB_FILES: &str = "remove_sms_email_jobs.v1";
/// Fired by the clock.
pub(crate) const DELETE_INBOUND_SMS: &str = "delete-inbound-sms.v1";
/// Fired by the clock.
pub(crate) const ARCHIVE_UNSUBSCRIBE_REQUESTS: &str = "archive-unsubscribe-requests.v1";
/// Fired by the clock.
pub(crate) const PREPARE_PARTITIONS: &str = "prepare-partitions.v1";
/// Fired by the clock.
pub(crate) const REMOVE_EXPIRED_DOCUMENTS: &str = "remove-expired-documents.v1";
/// Fired by the clock.
pub(crate) const REMOVE_IDEMPOTENCY_KEYS: &str = "remove-idempotency-keys.v1";

/// Notifications, or receipts, that share a task.
pub(crate) const MAX_TASK_IDS: usize = 100;
/// The stored bytes of the notifications that share a task, unless one alone has more: a worker reads all of them at once.
const MAX_TASK_BYTES: usize = 8 << 20;

pub(crate) const SEND_EMAIL: &str = "send-email-tasks";
pub(crate) const SEND_SMS: &str = "send-sms-tasks";
pub(crate) const SEND_LETTER: &str = "send-letter-tasks";
/// What keeps the rows of jobs.
pub(crate) const JOBS: &str = "job-tasks";
/// What hears the receipts of texts.
pub(crate) const SMS_CALLBACKS: &str = "sms-callbacks";
/// What hears the receipts of letters.
pub(crate) const LETTER_CALLBACKS: &str = "letter-callbacks";
/// What stores rows that others have listed: returned letters.
pub(crate) const DATABASE: &str = "database-tasks";
pub(crate) const RESEARCH_MODE: &str = "research-mode-tasks";
/// What the clock fires, and what is the platform's own.
pub(crate) const PERIODIC: &str = "periodic-tasks";

/// The pools of workers, by the names of the queues of `docs/spec/workers.md` §2, with how many tasks each works on at
/// once.
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
        name: JOBS,
        workers: 4,
    },
    Pool {
        name: SMS_CALLBACKS,
        workers: 2,
    },
    Pool {
        name: LETTER_CALLBACKS,
        workers: 2,
    },
    Pool {
        name: DATABASE,
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

/// The workers that hand over messages of this channel.
pub(crate) const fn delivery_pool(channel: Channel) -> &'static str {
    match channel {
        Channel::Email => SEND_EMAIL,
        Channel::Sms => SEND_SMS,
        Channel::Letter => SEND_LETTER,
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

/// Hand over these messages.
pub(crate) fn deliver(
    id: TaskId,
    service_id: ServiceId,
    channel: Channel,
    lane: Lane,
    ids: &[NotificationId],
    now: Timestamp,
) -> NewTask {
    let kind = match channel {
        Channel::Email => DELIVER_EMAIL,
        Channel::Sms => DELIVER_SMS,
        Channel::Letter => DELIVER_LETTER,
    };
    let delivery = Delivery {
        ids: ids.to_vec(),
        unknown_outcomes: 0,
    };
    NewTask {
        subjects: SubjectRange::of(ids.iter().copied()),
        ..new(
            id,
            delivery_pool(channel),
            lane,
            service_id,
            kind,
            &delivery,
            now,
        )
    }
}

/// Hand over a message that no task names. The task's id is a function of the message: of two who miss it at the same
/// moment one enqueues it, for two tasks that name one message might hand it over twice.
pub(crate) fn redeliver(
    service: ServiceId,
    channel: Channel,
    lane: Lane,
    id: NotificationId,
    now: Timestamp,
) -> NewTask {
    let name = redelivery_task_id(id);
    deliver(name, service, channel, lane, &[id], now)
}

/// Returns the payload of a delivery task.
pub(crate) fn delivery_payload(ids: &[NotificationId], unknown_outcomes: u32) -> String {
    to_json(&Delivery {
        ids: ids.to_vec(),
        unknown_outcomes,
    })
}

/// The id of the one task that hands over this message alone.
pub(crate) fn redelivery_task_id(id: NotificationId) -> TaskId {
    Uuid::new_v5(&Uuid::nil(), format!("deliver {id} again").as_bytes()).into()
}

/// Make up the receipts of these messages.
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
            &Ids { ids: ids.to_vec() },
            now,
        )
    }
}

/// Record these receipts of texts. Whose texts they are is found out then, so they use nobody's turn.
pub(crate) fn sms_receipts(id: TaskId, receipts: Vec<SmsReceipt>, now: Timestamp) -> NewTask {
    let nobody = Uuid::nil().into();
    let payload = SmsReceipts { receipts };
    new(
        id,
        SMS_CALLBACKS,
        Lane::Normal,
        nobody,
        SMS_RECEIPTS,
        &payload,
        now,
    )
}

/// Record this receipt of a letter.
pub(crate) fn letter_receipt(id: TaskId, receipt: &LetterReceipt, now: Timestamp) -> NewTask {
    let nobody = Uuid::nil().into();
    new(
        id,
        LETTER_CALLBACKS,
        Lane::Normal,
        nobody,
        LETTER_RECEIPT,
        receipt,
        now,
    )
}

/// Mark and record the letters with these references, whosever they are.
pub(crate) fn returned_letters(id: TaskId, references: Vec<String>, now: Timestamp) -> NewTask {
    new(
        id,
        DATABASE,
        Lane::Normal,
        Uuid::nil().into(),
        RETURNED_LETTERS,
        &References { references },
        now,
    )
}

/// Keep the rows of this job.
pub(crate) fn process_job(service: ServiceId, job: JobId, now: Timestamp) -> NewTask {
    of_job(PROCESS_JOB, "process", service, job, now)
}

/// Keep the rows of this job, which an auditor found. There is one task that processes a job, whoever asks for it.
pub(crate) fn process_incomplete_job(service: ServiceId, job: JobId, now: Timestamp) -> NewTask {
    of_job(PROCESS_INCOMPLETE_JOB, "process", service, job, now)
}

/// Keep the rows that this finished job lacks.
pub(crate) fn process_missing_rows(service: ServiceId, job: JobId, now: Timestamp) -> NewTask {
    of_job(PROCESS_MISSING_ROWS, "missing rows", service, job, now)
}

/// A task about a job. Its id is a function of the job and of what it is for, so that it is in the queue once.
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
            &OneJob { job },
            now,
        )
    }
}

/// Forget the messages of this service and channel from before `before`.
pub(crate) fn delete_notifications(
    id: TaskId,
    service: ServiceId,
    channel: Channel,
    before: Timestamp,
    now: Timestamp,
) -> NewTask {
    let expired = Expired { channel, before };
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

/// Something that the clock fires. Its id is a function of what it is and when: two clocks enqueue it once.
pub(crate) fn periodic(kind: &'static str, at: Timestamp) -> NewTask {
    let name = Uuid::new_v5(&Uuid::nil(), format!("{kind} {at}").as_bytes());
    new(
        name.into(),
        PERIODIC,
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
    fn two_who_miss_a_message_make_one_task_of_it() {
        let again = |message: u128, at: i64| {
            let message = NotificationId::from_uuid(Uuid::from_u128(message));
            let (service, now) = (Uuid::nil().into(), Timestamp::from_unix_seconds(at));
            redeliver(service, Channel::Sms, Lane::Normal, message, now).id
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

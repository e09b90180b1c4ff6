//! The kinds of tasks, with their pools, payloads and retry policies. Stored tasks carry the name of their kind, so a
//! kind is versioned and never renamed; a task of an unknown kind becomes a dead letter.

mod callbacks;
mod delivery;
mod jobs;
mod kinds;
mod letters;
mod payloads;
mod pools;
mod receipts;
mod retry_policies;
mod steps;

use domain::{Channel, Lane, ServiceId, TaskId, Timestamp};
use queue::NewTask;
use serde::Serialize;
use uuid::Uuid;

pub(crate) use callbacks::{
    callback_task_kind, replay_callbacks, send_callbacks, tell_of_paused_callback,
};
pub use delivery::merger;
pub(crate) use delivery::{
    deliver, delivery_batches, delivery_payload, redeliver, redelivery_task_id, simulated_receipts,
};
pub(crate) use jobs::{process_incomplete_job, process_job, process_missing_rows};
pub(crate) use kinds::*;
pub(crate) use letters::{
    collate_letters, response_file, returned_letters, send_volumes, zip_and_send,
};
pub(crate) use payloads::{
    CallbackEvent, Callbacks, Delivery, EmailReceipts, ExpiredNotifications, FixedEndpoint,
    JobPayload, LetterReferences, LetterVolumes, NotificationIds, PausedCallback, PrintRun,
    ResponseFileName, SmsReceipts, ZipPayload,
};
pub use payloads::{
    CostThreshold, EmailEvent, EmailReceipt, LetterReceipt, LetterReceiptStatus, MessageKey,
    SmsReceipt,
};
pub use pools::POOLS;
pub(crate) use pools::*;
pub(crate) use receipts::{email_receipts, letter_receipt, sms_receipts};
pub(crate) use retry_policies::{
    COMPLAINT, EARLY_RECEIPT, LETTER_PDF, LETTER_SCAN, RESPONSE_FILE_LOOK, STORAGE_PAUSE,
    UNKNOWN_OUTCOME, retry, retry_periodic, retry_policy,
};
pub(crate) use steps::Step;

/// Maximum number of notifications or receipts in one task.
pub(crate) const MAX_TASK_IDS: usize = 100;

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

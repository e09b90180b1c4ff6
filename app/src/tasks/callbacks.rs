//! Tasks that tell services, and the people of a service, what happened.

use domain::{CallbackKind, Lane, ServiceId, TaskId, Timestamp};
use queue::{NewTask, SubjectRange};
use serde::Serialize;

use super::{
    Callbacks, PERIODIC, REPLAY_CALLBACKS, SEND_COMPLAINT, SEND_DELIVERY_STATUS, SEND_INBOUND_SMS,
    SEND_RETURNED_LETTER, SEND_UNSUBSCRIBE_REQUEST, SERVICE_CALLBACKS, TELL_OF_PAUSED_CALLBACK,
    new,
};

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

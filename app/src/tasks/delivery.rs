//! Tasks that do a step of the delivery of notifications.

use std::sync::Arc;

use domain::{Lane, NotificationId, ServiceId, TaskId, Timestamp};
use queue::{LeasedTask, MergedWork, NewTask, SubjectRange, TaskMerger};
use uuid::Uuid;

use super::{
    Delivery, MAX_TASK_IDS, NotificationIds, RESEARCH_MODE, SEND_EMAIL, SEND_SMS,
    SIMULATED_RECEIPTS, Step, new, to_json,
};

/// The stored bytes of the notifications that share a task, unless one alone has more: a worker reads all of them at once.
const MAX_TASK_BYTES: usize = 8 << 20;
/// Length of the payload of about half a full task: from there on merging saves little, and looking for others costs as much.
const MAX_MERGED_PAYLOAD: usize = 2_000;

/// Divides notifications, each with its stored size, among delivery tasks.
pub(crate) fn delivery_batches(
    notifications: impl IntoIterator<Item = (NotificationId, usize)>,
) -> Vec<Delivery> {
    let mut batches: Vec<Delivery> = Vec::new();
    for (id, size) in notifications {
        let one = Delivery {
            bytes: Some(size),
            ..Delivery::of(&[id], 0)
        };
        match batches.last_mut() {
            Some(batch) if fits(batch, &one) => append(batch, one),
            _ => batches.push(one),
        }
    }
    batches
}

/// Returns whether one task may do the work of both.
fn fits(first: &Delivery, second: &Delivery) -> bool {
    let (Some(first_bytes), Some(second_bytes)) = (first.bytes, second.bytes) else {
        return false;
    };
    // A retry after an unknown outcome is counted for all notifications of a task.
    let is_first_call = first.unknown_outcomes == 0 && second.unknown_outcomes == 0;
    is_first_call
        && first.ids.len() + second.ids.len() <= MAX_TASK_IDS
        && first_bytes.saturating_add(second_bytes) <= MAX_TASK_BYTES
}

fn append(first: &mut Delivery, second: Delivery) {
    first.ids.extend(second.ids);
    first.bytes = first.bytes.zip(second.bytes).map(|(one, two)| one + two);
}

/// Merges deliveries of e-mails and text messages that came in singly.
#[derive(Debug)]
struct DeliveryMerger;

/// Returns what merges the tasks of this program as workers claim them.
pub fn merger() -> Arc<dyn TaskMerger> {
    Arc::new(DeliveryMerger)
}

impl TaskMerger for DeliveryMerger {
    fn is_mergeable(&self, task: &LeasedTask) -> bool {
        // Letters are made and printed a few at a time, so a larger batch of them would only take longer.
        [SEND_EMAIL, SEND_SMS].contains(&&*task.pool) && task.payload.len() < MAX_MERGED_PAYLOAD
    }

    fn merge(&self, payload: &str, others: &[&str]) -> Option<MergedWork> {
        let mut all: Delivery = serde_json::from_str(payload).ok()?;
        let mut count = 0;
        for other in others {
            // One that does not read becomes a dead letter of its own.
            match serde_json::from_str(other) {
                Ok(other) if fits(&all, &other) => append(&mut all, other),
                _ => break,
            }
            count += 1;
        }
        (count > 0).then(|| MergedWork {
            subjects: SubjectRange::of(all.ids.iter().copied()),
            payload: to_json(&all),
            others: count,
        })
    }
}

/// Returns a task that does a step of this delivery for a service.
pub(crate) fn deliver(
    id: TaskId,
    service_id: ServiceId,
    step: Step,
    lane: Lane,
    delivery: &Delivery,
    now: Timestamp,
) -> NewTask {
    NewTask {
        subjects: SubjectRange::of(delivery.ids.iter().copied()),
        ..new(
            id,
            step.pool(),
            lane,
            service_id,
            step.kind(),
            delivery,
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
    deliver(task, service, step, lane, &Delivery::of(&[id], 0), now)
}

/// Returns the payload of a delivery task.
pub(crate) fn delivery_payload(ids: &[NotificationId], unknown_outcomes: u32) -> String {
    to_json(&Delivery::of(ids, unknown_outcomes))
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
            let flat = batches.iter().flat_map(|batch| &batch.ids);
            let flat: Vec<_> = flat.map(|id| id.as_uuid()).collect();
            assert_eq!(flat.len(), all.len());
            assert!(flat.is_sorted(), "in order");
            batches.iter().map(|batch| batch.ids.len()).collect()
        };
        assert!(sizes(&[]).is_empty());
        assert_eq!(sizes(&[100; 250]), [100, 100, 50]);
        assert_eq!(sizes(&[MAX_TASK_BYTES / 2; 5]), [2, 2, 1]);
        assert_eq!(sizes(&[1, 3 * MAX_TASK_BYTES, 1]), [1, 1, 1]);
    }

    fn merged(first: &Delivery, others: &[&Delivery]) -> Option<(usize, usize)> {
        let others: Vec<String> = others.iter().map(to_json).collect();
        let others: Vec<&str> = others.iter().map(String::as_str).collect();
        let work = DeliveryMerger.merge(&to_json(first), &others)?;
        let all: Delivery = serde_json::from_str(&work.payload).unwrap();
        assert_eq!(work.subjects, SubjectRange::of(all.ids.iter().copied()));
        Some((work.others, all.ids.len()))
    }

    fn delivery(count: u128, bytes: Option<usize>) -> Delivery {
        let ids: Vec<NotificationId> = (0..count).map(|id| Uuid::from_u128(id).into()).collect();
        Delivery {
            bytes,
            ..Delivery::of(&ids, 0)
        }
    }

    #[test]
    fn deliveries_are_merged_up_to_a_full_task() {
        let one = delivery(1, Some(100));
        assert_eq!(merged(&one, &[&one, &one]), Some((2, 3)));
        let (ninety, ten) = (delivery(90, Some(9)), delivery(10, Some(1)));
        assert_eq!(merged(&ninety, &[&ten, &one]), Some((1, 100)));
        assert_eq!(merged(&ninety, &[&delivery(11, Some(1)), &one]), None);
        let half = delivery(1, Some(MAX_TASK_BYTES / 2));
        assert_eq!(merged(&half, &[&half, &half]), Some((1, 2)));
    }

    #[test]
    fn what_is_not_a_first_call_of_known_size_stays_alone() {
        let one = delivery(1, Some(100));
        let of_unknown_size = delivery(1, None);
        let called_before = Delivery {
            unknown_outcomes: 1,
            ..delivery(1, Some(100))
        };
        for other in [of_unknown_size, called_before] {
            assert_eq!(merged(&one, &[&other, &one]), None);
            assert_eq!(merged(&other, &[&one]), None);
        }
        assert_eq!(DeliveryMerger.merge(&to_json(&one), &["not JSON"]), None);
        assert_eq!(DeliveryMerger.merge("not JSON", &[&to_json(&one)]), None);
    }
}

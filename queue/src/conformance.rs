//! The suite that defines an adapter: whatever tasks come from, this is what a [`TaskSource`] does. The stories run it on
//! every database; an adapter is done when it passes.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use async_trait::async_trait;
use domain::{Lane, ServiceId, TaskId, Timestamp};
use store::tasks::{LeasedTask, NewTask};
use uuid::Uuid;

use crate::{ClaimLimits, TaskSource};

/// What the suite needs of an adapter.
#[async_trait]
pub trait Harness: Send + Sync {
    /// A source with an empty queue. Called once for each part of the suite.
    async fn empty(&self) -> Arc<dyn TaskSource>;
    /// Another worker's source over the same queue.
    async fn another(&self) -> Arc<dyn TaskSource>;
    /// Enqueues, as a committed transaction does.
    async fn enqueue(&self, tasks: Vec<NewTask>);
    /// The present moment of the source's clock.
    fn now(&self) -> Timestamp;
    /// Moves the source's clock on.
    fn advance(&self, by: Duration);
    /// How many dead letters there are.
    async fn count_dead(&self) -> u32;
}

const POOL: &str = "conformance";
const LEASE: Duration = Duration::from_secs(30);

/// Runs the whole suite.
pub async fn run(harness: &dyn Harness) {
    each_task_is_taken_once(harness).await;
    many_takers_at_once_never_get_the_same_task(harness).await;
    a_lease_that_runs_out_gives_the_task_to_another(harness).await;
    a_lease_that_is_renewed_keeps_the_task(harness).await;
    a_lost_lease_changes_nothing(harness).await;
    a_task_that_is_put_back_comes_again_with_its_delay_and_attempts(harness).await;
    a_buried_task_is_a_dead_letter(harness).await;
    a_delayed_task_is_not_ready(harness).await;
    lanes_come_in_order_and_none_starves(harness).await;
    services_take_turns(harness).await;
    room_limits_lanes_and_services(harness).await;
    pools_are_apart(harness).await;
    each_source_is_a_worker_of_its_own(harness).await;
}

fn task(harness: &dyn Harness, number: u128, service: u128, lane: Lane) -> NewTask {
    let now = harness.now();
    NewTask {
        id: TaskId::from_uuid(Uuid::from_u128(service << 64 | number)),
        pool: POOL,
        lane,
        service_id: ServiceId::from_uuid(Uuid::from_u128(service)),
        kind: "conformance.v1",
        payload: format!("{{\"number\":{number}}}"),
        attempt: 0,
        ready_at: now,
        created_at: now,
    }
}

fn normal(harness: &dyn Harness, count: u128, service: u128) -> Vec<NewTask> {
    (1..=count)
        .map(|number| task(harness, number, service, Lane::Normal))
        .collect()
}

async fn take(source: &dyn TaskSource, count: u32) -> Vec<LeasedTask> {
    source
        .claim(POOL, count, &ClaimLimits::uniform(count), LEASE)
        .await
        .expect("the queue answers")
}

async fn each_task_is_taken_once(harness: &dyn Harness) {
    let source = harness.empty().await;
    harness.enqueue(normal(harness, 10, 1)).await;
    let first = take(&*source, 6).await;
    let second = take(&*source, 100).await;
    assert_eq!(
        (first.len(), second.len(), take(&*source, 100).await.len()),
        (6, 4, 0)
    );
    let ids: BTreeSet<TaskId> = first.iter().chain(&second).map(|task| task.id).collect();
    assert_eq!(ids.len(), 10, "each once");
    let payload = &first[0].payload;
    assert!(
        payload.contains("number"),
        "the payload arrives as it was: {payload}"
    );
    for task in first.iter().chain(&second) {
        assert!(source.complete(task).await.expect("the queue answers"));
    }
    harness.advance(LEASE * 2);
    assert!(
        take(&*source, 100).await.is_empty(),
        "a finished task never comes again"
    );
}

async fn many_takers_at_once_never_get_the_same_task(harness: &dyn Harness) {
    let source = harness.empty().await;
    harness.enqueue(normal(harness, 60, 1)).await;
    let mut takers = Vec::new();
    for number in 0..8 {
        let source = if number == 0 {
            source.clone()
        } else {
            harness.another().await
        };
        takers.push(async move {
            let mut taken = Vec::new();
            loop {
                let more = take(&*source, 3).await;
                if more.is_empty() {
                    return taken;
                }
                taken.extend(more.into_iter().map(|task| task.id));
            }
        });
    }
    let taken: Vec<TaskId> = futures::future::join_all(takers)
        .await
        .into_iter()
        .flatten()
        .collect();
    let different: BTreeSet<&TaskId> = taken.iter().collect();
    assert_eq!(taken.len(), different.len(), "a task was taken twice");
    assert_eq!(different.len(), 60, "a task was taken by nobody");
}

async fn a_lease_that_runs_out_gives_the_task_to_another(harness: &dyn Harness) {
    let source = harness.empty().await;
    harness.enqueue(normal(harness, 1, 1)).await;
    let first = take(&*source, 1).await;
    harness.advance(LEASE / 2);
    assert!(
        take(&*harness.another().await, 1).await.is_empty(),
        "the lease holds"
    );
    harness.advance(LEASE);
    let second = take(&*harness.another().await, 1).await;
    assert_eq!(first[0].id, second[0].id);
    assert_ne!(
        first[0].lease, second[0].lease,
        "each lease has a token of its own"
    );
}

async fn a_lease_that_is_renewed_keeps_the_task(harness: &dyn Harness) {
    let source = harness.empty().await;
    harness.enqueue(normal(harness, 1, 1)).await;
    let taken = take(&*source, 1).await;
    for _ in 0..4 {
        harness.advance(LEASE * 2 / 3);
        let until = source
            .renew(&taken[0], LEASE)
            .await
            .expect("the queue answers");
        assert!(
            until.is_some_and(|until| until > harness.now()),
            "a lease that holds can be renewed"
        );
        assert!(
            take(&*harness.another().await, 1).await.is_empty(),
            "and nobody else gets the task"
        );
    }
}

async fn a_lost_lease_changes_nothing(harness: &dyn Harness) {
    let source = harness.empty().await;
    harness.enqueue(normal(harness, 1, 1)).await;
    let lost = take(&*source, 1).await.remove(0);
    harness.advance(LEASE * 2);
    let held = take(&*harness.another().await, 1).await.remove(0);

    assert_eq!(
        source.renew(&lost, LEASE).await.expect("the queue answers"),
        None
    );
    assert!(!source.complete(&lost).await.expect("the queue answers"));
    assert!(
        !source
            .release(&lost, harness.now(), 9)
            .await
            .expect("the queue answers")
    );
    assert!(
        !source
            .dead_letter(&lost, "no")
            .await
            .expect("the queue answers")
    );
    assert_eq!(harness.count_dead().await, 0);
    assert!(
        source
            .renew(&held, LEASE)
            .await
            .expect("the queue answers")
            .is_some(),
        "the holder does not notice"
    );
    assert!(source.complete(&held).await.expect("the queue answers"));
}

async fn a_task_that_is_put_back_comes_again_with_its_delay_and_attempts(harness: &dyn Harness) {
    let source = harness.empty().await;
    harness.enqueue(normal(harness, 1, 1)).await;
    let taken = take(&*source, 1).await.remove(0);
    let later = harness.now().plus(Duration::from_mins(5));
    assert!(
        source
            .release(&taken, later, taken.attempt + 1)
            .await
            .expect("the queue answers")
    );
    assert!(take(&*source, 1).await.is_empty(), "not before its time");
    harness.advance(Duration::from_mins(6));
    let again = take(&*source, 1).await.remove(0);
    assert_eq!(
        (again.id, again.attempt, &again.payload),
        (taken.id, 1, &taken.payload)
    );
}

async fn a_buried_task_is_a_dead_letter(harness: &dyn Harness) {
    let source = harness.empty().await;
    harness.enqueue(normal(harness, 1, 1)).await;
    let taken = take(&*source, 1).await.remove(0);
    assert!(
        source
            .dead_letter(&taken, "it cannot be done")
            .await
            .expect("the queue answers")
    );
    assert_eq!(harness.count_dead().await, 1);
    harness.advance(LEASE * 2);
    assert!(
        take(&*source, 1).await.is_empty(),
        "a dead letter does not come by itself"
    );
}

async fn a_delayed_task_is_not_ready(harness: &dyn Harness) {
    let source = harness.empty().await;
    let delayed = NewTask {
        ready_at: harness.now().plus(Duration::from_mins(1)),
        ..task(harness, 1, 1, Lane::Priority)
    };
    harness
        .enqueue(vec![delayed, task(harness, 2, 1, Lane::Priority)])
        .await;
    assert_eq!(take(&*source, 10).await.len(), 1);
    harness.advance(Duration::from_mins(2));
    assert!(
        take(&*source, 10)
            .await
            .iter()
            .any(|task| task.payload.contains(":1}")),
        "it comes when it is time"
    );
}

async fn lanes_come_in_order_and_none_starves(harness: &dyn Harness) {
    let source = harness.empty().await;
    let mut tasks = Vec::new();
    for number in 1..=40 {
        for (place, lane) in Lane::ALL.iter().rev().enumerate() {
            tasks.push(task(harness, number, 10 + place as u128, *lane));
        }
    }
    harness.enqueue(tasks).await;
    let mut order = Vec::new();
    for _ in 0..32 {
        order.extend(take(&*source, 1).await.into_iter().map(|task| task.lane));
    }
    let count = |lane| order.iter().filter(|taken| **taken == lane).count();
    assert!(
        count(Lane::Priority) > count(Lane::Normal),
        "priority goes first: {order:?}"
    );
    assert!(
        count(Lane::Normal) > count(Lane::Bulk),
        "then normal: {order:?}"
    );
    assert!(
        count(Lane::Bulk) >= 2,
        "and bulk does not starve: {order:?}"
    );
}

async fn services_take_turns(harness: &dyn Harness) {
    let source = harness.empty().await;
    harness.enqueue(normal(harness, 200, 5)).await;
    take(&*source, 3).await;
    harness.enqueue(normal(harness, 1, 2)).await;
    harness.enqueue(normal(harness, 1, 9)).await;
    let next: Vec<ServiceId> = take(&*source, 4)
        .await
        .iter()
        .map(|task| task.service_id)
        .collect();
    for small in [2, 9] {
        let service = ServiceId::from_uuid(Uuid::from_u128(small));
        assert!(
            next.contains(&service),
            "a service with one task waits for a service with many: {next:?}"
        );
    }
}

async fn room_limits_lanes_and_services(harness: &dyn Harness) {
    let source = harness.empty().await;
    harness.enqueue(normal(harness, 10, 1)).await;
    harness
        .enqueue(
            (1..=10)
                .map(|number| task(harness, number, 2, Lane::Bulk))
                .collect(),
        )
        .await;
    let room = ClaimLimits {
        lanes: [(Lane::Priority, 8), (Lane::Normal, 8), (Lane::Bulk, 2)].into(),
        per_service: 3,
        running: [(ServiceId::from_uuid(Uuid::from_u128(1)), 1)].into(),
    };
    let taken = source
        .claim(POOL, 8, &room, LEASE)
        .await
        .expect("the queue answers");
    let of = |service: u128| {
        taken
            .iter()
            .filter(|task| task.service_id.as_uuid().as_u128() == service)
            .count()
    };
    assert_eq!(
        (of(1), of(2)),
        (2, 2),
        "one in hand of three allowed; two of the lane"
    );
}

async fn pools_are_apart(harness: &dyn Harness) {
    let source = harness.empty().await;
    let elsewhere = NewTask {
        pool: "elsewhere",
        ..task(harness, 1, 1, Lane::Priority)
    };
    harness.enqueue(vec![elsewhere]).await;
    assert!(take(&*source, 10).await.is_empty());
    let taken = source
        .claim("elsewhere", 10, &ClaimLimits::uniform(10), LEASE)
        .await
        .expect("the queue answers");
    assert_eq!(taken.len(), 1);
}

async fn each_source_is_a_worker_of_its_own(harness: &dyn Harness) {
    let (one, other) = (harness.empty().await, harness.another().await);
    assert_ne!(
        one.worker(),
        other.worker(),
        "what a dead worker had in hand would be taken from a living one"
    );
    assert_eq!(one.worker(), one.worker());
}

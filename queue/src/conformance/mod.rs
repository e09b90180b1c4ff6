//! Test suite that defines a [`TaskSource`] adapter. The stories run it on every database; an adapter is done when it
//! passes.
//!
//! The promises are grouped by what they are about: claiming (here), leases, and fairness between services and lanes.

mod fairness;
mod leases;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use async_trait::async_trait;
use domain::{Lane, ServiceId, TaskId, Timestamp};
use store::tasks::{LeasedTask, NewTask};
use uuid::Uuid;

use crate::{ClaimLimits, TaskSource};

/// What the suite needs of an adapter.
#[async_trait]
pub trait Harness: Send + Sync {
    /// Returns a source over an empty queue. Called once for each promise.
    async fn empty(&self) -> Arc<dyn TaskSource>;
    /// Returns another worker's source over the same queue.
    async fn another(&self) -> Arc<dyn TaskSource>;
    /// Enqueues tasks as a committed transaction does.
    async fn enqueue(&self, tasks: Vec<NewTask>);
    /// Returns the current time of the sources' clock.
    fn now(&self) -> Timestamp;
    /// Advances the sources' clock.
    fn advance(&self, by: Duration);
    /// Returns the number of dead letters.
    async fn count_dead(&self) -> u32;
}

const POOL: &str = "conformance";
const LEASE: Duration = Duration::from_secs(30);

/// Runs the whole suite; panics at the first promise that the adapter breaks.
pub async fn run(harness: &dyn Harness) {
    each_task_is_claimed_once(harness).await;
    concurrent_workers_never_claim_the_same_task(harness).await;
    a_delayed_task_is_not_ready(harness).await;
    a_released_task_returns_with_its_delay_and_attempts(harness).await;
    a_dead_letter_does_not_return(harness).await;
    pools_are_separate(harness).await;
    each_source_is_a_worker_of_its_own(harness).await;
    leases::run(harness).await;
    fairness::run(harness).await;
}

/// A worker with its source, for which an error of the queue is a failure of the test.
struct Worker(Arc<dyn TaskSource>);

const ANSWERS: &str = "the queue answers";

impl Worker {
    async fn on_empty_queue(harness: &dyn Harness) -> Self {
        Self(harness.empty().await)
    }

    async fn another(harness: &dyn Harness) -> Self {
        Self(harness.another().await)
    }

    async fn claim(&self, count: u32) -> Vec<LeasedTask> {
        self.claim_within(count, &ClaimLimits::uniform(count)).await
    }

    async fn claim_one(&self) -> LeasedTask {
        self.claim(1).await.pop().expect("a task is ready")
    }

    async fn claim_within(&self, count: u32, limits: &ClaimLimits) -> Vec<LeasedTask> {
        self.claim_from(POOL, count, limits).await
    }

    async fn claim_from(&self, pool: &str, count: u32, limits: &ClaimLimits) -> Vec<LeasedTask> {
        let claimed = self.0.claim(pool, count, limits, LEASE).await;
        claimed.expect(ANSWERS)
    }

    async fn finds_nothing(&self) -> bool {
        self.claim(100).await.is_empty()
    }

    async fn renew(&self, task: &LeasedTask) -> Option<Timestamp> {
        self.0.renew(task, LEASE).await.expect(ANSWERS)
    }

    async fn complete(&self, task: &LeasedTask) -> bool {
        self.0.complete(task).await.expect(ANSWERS)
    }

    async fn release(&self, task: &LeasedTask, ready_at: Timestamp, attempt: u32) -> bool {
        let released = self.0.release(task, ready_at, attempt).await;
        released.expect(ANSWERS)
    }

    async fn dead_letter(&self, task: &LeasedTask, why: &str) -> bool {
        self.0.dead_letter(task, why).await.expect(ANSWERS)
    }
}

/// Returns a task that is ready now; `number` distinguishes the tasks of a service.
fn task(harness: &dyn Harness, number: u128, service: u128, lane: Lane) -> NewTask {
    let now = harness.now();
    NewTask {
        id: TaskId::from_uuid(Uuid::from_u128(service << 64 | number)),
        pool: POOL,
        lane,
        service_id: ServiceId::from_uuid(Uuid::from_u128(service)),
        kind: "conformance.v1",
        payload: format!("{{\"number\":{number}}}"),
        subjects: None,
        attempt: 0,
        ready_at: now,
        created_at: now,
    }
}

/// Returns `count` tasks of one service in the normal lane.
fn tasks(harness: &dyn Harness, count: u128, service: u128) -> Vec<NewTask> {
    (1..=count)
        .map(|number| task(harness, number, service, Lane::Normal))
        .collect()
}

async fn each_task_is_claimed_once(harness: &dyn Harness) {
    let worker = Worker::on_empty_queue(harness).await;
    harness.enqueue(tasks(harness, 10, 1)).await;
    let first = worker.claim(6).await;
    let second = worker.claim(100).await;
    assert_eq!((first.len(), second.len()), (6, 4));
    assert!(worker.finds_nothing().await, "nothing is left");

    let ids: BTreeSet<TaskId> = first.iter().chain(&second).map(|task| task.id).collect();
    assert_eq!(ids.len(), 10, "no task was claimed twice");
    let payload = &first[0].payload;
    assert!(payload.contains("number"), "the payload is kept: {payload}");

    for task in first.iter().chain(&second) {
        assert!(worker.complete(task).await);
    }
    harness.advance(LEASE * 2);
    assert!(
        worker.finds_nothing().await,
        "a completed task never returns"
    );
}

async fn concurrent_workers_never_claim_the_same_task(harness: &dyn Harness) {
    let mut workers = vec![Worker::on_empty_queue(harness).await];
    for _ in 0..7 {
        workers.push(Worker::another(harness).await);
    }
    harness.enqueue(tasks(harness, 60, 1)).await;
    let claims = workers.iter().map(|worker| async {
        let mut claimed = Vec::new();
        loop {
            let more = worker.claim(3).await;
            if more.is_empty() {
                return claimed;
            }
            claimed.extend(more.into_iter().map(|task| task.id));
        }
    });
    let claimed: Vec<TaskId> = futures::future::join_all(claims).await.concat();
    let different: BTreeSet<&TaskId> = claimed.iter().collect();
    assert_eq!(claimed.len(), different.len(), "a task was claimed twice");
    assert_eq!(different.len(), 60, "a task was never claimed");
}

async fn a_delayed_task_is_not_ready(harness: &dyn Harness) {
    let worker = Worker::on_empty_queue(harness).await;
    let delayed = NewTask {
        ready_at: harness.now().plus(Duration::from_mins(1)),
        ..task(harness, 1, 1, Lane::Priority)
    };
    let delayed_id = delayed.id;
    harness
        .enqueue(vec![delayed, task(harness, 2, 1, Lane::Priority)])
        .await;
    assert_eq!(worker.claim(10).await.len(), 1);
    harness.advance(Duration::from_mins(2));
    let ready = worker.claim(10).await;
    assert!(
        ready.iter().any(|task| task.id == delayed_id),
        "it is ready after its delay"
    );
}

async fn a_released_task_returns_with_its_delay_and_attempts(harness: &dyn Harness) {
    let worker = Worker::on_empty_queue(harness).await;
    harness.enqueue(tasks(harness, 1, 1)).await;
    let first = worker.claim_one().await;
    let later = harness.now().plus(Duration::from_mins(5));
    assert!(worker.release(&first, later, first.attempt + 1).await);
    assert!(worker.finds_nothing().await, "not before its time");

    harness.advance(Duration::from_mins(6));
    let second = worker.claim_one().await;
    assert_eq!((second.id, second.attempt), (first.id, 1));
    assert_eq!(second.payload, first.payload);
}

async fn a_dead_letter_does_not_return(harness: &dyn Harness) {
    let worker = Worker::on_empty_queue(harness).await;
    harness.enqueue(tasks(harness, 1, 1)).await;
    let task = worker.claim_one().await;
    assert!(worker.dead_letter(&task, "it cannot be done").await);
    assert_eq!(harness.count_dead().await, 1);
    harness.advance(LEASE * 2);
    assert!(worker.finds_nothing().await);
}

async fn pools_are_separate(harness: &dyn Harness) {
    let worker = Worker::on_empty_queue(harness).await;
    let elsewhere = NewTask {
        pool: "elsewhere",
        ..task(harness, 1, 1, Lane::Priority)
    };
    harness.enqueue(vec![elsewhere]).await;
    assert!(worker.finds_nothing().await);
    let limits = ClaimLimits::uniform(10);
    assert_eq!(worker.claim_from("elsewhere", 10, &limits).await.len(), 1);
}

async fn each_source_is_a_worker_of_its_own(harness: &dyn Harness) {
    let (one, other) = (harness.empty().await, harness.another().await);
    assert_ne!(
        one.worker(),
        other.worker(),
        "reclaiming the tasks of a dead worker would take those of a living one"
    );
    assert_eq!(one.worker(), one.worker(), "and it stays the same");
}
